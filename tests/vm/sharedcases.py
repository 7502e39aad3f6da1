"""Rows of the table of VM cases: shared disks that do not fit their cluster, and nodes that fail or lose each other."""

from __future__ import annotations

from tests.lab.tree import CLUSTERED
from tests.vm import shareddisks, sharedfaults
from tests.vm.case import Case
from tests.vm.checks import console, healthy, shared_and_private

LAST = r"this boot cannot go on"
BOTH = ("node1", "node2")

CASES = (
    Case("gfs2-wrong-table", "a GFS2 whose lock table is of another cluster: refused before corosync is started",
         conf=sharedfaults.OTHER_TABLE, suite=CLUSTERED, disks=shareddisks.gfs2,
         refuses=(LAST, r'is of cluster "lab", and cluster\.conf says "office"',
                  r"locktable=office:shared-root /dev/", r"LABEL=office:shared-root")),
    Case("ocfs2-wrong-stack", "an OCFS2 made for another cluster stack: refused, with the command that changes it",
         conf=shareddisks.OCFS2, suite=CLUSTERED, disks=sharedfaults.ocfs2_with((sharedfaults.STACK, b"pcmk")),
         refuses=(LAST, r'is made for the cluster stack "pcmk", not o2cb', r"--update=o2cb,lab,local /dev/")),
    Case("ocfs2-wrong-cluster", "an OCFS2 of another cluster: refused, with both names", conf=shareddisks.OCFS2, suite=CLUSTERED,
         disks=sharedfaults.ocfs2_with((sharedfaults.NAME, b"office\0")),
         refuses=(LAST, r'is of cluster "office", and cluster\.conf says "lab"', r"--update=o2cb,lab,local /dev/")),
    Case("ocfs2-few-slots", "an OCFS2 with room for one of two nodes: a warning, the second says why it waits, and gets the first's place",
         conf=shareddisks.OCFS2, suite=CLUSTERED, disks=sharedfaults.ocfs2_with((sharedfaults.SLOTS, b"\1\0")),
         checks=(shareddisks.installed, healthy,
                 console(r"warning: LABEL=shared-root has 1 slots, and the cluster 2 nodes: .*: tunefs\.ocfs2 -N 2 /dev/"),
                 sharedfaults.second_has_no_slot, healthy)),
    Case("ocfs2-global", "two nodes from one OCFS2 disk with the global heartbeat", nodes=BOTH, conf=sharedfaults.GLOBAL,
         suite=CLUSTERED, disks=sharedfaults.ocfs2_with(*sharedfaults.GLOBAL_DISK, conf=sharedfaults.GLOBAL),
         checks=(shareddisks.installed, healthy, shareddisks.are_mounted, sharedfaults.global_heartbeat, shared_and_private)),
    Case("ocfs2-reboot", "one of two OCFS2 nodes reboots while the other writes", nodes=BOTH, conf=shareddisks.OCFS2,
         suite=CLUSTERED, disks=shareddisks.ocfs2, reboots=True,
         checks=(shareddisks.installed, shareddisks.one_reboots_while_the_other_writes, healthy, sharedfaults.ocfs2_left_in_order)),
    Case("ocfs2-killed", "power loss of one OCFS2 node: its journal is recovered without fencing, nothing lost, it joins again",
         nodes=BOTH, conf=shareddisks.OCFS2, suite=CLUSTERED, disks=shareddisks.ocfs2,
         checks=(shareddisks.installed, shareddisks.ocfs2_one_is_killed_while_both_write, healthy, shared_and_private)),
    Case("gfs2-few-journals", "a GFS2 with two journals for three nodes: a warning, two boot, and the third says why it cannot",
         nodes=BOTH, conf=sharedfaults.THREE, suite=CLUSTERED, disks=sharedfaults.three,
         checks=(shareddisks.installed, healthy,
                 console(r"warning: LABEL=lab:shared-root has 2 journals, and the cluster 3 nodes: .*; gfs2_jadd -j 1 /"),
                 sharedfaults.third_has_no_journal, healthy)),
    Case("gfs2-same-nodeid", "a copy of a running GFS2 node, with its hardware address, is refused before it joins", nodes=BOTH,
         conf=shareddisks.GFS2, suite=CLUSTERED, disks=shareddisks.gfs2,
         checks=(shareddisks.installed, sharedfaults.copy_is_refused, healthy, shareddisks.gfs2_is_mounted)),
    Case("gfs2-corosync-refuses", "corosync does not take what cluster.conf says: its own words, at once",
         conf=sharedfaults.REFUSED_TOKEN, suite=CLUSTERED, disks=shareddisks.gfs2,
         refuses=(LAST, r"corosync does not start: parse error in config: The token timeout parameter \(20 ms\) may not",
                  r"correct <totem> in cluster\.conf")),
    # These have not been asked for a clean power-off of a node that has joined again.
    Case("gfs2-corosync-killed", "corosync of one GFS2 node is killed: the other fences it and goes on, and it joins again",
         nodes=BOTH, conf=shareddisks.FENCED, suite=CLUSTERED, disks=shareddisks.fenced, files=shareddisks.FENCES,
         extra=shareddisks.power, reboots=True, osr=False,
         checks=(shareddisks.installed, sharedfaults.corosync_is_killed, healthy)),
    Case("gfs2-split", "the network parts two GFS2 nodes: one of them survives, fences the other, and that joins again",
         nodes=BOTH, conf=sharedfaults.SPLIT, suite=CLUSTERED, disks=sharedfaults.split_disk, files=shareddisks.FENCES,
         extra=shareddisks.power, reboots=True, osr=False,
         checks=(shareddisks.installed, sharedfaults.split, healthy)),
)  # fmt: skip
