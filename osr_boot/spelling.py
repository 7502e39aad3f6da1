"""Words of cluster.conf that the vocabulary does not know, or not there, or not twice."""

from __future__ import annotations

from osr_boot import vocabulary
from osr_boot.model import Finding
from osr_boot.values import shown
from osr_boot.words import Kind, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.document import Element


_MOST_COMPARED = 1000
"""unknown words that are compared with ours, at 10 to 50 us each: a file with more of them was made to have them"""


class _Met:
    """What the walk has met so far."""

    def __init__(self) -> None:
        self.idle: dict[str, tuple[int, Element, str]] = {}
        """elements without effect: how many, the first, and its place"""
        self._compared: set[tuple[str, tuple[str, ...]]] = set()

    def nearest(self, word: str, known: tuple[str, ...], *, strict: bool) -> str:
        """Return the known word that `word` is probably meant to be, empty if none is near or the limit is reached."""
        if (word, known) not in self._compared:
            if len(self._compared) == _MOST_COMPARED:
                return ""
            self._compared.add((word, known))
        return nearest(word, known, strict=strict)


def findings(root: Element) -> Iterator[Finding]:
    """Yield what is wrong with the words of the document, and one warning for each that has no effect."""
    met = _Met()
    yield from _walk(root, "cluster", met)
    for name, (count, first, place) in met.idle.items():
        more = f" ({count:,} times)" if count > 1 else ""
        yield Finding(
            first.line, "warning", place, f'element "{name}" is accepted, and has no effect{more}', "leave it out"
        )


def place_of(element: Element, around: str = "") -> str:
    """Return where an element is in words: `node "node1", eth "eth0"`; `around` is the place of its parent."""
    if element.name == "clusternode":
        name = element.attributes.get("name", "")
        return f"node {shown(name)}" if name else "clusternode without name"
    if element.name == "com_info":
        return around
    outer = f"{around}, " if around.startswith(("node ", "clusternode ")) else ""
    if element.name in ("eth", "property") and element.attributes.get("name"):
        return f"{outer}{element.name} {shown(element.attributes['name'])}"
    return f"{outer}{element.name if element.kind else shown(element.name)}"


def _walk(element: Element, place: str, met: _Met) -> Iterator[Finding]:
    """Yield the findings of an element that is known and not opaque, and of what is below it."""
    kind = element.kind
    assert kind is not None  # the caller has looked
    for name, value in element.attributes.items():
        attribute = kind.attribute(name)
        if attribute is None:
            yield from _attribute(element, kind, name, place, met)
        elif not value.isprintable():
            message = f"attribute {shown(name)} has a control character: {shown(value)}"
            yield Finding(element.line, "error", place, message, "write it again by hand")
    if element.stray:
        line, text = element.stray
        hint = "values are attributes: remove it, or put it between <!-- and -->"
        yield Finding(line, "error", place, f'a text in "{element.name}": {shown(text)}', hint)
    seen: dict[str, int] = {}
    for child in element.children:
        if child.kind is None:
            yield from _element(child, kind, place, met)
            continue
        inner = place_of(child, place)
        if not child.kind.many and child.name in seen:
            message = f'a second "{child.name}" (the first is on line {seen[child.name]})'
            yield Finding(child.line, "error", inner, message, "keep one of them")
        seen.setdefault(child.name, child.line)
        if not child.kind.effect:
            count, first, where = met.idle.get(child.name, (0, child, inner))
            met.idle[child.name] = (count + 1, first, where)
        if not child.kind.opaque:
            yield from _walk(child, inner, met)


def _attribute(element: Element, kind: Kind, name: str, place: str, met: _Met) -> Iterator[Finding]:
    """Yield the finding about an attribute that is not in the vocabulary."""
    known = tuple(attribute.name for attribute in kind.attributes)
    near = met.nearest(name, known, strict=not kind.ours)
    if near:
        hint = f'did you mean "{near}"?'
    elif not kind.ours:
        return
    else:
        hint = f"known here are {', '.join(known)}" if known else "leave it out"
    yield Finding(element.line, "error", place, f'unknown attribute {shown(name)} of "{element.name}"', hint)


def _element(element: Element, parent: Kind, place: str, met: _Met) -> Iterator[Finding]:
    """Yield the finding about an element that is not in the vocabulary below `parent`."""
    home = vocabulary.HOMES.get(element.name)
    if home:
        message = f'element "{element.name}" does not belong in "{parent.name}"'
        yield Finding(element.line, "error", place, message, f'move it into "{home}"')
        return
    known = tuple(child.name for child in parent.children)
    near = met.nearest(element.name, known, strict=not parent.ours)
    if near:
        hint = f'did you mean "{near}"?'
    elif not parent.ours:
        return
    else:
        hint = f"known here are {', '.join(known)}" if known else "leave it out"
    yield Finding(element.line, "error", place, f'unknown element {shown(element.name)} in "{parent.name}"', hint)
