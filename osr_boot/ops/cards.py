"""The machine's links as /sys shows them: which one has a MAC address, what must happen for it to get its name."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from osr_boot.system import System

NET = "/sys/class/net"
MISSING = "/run/osr/missing"
"""names of our links that are not here, one a line; whatever has such a name is none of ours"""
_UDEV = "/run/udev/data"


def link_name(system: System, mac: str) -> str:
    """Return the kernel's name of the link with that MAC address, empty if there is none.

    What stands on a link carries its address, and members of a bond all carry the bond's: a card's own one is meant. Of
    two cards with one address, as clouds have them, the one that is nobody's member.
    """
    found = [name for name in system.names(NET) if own_mac(system, name) == mac]
    found = [name for name in found if not any(one.startswith("lower_") for one in system.names(f"{NET}/{name}"))]
    hardware = [name for name in found if is_card(system, name)] or found
    return next(iter(sorted(hardware, key=lambda name: system.exists(f"{NET}/{name}/master"))), "")


def own_mac(system: System, name: str) -> str:
    """Return the MAC address that a card has by itself; nothing if the link is not there."""
    member = read(system, f"{NET}/{name}/bonding_slave/perm_hwaddr")
    return member or read(system, f"{NET}/{name}/address")


def settled(system: System, name: str) -> bool:
    """Say whether udev has done with a link: until then it may still give it another name."""
    index = read(system, f"{NET}/{name}/ifindex")
    return not system.exists(_UDEV) or system.exists(f"{_UDEV}/n{index}")


def absent(system: System) -> frozenset[str]:
    """Return the names of our links that BringUp has not found: an exchanged card may have one of them."""
    return frozenset(read(system, MISSING).split())


def is_card(system: System, name: str) -> bool:
    """Say whether a link has hardware, and was not made."""
    return system.exists(f"{NET}/{name}/device")


def renames(system: System, there: Mapping[str, str], made: Collection[str]) -> list[tuple[str, str]]:
    """Return the lines, each with its link, that give links their names, whoever has them now; two may swap theirs.

    `there` is the kernel's name of each, `made` are names that no card may have. A stranger gets a name that has become
    free, if there is one.
    """
    wrong = {name: kernel for name, kernel in there.items() if kernel != name}
    taken = [name for name in wrong if system.exists(f"{NET}/{name}")] + [one for one in made if is_card(system, one)]
    strangers = [name for name in taken if name not in wrong.values()]
    free = [kernel for kernel in wrong.values() if kernel not in there and kernel not in made]
    owner = {**{kernel: name for name, kernel in wrong.items()}, **{name: name for name in strangers}}
    aside = {kernel: f"osr-{number}" for number, kernel in enumerate(owner)}
    lines = []
    for kernel, link in owner.items():
        lines += [(link, f"link set dev {kernel} down"), (link, f"link set dev {kernel} name {aside[kernel]}")]
    lines += [(name, f"link set dev {aside[kernel]} name {name}") for name, kernel in wrong.items()]
    lines += [(name, f"link set dev {aside[name]} name {other}") for name, other in zip(strangers, free)]
    return lines


def seen(system: System) -> str:
    """Return the links that are there, for a message."""
    links = [(name, read(system, f"{NET}/{name}/address")) for name in system.names(NET) if name != "lo"]
    return ", ".join(f"{name} {mac}" for name, mac in links if mac)


def with_mac(system: System, name: str) -> str:
    """Return a link with its MAC address, for a message."""
    mac = own_mac(system, name)
    return f"{name} (MAC {mac})" if mac else name


def read(system: System, path: str) -> str:
    """Return the text of a /sys file without its newline; empty while the link is down or gone."""
    try:
        return system.read(path).strip()
    except OSError:
        return ""
