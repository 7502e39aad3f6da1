"""What is wrong with a cluster whose values are all right one by one: pure, and linear in the number of nodes."""

from __future__ import annotations

from osr_boot import filesystems, layers, linkchecks
from osr_boot.errors import ConfigError
from osr_boot.linkchecks import place_of
from osr_boot.model import Finding
from osr_boot.value import replace
from osr_boot.values import no_host, shown
from osr_boot.words import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Nic, Node, RootVolume


def findings(cluster: Cluster, doubtful: frozenset[int] = frozenset(), *, whole: bool = True) -> Iterator[Finding]:
    """Yield the findings about values that do not go together.

    `doubtful` are lines of nodes and links with errors of their own: what they lack is not held against them twice. Not
    `whole`: these are some of the nodes only, and nothing is said about what needs all of them.
    """
    yield from _duplicates(cluster)
    for node in cluster.nodes:
        yield from linkchecks.findings(node)
    yield from _roots(cluster, doubtful, whole=whole)


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
            for one in nic.addresses:
                address, slash, _ = one.partition("/")
                if slash:
                    yield from addresses.add(address, address, nic.line, link)


def _roots(cluster: Cluster, doubtful: frozenset[int], *, whole: bool) -> Iterator[Finding]:
    """Yield the findings about root volumes; a warning that many nodes would get comes once."""
    broken = set(doubtful)
    problems: dict[RootVolume, tuple[filesystems.Problem, ...]] = {}
    servers: dict[RootVolume, tuple[str, ...]] = {}
    warnings: dict[str, tuple[Finding, int]] = {}
    owners: dict[str, Node] = {}
    kinds: dict[str, type[filesystems.Filesystem] | None] = {}
    users: dict[type[filesystems.Filesystem], list[Node]] = {}
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
        users.setdefault(kind, []).append(node)
        alike = _without_line(volume)
        if alike not in problems:
            problems[alike] = tuple(kind.check(volume))
            # What has been said to be none is not looked for.
            servers[alike] = tuple(one for one in kind.servers(volume) if layers.number(one) and not no_host(one))
        for problem in problems[alike]:
            finding = Finding(volume.line, problem.severity, place, problem.message, problem.hint)
            if problem.severity == "error":
                broken.add(node.line)
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
        if volume.servers and not kind.network:
            message = f"has servers, and {volume.fstype} comes from no server"
            yield Finding(volume.line, "error", place, message, "remove servers=")
        if (
            kind.network
            and node.line not in doubtful
            and not any(nic.line in doubtful for nic in node.nics if nic.line)
        ):
            yield from _ways(node, volume.line, servers[alike])
    for kind, nodes in users.items():
        if whole:
            yield from (_of_cluster(problem, cluster) for problem in kind.check_cluster(cluster, tuple(nodes)))
    if whole:
        yield from _one_root(users, broken)
    for first, count in warnings.values():
        more = f" ({count:,} nodes)" if count > 1 else ""
        yield Finding(first.line, first.severity, first.place, first.message + more, first.hint)


def _ways(node: Node, line: int, servers: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for each server of the root (which is on that line) to which nothing leads."""
    nics = tuple(nic for nic in node.nics if nic.onboot and nic.addresses)
    if not nics:
        hint = 'add ip= and mask= to the link that reaches the server, and do not set onboot="no" there'
        yield Finding(node.line, "error", place_of(node), "has a root on the network, but no link with an address "
                      "that is brought up", hint)  # fmt: skip
        return
    anywhere = {six for six in (False, True) if any(_leads_out(nic, six=six) for nic in nics)}
    known: dict[int, set[tuple[int, int]]] = {}
    for server in servers:
        six = ":" in server
        if six in anywhere:
            continue
        known = known or _networks(nics)
        if _is_in(server, known):
            continue
        version, words = (6, "ip6= or gateway6=") if six else (4, "ip= or gateway=")
        way = f"none has its network, a route there or a gateway of IPv{version}"
        message = f"no link that is brought up leads to the server {server}: {way}"
        hint = f"correct the server, or {words} of the link that leads there"
        yield Finding(line, "error", f"{place_of(node)}, rootvolume", message, hint)


def _leads_out(nic: Nic, *, six: bool) -> bool:
    """Say whether a link has a gateway of IPv6 or IPv4, or asks for its address: it may be told of any way."""
    return layers.asks(nic, 6 if six else 4) or any((":" in one) == six for one in (nic.gateway, nic.gateway6) if one)


def _networks(nics: tuple[Nic, ...]) -> dict[int, set[tuple[int, int]]]:
    """Return the networks that links lead to: bits of the host part to (bits of an address, the other part)."""
    found: dict[int, set[tuple[int, int]]] = {}
    for nic in nics:
        for network in layers.networks(nic):
            begin, _, length = network.partition("/")
            raw = layers.number(begin)
            host = len(raw) * 8 - int(length)
            found.setdefault(host, set()).add((len(raw) * 8, int.from_bytes(raw, "big") >> host))
    return found


def _is_in(server: str, networks: dict[int, set[tuple[int, int]]]) -> bool:
    """Say whether a server is in one of the networks, in a time that does not grow with their number."""
    raw = layers.number(server)
    address, bits = int.from_bytes(raw, "big"), len(raw) * 8
    return any((bits, address >> host) in there for host, there in networks.items())


def _of_cluster(problem: filesystems.Problem, cluster: Cluster) -> Finding:
    node = problem.node
    line, place = (node.line, place_of(node)) if node else (cluster.line, "cluster")
    return Finding(line, problem.severity, place, problem.message, problem.hint)


def _one_root(users: dict[type[filesystems.Filesystem], list[Node]], doubtful: set[int]) -> Iterator[Finding]:
    """Yield a warning for each root that is not the one that the first node shares with the others."""
    first: Node | None = None
    others: dict[str, tuple[Node, int]] = {}
    sharing = (node for kind, nodes in users.items() if kind.shared for node in nodes)
    for node in sorted(sharing, key=lambda node: node.line):
        volume = node.rootvolume
        if volume is None or not volume.shared or node.line in doubtful:
            continue
        first = first or node
        if first.rootvolume and volume.name != first.rootvolume.name:
            example, count = others.get(volume.name, (node, 0))
            others[volume.name] = example, count + 1
    for name, (node, count) in others.items():
        if not (first and first.rootvolume and node.rootvolume):
            continue
        more = f" ({count:,} nodes)" if count > 1 else ""
        was = f"{shown(first.rootvolume.name)} of {place_of(first)}, line {first.rootvolume.line}"
        hint = "give all nodes one root, if they are to share it"
        if name.startswith("/dev/"):
            hint += "; a disk has one LABEL= and UUID= everywhere, and may have a /dev name in each node"
        message = f"{shown(name)} is another root than {was}{more}"
        yield Finding(node.rootvolume.line, "warning", f"{place_of(node)}, rootvolume", message, hint)


def _find(fstype: str) -> type[filesystems.Filesystem] | None:
    try:
        return filesystems.find(fstype)
    except ConfigError:
        return None


def _unknown(volume: RootVolume, place: str) -> Finding:
    known = tuple(filesystems.known())
    near = nearest(volume.fstype, known)
    hint = f'did you mean "{near}"?' if near else f"known are {', '.join(known)}"
    return Finding(volume.line, "error", place, f"unknown fstype {shown(volume.fstype)}", hint)


def _without_line(volume: RootVolume) -> RootVolume:
    return replace(volume, line=0)
