"""Carry out a change, or finish or undo one that was interrupted. Every step is the disk's."""

from __future__ import annotations

from osr_boot.cdsl import change as changes
from osr_boot.cdsl import inventory, obstacles
from osr_boot.cdsl.change import CLEANING, COMMITTED, JOURNAL, PREPARING, Change
from osr_boot.errors import OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.cdsl.disk import Disk

INVENTORY = changes.beside(inventory.PATH, changes.NEW)
"""the new one, until all else is in its place"""


def perform(change: Change, disk: Disk) -> None:
    """Carry out a change. Raises OsrError or OSError; before the commit everything is put back first, also at a Ctrl-C.

    A second Ctrl-C ends that too, and the next command does it.
    """
    obstacles.refuse(change, disk)
    disk.write(JOURNAL, changes.dumps(change, PREPARING))
    try:
        _prepare(change, disk)
        disk.sync()
    except (Exception, KeyboardInterrupt):
        _undo(change, disk)
        raise
    disk.write(JOURNAL, changes.dumps(change, COMMITTED))
    _finish(change, disk)


def recover(disk: Disk) -> str:
    """Finish or undo what was interrupted. Returns what was done in words; nothing if there was nothing."""
    text = disk.read(JOURNAL)
    for path in (f"{JOURNAL}.new", *(() if text else (INVENTORY,))):
        if disk.exists(path):  # begun and never named
            disk.remove(path)
    if not text:
        return ""
    change, state = changes.loads(text)
    if state == PREPARING:
        _undo(change, disk)
        return f"undone: {change.what}"
    if state == COMMITTED:
        _finish(change, disk)
    else:
        _clean(change, disk)
    return f"finished: {change.what}"


def _prepare(change: Change, disk: Disk) -> None:
    for like, path in change.made:
        if not disk.exists(path):
            disk.mkdir(path, like)
    disk.copy(change.copies)
    for says, path in change.links:
        disk.symlink(says, path)
    for like, path in change.points:
        disk.point(path, like)
    for like, path, text in change.texts:
        disk.text(path, like, text)
    for kind, path in change.keys:
        disk.key(kind, path)
    if change.inventory:
        disk.text(INVENTORY, "0644", change.inventory)


def _undo(change: Change, disk: Disk) -> None:
    for path in (*change.prepared, INVENTORY):
        if disk.exists(path):
            disk.remove(path)
    for _, path in reversed(change.made):
        disk.rmdir(path)
    disk.remove(JOURNAL)


def _finish(change: Change, disk: Disk) -> None:
    later = {path for _, path in change.moves}
    for source, path in change.moves:
        if not disk.exists(path):
            if not disk.exists(source):
                hint = f"bring it back; or put the tree right by hand, and take /{JOURNAL} away"
                raise OsrError(f"/{source} has gone before it could become /{path}", hint=hint)
            disk.rename(source, path)
        elif source not in later and disk.exists(source):
            # A service that runs, or the next boot, missed the path. What it has written is for a person to judge.
            hint = "stop what made it, look what is in it, move it away, and then `osr cdsl recover`"
            raise OsrError(f"/{path} has come again, made by somebody else while it was changed", hint=hint)
    if disk.exists(INVENTORY):
        disk.replace(INVENTORY, inventory.PATH)
    # What is in the trash is named in the renames: they must not be looked at again once it is gone.
    disk.sync()
    disk.write(JOURNAL, changes.dumps(change, CLEANING))
    _clean(change, disk)


def _clean(change: Change, disk: Disk) -> None:
    for path in change.trash:
        if disk.exists(path):
            disk.remove(path)
    for path in change.emptied:
        disk.rmdir(path)
    disk.remove(JOURNAL)
