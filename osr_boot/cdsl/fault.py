"""Something that is not as the inventory says, and the change that mends it."""

from __future__ import annotations

from osr_boot.cdsl.change import NEW, OLD, Change, beside
from osr_boot.value import Value, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from osr_boot.cdsl.disk import Disk


class Fault(Value):
    """Something that is not as the inventory says."""

    path: str
    """the CDSL's; empty for a directory of the layout, and for what was left by a change"""
    place: str
    """where on disk, relative to the root"""
    message: str
    remedy: str
    change: Change | None = None
    """what mends it; None where a person must decide"""


def relinked(
    place: str,
    says: str,
    *,
    made: tuple[tuple[str, str], ...] = (),
    moves: tuple[tuple[str, str], ...] = (),
    trash: tuple[str, ...] = (),
    what: str = "",
) -> Change:
    """Return the change that makes a link, after what stands in its place was moved away."""
    staged = beside(place, NEW)
    return Change(
        what or f"make the link /{place} again",
        made=made,
        links=((says, staged),),
        moves=(*moves, (staged, place)),
        trash=trash,
    )


def exchanged(place: str, says: str, what: str = "") -> Change:
    """Return the change that puts a link in the place of another one."""
    old = beside(place, OLD)
    return relinked(place, says, moves=((place, old),), trash=(old,), what=what)


def possible(fault: Fault, disk: Disk) -> Fault:
    """Return the fault without its change where something has a name that the change needs, and what to do then."""
    if fault.change is None:
        return fault
    gone: set[str] = set()
    needed = list(fault.change.prepared)
    for source, path in fault.change.moves:
        gone.add(source)
        needed += [] if path in gone else [path]
    taken = next(filter(disk.exists, needed), "")
    if not taken:
        return fault
    remedy = f"look what /{taken} is, and move it away; then {fault.remedy}"
    return replace(fault, remedy=remedy, change=None)


def apart(found: Iterable[Fault]) -> Iterator[tuple[Fault, Change]]:
    """Yield, of the faults that can be mended, those that have nothing to do with one before them, with their changes.

    Mending the outer one may mend what lies in it, or put something else there: that is looked for again. So is
    whatever writes the inventory, after the first that does.
    """
    touched: set[str] = set()
    around: set[str] = set()
    for fault in found:
        if fault.change is None:
            continue
        own = set(_touched(fault.change))
        above = {one for path in own for one in _above(path)}
        if own & touched or own & around or above & touched:
            continue
        touched |= own
        around |= above
        yield fault, fault.change


def _touched(change: Change) -> Sequence[str]:
    """Return the paths that a change makes, moves or takes away; an empty one for the inventory."""
    pairs = (*change.moves, *change.copies)
    made = [path for _, path in (*change.made, *change.links, *change.points)]
    return [*(path for pair in pairs for path in pair), *made, *change.trash, *([""] if change.inventory else [])]


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
