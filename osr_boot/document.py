"""cluster.conf as a tree of elements, each with the line on which its start tag begins.

The file is anybody's: expat reads it once, in bounded time and memory, and whatever would make it unbounded is
refused while it is read. lxml is not used for this: it gives the line on which a start tag ends (and wrong ones
beyond 65,535), and builds its whole tree before anything can be counted.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from osr_boot import vocabulary
from osr_boot.words import Kind

MAX_BYTES = 64 * 1024 * 1024
"""10,000 nodes of 4 links take 4.5 MiB."""
MAX_ELEMENTS = 500_000
"""10,000 nodes of 4 links take 70,000, and Red Hat's fencing as many again."""
MAX_DEPTH = 64

_ERRORS = expat.errors
_ENTITY = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos);)([A-Za-z_][\w.-]*);")
# A text between tags, or a value with a > in it; and whatever is not written in ASCII bytes.
_TEXT = re.compile(rb">[ \t\r\n]*[^ \t\r\n<]")
_COPY = "is the file whole? copy it again"


class Malformed(Exception):
    """The file cannot be read as XML, or is not read because of what it would cost."""

    def __init__(self, line: int, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.hint = hint


class Element:
    """An element that the vocabulary knows the parent of. `kind` is None if it does not know the element."""

    __slots__ = ("attributes", "children", "kind", "line", "name", "stray")

    def __init__(self, name: str, attributes: dict[str, str], line: int, kind: Kind | None) -> None:
        self.name = name
        self.attributes = attributes
        self.line = line
        self.kind = kind
        self.children: list[Element] = []
        self.stray: tuple[int, str] | None = None
        """line and beginning of a text that stands in it, which no element of ours has"""

    def all(self, name: str) -> list[Element]:
        """Return the children of that name."""
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> Element | None:
        """Return the first child of that name, None if there is none."""
        return next((child for child in self.children if child.name == name), None)


class _Builder:
    """What expat calls. Elements below an unknown or opaque one are counted, but not kept."""

    def __init__(self, parser: expat.XMLParserType, data: bytes, *, secrets: bool) -> None:
        self.parser = parser
        self.secrets = secrets
        self.data = data
        self.root: Element | None = None
        self.stack: list[tuple[str, int]] = []
        """name and line of every element that is open"""
        self.kept: list[Element] = []
        """the open ones that are kept: a beginning of `stack`"""
        self.count = 0
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        if _TEXT.search(data):  # calling for every blank between two tags costs half as much as all the rest
            parser.CharacterDataHandler = self.text
        parser.StartDoctypeDeclHandler = self.doctype
        parser.SkippedEntityHandler = self.skipped

    def start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise Malformed(line, f"has more than {MAX_ELEMENTS:,} elements", hint="split the cluster")
        if len(self.stack) == MAX_DEPTH:
            raise Malformed(line, f"is nested deeper than {MAX_DEPTH} elements", hint="look for a missing end tag")
        self.stack.append((name, line))
        if self.root is None:
            element = self.root = Element(name, attributes, line, vocabulary.CLUSTER)
        elif len(self.kept) == len(self.stack) - 1 and (parent := self.kept[-1]).kind and not parent.kind.opaque:
            element = Element(name, attributes, line, parent.kind.child(name))
            if element.kind and (element.kind.opaque or not (element.kind.ours or element.kind.attributes)):
                element.attributes = {}  # passwords stand there
            elif element.kind and element.kind.harmless is not None and not self.secrets:
                element.attributes = {
                    key: value if key in element.kind.harmless else "" for key, value in attributes.items()
                }
            parent.children.append(element)
        else:
            return
        self.kept.append(element)

    def end(self, name: str) -> None:
        if len(self.kept) == len(self.stack):
            self.kept.pop()
        self.stack.pop()

    def text(self, text: str) -> None:
        if text.isspace() or len(self.kept) < len(self.stack):
            return
        element = self.kept[-1]
        if element.kind and element.kind.ours and not element.kind.opaque and not element.stray:
            begin = self.parser.CurrentLineNumber
            element.stray = begin, text.strip()[:80]

    def doctype(self, name: str, system: str | None, public: str | None, has_internal_subset: bool) -> None:
        # Entities and default attributes are declared there, and nowhere else, as no external file is ever read.
        if has_internal_subset:
            raise Malformed(
                self.parser.CurrentLineNumber,
                "declares entities or attributes of its own in <!DOCTYPE [...]>, which are never expanded",
                hint="remove the <!DOCTYPE> and write out what the entities stand for",
            )
        # An entity that such a file might declare is, in the value of an attribute, nothing to expat, silently.
        text = self.data.replace(b"\0", b"")  # of UTF-16, ASCII is left
        if entity := _ENTITY.search(text):
            self.skipped(entity[1].decode(), False, line=text.count(b"\n", 0, entity.start()) + 1)

    def skipped(self, name: str, is_parameter_entity: bool, *, line: int = 0) -> None:
        message = f'uses the entity "{name[:60]}", and entities are never expanded'
        raise Malformed(line or self.parser.CurrentLineNumber, message, hint="write out what it stands for")


def parse(data: bytes, *, secrets: bool = False) -> Element:
    """Return the outermost element, with values that may be secrets only where that is asked for. Raises Malformed."""
    if len(data) > MAX_BYTES:
        raise Malformed(1, f"is larger than {MAX_BYTES >> 20} MiB", hint="is that really the cluster.conf?")
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf\xfe\xff"):
        raise Malformed(1, "is empty", hint="write at least <cluster> with <clusternodes>; README.md has an example")
    parser = expat.ParserCreate()
    builder = _Builder(parser, data, secrets=secrets)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _explained(error, data, builder) from None
    except (LookupError, ValueError) as error:  # an encoding that Python has no table for
        raise Malformed(parser.CurrentLineNumber, f"has an encoding that cannot be read: {error}",
                        hint="save it as UTF-8") from None  # fmt: skip
    if builder.root is None:
        raise Malformed(1, "has no element")
    return builder.root


def _explained(error: expat.ExpatError, data: bytes, builder: _Builder) -> Malformed:
    """Return expat's error with what a person needs to find the place."""
    text = expat.ErrorString(error.code) or "no reason given"
    line, column, index = error.lineno, error.offset + 1, builder.parser.ErrorByteIndex
    around = f"<{builder.stack[-1][0][:60]}> of line {builder.stack[-1][1]}" if builder.stack else ""
    byte = data[index] if 0 <= index < len(data) else None
    if not builder.count and not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"\xfe\xff", b"\xff\xfe")):
        return Malformed(line, f"is not XML: {text}", hint="is that really the cluster.conf?")
    if text == _ERRORS.XML_ERROR_UNCLOSED_TOKEN:
        return Malformed(line, f"ends in the middle of what begins here, column {column}", hint=_COPY)
    if index >= len(data) and around:
        return Malformed(line, f"ends before {around} is closed", hint=_COPY)
    if text == _ERRORS.XML_ERROR_TAG_MISMATCH:
        return Malformed(line, f"has an end tag that does not close {around}", hint="correct one of the two")
    if text == _ERRORS.XML_ERROR_UNDEFINED_ENTITY:
        hint = "write & as &amp;, and in full whatever else the entity stands for"
        return Malformed(line, f"uses an entity that nothing defines, column {column}", hint=hint)
    if byte == 0:
        return Malformed(line, f"has a NUL byte, column {column}", hint=_COPY)
    if text == _ERRORS.XML_ERROR_INVALID_TOKEN and byte is not None and byte >= 0x80:
        message = f"has a byte 0x{byte:02x} that is not in the file's encoding, column {column}"
        return Malformed(line, message, hint="save it as UTF-8")
    hint = "put values in quotes, and write & as &amp; and < as &lt; in them"
    return Malformed(line, f"is not well-formed XML: {text}, column {column}", hint=hint)
