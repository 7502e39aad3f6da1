"""Links of every kind: the exact batch, the order, names, and waits that say for what they wait."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from osr_boot import compiled, layers, network
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.model import Cluster, Nic, Node
from osr_boot.ops import Operation
from osr_boot.ops.addresses import TAKEN, in_order
from osr_boot.ops.announced import WaitAnnounced
from osr_boot.ops.cards import MISSING, absent, link_name
from osr_boot.ops.dhcp import AskAddress
from osr_boot.ops.files import LeaveAlone
from osr_boot.ops.links import BringUp, LoadDriver, SetAddresses, WaitCarrier
from osr_boot.packets import who_has, who_has_aloud

MAC, MAC2, OTHER = (f"52:54:00:00:00:{last}" for last in ("01", "02", "99"))
SERVER = "10.0.0.1"
NIC = Nic("eth0", MAC, "10.0.0.11/24", gateway="10.0.0.1")
UP = BringUp((("eth0", MAC, "eth0"),), (("eth0", "link set dev eth0 up"),), ("eth0",), ())
ADDRESSES = ("address replace 10.0.0.11/24 dev eth0", "route replace default via 10.0.0.1 dev eth0")
SET = SetAddresses(ADDRESSES, (("eth0", "10.0.0.11/24"),), (("eth0", "10.0.0.1"),), ("eth0",))
UNASKED = SetAddresses(ADDRESSES, (), (), ("eth0",))


class Once(Dry):
    """A machine whose first program may fail."""

    once: CommandFailed | None = None

    def run(self, argv: Sequence[str], *, input: str = "", timeout: float = 30, root: str = "/") -> str:
        answer = super().run(argv, input=input, timeout=timeout, root=root)
        failed, self.once = self.once, None
        if failed:
            raise failed
        return answer


def machine(*names: str, mac: str = MAC) -> Once:
    return Once({f"/sys/class/net/{name}/{key}": f"{text}\n" for name in names
                 for key, text in (("address", mac), ("type", "1"), ("carrier", "1"))})  # fmt: skip


def plan(*nics: Nic, server: str = SERVER, probe: bool = True) -> list[Operation]:
    return list(network.plan(Node("n", 1, nics), (server,), probe=probe))


def batch(*nics: Nic, server: str = SERVER) -> list[str]:
    """Return the lines of all batches of a node."""
    made = plan(*nics, server=server)
    return [line for operation in made if isinstance(operation, (BringUp, SetAddresses))
            for line in operation.input().splitlines()]  # fmt: skip


# --- what is planned


def test_one_static_link() -> None:
    assert plan(NIC) == [UP, WaitCarrier(("eth0",)), SET]


def test_addresses_are_not_asked_about_where_nobody_wants_it() -> None:
    assert plan(NIC, probe=False)[-1] == UNASKED
    assert plan(Nic("eth0", MAC, "10.0.0.11/24", gateway="10.0.0.1", probe=False))[-1] == UNASKED


def test_what_is_not_up_at_boot_is_left_out() -> None:
    assert plan(Nic("eth1", MAC, "10.0.0.2/24", onboot=False)) == []


def test_drivers_come_first_and_once() -> None:
    made = plan(Nic("eth0", MAC, driver="e1000"), Nic("eth1", MAC2, driver="e1000"))
    assert made[0] == LoadDriver("e1000", ("eth0", "eth1"))
    assert [type(operation) for operation in made] == [LoadDriver, BringUp]


def test_a_driver_that_is_not_there_is_said_and_the_link_waited_for() -> None:
    system = Dry()
    system.answers = {"modprobe": CommandFailed("modprobe", status=1, output="modprobe: FATAL: Module x not found.")}
    assert "not found" in LoadDriver("x", ("eth0", "eth1")).execute(system)
    assert system.said[0].startswith('warning: the driver "x" of eth0, eth1 cannot be loaded: modprobe: FATAL:')


def test_bond() -> None:
    bond = Nic("bond0", "", "10.0.0.11/24", kind="bond", mtu=9000, options=("mode 802.3ad", "lacp_rate fast"))
    assert batch(bond, Nic("eth1", MAC2, master="bond0"), Nic("eth0", MAC, master="bond0")) == [
        "link add name bond0 type bond mode 802.3ad miimon 100 lacp_rate fast",
        "link set dev eth1 down",
        "link set dev eth1 master bond0",
        "link set dev eth1 up",
        "link set dev eth0 down",
        "link set dev eth0 master bond0",
        "link set dev eth0 up",
        "link set dev bond0 mtu 9000 up",
        "address replace 10.0.0.11/24 dev bond0",
    ]


def test_a_primary_member_is_named_when_it_is_there() -> None:
    bond = Nic(
        "bond0", "", "10.0.0.11/24", kind="bond", options=("mode active-backup", "primary eth0", "arp_interval 9")
    )
    lines = batch(bond, Nic("eth0", MAC, master="bond0"))
    assert "link add name bond0 type bond mode active-backup arp_interval 9" in lines
    assert lines.index("link set dev bond0 type bond primary eth0") > lines.index("link set dev eth0 master bond0")


def test_vlan_on_bond_and_bridge_on_vlan_in_order_of_dependency() -> None:
    nics = (
        Nic("br0", "", "10.0.0.11/24", kind="bridge", options=("stp_state 1",)),
        Nic("bond0.5", kind="vlan", bridge="br0"),
        Nic("bond0", kind="bond", options=("mode balance-alb",)),
        Nic("eth0", MAC, master="bond0"),
    )
    made = [line for line in batch(*nics) if line.startswith("link add")]
    assert made == [
        "link add name bond0 type bond mode balance-alb miimon 100",
        "link add link bond0 name bond0.5 type vlan id 5",
        "link add name br0 type bridge stp_state 1 forward_delay 0",
    ]
    (up,) = [operation for operation in plan(*nics) if isinstance(operation, BringUp)]
    assert up.hardware == (("eth0", MAC, "br0"),)
    assert [operation.any_of for operation in plan(*nics) if isinstance(operation, WaitCarrier)] == [("br0",)]


def test_several_addresses_routes_and_both_families() -> None:
    nic = Nic("eth0", MAC, "10.0.0.11/24", more=("10.0.1.11/24", "fd00::11/64"), gateway="10.0.0.1", gateway6="fd00::1",
              routes=("10.9.0.0/16 via 10.0.0.2", "10.8.0.0/16"))  # fmt: skip
    assert batch(nic)[1:] == [
        "address replace 10.0.0.11/24 dev eth0",
        "address replace 10.0.1.11/24 dev eth0",
        "address replace fd00::11/64 dev eth0 nodad",
        "route replace default via 10.0.0.1 dev eth0",
        "route replace 10.9.0.0/16 via 10.0.0.2 dev eth0",
        "route replace 10.8.0.0/16 dev eth0",
        "route replace default via fd00::1 dev eth0",
    ]


def test_only_what_leads_to_the_root_is_waited_for() -> None:
    data, backup = Nic("eth0", MAC, "10.0.0.11/24"), Nic("eth1", MAC2, "10.1.0.11/24", gateway="10.1.0.1", wait=20)
    made = plan(data, backup)
    assert WaitCarrier(("eth0",)) in made
    assert [hardware[2] for hardware in made[0].hardware] == ["eth0", ""]  # type: ignore[attr-defined]
    assert WaitCarrier(("eth1",), 20) in plan(data, backup, server="192.0.2.1")
    assert WaitCarrier(("eth0", "eth1")) in plan(data, Nic("eth1", MAC2, "10.1.0.11/24"), server="192.0.2.1")


def test_dhcp_and_announced_addresses() -> None:
    made = plan(Nic("eth0", MAC, "dhcp", more=("dhcp6",), gateway="10.0.0.9"))
    gateway = ("route replace default via 10.0.0.9 dev eth0",)
    assert made[2:] == [
        AskAddress((("eth0", MAC, 4, True, False),), gateway, True, (), ()),
        AskAddress((("eth0", MAC, 6, True, False),), (), False, (), ()),
    ]
    made = plan(Nic("eth0", MAC, "auto6", gateway6="fd00::1"), server="fd00::1")
    assert made[-1] == WaitAnnounced(("eth0",))
    lines = batch(Nic("eth0", MAC, "auto6", gateway6="fd00::1"))
    assert lines[-1] == "route replace default via fd00::1 dev eth0 onlink"


def test_an_address_that_the_root_does_not_need_is_asked_for_last_and_not_waited_for() -> None:
    static, asking = Nic("eth1", MAC2, "10.0.0.11/24"), Nic("eth0", MAC, "dhcp", more=("auto6",))
    made = plan(asking, static)
    assert [hardware[2] for hardware in made[0].hardware] == ["", "eth1"]  # type: ignore[attr-defined]
    assert made[1] == WaitCarrier(("eth1",))
    assert made[3:] == [AskAddress((("eth0", MAC, 4, True, False),), (), False, (), ())]
    both = plan(Nic("eth0", MAC, "10.0.0.11/24", more=("dhcp6",)))
    assert both[-1] == AskAddress((("eth0", MAC, 6, True, False),), (), False, (), ())


@pytest.mark.parametrize("server", ["fileserver", "", "fileserver.example.org"])
def test_a_server_that_is_known_by_name_may_be_anywhere(server: str) -> None:
    made = plan(NIC, Nic("eth1", MAC2, "10.1.0.11/24"), Nic("eth2", OTHER, "dhcp"), server=server)
    assert made[1] == WaitCarrier(("eth0", "eth2"))
    assert made[-1].needed  # type: ignore[attr-defined]


def test_a_gateway_outside_the_subnet() -> None:
    assert batch(Nic("eth0", MAC, "10.0.0.11/32", gateway="10.0.0.1", onlink=True))[-1].endswith("dev eth0 onlink")


@pytest.mark.parametrize(
    ("network_", "address", "inside"),
    [
        ("10.0.0.11/24", "10.0.0.1", True),
        ("10.0.0.11/24", "10.0.1.1", False),
        ("10.0.0.11/32", "10.0.0.11", True),
        ("fd00::1/64", "fd00::2", True),
        ("fd00::1/64", "fd00:0:0:1::2", False),
        ("10.0.0.11/24", "fd00::2", False),
    ],
)
def test_networks(network_: str, address: str, inside: bool) -> None:
    assert layers.contains(network_, address) == inside


def test_a_circle_is_left_out_of_the_order() -> None:
    nics = (Nic("br0", kind="bridge", bridge="br1"), Nic("br1", kind="bridge", bridge="br0"), NIC)
    assert layers.ordered(nics) == (NIC,)


# --- bringing up


def test_one_batch_brings_up_a_link() -> None:
    system = machine("eth0")
    assert UP.execute(system) == ""
    assert (system.ran, system.inputs) == ([("ip", "-batch", "-")], ["link set dev eth0 up\n"])


def test_a_link_gets_its_name() -> None:
    system = machine("ens3")
    assert UP.execute(system) == 'kernel name "ens3"'
    aside = "link set dev ens3 down\nlink set dev ens3 name osr-0\nlink set dev osr-0 name eth0\n"
    assert system.inputs == [f"{aside}link set dev eth0 up\n"]


def test_two_links_swap_their_names() -> None:
    system = machine("eth1")
    system.files["/sys/class/net/eth0/address"] = f"{MAC2}\n"
    both = BringUp((("eth0", MAC, "eth0"), ("eth1", MAC2, "")), (("eth0", "link set dev eth0 up"),), ("eth0",), ())
    both.execute(system)
    assert system.inputs[0].splitlines()[:6] == [
        "link set dev eth1 down",
        "link set dev eth1 name osr-0",
        "link set dev eth0 down",
        "link set dev eth0 name osr-1",
        "link set dev osr-0 name eth0",
        "link set dev osr-1 name eth1",
    ]


def test_a_stranger_with_our_name_steps_aside() -> None:
    system = machine("ens3")
    system.files["/sys/class/net/eth0/address"] = f"{OTHER}\n"
    UP.execute(system)
    assert "link set dev eth0 down\nlink set dev eth0 name osr-1\n" in system.inputs[0]
    assert "link set dev osr-1 name ens3\n" in system.inputs[0]


def test_a_name_that_a_link_has_beside_its_own_is_taken_from_it() -> None:
    system = machine("ens3")
    said = "RTNETLINK answers: File exists\nCommand failed -:3"
    system.once = CommandFailed("ip", status=1, output=said)
    UP.execute(system)
    assert system.inputs[1] == (
        "link property del dev eth0 altname eth0\nlink set dev osr-0 name eth0\nlink set dev eth0 up\n")  # fmt: skip


def test_what_it_made_before_goes_first() -> None:
    system = machine("bond0", "eth0")
    system.files["/sys/class/net/eth0/bonding_slave/perm_hwaddr"] = f"{MAC}\n"
    system.files["/sys/class/net/eth0/address"] = "52:54:00:00:00:77\n"
    system.files["/sys/class/net/bond0/lower_eth0/ifindex"] = "2\n"
    system.files["/sys/class/net/bonding_masters"] = "bond0\n"
    up = plan(Nic("bond0", "", "10.0.0.11/24", kind="bond"), Nic("eth0", MAC, master="bond0"))[0]
    assert up.execute(system) == ""
    assert system.inputs[0].startswith("link del dev bond0\nlink add name bond0 type bond")
    assert system.ran == [("ip", "-batch", "-")]


def test_the_bond_that_its_driver_makes_by_itself_is_none_of_ours() -> None:
    system = machine("eth0")
    plan(Nic("bond0", "", "10.0.0.11/24", kind="bond"), Nic("eth0", MAC, master="bond0"))[0].execute(system)
    assert system.ran[0] == ("modprobe", "bonding", "max_bonds=0")


def test_a_link_is_left_to_udev_until_it_has_done_with_it() -> None:
    system = machine("ens3")
    system.files["/sys/class/net/ens3/ifindex"] = "2\n"
    system.files["/run/udev/data/c1:3"] = ""

    def rename(dry: Dry) -> None:
        if dry.clock > 1 and "/sys/class/net/ens3/ifindex" in dry.files:
            for key in ("address", "ifindex", "type", "carrier"):
                dry.files[f"/sys/class/net/enp0s3/{key}"] = dry.files.pop(f"/sys/class/net/ens3/{key}")
            dry.files["/run/udev/data/n2"] = ""

    system.on_pause = rename
    assert UP.execute(system) == 'kernel name "enp0s3"'
    stuck = machine("eth0")
    stuck.files["/run/udev/data/c1:3"] = ""
    assert UP.execute(stuck) == ""
    assert 1.9 < stuck.clock < 2.5


def test_nobody_listens_to_routers_who_shall_not() -> None:
    conf = "/proc/sys/net/ipv6/conf/{}/accept_ra"
    system = machine("eth0", "eth1")
    for name in ("default", "eth0", "eth1"):
        system.files[conf.format(name)] = "1\n"
    UP.execute(system)
    assert [system.files[conf.format(name)] for name in ("default", "eth0", "eth1")] == ["1\n", "0\n", "1\n"]
    plan(Nic("eth0", MAC, "10.0.0.11/24", more=("auto6",)))[0].execute(system)
    assert system.files[conf.format("eth0")] == "1\n"


def test_a_link_that_nobody_needs_stops_nothing() -> None:
    system = machine("eth0", "eth1")
    system.files["/sys/class/net/eth1/address"] = f"{MAC2}\n"
    said = "Error: mtu greater than device maximum.\nCommand failed -:1"
    system.once = CommandFailed("ip", status=1, output=said)
    steps = (("eth1", "link set dev eth1 mtu 9000 up"), ("eth1.5", "link add link eth1 name eth1.5 type vlan id 5"),
             ("eth1.5", "link set dev eth1.5 up"), ("eth0", "link set dev eth0 up"))  # fmt: skip
    up = BringUp((("eth0", MAC, "eth0"), ("eth1", MAC2, "")), steps, ("eth0",), ())
    assert up.execute(system) == "no eth1, no eth1.5"
    assert system.inputs[1] == "link set dev eth0 up\n"
    assert system.said == [
        "warning: ip link set dev eth1 mtu 9000 up: Error: mtu greater than device maximum. "
        f"(eth1 has MAC {MAC2}); going on without eth1, eth1.5"
    ]
    assert absent(system) == {"eth1.5"}, "eth1 is there, whatever it refuses"


def test_a_late_link_is_waited_for_with_a_word() -> None:
    system = Dry()

    def appear(dry: Dry) -> None:
        if dry.clock > 13:
            dry.files["/sys/class/net/eth0/address"] = f"{MAC}\n"

    system.clock = 10.5
    system.on_pause = appear
    UP.execute(system)
    assert system.said == [f'waiting for link "eth0" with MAC {MAC}']


def test_a_link_that_never_comes_is_named_with_those_that_are_there() -> None:
    system = machine("ens9", mac=OTHER)
    with pytest.raises(OsrError, match=MAC) as caught:
        UP.execute(system)
    assert f"ens9 {OTHER}" in caught.value.hint
    assert system.ran == []


def test_a_link_that_nobody_needs_is_not_waited_for() -> None:
    system = machine("eth0")
    steps = (("eth0", "link set dev eth0 up"), ("eth1", "link set dev eth1 up"),
             ("eth1.5", "link add link eth1 name eth1.5 type vlan id 5"),
             ("eth1.5", "link set dev eth1.5 up"))  # fmt: skip
    up = BringUp((("eth0", MAC, "eth0"), ("eth1", MAC2, "")), steps, ("eth0",), ())
    assert up.execute(system) == "no eth1, no eth1.5"
    assert system.inputs == ["link set dev eth0 up\n"]
    assert system.said == [
        f'warning: link "eth1": no link with MAC {MAC2} is here; going on without it',
        "warning: eth1.5 would stand on nothing that is here; going on without",
    ]
    assert system.clock == 0


BOND = (NIC, Nic("bond0", "", "10.1.0.11/24", kind="bond"), Nic("eth1", MAC2, master="bond0"),
        Nic("bond0.5", "", "fd00::11/64", kind="vlan", more=("auto6",)))  # fmt: skip


def test_a_stranger_with_the_name_of_a_link_that_is_not_here_is_left_alone() -> None:
    system = machine("eth0")
    for name in ("eth1", "bond0.5"):
        system.files |= {f"/sys/class/net/{name}/{key}": text for key, text in (("address", OTHER), ("carrier", "1"))}
    for name in ("default", "eth0", "eth1", "bond0.5"):
        system.files[f"/proc/sys/net/ipv6/conf/{name}/accept_ra"] = "7\n"
    before = {path: text for path, text in system.files.items() if "eth1" in path}
    for operation in plan(*BOND):
        operation.execute(system)
    assert system.files[MISSING] == "eth1\nbond0\nbond0.5\n"
    assert absent(system) == {"eth1", "bond0", "bond0.5"}
    asked = ["address replace 10.0.0.11/24 dev eth0", "route replace default via 10.0.0.1 dev eth0"]
    assert [line for text in system.inputs for line in text.splitlines()] == [
        "link del dev bond0.5", "link set dev eth0 up", *asked]  # fmt: skip
    assert [link for link, _ in system.sent] == ["eth0"] * 3
    assert {path: text for path, text in system.files.items() if "eth1" in path} == before
    assert system.files["/proc/sys/net/ipv6/conf/bond0.5/accept_ra"] == "7\n"


def test_what_waits_for_a_link_does_not_look_at_a_stranger_that_has_its_name() -> None:
    line = "fd00000000000000505400fffe000001 02 40 00 00 {}\n"
    system = machine("eth1")
    system.files |= {MISSING: "eth1\n", "/proc/net/if_inet6": line.format("eth1")}

    def plugged(dry: Dry) -> None:
        dry.files["/sys/class/net/eth0/carrier"] = "1\n"
        dry.files["/proc/net/if_inet6"] += line.format("eth0")

    system.on_pause = plugged
    assert WaitCarrier(("eth0", "eth1")).execute(system).startswith("eth0 after")
    assert WaitAnnounced(("eth0", "eth1")).execute(system).startswith("fd00::5054:ff:fe00:1 after")
    assert WaitAnnounced(("eth1",)).execute(system) == "no eth1"


def test_a_link_that_has_come_meanwhile_is_missing_no_more() -> None:
    system = machine("eth0")
    system.files[MISSING] = "eth0\n"
    UP.execute(system)
    assert MISSING not in system.files


def test_a_link_that_could_not_get_its_name_is_not_the_one_that_has_it() -> None:
    system = machine("eth0")
    system.files |= {"/sys/class/net/eth1/address": OTHER, "/sys/class/net/ens3/address": MAC2}
    system.once = CommandFailed("ip", status=1, output="RTNETLINK answers: Device or resource busy\nCommand failed -:4")
    steps = (("eth0", "link set dev eth0 up"), ("eth1", "link set dev eth1 up"))
    BringUp((("eth0", MAC, "eth0"), ("eth1", MAC2, "")), steps, ("eth0",), ()).execute(system)
    assert absent(system) == {"eth1"}


def test_a_bond_that_cannot_be_made_takes_with_it_what_stands_on_it() -> None:
    system = machine("eth0")
    system.files["/sys/class/net/eth1/address"] = f"{MAC2}\n"
    system.files["/sys/class/net/bonding_masters"] = ""
    up = plan(*BOND)[0]
    number = 1 + next(number for number, line in enumerate(up.input().splitlines()) if "type bond" in line)
    system.once = CommandFailed("ip", status=1, output=f"Error: Unknown device type.\nCommand failed -:{number}")
    assert up.execute(system) == "no bond0, no bond0.5"
    assert len(system.inputs) < 3
    assert "bond0" not in "".join(system.inputs[1:])


XEN = BringUp((("peth0", MAC, "eth0"),), (("eth0", "link add name eth0 type bridge"),
              ("eth0", "link set dev peth0 master eth0")), ("peth0", "eth0"), ())  # fmt: skip
"""Xen's way: a bridge has the name of its card"""


def test_a_bridge_may_be_called_what_the_kernel_has_called_its_card() -> None:
    for device in ("", "vendor"):
        system = machine("eth0")
        system.files[f"/sys/class/net/eth0/device/{device}"] = ""
        assert XEN.execute(system) == 'kernel name "eth0"'
        assert system.inputs[0].splitlines() == [
            "link set dev eth0 down",
            "link set dev eth0 name osr-0",
            "link set dev osr-0 name peth0",
            "link add name eth0 type bridge",
            "link set dev peth0 master eth0",
        ]
    again = machine("peth0", "eth0")
    again.files["/sys/class/net/eth0/lower_peth0/ifindex"] = "2\n"
    XEN.execute(again)
    assert again.inputs[0].startswith("link del dev eth0\nlink add name eth0 type bridge")


def test_a_strange_card_with_the_name_of_what_we_make_steps_aside() -> None:
    system = machine("peth0")
    system.files |= {"/sys/class/net/eth0/address": OTHER, "/sys/class/net/eth0/device/vendor": "0x8086"}
    XEN.execute(system)
    assert system.inputs[0].startswith("link set dev eth0 down\nlink set dev eth0 name osr-0\nlink add name eth0 type")
    system = machine("ens3")
    system.files |= {"/sys/class/net/eth0/address": OTHER, "/sys/class/net/eth0/device/vendor": "0x8086"}
    XEN.execute(system)
    assert "link set dev osr-1 name ens3\nlink add name eth0 type bridge" in system.inputs[0]


def test_one_member_of_a_bond_is_enough_after_a_moment() -> None:
    system = machine("eth1", mac=MAC2)
    up = plan(Nic("bond0", "", "10.0.0.11/24", kind="bond"), Nic("eth0", MAC, master="bond0"),
              Nic("eth1", MAC2, master="bond0"))[0]  # fmt: skip
    assert up.execute(system) == "no eth0"
    assert 4 < system.clock < 7
    assert "link set dev eth1 master bond0" in system.inputs[-1]
    assert "eth0" not in system.inputs[-1]


def test_a_failed_line_is_told_with_the_kernels_answer_and_a_remedy() -> None:
    said = "RTNETLINK answers: Operation not supported\nCommand failed -:2"
    system = machine("eth0")
    system.answers = {"ip -batch": CommandFailed("ip", status=1, output=said)}
    steps = (("eth0", "link set dev eth0 up"), ("eth0.5", "link add link eth0 name eth0.5 type vlan id 5"))
    with pytest.raises(OsrError, match="^ip link add link eth0 name eth0.5 type vlan id 5: .* not supported") as caught:
        BringUp((("eth0", MAC, "eth0"),), steps, ("eth0", "eth0.5"), ()).execute(system)
    assert "no driver for that kind of link" in caught.value.hint
    assert caught.value.message.endswith(f" (eth0 has MAC {MAC})")


def test_hardware_is_meant_not_what_carries_its_address() -> None:
    system = machine("bond0", "eth0")
    system.files["/sys/class/net/eth0/device/vendor"] = "0x1af4"
    assert link_name(system, MAC) == "eth0"


# --- carrier


def test_carrier_of_any_link_is_enough() -> None:
    system = Dry({"/sys/class/net/eth0/carrier": "0\n", "/sys/class/net/eth1/carrier": "1\n"})
    assert WaitCarrier(("eth0", "eth1")).execute(system) == "eth1 after 0.0 s"


@pytest.mark.parametrize(("seconds", "deadline", "after"), [(0, 12, 12), (7, 100, 7), (30, 12, 12)])
def test_no_carrier_fails_in_time_having_spoken(seconds: int, deadline: float, after: int) -> None:
    system = Dry({"/sys/class/net/eth0/carrier": "0\n", "/sys/class/net/eth1/carrier": "1\n"}, deadline=deadline)
    with pytest.raises(OsrError, match=f"no carrier on eth0 .*after {after} s") as caught:
        WaitCarrier(("eth0",), seconds).execute(system)
    assert "eth1 has one: is the cable in the wrong socket?" in caught.value.hint
    assert system.said


def test_an_aggregate_waits_for_its_other_end_for_a_moment() -> None:
    system = machine("bond0")
    partner = "/sys/class/net/bond0/bonding/ad_partner_mac"
    system.files[partner] = "00:00:00:00:00:00\n"
    assert WaitCarrier(("bond0",)).execute(system).endswith("and no answer by LACP")
    assert 5 <= system.clock < 6

    def answered(dry: Dry) -> None:
        dry.files[partner] = f"{OTHER}\n"

    system = machine("bond0")
    system.files[partner] = "00:00:00:00:00:00\n"
    system.on_pause = answered
    assert WaitCarrier(("bond0",)).execute(system) == "bond0 after 0.1 s"


# --- addresses


def test_addresses_are_asked_about_and_set_in_one_batch() -> None:
    system = machine("eth0")
    system.heard = [answer("10.0.0.1")]
    assert SET.execute(system) == "asked for 0.5 s"
    (aloud,) = who_has_aloud("10.0.0.11", MAC)
    questions = (who_has("10.0.0.11", MAC), who_has("10.0.0.1", MAC), aloud)
    assert system.sent == [("eth0", question) for question in questions]
    assert system.inputs == ["".join(f"{line}\n" for line in ADDRESSES)]


def answer(address: str = "10.0.0.11", mac: str = OTHER) -> tuple[str, bytes]:
    own = bytes.fromhex(mac.replace(":", ""))
    ip = bytes(map(int, address.split(".")))
    return "eth0", bytes(6) + own + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" + own + ip + bytes(10)


def test_a_duplicate_address_stops_the_boot_and_is_named_with_its_node() -> None:
    system = machine("eth0")
    system.heard = [answer()]
    system.files["/etc/osr/cluster.json"] = compiled.dump(Cluster(nodes=(Node("bad", 7, (Nic("eth0", OTHER),)),)))
    words = f'10.0.0.11, the address of eth0, is used by {OTHER} already, which is node "bad"'
    with pytest.raises(OsrError, match=words) as caught:
        SET.execute(system)
    assert 'probe="no"' in caught.value.hint
    assert system.ran == []


def test_a_duplicate_address_that_the_root_does_not_need_is_left_out() -> None:
    system = machine("eth0")
    system.heard = [answer()]
    spare = SetAddresses((*ADDRESSES, "address replace 10.0.1.11/24 dev eth0"), (("eth0", "10.0.0.11/24"),), (), ())
    assert spare.execute(system) == "asked for 0.5 s, 10.0.0.11 is taken"
    assert system.inputs == ["address replace 10.0.1.11/24 dev eth0\n"]
    assert system.files[TAKEN] == "eth0 10.0.0.11\n"
    profile = "/run/systemd/network/00-osr-eth0.network"
    leave = LeaveAlone("x", (("eth0", profile, "[Network]\nAddress=10.0.0.11/24\nAddress=10.0.1.11/24\n"),))
    leave.execute(system)
    assert system.files[profile] == "[Network]\nAddress=10.0.1.11/24\n"
    system.heard = []
    spare.execute(system)
    assert TAKEN not in system.files, "the other has gone"
    system.files[TAKEN] = "eth0 10.0.0.11\n"
    UNASKED.execute(system)
    assert TAKEN not in system.files, "nobody was asked"


def test_a_copy_of_this_machine_is_told_as_such() -> None:
    system = machine("eth0")
    system.heard = [answer(mac=MAC)]
    with pytest.raises(OsrError, match=f"is used by {MAC} already, as ours: a copy of this machine"):
        SET.execute(system)


def test_another_link_of_this_machine_is_no_duplicate() -> None:
    system = machine("eth0")
    system.files["/sys/class/net/eth1/address"] = f"{MAC2}\n"
    system.heard = [answer(mac=MAC2)]
    assert "taken" not in SET.execute(system)


def test_a_silent_gateway_is_told_and_no_reason_to_stop() -> None:
    system = machine("eth0")
    assert SET.execute(system) == "asked for 0.5 s, gateway 10.0.0.1 is silent"
    assert system.said == [f"warning: the gateway 10.0.0.1 does not answer on eth0 (MAC {MAC})"]


@pytest.mark.parametrize("heard", [answer("10.0.0.12"), ("eth1", answer()[1]), ("eth0", b"x" * 60)])
def test_other_frames_are_no_duplicates(heard: tuple[str, bytes]) -> None:
    system = machine("eth0")
    system.heard = [heard]
    assert SET.execute(system).startswith("asked for 0.5 s")
    assert "taken" not in SET.execute(system)


def test_what_is_about_a_link_that_is_not_there_is_left_out() -> None:
    system = machine("eth1")
    SetAddresses((*ADDRESSES, "address replace 10.1.0.1/24 dev eth1"), (), (), ()).execute(system)
    assert system.inputs == ["address replace 10.1.0.1/24 dev eth1\n"]


LATE = SetAddresses(
    ("address replace 10.1.0.11/24 dev eth1", "address replace fd01::11/64 dev eth1 nodad"),
    (("eth1", "10.1.0.11/24"), ("eth1", "fd01::11/64")), (), ("eth0",))  # fmt: skip


def test_a_carrier_that_comes_a_moment_later_is_waited_for_before_anybody_is_asked() -> None:
    system = machine("eth1")
    system.files["/sys/class/net/eth1/carrier"] = "0\n"

    def plugged(dry: Dry) -> None:
        if dry.clock > 1:
            dry.files["/sys/class/net/eth1/carrier"] = "1\n"

    system.on_pause = plugged
    assert LATE.execute(system) == "asked for 0.5 s"
    assert [link for link, _ in system.sent] == ["eth1"] * 3
    assert 1.5 <= system.clock < 1.7
    assert system.inputs[0].endswith(" nodad\n")
    down = machine("eth1")
    down.files["/sys/class/net/eth1/carrier"] = "\n"  # it cannot be read while a link is down
    LATE.execute(down)
    assert down.clock == 0.5


def test_the_kernel_asks_for_the_addresses_of_ipv6_that_we_could_not_ask_for() -> None:
    system = machine("eth1")
    system.files["/sys/class/net/eth1/carrier"] = "0\n"
    assert LATE.execute(system) == "asked for 0.5 s, not asked: eth1: no carrier"
    assert system.inputs == ["address replace 10.1.0.11/24 dev eth1\naddress replace fd01::11/64 dev eth1\n"]
    assert 1.5 <= system.clock < 2.1
    assert system.said == ["warning: not everywhere was asked who else has our addresses: eth1: no carrier"]


def test_nothing_is_sent_from_an_address_before_the_kernel_has_asked() -> None:
    system = machine("eth1")
    system.mute = {"eth1": "Network is down"}

    def proven(dry: Dry) -> None:
        flag = "00" if dry.clock > 2 else "40"
        dry.files["/proc/net/if_inet6"] = f"fd010000000000000000000000000011 03 40 00 {flag} eth1\n"

    system.on_pause = proven
    SetAddresses(LATE.lines, LATE.asked, (), ("eth1",)).execute(system)
    assert 2 < system.clock < 2.2
    system = machine("eth1")
    system.mute = {"eth1": "Network is down"}
    SetAddresses(LATE.lines, LATE.asked, (), ("eth1",)).execute(system)
    assert 3.4 < system.clock < 3.7, "for a while"


def test_links_with_a_carrier_come_first_with_their_networks_and_last_with_their_routes() -> None:
    eth0 = [("eth0", f"{line} dev eth0") for line in ("address replace 10.0.0.11/24", "route replace 10.9.0.0/16")]
    eth1 = [("eth1", f"{line} dev eth1") for line in ("address replace 10.0.0.12/24", "route replace 10.9.0.0/16")]
    system = machine("eth0", "eth1")
    assert in_order(system, eth0 + eth1) == eth0 + eth1
    system.files["/sys/class/net/eth0/carrier"] = "0\n"
    assert in_order(system, eth0 + eth1) == [eth1[0], eth0[0], eth0[1], eth1[1]]
    system.files["/sys/class/net/eth1/carrier"] = "0\n"
    assert in_order(system, eth0 + eth1) == eth0 + eth1


def test_a_route_by_a_link_that_is_down_is_told() -> None:
    system = machine("eth0")
    system.once = CommandFailed("ip", status=1, output="RTNETLINK answers: Network is down\nCommand failed -:2")
    with pytest.raises(OsrError, match="Network is down") as caught:
        UNASKED.execute(system)
    assert "is not up" in caught.value.hint


def test_an_announced_address_is_waited_for() -> None:
    line = "fd00000000000000505400fffe000001 02 40 00 {} eth0\n"
    system = Dry({"/proc/net/if_inet6": line.format("40")})

    def settle(dry: Dry) -> None:
        if dry.clock > 2:
            dry.files["/proc/net/if_inet6"] = line.format("00")

    system.on_pause = settle
    assert WaitAnnounced(("eth0",)).execute(system).startswith("fd00::5054:ff:fe00:1 after 2.")
    with pytest.raises(OsrError, match="no router announced"):
        WaitAnnounced(("eth1",)).execute(Dry({"/proc/net/if_inet6": ""}, deadline=12))
