"""Which change alters nodes and settings, takes over an old inventory, or gives up: looks, and changes nothing."""

from __future__ import annotations

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import Change
from osr_boot.cdsl.inventory import normal
from osr_boot.cdsl.layout import HOSTDEPENDENT, LINK, Layout, data, detour, places
from osr_boot.cdsl.planning import with_detour
from osr_boot.errors import ConfigError, OsrError
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory

# Each with the name that it had in the inventories of format 1 and of format 2.0.
SETTINGS = {
    "tree": "tree", "cdsltree": "tree",
    "shared": "shared", "sharedtree": "shared", "cdsltree_shared": "shared",
    "link": "link", "cdsl_link": "link",
    "default": "default", "default_dir": "default",
    "expand": "expand", "expandstring": "expand",
}  # fmt: skip
COUNTED = ("maxnodeidnum", "use_nodeids")
"""settings of old that follow from which nodes there are"""


def settings(inventory: Inventory) -> dict[str, str]:
    """Return every setting under each of its names."""
    numbers = [int(name) for name in inventory.nodes if name.isascii() and name.isdigit()]
    return {
        **{name: str(vars(inventory.layout)[field]) for name, field in SETTINGS.items()},
        "nodes": " ".join(inventory.nodes),
        "maxnodeidnum": str(max(numbers, default=0)),
        "use_nodeids": str(len(numbers) == len(inventory.nodes)),
    }


def checked(key: str) -> str:
    """Return the name of a setting that can be set. Raises ConfigError."""
    if key in SETTINGS or key in COUNTED:
        return key
    hint = f"known are {', '.join((*SETTINGS, *COUNTED))}"
    if key == "nodes":
        hint = "`osr cdsl node-add` and `node-remove` change them"
    raise ConfigError(f'there is no setting "{key}" to be set', hint=hint)


def having(inventory: Inventory, key: str, value: str) -> Inventory:
    """Return the inventory with a name of the layout changed. Raises OsrError, ConfigError."""
    field = SETTINGS[checked(key)]
    known = str(vars(inventory.layout)[field])
    value = value if field in ("default", "expand") else normal(value)
    if value == known:
        return inventory
    if inventory.cdsls:
        reason = f"{key} is {known}, and {len(inventory.cdsls)} CDSLs lie by that name: their links say so"
        raise OsrError(reason, hint="`osr cdsl remove` them first, and create them again after it")
    layout = replace(inventory.layout, **{field: value})
    _refuse(layout, inventory, key, value)
    return replace(inventory, layout=layout)


def setting(inventory: Inventory, disk: Disk, key: str, value: str) -> Change:
    """Return the change that gives a setting another value, with the directories that it names. Raises OsrError."""
    after = having(inventory, key, value)
    made = tuple(("", path) for path in _directories(after) if not disk.exists(path))
    for path in _directories(after):
        if disk.exists(path) and disk.kind(path) != "directory":
            raise OsrError(f"/{path} is a {disk.kind(path)}", hint="it must be a directory: move it away")
    wanted = {*_directories(after)}
    left = tuple(path for path in sorted(_directories(inventory), reverse=True) if path not in wanted)
    what = f"set {key} to {settings(after)[key]}"
    change = Change(what, made=made, emptied=left, inventory=inventories.dumps(after))
    (before, _), (place, _) = detour(inventory.layout), detour(after.layout)
    if before != place and disk.kind(before) == "link":
        change = replace(change, trash=(before,))
    return with_detour(change, after, disk)


def remove_node(inventory: Inventory, disk: Disk, name: str, *, delete: bool = False) -> Change:
    """Return the change that takes a node out of the inventory, and its tree with it if `delete`. Raises OsrError."""
    if name == inventory.layout.default:
        raise OsrError(f'"{name}" is the template of new nodes, and no node', hint="leave it")
    if name not in inventory.nodes:
        raise ConfigError(f'no node "{name}" has a tree', hint=f"known are {', '.join(inventory.nodes) or 'none'}")
    alone = next((cdsl for cdsl in inventory.cdsls if {*cdsl.nodes} == {name}), None)
    if alone:
        raise OsrError(f"/{alone.path} is for node {name} alone", hint=f"`osr cdsl remove /{alone.path}` first")
    cdsls = tuple(replace(cdsl, nodes=tuple(node for node in cdsl.nodes if node != name)) for cdsl in inventory.cdsls)
    after = replace(inventory, nodes=tuple(node for node in inventory.nodes if node != name), cdsls=cdsls)
    tree = f"{inventory.layout.tree}/{name}"
    trash = (tree,) if delete and disk.exists(tree) else ()
    what = f"remove node {name}" + (" and what it has" if delete else f", and keep /{tree}")
    return Change(what, trash=trash, inventory=inventories.dumps(after))


def migrate(disk: Disk, old: Inventory, source: str, *, force: bool = False) -> Change:
    """Return the change that writes the inventory of the old tools as ours. Raises OsrError."""
    if disk.exists(inventories.PATH) and not force:
        raise OsrError(f"there is /{inventories.PATH} already", hint="--force writes it anew")
    if not old.nodes:  # old tools counted on the directories
        own = detour(old.layout)[0].removeprefix(f"{old.layout.tree}/").split("/")[0]
        names = (name for name in disk.names(old.layout.tree) if name not in (old.layout.default, own))
        found = tuple(name for name in names if disk.kind(f"{old.layout.tree}/{name}") == "directory")
        old = replace(old, nodes=found)
    directory = inventories.PATH.rpartition("/")[0]
    return Change(
        f"take over {len(old.cdsls)} CDSLs of {len(old.nodes)} nodes from {source}",
        made=() if disk.exists(directory) else (("", directory),),
        inventory=inventories.dumps(old),
    )


def old_inventory(disk: Disk) -> tuple[str, str]:
    """Return name and text of the one inventory of the old tools that there is. Raises ConfigError."""
    found = {disk.read(path): path for path in reversed(list(_old_places(disk))) if disk.kind(path) == "file"}
    if not found:
        known = " or ".join(f"/{path}" for path in inventories.OLD_PATHS)
        raise ConfigError(f"there is no {known}", hint="name the inventory of the old tools with --source")
    if len(found) > 1:
        names = ", ".join(f"/{path}" for path in sorted(found.values()))
        raise ConfigError(f"there are different inventories of the old tools: {names}", hint="name one with --source")
    ((text, path),) = found.items()
    return f"/{path}", text


def _old_places(disk: Disk) -> Iterator[str]:
    """Yield where an inventory of the old tools may lie.

    Its directory is below /var, which most often is a CDSL: its link leads somewhere only on a node.
    """
    yield from inventories.OLD_PATHS
    layout = Layout()
    for path in inventories.OLD_PATHS:
        yield f"{layout.shared}/{path}"
        for name in disk.names(layout.tree):
            yield f"{layout.tree}/{name}/{path}"


def without_copies(change: Change, inventory: Inventory, path: str) -> Change:
    """Return the removal of a CDSL that throws away what it would keep beside the path: the other nodes' copies."""
    aside = {
        f"{place}.{name}"
        for _, place in places(path, inventory.trees, inventory.layout, inventory.cdsls)
        for name in inventory.trees
    }
    thrown = tuple(source for source, to in change.moves if to in aside)
    return replace(
        change,
        what=f"{change.what}, and throw the other copies away" if thrown else change.what,
        moves=tuple(pair for pair in change.moves if pair[0] not in thrown),
        trash=(*change.trash, *thrown),
    )


def unbroken(inventory: Inventory, disk: Disk, path: str) -> None:
    """Raise OsrError if something has taken the place of a CDSL's link: a removal would take it for the link."""
    cdsl = inventory.find(path)
    if cdsl is None or cdsl.style != LINK:
        return
    for _, place in places(path, inventory.trees_of(cdsl), inventory.layout, inventory.cdsls):
        if disk.kind(place) not in ("link", ""):
            hint = "`osr cdsl check --repair` makes it the node's own content first"
            raise OsrError(f"/{place}: the link has been replaced by a {disk.kind(place)}", hint=hint)


def forget(inventory: Inventory, disk: Disk, path: str) -> Change:
    """Return the change that strikes out a CDSL of which nothing is left but links. Raises OsrError."""
    cdsl = inventory.find(path)
    if cdsl is None:
        raise OsrError(f"/{path} is no CDSL", hint="`osr cdsl list` shows which there are")
    stands = places(path, inventory.trees_of(cdsl), inventory.layout, inventory.cdsls)
    links = tuple(place for _, place in stands if disk.kind(place) == "link")
    return Change(f"forget /{path}", trash=links, inventory=inventories.dumps(inventory.without(path)))


def copies(inventory: Inventory, disk: Disk, path: str) -> dict[str, str]:
    """Return the trees that have a copy of a CDSL, with its path; one that is shared is in all of them or in none."""
    cdsl = inventory.find(path)
    if cdsl is None:
        return {}
    lies = {name: data(path, cdsl.kind, name, inventory.layout, inventory.cdsls) for name in inventory.trees_of(cdsl)}
    return {name: one for name, one in lies.items() if disk.exists(one)}


def whose(inventory: Inventory, disk: Disk, path: str) -> str:
    """Return a node whose content can be kept without asking: all copies are the same. Raises OsrError."""
    cdsl, there = inventory.find(path), copies(inventory, disk, path)
    if cdsl and cdsl.kind == HOSTDEPENDENT:
        first, *others = there.items() or [("", "")]
        for name, place in others:
            if differs := disk.difference(first[1], place):
                reason = f"the copies of {first[0]} and {name} differ: {differs}"
                hint = "name it: `osr cdsl remove --from NODE`"
                raise OsrError(f"whose content stays? no node's tree is mounted here, and {reason}", hint=hint)
    return next(iter(there), inventory.layout.default)


def delete(inventory: Inventory, disk: Disk, *, force: bool = False) -> Change:
    """Return the change that takes the inventory away, and the directories in which nothing lies. Raises OsrError."""
    if inventory.cdsls and not force:
        reason = f"there are {len(inventory.cdsls)} CDSLs, /{next(iter(inventory.cdsls)).path} the first"
        raise OsrError(reason, hint="`osr cdsl remove` them first; --force leaves them as they are, and unknown")
    emptied = () if inventory.cdsls else tuple(sorted(_directories(inventory), reverse=True))
    own = detour(inventory.layout)[0]
    trash = (inventories.PATH, *([own] if emptied and disk.kind(own) == "link" else []))
    return Change("give up the CDSLs of this root", trash=trash, emptied=emptied)


def _directories(inventory: Inventory) -> tuple[str, ...]:
    """Return every directory of a layout and the inventory's, the outer before the inner."""
    layout = inventory.layout
    found: dict[str, None] = {inventories.PATH.rpartition("/")[0]: None}
    own = detour(layout)[0].rpartition("/")[0]
    trees = (f"{layout.tree}/{name}" for name in inventory.trees)
    for path in filter(None, (layout.tree, layout.shared, layout.link, own, *trees)):
        parts = path.split("/")
        found.update(dict.fromkeys("/".join(parts[:number]) for number in range(1, len(parts) + 1)))
    return tuple(found)


def _refuse(layout: Layout, inventory: Inventory, key: str, value: str) -> None:
    """Raise ConfigError if the names of a layout are none, or in each other's way."""
    for name in (layout.default, layout.expand):
        if not name or "/" in name or name in (".", "..") or name in inventory.nodes:
            raise ConfigError(
                f'{key}: "{value}" cannot be the name of a directory beside the nodes\'', hint="choose another"
            )
    own = (layout.tree, layout.shared, layout.link, inventories.PATH)
    for number, one in enumerate(own):
        for other in (*own[:number], *own[number + 1 :]):
            if not one or f"{one}/".startswith(f"{other}/"):
                raise ConfigError(f'{key}: "{value}" is in the way of /{other or one}', hint="choose another")
