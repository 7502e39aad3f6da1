"""Words of cluster.conf that the vocabulary does not know, or not there, or not twice."""

from __future__ import annotations

from osr_boot import vocabulary
from osr_boot.model import Finding
from osr_boot.values import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.document import Element


def findings(root: Element) -> Iterator[Finding]:
    """Yield what is wrong with the words of the document, and one warning for each that has no effect."""
    idle: dict[str, tuple[int, Element, str]] = {}
    yield from _walk(root, "cluster", idle)
    for name, (count, first, place) in idle.items():
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


def _walk(element: Element, place: str, idle: dict[str, tuple[int, Element, str]]) -> Iterator[Finding]:
    """Yield the findings of an element that is known and not opaque, and of what is below it."""
    kind = element.kind
    assert kind is not None  # the caller has looked
    for name, value in element.attributes.items():
        attribute = kind.attribute(name)
        if attribute is None:
            yield from _attribute(element, kind, name, place)
        elif not value.isprintable():
            message = f"attribute {shown(name)} has a control character: {shown(value)}"
            yield Finding(element.line, "error", place, message, "write it again by hand")
    seen: dict[str, int] = {}
    for child in element.children:
        if child.kind is None:
            yield from _element(child, kind, place)
            continue
        inner = place_of(child, place)
        if not child.kind.many and child.name in seen:
            message = f'a second "{child.name}" (the first is on line {seen[child.name]})'
            yield Finding(child.line, "error", inner, message, "keep one of them")
        seen.setdefault(child.name, child.line)
        if not child.kind.effect:
            count, first, where = idle.get(child.name, (0, child, inner))
            idle[child.name] = (count + 1, first, where)
        if not child.kind.opaque:
            yield from _walk(child, inner, idle)


def _attribute(element: Element, kind: vocabulary.Element, name: str, place: str) -> Iterator[Finding]:
    """Yield the finding about an attribute that is not in the vocabulary."""
    known = tuple(attribute.name for attribute in kind.attributes)
    near = vocabulary.nearest(name, known, strict=not kind.ours)
    if near:
        hint = f'did you mean "{near}"?'
    elif not kind.ours:
        return
    else:
        hint = f"known here are {', '.join(known)}" if known else "leave it out"
    yield Finding(element.line, "error", place, f'unknown attribute {shown(name)} of "{element.name}"', hint)


def _element(element: Element, parent: vocabulary.Element, place: str) -> Iterator[Finding]:
    """Yield the finding about an element that is not in the vocabulary below `parent`."""
    home = vocabulary.HOMES.get(element.name)
    if home:
        message = f'element "{element.name}" does not belong in "{parent.name}"'
        yield Finding(element.line, "error", place, message, f'move it into "{home}"')
        return
    known = tuple(child.name for child in parent.children)
    near = vocabulary.nearest(element.name, known, strict=not parent.ours)
    if near:
        hint = f'did you mean "{near}"?'
    elif not parent.ours:
        return
    else:
        hint = f"known here are {', '.join(known)}" if known else "leave it out"
    yield Finding(element.line, "error", place, f'unknown element {shown(element.name)} in "{parent.name}"', hint)
