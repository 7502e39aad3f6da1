"""Values out of a cluster.conf by the names that scripts know: a table of queries, and what answers them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from osr_boot.cluster import o2cb
from osr_boot.errors import ConfigError
from osr_boot.lookup import Nothing, Source, below, digits, title, value
from osr_boot.values import shown
from osr_boot.words import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from osr_boot.document import Element


@dataclass(frozen=True)
class Query:
    """A query, the names of its arguments, and what answers it."""

    arguments: tuple[str, ...]
    answer: Callable[..., list[str]]
    """takes a Source and the arguments; returns the values, none where there is none; raises Nothing with a reason"""
    lines: bool = False
    """True: values may have blanks in them, one line for each"""


def _texts(elements: list[Element], name: str, place: str) -> list[str]:
    """Return an attribute of each element that has it. Raises Nothing."""
    if not elements:
        raise Nothing(f"there is no {place}")
    if found := [text for element in elements if (text := value(element, name))]:
        return found
    raise Nothing(f"{place} has no {name}")


def _of_nodes(name: str) -> Callable[[Source], list[str]]:
    return lambda source: _texts(source.nodes, name, "node")


def _of_node(name: str, found: Callable[[Source, str], Element]) -> Callable[[Source, str], list[str]]:
    def answer(source: Source, word: str) -> list[str]:
        node = found(source, word)
        return _texts([node], name, title(node))

    return answer


def _of_info(element: str, name: str) -> Callable[[Source, str], list[str]]:
    def answer(source: Source, word: str) -> list[str]:
        node = source.node(word)
        return _texts(below(node, element), name, f'"{element}" of {title(node)}')

    return answer


def _links(node: Element, device: str) -> tuple[list[Element], str]:
    """Return the links of that name, of which there is one in a file without errors, and what to call them."""
    return [eth for eth in below(node, "eth") if value(eth, "name") == device], f"link {shown(device)} of {title(node)}"


def _of_link(name: str) -> Callable[[Source, str, str], list[str]]:
    def answer(source: Source, word: str, device: str) -> list[str]:
        links, place = _links(source.node(word), device)
        return _texts(links, name, place)

    return answer


def _ip(source: Source, word: str, device: str) -> list[str]:
    """Answer with the address alone: a mask may stand in `ip`, which the scripts that ask do not know."""
    return [text.partition("/")[0] for text in _of_link("ip")(source, word, device)]


def _properties(source: Source, word: str, device: str) -> list[str]:
    links, place = _links(source.node(word), device)
    if not links:
        raise Nothing(f"there is no {place}")
    every = [one for eth in links for group in eth.all("properties") for one in group.all("property")]
    _texts(every, "name", f"property of {place}")
    return [f"{name}={value(one, 'value')}" for one in every if (name := value(one, "name"))]


def _filesystems(node: Element) -> list[Element]:
    return [one for group in below(node, "filesystems") for one in group.all("filesystem")]


def _destinations(source: Source, word: str) -> list[str]:
    node = source.node(word)
    return _texts(_filesystems(node), "dest", f'"filesystem" of {title(node)}')


def _of_filesystem(name: str) -> Callable[[Source, str, str], list[str]]:
    def answer(source: Source, word: str, dest: str) -> list[str]:
        node = source.node(word)
        found = [one for one in _filesystems(node) if value(one, "dest") == dest]
        return _texts(found, name, f"filesystem {shown(dest)} of {title(node)}")

    return answer


def _static(node: Element, *, versions: tuple[int, ...] = (4, 6)) -> str:
    """Return the first address of a node that is written in the file, empty if there is none."""
    for eth in below(node, "eth"):
        text = value(eth, "ip").partition("/")[0]
        try:
            # An address with a zone (fe80::1%eth0) is one for the machine itself only.
            if "%" not in text and (address := ipaddress.ip_address(text)).version in versions:
                return str(address)
        except ValueError:  # none, or "dhcp", or a mistake
            continue
    return ""


def _word(element: Element, name: str, place: str) -> str:
    """Return an attribute that may stand as one word in another program's file. Raises Nothing."""
    (text,) = _texts([element], name, place)
    if "#" in text or not all("!" <= letter <= "~" for letter in text):
        raise Nothing(f"{name} {shown(text)} of {place} cannot stand there", hint="write it as one word, in ASCII")
    return text


def _number(element: Element, name: str, place: str) -> str:
    """Return an attribute that is a whole number, without leading zeros. Raises Nothing."""
    (text,) = _texts([element], name, place)
    if not digits(text):
        raise Nothing(f"{name} {shown(text)} of {place} is not a number", hint="write digits only")
    return digits(text)


def _hosts(source: Source) -> list[str]:
    found = [(address, node) for node in source.nodes if (address := _static(node))]
    return [f"{address} {_word(node, 'name', title(node))}" for address, node in found]


def _convert(source: Source, kind: str) -> list[str]:
    """Answer with an OCFS2 cluster.conf; source: ocfs2.cluster.conf(5), README.O2CB of ocfs2-tools."""
    cluster = _word(source.root, "name", "the cluster")
    if not source.nodes:
        raise Nothing("there is no node")
    members = []
    for node in source.nodes:
        place = title(node)
        address = _static(node, versions=(4,))
        if not address:
            raise Nothing(f"{place} has no static IPv4 address", hint="o2cb needs one of every node")
        port, number = _number(node, "tcp_port", place), _number(node, "nodeid", place)
        members.append((_word(node, "name", place), number, address, port))
    return [o2cb.configuration(cluster, tuple(members)).rstrip("\n")]


_macs = _of_info("eth", "mac")
_DEVICE = ("ID", "DEV")
XPATH = "XPATH"
"""the argument that may have blanks in it where queries stand in a file"""

QUERIES: dict[str, Query] = {
    "clustername_name": Query((), lambda source: _texts([source.root], "name", "the cluster")),
    "nodeids": Query((), _of_nodes("nodeid")),
    "nodenames": Query((), _of_nodes("name")),
    "nodename": Query(("ID",), _of_node("name", Source.node)),
    "nodeid": Query(("NAME",), _of_node("nodeid", Source.named)),
    "nodename_by_hwid": Query(("MAC",), _of_node("name", Source.owner)),
    "nodeid_by_hwid": Query(("MAC",), _of_node("nodeid", Source.owner)),
    "hwids_by_nodeid": Query(("ID",), _macs),
    "macs": Query(("ID",), _macs),
    "mac": Query(_DEVICE, _of_link("mac")),
    "ip": Query(_DEVICE, _ip),
    "eth_name": Query(("ID",), _of_info("eth", "name")),
    **{
        f"eth_name_{name}": Query(_DEVICE, _of_link(name))
        for name in ("name", "mac", "ip", "mask", "gateway", "master", "slave", "type", "bridge", "driver", "onboot")
    },
    "eth_name_properties": Query(_DEVICE, _properties, lines=True),
    **{
        f"{element}_{name}": Query(("ID",), _of_info(element, name))
        for element, names in (
            ("rootvolume", ("name", "fstype", "mountopts")),
            ("syslog", ("name", "level", "subsys", "type", "filter")),
            ("scsi", ("failover", "driver")),
            ("chrootenv", ("mountpoint", "fstype", "device", "chrootdir", "mountopts")),
        )
        for name in names
    },
    "filesystem_dest": Query(("ID",), _destinations),
    **{
        f"filesystem_dest_{name}": Query(("ID", "DEST"), _of_filesystem(name))
        for name in ("source", "dest", "fstype", "mountopts")
    },
    "hosts": Query((), _hosts, lines=True),
    "convert": Query(("ocfs2",), _convert, lines=True),
    # What -q is on the command line; the old tool's two names for it.
    "xpath": Query((XPATH,), Source.xpath, lines=True),
    "query_xml": Query((XPATH,), Source.xpath, lines=True),
    "query_value": Query((XPATH,), Source.xpath),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One query as somebody asks it."""

    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.name, *self.arguments))

    @property
    def query(self) -> Query:
        """What the name means."""
        return QUERIES[self.name]

    def answer(self, source: Source) -> list[str]:
        """Return the values, at least one. Raises Nothing, ConfigError."""
        if found := self.query.answer(source, *self.arguments):
            return found
        raise Nothing("nothing in the file matches")


def split(words: Iterable[str]) -> Iterator[list[str]]:
    """Yield the queries of a command line, each as its words: a lone `,` ends one, `query=` begins one."""
    one: list[str] = []
    for word in words:
        begins = word.startswith("query=")
        if one and (begins or word == ","):
            yield one
            one = []
        if word != ",":
            one.append(word.removeprefix("query="))
    if one:
        yield one


def checked(words: Sequence[str], *, place: str = "") -> Asked:
    """Return a query if there is one of that name with these arguments. Raises ConfigError."""
    name, arguments = words[0], tuple(words[1:])
    query = QUERIES.get(name)
    if not query:
        near = nearest(name, tuple(QUERIES))
        hint = f'did you mean "{near}"?' if near else "`osr query` alone lists the queries"
        raise ConfigError(f"unknown query {shown(name)}", hint=hint, place=place)
    count = len(query.arguments)
    if len(arguments) != count:
        names = " ".join(query.arguments)
        wanted = f"{count} argument{'s' * (count > 1)}, {names}," if count else "no argument"
        hint = f"write `{name} {names}`" if count else f"write `{name}`"
        if len(arguments) > count:
            hint += ", an XPath in quotes" if query.arguments == (XPATH,) else ", and a lone , before another query"
        raise ConfigError(f'query "{name}" takes {wanted} and has {len(arguments)}', hint=hint, place=place)
    if name == "convert" and arguments != query.arguments:
        raise ConfigError(f"nothing converts to {shown(arguments[0])}", hint="known is ocfs2", place=place)
    return Asked(name, arguments)


def from_text(text: str, *, source: str) -> Iterator[Asked]:
    """Yield the queries of a text: one a line, words without quotes, `#` for a comment line. Raises ConfigError."""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        place = f"{source}:{number}"
        name = words[0].removeprefix("query=")
        if name in QUERIES and QUERIES[name].arguments == (XPATH,):  # has blanks and quotes of its own
            yield checked([name, *line.strip().split(maxsplit=1)[1:]], place=place)
        else:
            yield from (checked(one, place=place) for one in split(words))


def listing() -> str:
    """Return all queries, those with the same arguments on one line."""
    alike: dict[str, list[str]] = {}
    for name, query in QUERIES.items():
        alike.setdefault(" ".join(query.arguments), []).append(name)
    return "\n".join(f"{', '.join(names)} {words}".rstrip() for words, names in alike.items())
