"""NFS: explicit versions, retries that speak, remedies for what the server says."""

from __future__ import annotations

import pytest

from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.filesystems import find
from osr_boot.filesystems.nfs import MountNfs, Nfs
from osr_boot.model import RootVolume
from osr_boot.ops.mounts import CheckRoot

VOLUME = RootVolume("10.0.0.1:/srv/root", "nfs")
MOUNT = MountNfs(("10.0.0.1:/srv/root",), "/sysroot", "rw,vers=4,retry=0", 0, 0)
MOUNTED = {"/proc/self/mounts": "10.0.0.1:/srv/root /sysroot nfs4 rw,relatime,vers=4.2,hard 0 0\n"}


def refused(text: str) -> CommandFailed:
    return CommandFailed(f"mount: {text}", status=32, output=f"mount.nfs: {text}")


@pytest.mark.parametrize(
    ("volume", "options"),
    [
        (VOLUME, "rw,vers=4,retry=0"),
        (RootVolume("10.0.0.1:/r", "nfs4"), "rw,vers=4,retry=0"),
        (RootVolume("10.0.0.1:/r", "nfs3"), "rw,vers=3,retry=0,nolock"),
        (RootVolume("10.0.0.1:/r", "nfs", "vers=3,lock"), "rw,vers=3,retry=0,lock"),
        (RootVolume("10.0.0.1:/r", "nfs", "nfsvers=4.1,soft,retry=9"), "rw,vers=4.1,retry=0,soft"),
        (RootVolume("10.0.0.1:/r", "nfs", "ro"), "vers=4,retry=0,ro"),
    ],
)
def test_options(volume: RootVolume, options: str) -> None:
    mount = next(iter(Nfs.plan(volume, "/sysroot", readonly=False)))
    assert isinstance(mount, MountNfs)
    assert mount.options == options


def test_plan_mounts_and_looks() -> None:
    assert list(find("nfs").plan(VOLUME, "/sysroot", readonly=False)) == [
        MOUNT,
        CheckRoot("/sysroot", "10.0.0.1:/srv/root"),
    ]


def test_ipv6_server_keeps_its_brackets() -> None:
    mount = next(iter(Nfs.plan(RootVolume("[fd00::1]:/r", "nfs"), "/sysroot", readonly=True)))
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
    volume = RootVolume("10.0.0.1:/srv/root", "nfs", servers=("10.0.0.2", "fd00::2"))
    assert Nfs.servers(volume) == ("10.0.0.1", "10.0.0.2", "fd00::2")
    mount = next(iter(Nfs.plan(volume, "/sysroot", readonly=False)))
    assert mount.commands()[2][-2] == "[fd00::2]:/srv/root"
    assert mount.execute(system) == "vers=4.2, from 10.0.0.2:/srv/root"
    assert system.clock == 3
    assert system.said[0] == "mount 10.0.0.1:/srv/root: attempt 1: Connection timed out; next is another server"
    assert [words[-2] for words in system.ran] == ["10.0.0.2:/srv/root"]


def test_a_cable_in_the_wrong_socket_is_told() -> None:
    system = Dry({f"/sys/class/net/eth1/{key}": text for key, text in
                  (("address", "52:54:00:00:00:02"), ("type", "1"), ("carrier", "1"))}, deadline=9)  # fmt: skip
    system.unreachable = {"10.0.0.1": "No route to host"}
    reply = bytes(6) + bytes.fromhex("525400000099") + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02"
    system.heard = [("eth1", reply + bytes.fromhex("525400000099") + bytes([10, 0, 0, 1]) + bytes(10))]
    with pytest.raises(OsrError, match=r"10.0.0.1 answers on eth1 \(52:54:00:00:00:99\): is a cable"):
        MOUNT.execute(system)


def test_mounttimes_and_mountwait_bound_the_attempts() -> None:
    system = Dry(answers={"mount": refused("Connection refused")})
    with pytest.raises(OsrError, match="after 3 attempts"):
        MountNfs(("10.0.0.1:/r",), "/sysroot", "vers=4", attempts=3, pause=5).execute(system)
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
        (RootVolume("10.0.0.1", "nfs"), "error", "not SERVER:/PATH"),
        (RootVolume("10.0.0.1:srv", "nfs"), "error", "not absolute"),
        (RootVolume("filer:/srv", "nfs"), "error", "not an address"),
        (RootVolume("10.0.0.1:/srv", "nfs", "vers=3,nfsvers=4"), "error", "two versions"),
        (RootVolume("10.0.0.1:/srv", "nfs3", "lock"), "error", "rpc.statd"),
        (RootVolume("10.0.0.1:/srv", "nfs3"), "warning", "without locks"),
        (RootVolume("10.0.0.1:/srv", "nfs", "vers=3"), "warning", "without locks"),
    ],
)
def test_check(volume: RootVolume, severity: str, words: str) -> None:
    problems = list(Nfs.check(volume))
    assert problems[0].severity == severity
    assert words in problems[0].message
    assert all(problem.hint for problem in problems)


@pytest.mark.parametrize("name", ["10.0.0.1:/srv", "[fd00::1]:/srv"])
def test_check_finds_nothing_wrong(name: str) -> None:
    assert list(Nfs.check(RootVolume(name, "nfs4"))) == []
