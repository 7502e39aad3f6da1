"""What is wrong between inventory and disk, and the change that mends it: looks, and changes nothing."""

from __future__ import annotations

from osr_boot.cdsl import change as changes
from osr_boot.cdsl import planning, upkeep
from osr_boot.cdsl.change import NEW, OLD, Change, beside
from osr_boot.cdsl.fault import Fault, exchanged, possible, relinked
from osr_boot.cdsl.layout import HOSTDEPENDENT, children, detour, owner
from osr_boot.cdsl.walk import Expected, Walk, leaving
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.layout import Cdsl


def faults(inventory: Inventory, disk: Disk, *, current: str = "", walk: bool = False) -> Iterator[Fault]:
    """Yield every fault, the outer CDSLs before the inner; `current` is the node whose content a repair keeps.

    `walk` says to look through the whole root, for links of which the inventory says nothing.
    """
    for fault in _faults(inventory, disk, current, walk=walk):
        yield possible(fault, disk)


def _faults(inventory: Inventory, disk: Disk, current: str, *, walk: bool) -> Iterator[Fault]:
    if text := disk.read(changes.JOURNAL):  # what else is found now may be what it was about to do
        what = changes.loads(text)[0].what
        remedy = "`osr cdsl recover` finishes or undoes it, or says who is just doing it"
        yield Fault("", changes.JOURNAL, f"a change has not been ended: {what}", remedy)
        return
    layout = inventory.layout
    whole = True
    for path in (layout.tree, layout.shared, layout.link, *(f"{layout.tree}/{name}" for name in inventory.trees)):
        if disk.kind(path) != "directory":
            whole = False
            there = disk.kind(path)
            mend = None if there else Change(f"make /{path}", made=(("", path),))
            yield Fault("", path, f"is a {there}" if there else "is missing", f"mkdir /{path}", mend)
    place, wanted = detour(layout)
    if place and not disk.exists(place):
        mend = planning.with_detour(Change(f"make the link /{place}"), inventory, disk)
        yield Fault("", place, "is missing: links in the nodes' trees lead over it", f"ln -s {wanted} /{place}", mend)
    elif place and disk.says(place) != wanted:
        yield _misled("", place, wanted, disk)
    found = Walk(inventory, disk, current=current) if walk else None
    for expected in found.missed() if found else (Expected(inventory, cdsl) for cdsl in inventory.cdsls):
        if any(map(disk.exists, expected.all())):
            seen = [
                *_links(expected, inventory, disk, current),
                *_points(expected, inventory, disk, current),
                *_copies(expected, inventory, disk),
            ]
            yield from seen or (_behind(expected, disk) if found else ())
        else:
            yield _nothing(inventory, disk, expected.cdsl, whole=whole)
    if found:
        yield from found.faults()


def _nothing(inventory: Inventory, disk: Disk, cdsl: Cdsl, *, whole: bool) -> Fault:
    """Return the fault of a CDSL of which nothing is there; what lies in it, or in trees that are away, is not lost."""
    path = cdsl.path
    sure = whole and not children(path, inventory.cdsls)
    mend = upkeep.forget(inventory, disk, path) if sure else None
    return Fault(path, path, "neither a link nor a copy is left", f"`osr cdsl remove --force /{path}`", mend)


def _links(expected: Expected, inventory: Inventory, disk: Disk, current: str) -> Iterator[Fault]:
    """Yield what is wrong with the links that stand for a CDSL, in every node's tree."""
    cdsl, wanted = expected.cdsl, expected.says
    for node, place in expected.stands if expected.links else ():
        kind = disk.kind(place)
        if kind == "link":
            if disk.says(place) != wanted:
                yield _misled(cdsl.path, place, wanted, disk)
        elif kind:
            yield _replaced(expected, inventory, disk, node or current, place, kind)
        else:
            way, made = _above(expected, inventory, disk, place)
            mend = None if way else relinked(place, wanted, made=made)
            yield Fault(cdsl.path, place, "the link is missing", way or _line(made, f"ln -s {wanted} /{place}"), mend)


def _replaced(expected: Expected, inventory: Inventory, disk: Disk, node: str, place: str, kind: str) -> Fault:
    """Return the fault of a link in whose place there is something else now. Whatever it is, it is kept."""
    cdsl, wanted = expected.cdsl, expected.says
    message = f"the link has been replaced by a {kind}"
    if cdsl.kind != HOSTDEPENDENT:
        shared = expected.lies[""]
        if not disk.exists(shared):
            remedy = f"mkdir -p /{shared.rpartition('/')[0]} && mv -n /{place} /{shared}"
            return Fault(cdsl.path, place, message, f"what is shared is missing as well; if this is it: {remedy}")
        remedy = f"keep it as /{place}.orig, and make the link again"
        return Fault(
            cdsl.path, place, message, remedy,
            relinked(place, wanted, moves=((place, f"{place}.orig"),), what=f"{remedy}: /{place}"),
        )  # fmt: skip
    if node not in expected.lies:
        return Fault(cdsl.path, place, message, "look whose content it is; `osr cdsl check --node ID` says so")
    # Somebody wrote through a plain path: what is there now is the newest that this node has.
    lies = expected.lies[node]
    moves = [(lies, f"{lies}.orig")] if disk.exists(lies) else []
    way, made = _above(expected, inventory, disk, lies)
    remedy = f"keep it as node {node}'s /{lies}, what that was as /{lies}.orig, and make the link again"
    mend = None if way else relinked(place, wanted, made=made, moves=(*moves, (place, lies)))
    return Fault(cdsl.path, place, message, way or remedy, mend)


def _misled(path: str, place: str, wanted: str, disk: Disk) -> Fault:
    """Return the fault of a link that says something else than it should."""
    says = disk.says(place)
    message = f"leads to {says}, not to {wanted}" if says else f"is a {disk.kind(place)}, and no link to {wanted}"
    if says.startswith("../") and says.lstrip("./") == wanted.lstrip("./"):
        message = (
            f"leads to {says}, which is right only where /.. is /: no service with a file system of its own sees it"
        )
    return Fault(path, place, message, f"ln -sfn {wanted} /{place}", exchanged(place, wanted) if says else None)


def _points(expected: Expected, inventory: Inventory, disk: Disk, current: str) -> Iterator[Fault]:
    """Yield what is wrong with what is empty, for the copies in bind style to be bound over: it would stop a boot."""
    cdsl = expected.cdsl
    there = {path: disk.kind(path) for path in expected.lies.values() if disk.exists(path)} if expected.points else {}
    kinds = {kind for kind in there.values() if kind != "link"}  # what that leads to is bound
    like, wanted = next(((path, kind) for path, kind in there.items() if kind in kinds), ("", ""))
    for place in expected.points if like else ():
        kind, staged, old = disk.kind(place), beside(place, NEW), beside(place, OLD)
        make = f"{'mkdir' if wanted == 'directory' else 'touch'} /{place}"
        change = Change(f"make /{place} for the copies to be bound over", points=((like, staged),))
        if not kind:
            way, made = _above(expected, inventory, disk, place)
            mend = None if way else replace(change, made=made, moves=((staged, place),))
            yield Fault(cdsl.path, place, "is missing: the copies are bound over it", way or _line(made, make), mend)
        elif expected.taken(disk, place, current):
            message = "has something in it, written while nothing was bound over it"
            remedy = "look whose it is, and move it away: `osr cdsl check --repair` makes what is missing then"
            yield Fault(cdsl.path, place, message, remedy)
        elif kind not in kinds:
            mend = replace(change, moves=((place, old), (staged, place)), trash=(old,))
            message = f"is a {kind}: no {wanted} can be bound over it"
            yield Fault(cdsl.path, place, message, f"rm -d /{place} && {make}", mend)
        else:
            for path, other in there.items():
                if other in kinds - {kind}:
                    message = f"is a {other}, and cannot be bound over the {kind} /{place}"
                    yield Fault(cdsl.path, path, message, f"put a {kind} in its place")


def _copies(expected: Expected, inventory: Inventory, disk: Disk) -> Iterator[Fault]:
    """Yield which trees lack their copy; one is made of the template's, or of another node's."""
    cdsl, lies = expected.cdsl, expected.lies
    kinds = {name: disk.kind(path) for name, path in lies.items()}
    there = [name for name in (expected.layout.default, *lies) if kinds.get(name)]
    for name, path in lies.items():
        if kinds[name] == "link" and (fault := leaving(path, disk.says(path), inventory, disk)):
            yield fault
        if kinds[name]:
            continue
        whose = f"node {name} has no copy" if name else "what is shared is missing"
        if there:
            source, staged = lies[there[0]], beside(path, NEW)
            way, made = _above(expected, inventory, disk, path)
            mend = Change(f"make /{path} again", made=made, copies=((source, staged),), moves=((staged, path),))
            remedy = way or _line(made, f"cp -a /{source} /{path}")
            yield Fault(cdsl.path, path, whose, remedy, None if way else mend)
        else:
            remedy = f"bring it back from a backup; or `osr cdsl remove --force /{cdsl.path}` strikes it out"
            yield Fault(cdsl.path, path, whose, remedy)


def _above(expected: Expected, inventory: Inventory, disk: Disk, place: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return what stops something from being made at a place, as a remedy, and the directories to be made above it."""
    like = next(filter(disk.exists, expected.all()), place)
    parts = place.split("/")
    for number in range(1, len(parts)):
        above = "/".join(parts[:number])
        kind = disk.kind(above)
        found = owner(above, inventory.layout, inventory.cdsls) if not kind else None
        if found and not found[2]:  # it has a copy to be made of
            return f"first make /{above}, which is the copy of /{found[0].path}", ()
        if kind not in ("directory", ""):
            return f"first put a directory in place of the {kind} /{above}", ()
    return "", tuple(planning._parents(disk, like, [place]))


def _line(made: tuple[tuple[str, str], ...], command: str) -> str:
    return f"mkdir -p /{made[-1][1]} && {command}" if made else command


def _behind(expected: Expected, disk: Disk) -> Iterator[Fault]:
    """Yield a link in the trees over which something of a CDSL is reached that should lie in the tree itself."""
    layout, seen = expected.layout, set[str]()
    for place in expected.all():
        parts = place.split("/")
        above = ("/".join(parts[:number]) for number in range(1, len(parts)))
        link = next((one for one in above if disk.kind(one) == "link"), "")
        if link.startswith((f"{layout.tree}/", f"{layout.shared}/")) and link not in seen:
            seen.add(link)
            message = f"is a link to {disk.says(link)}: what is there is not this tree's /{expected.cdsl.path}"
            yield Fault(expected.cdsl.path, link, message, "put a directory in its place, with what belongs there")
