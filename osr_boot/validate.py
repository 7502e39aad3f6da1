"""What is wrong with a cluster whose values are all right one by one: pure, and linear in the number of nodes."""

from __future__ import annotations

from osr_boot import filesystems, vocabulary
from osr_boot.errors import ConfigError
from osr_boot.model import Finding
from osr_boot.values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Nic, Node, RootVolume


def findings(cluster: Cluster, doubtful: frozenset[int] = frozenset()) -> Iterator[Finding]:
    """Yield the findings about values that do not go together.

    `doubtful` are lines of nodes with errors of their own: what they lack is not held against them twice.
    """
    yield from _duplicates(cluster)
    yield from _gateways(cluster)
    yield from _roots(cluster, doubtful)


def place_of(node: Node, nic: Nic | None = None) -> str:
    """Return a node or its link in words, as the findings about single elements have it."""
    place = f"node {shown(node.name)}" if node.name else "clusternode without name"
    return f"{place}, eth {shown(nic.name)}" if nic and nic.name else f"{place}, eth" if nic else place


class _Once:
    """Values of one sort, each of which may stand only once."""

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        self.first: dict[object, tuple[int, str]] = {}

    def add(self, key: object, text: str, line: int, place: str) -> Iterator[Finding]:
        """Yield a finding that names both places if the key was there before."""
        if not key:
            return
        if key not in self.first:
            self.first[key] = line, place
            return
        before, where = self.first[key]
        message = f"{self.what} {text} is given twice: line {before} ({where}) and line {line} ({place})"
        yield Finding(line, "error", place, message, self.hint)


def _duplicates(cluster: Cluster) -> Iterator[Finding]:
    names = _Once("name", "give each node a name of its own")
    hosts = _Once("host name", "give each node a host name of its own: NFS servers tell their clients apart by it")
    ids = _Once("nodeid", "give each node a number of its own")
    macs = _Once("MAC", "correct one of them: a machine finds out by its MAC addresses which node it is")
    addresses = _Once("address", "correct one of them")
    uuids = _Once("system_uuid", "correct one of them")
    serials = _Once("serial", "correct one of them")
    tags = _Once("asset_tag", "correct one of them")
    for node in cluster.nodes:
        place = place_of(node)
        # Upper and lower case are the same in a host name, and a node's name is one unless the node has another.
        name, host = node.name.lower(), (node.hostname or node.name).lower()
        if node.hostname or name not in names.first:
            yield from hosts.add(host, shown(node.hostname or node.name), node.line, place)
        yield from names.add(name, shown(node.name), node.line, place)
        yield from ids.add(node.nodeid, str(node.nodeid), node.line, place)
        yield from uuids.add(node.dmi.product_uuid, shown(node.dmi.product_uuid), node.line, place)
        yield from serials.add(node.dmi.product_serial, shown(node.dmi.product_serial), node.line, place)
        yield from tags.add(node.dmi.chassis_asset_tag, shown(node.dmi.chassis_asset_tag), node.line, place)
        links = _Once("link name", "give each link of a node a name of its own")
        for nic in node.nics:
            link = place_of(node, nic)
            yield from macs.add(nic.mac, nic.mac, nic.line, link)
            yield from links.add(nic.name, shown(nic.name), nic.line, link)
            if nic.address != "dhcp":
                address = nic.address.partition("/")[0]
                yield from addresses.add(address, address, nic.line, link)


def _gateways(cluster: Cluster) -> Iterator[Finding]:
    for node in cluster.nodes:
        routed = [nic for nic in node.nics if nic.gateway and nic.onboot]
        for nic in routed[1:]:
            if (":" in nic.gateway) == (":" in routed[0].gateway):
                first = f"{shown(routed[0].name)}, line {routed[0].line}"
                message = f"a second default gateway (the first is that of {first})"
                yield Finding(nic.line, "error", place_of(node, nic), message, "keep the one that leads out")


def _roots(cluster: Cluster, doubtful: frozenset[int]) -> Iterator[Finding]:
    """Yield the findings about root volumes; a warning that many nodes would get comes once."""
    problems: dict[RootVolume, tuple[filesystems.Problem, ...]] = {}
    warnings: dict[str, tuple[Finding, int]] = {}
    owners: dict[str, Node] = {}
    kinds: dict[str, type[filesystems.Filesystem] | None] = {}
    for node in cluster.nodes:
        volume = node.rootvolume
        if volume is None:
            continue
        place = f"{place_of(node)}, rootvolume"
        if volume.fstype not in kinds:
            kinds[volume.fstype] = _find(volume.fstype)
        kind = kinds[volume.fstype]
        if kind is None:
            yield _unknown(volume, place)
            continue
        alike = _without_line(volume)
        if alike not in problems:
            problems[alike] = tuple(kind.check(volume))
        for problem in problems[alike]:
            finding = Finding(volume.line, problem.severity, place, problem.message, problem.hint)
            if problem.severity == "error":
                yield finding
            else:
                first, count = warnings.get(problem.message, (finding, 0))
                warnings[problem.message] = first, count + 1
        if not kind.shared and volume.shared:
            owner = owners.setdefault(volume.name, node)
            if owner is not node and owner.rootvolume:
                message = (
                    f"{volume.fstype} root {shown(volume.name)} is given to two nodes (line {owner.rootvolume.line},"
                    f" {place_of(owner)}), and mounting it on both at once destroys it"
                )
                hint = 'add shared="no" if it is a disk of its own in each node, else use a filesystem made for sharing'
                yield Finding(volume.line, "error", place, message, hint)
        if kind.network and node.line not in doubtful and not any(nic.address and nic.onboot for nic in node.nics):
            hint = 'add ip= and mask= to the link that reaches the server, and do not set onboot="no" there'
            yield Finding(node.line, "error", place_of(node), "has a root on the network, but no link with an address "
                          "that is brought up", hint)  # fmt: skip
    for first, count in warnings.values():
        more = f" ({count:,} nodes)" if count > 1 else ""
        yield Finding(first.line, first.severity, first.place, first.message + more, first.hint)


def _find(fstype: str) -> type[filesystems.Filesystem] | None:
    try:
        return filesystems.find(fstype)
    except ConfigError:
        return None


def _unknown(volume: RootVolume, place: str) -> Finding:
    known = tuple(filesystems.known())
    near = vocabulary.nearest(volume.fstype, known)
    hint = f'did you mean "{near}"?' if near else f"known are {', '.join(known)}"
    return Finding(volume.line, "error", place, f"unknown fstype {shown(volume.fstype)}", hint)


def _without_line(volume: RootVolume) -> RootVolume:
    return type(volume)(volume.name, volume.fstype, volume.mountopts, volume.attempts, volume.pause, volume.shared)
