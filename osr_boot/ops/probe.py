"""Who has our addresses, whether gateways are there, and on which link a server answers: asked on the wire.

Nothing here ends a boot: what cannot be asked is said in what is returned.
"""

from __future__ import annotations

from osr_boot.errors import CommandFailed
from osr_boot.ops.cards import NET, read
from osr_boot.packets import holder, rival, who_has, who_has_aloud
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osr_boot.system import System

SECONDS = 0.5
"""for all links together. RFC 5227 waits for seconds, for hosts that sleep; nodes of a cluster answer at once."""
_CARRIER = 3.0
"""seconds for a card that was down to find its carrier; a gigabit card takes two"""


class Survey(Value):
    """What asking on the wire has shown."""

    taken: tuple[tuple[str, str, str], ...]
    """(link, address, MAC of who has it or asks for it now); the MAC may be the link's own, see `is_own`"""
    silent: tuple[tuple[str, str], ...]
    """(link, gateway) of each that did not answer"""
    unasked: tuple[tuple[str, str], ...]
    """(link, why) of each on which nobody could be asked (`no carrier`); of the others the rest is true"""


class Diagnosis(Value):
    """Where a server is that this node cannot reach."""

    link: str
    """by which the kernel sends to it; nothing: it knows no way"""
    gateway: str
    """by which router; nothing if the server is in a network of the link's"""
    own: str
    """MAC of that link; nothing: nobody could be asked there"""
    mac: str
    """MAC of the server, or of the gateway if there is one, as it answers on that link; nothing: no answer"""
    elsewhere: tuple[tuple[str, str], ...]
    """(link, MAC) of where else the server answers, if it does not where it should"""


def survey(system: System, asked: Iterable[tuple[str, str]], gateways: Iterable[tuple[str, str]]) -> Survey:
    """Ask on each link, all at once, who else has its addresses, and whether its gateways are there.

    Both are (link, address), with or without `/length`. A link that is not there is passed over.
    """
    wanted = [(link, address.partition("/")[0]) for link, address in asked]
    routers = [(link, address.partition("/")[0]) for link, address in gateways]
    faults: dict[str, str] = {}
    macs: dict[str, str] = {}
    for link in dict.fromkeys(link for link, _ in (*wanted, *routers)):
        if read(system, f"{NET}/{link}/carrier") == "0":
            faults[link] = "no carrier"
        elif mac := _mac(system, link):
            macs[link] = mac
        elif system.exists(f"{NET}/{link}"):
            faults[link] = "not Ethernet"
    questions = [(link, who_has(one, macs[link])) for link, one in dict.fromkeys((*wanted, *routers)) if link in macs]
    questions += [(link, one) for link, address in wanted if link in macs for one in who_has_aloud(address, macs[link])]
    heard, mute = system.exchange(questions, SECONDS) if questions else ([], [])
    faults.update(mute)
    taken, there = {}, set()
    for on, frame in heard:
        for link, one in wanted:
            other = rival(frame, one, macs[link]) if on == link in macs else ""
            # Another link of this machine in the same network answers for all its addresses.
            if other and (other == macs[link] or not _is_ours(system, other)):
                taken[link, one] = other
        there |= {(link, one) for link, one in routers if on == link and holder(frame, one)}
    return Survey(
        tuple((link, one, other) for (link, one), other in taken.items()),
        tuple((link, one) for link, one in routers if link in macs and link not in faults and (link, one) not in there),
        tuple(faults.items()),
    )


def duplicates(system: System, asked: Iterable[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    """Return (link, address, MAC of the other) of each address that somebody else has, or asks for now."""
    return survey(system, asked, ()).taken


def is_own(system: System, link: str, mac: str) -> bool:
    """Say whether a MAC address is the link's own: who else answers with it is a copy of this machine."""
    return _mac(system, link) == mac


def diagnose(system: System, address: str) -> Diagnosis:
    """Ask on every link of the machine where a server is that was not reached; for a boot that fails anyway.

    Links that cluster.conf does not configure are taken up for it, and down again.
    """
    link, gateway, _ = way(system, address)
    raised = _raise(system)
    try:
        macs = {one: mac for one in _with_carrier(system) if (mac := _mac(system, one))}
        questions = [(one, who_has(address, mac)) for one, mac in macs.items()]
        if gateway and link in macs:
            questions.append((link, who_has(gateway, macs[link])))
        heard, mute = system.exchange(questions, SECONDS) if questions else ([], [])
    finally:
        _lower(system, raised)
    answers = {one: mac for one, frame in heard if (mac := holder(frame, address))}
    if gateway:
        mac = next((mac for one, frame in heard if one == link and (mac := holder(frame, gateway))), "")
    else:
        mac = answers.get(link, "")
    own = "" if link in dict(mute) else macs.get(link, "")
    # A server with two cards may answer on both for either: it is no news while the right one answers.
    elsewhere = () if mac and not gateway else tuple((one, mac) for one, mac in answers.items() if one != link)
    return Diagnosis(link, gateway, own, mac, elsewhere)


def carriers(system: System, besides: Sequence[str]) -> list[str]:
    """Return the links that have a carrier, besides those that were waited for; for a boot that fails anyway.

    Links that cluster.conf does not configure are taken up for it, and down again.
    """
    raised = _raise(system)
    try:
        return [link for link in _with_carrier(system) if link not in besides]
    finally:
        _lower(system, raised)


def way(system: System, address: str) -> tuple[str, str, str]:
    """Return the link by which the kernel sends to an address, the gateway if there is one, and the link's MAC.

    Where it knows no way all are nothing.
    """
    try:
        words = system.run(("ip", "-o", "route", "get", address)).split()
    except CommandFailed:
        return "", "", ""
    found = dict(zip(words, words[1:]))
    link, gateway = found.get("dev", ""), found.get("via", "")
    # A gateway of the other family is written `via inet6 fe80::1`.
    return link, found.get(gateway, "") if gateway.startswith("inet") else gateway, _mac(system, link) if link else ""


def _with_carrier(system: System) -> list[str]:
    """Return the links that can be asked on; members of bonds and ports of bridges are asked with their master."""
    return [
        link
        for link in system.names(NET)
        if link != "lo" and read(system, f"{NET}/{link}/carrier") == "1" and not _is_member(system, link)
    ]


def _raise(system: System) -> list[str]:
    """Take up the machine's cards that are down, and wait until they have a carrier. Returns which they are.

    Nobody else would look there: a cable in the wrong socket is mostly in one that cluster.conf does not name.
    """
    cards = [
        link
        for link in system.names(NET)
        if system.exists(f"{NET}/{link}/device") and not _is_member(system, link) and not _is_up(system, link)
    ]
    if not cards:
        return []
    system.say(f"looking for the network on {', '.join(cards)} too")
    _set(system, cards, "up")
    end = system.uptime() + _CARRIER
    while system.uptime() < end and not all(read(system, f"{NET}/{link}/carrier") == "1" for link in cards):
        system.pause(0.1)
    return cards


def _lower(system: System, cards: list[str]) -> None:
    if cards:
        _set(system, cards, "down")


def _set(system: System, cards: list[str], state: str) -> None:
    try:
        # `-force` goes on after a card that the kernel refuses, for want of firmware for example.
        system.run(("ip", "-force", "-batch", "-"), input="".join(f"link set dev {link} {state}\n" for link in cards))
    except CommandFailed:
        return  # it shows in the carriers


def _is_ours(system: System, mac: str) -> bool:
    return any(read(system, f"{NET}/{link}/address") == mac for link in system.names(NET))


def _is_member(system: System, link: str) -> bool:
    return system.exists(f"{NET}/{link}/master")


def _is_up(system: System, link: str) -> bool:
    """Say whether a link is up, with or without a carrier. Source: linux/if.h, IFF_UP."""
    flags = read(system, f"{NET}/{link}/flags")
    return flags.startswith("0x") and bool(int(flags, 16) & 1)


def _mac(system: System, link: str) -> str:
    """Return the hardware address of an Ethernet link; nothing for others (InfiniBand asks in its own way)."""
    text = read(system, f"{NET}/{link}/address")
    return text if len(text) == 17 and read(system, f"{NET}/{link}/type") == "1" else ""
