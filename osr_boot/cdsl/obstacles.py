"""What would stop a change after its commit record, found before anything is written: looks, and changes nothing.

From the record on a change can only be finished. A rename that the kernel refuses then would keep every other change
waiting, with the path away, until somebody finds out why.
"""

from __future__ import annotations

from osr_boot.cdsl import inventory
from osr_boot.errors import OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from osr_boot.cdsl.change import Change
    from osr_boot.cdsl.disk import Disk

LONGEST = 255
"""bytes of a name; source: NAME_MAX in linux/limits.h"""
_OR = "; what is to stay on another filesystem has CDSLs of its own there: --mountpoint"


class Mounts:
    """What is mounted, and on what of which filesystem.

    The kernel does not rename, nor remove, what something is mounted on, by whatever path it is reached: what
    `cdsl.local/var` is by one is `cluster/cdsl/1/var` by the other.
    """

    def __init__(self, known: Sequence[tuple[str, str, str]]) -> None:
        """Take (device, what of its filesystem, where), in the kernel's order: what is mounted on another comes later.

        But the root of a machine comes after what was moved into it by its boot.
        """
        self._known = known
        self._at: dict[str, int] = {}
        around = []
        for number, (_, _, where) in enumerate(known):
            around.append(self.holding(where))
            self._at[where] = number
        self._on = {}
        for number, (_, _, where) in enumerate(known):
            outer = around[number] if around[number] >= 0 else self.holding(_above(where))
            if outer != number:
                self._on[self._of_the_filesystem(where, outer)] = where

    def holding(self, full: str) -> int:
        """Return the number of the mount in which a path lies; -1 if that is not known."""
        while full not in self._at and full != "/":
            full = _above(full)
        return self._at.get(full, -1)

    def on(self, full: str) -> str:
        """Return where something is mounted on a path, or on what is the same by another; nothing if nothing is."""
        return full if full in self._at else self._on.get(self._lies(full), "")

    def inside(self, full: str) -> Iterator[tuple[str, str]]:
        """Yield (path below, where) of what is mounted in a path by its own name."""
        return ((where[len(full) :], where) for where in self._at if where.startswith(f"{full}/"))

    def on_any(self, fulls: Iterable[str]) -> tuple[str, str]:
        """Return (one of the paths, where something is mounted on it, or in it); empty texts if there is nothing."""
        wanted = {self._lies(full): full for full in fulls}
        for (device, path), where in self._on.items() if wanted else ():
            while (device, path) not in wanted and path != "/":
                path = _above(path)
            if (device, path) in wanted:
                return wanted[device, path], where
        return "", ""

    def between(self, one: str, other: str) -> str:
        """Return what is mounted above one of two paths and not above the other; nothing if they lie in one mount."""
        numbers = {self.holding(_above(full)) for full in (one, other)}
        return max((self._known[number][2] for number in numbers if number >= 0), key=len) if len(numbers) > 1 else ""

    def _lies(self, full: str) -> tuple[str, str]:
        """Return (device, path in the filesystem) of a path itself, not of what is mounted on it."""
        return self._of_the_filesystem(full, self.holding(_above(full)))

    def _of_the_filesystem(self, full: str, number: int) -> tuple[str, str]:
        """Return (device, path in the filesystem) of a path that lies in a mount."""
        if number < 0:
            return "", full
        device, what, where = self._known[number]
        return device, f"{what.rstrip('/')}/{full[len(where.rstrip('/')) :].lstrip('/')}".rstrip("/") or "/"


def refuse(change: Change, disk: Disk) -> None:
    """Raise OsrError if a step of a change cannot be done, or would be done outside of the root."""
    for path in (paths := tuple(dict.fromkeys(_paths(change)))):
        name = path.rpartition("/")[2]
        if len(name) > LONGEST // 4 and len(name.encode(errors="surrogateescape")) > LONGEST:
            reason = f"/{path} would have a name of more than {LONGEST} bytes"
            raise OsrError(reason, hint="give the path a shorter one, or the node")
    _refuse_detours(paths, disk)
    mounts = Mounts(disk.mounts())
    _refuse_moves(change, disk, mounts)
    _refuse_removals(change, disk, mounts)
    _refuse_copies(change, disk, mounts)


def _refuse_moves(change: Change, disk: Disk, mounts: Mounts) -> None:
    """Raise if a rename would fail: with EBUSY, EXDEV, or EPERM."""
    there = [source for source, _ in change.moves if disk.exists(source)]
    for source in there:
        if where := mounts.on(disk.real(source)):
            raise OsrError(f"/{source} cannot be moved: something is mounted on {where}", hint=f"umount {where}")
    for source, path in change.moves:
        if _above(source) == _above(path):
            continue
        first, second = (_there(_above(here), disk) for here in (source, path))
        if where := mounts.between(disk.real(source), disk.real(path)):
            raise OsrError(f"/{source} cannot become /{path}: {where} is another mount", hint=f"umount {where}{_OR}")
        if disk.device(first) != disk.device(second):
            reason = f"/{source} cannot become /{path}: /{first} is on another filesystem than /{second}"
            raise OsrError(reason, hint=f"leave it as it is{_OR}")
    within = {_above(path): None for pair in change.moves for path in pair}
    for path in (*there, *within):
        if disk.fixed(path):
            reason = f"/{path} cannot be changed: it has the attribute i or a"
            raise OsrError(reason, hint=f"chattr -ia {disk.full(path)}")


def _refuse_removals(change: Change, disk: Disk, mounts: Mounts) -> None:
    """Raise if something is mounted in what is removed, or on the inventory, in whose place a new one is put."""
    was = {path: source for source, path in change.moves}
    gone = [*(was.get(path, path) for path in change.trash), *([inventory.PATH] if change.inventory else [])]
    full, where = mounts.on_any(disk.real(path) for path in gone if disk.kind(path) in ("directory", "file"))
    if where:
        raise OsrError(f"{full} is not removed: something is mounted on {where}", hint=f"umount {where}")


def _refuse_copies(change: Change, disk: Disk, mounts: Mounts) -> None:
    """Raise if cp, which stays on one filesystem, would copy what is mounted in a path as well."""
    for source in dict.fromkeys(source for source, _ in change.copies):
        for below, where in mounts.inside(disk.real(source)):
            path = source + below
            if disk.exists(path) and disk.device(path) == disk.device(source):
                reason = f"/{source} cannot be copied: what is mounted on {where} is of the same filesystem"
                raise OsrError(reason, hint=f"umount {where}")


def _refuse_detours(paths: Iterable[str], disk: Disk) -> None:
    """Raise if a directory above one of the paths is none: a link would lead the change somewhere else."""
    seen = {""}
    for path in paths:
        above = _above(path)
        while above not in seen:
            seen.add(above)
            kind = disk.kind(above)
            if kind in ("link", "file"):
                leads = f" to {disk.says(above)}" if kind == "link" else ""
                reason = f"/{path} cannot be changed: /{above} is a {kind}{leads}, and no directory"
                raise OsrError(reason, hint="look what it is, and put the directory back")
            above = _above(above)


def _paths(change: Change) -> Iterator[str]:
    """Yield every path that a change reads or writes."""
    for pairs in (change.copies, change.moves):
        for source, path in pairs:
            yield source
            yield path
    for pairs in (change.made, change.links, change.points):
        yield from (path for _, path in pairs)
    yield from (path for _, path, _ in change.texts)
    yield from (f"{path}.pub" for _, path in change.keys)
    yield from change.trash
    yield from change.emptied


def _there(path: str, disk: Disk) -> str:
    """Return the innermost directory that is there already."""
    while path and not disk.exists(path):
        path = _above(path)
    return path


def _above(path: str) -> str:
    """Return the directory that a path lies in: of `/a` the root of the machine, of `a` the top, which is empty."""
    above, slash, _ = path.rpartition("/")
    return above or (slash and "/")
