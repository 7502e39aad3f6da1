"""The loop: numbered, logged, stopping at the first failure, and the files of a boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from osr_boot.dry import Dry
from osr_boot.errors import NotYet, OperationFailed, OsrError
from osr_boot.execute import execute
from osr_boot.explain import plan_lines, status_lines
from osr_boot.handover import plan as handover
from osr_boot.handover import unit_name
from osr_boot.model import Nic
from osr_boot.ops import Operation
from osr_boot.ops.cards import MISSING
from osr_boot.ops.files import KeepShutdown, SetHostname
from osr_boot.plan import STAGES, Plan
from osr_boot.state import State

if TYPE_CHECKING:
    from osr_boot.system import System


@dataclass(frozen=True)
class Step(Operation):
    """Takes two seconds, says a note, or fails."""

    note: str
    fails: bool = False

    def describe(self) -> str:
        return f"step {self.note}"

    def execute(self, system: System) -> str:
        system.pause(2)
        if self.fails:
            raise OsrError("it broke", hint="mend it")
        return self.note


def test_order_numbers_and_outcomes() -> None:
    done: list[dict[str, Any]] = []
    lines: list[str] = []
    with pytest.raises(OperationFailed) as caught:
        execute((Step("a"), Step("b", fails=True), Step("c")), Dry(), done, lines.append)
    assert lines == [
        "op(1) [started]  step a",
        "op(1) [finished] step a: a",
        "op(2) [started]  step b",
        "op(2) [failed]   step b: it broke",
    ]
    assert [(one["op"], one["outcome"], one["seconds"]) for one in done] == [(1, "finished", 2.0), (2, "failed", 2.0)]
    assert (caught.value.number, caught.value.hint) == (2, "mend it")


@dataclass(frozen=True)
class Late(Step):
    """Is not there before the tenth second."""

    def execute(self, system: System) -> str:
        if system.uptime() < 10:
            raise NotYet("waiting")
        return self.note


def test_what_waits_is_gone_on_with() -> None:
    done: list[dict[str, Any]] = []
    lines: list[str] = []
    system = Dry()
    steps = (Step("a"), Late("b"), Step("c"))
    for _ in range(2):
        with pytest.raises(NotYet):
            execute(steps, system, done, lines.append)
        assert [one["outcome"] for one in done] == ["finished", "waiting"]
        system.pause(4)
    execute(steps, system, done, lines.append)
    assert lines == [
        "op(1) [started]  step a",
        "op(1) [finished] step a: a",
        "op(2) [started]  step b",
        "op(2) [finished] step b: b",
        "op(3) [started]  step c",
        "op(3) [finished] step c: c",
    ]
    assert [(one["op"], one["outcome"], one["seconds"]) for one in done] == [
        (1, "finished", 2.0), (2, "finished", 8.0), (3, "finished", 2.0),
    ]  # fmt: skip


def test_a_plan_with_its_outcomes_is_explained() -> None:
    stages: dict[str, tuple[Operation, ...]] = dict.fromkeys(STAGES, ())
    stages["root"] = (SetHostname("node1"), Step("b"), Step("c"))
    ops = [{"outcome": "finished"}, {"outcome": "failed", "error": "it broke", "hint": "mend it"}]
    lines = list(plan_lines(Plan("node1", 1, "why", ("careful",), stages), {"stages": {"root": {"ops": ops}}}))
    assert 'node "node1" (id 1), because why' in lines
    assert "warning: careful" in lines
    assert '  1. done   set host name "node1"' in lines
    assert "  2. FAILED step b" in lines
    assert "       why: it broke" in lines
    assert "       do:  mend it" in lines
    assert "  3.        step c" in lines


def test_status_shows_the_negotiated_version() -> None:
    report = {"node": {"name": "n", "id": 1}, "stages": {"root": {"outcome": "finished", "seconds": 1.0, "ops": []}}}
    lines = list(status_lines(report, ("10.0.0.1:/r", "nfs4", "rw,vers=4.2")))
    assert "root     10.0.0.1:/r (nfs4, vers=4.2)" in lines


def test_state_counts_from_the_first_call() -> None:
    system = Dry()
    system.clock = 12.5
    state = State(system)
    assert state.began() == 12.5
    system.clock = 99
    assert State(system).began() == 12.5


def test_a_broken_report_does_not_stop_a_boot() -> None:
    system = Dry({"/run/osr/report.json": "{truncated"})
    assert State(system).report()["stages"] == {}


def test_handover_tells_every_network_manager_about_the_link_and_no_other() -> None:
    nics = (Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/24", gateway="10.0.0.1"), Nic("eth1", "", "", onboot=False))
    system = Dry()
    list(handover("node1", nics, "/cdsl.local", "/sysroot"))[1].execute(system)
    networkd = system.files["/run/systemd/network/00-osr-eth0.network"]
    assert "[Match]\nName=eth0\n\n" in networkd
    assert "KeepConfiguration=yes\n" in networkd
    assert "Address=10.0.0.11/24\nGateway=10.0.0.1\n" in networkd
    networkmanager = system.files["/run/NetworkManager/conf.d/00-osr.conf"]
    assert "match-device=interface-name:=eth0\nmanaged=0\n" in networkmanager
    rules = system.files["/run/udev/rules.d/00-osr.rules"]
    assert rules == 'SUBSYSTEM=="net", KERNEL=="eth0", NAME:="eth0"\n'
    assert "OriginalName=eth0\n" in system.files["/run/systemd/network/00-osr-eth0.link"]
    assert "    eth0:\n      renderer: networkd\n      critical: true\n" in system.files["/run/netplan/zz-osr.yaml"]
    networking = system.files["/run/systemd/system/networking.service.d/50-osr.conf"]
    assert networking.count("--exclude=eth0") == 3
    assert not any("eth1" in path + text for path, text in system.files.items())


def test_handover_says_nothing_of_a_link_that_is_not_here_for_another_card_may_have_its_name() -> None:
    nics = (Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/24", dns=("10.0.0.9",)), Nic("eth1", "52:54:00:00:00:02"),
            Nic("br-lan", kind="bridge"))  # fmt: skip
    made = list(handover("node1", nics, "/cdsl.local", "/sysroot"))
    whole = Dry()
    made[1].execute(whole)
    assert whole.files == dict(made[1].files())
    assert "/run/systemd/system/ifup@br\\x2dlan.service.d/50-osr.conf" in whole.files
    system = Dry({MISSING: "eth1\nbr-lan\n"})
    assert made[1].execute(system) == "7 files, none about eth1, br-lan"
    del system.files[MISSING]
    alone = Dry()
    list(handover("node1", nics[:1], "/cdsl.local", "/sysroot"))[1].execute(alone)
    assert system.files == alone.files
    nobody = Dry({MISSING: "eth0\neth1\nbr-lan\n"})
    assert made[1].execute(nobody) == "0 files, none about eth0, eth1, br-lan"
    assert list(nobody.files) == [MISSING]


@pytest.mark.parametrize(
    ("address", "more", "announced", "linklocal"),
    [
        ("10.0.1.16/24", (), "no", "no"),
        ("fd00::11/64", (), "no", "ipv6"),
        ("auto6", (), "yes", "ipv6"),
        ("10.0.0.11/24", ("auto6",), "yes", "ipv6"),
        ("10.0.0.11/24", ("dhcp6",), "no", "ipv6"),
    ],
)
def test_networkd_takes_announcements_where_the_boot_did(
    address: str, more: tuple[str, ...], announced: str, linklocal: str
) -> None:
    """Without a link-local address it would refuse them, and the root's address would expire."""
    system = Dry()
    list(handover("n", (Nic("eth0", "52:54:00:00:00:01", address, more=more),), "/cdsl.local", "/sysroot"))[1].execute(
        system
    )
    profile = system.files["/run/systemd/network/00-osr-eth0.network"]
    assert f"IPv6AcceptRA={announced}\nLinkLocalAddressing={linklocal}\n" in profile


def test_networkd_knows_that_a_router_is_reached_without_its_network() -> None:
    system = Dry()
    nic = Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/32", gateway="10.0.9.1", onlink=True)
    list(handover("n", (nic,), "/cdsl.local", "/sysroot"))[1].execute(system)
    profile = system.files["/run/systemd/network/00-osr-eth0.network"]
    assert "\n[Route]\nGateway=10.0.9.1\nGatewayOnLink=yes\n" in profile
    assert profile.count("Gateway=") == 1


@pytest.mark.parametrize(("options", "programs"), [("rw,nosuid,nodev", 0), ("rw,nosuid,noexec", 2)])
def test_keep_shutdown_copies_the_list_to_where_it_can_run(options: str, programs: int) -> None:
    mounts = f"tmpfs /run tmpfs {options} 0 0\n"
    files = {"/list": "/bin/sh\n/shutdown\n", "/bin/sh": "shell", "/shutdown": "script", "/proc/self/mounts": mounts}
    system = Dry(files)
    assert KeepShutdown("/list", "/run/initramfs").execute(system) == "2 files"
    assert len(system.ran) == programs
    assert system.files["/run/initramfs/bin/sh"] == "shell"
    assert system.isdir("/run/initramfs/oldroot")


def test_a_shutdown_that_cannot_be_kept_is_a_warning_and_half_a_tree_is_never_used() -> None:
    system = Dry({"/list": "/bin/sh\n/shutdown\n", "/shutdown": "script"})
    assert "not kept" in KeepShutdown("/list", "/run/initramfs").execute(system)
    assert "/bin/sh" in system.said[0]
    assert "/run/initramfs/shutdown" not in system.files


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/cdsl.local", "cdsl.local"),
        ("/.cdsl/x-y", "\\x2ecdsl-x\\x2dy"),
        ("/etc/hostname", "etc-hostname"),
        ("/a b", "a\\x20b"),
        ("br-lan", "br\\x2dlan"),
        ("eth0.5", "eth0.5"),
        ("a_b:1", "a_b:1"),
    ],
)
def test_unit_names_are_escaped_as_systemd_does(path: str, unit: str) -> None:
    assert unit_name(path) == unit


def test_the_nodes_tree_stays_mounted_until_the_root_goes() -> None:
    system = Dry()
    next(iter(handover("node1", (), "/cdsl.local", "/sysroot"))).execute(system)
    assert "/run/systemd/system/cdsl.local.mount.d/50-osr.conf" in system.files
