"""The RELAX NG schema of cluster.conf, made from the vocabulary: for editors, and as the last check after our own walk.

Findings do not come from it: libxml2 tells its first error only. A file that our walk has nothing against and that the
schema refuses has a finding all the same, and shows a hole in the walk.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from xml.etree import ElementTree

from osr_boot import vocabulary
from osr_boot.model import Finding
from osr_boot.words import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from lxml import etree

NAMESPACE = "http://relaxng.org/ns/structure/1.0"
DATATYPES = "http://www.w3.org/2001/XMLSchema-datatypes"
_ANY = "anything"
"""the pattern of an element that belongs to others, with all that is below it"""


def text() -> str:
    """Return the schema as an XML document."""
    grammar = ElementTree.Element("grammar", {"xmlns": NAMESPACE, "datatypeLibrary": DATATYPES})
    start = _add(grammar, "start")
    _element(start, vocabulary.CLUSTER)
    everything = _add(_add(grammar, "define", name=_ANY), "element")
    _add(everything, "anyName")
    _content(everything, _ANY)
    ElementTree.indent(grammar)
    return ElementTree.tostring(grammar, encoding="unicode") + "\n"


def findings(data: bytes) -> Iterator[Finding]:
    """Yield the schema's finding about a document that document.parse has accepted, if it has one."""
    from lxml import etree

    # What could make this unbounded has been refused before: huge_tree lifts libxml2's own, narrower limits.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_comments=True, remove_pis=True
    )
    try:
        document = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        line = getattr(error, "lineno", None) or 1
        yield Finding(line, "error", "document", f"libxml2 cannot read it: {error}", "save it as UTF-8")
        return
    schema = _compiled()
    if not schema.validate(document):
        first = schema.error_log[0]
        # libxml2 does not know where in an interleave it went wrong; our own walk is what tells a person.
        hint = "compare with docs/cluster-conf.md, and report the file: a check of osr is missing"
        message = f"does not fit the schema, and nothing else was found: {first.message}"
        yield Finding(max(first.line, 1), "error", "document", message, hint)


@lru_cache(maxsize=1)
def _compiled() -> etree.RelaxNG:
    from lxml import etree

    return etree.RelaxNG(etree.fromstring(text()))


def _element(parent: Element, kind: Kind) -> None:
    """Add the pattern of an element below its parent's."""
    element = _add(parent, "element", name=kind.name)
    if kind.opaque:
        _content(element, _ANY)
        return
    for attribute in kind.attributes:
        holder = element if attribute.required else _add(element, "optional")
        value = _add(holder, "attribute", name=attribute.name)
        if attribute.form:
            _add(_add(value, "data", type="string"), "param", name="pattern").text = attribute.form
        else:
            _add(value, "text")
    if not kind.ours:
        others = _add(_add(_add(element, "zeroOrMore"), "attribute"), "anyName")
        _except(others, (attribute.name for attribute in kind.attributes))
    if not kind.children and kind.ours:
        if not kind.attributes:
            _add(element, "empty")
        return
    together = _add(element, "interleave")
    for child in kind.children:
        _element(_add(together, "zeroOrMore" if child.many else "optional"), child)
    if not kind.ours:
        _add(together, "text")
        other = _add(_add(together, "zeroOrMore"), "element")
        # One of our elements in the wrong place is a mistake in everybody's.
        _except(_add(other, "anyName"), sorted({*vocabulary.HOMES, *(child.name for child in kind.children)}))
        _content(other, _ANY)


def _content(element: Element, name: str) -> None:
    """Let an element have any attributes, any text and any elements."""
    _add(_add(_add(element, "zeroOrMore"), "attribute"), "anyName")
    mixed = _add(_add(element, "mixed"), "zeroOrMore")
    _add(mixed, "ref", name=name)


def _except(names: Element, known: Iterator[str] | list[str]) -> None:
    """Take names out of an anyName."""
    listed = list(known)
    if listed:
        out = _add(names, "except")
        for name in listed:
            _add(out, "name").text = name


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, tag, attributes)


if __name__ == "__main__":
    sys.stdout.write(text())
