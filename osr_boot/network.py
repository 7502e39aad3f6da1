"""Which operations bring up a node's links: pure, a function of the node and of where its root is."""

from __future__ import annotations

from osr_boot import layers
from osr_boot.ops.links import BringUp, LoadDriver, SetAddresses, WaitCarrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Nic, Node
    from osr_boot.ops import Operation

# A port of a bridge forwards at once: its own spanning tree would keep the root away for 30 s.
_BRIDGE = {"stp_state": "0", "forward_delay": "0"}


def plan(node: Node, servers: tuple[str, ...] | None = (), *, probe: bool = True) -> Iterator[Operation]:
    """Yield the operations that configure the node's own links, and no others.

    `servers` are the addresses of what the root comes from: only the links that lead there are waited for. None: no
    link leads to the root, be it local or not for us to mount, and none is waited for.
    """
    nics = layers.ordered(nic for nic in node.nics if nic.onboot)
    if not nics:
        return
    for driver in dict.fromkeys(nic.driver for nic in nics if nic.driver):
        yield LoadDriver(driver, tuple(nic.name for nic in nics if nic.driver == driver))
    roads = () if servers is None else layers.toward(servers, nics)
    hardware = {nic.name: (nic.name, nic.mac, "") for nic in nics if not nic.kind}
    for road in roads:
        for card in layers.cards(road, nics):
            hardware[card.name] = (card.name, card.mac, road.name)
    needed = tuple(nic.name for nic in nics if any(nic in layers.standing(road, nics) for road in roads))
    announced = tuple(nic.name for nic in nics if layers.asks(nic, 6))
    steps = tuple((nic.name, line) for nic in nics for line in lines(nic, nics))
    yield BringUp(tuple(hardware.values()), steps, needed, announced)
    if roads:
        waits = [road.wait for road in roads]
        yield WaitCarrier(tuple(road.name for road in roads), 0 if 0 in waits else max(waits))
    batch = tuple(line for nic in nics for line in addresses(nic))
    if batch:
        asked = tuple((nic.name, one) for nic in nics for one in nic.addresses if "/" in one and nic.probe and probe)
        gateways = tuple((nic.name, gateway) for nic in roads if nic.probe and probe
                         for gateway in (nic.gateway, nic.gateway6) if gateway)  # fmt: skip
        yield SetAddresses(batch, asked, gateways if asked else (), tuple(road.name for road in roads))
    yield from _asking(layers.ways(servers or (), nics), nics, probe=probe)


def _asking(ways: tuple[tuple[Nic, int], ...], nics: tuple[Nic, ...], *, probe: bool) -> Iterator[Operation]:
    """Yield what asks for addresses: first where one of them is needed for the root, then where none is."""
    known = tuple(dict.fromkeys(nic.name for nic, family in ways if not layers.waits(nic, family)))
    announced = tuple(nic.name for nic, family in ways
                      if family == 6 and layers.waits(nic, 6) and "auto6" in nic.addresses)  # fmt: skip
    asking = tuple((nic, family) for nic in nics for family in (4, 6) if _word(family) in nic.addresses)
    first = tuple((nic, family) for nic, family in asking if (nic, family) in ways and layers.waits(nic, family))
    spare = tuple(one for one in asking if one not in first)
    if asking:
        from osr_boot.ops.dhcp import AskAddress
    for some, needed in ((first, True), (spare, False)):
        if some:
            links = tuple((nic.name, nic.mac, family, probe and nic.probe, nic.onlink) for nic, family in some)
            after = tuple(line for nic, family in some for line in routes(nic, family))
            yield AskAddress(links, after, needed, known if needed else (), announced if needed else ())
    # Whoever mounts the root tries again; an announcement that comes late is in time for that.
    if announced and not first and not known:
        from osr_boot.ops.announced import WaitAnnounced

        yield WaitAnnounced(announced)


def lines(nic: Nic, nics: tuple[Nic, ...]) -> Iterator[str]:
    """Yield the lines of `ip -batch` that make a link and take it up, those it stands on being up."""
    name = nic.name
    under = layers.below(nic, nics)
    options = dict(option.split(" ", 1) for option in nic.options)
    # A member must be there before it can be called the primary one.
    late = {key: options.pop(key) for key in ("primary", "active_slave") if key in options}
    if nic.kind == "bond":
        # Whether another option fits depends on the mode, so it comes first. A bond that watches nothing is never down.
        watch = {} if {"miimon", "arp_interval"} & set(options) else {"miimon": "100"}
        words = {"mode": options.pop("mode", "balance-rr"), **watch, **options}
        yield f"link add name {name} type bond{_as_words(words)}"
    elif nic.kind == "bridge":
        yield f"link add name {name} type bridge{_as_words({**_BRIDGE, **options})}"
    elif nic.kind == "vlan":
        parent, _, tag = name.rpartition(".")
        yield f"link add link {parent} name {name} type vlan id {int(tag)}"
    for one in under if nic.kind in ("bond", "bridge") else ():
        if nic.kind == "bond":  # the kernel takes members only while they are down
            yield f"link set dev {one.name} down"
        yield f"link set dev {one.name} master {name}"
        if nic.kind == "bond":
            yield f"link set dev {one.name} up"
    for key, value in late.items():
        yield f"link set dev {name} type bond {key} {value}"
    own = f" address {nic.mac}" if nic.kind and nic.mac else ""
    mtu = f" mtu {nic.mtu}" if nic.mtu else ""
    if nic.master:  # its bond takes it up: a card that goes up twice negotiates twice
        if own or mtu:
            yield f"link set dev {name}{own}{mtu}"
    else:
        yield f"link set dev {name}{own}{mtu} up"


def addresses(nic: Nic) -> Iterator[str]:
    """Yield the lines of `ip -batch` that give a link what is known of its addresses and routes."""
    for one in nic.addresses:
        if "/" in one:
            # What was found free need not wait until the kernel has found it too.
            yield f"address replace {one} dev {nic.name}{' nodad' if ':' in one else ''}"
    for family in (4, 6):
        if not _asked_for(nic, family):
            yield from routes(nic, family)


def routes(nic: Nic, family: int) -> Iterator[str]:
    """Yield the lines of `ip -batch` for a link's routes of IPv4 or IPv6."""
    # Before a router has announced the network of its own address, nothing is known to be reached directly.
    onlink = " onlink" if nic.onlink or (family == 6 and "auto6" in nic.addresses) else ""
    for gateway in filter(None, (nic.gateway, nic.gateway6)):
        if (":" in gateway) == (family == 6):
            yield f"route replace default via {gateway} dev {nic.name}{onlink}"
    for route in nic.routes:
        if (":" in route) == (family == 6):
            yield f"route replace {route} dev {nic.name}{onlink if ' via ' in route else ''}"


def _asked_for(nic: Nic, family: int) -> bool:
    """Say whether a DHCP server is what gives a link its one address of a kind, and with it the network of routers."""
    return layers.waits(nic, family) and _word(family) in nic.addresses


def _word(family: int) -> str:
    """Return how the model writes that a link asks by DHCP."""
    return "dhcp6" if family == 6 else "dhcp"


def _as_words(options: dict[str, str]) -> str:
    return "".join(f" {key} {value}" for key, value in options.items())
