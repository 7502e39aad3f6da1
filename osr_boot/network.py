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


def plan(node: Node, servers: tuple[str, ...] = (), *, probe: bool = True) -> Iterator[Operation]:
    """Yield the operations that configure the node's own links, and no others.

    `servers` are the addresses of what the root comes from: only the links that lead there are waited for.
    """
    nics = layers.ordered(nic for nic in node.nics if nic.onboot)
    if not nics:
        return
    for driver in dict.fromkeys(nic.driver for nic in nics if nic.driver):
        yield LoadDriver(driver)
    roads = layers.toward(servers, nics)
    hardware = {}
    for nic in nics:
        if not nic.kind:
            hardware[nic.name] = (nic.name, nic.mac, "")
    for road in roads:
        for card in layers.cards(road, nics):
            hardware[card.name] = (card.name, card.mac, road.name)
    yield BringUp(tuple(hardware.values()), tuple((nic.name, line) for nic in nics for line in lines(nic, nics)))
    if roads:
        waits = [road.wait for road in roads]
        yield WaitCarrier(tuple(road.name for road in roads), 0 if 0 in waits else max(waits))
    for nic in nics:
        for asked in (one for one in nic.addresses if one.startswith("dhcp")):
            from osr_boot.ops.dhcp import AskAddress

            yield AskAddress(nic.name, 6 if asked == "dhcp6" else 4, bool(nic.gateway), nic in roads)
    batch = tuple(line for nic in nics for line in addresses(nic))
    if batch:
        wanted = ((nic, one) for nic in nics for one in nic.addresses if "/" in one and nic.probe and probe)
        yield SetAddresses(batch, tuple((nic.name, one, nic in roads) for nic, one in wanted))
    announced = [nic.name for nic in roads if "auto6" in nic.addresses]
    if announced and any(":" in server for server in servers):
        from osr_boot.ops.announced import WaitAnnounced

        yield WaitAnnounced(announced[0])


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
        yield f"link set dev {one.name} up"
    for key, value in late.items():
        yield f"link set dev {name} type bond {key} {value}"
    own = f" address {nic.mac}" if nic.kind and nic.mac else ""
    mtu = f" mtu {nic.mtu}" if nic.mtu else ""
    yield f"link set dev {name}{own}{mtu} up"


def addresses(nic: Nic) -> Iterator[str]:
    """Yield the lines of `ip -batch` that give a link what is known of its addresses and routes."""
    for one in nic.addresses:
        if "/" in one:
            # What ProbeAddresses found free need not wait until the kernel has found it too.
            yield f"address replace {one} dev {nic.name}{' nodad' if ':' in one else ''}"
    onlink = " onlink" if nic.onlink else ""
    for gateway in filter(None, (nic.gateway, nic.gateway6)):
        yield f"route replace default via {gateway} dev {nic.name}{onlink}"
    for route in nic.routes:
        yield f"route replace {route} dev {nic.name}"


def _as_words(options: dict[str, str]) -> str:
    return "".join(f" {key} {value}" for key, value in options.items())
