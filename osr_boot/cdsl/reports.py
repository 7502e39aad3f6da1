"""The words of `osr cdsl` that tell something: what there is, what is said about it, and what is wrong with it."""

from __future__ import annotations

from osr_boot.cdsl import check as checking
from osr_boot.cdsl import oldxml, session, upkeep
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.fault import apart
from osr_boot.cdsl.inventory import normal
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, Cdsl, children, data, parent, places, target
from osr_boot.errors import ConfigError, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from osr_boot.cdsl.change import Change
    from osr_boot.cdsl.fault import Fault
    from osr_boot.cdsl.inventory import Inventory


def list_(options: argparse.Namespace) -> int:
    """Print all CDSLs."""
    disk = Disk(session.root(options))
    inventory = session.read(disk)
    if options.json:
        session.answer(
            layout=vars(inventory.layout), nodes=inventory.nodes, cdsls=[vars(cdsl) for cdsl in inventory.cdsls]
        )
    elif options.xml:
        session.say(oldxml.text(inventory))
    elif options.long:
        for cdsl in inventory.cdsls:
            _say_cdsl(inventory, disk, cdsl)
    else:
        for cdsl in inventory.cdsls:
            nodes = f" for {', '.join(cdsl.nodes)}" if cdsl.nodes else ""
            session.say(f"{cdsl.kind:13}  {cdsl.style:4}  /{cdsl.path}{nodes}")
    return 0


def show(options: argparse.Namespace) -> int:
    """Print everything about one CDSL."""
    disk = Disk(session.root(options))
    inventory = session.read(disk)
    path = session.path(options, options.path, inventory)
    cdsl = inventory.find(path)
    if cdsl is None:
        raise OsrError(f"/{path} is no CDSL", hint=_around(path, inventory))
    if options.json:
        links = [] if cdsl.style == BIND else [{"node": node, "path": place, "says": says, "wanted": wanted}
                 for node, place, says, wanted in _links(inventory, disk, cdsl)]  # fmt: skip
        lies = [{"node": node, "path": place, "there": there} for node, place, there in _data(inventory, disk, cdsl)]
        session.answer(**{**vars(cdsl), "nodes": inventory.trees_of(cdsl), "data": lies, "links": links})
    else:
        _say_cdsl(inventory, disk, cdsl)
    return 0


def _links(inventory: Inventory, disk: Disk, cdsl: Cdsl) -> Iterator[tuple[str, str, str, str]]:
    """Yield (node, where, what it says, what it should say) for each link of a CDSL."""
    layout, cdsls = inventory.layout, inventory.cdsls
    for node, place in places(cdsl.path, inventory.trees_of(cdsl), layout, cdsls):
        yield node, place, disk.says(place), target(place, cdsl.path, cdsl.kind, layout, cdsls)


def _data(inventory: Inventory, disk: Disk, cdsl: Cdsl) -> Iterator[tuple[str, str, bool]]:
    """Yield (node, where, whether it is there) for each copy; the node of a shared one is empty."""
    for name in inventory.trees_of(cdsl) if cdsl.kind == HOSTDEPENDENT else ("",):
        path = data(cdsl.path, cdsl.kind, name, inventory.layout, inventory.cdsls)
        yield name, path, disk.exists(path)


def _say_cdsl(inventory: Inventory, disk: Disk, cdsl: Cdsl) -> None:
    nodes = ", ".join(cdsl.nodes or inventory.nodes) + ("" if cdsl.nodes else " (all)")
    session.say(f"/{cdsl.path}\n  type   {cdsl.kind}\n  style  {cdsl.style}\n  nodes  {nodes}")
    if cdsl.time:
        session.say(f"  since  {session.when(cdsl.time)}")
    for name, place, there in _data(inventory, disk, cdsl):
        session.say(f"  data   /{place}{f', node {name}' if name else ''}{'' if there else ': is missing'}")
    if cdsl.style == BIND:
        session.say(f"  bound  over /{cdsl.path}, by each boot")
        return
    for _, place, says, wanted in _links(inventory, disk, cdsl):
        wrong = "" if says == wanted else f", should say {wanted}"
        session.say(f"  link   /{place} -> {says or '(no link)'}{wrong}")


def get(options: argparse.Namespace) -> int:
    """Print settings: the value of one, or all with their names."""
    known = upkeep.settings(session.read(Disk(session.root(options))))
    for key in options.key:
        if key not in known:
            raise ConfigError(f'there is no setting "{key}"', hint=f"known are {', '.join(known)}")
    if options.json:
        session.answer(settings={key: known[key] for key in options.key or known})
    elif options.key:
        session.say("\n".join(known[key] for key in options.key))
    else:
        session.say("\n".join(f"{key} = {value}" for key, value in known.items()))
    return 0


def check(options: argparse.Namespace) -> int:
    """Print every fault, or mend what can be mended and print what is left. Returns 1 if one is left."""
    root = session.root(options)
    disk = Disk(root)
    disk.prefix = normal(options.mountpoint)
    if options.repair:  # what was interrupted is finished or undone first, and is no fault
        session.changes(options, "repair", lambda disk, there: [])
    inventory = session.read(disk)
    current = options.node or session.mounted_node(root, inventory)
    wanted = [session.path(options, word, inventory) for word in options.path]
    for path in wanted:
        _refuse(path, inventory, recursive=not options.norecursive)

    def faults() -> list[Fault]:
        found = []
        walk = not wanted and not options.quick
        for fault in checking.faults(inventory, disk, current=current, walk=walk):
            inside = not options.norecursive and any(not path or fault.path.startswith(f"{path}/") for path in wanted)
            if not wanted or fault.path in ("", *wanted) or inside:
                found.append(fault)
        return found

    found = faults()
    done: list[dict[str, object]] = []
    if options.repair:
        seen: set[tuple[str, str]] = set()  # a dry run finds them again; what was mended may show another one there
        while todo := [pair for pair in apart(found) if (pair[0].place, pair[0].message) not in seen]:
            for fault, change in todo:
                seen.add((fault.place, fault.message))
                done += _mend(options, fault.place, change, inventory)
            inventory = session.read(disk)
            found = faults()
    if options.json:
        more = {"dry_run": options.dry_run, "changes": done} if options.repair else {}
        session.answer(faults=plain(found), **more)
    elif not options.quiet:
        # A dry run has told what it would mend.
        say_faults(fault for fault in found if not (options.repair and options.dry_run and fault.change))
    return 1 if found else 0


def _refuse(path: str, inventory: Inventory, *, recursive: bool) -> None:
    """Raise OsrError if there is nothing to be said about a path: all would seem to be well with it."""
    if inventory.find(path) or (recursive and (not path or children(path, inventory.cdsls))):
        return
    raise OsrError(f"/{path} is no CDSL{', and has none in it' if recursive else ''}", hint=_around(path, inventory))


def _around(path: str, inventory: Inventory) -> str:
    around = parent(path, inventory.cdsls)
    return f"it is in /{around.path}, which is {around.kind}" if around else "`osr cdsl list` shows which there are"


def _mend(options: argparse.Namespace, place: str, change: Change, seen: Inventory) -> list[dict[str, object]]:
    """Mend a fault, if the inventory still is what it was found by: another node may have changed it meanwhile."""

    def plan(inventory: Inventory) -> Change | None:
        return change if inventory == seen or not change.inventory else None

    return session.changes(options, f"repair /{place}", lambda disk, there: [plan])


def plain(found: Sequence[Fault]) -> list[dict[str, str]]:
    """Return faults as --json has them."""
    return [{key: vars(fault)[key] for key in ("path", "place", "message", "remedy")} for fault in found]


def say_faults(found: Iterable[Fault]) -> None:
    """Print faults, each with what mends it."""
    for fault in found:
        session.say(f"/{fault.place}: {fault.message}\n  {fault.remedy}")
