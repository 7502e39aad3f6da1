"""Relative links that would lead elsewhere from the trees, where a path lies in the end: they are made absolute."""

from __future__ import annotations

from osr_boot.cdsl.change import NEW, OLD, Change, beside
from osr_boot.cdsl.layout import BIND
from osr_boot.cdsl.paths import led
from osr_boot.cdsl.rules import free
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.layout import Cdsl


def with_absolute_links(change: Change, disk: Disk, cdsl: Cdsl, place: str, homes: Iterable[tuple[str, str]]) -> Change:
    """Return the change with every relative link that leads out of the path written as an absolute one.

    `homes` are pairs of what a tree of the path is called while it is prepared, and in the end. Where it then lies,
    `../run` of `/var/run` would be another directory; what is bound is seen where it was.
    """
    kind = "" if cdsl.style == BIND else disk.kind(place)
    if kind != "directory":
        return _itself(change, disk, cdsl, place, homes) if kind == "link" else change
    links, moves, trash, notes = list(change.links), list(change.moves), list(change.trash), list(change.notes)
    for below, says in disk.leaving_links(place):
        absolute, note = _absolute(disk, f"{cdsl.path}/{below}", says)
        notes.append(note)
        free(disk, (beside(f"{place}/{below}", mark) for mark in (NEW, OLD)))
        for staged, final in homes:
            links.append((absolute, beside(f"{staged}/{below}", NEW)))
            old = beside(f"{final}/{below}", OLD)
            moves += [(f"{final}/{below}", old), (beside(f"{final}/{below}", NEW), f"{final}/{below}")]
            trash.append(old)
    return replace(change, links=tuple(links), moves=tuple(moves), trash=tuple(trash), notes=tuple(notes))


def _itself(change: Change, disk: Disk, cdsl: Cdsl, place: str, homes: Iterable[tuple[str, str]]) -> Change:
    """Return the change of a path that is a relative link itself: absolute ones lie in its homes."""
    says = disk.says(place)
    if says.startswith("/"):
        return change
    absolute, note = _absolute(disk, cdsl.path, says)
    copies, links, moves, trash = list(change.copies), list(change.links), list(change.moves), list(change.trash)
    for staged, final in homes:
        copy, at = staged, moves.index((staged, final))
        if staged == place:
            copy, old = beside(final, NEW), beside(place, OLD)
            copies.append((place, copy))
            moves.insert(at + 1, (place, old))
            trash.append(old)
        # A link that is prepared beside a copy of the old one gets its owner and times.
        new = beside(copy, NEW)
        links.append((absolute, new))
        moves[at] = (new, final)
        trash.append(copy)
    free(disk, (*trash, *(path for _, path in links)))
    changed = replace(change, copies=tuple(copies), links=tuple(links), moves=tuple(moves), trash=tuple(trash))
    return replace(changed, notes=(*change.notes, note))


def _absolute(disk: Disk, path: str, says: str) -> tuple[str, str]:
    """Return where a relative link leads, from the root of a node, and a note on it."""
    absolute = led(path, says, disk.prefix)
    return absolute, f"/{path} led to {says}, and leads to {absolute} now"
