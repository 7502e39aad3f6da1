"""Cases with a root that several nodes mount at once from one disk."""

from __future__ import annotations

from pathlib import Path

from tests import project
from tests.lab import shared_disk
from tests.lab.lab import Lab, cluster_conf
from tests.lab.machine import Disk
from tests.vm import scenes
from tests.vm.case import UP, Booted, image_of

ROOT = f"LABEL={shared_disk.LABEL}"
OCFS2 = cluster_conf(fstype="ocfs2", root=ROOT)
GFS2_ROOT = f"LABEL={shared_disk.CLUSTER}:{shared_disk.LABEL}"
# An emulated machine beside others may be silent for longer than corosync's own 3 s.
QUORUM = '  <cman two_node="1" expected_votes="1"/>\n  <totem token="30000"/>\n'
GFS2 = cluster_conf(fstype="gfs2", root=GFS2_ROOT).replace("  <clusternodes>", f"{QUORUM}  <clusternodes>")
PAUSE = 20.0
"""seconds that a node may be unable to write while another leaves; a dead one would be waited for without end"""


def ocfs2(lab: Lab) -> tuple[Disk, ...]:
    """One OCFS2 for all nodes, and what is to be installed on it."""
    return _disks(lab, shared_disk.ocfs2(lab.tree), OCFS2)


def gfs2(lab: Lab) -> tuple[Disk, ...]:
    """One GFS2 for all nodes, and what is to be installed on it."""
    return _disks(lab, shared_disk.gfs2(lab.tree), GFS2)


def _disks(lab: Lab, base: Path, conf: str) -> tuple[Disk, ...]:
    tar = lab.directory / "project.tar"
    tar.write_bytes(project.tar(lab.tree, {project.CLUSTER_CONF: conf.encode()}))
    with tar.open("ab") as file:
        file.truncate(-(-file.tell() // (1 << 20)) << 20)
    return (
        shared_disk.copy(base, lab.directory / "shared.raw"),
        Disk(tar, "raw", shared=True),
    )


def installed(booted: Booted) -> None:
    """The first node installs the project for all of them."""
    booted.node.run("tar --extract --no-same-owner --keep-directory-symlink -C / < /dev/vdb; sync", timeout=120)


def are_mounted(booted: Booted) -> None:
    """Every node has the one disk as its root, with its own slot."""
    for node in booted.nodes.values():
        assert node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/vda", "ocfs2"]
    slots = booted.node.run("cat /sys/fs/ocfs2/cluster_stack; ls /sys/kernel/config/cluster/lab/node").split()
    assert slots == ["o2cb", *sorted(booted.nodes)], slots


def gfs2_is_mounted(booted: Booted) -> None:
    """Every node has the one disk as its root, and the running system's tools know both."""
    for node in booted.nodes.values():
        assert node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/vda", "gfs2"]
        quorum = node.run("corosync-quorumtool -s")
        assert "Quorate:          Yes" in quorum, quorum
        assert "members       1 2" in node.run("dlm_tool ls")
        assert node.run("systemctl is-active corosync dlm").split() == ["active", "active"]
        assert node.run("pgrep -c -x @corosync").strip() == "1"
        status = node.run("osr status")
        assert "quorum   yes: nodes 1, 2\nlocks    lockspace shared-root: nodes 1, 2\njournal  " in status, status


def second_comes_late(booted: Booted) -> None:
    """One node alone waits and says for whom; it goes on when the other comes."""
    booted.node.console.wait_for(r"waiting for the quorum since 20 s; missing: node2", UP)
    image, disks = image_of(booted.case), booted.node.spec.disks
    booted.nodes["node2"] = booted.lab.node("node2", image, booted.case.append, disks=disks)


_WRITER = """
import os, time
file = os.open("/root/osr-writer", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
last, longest = time.monotonic(), 0.0
while not os.path.exists("/run/osr-enough"):
    now = time.monotonic()
    longest, last = max(longest, now - last), now
    os.pwrite(file, b"%.1f\\n" % longest, 0)
    os.fsync(file)
    time.sleep(0.1)
"""


def one_reboots_while_the_other_writes(booted: Booted) -> None:
    """A node that reboots leaves: the other goes on writing, and it comes back as itself."""
    other = booted.nodes["node2"]
    other.run(f"printf '{_WRITER}' > /run/osr-writer.py; systemd-run -q --unit=writer python3 /run/osr-writer.py")
    scenes.reboot(booted)
    other.run("touch /run/osr-enough; while systemctl is-active -q writer; do sleep 0.2; done", timeout=60)
    pause = float(other.run("cat /root/osr-writer"))
    assert pause < PAUSE, f"the other node could not write for {pause:.0f} s"


def left_in_order(booted: Booted) -> None:
    """The node that stayed has seen the other leave, and never taken it for dead."""
    log = booted.nodes["node2"].run("journalctl -b -o cat -t corosync")
    assert "Members left: 1" in log, log
    assert "Failed to receive the leave message" not in log, log
    assert "fence" not in booted.nodes["node2"].run("dlm_tool ls")
