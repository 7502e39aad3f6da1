"""What CDSLs a shared root has: one JSON document, outside of every CDSL. Pure, text from values and back.

The two formats of the old tools, XML with config_version 1 and 2.0, are read and never written.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as _quoted

from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, Cdsl, Cdsls, Layout, listed
from osr_boot.digest import digest
from osr_boot.errors import ConfigError
from osr_boot.value import Value, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

FORMAT = 1
PATH = "cluster/cdsl_inventory.json"
OLD_PATHS = ("var/lib/cdsl/cdsl_inventory.xml", ".cdsl_inventory.xml")
# What a CDSL's line need not say; what it must say is of no type here, and refused if it stays.
_UNSAID: dict[str, Any] = {**dict.fromkeys(Cdsl.__fields__), **Cdsl.__defaults__}
_KINDS = {(kind, style) for kind in (HOSTDEPENDENT, SHARED) for style in (LINK, BIND)}
_NEVER = 1 << 40
"""seconds since 1970"""
_BEGIN, _PATH, _END = '\n "cdsls": [\n', '  {"path": "', "\n ]\n}\n"
"""of the lines, of each line, and after them"""
_HINT = "`osr cdsl check` compares it with what is on disk; a copy from a backup will do if it is older"


class Inventory(Value):
    """The nodes that have a tree, and every CDSL, sorted by path: the outer before the inner."""

    layout: Layout = Layout()
    nodes: tuple[str, ...] = ()
    """names of their directories: ids, or names"""
    cdsls: Cdsls = Cdsls()

    def __init__(self, layout: Layout = layout, nodes: tuple[str, ...] = (), cdsls: Iterable[Cdsl] = ()) -> None:
        super().__init__(layout, nodes, listed(cdsls))

    @property
    def trees(self) -> tuple[str, ...]:
        """Every directory that has a copy of each host-dependent path: the nodes' and the template."""
        return (*self.nodes, self.layout.default)

    def find(self, path: str) -> Cdsl | None:
        """Return the CDSL that a path is, None if it is none."""
        return self.cdsls.get(path)

    def trees_of(self, cdsl: Cdsl) -> tuple[str, ...]:
        """Return the trees that have a copy of a CDSL."""
        return tuple(name for name in self.trees if not cdsl.nodes or name in (*cdsl.nodes, self.layout.default))

    def having(self, cdsl: Cdsl) -> Inventory:
        """Return the inventory with one more CDSL, or with this in place of the one of its path."""
        return replace(self, cdsls=self.cdsls.having(cdsl))

    def without(self, path: str) -> Inventory:
        """Return the inventory without the CDSL of that path."""
        return replace(self, cdsls=self.cdsls.without(path))


def dumps(inventory: Inventory) -> str:
    """Return the document: one CDSL on each line, so that a person can read a difference.

    The digest is of these lines: as long as it fits nobody else has written them, and they need not all be read.
    """
    lines = ",\n".join(inventory.cdsls.lines(_line))
    head = f'{{\n "format": {FORMAT},\n "layout": {_text(vars(inventory.layout))},\n "nodes": {_text(inventory.nodes)},'
    return f'{head}\n "digest": "{digest(lines.encode(errors="surrogateescape"))}",{_BEGIN}{lines}{_END}'


def _line(cdsl: Cdsl) -> str:
    # By hand: a call of json.dumps for each takes ten times as long, and one for all of them puts them on one line.
    return (
        f'  {{"path": {_quoted(cdsl.path)}, "kind": "{cdsl.kind}", "style": "{cdsl.style}", '
        f'"nodes": {_text(cdsl.nodes) if cdsl.nodes else "[]"}, "time": {cdsl.time!r}, '
        f'"optional": {"true" if cdsl.optional else "false"}}}'
    )


def loads(text: str, *, source: str = PATH) -> Inventory:
    """Return the inventory of a document, of our own format or of an old one. Raises ConfigError."""
    if not text.strip():
        raise ConfigError(f"{source} is empty", hint=_HINT)
    if text.lstrip().startswith("<"):
        return _old(text, source)
    head, _, lines = text.partition(_BEGIN)
    lines = lines[: -len(_END)] if lines.endswith(_END) else ""
    try:
        value = json.loads(f"{head}{_BEGIN}{_END}" if lines else text)
        if value["format"] != FORMAT:
            said = str(value["format"])[:60]
            hint = "use the version of osr that wrote it"
            raise ConfigError(f"{source} has format {said}, this version knows {FORMAT}", hint=hint)
        layout, nodes = Layout(**_texts(value["layout"])), tuple(_name(node) for node in value["nodes"])
        cdsls = _lines(value, lines, source) if lines else None
        if cdsls is None:
            value = json.loads(text)
            cdsls = listed(_fit([_cdsl(one) for one in value["cdsls"]], source))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{source} cannot be read: {str(error)[:200]}", hint=_HINT) from None
    return _checked(Inventory(layout, nodes, cdsls), source)


def _lines(head: dict[str, Any], lines: str, source: str) -> Cdsls | None:
    """Return the CDSLs of the document's lines, unread; None if somebody has edited them or a path has escapes."""
    if head.get("digest") != digest(lines.encode(errors="surrogateescape")) or "\\" in lines:
        return None

    def read(wanted: Mapping[str, str]) -> dict[str, Cdsl]:
        try:
            found = _fit([_cdsl(one) for one in json.loads(f"[{','.join(wanted.values())}]")], source)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"{source} cannot be read: {str(error)[:200]}", hint=_HINT) from None
        if [cdsl.path for cdsl in found] != list(wanted):
            raise ConfigError(f"{source} cannot be read: a line has two paths", hint=_HINT)
        return dict(zip(wanted, found))

    at = len(_PATH)
    return Cdsls({line[at : line.index('"', at)]: line for line in lines.split(",\n")}, read)


def _checked(inventory: Inventory, source: str) -> Inventory:
    """Return the inventory. Raises ConfigError if its head says what no command of ours can have written."""
    layout = inventory.layout
    _normal((layout.tree, layout.shared, layout.link), source)
    for name in (*inventory.trees, layout.expand):
        if not name or "/" in name or name in (".", ".."):
            raise ConfigError(f'{source}: "{name[:200]}" is no name of a directory', hint=_HINT)
    return inventory


def _fit(cdsls: Sequence[Cdsl], source: str) -> Sequence[Cdsl]:
    """Return CDSLs. Raises ConfigError if they are none that a command of ours can have written."""
    paths = [cdsl.path for cdsl in cdsls]
    _normal(paths, source)
    seen: set[str] = set()
    for cdsl in cdsls if len(set(paths)) < len(paths) else ():
        if cdsl.path in seen:
            raise ConfigError(f'{source}: "{cdsl.path[:200]}" stands twice', hint=_HINT)
        seen.add(cdsl.path)
    for cdsl in cdsls:
        if (cdsl.kind, cdsl.style) not in _KINDS:
            raise ConfigError(f'{source}: "{cdsl.path[:200]}" is of no kind', hint=_HINT)
        if not 0 <= cdsl.time < _NEVER:  # nor not a number, which JSON cannot say
            raise ConfigError(f'{source}: "{cdsl.path[:200]}" is of no time', hint=_HINT)
    return cdsls


def _normal(paths: Sequence[str], source: str) -> None:
    every = f"/{'/'.join(paths)}/"  # which of them it is, is asked only where there is one
    for path in paths if any(odd in every for odd in ("//", "/./", "/../")) else ():
        if not path or path != normal(path):
            raise ConfigError(f'{source}: "{path[:200]}" is no path below the root', hint=_HINT)


def normal(path: str) -> str:
    """Return a path relative to the root, without `.`, `..` and double slashes; `..` of the root is the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _cdsl(value: dict[str, Any]) -> Cdsl:
    path, kind, style, nodes, time, optional, *others = {**_UNSAID, **value}.values()
    if others or not (type(path) is type(kind) is type(style) is str):
        raise TypeError("something else stands where texts belong")
    if type(time) not in (int, float) or type(optional) is not bool:
        raise TypeError("something else stands where a number or true or false belongs")
    return Cdsl(path, kind, style, tuple(map(_name, nodes)) if nodes else (), float(time), optional)


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or {type(item) for item in value.values()} - {str}:
        raise TypeError("something else stands where texts belong")
    return value


def _name(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("something else stands where a node's name belongs")
    return value


def _text(value: object) -> str:
    return json.dumps(value)


# --- the formats of the old tools


def _old(text: str, source: str) -> Inventory:
    """Return the inventory of an old document. Raises ConfigError."""
    from xml.parsers import expat

    elements: list[tuple[str, dict[str, str], list[str]]] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "noderef" and elements:
            elements[-1][2].append(attributes.get("ref", ""))
        else:
            elements.append((name, attributes, []))

    def refuse(*_: Any) -> None:
        raise ConfigError(f"{source} declares entities", hint=_HINT)

    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ConfigError(f"{source}:{error.lineno}: {expat.ErrorString(error.code)}", hint=_HINT) from None
    if elements[0][0] != "cdsls":
        raise ConfigError(f"{source} is no inventory of CDSLs: its outermost element is {elements[0][0]}", hint=_HINT)
    settings = {**elements[0][1], **next((attributes for name, attributes, _ in elements if name == "defaults"), {})}
    nodes = [attributes.get("id", "") for name, attributes, _ in elements if name == "nodedefault"]
    cdsls = []
    for name, attributes, references in elements:
        if name == "cdsl":
            path, kind = normal(attributes.get("src", "")), attributes.get("type", "")
            nodes += references
            cdsls.append(Cdsl(path, kind, time=_seconds(attributes.get("timestamp", ""))))
    layout = Layout(
        tree=normal(settings.get("tree", settings.get("cdsltree", Layout.tree))),
        shared=normal(settings.get("sharedtree", settings.get("cdsltree_shared", Layout.shared))),
        link=normal(settings.get("link", settings.get("cdsl_link", Layout.link))),
        default=settings.get("default_dir", Layout.default),
        expand=settings.get("expandstring", Layout.expand),
    )
    # Format 1 put `id_` before every number, since an XML id cannot begin with a digit.
    names = dict.fromkeys(node.removeprefix("id_") for node in nodes)
    most = settings.get("maxnodeidnum", "")
    if not names and most.isascii() and most.isdigit() and len(most) < 5:
        names = dict.fromkeys(str(number) for number in range(1, int(most) + 1))
    return _checked(Inventory(layout, tuple(names), _fit(cdsls, source)), source)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
