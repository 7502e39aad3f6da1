"""What is wrong with a cluster whose values are all right one by one: pure, and linear in the number of nodes."""

from __future__ import annotations

from osr_boot import linkchecks, volumechecks
from osr_boot.linkchecks import place_of
from osr_boot.model import Finding
from osr_boot.values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster


def findings(cluster: Cluster, doubtful: frozenset[int] = frozenset(), *, whole: bool = True) -> Iterator[Finding]:
    """Yield the findings about values that do not go together.

    `doubtful` are lines of nodes and links with errors of their own: what they lack is not held against them twice. Not
    `whole`: these are some of the nodes only, and nothing is said about what needs all of them.
    """
    yield from _duplicates(cluster)
    for node in cluster.nodes:
        yield from linkchecks.findings(node)
    yield from volumechecks.findings(cluster, doubtful, whole=whole)


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
