"""cluster.conf read: its text becomes a Cluster, and everything that is wrong with it becomes findings.

Four layers, each with one job: document.py reads XML, this file makes values of elements one by one, validate.py
looks at what the values mean together, and schema.py is asked last, whether all of them have overlooked something.
A value that is wrong is a finding, and then as good as absent: a cluster with errors among its findings is there to be
talked about, not to be booted.
"""

from __future__ import annotations

from osr_boot import document, excerpt, fencing, nics, spelling, validate, values, volumes
from osr_boot.digest import digest
from osr_boot.errors import ConfigError
from osr_boot.model import Cluster, Dmi, Finding, Node, O2cb, Selection
from osr_boot.spelling import place_of
from osr_boot.values import Unfit, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from osr_boot.document import Element

    Value = TypeVar("Value")

MAX_FINDINGS = 10_000
"""enough for one in each of 10,000 nodes; a file that is made to have more costs no more time"""
_NONE: tuple[str, ...] = ()
LARGEST_ID = 2**31 - 1
"""source: corosync.conf(5), nodeid: 32 bits, of which DLM takes 31"""


def read(
    path: str, selection: Selection | None = None, *, secrets: bool = False
) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return the cluster of a file and all findings, sorted by line. Raises ConfigError if it cannot be opened.

    With a selection only those nodes are read and checked that it may mean; all if it means none, or is contested.
    `secrets`: what fence agents want to know comes along, whatever it is.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(document.MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "name the file that you mean; README.md has an example to begin with"
        raise ConfigError(f"{path}: there is no such file", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read: {reason}", hint="name a file that you may read") from None
    return parse(data, source=path, selection=selection, secrets=secrets)


def parse(
    data: bytes, *, source: str = "", selection: Selection | None = None, secrets: bool = False
) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return the cluster of a document and all findings, sorted by line; for a selection and secrets see `read`."""
    if selection:
        cluster, found = _parse(excerpt.of(data, selection), data, source, selection, secrets)
        if cluster.nodes and excerpt.is_alone(data, cluster.nodes):
            return cluster, found
    return _parse(data, data, source, None, secrets)


def _parse(
    part: bytes, data: bytes, source: str, selection: Selection | None, secrets: bool
) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return the cluster and the findings of a part of the document `data`."""
    try:
        root = document.parse(part, secrets=secrets)
    except document.Malformed as error:
        return Cluster(source=source), (Finding(error.line, "error", "document", error.message, error.hint),)
    if root.name != "cluster":
        message = f'the outermost element is {shown(root.name)}, not "cluster"'
        return Cluster(source=source), (
            Finding(root.line, "error", "document", message, "is that really the cluster.conf?"),
        )
    if selection:
        excerpt.prune(root, selection)
    reader = Reader()
    cluster = Cluster(source=source)
    try:
        reader.extend(spelling.findings(root))
        cluster = reader.cluster(root, source, data)
        reader.extend(validate.findings(cluster, frozenset(reader.doubtful), whole=selection is None))
        if selection is None and not any(finding.severity == "error" for finding in reader.found):
            from osr_boot import schema

            reader.extend(schema.findings(data))
    except _Enough:
        pass
    found = sorted(reader.found, key=lambda finding: (finding.line, finding.severity))
    if len(found) > MAX_FINDINGS:
        message = f"has more than {MAX_FINDINGS:,} findings, and only so many are shown"
        found[-1] = Finding(found[-1].line, "error", "document", message, "mend these first, and check again")
    return cluster, tuple(found)


class _Enough(Exception):
    """There are more findings than anybody would read."""


class Reader:
    """Makes values of elements and collects what is wrong with them."""

    def __init__(self) -> None:
        self.devices: dict[str, Element] = {}
        """fence devices by their names"""
        self.found: list[Finding] = []
        self.doubtful: set[int] = set()
        """lines of the nodes that have an error: what they lack may be what could not be read"""

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings, as many as anybody would read."""
        for finding in findings:
            self.found.append(finding)
            if len(self.found) > MAX_FINDINGS:
                raise _Enough

    def error(self, element: Element, place: str, message: str, hint: str) -> None:
        """Add a finding about an element."""
        self.extend((Finding(element.line, "error", place, message, hint),))

    def value(self, element: Element, place: str, name: str, convert: Callable[[str], Value], default: Value) -> Value:
        """Return an attribute as a value; the default if it is absent or wrong, and then a finding."""
        text = element.attributes.get(name, "")
        if text:
            try:
                return convert(text)
            except Unfit as unfit:
                self.error(element, place, f"{name} {shown(text)} {unfit.message}", unfit.hint)
        elif element.kind and (attribute := element.kind.attribute(name)) and attribute.required:
            self.error(element, place, f"has no {name}", f'add {name}="...": {attribute.meaning}')
        return default

    def cluster(self, root: Element, source: str, data: bytes) -> Cluster:
        """Return the whole cluster."""
        version = self.value(root, "cluster", "config_version", lambda text: values.number(text, 0, LARGEST_ID), 0)
        if not root.attributes.get("config_version"):
            hint = 'add config_version="1" and raise it with every change: it tells a stale image from a new one'
            self.extend((Finding(root.line, "warning", "cluster", "has no config_version", hint),))
        if not root.attributes.get("name"):
            self.extend((Finding(root.line, "warning", "cluster", "has no name", 'add name="..."'),))
        self.devices = fencing.devices(root)
        nodes = [node for group in root.all("clusternodes") for node in group.all("clusternode")]
        if not nodes:
            self.error(root, "cluster", "has no node", "add <clusternodes> with a <clusternode> for each machine")
        two_node, expected = False, 0
        for cman in root.all("cman"):
            two_node = self.value(cman, "cman", "two_node", lambda text: values.number(text, 0, 1), 0) == 1
            expected = self.value(cman, "cman", "expected_votes", lambda text: values.number(text, 0, 65535), 0)
        return Cluster(
            root.attributes.get("name", ""),
            version,
            tuple(map(self.node, nodes)),
            source=source,
            size=len(data),
            digest=digest(data),
            two_node=two_node,
            o2cb=self.o2cb(root),
            totem=tuple(self.totem(root)),
            expected_votes=expected,
            line=root.line,
        )

    def o2cb(self, root: Element) -> O2cb:
        """Return what is said of OCFS2's stack."""
        element = root.first("o2cb")
        if element is None:
            return O2cb()

        def milliseconds(name: str, low: int) -> int:
            return self.value(element, "o2cb", name, lambda text: values.number(text, low, 3_600_000), 0)

        # The smallest figures are those of o2cb's own configuration; source: o2cb.sysconfig(5).
        return O2cb(
            self.value(element, "o2cb", "regions", values.heartbeat_regions, _NONE),
            self.value(element, "o2cb", "dead_threshold", lambda text: values.number(text, 7, 1_000), 0),
            milliseconds("idle_timeout_ms", 5_000),
            milliseconds("keepalive_delay_ms", 1_000),
            milliseconds("reconnect_delay_ms", 2_000),
        )

    def totem(self, root: Element) -> Iterator[str]:
        """Yield what is said of corosync's transport and timeouts."""
        for element in root.all("totem"):
            if transport := self.value(element, "totem", "transport", values.transport, ""):
                yield f"transport {transport}"
            cipher = self.value(element, "totem", "crypto_cipher", values.cipher, "")
            hashed = self.value(element, "totem", "crypto_hash", values.crypto_hash, "")
            if cipher and not element.attributes.get("crypto_hash"):
                self.error(element, "totem", "has a crypto_cipher, but no crypto_hash", 'add crypto_hash="sha256"')
            if (cipher or hashed) and transport == "udpu":
                self.error(
                    element, "totem", "has crypto, which udpu cannot do", 'write transport="knet", or leave it out'
                )
            yield from (f"{name} {word}" for name, word in (("crypto_cipher", cipher), ("crypto_hash", hashed)) if word)
            for name in ("token", "token_coefficient", "consensus", "join"):
                if time := self.value(element, "totem", name, lambda text: values.number(text, 1, 3_600_000), 0):
                    yield f"{name} {time}"

    def node(self, element: Element) -> Node:
        """Return a clusternode."""
        before = len(self.found)
        place = place_of(element)
        name = self.value(element, place, "name", str, "")
        nodeid = self.value(element, place, "nodeid", lambda text: values.number(text, 1, LARGEST_ID), 0)
        votes = self.value(element, place, "votes", lambda text: values.number(text, 0, 65535), 1)
        port = self.value(element, place, "tcp_port", lambda text: values.number(text, 1, 65535), Node.tcp_port)
        info = element.first("com_info")
        if info is None:
            hint = "add <com_info> with <rootvolume name= fstype=/> and <eth name= mac= ip= mask=/>"
            self.error(element, place, "has no com_info: nothing says what it boots from", hint)
            self.doubtful.add(element.line)
            return Node(name, nodeid, votes=votes, line=element.line)
        hostname = info.first("hostname")
        dmi = info.first("dmi")
        node = Node(
            name,
            nodeid,
            nics=tuple(nics.nic(self, eth, place) for eth in info.all("eth")),
            rootvolume=volumes.root(self, info, place),
            further=tuple(volumes.further(self, info, place, nodeid)),
            storage=volumes.storage(self, info, place),
            hostname=self.value(hostname, f"{place}, hostname", "name", values.host_name, "") if hostname else "",
            votes=votes,
            tcp_port=port,
            fences=tuple(fencing.fences(element, self.devices)),
            dmi=self.dmi(dmi, f"{place}, dmi") if dmi else Dmi(),
            line=element.line,
        )
        if not node.hostname and name:
            try:
                values.host_name(name)
            except Unfit as unfit:
                hint = f'{unfit.hint}; or add <hostname name="..."/> to its com_info'
                self.error(element, place, f"name {shown(name)} {unfit.message}", hint)
        if not node.nics and node.dmi == Dmi():
            self.error(info, place, "has no eth: nothing says which machine it is", "add <eth name= mac= ip= mask=/>")
        if len(self.found) > before:
            self.doubtful.add(element.line)
        return node

    def dmi(self, element: Element, place: str) -> Dmi:
        """Return what a machine should say of itself."""
        texts = {name: text.strip() for name, text in element.attributes.items()}
        found = Dmi(texts.get("system_uuid", "").lower(), texts.get("serial", ""), texts.get("asset_tag", ""))
        if found == Dmi():
            self.error(element, place, "says nothing", "add system_uuid=, serial= or asset_tag=, or remove it")
        return found
