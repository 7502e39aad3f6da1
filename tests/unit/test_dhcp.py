"""DHCP: which client is called how, what of an answer is taken, and answers that nobody should take."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osr_boot import lease, requires, values
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.model import Cluster, Nic, Node
from osr_boot.ops import from_json, to_json
from osr_boot.ops.announced import WaitAnnounced
from osr_boot.ops.cards import MISSING
from osr_boot.ops.clients import CLIENTS, argv, renewing
from osr_boot.ops.dhcp import AskAddress
from osr_boot.ops.request import Request
from osr_boot.packets import who_has

PATH = "/run/osr/dhcp/eth0-4"
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:99"
GOOD = {"address": "10.0.0.11", "mask": "255.255.255.0", "routers": "10.0.0.1 10.0.0.2"}


class Network(Dry):
    """A machine whose DHCP client gets one answer after the other, the last one for ever."""

    answered: list[object] = []  # noqa: RUF012
    on_links: dict[str, list[object]] = {}  # noqa: RUF012
    """the same for each of several links"""
    timeouts: list[float]
    before: list[bool]
    late = False
    """whether the number of a client in the background is not there yet when it has an answer"""

    def run(self, argv: Any, *, input: str = "", timeout: float = 30, root: str = "/") -> str:
        if argv[0] == "ip":
            return super().run(argv, input=input, timeout=timeout, root=root)
        family = 6 if "-6" in argv or argv[0] == "udhcpc6" else 4
        path = f"/run/osr/dhcp/{argv[-1] if argv[-1] in self.on_links else 'eth0'}-{family}"
        self.timeouts.append(timeout)
        self.before += [self.exists(f"{path}.json"), self.exists(f"{path}.pid")]
        said = super().run(argv, input=input, timeout=timeout, root=root)
        answered = self.on_links.get(argv[-1], self.answered)
        answer = answered.pop(0) if len(answered) > 1 else answered[0] if answered else None
        if answer is not None:
            self.files[f"{path}.json"] = answer if isinstance(answer, str) else json.dumps(answer)
            if not self.late:
                self.files[f"{path}.pid"] = "412\n"
        return said


def machine(*answers: object, client: str = "dhclient", deadline: float = 30) -> Network:
    system = Network({f"/usr/sbin/{client}": ""}, deadline=deadline)
    system.answered, system.timeouts, system.before = list(answers or (GOOD,)), [], []
    system.files |= {"/sys/class/net/eth0/address": f"{MAC}\n", "/sys/class/net/eth0/type": "1\n"}
    return system


def ask(
    family: int = 4, *, needed: bool = True, probe: bool = False, onlink: bool = False, lines: tuple[str, ...] = ()
) -> AskAddress:
    return AskAddress((("eth0", MAC, family, probe, onlink),), lines, needed, (), ())


def taken(address: str, mac: str = OTHER) -> tuple[str, bytes]:
    """Return what is heard of another machine with an address: its own question whether somebody has it."""
    return "eth0", who_has(address, mac)


ASK = ask()


def test_an_answer_becomes_an_address_and_a_route() -> None:
    system = machine()
    assert ASK.execute(system) == "10.0.0.11/24, gateway 10.0.0.1"
    assert system.ran[0][:4] == ("dhclient", "-4", "-1", "-q")
    assert system.inputs[1] == "address replace 10.0.0.11/24 dev eth0\nroute replace default via 10.0.0.1 dev eth0\n"


@pytest.mark.parametrize(
    ("dns", "found"),
    [
        ("10.0.0.53", "nameserver 10.0.0.53\n"),
        ("10.0.0.1,10.0.0.2", "nameserver 10.0.0.1\nnameserver 10.0.0.2\n"),
        ("1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4", "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n"),
        ("$(reboot) 10.0.0.53\nsearch evil", "nameserver 10.0.0.53\n"),
    ],
)
def test_name_servers_are_left_for_the_system(dns: str, found: str) -> None:
    system = machine({**GOOD, "dns": dns})
    ASK.execute(system)
    assert system.files["/run/osr/resolv.conf"] == found
    servers = found.replace("nameserver ", "").split()
    assert system.files["/run/systemd/resolved.conf.d/50-osr.conf"] == f"[Resolve]\nDNS={' '.join(servers)}\n"


def test_nonsense_for_a_name_server_is_left_out() -> None:
    system = machine({**GOOD, "dns": "nonsense 300.1.1.1"})
    ASK.execute(system)
    assert "/run/osr/resolv.conf" not in system.files


def test_a_line_that_the_kernel_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    system = machine()
    run = system.run

    def refuse(words: tuple[str, ...], **more: str) -> str:
        if words[0] == "ip":
            said = "RTNETLINK answers: Invalid argument\nCommand failed -:1"
            raise CommandFailed("ip failed", status=1, output=said)
        return run(words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(system, "run", refuse)
    with pytest.raises(OsrError, match="ip address replace 10.0.0.11/24 dev eth0: RTNETLINK answers: Invalid argument"):
        ASK.execute(system)


def test_the_gateway_of_cluster_conf_stays() -> None:
    for begin in ("default", "0.0.0.0/0"):
        own = (f"route replace {begin} via 10.0.0.9 dev eth0",)
        system = machine()
        assert ask(lines=own).execute(system) == "10.0.0.11/24"
        assert system.inputs[1].splitlines()[1:] == list(own)
    other = ("route replace default via fd00::1 dev eth0",)
    assert ask(lines=other).execute(machine()) == "10.0.0.11/24, gateway 10.0.0.1"


def test_the_lease_is_kept_by_the_running_system_which_changes_nothing() -> None:
    system = machine()
    ASK.execute(system)
    unit = system.files["/run/systemd/system/osr-lease-eth0-4.service"]
    assert unit.count("ExecStart=/usr/sbin/dhclient -d -4 -q ") == 1
    assert "-sf /bin/true eth0\n" in unit
    assert " -1 " not in unit
    assert (
        "Wants=osr-lease-eth0-4"
        in system.files["/run/systemd/system/sysinit.target.d/50-osr-lease-eth0-4.service.conf"]
    )


def test_version_6() -> None:
    system = machine({"address6": "fd00::11"})
    assert ask(6).execute(system) == "fd00::11/128"
    assert system.inputs[1] == "address replace fd00::11/128 dev eth0 nodad\n"


def test_a_client_in_the_background_is_ended() -> None:
    system = machine()
    ASK.execute(system)
    assert system.ended == [412]


def test_a_client_in_the_background_may_write_its_number_late() -> None:
    system = machine(GOOD)
    system.late = True

    def write(dry: Dry) -> None:
        if dry.clock > 0.3:
            dry.files[f"{PATH}.pid"] = "413\n"

    system.on_pause = write
    ASK.execute(system)
    assert system.ended == [413]
    assert system.clock < 0.5
    never = machine(GOOD)
    never.late = True
    ASK.execute(never)
    assert never.ended == []
    assert never.clock < 1.1


@pytest.mark.parametrize("client", ["dhclient", "dhcpcd", "udhcpc"])
def test_each_client_gets_our_script_and_no_other(client: str) -> None:
    words = argv(client, "eth0", 4, PATH, MAC)
    assert words[0] == client
    assert "/usr/lib/osr/lease" in words
    assert "eth0" in words


@pytest.mark.parametrize(
    "answer",
    [
        {"address": "10.0.0.11; reboot", "mask": "255.255.255.0"},
        {"address": "$(reboot)", "mask": "24"},
        {"address": "10.0.0.11\naddress add 10.9.9.9/8 dev eth0", "mask": "24"},
        {"address": "127.0.0.1", "mask": "255.0.0.0"},
        {"address": "10.0.0.11", "mask": "255.0.255.0"},
        {"address": "10.0.0.11"},
        {"address": ["10.0.0.11"]},
        {},
    ],
)
def test_a_hostile_answer_is_refused_and_nothing_is_done(answer: object) -> None:
    system = machine(answer)
    with pytest.raises(OsrError, match="the DHCP server offers the address") as caught:
        ASK.execute(system)
    assert "\n" not in str(caught.value)
    assert not any(words[0] == "ip" for words in system.ran)


@given(st.text() | st.from_regex(r"[0-9a-fA-F.:/%\s]*"), st.text() | st.sampled_from(["24", "255.255.255.0", "64"]))
def test_nothing_but_an_address_becomes_a_line(address: str, mask: str) -> None:
    said: list[str] = []
    for family in (4, 6):
        answer = {"address": address, "address6": address, "mask": mask, "routers": address, "dns": mask}
        try:
            lines, _ = Request("eth0", MAC, family, False, False, True, ()).taken(Dry(), answer)
        except OsrError as error:
            said.append(error.message)
            continue
        for line in lines:
            words = line.split(" ")
            assert words[:2] in (["address", "replace"], ["route", "replace"])
            assert words[-2:] == ["dev", "eth0"] or words[-3:] == ["dev", "eth0", "nodad"]
            assert set(words[2]) <= set("0123456789abcdef.:/default")
    assert all(text.isprintable() for text in said)


@pytest.mark.parametrize("address", ["fd00::1%x\nlink del dev eth0", "fd00::1%eth0", "10.0.0.11", "fe80::1%", "::"])
def test_a_zone_is_no_part_of_an_address(address: str) -> None:
    system = machine({"address6": address})
    with pytest.raises(OsrError, match="the DHCP server offers the address"):
        ask(6).execute(system)
    assert not any(words[0] == "ip" for words in system.ran)


@given(st.text())
def test_name_servers_are_addresses_or_nothing(dns: str) -> None:
    system = machine({**GOOD, "dns": dns, "root": dns})
    ASK.execute(system)
    for line in system.files.get("/run/osr/resolv.conf", "").splitlines():
        assert line.startswith("nameserver ")
        assert set(line[11:]) <= set("0123456789abcdef.:")


@pytest.mark.parametrize("router", ["10.9.9.9", "10.0.0.11", "x;\x1b[2Jreboot", "10.0.0.1/8"])
def test_a_router_of_nonsense_is_left_out(router: str) -> None:
    system = machine({**GOOD, "routers": router})
    said = ASK.execute(system)
    assert said.startswith('10.0.0.11/24; the router "')
    assert said.endswith(": left out")
    assert said.isprintable()
    assert system.inputs[1] == "address replace 10.0.0.11/24 dev eth0\n"


def test_a_router_in_no_network_is_taken_where_cluster_conf_says_so() -> None:
    cloud = {"address": "10.0.0.11", "mask": "255.255.255.255", "routers": "10.0.0.1"}
    said = '10.0.0.11/32; the router "10.0.0.1" is outside the network 10.0.0.11/32 of the link: left out'
    assert ASK.execute(machine(cloud)) == said
    system = machine(cloud)
    assert ask(onlink=True).execute(system) == "10.0.0.11/32, gateway 10.0.0.1"
    assert system.inputs[1].splitlines()[1] == "route replace default via 10.0.0.1 dev eth0 onlink"


# As the kernel writes it: a head, a default route, and one to a network.
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT   \n\
{}\t00000000\tFE00000A\t0003\t0\t0\t0\t00000000\t0\t0\t0   \n\
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0   \n"""


@pytest.mark.parametrize("needed", [True, False])
def test_the_default_route_of_another_link_stays(needed: bool) -> None:
    system = machine()
    system.files["/proc/net/route"] = ROUTES.format("eth1")
    said = "10.0.0.11/24; the router 10.0.0.1 is left out: eth1 has the default route"
    assert ask(needed=needed).execute(system) == said
    assert system.inputs[1] == "address replace 10.0.0.11/24 dev eth0\n"
    again = machine()
    again.files["/proc/net/route"] = ROUTES.format("eth0")
    assert ask(needed=needed).execute(again) == "10.0.0.11/24, gateway 10.0.0.1"


def test_a_default_route_that_leads_nowhere_gives_way_to_one_toward_the_root() -> None:
    system = machine()
    system.files |= {"/proc/net/route": ROUTES.format("eth1"), "/sys/class/net/eth1/carrier": "0\n"}
    said = "10.0.0.11/24, gateway 10.0.0.1 in place of that on eth1, which has no carrier"
    assert ask().execute(system) == said
    assert ask(needed=False).execute(system).endswith("is left out: eth1 has the default route")


def test_a_root_path_is_not_for_us() -> None:
    said = ASK.execute(machine({**GOOD, "root": "nfs:10.9.9.9:/evil"}))
    assert said == "10.0.0.11/24, gateway 10.0.0.1; a root path in the answer is not for us"


def test_nobody_answers() -> None:
    system = machine(None)
    system.answers = {"dhclient": CommandFailed("dhclient", status=2, output="hm\nNo DHCPOFFERS received.")}
    with pytest.raises(OsrError) as caught:
        ASK.execute(system)
    tries, why, command = caught.value.message.split(": ", 1)[0], *caught.value.message.split("; ")
    assert tries.startswith(f"no address by DHCP on eth0 (MAC {MAC}) after ")
    assert why.endswith("attempts: dhclient: No DHCPOFFERS received.")
    assert command == f"asked by: {shlex.join(argv('dhclient', 'eth0', 4, PATH, MAC))}"
    assert f"the MAC address {MAC}" in caught.value.hint
    assert system.clock < 30
    assert system.said[0] == f"DHCP on eth0 (MAC {MAC}): attempt 1: dhclient: No DHCPOFFERS received.; again"


@pytest.mark.parametrize("answers", [(None,), ({"address": "127.0.0.1"},)])
def test_a_link_that_nobody_needs_is_asked_for_once_and_not_for_long(answers: tuple[object, ...]) -> None:
    system = machine(*answers, deadline=150)
    assert ask(needed=False).execute(system).startswith("none: no address by DHCP on eth0")
    assert system.timeouts == [10.0]
    assert system.clock == 0
    assert [line.endswith("; going on without it") for line in system.said] == [True]


def test_a_line_that_the_kernel_refuses_stops_nothing_if_nobody_needs_the_link() -> None:
    system = machine()
    system.answers = {"ip": CommandFailed("ip failed", status=1, output="RTNETLINK answers: no\nCommand failed -:1")}
    assert ask(needed=False).execute(system).startswith("none: ip address replace")


def test_one_answer_of_nonsense_among_good_ones_ends_nothing() -> None:
    system = machine({"address": "127.0.0.1", "mask": "255.0.0.0"}, "{", None, GOOD)
    assert ASK.execute(system) == "10.0.0.11/24, gateway 10.0.0.1"
    assert 'the DHCP server offers the address "127.0.0.1", which is' in system.said[0]
    assert system.said[1].endswith("eth0-4.json cannot be read; again")
    assert system.said[2].endswith("nobody answered; again")


def test_what_an_attempt_before_has_left_is_not_used() -> None:
    system = machine(None)
    system.files |= {f"{PATH}.json": json.dumps(GOOD), f"{PATH}.pid": "1234"}
    with pytest.raises(OsrError, match="nobody answered"):
        ASK.execute(system)
    assert system.ended == []
    assert not any(system.before)


@pytest.mark.parametrize(("status", "word"), [(127, "not found"), (126, "cannot be started")])
def test_a_client_that_cannot_be_started_is_not_started_again(status: int, word: str) -> None:
    system = machine(None)
    system.answers = {"dhclient": CommandFailed(f"dhclient: {word}", status=status, hint="rebuild the image")}
    with pytest.raises(OsrError, match=f"after 1 attempt: dhclient: {word}") as caught:
        ASK.execute(system)
    assert caught.value.hint == "rebuild the image"
    assert len(system.ran) == 1


def test_the_client_of_version_6_is_another_one_of_busybox() -> None:
    with pytest.raises(OsrError, match="the image has no DHCP client for IPv6") as caught:
        ask(6).execute(machine({"address6": "fd00::11"}, client="udhcpc"))
    assert "udhcpc6" in caught.value.hint
    system = machine({"address6": "fd00::11"}, client="udhcpc6")
    assert ask(6).execute(system) == "fd00::11/128"
    assert system.ran[0][0] == "udhcpc6"
    unit = system.files["/run/systemd/system/osr-lease-eth0-6.service"]
    assert "ConditionFileIsExecutable=/usr/sbin/udhcpc6\n" in unit
    assert "ExecStart=/usr/sbin/udhcpc6 -i eth0 -f " in unit


def test_lines_that_need_the_address_come_after_it_and_only_with_it() -> None:
    lines = ("route replace default via 10.0.0.9 dev eth0", "route replace 10.1.0.0/16 via 10.0.0.2 dev eth0")
    system = machine()
    ask(lines=lines).execute(system)
    assert system.inputs[1].splitlines() == ["address replace 10.0.0.11/24 dev eth0", *lines]
    system = machine(None)
    ask(needed=False, lines=lines).execute(system)
    assert not any(words[0] == "ip" for words in system.ran)


def test_an_address_that_somebody_has_is_a_failed_attempt() -> None:
    system = machine()
    system.heard = [taken("10.0.0.11")]
    system.files["/var/lib/dhcpcd/eth0.lease"] = system.files[f"{PATH}.leases"] = "10.0.0.11"
    with pytest.raises(OsrError, match=f"the address 10.0.0.11, which is used by {OTHER} already") as caught:
        ask(probe=True).execute(system)
    assert 'probe="no"' in caught.value.hint
    assert not any(words[0] == "ip" for words in system.ran)
    assert not {"/var/lib/dhcpcd/eth0.lease", f"{PATH}.leases"} & set(system.files)
    assert ask(probe=False).execute(machine()) == "10.0.0.11/24, gateway 10.0.0.1"


def test_the_next_address_may_be_free() -> None:
    system = machine(GOOD, {**GOOD, "address": "10.0.0.12"})
    system.heard = [taken("10.0.0.11")]
    assert ask(probe=True).execute(system) == "10.0.0.12/24, gateway 10.0.0.1"
    assert len(system.said) == 1


def if_inet6(address: str, flags: int, scope: int = 0x20) -> str:
    return f"{address} 02 40 {scope:02x} {flags:02x}     eth0\n"


LINK_LOCAL = "fe80000000000000505400fffe000001"


def test_version_6_waits_until_the_link_can_send() -> None:
    system = machine({"address6": "fd00::11"})
    system.files["/proc/net/if_inet6"] = if_inet6(LINK_LOCAL, 0xC0)

    def settle(dry: Dry) -> None:
        if dry.clock > 1:
            dry.files["/proc/net/if_inet6"] = if_inet6(LINK_LOCAL, 0x80)

    system.on_pause = settle
    ask(6).execute(system)
    assert 1 < system.clock < 1.3
    never = machine({"address6": "fd00::11"})
    never.files["/proc/net/if_inet6"] = if_inet6(LINK_LOCAL, 0x48)
    assert ask(6).execute(never) == "fd00::11/128"
    assert 3 <= never.clock < 3.3


def test_version_4_waits_for_no_address_of_version_6() -> None:
    system = machine()
    ASK.execute(system)
    assert system.clock == 0


def test_explain_shows_the_command() -> None:
    wait = ask(lines=("route replace default via 10.0.0.9 dev eth0",))
    assert wait.describe() == f"ask for an IPv4 address on eth0 (MAC {MAC}) by DHCP"
    assert wait.commands() == (argv("dhclient", "eth0", 4, PATH, MAC), ("ip", "-batch", "-"))
    assert wait.input() == "route replace default via 10.0.0.9 dev eth0\n"
    assert from_json(json.loads(json.dumps(to_json(wait)))) == wait


# --- several links


OTHER_GOOD = {"address": "10.1.0.11", "mask": "255.255.255.0", "routers": "10.1.0.1"}
SECOND = f"eth1 (MAC {OTHER})"


def both(eth0: object, eth1: object, *, deadline: float = 60, carriers: str = "11") -> Network:
    system = machine(deadline=deadline)
    system.on_links = {"eth0": [eth0], "eth1": [eth1]}
    system.files |= {f"/sys/class/net/eth{number}/carrier": f"{one}\n" for number, one in enumerate(carriers)}
    return system


def ask_both(
    *, needed: bool = True, lines: tuple[str, ...] = (), known: tuple[str, ...] = (), announced: tuple[str, ...] = ()
) -> AskAddress:
    links = (("eth0", MAC, 4, False, False), ("eth1", OTHER, 4, False, False))
    return AskAddress(links, lines, needed, known, announced)


def asked(system: Network) -> list[str]:
    return [words[-1] for words in system.ran if words[0] == "dhclient"]


def test_each_of_several_links_is_asked_once() -> None:
    lines = ("route replace 10.9.0.0/16 via 10.1.0.2 dev eth1",)
    system = both(GOOD, OTHER_GOOD)
    said = ask_both(lines=lines).execute(system)
    assert said == "eth0: 10.0.0.11/24, gateway 10.0.0.1; eth1: 10.1.0.11/24, gateway 10.1.0.1"
    assert asked(system) == ["eth0", "eth1"]
    assert system.timeouts == [10.0, 10.0]
    assert [text.splitlines()[2:] for text in system.inputs if "address" in text] == [[], list(lines)]
    assert ask_both().describe() == f"ask for an IPv4 address on eth0 (MAC {MAC}) or {SECOND} by DHCP"
    assert from_json(json.loads(json.dumps(to_json(ask_both(lines=lines))))) == ask_both(lines=lines)


def test_one_of_several_links_is_enough() -> None:
    system = both(None, OTHER_GOOD)
    assert "eth1: 10.1.0.11/24" in ask_both().execute(system)
    assert asked(system) == ["eth0", "eth1"]
    assert system.said[-1].startswith(f"warning: no address by DHCP on eth0 (MAC {MAC}) after 1 attempt: nobody")
    assert system.clock == 0


def test_a_link_without_carrier_has_a_moment_once_another_has_its_address() -> None:
    system = both(GOOD, OTHER_GOOD, carriers="10")
    said = f"no address by DHCP on {SECOND}: no carrier"
    assert ask_both().execute(system) == f"eth0: 10.0.0.11/24, gateway 10.0.0.1; {said}"
    assert system.said == [f"warning: {said}; going on without it"]
    assert asked(system) == ["eth0"]
    assert 5 <= system.clock < 5.5

    def plug(dry: Dry) -> None:
        if dry.clock > 2:
            dry.files["/sys/class/net/eth1/carrier"] = "1\n"

    late = both(GOOD, OTHER_GOOD, carriers="10")
    late.on_pause = plug
    assert "eth1: 10.1.0.11/24" in ask_both().execute(late)
    assert late.clock < 2.5


def test_links_are_asked_in_turn_until_one_answers_or_the_time_is_over() -> None:
    system = both(None, None)

    def answer(dry: Dry) -> None:
        if dry.clock > 20:
            system.on_links["eth1"] = [OTHER_GOOD]

    system.on_pause = answer
    ask_both().execute(system)
    assert asked(system)[:4] == ["eth0", "eth1", "eth0", "eth1"]
    assert set(system.timeouts) == {10.0}
    assert f"DHCP on {SECOND}: attempt 1: nobody answered; again" in system.said
    never = both(None, None, carriers="10")
    with pytest.raises(OsrError, match="eth0 .* after .* attempts: nobody answered") as caught:
        ask_both().execute(never)
    assert caught.value.message.endswith(f"; no address by DHCP on {SECOND}: no carrier")
    assert "know the MAC address" in caught.value.hint
    assert 50 < never.clock < 60


def test_a_link_of_cluster_conf_with_a_carrier_is_enough() -> None:
    system = both(None, None, carriers="111")
    assert ask_both(known=("eth2",)).execute(system).count("no address by DHCP") == 2
    assert asked(system) == ["eth0", "eth1"]
    assert system.clock == 0
    without = both(None, None, carriers="110")
    with pytest.raises(OsrError, match="; no carrier on eth2$"):
        ask_both(known=("eth2",)).execute(without)


def test_an_announced_address_is_enough() -> None:
    system = both(None, None)

    def announce(dry: Dry) -> None:
        if dry.clock > 20:
            dry.files["/proc/net/if_inet6"] = if_inet6("fd000000000000000000000000000011", 0, 0)

    system.on_pause = announce
    assert ask_both(announced=("eth0",)).execute(system).count("no address by DHCP") == 2
    assert 20 < system.clock < 25
    never = both(None, None)
    with pytest.raises(OsrError, match="; no router announced an IPv6 network on eth0$"):
        ask_both(announced=("eth0",)).execute(never)


def test_nothing_is_asked_on_a_card_that_has_only_the_name_of_ours() -> None:
    system = both(GOOD, OTHER_GOOD)
    system.files[MISSING] = "eth0\n"
    assert ask_both(needed=False).execute(system) == "no eth0; eth1: 10.1.0.11/24, gateway 10.1.0.1"
    assert asked(system) == ["eth1"]
    system.files[MISSING] = "eth0\neth1\n"
    assert ask_both(needed=False).execute(system) == "no eth0; no eth1"
    with pytest.raises(OsrError, match="no card of eth0, eth1 is here"):
        ask_both().execute(system)
    stranger = both(None, None, carriers="111")
    stranger.files[MISSING] = "eth2\n"
    with pytest.raises(OsrError, match="no address by DHCP"):
        ask_both(known=("eth2",)).execute(stranger)


def test_a_wait_for_carriers_says_for_whose() -> None:
    system = both(None, None, carriers="00")
    with pytest.raises(OsrError, match="no carrier"):
        ask_both().execute(system)
    assert system.said[0] == "waiting for eth0 or eth1, 10 s so far"
    assert asked(system) == []


# --- who keeps the lease


def unit_of(client: str, family: int, link: str = "eth0") -> tuple[str, list[str]]:
    """Return the unit's name, and what it starts, as systemd reads it."""
    (path, text), (drop_in, wants) = renewing(
        f"/usr/sbin/{client}", link, family, f"/run/osr/dhcp/{link}-{family}", MAC
    )
    name = path.rpartition("/")[2]
    assert wants == f"[Unit]\nWants={name}\n"
    assert drop_in == f"/run/systemd/system/sysinit.target.d/50-{name}.conf"
    (start,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    return name, [word.replace("$$", "$") for word in shlex.split(start.removeprefix("ExecStart="))]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("client", ["dhclient", "dhcpcd", "udhcpc"])
def test_what_keeps_a_lease_does_not_end_with_it_and_changes_nothing(client: str, family: int) -> None:
    client = "udhcpc6" if (client, family) == ("udhcpc", 6) else client
    _, words = unit_of(client, family)
    assert words[0] == f"/usr/sbin/{client}"
    assert not {"-1", "-n", "-q", "--oneshot"} & set(words) - ({"-q"} if client == "dhclient" else set())
    assert "/usr/lib/osr/lease" not in words
    assert "/bin/true" in words
    stay = {"dhclient": "-d", "dhcpcd": "--nobackground"}.get(client, "-f")
    assert stay in words


@pytest.mark.parametrize("link", ["eth0", "a$b", "x;y", "a@b", "bond0.5", "a{b}", "-".join("abc")])
def test_a_unit_bears_every_name_of_a_link(link: str) -> None:
    assert values.link_name(link) == link
    name, words = unit_of("dhclient", 4, link)
    assert words[1] == "-d"
    assert words[-1] == link
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.\\")


def test_dhcpcd_leaves_the_link_alone() -> None:
    # Debian 12's, without --noconfigure, gave the link an address and routes itself, and took 4 s more; for IPv6 it
    # took router announcements from the kernel, which then forgets the router.
    for family in (4, 6):
        assert "--noconfigure" in argv("dhcpcd", "eth0", family, PATH, MAC)
    assert {"--noipv6rs", "--ia_na", f"--duid=00:03:00:01:{MAC}"} <= set(argv("dhcpcd", "eth0", 6, PATH, MAC))


# --- what the image needs


@pytest.mark.parametrize(
    ("addresses", "kinds"),
    [((), []), (("dhcp",), [4]), (("dhcp6",), [6]), (("dhcp", "dhcp6"), [4, 6]), (("10.0.0.1/24",), [])],
)
def test_the_image_gets_a_client_for_each_kind_of_address(addresses: tuple[str, ...], kinds: list[int]) -> None:
    nic = Nic("eth0", MAC, "".join(addresses[:1]), more=addresses[1:])
    needs = requires.of(Cluster(nodes=(Node("node1", 1, (nic,)),)))
    assert needs.clients == (CLIENTS[4] if 4 in kinds else ())
    assert needs.clients6 == (CLIENTS[6] if 6 in kinds else ())
    assert ("client6 udhcpc6\n" in needs.as_text()) == (6 in kinds)
    assert ("client udhcpc\n" in needs.as_text()) == (4 in kinds)


def test_an_image_without_client() -> None:
    with pytest.raises(OsrError, match="the image has no DHCP client") as caught:
        ASK.execute(Dry())
    assert "dhclient, dhcpcd, udhcpc" in caught.value.hint


# --- the script


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lease, "DIRECTORY", str(tmp_path / "dhcp"))
    return tmp_path / "dhcp"


def test_the_script_writes_down_what_we_know_and_nothing_else(directory: Path) -> None:
    options = {f"new_option_{number}": "x" for number in range(10_000)}
    answer = {"reason": "BOUND", "interface": "eth0", "new_ip_address": "10.0.0.11", "new_host_name": "$(reboot)"}
    assert lease.main([], {**answer, **options, "new_routers": "r" * 100_000}) == 0
    written = json.loads((directory / "eth0-4.json").read_text())
    assert written == {"address": "10.0.0.11", "routers": "r" * 1000}


def test_udhcpc_says_it_in_its_own_way(directory: Path) -> None:
    lease.main(["bound"], {"interface": "eth0", "ip": "10.0.0.11", "subnet": "255.255.255.0", "router": "10.0.0.1"})
    assert json.loads((directory / "eth0-4.json").read_text())["mask"] == "255.255.255.0"


def test_udhcpc6_says_it_in_its_own_way(directory: Path) -> None:
    lease.main(["bound"], {"interface": "eth0", "ipv6": "fd00::11", "dns": "fd00::53", "lease": "120"})
    written = json.loads((directory / "eth0-6.json").read_text())
    assert written == {"address6": "fd00::11", "dns6": "fd00::53", "seconds": "120"}


def test_dhcpcd_may_get_the_lease_that_it_had(directory: Path) -> None:
    lease.main([], {"reason": "REBOOT6", "interface": "eth0", "new_dhcp6_ia_na1_ia_addr1": "fd00::11"})
    assert json.loads((directory / "eth0-6.json").read_text()) == {"address6": "fd00::11"}


TEXTS = st.text(st.characters(blacklist_characters="\0"), max_size=50)
NAMES = st.sampled_from([one for ones in lease._NAMES.values() for one in ones] + ["LD_PRELOAD", "new_x"]) | TEXTS


@given(st.dictionaries(NAMES, TEXTS | TEXTS.map(lambda text: text * 1000)), TEXTS | st.sampled_from(["eth0", "a$;b"]))
def test_the_script_writes_small_files_of_plain_texts_in_its_directory(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str], link: str
) -> None:
    where = tmp_path_factory.mktemp("lease")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "DIRECTORY", str(where / "dhcp"))
        assert lease.main([], {**environment, "reason": "BOUND", "interface": link}) == 0
    made = [Path(place) / name for place, _, names in os.walk(where) for name in names]
    assert [path.parent for path in made] in ([], [where / "dhcp"])
    for path in made:
        assert path.name in (f"{link}-4.json", f"{link}-6.json")
        assert path.stat().st_size < 60_000
        found = json.loads(path.read_text(encoding="ascii"))
        assert found.keys() <= lease._NAMES.keys()
        assert all(type(text) is str and text.isascii() and len(text) <= 1000 for text in found.values())


def test_an_environment_that_is_no_text_is_no_failure(directory: Path) -> None:
    lease.main(
        [], {"reason": "BOUND", "interface": "eth0", "new_ip_address": b"10.\xff\n".decode(errors="surrogateescape")}
    )
    assert json.loads((directory / "eth0-4.json").read_text()) == {"address": "10.?\n"}


@pytest.mark.parametrize("letter", [chr(number) for number in range(256)])
def test_the_script_knows_every_link_that_cluster_conf_may_have(directory: Path, letter: str) -> None:
    for link in (f"a{letter}b", f"{letter}b", letter, letter * 2, letter * 15, letter * 16):
        try:
            values.link_name(link)
        except values.Unfit:
            if "/" in link or len(link) > 15:
                lease.main([], {"reason": "BOUND", "interface": link, "new_ip_address": "10.0.0.11"})
                assert not directory.exists()
            continue
        lease.main([], {"reason": "BOUND", "interface": link, "new_ip_address": "10.0.0.11"})
        (file,) = directory.iterdir()
        assert file.name == f"{link}-4.json"
        file.unlink()
        directory.rmdir()


@pytest.mark.parametrize(
    "environment",
    [
        {"reason": "BOUND", "interface": ".."},
        {"reason": "BOUND", "interface": "-f"},
        {"reason": "PREINIT", "interface": "eth0"},
        {"reason": "BOUND", "interface": "../../etc/passwd"},
        {"reason": "BOUND", "interface": ""},
        {"reason": "BOUND", "interface": "eth0\n"},
    ],
)
def test_the_script_writes_nothing(directory: Path, environment: dict[str, str]) -> None:
    assert lease.main([], environment) == 0
    assert not directory.exists()


# --- addresses that routers announce


def test_any_of_several_links_will_do() -> None:
    system = Dry({"/proc/net/if_inet6": if_inet6("fd000000000000000000000000000011", 0, 0)})
    assert WaitAnnounced(("eth1", "eth0")).execute(system) == "fd00::11 on eth0 after 0.0 s"
    assert system.ran == []


def test_no_router_is_told_with_the_links() -> None:
    system = Dry({"/proc/net/if_inet6": if_inet6(LINK_LOCAL, 0x80)}, deadline=12)
    system.files["/sys/class/net/eth0/address"] = f"{MAC}\n"
    with pytest.raises(OsrError, match=rf"network on eth0 \(MAC {MAC}\) or eth1 in 12 s") as caught:
        WaitAnnounced(("eth0", "eth1")).execute(system)
    assert "dhcp" in caught.value.hint
    assert f"waiting for a router's announcement on eth0 (MAC {MAC}) or eth1, 5 s so far" in system.said


def test_a_kernel_without_ipv6_is_said() -> None:
    with pytest.raises(OsrError, match="no router announced") as caught:
        WaitAnnounced(("eth0",)).execute(Dry(deadline=2))
    assert "ipv6.disable" in caught.value.hint
