"""NFS: explicit versions, retries that speak, remedies for what the server says."""

from __future__ import annotations

import pytest

from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.filesystems import find
from osr_boot.filesystems.nfs import MountNfs, Nfs, port_of
from osr_boot.model import Cluster, Cmdline, Volume

VOLUME = Volume("10.0.0.1:/srv/root", "nfs")
MOUNT = MountNfs(("10.0.0.1:/srv/root",), "/sysroot", "", "rw,vers=4,retry=0", 0, 0)
MOUNTED = {"/proc/self/mounts": "10.0.0.1:/srv/root /sysroot nfs4 rw,relatime,vers=4.2,hard 0 0\n"}


def refused(text: str) -> CommandFailed:
    return CommandFailed(f"mount: {text}", status=32, output=f"mount.nfs: {text}")


@pytest.mark.parametrize(
    ("volume", "options"),
    [
        (VOLUME, "rw,vers=4,retry=0"),
        (Volume("10.0.0.1:/r", "nfs4"), "rw,vers=4,retry=0"),
        (Volume("10.0.0.1:/r", "nfs3"), "rw,vers=3,retry=0,nolock"),
        (Volume("10.0.0.1:/r", "nfs", "vers=3,lock"), "rw,vers=3,retry=0,lock"),
        (Volume("10.0.0.1:/r", "nfs", "nfsvers=4.1,soft,retry=9"), "rw,vers=4.1,retry=0,soft"),
        (Volume("10.0.0.1:/r", "nfs", "ro"), "vers=4,retry=0,ro"),
    ],
)
def test_options(volume: Volume, options: str) -> None:
    mount = next(iter(Nfs.plan(volume, "/sysroot", Cmdline(), Cluster())))
    assert isinstance(mount, MountNfs)
    assert mount.options == options


def test_plan_mounts() -> None:
    assert list(find("nfs").plan(VOLUME, "/sysroot", Cmdline(), Cluster())) == [MOUNT]


def test_ipv6_server_keeps_its_brackets() -> None:
    mount = next(iter(Nfs.plan(Volume("[fd00::1]:/r", "nfs"), "/sysroot", Cmdline(readonly=True), Cluster())))
    assert mount.commands() == (("mount", "-t", "nfs", "-o", "ro,vers=4,retry=0", "[fd00::1]:/r", "/sysroot"),)


def test_negotiated_version_is_reported() -> None:
    system = Dry(MOUNTED)
    assert MOUNT.execute(system) == "vers=4.2"
    assert system.ran == [("mount", "-t", "nfs", "-o", "rw,vers=4,retry=0", "10.0.0.1:/srv/root", "/sysroot")]


def test_a_server_that_comes_late_is_tried_again_with_back_off() -> None:
    system = Dry(MOUNTED, answers={"mount": refused("Connection refused")})

    def start(dry: Dry) -> None:
        if dry.clock >= 7:
            dry.answers.clear()

    system.on_pause = start
    assert MOUNT.execute(system) == "vers=4.2, attempt 4"
    assert [line for line in system.said if "attempt" in line] == [
        "mount 10.0.0.1:/srv/root: attempt 1: Connection refused; next in 1 s",
        "mount 10.0.0.1:/srv/root: attempt 2: Connection refused; next in 2 s",
        "mount 10.0.0.1:/srv/root: attempt 3: Connection refused; next in 4 s",
    ]
    assert any("start nfs-server" in line for line in system.said)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("access denied by server while mounting", "/etc/exports"),
        ("mounting 10.0.0.1:/srv/root failed, reason given by server: No such file or directory", "exportfs -v"),
        ("No route to host", "is the server on"),
        ("Protocol not supported", "versions"),
    ],
)
def test_giving_up_says_reason_and_remedy(said: str, remedy: str) -> None:
    system = Dry(answers={"mount": refused(said)}, deadline=20)
    with pytest.raises(OsrError, match=said) as caught:
        MOUNT.execute(system)
    assert remedy in caught.value.hint
    assert system.clock < 20


def test_a_dead_server_costs_seconds_and_the_next_one_is_taken() -> None:
    system = Dry(MOUNTED)
    system.unreachable = {"10.0.0.1": "Connection timed out"}
    volume = Volume("10.0.0.1:/srv/root", "nfs", servers=("10.0.0.2", "fd00::2"))
    assert Nfs.servers(volume) == ("10.0.0.1", "10.0.0.2", "fd00::2")
    mount = next(iter(Nfs.plan(volume, "/sysroot", Cmdline(), Cluster())))
    assert mount.commands()[2][-2] == "[fd00::2]:/srv/root"
    assert mount.execute(system) == "vers=4.2, from 10.0.0.2:/srv/root"
    assert system.clock == 3
    assert system.said[0] == "mount 10.0.0.1:/srv/root: attempt 1: Connection timed out; next is another server"
    assert [words[-2] for words in system.ran] == ["10.0.0.2:/srv/root"]


# --- a server that is not reached: where is it?

OURS, THEIRS = "52:54:00:00:00:01", "52:54:00:00:00:99"


def link(name: str, *, flags: str = "0x1003", carrier: str = "1", **more: str) -> dict[str, str]:
    known = {"address": OURS, "type": "1", "flags": flags, "carrier": carrier, **more}
    return {f"/sys/class/net/{name}/{key}": text for key, text in known.items()}


def reply(name: str, address: str = "10.0.0.1") -> tuple[str, bytes]:
    mac = bytes.fromhex(THEIRS.replace(":", ""))
    head = bytes(6) + mac + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" + mac
    return name, head + bytes(map(int, address.split("."))) + bytes(10)


NEAR, FAR = "10.0.0.1 dev eth0 src 10.0.0.11 uid 0", "10.0.0.1 via 10.9.0.254 dev eth0 src 10.9.0.11 uid 0"


@pytest.mark.parametrize(
    ("route", "heard", "words"),
    [
        (NEAR, [reply("eth1")], r"10.0.0.1 answers on eth1 \(52:54:00:00:00:99\): is a cable in the wrong socket\?"),
        (NEAR, [reply("eth0"), reply("eth1")], r"10.0.0.1 \(52:.*99\) is there on eth0 \(MAC .*01\), and its NFS port"),
        (NEAR, [], r"nobody answers for 10.0.0.1 on eth0 \(MAC 52:54:00:00:00:01\)$"),
        (FAR, [], r"the gateway 10.9.0.254 does not answer on eth0 \(MAC"),
        (FAR, [reply("eth0", "10.9.0.254")], r"the gateway 10.9.0.254 \(52:.*99\) answers on eth0 .* server beyond"),
        (FAR, [reply("eth1")], r"10.0.0.1 answers on eth1"),
        ("", [], "No route to host$"),
    ],
)
def test_where_a_server_answers_that_is_not_reached(route: str, heard: list[tuple[str, bytes]], words: str) -> None:
    system = Dry({**link("eth0"), **link("eth1"), **link("port", master="")}, deadline=9)
    system.answers["ip -o route get 10.0.0.1"] = route
    system.unreachable, system.heard = {"10.0.0.1": "No route to host"}, heard
    with pytest.raises(OsrError, match=words) as caught:
        MOUNT.execute(system)
    assert caught.value.hint
    assert {name for name, _ in system.sent} == {"eth0", "eth1"}
    assert [argv[0] for argv in system.ran] == ["ip"], "at the end, and not at each attempt"


def test_a_card_that_nobody_configures_is_looked_at_and_is_down_afterwards() -> None:
    down = link("eth1", flags="0x1002", carrier="", device="")
    system = Dry({**link("eth0"), **down, **link("eth2", flags="0x1002", carrier="", device="", master="")}, deadline=9)
    system.unreachable, system.heard = {"10.0.0.1": "No route to host"}, [reply("eth1")]

    def plugged(dry: Dry) -> None:
        if dry.inputs[-1:] == ["link set dev eth1 up\n"]:
            dry.files["/sys/class/net/eth1/carrier"] = "1"

    system.on_pause = plugged
    with pytest.raises(OsrError, match="10.0.0.1 answers on eth1"):
        MOUNT.execute(system)
    assert [text for text in system.inputs if text] == ["link set dev eth1 up\n", "link set dev eth1 down\n"]
    assert "looking for the network on eth1 too" in system.said


def test_asking_that_fails_is_no_second_failure() -> None:
    system = Dry(link("eth0"), deadline=9)
    system.answers["ip -o route get 10.0.0.1"] = NEAR
    system.unreachable, system.mute = {"10.0.0.1": "Connection timed out"}, {"eth0": "Network is down"}
    with pytest.raises(OsrError, match="timed out; it is sent to by eth0, where nobody could be asked"):
        MOUNT.execute(system)


# --- how a server is tried before the mount


@pytest.mark.parametrize(
    ("options", "port"),
    [
        ("rw,vers=4,retry=0", 2049),
        ("vers=4.1,port=20049", 20049),
        ("vers=4,port=0", 2049),
        ("vers=4,port=1,port=2050", 2050),
        ("vers=4,rdma,port=20049", 0),
        ("vers=4,proto=rdma", 0),
        ("vers=4,proto=rdma6", 0),
        ("vers=3", 111),
        ("vers=3,port=2049", 111),
        ("vers=3,port=2049,mountport=20048", 20048),
        ("vers=3,proto=udp", 0),
        ("vers=3,udp", 0),
        ("vers=3,mountproto=udp", 0),
        ("vers=3,mounthost=10.0.0.9", 0),
        ("vers=4,mountvers=3", 2049),
    ],
)
def test_the_port_that_mounting_begins_at(options: str, port: int) -> None:
    assert port_of(options) == port
    system = Dry(MOUNTED)
    MountNfs(("10.0.0.1:/r",), "/sysroot", "", options, 0, 0).execute(system)
    assert system.reached == ([("10.0.0.1", port)] if port else [])


@pytest.mark.parametrize("source", ["filer:/srv/root", "[fe80::1%eth0]:/r", "1.2.3:/r", "fil\0er:/r", "\udcff:/r"])
def test_a_name_is_for_mount_nfs_to_look_up(source: str) -> None:
    system = Dry(MOUNTED)
    mount = MountNfs((source,), "/sysroot", "", "vers=4", 1, 0)
    mount.execute(system)
    assert system.reached == []
    system = Dry(answers={"mount": refused("Connection timed out")})
    with pytest.raises(OsrError, match="timed out$"):
        mount.execute(system)


@pytest.mark.parametrize(
    ("why", "mounts"), [("Connection refused", 1), ("Connection timed out", 0), ("No route to host", 0)]
)
def test_a_port_mapper_that_refuses_is_a_machine_that_is_there(why: str, mounts: int) -> None:
    system = Dry(MOUNTED, deadline=5)
    system.unreachable = {"10.0.0.1": why}
    mount = MountNfs(("10.0.0.1:/r",), "/sysroot", "", "vers=3,nolock", 1, 0)
    if mounts:
        mount.execute(system)
    else:
        with pytest.raises(OsrError, match=why):
            mount.execute(system)
    assert [argv[0] for argv in system.ran if argv[0] == "mount"] == ["mount"] * mounts


def test_mounttimes_and_mountwait_bound_the_attempts() -> None:
    system = Dry(answers={"mount": refused("Connection refused")})
    with pytest.raises(OsrError, match="after 3 attempts"):
        MountNfs(("10.0.0.1:/r",), "/sysroot", "", "vers=4", attempts=3, pause=5).execute(system)
    assert system.clock == 10


def test_a_missing_program_is_not_tried_twice() -> None:
    missing = CommandFailed('program "mount" not found', status=127, hint="rebuild the image")
    system = Dry(answers={"mount": missing})
    with pytest.raises(OsrError, match="not found"):
        MOUNT.execute(system)
    assert len(system.ran) == 1


@pytest.mark.parametrize(
    ("volume", "severity", "words"),
    [
        (Volume("10.0.0.1", "nfs"), "error", "not SERVER:/PATH"),
        (Volume("10.0.0.1:srv", "nfs"), "error", "not absolute"),
        (Volume("filer:/srv", "nfs"), "error", "not an address"),
        (Volume("10.0.0.1:/srv", "nfs", "vers=3,nfsvers=4"), "error", "two versions"),
        (Volume("10.0.0.1:/srv", "nfs3", "lock"), "error", "rpc.statd"),
        (Volume("10.0.0.1:/srv", "nfs3"), "warning", "without locks"),
        (Volume("10.0.0.1:/srv", "nfs", "vers=3"), "warning", "without locks"),
    ],
)
def test_check(volume: Volume, severity: str, words: str) -> None:
    problems = list(Nfs.check(volume))
    assert problems[0].severity == severity
    assert words in problems[0].message
    assert all(problem.hint for problem in problems)


@pytest.mark.parametrize("name", ["10.0.0.1:/srv", "[fd00::1]:/srv"])
def test_check_finds_nothing_wrong(name: str) -> None:
    assert list(Nfs.check(Volume(name, "nfs4"))) == []
