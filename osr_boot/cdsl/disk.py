"""A shared root on disk: the only module of the CDSL tools that reads or changes it.

Copying is cp's: it keeps owner, mode, times, extended attributes, ACLs, hard links and holes, and makes devices and
fifos. One process for each processor copies at the same time.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from osr_boot.cdsl.paths import climbs
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.linux import Linux

_LONGEST = 7 * 86_400
"""seconds that one copy may take"""


class Disk:
    """A shared root below the directory `root`. Paths are relative to it. Every method that changes is one step."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/") or "/"

    def full(self, path: str) -> str:
        """Return where a path lies on this machine."""
        return os.path.join(self._root, path) if path else self._root

    # --- looking

    def exists(self, path: str) -> bool:
        """Say whether something is there; a link is, wherever it leads."""
        return os.path.lexists(self.full(path))

    def kind(self, path: str) -> str:
        """Return `directory`, `link`, `file` (whatever else there is), or nothing."""
        try:
            mode = os.lstat(self.full(path)).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return ""
        return "directory" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "file"

    def read(self, path: str) -> str:
        """Return the text of a file, nothing if it is not there."""
        try:
            with open(self.full(path), encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def says(self, path: str) -> str:
        """Return what a link says, nothing for anything else."""
        try:
            return os.readlink(self.full(path))
        except OSError:
            return ""

    def names(self, path: str) -> tuple[str, ...]:
        """Return the names in a directory, sorted; none if it is not there."""
        try:
            return tuple(sorted(os.listdir(self.full(path))))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def empty(self, path: str) -> bool:
        """Say whether there is nothing in a directory, or in a file."""
        if self.kind(path) == "directory":
            return not self.names(path)
        return os.lstat(self.full(path)).st_size == 0

    def alike(self, one: str, other: str) -> bool:
        """Say whether two trees are copies of each other, by names, sizes and times alone."""
        first, second = (_outline(self.full(path)) for path in (one, other))
        return first == second

    def device(self, path: str) -> int:
        """Return the number of the filesystem that something lies on."""
        return os.lstat(self.full(path)).st_dev

    def difference(self, one: str, other: str) -> str:
        """Return in words the first thing in which two trees differ; nothing if they are alike."""
        first, second = (_content(self.full(path)) for path in (one, other))
        for name in sorted({*first, *second}):
            if first.get(name) != second.get(name):
                shown = os.fsdecode(name) or "itself"
                return f"{shown} is only in one" if name not in first or name not in second else shown
        return ""

    def leaving_links(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return (path below, what it says) of every relative link in a tree that leads out of it, sorted."""
        found = []
        todo = [""]
        while todo:
            below = todo.pop()
            for entry in os.scandir(self.full(f"{path}/{below}" if below else path)):
                here = f"{below}/{entry.name}" if below else entry.name
                if entry.is_symlink():
                    says = os.readlink(entry.path)
                    if not says.startswith("/") and climbs(here, says):
                        found.append((here, says))
                elif entry.is_dir(follow_symlinks=False):
                    todo.append(here)
        return tuple(sorted(found))

    def walk(self, enter: Callable[[str], bool]) -> Iterator[tuple[str, str, str]]:
        """Yield (path, kind, what it says) of what can be read on the root's filesystem, in directories entered."""
        device, todo = self.device(""), [""]
        while todo:
            above = todo.pop()
            full = self.full(above)
            try:
                entries = list(os.scandir(full)) if os.lstat(full).st_dev == device else []
            except OSError:
                continue
            begin = f"{above}/" if above else ""
            for entry in entries:
                path = begin + entry.name
                try:
                    if entry.is_symlink():
                        yield path, "link", os.readlink(entry.path)
                    elif not entry.is_dir(follow_symlinks=False):
                        yield path, "file", ""
                    else:
                        yield path, "directory", ""
                        if enter(path):
                            todo.append(path)
                except OSError:
                    continue

    # --- changing

    def mkdir(self, path: str, like: str = "") -> None:
        """Make a directory, with owner, mode and attributes of another one."""
        full = self.full(path)
        os.mkdir(full, 0o755)
        if like:
            status = os.lstat(self.full(like))
            os.chown(full, status.st_uid, status.st_gid)
            shutil.copystat(self.full(like), full)

    def point(self, path: str, like: str) -> None:
        """Make an empty directory, or an empty file, with owner, mode and attributes of what it is like."""
        if self.kind(like) == "directory":
            self.mkdir(path, like)
            return
        full, status = self.full(path), os.lstat(self.full(like))
        os.close(os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.chown(full, status.st_uid, status.st_gid)
        shutil.copystat(self.full(like), full)

    def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy what is at each first path to its second, where nothing is. Raises OsrError."""
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(self._copy, pairs))

    def _copy(self, pair: tuple[str, str]) -> None:
        source, target = map(self.full, pair)
        argv = ["cp", "--archive", "--reflink=auto", "--no-target-directory", "--", source, target]
        for _ in range(3):
            before = _state(source)
            try:
                Linux().run(argv, timeout=_LONGEST)
            except CommandFailed as error:
                said = error.output.split("\n")[-1] or error.message
                raise OsrError(f"cannot copy /{pair[0]}: {said}", hint="nothing has changed yet") from None
            changed = _state(source) ^ before
            if not changed:
                return
            _remove(target)
        name = os.fsdecode(min(path for path, *_ in changed))
        hint = "stop what writes there, or wait until it has ended"
        raise OsrError(f"/{pair[0]} changes while it is copied: {name}", hint=hint)

    def text(self, path: str, like: str, text: str) -> None:
        """Write a small file where nothing is, like another one, or with an octal mode."""
        if not like.isdigit():
            self.point(path, like)
        flags = os.O_WRONLY | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if like.isdigit() else os.O_TRUNC)
        descriptor = os.open(self.full(path), flags, int(like, 8) if like.isdigit() else 0)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

    def key(self, kind: str, path: str) -> None:
        """Make an SSH host key, and NAME.pub beside it. Raises OsrError."""
        argv = ["ssh-keygen", "-q", "-N", "", "-C", "", "-t", kind, "-f", self.full(path)]
        try:
            Linux().run(argv, timeout=600)
        except CommandFailed as error:
            raise OsrError(f"cannot make the key /{path}: {error.message}", hint=error.hint) from None

    def symlink(self, says: str, path: str) -> None:
        """Make a symbolic link."""
        os.symlink(says, self.full(path))

    def rename(self, source: str, path: str) -> None:
        """Give something another name, which must be free."""
        if self.exists(path):
            raise OsrError(f"/{path} is there already", hint="look what it is, and move it away")
        os.rename(self.full(source), self.full(path))

    def remove(self, path: str) -> None:
        """Remove something with all that is in it; a link is removed and not followed."""
        _remove(self.full(path))

    def rmdir(self, path: str) -> None:
        """Remove a directory if it is there and nothing is in it."""
        try:
            os.rmdir(self.full(path))
        except OSError:
            if not self.names(path):  # not there, or no directory: somebody has put it right already
                return

    def write(self, path: str, text: str) -> None:
        """Write a file whole or not at all, on disk before its name changes and after."""
        full = self.full(path)
        new = f"{full}.new"
        with open(new, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, full)
        directory = os.open(os.path.dirname(full), os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def sync(self) -> None:
        """Wait until all of this filesystem is on disk: one call, where a call per file would take 0.16 ms each."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), self._root)
        finally:
            os.close(descriptor)


def _outline(full: str) -> set[tuple[bytes, int, int, int]]:
    """Return path below, mode, and of what is no directory size and time, of everything in a tree."""
    begin = os.fsencode(full)
    found = set()
    todo = [begin]
    while todo:
        path = todo.pop()
        status = os.lstat(path)
        is_directory = stat.S_ISDIR(status.st_mode)
        size, when = (0, 0) if is_directory else (status.st_size, status.st_mtime_ns)
        found.add((path[len(begin) :], status.st_mode, size, when))
        todo += [entry.path for entry in os.scandir(path)] if is_directory else []
    return found


def _remove(full: str) -> None:
    if os.path.isdir(full) and not os.path.islink(full):
        shutil.rmtree(full)
    else:
        os.unlink(full)


def _content(full: str) -> dict[bytes, tuple[object, ...]]:
    """Return what a tree holds: kind, mode, owner, and content of everything, by path below it."""
    found: dict[bytes, tuple[object, ...]] = {}
    begin = os.fsencode(full)
    todo = [begin]
    while todo:
        path = todo.pop()
        status = os.lstat(path)
        held: object = None
        if stat.S_ISLNK(status.st_mode):
            held = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            seen = hashlib.blake2b()
            with open(path, "rb") as file:
                while piece := file.read(1 << 20):  # a database need not fit into memory
                    seen.update(piece)
            held = seen.digest()
        elif stat.S_ISDIR(status.st_mode):
            todo += [entry.path for entry in os.scandir(path)]
        found[path[len(begin) + 1 :]] = (status.st_mode, status.st_uid, status.st_gid, status.st_rdev, held)
    return found


def _state(full: str) -> set[tuple[bytes, int, int, int]]:
    """Return path, inode, size and time of change of everything in a tree: what a change would change."""
    found = set()
    todo = [os.fsencode(full)]
    while todo:
        path = todo.pop()
        status = os.lstat(path)
        found.add((path, status.st_ino, status.st_size, status.st_ctime_ns))
        if stat.S_ISDIR(status.st_mode):
            todo += [entry.path for entry in os.scandir(path)]
    return found
