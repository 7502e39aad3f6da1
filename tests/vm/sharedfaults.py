"""Cases with a shared disk that does not fit its cluster, and with nodes that fail or lose each other."""

from __future__ import annotations

from collections.abc import Callable

from tests.lab import shared_disk
from tests.lab.lab import MACS, Lab
from tests.lab.machine import Disk, Machine
from tests.vm.case import UP, Booted, image_of, must_power_off, switch_on
from tests.vm.shareddisks import FENCED, FENCES, GFS2, GFS2_ROOT, OCFS2, both_write, goes_on, promised, with_project

OTHER_TABLE = GFS2.replace('name="lab"', 'name="office"')
# With the lab's 30 s a split would have to last for more than a minute.
SPLIT = FENCED.replace('token="30000"', 'token="8000"')
# Source: struct ocfs2_super_block in fs/ocfs2/ocfs2_fs.h of the kernel. mkfs gives a disk of 4 GB blocks of 4096 bytes.
_OCFS2_BLOCK = 2 * 4096
SLOTS, UUID, STACK, FLAGS, NAME = 0x40, 0x90, 0xA0, 0xA4, 0xA8
REGION = "0A51B2C3D4E5F60718293A4B5C6D7E8F"
GLOBAL = OCFS2.replace("  <clusternodes>", f'  <o2cb regions="{REGION}"/>\n  <clusternodes>')
GLOBAL_DISK = ((UUID, bytes.fromhex(REGION)), (FLAGS, b"\1"))
THIRD = "52:54:00:77:00:03"
# A third node, whose place among the journals is missing; two of three have the quorum.
THREE = GFS2.replace('  <cman two_node="1" expected_votes="1"/>\n', "").replace(
    "  </clusternodes>",
    f"""    <clusternode name="node3" nodeid="3" votes="1">
      <com_info>
        <rootvolume fstype="gfs2" name="{GFS2_ROOT}"/>
        <eth name="eth0" mac="{THIRD}" ip="10.77.0.13" mask="255.255.255.0" gateway="10.77.0.1"/>
      </com_info>
    </clusternode>
  </clusternodes>""",
)
REFUSED_TOKEN = GFS2.replace('token="30000"', 'token="20"')


def split_disk(lab: Lab) -> tuple[Disk, ...]:
    """One GFS2 for nodes that notice a split sooner."""
    return with_project(lab, shared_disk.gfs2(lab.tree), SPLIT, FENCES)


def ocfs2_with(*values: tuple[int, bytes], conf: str = OCFS2) -> Callable[[Lab], tuple[Disk, ...]]:
    """Return what makes an OCFS2 whose superblock has these values at these places; it has no checksums."""

    def make(lab: Lab) -> tuple[Disk, ...]:
        disks = with_project(lab, shared_disk.ocfs2(lab.tree), conf)
        with disks[0].path.open("r+b") as disk:
            disk.seek(_OCFS2_BLOCK)
            assert disk.read(6) == b"OCFSV2", "the superblock is elsewhere"
            for at, value in values:
                disk.seek(_OCFS2_BLOCK + 0xC0 + at)
                disk.write(value)
        return disks

    return make


def ocfs2_left_in_order(booted: Booted) -> None:
    """The node that stayed has seen the other leave and come again, and never taken it for dead."""
    log = booted.nodes["node2"].run("dmesg")
    _, left, after = log.partition("o2dlm: Node 1 leaves domain")
    assert left, log
    assert "o2dlm: Node 1 joins domain" in after, log
    assert "replay journal" not in log, log


def corosync_is_killed(booted: Booted) -> None:
    """A node whose corosync dies is fenced by the other, which goes on writing, and joins again."""
    both_write(booted)
    one, two = booted.nodes["node1"], booted.nodes["node2"]
    one.run("kill -9 $(cat /run/corosync.pid)")
    one.console.wait_for(r"dlm: dlm user daemon left 1 lockspaces", 60)
    status = one.run("osr status")
    assert "quorum   no: corosync does not answer\nlocks    dlm_controld does not answer\n" in status, status
    two.console.wait_for(r"remove member 1(?s:.*)Replaying journal", UP)
    _starts_again(one)
    goes_on(booted, "node2", nothing_lost_of={"node1": promised(one.console.text)})
    assert "fence result 1" in two.run("dlm_tool dump"), "the node was not fenced"
    one.wait_up(UP)
    assert _starts(two) == 1, "both were fenced"


def split(booted: Booted) -> None:
    """The network parts the nodes, with both links up: the first ends the second before that can end the first."""
    both_write(booted)
    one, two = booted.nodes["node1"], booted.nodes["node2"]
    port = booted.server.run(f"bridge fdb show br br0 | grep -m 1 {MACS['node2']}").split()[2]
    booted.server.run(f"ip link set {port} nomaster")
    one.console.wait_for(r"remove member 2(?s:.*)Replaying journal", UP)
    _starts_again(two)
    booted.server.run(f"ip link set {port} master br0 up")
    goes_on(booted, "node1", nothing_lost_of={"node2": promised(two.console.text)})
    two.wait_up(UP)
    assert _starts(one) == 1, "both were fenced"


def _starts(node: Machine) -> int:
    return node.console.text.count("] Linux version")


def _starts_again(node: Machine) -> None:
    """Wait until the kernel has begun once more; `promised` are then all records of the life before."""
    node.console.wait_for(r"\] Linux version", UP)


def three(lab: Lab) -> tuple[Disk, ...]:
    """One GFS2 with two journals, for three nodes."""
    return with_project(lab, shared_disk.gfs2(lab.tree), THREE)


def third_has_no_journal(booted: Booted) -> None:
    """The node for which there is no journal says so; the others are not disturbed."""
    console = _third(booted, "node3", THIRD).console
    console.wait_for(r"mount LABEL=lab:shared-root: attempt 1: .*", UP)


def copy_is_refused(booted: Booted) -> None:
    """A machine with node 1's hardware address comes while node 1 runs: it says so, and touches nothing."""
    copy = _third(booted, "copy", MACS["node1"])
    copy.console.wait_for(r"10\.77\.0\.11, .*a copy of this machine", UP)
    copy.console.wait_for(r"this boot cannot go on", 10)
    assert "start corosync" not in copy.console.text, "it went on to the cluster"
    copy.kill()


def _third(booted: Booted, name: str, mac: str, append: str = "") -> Machine:
    """Switch on a machine beside the nodes."""
    image, disks = image_of(booted.case), booted.node.spec.disks
    return booted.lab.node(name, image, f"{booted.case.append} {append}", macs=(mac,), disks=disks)


def global_heartbeat(booted: Booted) -> None:
    """The heartbeat is the region that cluster.conf names, not the mount's own."""
    for node in booted.nodes.values():
        below = "/sys/kernel/config/cluster/lab/heartbeat"
        assert node.run(f"cat {below}/mode").strip() == "global"
        assert REGION in node.run(f"ls {below}").split()
        assert "o2cb     cluster lab: nodes node1, node2; heartbeat on 1 disks" in node.run("osr status")


def second_has_no_slot(booted: Booted) -> None:
    """The second node says that there is no room; the first is not disturbed, and leaves its room to it."""
    case, one = booted.case, booted.node
    two = switch_on(booted.lab, case, "node2", image_of(case), one.spec.disks)
    two.console.wait_for(r"mount LABEL=shared-root: attempt 1: .*error 22", UP)
    two.console.wait_for(r"hint: `dmesg` has the reason; `no free slots available`", 10)
    one.run("echo goes on > /root/osr-test && sync", timeout=60)
    must_power_off(booted, "node1")
    two.wait_up(UP)
    del booted.nodes["node1"]
    booted.nodes["node2"] = two
