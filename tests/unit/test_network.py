"""What is planned for links together: which of several is waited for, and an order in which the kernel takes all."""

from __future__ import annotations

from itertools import permutations

import pytest

from osr_boot import layers, network
from osr_boot.model import Nic, Node
from osr_boot.ops import Operation
from osr_boot.ops.announced import WaitAnnounced
from osr_boot.ops.dhcp import AskAddress
from osr_boot.ops.links import BringUp, SetAddresses, WaitCarrier

MACS = tuple(f"52:54:00:00:00:{number:02}" for number in range(9))
NEAR, FAR, NAME = "10.0.0.1", "172.16.0.1", "fileserver"
STATIC = Nic("eth0", MACS[0], "10.0.0.11/24")
DHCP, DHCP2 = (Nic(f"eth{number}", MACS[number], "dhcp") for number in (1, 2))


def plan(*nics: Nic, servers: tuple[str, ...] | None = (FAR,)) -> list[Operation]:
    return list(network.plan(Node("n", 1, nics), servers))


def asked(*nics: Nic, servers: tuple[str, ...] | None = (FAR,)) -> list[tuple[list[str], bool, tuple[str, ...]]]:
    """Return (links, needed, what will do beside them) of each operation that asks."""
    return [([link for link, *_ in one.links], one.needed, (*one.known, *one.announced))
            for one in plan(*nics, servers=servers) if isinstance(one, AskAddress)]  # fmt: skip


# --- which of several


def test_of_links_that_ask_one_is_enough() -> None:
    assert asked(DHCP, DHCP2) == [(["eth1", "eth2"], True, ())]
    assert asked(DHCP, DHCP2, servers=(NEAR, FAR)) == [(["eth1", "eth2"], True, ())]


def test_a_link_with_an_address_of_cluster_conf_is_enough() -> None:
    router = Nic("eth0", MACS[0], "10.0.0.11/24", gateway="10.0.0.254")
    assert asked(router, DHCP) == [(["eth1"], True, ("eth0",))]
    assert asked(router, DHCP, servers=(NAME,)) == [(["eth1"], True, ("eth0",))]
    assert asked(STATIC, DHCP, servers=(NEAR, FAR)) == [(["eth1"], True, ("eth0",))]
    by_route = Nic("eth0", MACS[0], "10.0.0.11/24", routes=("0.0.0.0/0 via 10.0.0.254",))
    assert asked(by_route, DHCP) == [(["eth1"], False, ())]
    assert asked(by_route, DHCP, servers=(NAME,)) == [(["eth1"], True, ("eth0",))]


def test_what_the_root_does_not_need_is_asked_for_last() -> None:
    assert asked(STATIC, DHCP, servers=(NEAR,)) == [(["eth1"], False, ())]
    both = Nic("eth1", MACS[1], "dhcp", more=("dhcp6",))
    assert asked(both, servers=("fd00::1",)) == [(["eth1"], True, ()), (["eth1"], False, ())]
    assert asked(both, servers=(NAME,)) == [(["eth1", "eth1"], True, ())]
    assert asked(DHCP, DHCP2, servers=()) == [(["eth1", "eth2"], False, ())]


def test_a_link_that_asks_and_has_a_route_to_the_server_is_the_one() -> None:
    storage = Nic("eth1", MACS[1], "dhcp", routes=("172.16.0.0/16 via 10.1.0.2",))
    assert asked(Nic("eth0", MACS[0], "10.0.0.11/24", gateway="10.0.0.254"), storage) == [(["eth1"], True, ())]
    assert asked(storage, DHCP2) == [(["eth1"], True, ()), (["eth2"], False, ())]
    (ask,) = [one for one in plan(storage) if isinstance(one, AskAddress)]
    assert ask.lines == ("route replace 172.16.0.0/16 via 10.1.0.2 dev eth1",)


def test_a_gateway_leads_to_servers_of_its_own_kind() -> None:
    six = Nic("eth0", MACS[0], "10.0.0.11/24", more=("fd00::11/64",), gateway="fd00::1")
    assert asked(six, DHCP) == [(["eth1"], True, ())]
    assert layers.toward(("fd01::1",), (six, DHCP)) == (six,)
    odd = Nic("eth1", MACS[1], "dhcp", gateway="fd00::1")
    (ask,) = [one for one in plan(odd) if isinstance(one, AskAddress)]
    assert ask.lines == ()


def test_announcements_are_not_waited_for_where_there_is_another_way() -> None:
    announced = Nic("eth1", MACS[1], "auto6")
    assert plan(announced, servers=("fd01::1",))[-1] == WaitAnnounced(("eth1",))
    router = Nic("eth0", MACS[0], "10.0.0.11/24", gateway="10.0.0.254")
    assert isinstance(plan(router, announced, servers=(NAME,))[-1], SetAddresses)
    assert asked(Nic("eth0", MACS[0], "dhcp", more=("auto6",)), servers=(NAME,)) == [(["eth0"], True, ("eth0",))]
    six = Nic("eth0", MACS[0], "dhcp6")
    made = plan(six, announced, servers=("fd01::1",))
    assert not any(isinstance(one, WaitAnnounced) for one in made)
    assert asked(six, announced, servers=("fd01::1",)) == [(["eth0"], True, ("eth1",))]


def test_nothing_is_waited_for_where_the_root_is_not_ours() -> None:
    made = plan(STATIC, DHCP, Nic("eth2", MACS[2], "auto6"), servers=None)
    assert [type(one) for one in made] == [BringUp, SetAddresses, AskAddress]
    up, given, ask = made
    assert isinstance(up, BringUp)
    assert (up.needed, {road for _, _, road in up.hardware}) == ((), {""})
    assert isinstance(given, SetAddresses)
    assert given.needed == ()
    assert isinstance(ask, AskAddress)
    assert not ask.needed
    assert any(isinstance(one, WaitCarrier) for one in plan(STATIC, servers=()))


# --- the order


CARDS = tuple(Nic(f"eth{number}", MACS[number]) for number in range(3))
SETS = {
    "a VLAN beside a bridge": (
        Nic("eth0", MACS[0], bridge="br0", mtu=9000), Nic("br0", kind="bridge"), Nic("eth0.5", kind="vlan")),
    "VLANs on a bridge, and one that is its port": (
        Nic("eth0", MACS[0]), Nic("eth0.5", kind="vlan", bridge="br0"), Nic("br0", kind="bridge"),
        Nic("br0.7", kind="vlan"), Nic("eth0.6", kind="vlan")),
    "a VLAN on a bond": (
        Nic("eth0", MACS[0], master="bond0"), Nic("eth1", MACS[1], master="bond0"),
        Nic("bond0", kind="bond", options=("mode active-backup", "primary eth1")), Nic("bond0.5", kind="vlan")),
    "a VLAN on a bond in a bridge": (
        Nic("eth0", MACS[0], master="bond0"), Nic("bond0", kind="bond", bridge="br0"), Nic("br0", kind="bridge"),
        Nic("bond0.5", kind="vlan"), Nic("br0.6", kind="vlan")),
    "a VLAN beside a bond": (
        Nic("eth0", MACS[0], master="bond0"), Nic("eth1", MACS[1], master="bond0"), Nic("bond0", kind="bond"),
        Nic("eth0.5", kind="vlan"), Nic("eth0.5.6", kind="vlan")),
    "a bond of VLANs in a bridge": (
        Nic("eth0", MACS[0]), Nic("eth0.5", kind="vlan", master="bond0"), Nic("eth1", MACS[1], master="bond0"),
        Nic("bond0", kind="bond", bridge="br0"), Nic("br0", kind="bridge")),
    "a bridge of a card and its VLAN": (
        Nic("eth0", MACS[0], bridge="br0"), Nic("eth0.5", kind="vlan", bridge="br0"), Nic("br0", kind="bridge")),
    "a bond of a card and its VLAN": (
        Nic("eth0", MACS[0], master="bond0"), Nic("eth0.5", kind="vlan", master="bond0"), Nic("bond0", kind="bond")),
}  # fmt: skip


@pytest.mark.parametrize("kind", SETS)
def test_whatever_a_line_needs_is_there_and_up_in_every_order_of_writing(kind: str) -> None:
    for nics in permutations(SETS[kind]):
        (up,) = [one for one in plan(*nics, servers=()) if isinstance(one, BringUp)]
        carry_out(up.input().splitlines(), nics)


def carry_out(lines: list[str], nics: tuple[Nic, ...]) -> None:
    """Carry the lines out as the kernel would: a VLAN goes up and down with its parent, members are taken down."""
    there = {nic.name for nic in nics if not nic.kind}
    up: set[str] = set()
    parents: dict[str, str] = {}
    masters: dict[str, str] = {}
    for line in lines:
        words = line.split()
        if words[:3] == ["link", "add", "link"]:
            assert words[3] in there, lines
            parents[words[5]] = words[3]
            there.add(words[5])
        elif words[:2] == ["link", "add"]:
            there.add(words[3])
        else:
            name = words[3]
            assert name in there, lines
            if words[4] == "master":
                bond = words[5].startswith("bond")
                assert words[5] in there, lines
                assert not bond or name not in up, lines
                masters[name] = words[5]
                if bond:
                    assert parents.get(name) is None or parents[name] in up | set(masters), lines
                    up.add(name)
            elif "primary" in words:
                assert masters[words[-1]] == name, lines
            elif words[-1] == "down":
                fallen = {name, *(one for one, parent in parents.items() if parent == name)}
                assert not {one for one in fallen & up if one != name}, lines
                up -= fallen
            elif words[-1] == "up":
                assert name not in parents or parents[name] in up, lines
                up.add(name)
    assert up == there == {nic.name for nic in nics}, lines
    assert masters == {nic.name: nic.master or nic.bridge for nic in nics if nic.master or nic.bridge}
