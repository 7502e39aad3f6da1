"""What is wrong between inventory and disk, and the change that mends it: looks, and changes nothing."""

from __future__ import annotations

from osr_boot.cdsl import planning
from osr_boot.cdsl.change import NEW, OLD, Change, beside
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, data, detour, places, target
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.layout import Cdsl


class Fault(Value):
    """Something that is not as the inventory says."""

    path: str
    """the CDSL's; empty for a directory of the layout"""
    place: str
    """where on disk, relative to the root"""
    message: str
    remedy: str
    change: Change | None = None
    """what mends it; None where a person must decide"""


def faults(inventory: Inventory, disk: Disk, *, current: str = "") -> Iterator[Fault]:
    """Yield every fault, the outer CDSLs before the inner; `current` is the node whose content a repair keeps."""
    layout = inventory.layout
    for path in (layout.tree, layout.shared, layout.link, *(f"{layout.tree}/{name}" for name in inventory.trees)):
        if disk.kind(path) != "directory":
            there = disk.kind(path)
            mend = None if there else Change(f"make /{path}", made=(("", path),))
            yield Fault("", path, f"is a {there}" if there else "is missing", f"mkdir /{path}", mend)
    place, wanted = detour(layout)
    if place and not disk.exists(place):
        mend = planning.with_detour(Change(f"make the link /{place}"), inventory, disk)
        yield Fault("", place, "is missing: links in the nodes' trees lead over it", f"ln -s {wanted} /{place}", mend)
    elif place and disk.says(place) != wanted:
        yield _misled("", place, wanted, disk)
    for cdsl in inventory.cdsls:
        if cdsl.style != BIND:
            yield from _links(inventory, disk, cdsl, current)
        yield from _copies(inventory, disk, cdsl)


def _links(inventory: Inventory, disk: Disk, cdsl: Cdsl, current: str) -> Iterator[Fault]:
    """Yield what is wrong with the links that stand for a CDSL, in every node's tree."""
    layout, cdsls = inventory.layout, inventory.cdsls
    for node, place in places(cdsl.path, inventory.trees_of(cdsl), layout, cdsls):
        wanted = target(place, cdsl.path, cdsl.kind, layout, cdsls)
        kind = disk.kind(place)
        if kind == "link":
            if disk.says(place) != wanted:
                yield _misled(cdsl.path, place, wanted, disk)
            continue
        if not kind:
            above = disk.kind(place.rpartition("/")[0]) if "/" in place else "directory"
            mend = _relinked(place, wanted) if above == "directory" else None
            yield Fault(cdsl.path, place, "the link is missing", f"ln -s {wanted} /{place}", mend)
            continue
        owner = node or current
        message = f"the link has been replaced by a {kind}"
        if cdsl.kind == HOSTDEPENDENT and owner:
            # Somebody wrote through a plain path: what is there now is the newest that this node has.
            lies = data(cdsl.path, HOSTDEPENDENT, owner, layout, cdsls)
            moves = [(lies, f"{lies}.orig")] if disk.exists(lies) else []
            free = not disk.exists(f"{lies}.orig")
            mend = _relinked(place, wanted, moves=(*moves, (place, lies))) if free else None
            remedy = f"keep it as node {owner}'s /{lies}, what that was as /{lies}.orig, and make the link again"
            yield Fault(cdsl.path, place, message, remedy, mend)
        else:
            remedy = "look whose content it is; --node ID says so, for a host-dependent path"
            yield Fault(cdsl.path, place, message, remedy)


def _misled(path: str, place: str, wanted: str, disk: Disk) -> Fault:
    """Return the fault of a link that says something else than it should."""
    old = beside(place, OLD)
    again = _relinked(place, wanted, moves=((place, old),), trash=(old,)) if disk.kind(place) == "link" else None
    says = disk.says(place)
    message = f"leads to {says}, not to {wanted}" if says else f"is a {disk.kind(place)}, and no link to {wanted}"
    if says.startswith("../") and says.lstrip("./") == wanted.lstrip("./"):
        message = (
            f"leads to {says}, which is right only where /.. is /: no service with a file system of its own sees it"
        )
    return Fault(path, place, message, f"ln -sfn {wanted} /{place}", again)


def _relinked(place: str, says: str, *, moves: tuple[tuple[str, str], ...] = (), trash: tuple[str, ...] = ()) -> Change:
    staged = beside(place, NEW)
    return Change(
        f"make the link /{place} again", links=((says, staged),), moves=(*moves, (staged, place)), trash=trash
    )


def _copies(inventory: Inventory, disk: Disk, cdsl: Cdsl) -> Iterator[Fault]:
    """Yield which trees lack their copy; one is made of the template's, or of another node's."""
    layout, cdsls = inventory.layout, inventory.cdsls
    names = inventory.trees_of(cdsl) if cdsl.kind == HOSTDEPENDENT else ("",)
    lies = {name: data(cdsl.path, cdsl.kind, name, layout, cdsls) for name in names}
    missing = [name for name, path in lies.items() if not disk.exists(path)]
    there = [name for name in (layout.default, *lies) if name in lies and name not in missing]
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
