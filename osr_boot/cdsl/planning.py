"""Which change makes a path a CDSL, or plain again: looks at the tree, changes nothing.

Every refusal comes from here, with its reason, before anything is touched.
"""

from __future__ import annotations

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl import rules
from osr_boot.cdsl.change import NEW, OLD, Change, beside
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, SHARED, Cdsl, children, data, detour, places, target
from osr_boot.cdsl.links import with_absolute_links
from osr_boot.cdsl.rules import Already, free, refuse
from osr_boot.errors import ConfigError, OsrError
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory


def init(inventory: Inventory, disk: Disk) -> Change:
    """Return the change that makes the directories of the layout, and a tree for each node. Raises OsrError."""
    layout = inventory.layout
    for name in inventory.nodes:
        rules.node(name, layout)
    own = inventories.PATH.rpartition("/")[0]
    wanted = [own, layout.tree, layout.shared, layout.link, *(f"{layout.tree}/{name}" for name in inventory.trees)]
    missing = [path for path in _with_parents(wanted) if not disk.exists(path)]
    for path in wanted:
        if disk.exists(path) and disk.kind(path) != "directory":
            raise OsrError(f"/{path} is a {disk.kind(path)}", hint="it must be a directory: move it away")
    if not missing and disk.exists(inventories.PATH):
        raise Already("the directories for CDSLs are there already", hint="`osr cdsl list` shows what is in them")
    made = tuple(("", path) for path in missing)
    change = Change("make the directories for CDSLs", made=made, inventory=inventories.dumps(inventory))
    return with_detour(change, inventory, disk)


def with_detour(change: Change, inventory: Inventory, disk: Disk) -> Change:
    """Return the change with the link that the nodes' trees need, if it is not there."""
    place, says = detour(inventory.layout)
    if not place or disk.exists(place):
        return change
    staged = beside(place, NEW)
    missing = [("", path) for path in _with_parents([place.rpartition("/")[0]]) if not disk.exists(path)]
    return replace(
        change,
        made=tuple(dict.fromkeys((*change.made, *missing))),
        links=(*change.links, (says, staged)),
        moves=(*change.moves, (staged, place)),
    )


def create(
    inventory: Inventory, disk: Disk, cdsl: Cdsl, *, current: str, backup: bool = False, force: bool = False
) -> Change:
    """Return the change that makes a path a CDSL; `current` is the node whose content it is. Raises OsrError."""
    refuse(inventory, disk, cdsl)
    if current not in inventory.trees:
        known = ", ".join(inventory.nodes)
        raise ConfigError(f'no node "{current}" has a tree', hint=f"known are {known}; `osr cdsl node-add` adds one")
    after = inventory.having(cdsl)
    if cdsl.kind == HOSTDEPENDENT:
        make = _hostdependent(after, disk, cdsl, current)
    else:
        make = _shared(after, disk, cdsl, current, backup=backup, force=force)
    return replace(make, inventory=inventories.dumps(after))


def remove(inventory: Inventory, disk: Disk, path: str, *, keep: str) -> Change:
    """Return the change that makes a CDSL a plain path, with the content of the node `keep`. Raises OsrError."""
    cdsl = inventory.find(path)
    if cdsl is None:
        raise OsrError(f"/{path} is no CDSL", hint="`osr cdsl list` shows which there are")
    inner = children(path, inventory.cdsls)
    if inner:
        names = ", ".join(f"/{one.path}" for one in inner)
        raise OsrError(f"/{path} has CDSLs in it: {names}", hint="remove them first, or all with -R")
    make = _plain if cdsl.kind == HOSTDEPENDENT else _own_again
    return replace(make(inventory, disk, cdsl, keep), inventory=inventories.dumps(inventory.without(path)))


def add_node(inventory: Inventory, disk: Disk, name: str) -> Change:
    """Return the change that gives a node a tree: a copy of the template. Raises OsrError."""
    if name in inventory.trees:
        raise Already(f'node "{name}" has a tree already')
    rules.node(name, inventory.layout)
    path, template = (f"{inventory.layout.tree}/{one}" for one in (name, inventory.layout.default))
    if disk.exists(path):
        hint = "move it away: what such a node had is in it"
        raise OsrError(f"/{path} is there, and not in the inventory", hint=hint)
    if disk.kind(template) != "directory":
        raise OsrError(f"the template /{template} is missing", hint="`osr cdsl check` says what else is")
    # The template has a copy of what is for some nodes, and so has what is copied from it.
    limited = [replace(cdsl, nodes=(*cdsl.nodes, name)) for cdsl in inventory.cdsls if cdsl.nodes]
    after = replace(inventory, nodes=(*inventory.nodes, name))
    for cdsl in limited:
        after = after.having(cdsl)
    staged = beside(path, NEW)
    return Change(
        f"add node {name}", copies=((template, staged),), moves=((staged, path),), inventory=inventories.dumps(after)
    )


def _hostdependent(after: Inventory, disk: Disk, cdsl: Cdsl, current: str) -> Change:
    path, layout = cdsl.path, after.layout
    ((_, place),) = places(path, after.trees, layout, after.cdsls)
    if not disk.exists(place):
        raise OsrError(f"/{path} is not there", hint="is it spelt right?")
    _on_one_filesystem(disk, path, [place], layout.tree)
    lies = {name: data(path, HOSTDEPENDENT, name, layout, after.cdsls) for name in after.trees_of(cdsl)}
    free(disk, [*lies.values(), *(beside(one, NEW) for one in (*lies.values(), place))])
    others = [one for name, one in lies.items() if name != current]
    link = beside(place, NEW)
    homes = [(place, lies[current]), *((beside(one, NEW), one) for one in others)]
    made = Change(
        f"make /{path} host-dependent{_for_whom(cdsl)}",
        made=tuple(_parents(disk, place, lies.values())),
        copies=tuple((place, beside(one, NEW)) for one in others),
        links=_links(after, cdsl, [place]),
        points=_points(cdsl, place, [place]),
        notes=_notes(cdsl, disk, place),
        # The path is away between the last two: a link cannot take the place of a directory in one step.
        moves=(*((beside(one, NEW), one) for one in others), (place, lies[current]), (link, place)),
    )
    return with_absolute_links(made, disk, cdsl, place, homes)


def _shared(after: Inventory, disk: Disk, cdsl: Cdsl, current: str, *, backup: bool, force: bool) -> Change:
    path, layout = cdsl.path, after.layout
    stands = dict(places(path, after.trees_of(cdsl), layout, after.cdsls))
    if current not in stands or not disk.exists(stands[current]):
        raise OsrError(f"/{path} is not there in the tree of node {current}", hint="is it spelt right?")
    _on_one_filesystem(disk, path, [place for place in stands.values() if disk.exists(place)], layout.shared)
    lies = data(path, SHARED, "", layout, after.cdsls)
    away, trash = [], []
    for name, place in stands.items():
        if name == current or not disk.exists(place):
            continue
        if backup:
            away.append((place, f"{place}.orig"))
            continue
        if not force and (differs := disk.difference(stands[current], place)):
            hint = "-b keeps what the others have as NAME.orig in their trees, --force throws it away"
            raise OsrError(f"/{path} differs between the nodes {current} and {name}: {differs}", hint=hint)
        away.append((place, beside(place, OLD)))
        trash.append(beside(place, OLD))
    staged = [beside(place, NEW) for place in stands.values()]
    free(disk, [lies, *staged, *(path for _, path in away)])
    directories = list(_parents(disk, stands[current], [lies]))
    for place in stands.values():
        directories += _parents(disk, stands[current], [place])
    made = Change(
        f"make /{path} shared{_for_whom(cdsl)}",
        made=tuple(dict.fromkeys(directories)),
        links=_links(after, cdsl, stands.values()),
        points=_points(cdsl, stands[current], stands.values()),
        moves=(*away, (stands[current], lies), *((beside(place, NEW), place) for place in stands.values())),
        trash=tuple(trash),
    )
    return with_absolute_links(made, disk, cdsl, stands[current], [(stands[current], lies)])


def _plain(inventory: Inventory, disk: Disk, cdsl: Cdsl, keep: str) -> Change:
    """Put one node's content back in place of the link, and keep the others' beside it."""
    path, layout = cdsl.path, inventory.layout
    ((_, place),) = places(path, inventory.trees, layout, inventory.cdsls)
    lies = {name: data(path, HOSTDEPENDENT, name, layout, inventory.cdsls) for name in inventory.trees_of(cdsl)}
    _nothing_written(cdsl, disk, {place: lies.get(keep, "")})
    if keep not in lies or not disk.exists(lies[keep]):
        raise OsrError(f"node {keep} has no copy of /{path}", hint="name another one with --from")
    old = beside(place, OLD)
    moves = [(place, old)] if disk.exists(place) else []
    moves.append((lies[keep], place))
    moves += [(one, f"{place}.{name}") for name, one in lies.items() if name != keep and disk.exists(one)]
    free(disk, [to for _, to in moves if to != place])
    return Change(
        f"make /{path} the same for all nodes",
        moves=tuple(moves),
        trash=(old,) if disk.exists(place) else (),
        emptied=tuple(_emptied(lies.values(), [f"{layout.tree}/{name}" for name in inventory.trees])),
    )


def _nothing_written(cdsl: Cdsl, disk: Disk, stands: Mapping[str, str]) -> None:
    """Raise if the empty place over which a path in bind style is bound is not empty; its copy may be seen there."""
    for place, lies in stands.items():
        if cdsl.style == BIND and disk.exists(place) and not disk.empty(place) and not disk.same(place, lies):
            reason = f"/{place} has something in it, written while nothing was bound over it"
            raise OsrError(reason, hint="look whose it is, and move it away")


def _own_again(inventory: Inventory, disk: Disk, cdsl: Cdsl, keep: str) -> Change:
    """Give every node its own copy of what was shared."""
    path, layout = cdsl.path, inventory.layout
    stands = dict(places(path, inventory.trees_of(cdsl), layout, inventory.cdsls))
    lies = data(path, SHARED, "", layout, inventory.cdsls)
    if not disk.exists(lies):
        raise OsrError(f"/{lies} is missing", hint="`osr cdsl check` says what else is")
    if keep not in stands:
        raise OsrError(f"node {keep} has no /{path}", hint="name another one with --from")
    _nothing_written(cdsl, disk, dict.fromkeys(stands.values(), lies))
    others = [place for name, place in stands.items() if name != keep]
    links = [(place, beside(place, OLD)) for place in stands.values() if disk.exists(place)]
    free(disk, [*(beside(place, NEW) for place in others), *(old for _, old in links)])
    return Change(
        f"give each node its own /{path}",
        copies=tuple((lies, beside(place, NEW)) for place in others),
        moves=(*links, (lies, stands[keep]), *((beside(place, NEW), place) for place in others)),
        trash=tuple(old for _, old in links),
        emptied=tuple(_emptied([lies], [layout.shared])),
    )


def _on_one_filesystem(disk: Disk, path: str, stands: Iterable[str], home: str) -> None:
    if any(disk.device(place) != disk.device(home) for place in stands):
        raise OsrError(f"/{path} is on another filesystem", hint="give that one CDSLs of its own: --mountpoint")


def _for_whom(cdsl: Cdsl) -> str:
    return f" for {', '.join(cdsl.nodes)}" if cdsl.nodes else ""


def _notes(cdsl: Cdsl, disk: Disk, place: str) -> tuple[str, ...]:
    if cdsl.style != BIND or disk.kind(place) == "directory":
        return ()
    return (
        f"a rename onto /{cdsl.path} will say EBUSY once it is bound: prefer its directory, if programs write it so",
    )


def _links(after: Inventory, cdsl: Cdsl, stands: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the links that stand for a CDSL in link style, as they are prepared."""
    if cdsl.style == BIND:
        return ()
    return tuple((target(one, cdsl.path, cdsl.kind, after.layout, after.cdsls), beside(one, NEW)) for one in stands)


def _points(cdsl: Cdsl, like: str, stands: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return what is empty in the place of a CDSL in bind style, for the copy to be bound over."""
    return tuple((like, beside(one, NEW)) for one in stands) if cdsl.style == BIND else ()


def _parents(disk: Disk, like: str, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (like which, directory) for each directory above the paths that is missing.

    The directories above `like` are the models, by their distance from the end: names before it are the trees'.
    """
    models = like.split("/")
    seen = set()
    for path in paths:
        parts = path.split("/")
        for number in range(1, len(parts)):
            directory = "/".join(parts[:number])
            if directory in seen or disk.exists(directory):
                continue
            seen.add(directory)
            distance = len(parts) - number
            model = "/".join(models[: len(models) - distance]) if distance < len(models) else ""
            yield (model if disk.kind(model) == "directory" else ""), directory


def _emptied(paths: Iterable[str], ends: Iterable[str]) -> Iterator[str]:
    """Yield the directories above the paths, the inner before the outer, as far as the trees themselves."""
    last = set(ends)
    found: dict[str, None] = {}
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in last:
            found[above] = None
            above = above.rpartition("/")[0]
    yield from sorted(found, key=lambda path: -path.count("/"))


def _with_parents(paths: Iterable[str]) -> Iterator[str]:
    seen: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")
        seen.update(dict.fromkeys("/".join(parts[:number]) for number in range(1, len(parts) + 1)))
    yield from seen
