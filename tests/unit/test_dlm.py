"""GFS2: its stack, and what its disk says of its cluster."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from osr_boot import clusterconf, compiled, explain, plan, requires
from osr_boot.cluster import corosync, dlm
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.filesystems.gfs2 import CheckGfs2, superblock
from osr_boot.model import Cluster, Cmdline, Fence, Nic, Node, Volume
from osr_boot.ops import to_json
from osr_boot.ops.services import MakeServiceRoot, StartService
from osr_boot.value import replace
from tests.unit.command import GOOD


def node(number: int, *addresses: str, votes: int = 1) -> Node:
    nic = Nic("eth0", f"52:54:00:00:00:0{number}", addresses[0], more=addresses[1:])
    return Node(f"node{number}", number, (nic,), Volume("LABEL=demo:root", "gfs2"), votes=votes)


CLUSTER = Cluster("demo", nodes=(node(1, "10.0.0.1/24"), node(2, "fd00::2/64", "10.0.0.2/24", votes=2)), two_node=True)
CONFIG = """totem {
    version: 2
    cluster_name: demo
    transport: knet
}
nodelist {
    node {
        ring0_addr: 10.0.0.1
        name: node1
        nodeid: 1
    }
    node {
        ring0_addr: 10.0.0.2
        name: node2
        nodeid: 2
        quorum_votes: 2
    }
}
quorum {
    provider: corosync_votequorum
    two_node: 1
    wait_for_all: 1
}
logging {
    to_stderr: yes
    to_logfile: no
    to_syslog: yes
}
"""
# as corosync-quorumtool 3.1.7 prints it
STATUS = """Quorum information
------------------
Date:             Mon Nov 23 22:00:00 2026
Quorum provider:  corosync_votequorum
Nodes:            {count}
Node ID:          1
Ring ID:          1.5
Quorate:          {quorate}

Votequorum information
----------------------
Expected votes:   2
Highest expected: 2
Total votes:      {count}
Quorum:           1 Activity blocked
Flags:            2Node WaitForAll

Membership information
----------------------
    Nodeid      Votes Name
         1          1 10.0.0.1 (local)
"""
ALONE = CommandFailed("x", status=corosync.NOT_QUORATE, output=STATUS.format(count=1, quorate="No"))
RUNS = {"/proc/77/comm": "@corosync\n"}
BOTH = STATUS.format(count=2, quorate="Yes") + "         2          1 10.0.0.2\n"


def test_corosync_is_told_the_nodes() -> None:
    assert corosync.configuration(CLUSTER, tuple(corosync.members(CLUSTER))) == CONFIG


def test_what_cman_expected_is_not_passed_on() -> None:
    cluster = Cluster("demo", nodes=CLUSTER.nodes, expected_votes=1)
    text = corosync.configuration(cluster, tuple(corosync.members(cluster)))
    assert "expected_votes" not in text
    assert "two_node" not in text


def test_settings_of_totem_win() -> None:
    cluster = Cluster("demo", nodes=CLUSTER.nodes, totem=("transport udpu", "token 3000"))
    text = corosync.configuration(cluster, tuple(corosync.members(cluster)))
    assert "    transport: udpu\n    token: 3000\n}" in text
    assert "knet" not in text


def test_members_have_addresses_of_one_family() -> None:
    six = Cluster("demo", nodes=(node(1, "10.0.0.1/24", "fd00::1/64"), node(2, "fd00::2/64"), node(3, "dhcp")))
    assert [address for _, address in corosync.members(six)] == ["fd00::1", "fd00::2"]
    assert dlm.peers(CLUSTER, CLUSTER.nodes[0]) == ("10.0.0.2",)


def wait(system: Dry, timeout: int = 0) -> str:
    return corosync.WaitQuorum((("node1", 1), ("node2", 2)), timeout).execute(system)


def test_a_quorum_that_is_there() -> None:
    system = Dry(answers={"corosync-quorumtool": BOTH})
    assert wait(system) == "2 of 2 nodes"
    assert system.said == []


def test_who_is_missing_is_said_every_ten_seconds_and_the_boot_goes_on_when_they_come() -> None:
    system = Dry(answers={"corosync-quorumtool": ALONE}, deadline=1)

    def come(machine: Dry) -> None:
        if machine.clock > 25:
            machine.answers["corosync-quorumtool"] = BOTH

    system.on_pause = come
    assert wait(system) == "2 of 2 nodes"
    assert system.said == [f"waiting for the quorum since {seconds} s; missing: node2" for seconds in (0, 10, 20)]


def test_corosync_may_only_have_begun() -> None:
    begun = CommandFailed("x", status=1, output="Cannot initialize QUORUM service")
    system = Dry(RUNS, answers={"corosync-quorumtool": begun})
    system.on_pause = lambda machine: machine.answers.update({"corosync-quorumtool": BOTH})
    assert wait(system) == "2 of 2 nodes"
    assert system.said == ["waiting for the quorum since 0 s; corosync does not answer yet"]


def test_a_corosync_that_has_ended_is_not_waited_for() -> None:
    system = Dry({"/proc/7/comm": "corosync\n", "/proc/sys/": ""})
    system.answers = {"corosync-quorumtool": CommandFailed("x", status=1), "journalctl": "Could not open the port\n"}
    with pytest.raises(OsrError, match="^corosync has ended: Could not open the port$") as caught:
        wait(system)
    assert "journalctl -b -t corosync" in caught.value.hint
    assert system.clock == 0


def test_what_keeps_corosync_from_the_others_is_said_while_they_are_missing() -> None:
    words = "udp: Unable to bind listener socket: Address already in use"
    system = Dry(answers={"corosync-quorumtool": ALONE, "journalctl": f"{words}\n"})
    with pytest.raises(OsrError, match="no quorum after 5 s"):
        wait(system, timeout=5)
    assert system.said == [f"waiting for the quorum since 0 s; missing: node2; corosync says: {words}"]


def test_a_timeout_names_who_is_missing() -> None:
    system = Dry(answers={"corosync-quorumtool": ALONE})
    with pytest.raises(OsrError, match="^no quorum after 30 s; missing: node2$"):
        wait(system, timeout=30)
    assert 30 <= system.clock < 31


def test_the_root_of_the_services() -> None:
    programs = {"/usr/sbin/corosync": "c", "/usr/bin/dlm_tool": "d"}
    system = Dry({"/etc/osr/services.list": "\n".join([*programs, ""]), **programs})
    operation = MakeServiceRoot("/run/s", "size=1m", ("corosync",), ((corosync.CONFIG, "text"),))
    assert operation.execute(system) == "2 files"
    assert system.ran == [("mount", "-t", "tmpfs", "-o", "size=1m", "osr-services", "/run/s")]
    # systemd spares a process whose name begins with "@"
    assert system.files["/run/s/usr/sbin/@corosync"] == "c"
    assert system.files["/run/s/usr/bin/dlm_tool"] == "d"
    assert system.files["/run/s/etc/corosync/corosync.conf"] == "text"


def test_every_boot_says_who_cannot_be_fenced() -> None:
    fenced = Fence("ipmi", "fence_ipmilan", 1, ("ipaddr=10.0.0.5",))
    one, two = CLUSTER.nodes
    some = replace(CLUSTER, nodes=(replace(one, fences=(fenced,)), two))
    made = plan.make(one, Cmdline(), because="", warnings=("x",), cluster=some)
    assert made.warnings == ("x", "no fencing of node2: one that fails is waited for until `dlm_tool fence_ack ID`")
    assert "warning: no fencing of node2" in "\n".join(explain.plan_lines(made))
    lacking = replace(
        some, nodes=tuple(replace(node, fences=(replace(fenced, left_out=("passwd",)),)) for node in (one, two))
    )
    (line,) = dlm.warnings(lacking)
    assert line.startswith("this image lacks what ends node1, node2: fencing fails")
    assert list(dlm.warnings(replace(some, nodes=(some.nodes[0],)))) == []
    many = replace(CLUSTER, nodes=tuple(Node(f"n{number}", number) for number in range(5)))
    assert next(dlm.warnings(many)).startswith("no fencing of n0, n1, n2 and 2 more: ")


CRYPTO = ("crypto_cipher aes256", "crypto_hash sha256")


def test_encryption_needs_a_key_and_a_library_by_which_nothing_else_of_it_is_needed() -> None:
    secret = replace(CLUSTER, totem=CRYPTO)
    text = corosync.configuration(secret, tuple(corosync.members(secret)))
    assert "    crypto_cipher: aes256\n    crypto_hash: sha256\n    crypto_model: openssl\n" in text
    needs = requires.of(secret).as_text()
    assert "plugin kronosnet/crypto_openssl.so\n" in needs
    assert "secret /etc/corosync/authkey\n" in needs
    assert "crypto" not in corosync.configuration(CLUSTER, tuple(corosync.members(CLUSTER)))
    assert "authkey" not in requires.of(CLUSTER).as_text()
    assert "authkey" not in requires.of(None).as_text()


def test_a_key_that_is_not_in_the_image_is_named_before_anything_is_done() -> None:
    first = next(iter(dlm.plan(replace(CLUSTER, totem=CRYPTO), Cmdline())))
    assert isinstance(first, MakeServiceRoot)
    system = Dry({"/etc/osr/services.list": ""})
    with pytest.raises(OsrError, match="the key /etc/corosync/authkey is not in this image") as caught:
        first.execute(system)
    assert "docs/security.md" in caught.value.hint
    assert system.ran == []
    system.files[corosync.KEY] = "secret"
    first.execute(system)
    assert system.files["/run/osr/services/etc/corosync/authkey"] == "secret"
    assert "secret" not in json.dumps(to_json(first))


def test_a_daemon_leaves_the_unit_that_it_was_started_in() -> None:
    system = Dry({"/run/corosync.pid": "77\n", "/sys/fs/cgroup/cgroup.procs": ""})
    assert StartService("/run/s", "corosync", (), "/run/corosync.pid", "").execute(system) == "process 77"
    assert system.files["/sys/fs/cgroup/cgroup.procs"] == "77\n"


COROSYNC = StartService("/run/s", "corosync", (), "/run/corosync.pid", "")


def test_a_daemon_that_does_not_begin_is_named() -> None:
    system = Dry(RUNS)
    with pytest.raises(OsrError, match="corosync has started, and does not write /run/corosync.pid"):
        COROSYNC.execute(system)
    assert system.clock >= 20


# as corosync 3.1.7 writes it
REFUSED = """Nov 24 02:01:46.193 notice  [MAIN  ] Corosync Cluster Engine 3.1.7 starting up
Nov 24 02:01:46.201 error   [MAIN  ] parse error in config: The token timeout parameter (20 ms) may not be less
Nov 24 02:01:46.201 error   [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1445."""


@pytest.mark.parametrize(
    ("output", "journal", "said"),
    [
        (REFUSED, "", r"corosync does not start: parse error in config: The token timeout .* may not be less$"),
        ("sh: x\nchroot: no such file", "", "corosync does not start: chroot: no such file$"),
        ("", "no such module\n", "corosync does not start: no such module$"),
        ("", "", "corosync does not start: exit status 8$"),
    ],
)
def test_why_a_daemon_does_not_start(output: str, journal: str, said: str) -> None:
    failed = CommandFailed("exit status 8", status=8, output=output)
    with pytest.raises(OsrError, match=said) as caught:
        COROSYNC.execute(Dry(answers={"unshare": failed, "journalctl": journal}))
    assert ("correct <totem>" if output == REFUSED else "journalctl -b -t corosync") in caught.value.hint


def test_a_daemon_that_ends_at_once_is_not_waited_for() -> None:
    system = Dry(RUNS, answers={"journalctl": CommandFailed("not found", status=127)})
    system.on_pause = lambda machine: machine.remove("/proc/77/comm")
    with pytest.raises(OsrError, match="^corosync has ended$"):
        COROSYNC.execute(system)
    assert system.clock < 1


def test_the_plan_looks_at_the_disk_before_it_joins() -> None:
    made = plan.make(CLUSTER.nodes[0], Cmdline(), because="", cluster=CLUSTER)
    kinds = [type(operation).__name__ for operation in made.stages["root"]]
    services = ["MakeServiceRoot", "StartService", "WaitQuorum", "StartService"]
    assert kinds == ["SetHostname", "FindDisk", "CheckGfs2", *services, "MountDevice", "CheckRoot"]
    assert plan.needs_cluster(CLUSTER.nodes[0], Cmdline())
    written = dict(file for operation in made.stages["handover"] for file in operation.files())
    for unit in ("corosync", "dlm"):
        assert "ExecStart=\nExecStart=/bin/true\n" in written[f"/run/systemd/system/{unit}.service.d/00-osr.conf"]


def disk(
    *, protocol: bytes = b"lock_dlm", table: bytes = b"demo:root", journals: int = 2, name: bytes = b"jindex"
) -> bytes:
    """The beginning of a GFS2 as mkfs.gfs2 3.5.0 writes it, as far as it is looked at: its directory in block 17."""
    size = 4096
    data = bytearray(19 * size)
    struct.pack_into(">I", data, 65536, 0x01161970)
    struct.pack_into(">I", data, 65536 + 36, size)
    struct.pack_into(">Q", data, 65536 + 56, 17)
    struct.pack_into("64s64s", data, 65536 + 96, protocol, table)
    at = 17 * size + 232
    for entry, block in ((b".", 17), (name, 18)):
        struct.pack_into(">8xQIHH", data, at, block, 0, 48, len(entry))
        data[at + 40 : at + 40 + len(entry)] = entry
        at += 48
    struct.pack_into(">I", data, 18 * size + 148, journals + 2)
    return bytes(data)


def check(data: bytes) -> tuple[str, list[str]]:
    system = Dry({"/dev/disk/by-label/demo:root": data.decode(errors="surrogateescape")})
    return CheckGfs2("LABEL=demo:root", "demo", 2).execute(system), system.said


def test_a_disk_of_this_cluster() -> None:
    assert check(disk()) == ("lock table demo:root, 2 journals", [])


def test_too_few_journals_are_a_warning() -> None:
    said = "LABEL=demo:root has 1 journals, and the cluster 2 nodes: not all can have it at once"
    mend = "gfs2_jadd -j 1 / where it is mounted"
    assert check(disk(journals=1)) == ("lock table demo:root, 1 journals", [f"warning: {said}; {mend}"])


@pytest.mark.parametrize("data", [b"", disk()[:65600], b"x" * 80000, disk(name=b"others"), disk()[: 18 * 4096]])
def test_no_gfs2(data: bytes) -> None:
    with pytest.raises(OsrError, match="there is no GFS2 on LABEL=demo:root"):
        check(data)


def test_no_block_size_leads_out_of_bounds() -> None:
    data = bytearray(disk())
    struct.pack_into(">I", data, 65536 + 36, 0xFFFFFFFF)
    with pytest.raises(OsrError, match="there is no GFS2"):
        check(bytes(data))
    assert superblock(disk()[65536:])[2] == 4096


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (disk(protocol=b"lock_nolock"), 'the lock protocol "lock_nolock"', "tunegfs2 -o lockproto=lock_dlm"),
        (disk(table=b"other:root"), 'is of cluster "other", and cluster.conf says "demo"', "locktable=demo:root"),
    ],
)
def test_a_disk_of_another(data: bytes, message: str, hint: str) -> None:
    with pytest.raises(OsrError, match=message) as caught:
        check(data)
    assert hint in caught.value.hint


def test_the_label_of_a_disk_goes_with_its_lock_table() -> None:
    system = Dry({"/dev/disk/by-label/other:root": disk(table=b"other:root").decode(errors="surrogateescape")})
    with pytest.raises(OsrError) as caught:
        CheckGfs2("LABEL=other:root", "demo", 2).execute(system)
    assert caught.value.hint.endswith(
        "locktable=demo:root /dev/disk/by-label/other:root; the disk is LABEL=demo:root then"
    )


def test_totem_of_cluster_conf_reaches_corosync() -> None:
    totem = b'<totem transport="udpu" token="3000" keyfile="/x"/>'
    cluster, _ = clusterconf.parse(Path(GOOD).read_bytes().replace(b"<clusternodes>", totem + b"<clusternodes>"))
    assert cluster.totem == ("transport udpu", "token 3000")
    assert compiled.load(compiled.dump(cluster)).totem == cluster.totem


# as dlm_tool 4.2.0 prints it
LOCKSPACES = """dlm lockspaces
name          shared-root
id            0x3f5ad2b4
flags         0x00000000
change        member 2 joined 1 remove 0 failed 0 seq 2,2
members       1 2

"""


def test_what_the_running_services_say() -> None:
    files = {"/sys/fs/gfs2/demo:root/lock_module/jid": "1\n"}
    system = Dry(files, answers={"corosync-quorumtool": BOTH, "dlm_tool ls": LOCKSPACES})
    said = [
        ("quorum", "yes: nodes 1, 2"),
        ("locks", "lockspace shared-root: nodes 1, 2"),
        ("journal", "1 of demo:root"),
    ]
    assert list(dlm.status(system)) == said


def test_a_dead_corosync_is_said() -> None:
    dead = CommandFailed("x", status=1, output="Cannot initialize QUORUM service")
    gone = CommandFailed("can't connect to dlm_controld", status=1)
    said = [("quorum", "no: corosync does not answer"), ("locks", "dlm_controld does not answer")]
    assert list(dlm.status(Dry(answers={"corosync-quorumtool": dead, "dlm_tool": gone}))) == said


def test_the_wait_for_others_is_no_reason_to_give_the_disk_up() -> None:
    system = Dry(answers={"corosync-quorumtool": ALONE}, deadline=150)
    system.on_pause = lambda m: m.answers.update({"corosync-quorumtool": BOTH}) if m.clock > 400 else None
    wait(system)
    assert system.deadline - system.clock == pytest.approx(150)


def fenced(*fences: Fence, two_node: bool = True) -> Cluster:
    first, second = CLUSTER.nodes
    nodes = (replace(first, fences=fences), replace(second, fences=(Fence("b", "fence_b", options=("port=2",)),)))
    return replace(CLUSTER, nodes=nodes, two_node=two_node)


def test_without_a_fence_device_nobody_is_ended_who_was_never_there() -> None:
    assert dlm.configuration(CLUSTER) == "enable_startup_fencing=0\n"


def test_devices_in_their_order_and_of_two_nodes_the_first_ends_later() -> None:
    cluster = fenced(
        Fence("a", "fence_a", 1, ("port=1",)), Fence("b", "fence_b", 1, ("delay=9",)), Fence("c", "fence_c", 2)
    )
    assert dlm.configuration(cluster).splitlines() == [
        "device node1-1:1 fence_a port=1 delay=5", "connect node1-1:1 node=1", "",
        "device node1-1:2 fence_b delay=9", "connect node1-1:2 node=1", "",
        "device node1-2 fence_c delay=5", "connect node1-2 node=1", "",
        "device node2-1 fence_b port=2", "connect node2-1 node=2", "",
    ]  # fmt: skip
    assert "delay=5" not in dlm.configuration(fenced(Fence("a", "fence_a"), two_node=False))


SECRETIVE = b"""<cluster name="demo" config_version="1">
<fencedevices>
<fencedevice name="ipmi" agent="fence_ipmilan" ipaddr="10.0.0.9" passwd="s3cret" login="root"/>
</fencedevices>
<clusternodes><clusternode name="node1" nodeid="1">
<fence><method name="1"><device name="ipmi" port="7"/></method></fence>
<com_info>
<rootvolume name="LABEL=demo:root" fstype="gfs2"/>
<eth name="eth0" mac="52:54:00:00:00:01" ip="10.0.0.1" mask="24"/>
</com_info></clusternode></clusternodes></cluster>"""


def test_secrets_of_a_fence_device_travel_only_where_that_is_asked_for() -> None:
    cluster, found = clusterconf.parse(SECRETIVE)
    (fence,) = cluster.nodes[0].fences
    assert fence == Fence("ipmi", "fence_ipmilan", 1, ("ipaddr=10.0.0.9", "port=7"), ("login", "passwd"))
    assert "s3cret" not in compiled.dump(cluster)
    assert [one.message for one in found if "may be secret" in one.message]
    asked, found = clusterconf.parse(SECRETIVE, secrets=True)
    assert asked.nodes[0].fences[0].options == ("ipaddr=10.0.0.9", "passwd=s3cret", "login=root", "port=7")
    assert not [one for one in found if "may be secret" in one.message]


def test_agents_are_programs_of_the_image() -> None:
    assert "fence_ipmilan" in requires.of(clusterconf.parse(SECRETIVE)[0]).services
