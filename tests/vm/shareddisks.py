"""Cases with a root that several nodes mount at once from one disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tests import project
from tests.lab import shared_disk
from tests.lab.lab import Lab, cluster_conf
from tests.lab.machine import Disk
from tests.vm import scenes
from tests.vm.case import UP, Booted, image_of, switch_on

ROOT = f"LABEL={shared_disk.LABEL}"
OCFS2 = cluster_conf(fstype="ocfs2", root=ROOT)
GFS2_ROOT = f"LABEL={shared_disk.CLUSTER}:{shared_disk.LABEL}"
# An emulated machine beside others may be silent for longer than corosync's own 3 s.
QUORUM = '  <cman two_node="1" expected_votes="1"/>\n  <totem token="30000"/>\n'
# Debian empties /tmp at every boot. What of it another node has open then keeps the booting one from unmounting later.
_TMP = '<filesystem source="tmpfs" dest="/tmp" fstype="tmpfs" mountopts="mode=1777,nosuid,nodev"/>'
GFS2 = (
    cluster_conf(fstype="gfs2", root=GFS2_ROOT)
    .replace("  <clusternodes>", f"{QUORUM}  <clusternodes>")
    .replace("      </com_info>", f"        <filesystems>{_TMP}</filesystems>\n      </com_info>")
)
# A fence agent as fence agents are: words on standard input. What it has in its hand is the other machine's monitor.
AGENT = b"""#!/bin/sh
delay=0
while read -r line; do
    case $line in
        port=*) port=${line#*=} ;;
        delay=*) delay=${line#*=} ;;
    esac
done
sleep "$delay"
exec 3<> "/dev/virtio-ports/power.$port" || exit 1
# The end of the file: no machine is behind it any more. Otherwise the monitor's greeting, or what it said before.
read -r -t 5 line <&3
[ $? -eq 1 ] && exit 0
echo system_reset >&3
read -r -t 10 line <&3
"""
FENCES = {"usr/sbin/fence_lab": AGENT}
_POWER = '<fencedevice name="power" agent="fence_lab"/>'
FENCED = re.sub(
    r'(<clusternode name="(\w+)".*)',
    r'\1<fence><method name="1"><device name="power" port="\2"/></method></fence>',
    GFS2.replace("  <clusternodes>", f"  <fencedevices>{_POWER}</fencedevices>\n  <clusternodes>"),
)


def power(name: str) -> tuple[str, ...]:
    """Let the other node switch this one off: each has a port that is the other's monitor."""
    other = {"node1": "node2", "node2": "node1"}[name]
    return (
        "-chardev", f"socket,id=mine,path={name}.power,server=on,wait=off", "-mon", "chardev=mine,mode=readline",
        "-chardev", f"socket,id=other,path={other}.power,server=off,reconnect=1",
        "-device", f"virtserialport,chardev=other,name=power.{other}",
    )  # fmt: skip


PAUSE = 20.0
"""seconds that a node may be unable to write while another leaves; a dead one would be waited for without end"""


def ocfs2(lab: Lab) -> tuple[Disk, ...]:
    """One OCFS2 for all nodes, and what is to be installed on it."""
    return with_project(lab, shared_disk.ocfs2(lab.tree), OCFS2)


def gfs2(lab: Lab) -> tuple[Disk, ...]:
    """One GFS2 for all nodes, and what is to be installed on it."""
    return with_project(lab, shared_disk.gfs2(lab.tree), GFS2)


def fenced(lab: Lab) -> tuple[Disk, ...]:
    """The same for nodes with fence devices."""
    return with_project(lab, shared_disk.gfs2(lab.tree), FENCED, FENCES)


def with_project(lab: Lab, base: Path, conf: str, files: Mapping[str, bytes] | None = None) -> tuple[Disk, ...]:
    """A copy of a shared disk for the nodes, and what is to be installed on it as a second disk."""
    tar = lab.directory / "project.tar"
    tar.write_bytes(project.tar(lab.tree, {**(files or {}), project.CLUSTER_CONF: conf.encode()}))
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
    case = booted.case
    booted.nodes["node2"] = switch_on(booted.lab, case, "node2", image_of(case), booted.node.spec.disks)


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
    other.run(f"cat > /run/osr-writer.py <<'END'\n{_WRITER}END")
    other.run("systemd-run -q --unit=writer python3 /run/osr-writer.py")
    scenes.reboot(booted)
    other.run("touch /run/osr-enough; while systemctl is-active -q writer; do sleep 0.2; done", timeout=60)
    pause = float(other.run("cat /root/osr-writer || ! journalctl -b -o cat -u writer"))
    assert pause < PAUSE, f"the other node could not write for {pause:.0f} s"


# Every record that fsync has promised is told to the host, by the console.
_RECORDS = """
import os, sys, time
file = os.open("/root/osr-records-" + sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
for number in range(10 ** 6):
    os.write(file, b"%06d\\n" % number)
    os.fsync(file)
    print("<5>promised %06d" % number, file=open("/dev/kmsg", "w"))
    time.sleep(0.05)
    if os.path.exists("/run/osr-enough"):
        break
"""


def both_write(booted: Booted) -> None:
    """Start a writer on every node, and wait until each has been promised some records."""
    for name, node in booted.nodes.items():
        node.run(f"cat > /run/osr-records.py <<'END'\n{_RECORDS}END\nsystemd-run -q python3 /run/osr-records.py {name}")
    for node in booted.nodes.values():
        node.console.wait_for(r"promised 0000[2-9]\d", UP)


def goes_on(booted: Booted, name: str, *, nothing_lost_of: Mapping[str, int]) -> None:
    """The node has written further records since it was asked; what others were promised, by node, is there."""
    node = booted.nodes[name]
    further = f"{promised(node.console.text) + 5:06d}"
    node.run(f"while ! grep -q {further} /root/osr-records-{name}; do sleep 0.2; done", timeout=200)
    node.run("touch /run/osr-enough")
    for other, number in nothing_lost_of.items():
        there = node.run(f"cat /root/osr-records-{other}")
        assert f"{number:06d}" in there, f"record {number} of {other} was promised and is lost"


def one_is_killed_while_both_write(booted: Booted) -> None:
    """Power loss of a node: the other fences it, recovers its journal, and goes on; nothing promised is lost."""
    _one_is_killed(booted, r"remove member 1(?s:.*)Replaying journal")
    assert "fence result 1" in booted.nodes["node2"].run("dlm_tool dump"), "the node was not fenced"
    _comes_back(booted)


def ocfs2_one_is_killed_while_both_write(booted: Booted) -> None:
    """The same of an OCFS2 node, which nobody has to fence: its heartbeat on the disk has stopped."""
    _one_is_killed(booted, r"ocfs2: Begin replay journal \(node 1,(?s:.*)ocfs2: End replay journal \(node 1,")
    _comes_back(booted)


def _one_is_killed(booted: Booted, recovered: str) -> None:
    both_write(booted)
    one, two = booted.nodes["node1"], booted.nodes["node2"]
    one.kill()
    two.console.wait_for(recovered, UP)
    goes_on(booted, "node2", nothing_lost_of={"node1": promised(one.console.text)})


def _comes_back(booted: Booted) -> None:
    disks = booted.nodes["node1"].spec.disks
    booted.nodes["node1"] = switch_on(booted.lab, booted.case, "node1", image_of(booted.case), disks)
    booted.nodes["node1"].wait_up(UP)


def promised(text: str) -> int:
    """Return the last record that a console promises."""
    return max(map(int, re.findall(r"promised (\d{6})\b", text)))


def left_in_order(booted: Booted) -> None:
    """The node that stayed has seen the other leave, and never taken it for dead."""
    log = booted.nodes["node2"].run("journalctl -b -o cat -t corosync")
    assert "Members left: 1" in log, log
    assert "Failed to receive the leave message" not in log, log
    assert "fence" not in booted.nodes["node2"].run("dlm_tool ls")


KEY = bytes(range(256))
"""what corosync-keygen would have made"""
SECRET_FILES = {"etc/corosync/authkey": KEY, "etc/dracut.conf.d/osr.conf": b'osr_secrets="yes"\n'}
CRYPTO = GFS2.replace("<totem ", '<totem crypto_cipher="aes256" crypto_hash="sha256" ')


def crypto(lab: Lab) -> tuple[Disk, ...]:
    """One GFS2 for nodes that talk encrypted."""
    return with_project(lab, shared_disk.gfs2(lab.tree), CRYPTO)


def talk_is_encrypted(booted: Booted) -> None:
    """corosync has the key from the image, where nobody but root can read it, and says what it encrypts with."""
    for node in booted.nodes.values():
        assert node.run("stat -c %a:%U /run/osr/services/etc/corosync/authkey") == "400:root\n"
        assert "totem.crypto_cipher (str) = aes256" in node.run("corosync-cmapctl totem.crypto_cipher")


# Its own unit is masked, since the lab's /var/lib is one for both nodes when they boot; this one is like it.
UNIT = "cp /usr/lib/systemd/system/pacemaker.service /run/systemd/system/our-pacemaker.service"


def pacemaker_uses_the_services(booted: Booted) -> None:
    """The running system's pacemaker finds the corosync of the initrd, and both nodes in it.

    What it keeps below /var/lib is each node's own: here in memory, otherwise a CDSL.
    """
    for node in booted.nodes.values():
        node.run("cp -a /var/lib/pacemaker /run/own && mount --bind /run/own /var/lib/pacemaker")
        node.run(f"{UNIT} && systemctl daemon-reload && systemctl start our-pacemaker", timeout=180)
    for node in booted.nodes.values():
        node.run("until crm_mon -1 | grep -q 'Online: \\[ node1 node2 \\]'; do sleep 0.5; done", timeout=240)
        assert node.run("pgrep -c -x @corosync").strip() == "1"
