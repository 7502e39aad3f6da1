"""Whether somebody else has our addresses, and on which link a server answers: asked on the wire."""

from __future__ import annotations

from osr_boot.packets import holder, who_has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osr_boot.system import System

SECONDS = 0.5
"""for all links together. RFC 5227 waits for seconds, for hosts that sleep; nodes of a cluster answer at once."""
_NET = "/sys/class/net"


def duplicates(system: System, asked: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return (link, address, MAC of the other) of each address that somebody else has, or asks for now."""
    frames, known = [], []
    for link, address in asked:
        if mac := _mac(system, link):
            plain = address.partition("/")[0]
            frames.append((link, who_has(plain, mac)))
            known.append((link, plain, mac))
    if not frames:
        return []
    heard = system.exchange(frames, SECONDS)
    found = {}
    for link, plain, mac in known:
        for on, frame in heard:
            if on == link and (other := holder(frame, plain, mac)):
                found[link, plain] = other
    return [(link, plain, other) for (link, plain), other in found.items()]


def answering(system: System, address: str, sender: str) -> list[tuple[str, str]]:
    """Return (link, MAC) of where an address answers, of all links that are up."""
    macs = {link: _mac(system, link) for link in system.names(_NET) if _up(system, link)}
    frames = [(link, who_has(address, mac, sender)) for link, mac in macs.items() if mac]
    heard = system.exchange(frames, SECONDS) if frames else []
    answers = ((link, holder(frame, address, macs[link])) for link, frame in heard)
    return list(dict.fromkeys((link, other) for link, other in answers if other))


def _mac(system: System, link: str) -> str:
    """Return the hardware address of an Ethernet link; nothing for others (InfiniBand asks in its own way)."""
    try:
        ethernet = system.read(f"{_NET}/{link}/type").strip() == "1"
        text = system.read(f"{_NET}/{link}/address").strip()
    except OSError:
        return ""
    return text if ethernet and len(text) == 17 else ""


def _up(system: System, link: str) -> bool:
    try:
        return link != "lo" and system.read(f"{_NET}/{link}/carrier").strip() == "1"
    except OSError:
        return False
