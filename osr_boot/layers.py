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
    under = below(nic, nics)
    if not nic.kind:
        yield nic
    for one in under:
        yield from cards(one, nics)


def toward(servers: Iterable[str], nics: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """Return the links by which servers are reached: those of their networks, else those with a gateway, else all.

    Any of them may be the one; a link that asks for its address (DHCP, `auto6`) may always be.
    """
    addressed = tuple(nic for nic in nics if nic.addresses)
    asking = tuple(nic for nic in addressed if any("/" not in one for one in nic.addresses))
    found: list[Nic] = []
    for server in servers:
        near = [nic for nic in addressed if any(contains(network, server) for network in networks(nic))]
        far = [nic for nic in addressed if (nic.gateway6 if ":" in server else nic.gateway)]
        found += near or far
    chosen = [nic for nic in addressed if nic in found or nic in asking]
    return tuple(chosen if found else addressed)


def networks(nic: Nic) -> Iterator[str]:
    """Yield the networks that a link leads to without its default gateway, as `10.0.0.1/24`."""
    yield from (one for one in nic.addresses if "/" in one)
    yield from (route.partition(" ")[0] for route in nic.routes)


def contains(network: str, address: str) -> bool:
    """Say whether an address is in the network of `10.0.0.1/24`. Both are good addresses, of either version."""
    begin, _, length = network.partition("/")
    if (":" in begin) != (":" in address):
        return False
    first, second = number(begin), number(address)
    shift = len(first) * 8 - int(length)
    return int.from_bytes(first, "big") >> shift == int.from_bytes(second, "big") >> shift


def number(address: str) -> bytes:
    """Return the bytes of an address, without importing ipaddress: this runs in every boot."""
    from _socket import AF_INET, AF_INET6, inet_pton

    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)
