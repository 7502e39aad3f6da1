"""How a node's links stand on each other: members below bonds, ports below bridges, links below VLANs. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from osr_boot.model import Nic


def below(nic: Nic, nics: Iterable[Nic]) -> tuple[Nic, ...]:
    """Return the links that one stands on directly."""
    if nic.kind == "bond":
        return tuple(one for one in nics if one.master == nic.name)
    if nic.kind == "bridge":
        return tuple(one for one in nics if one.bridge == nic.name)
    if nic.kind == "vlan":
        return tuple(one for one in nics if one.name == nic.name.rpartition(".")[0])
    return ()


def ordered(nics: Iterable[Nic]) -> tuple[Nic, ...]:
    """Return links in an order in which each comes after those it stands on; one that stands on itself is left out.

    A VLAN comes after the bond of its parent too, which takes that down and up again, unless the bond stands on it.
    """
    every = tuple(nics)
    left = list(every)
    done: list[Nic] = []
    while ready := _without(left, lambda nic: _before(nic, every)) or _without(left, lambda nic: below(nic, every)):
        done += ready
        left = [nic for nic in left if nic not in ready]
    return tuple(done)


def _without(left: list[Nic], before: Callable[[Nic], tuple[Nic, ...]]) -> list[Nic]:
    """Return the links that nothing which is left comes before."""
    return [nic for nic in left if not any(one in left for one in before(nic))]


def _before(nic: Nic, nics: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """Return what a link stands on, and of a VLAN also the bonds that its parent is a member of."""
    under = below(nic, nics)
    bonds = [one.master for one in under if one.master] if nic.kind == "vlan" else []
    return (*under, *(one for one in nics if one.name in bonds)) if bonds else under


def cards(nic: Nic, nics: tuple[Nic, ...]) -> Iterator[Nic]:
    """Yield the links with hardware that one stands on in the end; itself if it is one."""
    yield from (one for one in standing(nic, nics) if not one.kind)


def standing(nic: Nic, nics: tuple[Nic, ...]) -> Iterator[Nic]:
    """Yield a link and all that it stands on."""
    yield nic
    for one in below(nic, nics):
        yield from standing(one, nics)


def toward(servers: Iterable[str], nics: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """Return the links by which servers are reached, any of which may be the one; if none does, all with an address."""
    addressed = tuple(nic for nic in nics if nic.addresses)
    found = [nic for nic, _ in ways(servers, nics)]
    return tuple(nic for nic in addressed if nic in found) or addressed


def ways(servers: Iterable[str], nics: tuple[Nic, ...]) -> tuple[tuple[Nic, int], ...]:
    """Return (link, 4 or 6) of each by which a server may be reached.

    Those whose network a server is in; else those with a gateway, and those that ask for an address of its kind; of a
    server that is known by name only, all of these.
    """
    addressed = [nic for nic in nics if nic.addresses]
    found: dict[tuple[Nic, int], None] = {}
    for server in servers:
        kinds = families(server)
        direct = [(nic, kinds[0]) for nic in near(server, addressed)]
        found.update(dict.fromkeys(direct or [(nic, kind) for nic in addressed for kind in kinds if _leads(nic, kind)]))
    return tuple(found)


def near(server: str, nics: Iterable[Nic]) -> list[Nic]:
    """Return the links that have a network which a server is in, as cluster.conf knows it."""
    return [nic for nic in nics if any(contains(network, server) for network in networks(nic))]


def asks(nic: Nic, family: int) -> bool:
    """Say whether a link asks for its address of IPv4 or IPv6."""
    return any(one in (("auto6", "dhcp6") if family == 6 else ("dhcp",)) for one in nic.addresses)


def waits(nic: Nic, family: int) -> bool:
    """Say whether a link has no address of IPv4 or IPv6 before somebody on its network tells it one."""
    return asks(nic, family) and not any("/" in one and (":" in one) == (family == 6) for one in nic.addresses)


def families(server: str) -> tuple[int, ...]:
    """Return the kinds of address that a server may have: one, or both if it is known by name."""
    return (6,) if ":" in server else (4,) if number(server) else (4, 6)


def _leads(nic: Nic, family: int) -> bool:
    """Say whether a link has a default route of IPv4 or IPv6, or may get one with its address."""
    defaults = [one for one in nic.routes if one.partition(" ")[0].endswith("/0")]
    # gateway= may be of either kind.
    given = any((":" in one) == (family == 6) for one in (nic.gateway, nic.gateway6, *defaults) if one)
    return given or asks(nic, family)


def networks(nic: Nic) -> Iterator[str]:
    """Yield the networks that a link leads to without its default gateway, as `10.0.0.1/24`."""
    yield from (one for one in nic.addresses if "/" in one)
    yield from (route.partition(" ")[0] for route in nic.routes)


def contains(network: str, address: str) -> bool:
    """Say whether an address is in the network of `10.0.0.1/24`, a good one; what is no address is in none."""
    begin, _, length = network.partition("/")
    first, second = number(begin), number(address)
    if len(first) != len(second) or not length:
        return False
    shift = len(first) * 8 - int(length)
    return int.from_bytes(first, "big") >> shift == int.from_bytes(second, "big") >> shift


def number(address: str) -> bytes:
    """Return the bytes of an address, none of what is no address. Without ipaddress: this runs in every boot."""
    from _socket import AF_INET, AF_INET6, inet_pton

    try:
        return inet_pton(AF_INET6 if ":" in address else AF_INET, address)
    except (OSError, ValueError):
        return b""
