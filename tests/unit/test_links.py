"""Links: the exact batch, renaming, and waits that say for what they wait."""

from __future__ import annotations

import pytest

from osr_boot import network
from osr_boot.dry import Dry
from osr_boot.errors import OsrError
from osr_boot.model import Nic, Node
from osr_boot.ops.links import LoadDriver, SetUp, WaitCarrier, link_name

MAC = "52:54:00:00:00:01"
NIC = Nic("eth0", MAC, "10.0.0.11/24", gateway="10.0.0.1")
SET_UP = SetUp("eth0", MAC, "10.0.0.11/24", "10.0.0.1", 0, False)
BATCH = "link set dev eth0 up\naddress replace 10.0.0.11/24 dev eth0\nroute replace default via 10.0.0.1 dev eth0\n"


def machine(*names: str, mac: str = MAC) -> Dry:
    return Dry({f"/sys/class/net/{name}/address": f"{mac}\n" for name in names})


def test_plan_of_one_static_link() -> None:
    assert list(network.plan(Node("n", 1, (NIC,)))) == [SET_UP, WaitCarrier(("eth0",))]


def test_plan_leaves_out_what_is_not_up_at_boot() -> None:
    assert list(network.plan(Node("n", 1, (Nic("eth1", MAC, "10.0.0.2/24", onboot=False),)))) == []


def test_drivers_come_first_and_once() -> None:
    nics = (Nic("eth0", MAC, driver="e1000"), Nic("eth1", "52:54:00:00:00:02", driver="e1000"))
    assert list(network.plan(Node("n", 1, nics)))[:2] == [LoadDriver("e1000"), SetUp("eth0", MAC, "", "", 0, False)]


def test_one_batch_sets_up_a_link() -> None:
    system = machine("eth0")
    assert SET_UP.execute(system) == ""
    assert system.ran == [("ip", "-batch", "-")]
    assert system.inputs == [BATCH]
    assert SET_UP.input() == BATCH


def test_mtu() -> None:
    assert SetUp("eth0", MAC, "", "", 9000, False).input() == "link set dev eth0 mtu 9000 up\n"


def test_a_gateway_outside_the_subnet() -> None:
    batch = SetUp("eth0", MAC, "10.0.0.11/32", "10.0.0.1", 0, True).input()
    assert batch.endswith("route replace default via 10.0.0.1 dev eth0 onlink\n")


def test_link_gets_its_name() -> None:
    system = machine("ens3")
    assert SET_UP.execute(system) == 'kernel name "ens3"'
    assert system.inputs == ["link set dev ens3 down\nlink set dev ens3 name eth0\n" + BATCH]


def test_a_stranger_with_our_name_steps_aside() -> None:
    system = machine("ens3")
    system.files["/sys/class/net/eth0/address"] = "52:54:00:00:00:99\n"
    SET_UP.execute(system)
    aside = "link set dev eth0 down\nlink set dev eth0 name osr-eth0\n"
    assert system.inputs[0].startswith(f"{aside}link set dev ens3 down\n")


def test_a_late_link_is_waited_for_with_one_word() -> None:
    system = Dry()

    def appear(dry: Dry) -> None:
        if dry.clock > 3:
            dry.files["/sys/class/net/eth0/address"] = f"{MAC}\n"

    system.on_pause = appear
    SET_UP.execute(system)
    assert system.said == [f'waiting for link "eth0" with MAC {MAC}']
    assert system.inputs == [BATCH]


def test_a_link_that_never_comes_is_named_with_those_that_are_there() -> None:
    system = machine("ens9", mac="52:54:00:00:00:99")
    with pytest.raises(OsrError, match=MAC) as caught:
        SET_UP.execute(system)
    assert "ens9 52:54:00:00:00:99" in caught.value.hint
    assert system.ran == []


def test_hardware_is_meant_not_what_carries_its_address() -> None:
    system = machine("bond0", "eth0")
    system.files["/sys/class/net/eth0/device/vendor"] = "0x1af4"
    assert link_name(system, MAC) == "eth0"


def test_carrier_of_any_link_is_enough() -> None:
    system = Dry({"/sys/class/net/eth0/carrier": "0\n", "/sys/class/net/eth1/carrier": "1\n"})
    assert WaitCarrier(("eth0", "eth1")).execute(system) == "eth1 after 0.0 s"


def test_no_carrier_fails_at_the_deadline_having_spoken() -> None:
    system = Dry({"/sys/class/net/eth0/carrier": "0\n"}, deadline=12)
    with pytest.raises(OsrError, match="no carrier on eth0 after 12 s"):
        WaitCarrier(("eth0",)).execute(system)
    assert len(system.said) == 2
