"""Before addresses are set: which of them others have, and which link's lines come first."""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops.cards import NET, read, with_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from osr_boot.ops.batch import Line
    from osr_boot.system import System

TAKEN = "/run/osr/taken"
"""`LINK ADDRESS` a line: addresses of ours that others have, and that nobody shall set later"""
_CLUSTER = "/etc/osr/cluster.json"
_GRACE = 1.5
"""seconds for the carriers of links that the root does not need: nobody has waited for them"""
_PROOF = 3.0
"""seconds for the kernel to ask who has an address of IPv6; it takes one or two (source: RFC 4862, RetransTimer)"""


def ask(
    system: System,
    asked: Sequence[tuple[str, str]],
    gateways: Sequence[tuple[str, str]],
    needed: Collection[str],
) -> tuple[set[tuple[str, str]], set[str], str]:
    """Ask the network who has addresses, each with its link, and whether gateways are there; tell the person.

    Returns (link, address) of what others have, the links on which nobody could be asked, and a note. Raises OsrError
    of a taken address of a link that is needed.
    """
    system.remove(TAKEN)  # of another run, when the other may have had it
    if not asked:
        return set(), set(), ""
    from osr_boot.ops.probe import SECONDS, is_own, survey

    _wait(system, {link for link, _ in asked})
    found = survey(system, asked, gateways)
    unasked = "; ".join(f"{link}: {why}" for link, why in found.unasked)
    if unasked:
        system.say(f"warning: not everywhere was asked who else has our addresses: {unasked}")
    taken = set()
    for link, address, other in found.taken:
        whose = ", as ours: a copy of this machine" if is_own(system, link, other) else _whose(system, other)
        text = f"{address}, the address of {link}, is used by {other} already{whose}"
        if link in needed:
            hint = "take that machine out of the network, or give one of both another address"
            raise OsrError(text, hint=f'{hint}; probe="no" for the link uses it unasked')
        system.say(f"warning: {text}; going on without it")
        taken.add((link, address))
    if taken:
        system.write(TAKEN, "".join(f"{link} {address}\n" for link, address in sorted(taken)))
    for link, gateway in found.silent:
        system.say(f"warning: the gateway {gateway} does not answer on {with_mac(system, link)}")
    notes = [f"asked for {SECONDS} s"] + ([f"not asked: {unasked}"] if unasked else [])
    notes += [f"{address} is taken" for _, address in sorted(taken)]
    notes += [f"gateway {gateway} is silent" for _, gateway in found.silent]
    return taken, {link for link, _ in found.unasked}, ", ".join(notes)


def in_order(system: System, lines: Sequence[Line]) -> list[Line]:
    """Return lines in an order in which the kernel sends by links that have a carrier, where there is a choice.

    Of two links' own networks the first one counts, with a carrier or without; a route that is set takes the place of
    the one before to the same network.
    """
    up = {link for link in {link for link, _ in lines} if read(system, f"{NET}/{link}/carrier") == "1"}
    if not up or all(link in up for link, _ in lines):
        return list(lines)
    routes = {line for _, line in lines if line.startswith("route ")}
    return sorted(lines, key=lambda one: (one[1] in routes, (one[0] in up) == (one[1] in routes)))


def prove(system: System, lines: Sequence[Line]) -> None:
    """Wait until the kernel itself has asked who has addresses of IPv6: nothing is sent from them before."""
    from osr_boot.ops.announced import GLOBAL, settled

    six = {link for link, line in lines if line.startswith("address ") and ":" in line.split()[2]}
    links = [link for link in six if read(system, f"{NET}/{link}/carrier") == "1"]
    end = min(system.uptime() + _PROOF, system.deadline)
    while not all(settled(system, (link,), GLOBAL) for link in links) and system.uptime() < end:
        system.pause(0.1)


def _wait(system: System, links: Collection[str]) -> None:
    """Give links that are up a moment for their carrier."""
    end = min(system.uptime() + _GRACE, system.deadline)
    while any(read(system, f"{NET}/{link}/carrier") == "0" for link in links) and system.uptime() < end:
        system.pause(0.05)


def _whose(system: System, mac: str) -> str:
    """Return in words which node has a MAC address, if the image's cluster.conf knows it."""
    from osr_boot import compiled

    try:
        found = compiled.select(system.read(_CLUSTER), macs=(mac,)).nodes
    except (OSError, OsrError):
        return ""
    return f', which is node "{found[0].name}"' if found else ""
