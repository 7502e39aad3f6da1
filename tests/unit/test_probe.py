"""Who has our addresses, which gateways are silent, which other links have a carrier: on a pretended machine."""

from __future__ import annotations

from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed
from osr_boot.ops.probe import Survey, carriers, duplicates, is_own, survey
from osr_boot.packets import who_has
from tests.unit.test_nfs import OURS, THEIRS, link, reply

ASKED = [("eth0", "10.0.0.11/24"), ("eth1", "10.1.0.11")]
GATEWAYS = [("eth0", "10.0.0.1"), ("eth1", "10.1.0.1")]


def test_one_exchange_for_all() -> None:
    system = Dry({**link("eth0"), **link("eth1")})
    system.heard = [reply("eth0"), reply("eth1", "10.1.0.11"), reply("eth1", "10.0.0.11")]
    assert survey(system, ASKED, GATEWAYS) == Survey((("eth1", "10.1.0.11", THEIRS),), (("eth1", "10.1.0.1"),), ())
    assert [name for name, _ in system.sent] == ["eth0", "eth1", "eth0", "eth1", "eth0", "eth1"]
    assert system.clock == 0.5
    assert duplicates(system, ASKED) == (("eth1", "10.1.0.11", THEIRS),)
    assert not is_own(system, "eth1", THEIRS)
    assert is_own(system, "eth1", OURS)


def test_who_asks_for_the_gateway_as_we_do_is_not_the_gateway() -> None:
    system = Dry(link("eth0"))
    system.heard = [("eth0", who_has("10.0.0.1", THEIRS))]
    assert survey(system, [], GATEWAYS) == Survey((), (("eth0", "10.0.0.1"),), ())


def test_a_link_that_cannot_be_asked_is_told_and_hides_nothing_of_the_others() -> None:
    system = Dry({**link("eth0"), **link("eth1", carrier="0"), **link("eth2"), **link("ib0", type="32")})
    system.heard, system.mute = [reply("eth0", "10.0.0.11")], {"eth2": "Network is down"}
    asked = [*ASKED, ("eth2", "10.2.0.11"), ("ib0", "10.3.0.11"), ("eth9", "10.9.0.11")]
    found = survey(system, asked, [*GATEWAYS, ("eth2", "10.2.0.1"), ("ib0", "10.3.0.1")])
    assert found.taken == (("eth0", "10.0.0.11", THEIRS),)
    assert found.silent == (("eth0", "10.0.0.1"),), "where nobody was asked nobody is silent"
    assert found.unasked == (("eth1", "no carrier"), ("ib0", "not Ethernet"), ("eth2", "Network is down"))
    assert survey(Dry(), asked, GATEWAYS) == Survey((), (), ())


def test_other_cards_are_taken_up_to_see_their_carrier_and_down_again_whatever_happens() -> None:
    down = {key: text for name in ("eth1", "eth2") for key, text in
            link(name, flags="0x1002", carrier="", device="").items()}  # fmt: skip
    system = Dry({**link("eth0", carrier="0", device=""), **down, **link("lo")})

    def plugged(dry: Dry) -> None:
        dry.files["/sys/class/net/eth2/carrier"] = "1"

    system.on_pause = plugged
    assert carriers(system, ["eth0"]) == ["eth2"]
    assert system.inputs == [f"link set dev eth1 {to}\nlink set dev eth2 {to}\n" for to in ("up", "down")]
    assert 3 <= system.clock < 3.2
    system.answers["ip"] = CommandFailed("ip: No such file or directory", status=1)
    assert carriers(system, ["eth0"]) == ["eth2"]
