"""What is wrong between inventory and disk, and the change that mends it: looks, and changes nothing."""

from __future__ import annotations

from osr_boot.cdsl import change as changes
from osr_boot.cdsl import planning, upkeep
from osr_boot.cdsl.change import NEW, Change, beside
from osr_boot.cdsl.fault import Fault, exchanged, relinked
from osr_boot.cdsl.layout import HOSTDEPENDENT, children, detour
from osr_boot.cdsl.walk import Expected, Walk

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
    found = Walk(inventory, disk) if walk else None
    for expected in found.missed() if found else (Expected(inventory, cdsl) for cdsl in inventory.cdsls):
        if any(map(disk.exists, expected.all())):
            yield from _links(expected, disk, current)
            yield from _copies(expected, disk)
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


def _links(expected: Expected, disk: Disk, current: str) -> Iterator[Fault]:
    """Yield what is wrong with the links that stand for a CDSL, in every node's tree."""
    cdsl, wanted = expected.cdsl, expected.says
    for node, place in expected.stands if expected.links else ():
        kind = disk.kind(place)
        if kind == "link":
            if disk.says(place) != wanted:
                yield _misled(cdsl.path, place, wanted, disk)
            continue
        if not kind:
            above = disk.kind(place.rpartition("/")[0]) if "/" in place else "directory"
            mend = relinked(place, wanted) if above == "directory" else None
            yield Fault(cdsl.path, place, "the link is missing", f"ln -s {wanted} /{place}", mend)
            continue
        owner = node or current
        message = f"the link has been replaced by a {kind}"
        if cdsl.kind == HOSTDEPENDENT and owner in expected.lies:
            # Somebody wrote through a plain path: what is there now is the newest that this node has.
            lies = expected.lies[owner]
            moves = [(lies, f"{lies}.orig")] if disk.exists(lies) else []
            free = not disk.exists(f"{lies}.orig")
            mend = relinked(place, wanted, moves=(*moves, (place, lies))) if free else None
            remedy = f"keep it as node {owner}'s /{lies}, what that was as /{lies}.orig, and make the link again"
            yield Fault(cdsl.path, place, message, remedy, mend)
        else:
            remedy = "look whose content it is; --node ID says so, for a host-dependent path"
            yield Fault(cdsl.path, place, message, remedy)


def _misled(path: str, place: str, wanted: str, disk: Disk) -> Fault:
    """Return the fault of a link that says something else than it should."""
    says = disk.says(place)
    message = f"leads to {says}, not to {wanted}" if says else f"is a {disk.kind(place)}, and no link to {wanted}"
    if says.startswith("../") and says.lstrip("./") == wanted.lstrip("./"):
        message = (
            f"leads to {says}, which is right only where /.. is /: no service with a file system of its own sees it"
        )
    return Fault(path, place, message, f"ln -sfn {wanted} /{place}", exchanged(place, wanted) if says else None)


def _copies(expected: Expected, disk: Disk) -> Iterator[Fault]:
    """Yield which trees lack their copy; one is made of the template's, or of another node's."""
    cdsl, lies = expected.cdsl, expected.lies
    missing = [name for name, path in lies.items() if not disk.exists(path)]
    there = [name for name in (expected.layout.default, *lies) if name in lies and name not in missing]
    for name in missing:
        path = lies[name]
        whose = f"node {name} has no copy" if name else "what is shared is missing"
        above = disk.kind(path.rpartition("/")[0])
        if there and above == "directory":
            source, staged = lies[there[0]], beside(path, NEW)
            mend = Change(f"make /{path} again", copies=((source, staged),), moves=((staged, path),))
            yield Fault(cdsl.path, path, whose, f"cp -a /{source} /{path}", mend)
        else:
            remedy = f"`osr cdsl remove /{cdsl.path}`, or bring it back from a backup"
            yield Fault(cdsl.path, path, whose, remedy)
