"""OCFS2: its stack, and what its disk says of its cluster."""

from __future__ import annotations

import struct

import pytest

from osr_boot import compiled, plan
from osr_boot.cluster import find, o2cb
from osr_boot.commands import status
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, ConfigError, OsrError
from osr_boot.filesystems.ocfs2 import CheckOcfs2, superblock
from osr_boot.model import Cluster, Cmdline, Nic, Node, O2cb, Volume

REGION = "77D95EF51C0149D2823674FCC162CF8B"


def node(number: int, *addresses: str, host: str = "") -> Node:
    nic = Nic("eth0", f"52:54:00:00:00:0{number}", addresses[0], more=addresses[1:])
    return Node(f"node{number}", number, (nic,), Volume("LABEL=root", "ocfs2"), hostname=host)


CLUSTER = Cluster("demo", nodes=(node(1, "10.0.0.1/24"), node(2, "fd00::2/64", "10.0.0.2/24", host="two")))
CONFIG = """cluster:
\tnode_count = 2
\tname = demo

node:
\tip_port = 7777
\tip_address = 10.0.0.1
\tnumber = 1
\tname = node1
\tcluster = demo

node:
\tip_port = 7777
\tip_address = 10.0.0.2
\tnumber = 2
\tname = two
\tcluster = demo
"""


def start(cluster: Cluster) -> o2cb.StartO2cb:
    (operation,) = o2cb.plan(cluster, Cmdline())
    assert isinstance(operation, o2cb.StartO2cb)
    return operation


def test_a_stack_that_this_version_cannot_start_is_named() -> None:
    with pytest.raises(ConfigError, match='cannot start the cluster stack "pcmk"'):
        find("pcmk")


def test_the_kernel_is_told_the_nodes() -> None:
    system = Dry({"/sys/kernel/config/cluster/": ""})
    start(CLUSTER).execute(system)
    assert system.files["/etc/ocfs2/cluster.conf"] == CONFIG
    assert system.ran == [("modprobe", "-a", *o2cb.MODULES), ("o2cb", "register-cluster", "demo")]


def test_configfs_is_mounted_if_nobody_has() -> None:
    system = Dry()
    start(CLUSTER).execute(system)
    assert system.ran[1] == ("mount", "-t", "configfs", "configfs", "/sys/kernel/config")


def test_a_global_heartbeat_and_timeouts() -> None:
    stack = O2cb((REGION,), dead_threshold=61, idle_timeout_ms=60_000)
    system = Dry({"/sys/kernel/config/cluster/": ""})
    operation = start(Cluster("demo", nodes=CLUSTER.nodes, o2cb=stack))
    operation.execute(system)
    text = system.files["/etc/ocfs2/cluster.conf"]
    assert text.startswith("cluster:\n\tnode_count = 2\n\theartbeat_mode = global\n\tname = demo\n")
    assert text.endswith(f"\nheartbeat:\n\tcluster = demo\n\tregion = {REGION}\n")
    assert system.files["/sys/kernel/config/cluster/demo/heartbeat/dead_threshold"] == "61\n"
    assert system.files["/sys/kernel/config/cluster/demo/idle_timeout_ms"] == "60000\n"
    assert "/sys/kernel/config/cluster/demo/keepalive_delay_ms" not in system.files
    assert system.ran[-1] == ("o2cb", "start-heartbeat", "demo")
    assert "with the heartbeat on 1 disks" in operation.describe()


def test_what_o2cb_refuses_is_said() -> None:
    failed = CommandFailed("x", status=1, output="o2cb: Internal logic failure while registering")
    with pytest.raises(OsrError, match="^o2cb register-cluster: o2cb: Internal logic failure") as caught:
        start(CLUSTER).execute(Dry({"/sys/kernel/config/cluster/": ""}, answers={"o2cb": failed}))
    assert "ocfs2-tools" in caught.value.hint


def test_members_are_those_that_o2cb_can_know() -> None:
    others = (node(3, "dhcp"), node(4, "fd00::4/64"), Node("big", 255, (Nic("eth0", "x", "10.0.0.9/24"),)))
    cluster = Cluster("demo", nodes=(*CLUSTER.nodes, *others))
    assert [(one.nodeid, address) for one, address in o2cb.members(cluster)] == [(1, "10.0.0.1"), (2, "10.0.0.2")]
    assert o2cb.peers(cluster, cluster.nodes[0]) == ("10.0.0.2",)


def test_the_stack_is_in_the_plan_after_the_disk_is_looked_at_and_the_host_name_set() -> None:
    made = plan.make(CLUSTER.nodes[0], Cmdline(), because="", cluster=CLUSTER)
    kinds = [type(operation).__name__ for operation in made.stages["root"]]
    assert kinds == ["SetHostname", "FindDisk", "CheckOcfs2", "StartO2cb", "MountDevice", "CheckRoot"]
    assert "WaitCarrier" in [type(operation).__name__ for operation in made.stages["network"]]
    assert plan.needs_cluster(CLUSTER.nodes[0], Cmdline())
    assert not plan.needs_cluster(CLUSTER.nodes[0], Cmdline(root="nfs:10.0.0.9:/r"))


def test_the_running_system_does_not_end_whatever_uses_the_root() -> None:
    made = plan.make(CLUSTER.nodes[0], Cmdline(), because="", cluster=CLUSTER)
    written = dict(file for operation in made.stages["handover"] for file in operation.files())
    for unit in ("o2cb", "ocfs2"):  # their stop is fuser -km and, with a root that is mounted, a failure
        assert written[f"/run/systemd/system/{unit}.service.d/00-osr.conf"] == "[Service]\nExecStop=\n"


def test_settings_travel_in_the_image() -> None:
    cluster = Cluster("demo", nodes=CLUSTER.nodes, o2cb=O2cb((REGION,), reconnect_delay_ms=3000))
    assert compiled.load(compiled.dump(cluster)) == cluster
    assert '"o2cb"' not in compiled.dump(CLUSTER)


def disk(
    block: int = 1024, *, stack: bytes = b"o2cb", cluster: bytes = b"demo", slots: int = 4, flags: int = 0
) -> bytes:
    """The beginning of an OCFS2 as mkfs.ocfs2 1.8.7 writes it, as far as it is looked at."""
    data = bytearray(3 * block)
    data[2 * block : 2 * block + 6] = b"OCFSV2"
    struct.pack_into("<H", data, 2 * block + 0xC0 + 0x40, slots)
    struct.pack_into("4sB3x16s", data, 2 * block + 0xC0 + 0xA0, stack, flags, cluster)
    return bytes(data)


@pytest.mark.parametrize("block", [512, 1024, 2048, 4096])
def test_superblock(block: int) -> None:
    assert superblock(disk(block)) == ("o2cb", "demo", 4, "local")
    assert superblock(disk(block, flags=1)) == ("o2cb", "demo", 4, "global")


@pytest.mark.parametrize("data", [b"", disk()[:2100], disk().replace(b"OCFSV2", b"XXXXXX"), b"OCFSV2" * 1000])
def test_no_superblock(data: bytes) -> None:
    with pytest.raises(ValueError, match="no OCFS2"):
        superblock(data)


def check(data: bytes, heartbeat: str = "local") -> tuple[str, list[str]]:
    system = Dry({"/dev/disk/by-label/root": data.decode("ascii")})
    return CheckOcfs2("LABEL=root", "demo", 2, heartbeat).execute(system), system.said


def test_a_disk_of_this_cluster() -> None:
    assert check(disk()) == ("4 slots", [])
    assert check(disk(stack=b"", cluster=b"")) == ("4 slots", [])


def test_too_few_slots_are_a_warning() -> None:
    said = "LABEL=root has 1 slots, and the cluster 2 nodes: not all can have it at once"
    mend = "with it mounted nowhere: tunefs.ocfs2 -N 2 /dev/disk/by-label/root"
    assert check(disk(slots=1)) == ("1 slots", [f"warning: {said}; {mend}"])


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"x" * 9000, "there is no OCFS2 on LABEL=root", "`blkid`"),
        (disk(stack=b"pcmk"), 'is made for the cluster stack "pcmk", not o2cb', "o2cluster --update=o2cb,demo,local"),
        (disk(cluster=b"other"), 'is of cluster "other", and cluster.conf says "demo"', "correct the name"),
    ],
)
def test_a_disk_of_another(data: bytes, message: str, hint: str) -> None:
    with pytest.raises(OsrError, match=message) as caught:
        check(data)
    assert hint in caught.value.hint


@pytest.mark.parametrize(("flags", "disks", "ours"), [(0, "local", "global"), (1, "global", "local")])
def test_a_disk_for_another_heartbeat(flags: int, disks: str, ours: str) -> None:
    assert check(disk(flags=flags), disks) == ("4 slots", [])
    with pytest.raises(OsrError, match=f"is made for the {disks} heartbeat, and cluster.conf names") as caught:
        check(disk(flags=flags), ours)
    assert f"o2cluster --update=o2cb,demo,{ours} /dev/disk/by-label/root" in caught.value.hint


def test_what_the_running_stack_says() -> None:
    below = "/sys/kernel/config/cluster/demo"
    files = {f"{below}/node/node1/num": "1", f"{below}/node/node2/num": "2", f"{below}/heartbeat/{REGION}/dev": "vda"}
    system = Dry({**files, f"{below}/heartbeat/dead_threshold": "31"})
    assert list(o2cb.status(system)) == [("o2cb", "cluster demo: nodes node1, node2; heartbeat on 1 disks")]


@pytest.mark.parametrize(
    ("mounts", "words"),
    [
        ("/dev/sda / ocfs2 rw 0 0\n/dev/sdb /data ocfs2 rw 0 0\n", ["o2cb"]),
        ("10.0.0.1:/r / nfs4 rw 0 0\n/dev/sdb /data ocfs2 rw 0 0\n", ["o2cb"]),
        ("10.0.0.1:/r / nfs4 rw 0 0\ntmpfs /run tmpfs rw 0 0\nsystemd-1 /x autofs rw 0 0\n", []),
    ],
)
def test_status_knows_the_stack_of_whatever_is_mounted(mounts: str, words: list[str]) -> None:
    system = Dry({"/proc/self/mounts": mounts, "/sys/kernel/config/cluster/lab/node/node1/": ""})
    assert [word for word, _ in status._cluster(system)] == words
