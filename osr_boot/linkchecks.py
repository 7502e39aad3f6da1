"""What is wrong with a node's links together: gateways, bonds, VLANs, bridges and the sizes of packets. Pure."""

from __future__ import annotations

import ipaddress

from osr_boot import layers
from osr_boot.model import Finding
from osr_boot.values import shown
from osr_boot.words import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Nic, Node

ETHERNET = 1500
"""bytes: the mtu of a card whose driver nobody has told another"""
IPV6 = 1280
"""bytes: the least that a link with IPv6 must carry, else the kernel refuses the address; source: RFC 8200, 5."""

_DEFAULT = ("0.0.0.0/0", "::/0")


def findings(node: Node) -> Iterator[Finding]:
    """Yield the findings about links that do not go together, as far as they are brought up."""
    yield from _routes(node)
    if any(nic.kind or nic.master or nic.bridge for nic in node.nics):
        yield from _layers(node)
    if any(nic.mtu for nic in node.nics):
        yield from _sizes(node)


def place_of(node: Node, nic: Nic | None = None) -> str:
    """Return a node or its link in words, as the findings about single elements have it."""
    place = f"node {shown(node.name)}" if node.name else "clusternode without name"
    return f"{place}, eth {shown(nic.name)}" if nic and nic.name else f"{place}, eth" if nic else place


def _routes(node: Node) -> Iterator[Finding]:
    """Yield what is wrong with the default gateways and the other routes of a node together."""
    routed = [nic for nic in node.nics if nic.onboot and (nic.gateway or nic.gateway6 or nic.routes)]
    if not routed:
        return
    own = {one.partition("/")[0]: nic for nic in node.nics for one in nic.addresses}
    first: dict[str, Nic] = {}
    for nic in routed:
        place = place_of(node, nic)
        for network, router in _destinations(nic):
            if own.get(router, nic) is not nic:
                message = f"its router {router} is the node's own address on {_where(own[router])}"
                yield Finding(nic.line, "error", place, message, "give the router's address, or none")
            before = first.get(network)
            if before:  # `ip route replace`: the last one wins, and nobody says so
                what, hint = f"route to {network}", "keep one of them"
                if network in _DEFAULT:
                    what, hint = "default gateway", "keep the one that leads out"
                message = f"a second {what} (the first is that of {_where(before)})"
                yield Finding(nic.line, "error", place, message, hint)
            first.setdefault(network, nic)
    if any(":" not in network and network not in _DEFAULT for network in first):
        yield from _connected(node)


def _destinations(nic: Nic) -> Iterator[tuple[str, str]]:
    """Yield (network, router) of each route of a link; no router: the network is on the link."""
    for gateway in filter(None, (nic.gateway, nic.gateway6)):
        yield _DEFAULT[":" in gateway], gateway
    for route in nic.routes:
        network, _, router = route.partition(" via ")
        yield network, router


def _connected(node: Node) -> Iterator[Finding]:
    """Yield each route to a network that the node is in: it takes the place of the kernel's own, and cuts it off.

    That of IPv6 stays: it has the better metric (256, a route that is added has 1024).
    """
    there: dict[str, list[Nic]] = {}
    for nic in node.nics:
        for one in nic.addresses if nic.onboot else ():
            if "/" in one and ":" not in one:
                there.setdefault(str(ipaddress.ip_interface(one).network), []).append(nic)
    for nic in node.nics:
        for network, router in _destinations(nic) if nic.onboot else ():
            links = there.get(network, [])
            if links and (router or nic not in links):
                message = f"a route to {network}, which is the network of {_where(links[0])}, and would be cut off"
                yield Finding(nic.line, "error", place_of(node, nic), message, "remove it: the kernel has its own")


def _where(nic: Nic) -> str:
    return f"{shown(nic.name)}, line {nic.line}"


def _layers(node: Node) -> Iterator[Finding]:
    """Yield what is wrong with bonds, VLANs and bridges, and with what they stand on."""
    links = {nic.name: nic for nic in node.nics}
    in_order = layers.ordered(node.nics)
    for nic in node.nics:
        if not nic.onboot:
            continue
        place = place_of(node, nic)
        for attribute, upper, kind in (("master", nic.master, "bond"), ("bridge", nic.bridge, "bridge")):
            if upper:
                yield from _below(node, nic, attribute, upper, kind, links)
        if nic.master and nic.bridge:
            message = f"has master {shown(nic.master)} and bridge {shown(nic.bridge)}, and can be part of one only"
            yield Finding(nic.line, "error", place, message, "keep one of them; a bond can be a port of a bridge")
        under = layers.below(nic, node.nics)
        if nic.kind and nic not in in_order and under:
            around = "stands on itself: bonds, VLANs and bridges go round in a circle"
            yield Finding(nic.line, "error", place, around, "correct master=, bridge= or the names")
            continue
        faults = _of_vlan(nic, under) if nic.kind == "vlan" else _of_group(nic, under) if nic.kind else ()
        for message, hint in faults:
            yield Finding(nic.line, "error", place, message, hint)


def _of_vlan(nic: Nic, under: tuple[Nic, ...]) -> Iterator[tuple[str, str]]:
    """Yield (message, hint) of a VLAN and the link that it is on."""
    parent, _, tag = nic.name.rpartition(".")
    # source: IEEE 802.1Q: 12 bits, of which 0 and 4095 are taken
    if not (tag.isascii() and tag.isdigit() and len(tag) < 5 and 0 < int(tag) < 4095):
        yield f"is a VLAN with the number {shown(tag)}", f"write {parent}.N with N from 1 to 4094"
    elif not under:
        yield f"is a VLAN on {shown(parent)}, which the node has not", f'add <eth name="{parent}" mac=/>'
    elif not any(one.onboot for one in under):
        message = f'is a VLAN on {shown(parent)}, which has onboot="no"'
        yield message, f'remove onboot="no" from "{parent}", or add it here'


def _of_group(nic: Nic, under: tuple[Nic, ...]) -> Iterator[tuple[str, str]]:
    """Yield (message, hint) of a bond or bridge and its parts."""
    parts = "members" if nic.kind == "bond" else "ports"
    there = [one.name for one in under if one.onboot]
    primary = dict(option.split(" ", 1) for option in nic.options).get("primary", "")
    if not under:
        words = f'master="{nic.name}" slave="yes"' if nic.kind == "bond" else f'bridge="{nic.name}"'
        yield f"is a {nic.kind} without {parts}", f"add {words} to its {parts}"
    elif not there:
        message = f'is a {nic.kind} whose {parts} all have onboot="no"'
        yield message, f'remove onboot="no" from its {parts}, or add it here'
    elif primary and primary not in there:
        message = f"option primary {shown(primary)} is none of its members that are brought up"
        yield message, f"choose {' or '.join(there)}"


def _below(node: Node, nic: Nic, attribute: str, upper: str, kind: str, links: dict[str, Nic]) -> Iterator[Finding]:
    """Yield what is wrong with a member of a bond or a port of a bridge."""
    place = place_of(node, nic)
    if upper not in links:
        near = nearest(upper, tuple(links))
        hint = f'did you mean "{near}"?' if near and near != nic.name else f'add <eth name="{upper}"/> to the node'
        yield Finding(nic.line, "error", place, f"{attribute} {shown(upper)} is no link of the node", hint)
    elif links[upper].kind != kind:
        hint = "a bond is named bondN" if kind == "bond" else 'a bridge has type="BRIDGE"'
        yield Finding(nic.line, "error", place, f"{attribute} {shown(upper)} is no {kind}", hint)
    if nic.address:
        message = f"has an address, and is part of {shown(upper)}"
        yield Finding(nic.line, "error", place, message, f'give the address to "{upper}"')


def _sizes(node: Node) -> Iterator[Finding]:
    """Yield what is wrong with the mtu of links that are brought up."""
    nics = tuple(nic for nic in node.nics if nic.onboot)
    if len(layers.ordered(nics)) < len(nics):
        return  # they go round in a circle, and that has been said
    links = {nic.name: nic for nic in nics}
    for nic in nics:
        for severity, message, hint in _of_size(nic, links):
            yield Finding(nic.line, severity, place_of(node, nic), message, hint)


def _of_size(nic: Nic, links: dict[str, Nic]) -> Iterator[tuple[str, str, str]]:
    """Yield (severity, message, hint) of a link's mtu and those of the links that it has to do with."""
    size = _size(nic, links)
    if 0 < size < IPV6 and any(":" in one or one in ("auto6", "dhcp6") for one in nic.addresses):
        message = f"has an IPv6 address, and an mtu of {size}, which is below {IPV6}"
        yield "error", message, f"raise mtu to {IPV6} or more, as IPv6 wants it (RFC 8200)"
    parent = links.get(nic.name.rpartition(".")[0]) if nic.kind == "vlan" else None
    if parent and nic.mtu > (most := _size(parent, links)) > 0:
        message = f"mtu {nic.mtu} is above the {most} of {shown(parent.name)}, which it is on"
        yield "error", message, f'give mtu="{nic.mtu}" to "{parent.name}", or lower it here'
    bond = links.get(nic.master)
    if bond and bond.kind == "bond" and nic.mtu and size not in (0, nic.mtu):
        message = f"mtu {nic.mtu} has no effect: {shown(bond.name)} gives its members its own, which is {size}"
        yield "warning", message, f'give mtu="{nic.mtu}" to "{bond.name}", or remove it here'
    bridge = links.get(nic.bridge)
    if bridge and bridge.kind == "bridge" and bridge.mtu > size > 0:
        message = f"has an mtu of {size}, and its bridge {shown(bridge.name)} {bridge.mtu}: larger frames are dropped"
        yield "warning", message, f'give mtu="{bridge.mtu}" to it, or lower that of "{bridge.name}"'


def _size(nic: Nic, links: dict[str, Nic]) -> int:
    """Return the mtu that a link will have, in bytes; 0 if that is not known before it is there."""
    nics = tuple(links.values())
    bond = links.get(nic.master)
    if bond and bond.kind == "bond":
        return _size(bond, links)
    if nic.mtu:
        return nic.mtu
    # InfiniBand, as the length of its addresses tells: 2044 or 65520, as its mode and its fabric are.
    if any(len(card.mac) > len("52:54:00:12:34:56") for card in layers.cards(nic, nics)):
        return 0
    # A VLAN begins with the mtu of what it is on, a bridge has the least of its ports', a bond that of Ethernet.
    under = layers.below(nic, nics) if nic.kind in ("vlan", "bridge") else ()
    return min((_size(one, links) for one in under), default=ETHERNET)
