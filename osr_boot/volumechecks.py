"""What is wrong with the filesystems of the nodes: with each one, and with those of all nodes together. Pure."""

from __future__ import annotations

from osr_boot import filesystems, layers, storage
from osr_boot.errors import ConfigError
from osr_boot.linkchecks import place_of
from osr_boot.model import Finding
from osr_boot.value import replace
from osr_boot.values import no_host, shown
from osr_boot.words import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.filesystems import Problem
    from osr_boot.model import Cluster, Nic, Node, Volume

    Kind = type[filesystems.Filesystem]


def findings(cluster: Cluster, doubtful: frozenset[int], *, whole: bool) -> Iterator[Finding]:
    """Yield the findings; a warning that many nodes would get comes once. For the arguments see validate.findings."""
    checks = _Checks(doubtful)
    for node in cluster.nodes:
        for volume in node.volumes:
            yield from checks.volume(node, volume)
        yield from checks.storage(node)
    for kind, nodes in checks.users.items():
        if whole:
            yield from (_of_cluster(problem, cluster) for problem in kind.check_cluster(cluster, tuple(nodes)))
    if whole:
        yield from _peers(checks, cluster)
        yield from _one_root(cluster, checks)
    for first, count in checks.warnings.values():
        more = f" ({count:,} nodes)" if count > 1 else ""
        yield Finding(first.line, first.severity, first.place, first.message + more, first.hint)


class _Checks:
    """Volumes looked at one by one, and what is remembered of them for those that follow."""

    def __init__(self, doubtful: frozenset[int]) -> None:
        self.doubtful = doubtful
        self.broken = set(doubtful)
        """lines of the nodes that have an error"""
        self.warnings: dict[str, tuple[Finding, int]] = {}
        """the first finding with a text, and how many nodes have it"""
        self.users: dict[Kind, list[Node]] = {}
        self._problems: dict[Volume, tuple[Problem, ...]] = {}
        self._servers: dict[Volume, tuple[str, ...]] = {}
        self._owners: dict[str, tuple[Node, Volume]] = {}
        self._kinds: dict[str, Kind | None] = {}

    def kind(self, volume: Volume) -> Kind | None:
        """Return the filesystem of a volume, None for one that is unknown."""
        if volume.fstype not in self._kinds:
            self._kinds[volume.fstype] = _find(volume.fstype)
        return self._kinds[volume.fstype]

    def volume(self, node: Node, volume: Volume) -> Iterator[Finding]:
        """Yield the findings about one volume of a node; its warnings are remembered."""
        place, kind = _place(node, volume), self.kind(volume)
        if kind is None or not (kind.root or volume.path):
            yield _unknown(volume, place)
            return
        if node not in self.users.setdefault(kind, [])[-1:]:
            self.users[kind].append(node)
        alike = replace(volume, line=0, path="")
        if alike not in self._problems:
            self._problems[alike] = tuple(kind.check(volume))
            # What has been said to be none is not looked for.
            found = kind.servers(volume)
            self._servers[alike] = tuple(one for one in found if layers.number(one) and not no_host(one))
        yield from self._told(self._problems[alike], node, volume.line, place)
        if not kind.shared and volume.shared:
            owner, owned = self._owners.setdefault(volume.name, (node, volume))
            if owner is not node:
                what = f"{volume.fstype} {'filesystem' if volume.path else 'root'} {shown(volume.name)}"
                where = f"line {owned.line}, {place_of(owner)}"
                message = f"{what} is given to two nodes ({where}), and mounting it on both at once destroys it"
                hint = 'add shared="no" if it is a disk of its own in each node, else use a filesystem made for sharing'
                yield Finding(volume.line, "error", place, message, hint)
        if volume.servers and not kind.network:
            message = f"has servers, and {volume.fstype} comes from no server"
            yield Finding(volume.line, "error", place, message, "remove servers=")
        if kind.network and self.links_are_known(node):
            yield from _ways(node, volume.line, place, self._servers[alike])

    def storage(self, node: Node) -> Iterator[Finding]:
        """Yield the findings about how a node's disks come; its warnings are remembered."""
        place = f"{place_of(node)}, rootsource"
        yield from self._told(tuple(storage.check(node)), node, node.storage.line, place)
        if node.storage.server and self.links_are_known(node):
            yield from _ways(node, node.storage.line, place, (node.storage.server,))

    def links_are_known(self, node: Node) -> bool:
        """Say whether nothing is wrong with a node and its links that would be said twice."""
        return node.line not in self.doubtful and not any(nic.line in self.doubtful for nic in node.nics if nic.line)

    def _told(self, problems: tuple[Problem, ...], node: Node, line: int, place: str) -> Iterator[Finding]:
        for problem in problems:
            finding = Finding(line, problem.severity, place, problem.message, problem.hint)
            if problem.severity == "error":
                self.broken.add(node.line)
                yield finding
            else:
                first, count = self.warnings.get(problem.message, (finding, 0))
                self.warnings[problem.message] = first, count + 1


def _place(node: Node, volume: Volume) -> str:
    return f"{place_of(node)}, {f'filesystem {shown(volume.path)}' if volume.path else 'rootvolume'}"


def _peers(checks: _Checks, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each node of a cluster stack from which no link leads to the first of them."""
    for kind, nodes in checks.users.items():
        if not kind.stack or len(nodes) < 2:
            continue
        from osr_boot.cluster import find, static_addresses

        first = find(kind.stack).peers(cluster, nodes[1])[:1]
        second = find(kind.stack).peers(cluster, nodes[0])[:1]
        for node in nodes:
            if checks.links_are_known(node) and any(static_addresses(node)):
                peers = second if node is nodes[0] else first
                yield from _ways(node, node.line, place_of(node), peers, what="node")


def _ways(node: Node, line: int, place: str, servers: tuple[str, ...], *, what: str = "server") -> Iterator[Finding]:
    """Yield a finding for each server to which nothing leads, of what is on that line."""
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
        message = f"no link that is brought up leads to the {what} {server}: {way}"
        hint = f"correct the {what}, or {words} of the link that leads there"
        yield Finding(line, "error", place, message, hint)


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


def _one_root(cluster: Cluster, checks: _Checks) -> Iterator[Finding]:
    """Yield a warning for each root that is not the one that the first node shares with the others."""
    first: Node | None = None
    others: dict[str, tuple[Node, int]] = {}
    for node in cluster.nodes:
        volume = node.rootvolume
        kind = checks.kind(volume) if volume else None
        if (
            volume is None
            or kind is None
            or not (kind.root and kind.shared and volume.shared)
            or node.line in checks.broken
        ):
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


def _find(fstype: str) -> Kind | None:
    try:
        return filesystems.find(fstype)
    except ConfigError:
        return None


def _unknown(volume: Volume, place: str) -> Finding:
    known = {name: kind for name, kind in filesystems.known().items() if kind.root or volume.path}
    near = nearest(volume.fstype, tuple(known))
    hint = f'did you mean "{near}"?' if near else f"known are {', '.join(known)}"
    if volume.path:
        hint += "; mount others from the root's /etc/fstab"
    unfit = volume.fstype in filesystems.known()
    message = f"no root can be on {volume.fstype}" if unfit else f"unknown fstype {shown(volume.fstype)}"
    return Finding(volume.line, "error", place, message, hint)
