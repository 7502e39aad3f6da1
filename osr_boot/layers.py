"""How a node's links stand on each other: members below bonds, ports below bridges, links below VLANs. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    """Return links in an order in which each comes after those it stands on; one that stands on itself is left out."""
    left = list(nics)
    done: list[Nic] = []
    while ready := [nic for nic in left if not any(one in left for one in below(nic, left))]:
        done += ready
        left = [nic for nic in left if nic not in ready]
    return tuple(done)


def cards(nic: Nic, nics: tuple[Nic, ...]) -> Iterator[Nic]:
    """Yield the links with hardware that one stands on in the end; itself if it is one."""
    yield from (one for one in standing(nic, nics) if not one.kind)


def standing(nic: Nic, nics: tuple[Nic, ...]) -> Iterator[Nic]:
    """Yield a link and all that it stands on."""
    yield nic
    for one in below(nic, nics):
        yield from standing(one, nics)


def toward(servers: Iterable[str], nics: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """Return the links by which servers are reached, any of which may be the one.

    Those whose network a server is in; else those with a gateway, and those that ask for an address of its kind; of a
    server that is known by name only, all of these; else all with an address.
    """
    addressed = tuple(nic for nic in nics if nic.addresses)
    found: list[Nic] = []
    for server in servers:
        found += near(server, nics) or [nic for nic in addressed if _may_lead(nic, server)]
    return tuple(nic for nic in addressed if nic in found) if found else addressed


def near(server: str, nics: Iterable[Nic]) -> list[Nic]:
    """Return the links that have a network which a server is in, as cluster.conf knows it."""
    return [nic for nic in nics if any(contains(network, server) for network in networks(nic))]


def asks(nic: Nic, family: int) -> bool:
    """Say whether a link asks for its address of IPv4 or IPv6."""
    return any(one in (("auto6", "dhcp6") if family == 6 else ("dhcp",)) for one in nic.addresses)


def families(server: str) -> tuple[int, ...]:
    """Return the kinds of address that a server may have: one, or both if it is known by name."""
    return (6,) if ":" in server else (4,) if number(server) else (4, 6)


def _may_lead(nic: Nic, server: str) -> bool:
    return any((nic.gateway6 if family == 6 else nic.gateway) or asks(nic, family) for family in families(server))


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
