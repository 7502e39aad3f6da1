"""What the links of a cluster.conf need in an image: drivers, firmware, a DHCP client."""

from __future__ import annotations

from tests.image import made
from tests.image.test_image import drivers
from tests.lab.lab import cluster_conf
from tests.vm import networks

E100 = cluster_conf().replace('name="eth0"', 'name="eth0" driver="e100"')
FIRMWARE = (
    "lib/firmware/e100/d101m_ucode.bin",
    "lib/firmware/e100/d101s_ucode.bin",
    "lib/firmware/e100/d102e_ucode.bin",
)


def test_links_that_stand_on_others_bring_their_drivers() -> None:
    image = made.make(("-a", "osr osr-cluster"), networks.VLAN_ON_BOND)
    assert {"bonding.ko", "8021q.ko"} <= drivers(image)
    assert "bridge.ko" in drivers(made.make(("-a", "osr osr-cluster"), networks.BRIDGE))


def test_an_image_without_dhcp_has_nothing_of_ours_for_it() -> None:
    # A client may be there: dracut's own network module brings one.
    assert "/usr/lib/osr/lease" not in made.full().names()


def test_a_dhcp_client_is_in_the_image_if_it_is_asked_for() -> None:
    image = made.make(("-a", "osr osr-cluster"), networks.DHCP)
    names = {name.rpartition("/")[2] for name in image.names()}
    assert names & {"dhclient", "dhcpcd", "udhcpc"}
    assert "/usr/lib/osr/lease" in image.names()
    said = image.inside("/usr/lib/osr/lease", files={"/run/osr/here": ""})
    assert (said.status, said.stderr) == (0, "")


def test_no_client_stops_the_build_and_names_those_that_would_do() -> None:
    gone = "for name in dhclient dhcpcd udhcpc; do rm -f /sbin/$name /usr/sbin/$name /usr/bin/$name; done"
    said = made.refused(networks.DHCP, before=gone)
    assert "cluster.conf says dhcp, and there is none of dhclient dhcpcd udhcpc: install one" in said
    assert "status 1" in said.splitlines()


def test_missing_firmware_of_a_named_driver_is_named() -> None:
    image = made.make(("-a", "osr osr-cluster"), E100)
    assert "e100.ko" in drivers(image)
    for file in FIRMWARE:
        name = file.removeprefix("lib/firmware/")
        assert f"driver e100 may ask for the firmware {name}, and it is not in /lib/firmware" in image.log


def test_firmware_that_is_there_is_carried() -> None:
    image = made.make(("-a", "osr osr-cluster"), E100, tuple((file, "code") for file in FIRMWARE))
    assert {f"/usr/{file}" for file in FIRMWARE} <= image.names()
    assert "may ask for the firmware" not in image.log
