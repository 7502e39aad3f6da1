"""The part of a large cluster.conf that may be about one machine: pure, bytes from bytes.

Reading 10,000 nodes of which one is wanted takes expat's callbacks 0.2 s, and blanking out the others beforehand 0.03.
What is blanked out keeps its line ends, so that findings have their lines. Markup cannot hide from this: a value has no
literal `<`, comments are taken out first, and a file with anything rarer in it is not touched.
"""

from __future__ import annotations

import re

from osr_boot.mac import normalised
from osr_boot.model import Dmi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.document import Element
    from osr_boot.model import Node, Selection

_RARE = (b"<!DOCTYPE", b"<![CDATA[", b"\0")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_BEGIN = re.compile(rb"<clusternode[ \t\r\n]")
_END = b"</clusternode>"


def of(data: bytes, selection: Selection) -> bytes:
    """Return the document without the nodes that a selection cannot mean; the whole of it where that is not sure."""
    if any(mark in data for mark in _RARE) or data.count(b"<?") > 1 or not selection.name.isascii():
        return data
    plain = _COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), data)
    starts = [found.start() for found in _BEGIN.finditer(plain)]
    if not starts:
        return data
    last = plain.rfind(_END) + len(_END)
    pieces = [plain[: starts[0]]]
    mentions = re.compile(b"|".join(_patterns(selection)) or b"(?!)", re.IGNORECASE).search
    digits = tuple(mac.replace(":", "").encode() for mac in selection.macs)
    for start, end in zip(starts, (*starts[1:], last)):
        node = plain[start:end]
        if not node.rstrip().endswith(_END):
            return data
        kept = b"&" in node or mentions(node) or (digits and _has_mac(node, digits))
        pieces.append(node if kept else b"\n" * node.count(b"\n"))
    return b"".join((*pieces, plain[last:]))


def is_alone(data: bytes, nodes: tuple[Node, ...]) -> bool:
    """Say whether what tells these nodes from others stands in the document once. If not, others may claim it too."""
    digits = data.lower().translate(None, b":-")
    macs = (mac.replace(":", "").encode() for node in nodes for mac in node.macs)
    words = (
        f'{key}="{value}"'.encode() for node in nodes for key, value in (("nodeid", node.nodeid), ("name", node.name))
    )
    return all(digits.count(mac) < 2 for mac in macs) and all(data.count(word) < 2 for word in words)


def _patterns(selection: Selection) -> Iterator[bytes]:
    """Yield what stands in a node that the selection means by name, number or firmware."""
    if selection.name:
        yield _attribute(b"name", selection.name)
    if selection.nodeid is not None:
        yield _attribute(b"nodeid", str(selection.nodeid), zeros=True)
    for text in vars(selection.dmi).values():
        if text:
            yield re.escape(text.encode())


def _attribute(name: bytes, text: str, *, zeros: bool = False) -> bytes:
    return name + rb"[ \t\r\n]*=[ \t\r\n]*[\"']" + (b"0*" if zeros else b"") + re.escape(text.encode()) + rb"[\"']"


def _has_mac(node: bytes, digits: tuple[bytes, ...]) -> bool:
    """Say whether one of the addresses may be in a node, however it is written."""
    plain = node.lower().translate(None, b":-")
    return any(address in plain for address in digits)


def prune(root: Element, selection: Selection) -> None:
    """Leave only those nodes in the tree that a selection may mean."""
    for group in root.all("clusternodes"):
        group.children = [node for node in group.children if _may_be(node, selection)]


def _may_be(node: Element, selection: Selection) -> bool:
    texts = node.attributes
    if selection.name and texts.get("name") == selection.name:
        return True
    if selection.nodeid is not None and texts.get("nodeid", "").lstrip("0") == str(selection.nodeid):
        return True
    if not selection.macs and selection.dmi == Dmi():
        return False
    macs, firmware = set(selection.macs), {text.lower() for text in vars(selection.dmi).values() if text}
    return any(
        normalised(below.attributes.get("mac", "")) in macs
        if below.name == "eth"
        else not firmware.isdisjoint(text.strip().lower() for text in below.attributes.values())
        for info in node.all("com_info")
        for below in info.children
        if below.name in ("eth", "dmi")
    )
