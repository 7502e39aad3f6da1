"""The nodes of a cluster.conf, looked up by id, name or MAC address, and the attributes of what is below them.

What the file says is passed on letter for letter, whatever else is wrong with it; an absent attribute has its default.
Two nodes that answer to one id, name or MAC address are refused: to choose one would be a guess.
"""

from __future__ import annotations

from functools import cached_property

from osr_boot.mac import normalised
from osr_boot.values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.document import Element
    from osr_boot.xpath import Document


class Nothing(Exception):
    """The file has no answer. `message` says what it lacks."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Source:
    """A cluster.conf to be asked: its elements, and its bytes for an XPath. Looks up nodes without searching twice."""

    def __init__(self, root: Element, data: bytes) -> None:
        self.root = root
        self._data = data
        self.nodes = [node for group in root.all("clusternodes") for node in group.all("clusternode")]

    def xpath(self, path: str) -> list[str]:
        """Return what an XPath selects, as text. Raises ConfigError."""
        return self._document.evaluate(path)

    @cached_property
    def _document(self) -> Document:
        from osr_boot.xpath import Document

        return Document(self._data)

    def node(self, word: str) -> Element:
        """Return the node of that id, else of that name, else with that MAC address. Raises Nothing."""
        found = self._by_id.get(digits(word)) or self._by_name.get(word) or self._by_mac.get(normalised(word))
        return _only(found, word)

    def named(self, word: str) -> Element:
        """Return the node of that name; the rest as `node` does. Raises Nothing."""
        return _only(self._by_name[word], word) if word in self._by_name else self.node(word)

    def owner(self, word: str) -> Element:
        """Return the node with that MAC address, in any spelling. Raises Nothing."""
        if not normalised(word):
            raise Nothing(f"{shown(word)} is not a MAC address", hint="write it as 52:54:00:12:34:56")
        return _only(self._by_mac.get(normalised(word)), word, "MAC address")

    @cached_property
    def _by_id(self) -> dict[str, list[Element]]:
        return _index((digits(value(node, "nodeid")), node) for node in self.nodes)

    @cached_property
    def _by_name(self) -> dict[str, list[Element]]:
        return _index((value(node, "name"), node) for node in self.nodes)

    @cached_property
    def _by_mac(self) -> dict[str, list[Element]]:
        return _index((normalised(value(eth, "mac")), node) for node in self.nodes for eth in below(node, "eth"))


def value(element: Element, name: str) -> str:
    """Return an attribute; where it is absent, or there is nothing in it, its default, empty if it has none."""
    if text := element.attributes.get(name, ""):
        return text
    attribute = element.kind.attribute(name) if element.kind else None
    # A default that is described, such as "per filesystem", is no value.
    return attribute.default if attribute and " " not in attribute.default else ""


def below(node: Element, name: str) -> list[Element]:
    """Return what has this name in the com_info of a node."""
    info = node.first("com_info")
    return info.all(name) if info else []


def _index(pairs: Iterator[tuple[str, Element]]) -> dict[str, list[Element]]:
    """Return the nodes by key, each once for a key, the keys that are empty left out."""
    found: dict[str, list[Element]] = {}
    for key, node in pairs:
        known = found.setdefault(key, [])
        if key and not (known and known[-1] is node):
            known.append(node)
    return found


def digits(text: str) -> str:
    """Return a node id without leading zeros, empty if it is none."""
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else ""


def _only(nodes: list[Element] | None, word: str, what: str = "id, name or MAC address") -> Element:
    if not nodes:
        raise Nothing(f"no node has the {what} {shown(word)}", hint="`osr query nodeids` lists the nodes")
    if len(nodes) > 1:
        places = " and ".join(f"{title(node)} (line {node.line})" for node in nodes[:2])
        raise Nothing(f"{shown(word)} is both {places}", hint="correct cluster.conf; `osr check` has the details")
    return nodes[0]


def title(node: Element) -> str:
    """Return what to call a node in a message."""
    return f"node {shown(value(node, 'name'))}"
