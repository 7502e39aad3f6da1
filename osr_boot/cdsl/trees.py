"""What lies below one path of a disk: looked at, compared, and removed.

What something else is mounted on is not of the tree: cp is told so too.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import sys
from collections.abc import Callable, Iterator

from osr_boot import mountinfo
from osr_boot.errors import OsrError
from osr_boot.value import Value

_PIECE = 1 << 20
"""bytes of a file that are in memory at a time"""
# A sum of inode number and attributes: no two files have the same. source: Documentation/ABI/testing/evm
_OF_THE_INODE = "security.evm"
# source: linux/fs.h, for x86 and Arm; elsewhere the kernel knows no such request, and nothing is said
_GETFLAGS, _IMMUTABLE, _APPEND = 0x80006601 | struct.calcsize("l") << 16, 0x10, 0x20


class State(Value):
    """How a tree is at one time."""

    entries: frozenset[tuple[bytes, int, int, int]]
    """path, inode, size and time of change of everything: what a change would change"""
    size: int
    """bytes that a copy takes: without holes, and what has several names once"""


def state(full: str) -> State:
    """Return how a tree is now; without anything if it is not there."""
    entries, size, seen = [], 0, set[int]()
    for path, status in _everything(full):
        entries.append((path, status.st_ino, status.st_size, status.st_ctime_ns))
        if stat.S_ISREG(status.st_mode) and status.st_ino not in seen:
            size += min(status.st_size, status.st_blocks * 512)
            if status.st_nlink > 1:
                seen.add(status.st_ino)
    return State(frozenset(entries), size)


def walk(top: str, enter: Callable[[str], bool]) -> Iterator[tuple[str, str, str]]:
    """Yield (path below, kind as Disk.kind has it, what it says if it is a link) of what can be read.

    It stays on the filesystem of the top. What is in a directory is looked up from there: from the top it takes twice
    as long.
    """
    device, todo = os.stat(top).st_dev, [""]
    while todo:
        above = todo.pop()
        begin = f"{above}/" if above else ""
        try:
            directory = os.open(os.path.join(top, above), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            for entry in os.scandir(directory) if os.fstat(directory).st_dev == device else ():
                path = begin + entry.name
                try:
                    if entry.is_symlink():
                        yield path, "link", os.readlink(entry.name, dir_fd=directory)
                    elif not entry.is_dir(follow_symlinks=False):
                        yield path, "file", ""
                    else:
                        yield path, "directory", ""
                        if enter(path):
                            todo.append(path)
                except OSError:  # it has gone meanwhile
                    continue
        except OSError:
            continue
        finally:
            os.close(directory)


def outline(full: str) -> set[tuple[bytes, int, int, int]]:
    """Return path below, mode, and of what is no directory size and time, of everything in a tree."""
    begin = len(os.fsencode(full))
    found = set()
    for path, status in _everything(full):
        size, when = (0, 0) if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_mtime_ns)
        found.add((path[begin:], status.st_mode, size, when))
    return found


def content(full: str) -> dict[bytes, tuple[object, ...]]:
    """Return what a tree holds: kind, mode, owner, content and attributes of everything, by path below it."""
    found: dict[bytes, tuple[object, ...]] = {}
    begin = len(os.fsencode(full)) + 1
    for path, status in _everything(full):
        held: object = None
        if stat.S_ISLNK(status.st_mode):
            held = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            held = _digest(path, status.st_size)
        found[path[begin:]] = (status.st_mode, status.st_uid, status.st_gid, status.st_rdev, held, _attributes(path))
    return found


def _attributes(path: bytes) -> tuple[tuple[str, bytes], ...]:
    """Return name and value of the extended attributes, of which ACLs and capabilities are some; none without them."""
    found = []
    try:
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            if name != _OF_THE_INODE:
                found.append((name, os.getxattr(path, name, follow_symlinks=False)))
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA, errno.ENOENT):  # it has none, or they go away meanwhile
            raise
    return tuple(found)


def _digest(path: bytes, size: int) -> bytes:
    """Return a digest of a file. Holes are as good as zeros, and not read: there is no limit to their size."""
    import hashlib  # OpenSSL

    seen, at = hashlib.blake2b(b"%d" % size), 0
    with open(path, "rb") as file:
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // _PIECE * _PIECE
            except OSError as error:
                if error.errno == errno.ENXIO:  # a hole as far as the end
                    break
                raise
            piece = os.pread(file.fileno(), _PIECE, at)
            if piece.strip(b"\0"):
                seen.update(b"%d:" % at + piece)
            at += _PIECE
    return seen.digest()


def remove(full: str) -> None:
    """Remove something with all that is in it; a link is removed and not followed. Raises OsrError, OSError."""
    if not os.path.isdir(full) or os.path.islink(full):
        os.unlink(full)
        return
    refuse_mounted(full)
    shutil.rmtree(full)


def refuse_mounted(full: str) -> None:
    """Raise OsrError if something is mounted inside of a tree that is to be removed."""
    begin = f"{os.path.realpath(full)}/"
    for where, _ in mounts():
        if where.startswith(begin):
            raise OsrError(f"{full} is not removed: something is mounted on {where}", hint=f"umount {where}")


def mounts() -> list[tuple[str, str]]:
    """Return (where, what of its filesystem) of everything mounted, in this order; none without /proc."""
    return [(where, what) for _, what, where in mounted()]


def mounted() -> list[tuple[str, str, str]]:
    """Return (device, what of its filesystem, where) of everything mounted, in this order; none without /proc."""
    try:
        with open(mountinfo.PATH, encoding="utf-8", errors="surrogateescape") as file:
            return list(mountinfo.mounts(file.read()))
    except OSError:  # a chroot
        return []


def fixed(full: str) -> bool:
    """Say whether something has the attribute `i` or `a` of chattr: it cannot be renamed, nor what is in it."""
    import fcntl

    flags = bytearray(8)
    try:
        if stat.S_IFMT(os.lstat(full).st_mode) not in (stat.S_IFREG, stat.S_IFDIR):  # a device acts when it is opened
            return False
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.ioctl(descriptor, _GETFLAGS, flags)
    except OSError:  # a filesystem without attributes
        return False
    finally:
        os.close(descriptor)
    return bool(int.from_bytes(flags[:4], sys.byteorder) & (_IMMUTABLE | _APPEND))


def _everything(full: str) -> Iterator[tuple[bytes, os.stat_result]]:
    """Yield path and status of everything in a tree; what goes away meanwhile is left out."""
    todo = [os.fsencode(full)]
    device = 0
    while todo:
        path = todo.pop()
        try:
            status = os.lstat(path)
            device = device or status.st_dev
            if status.st_dev != device:
                continue
            if stat.S_ISDIR(status.st_mode):
                todo += [entry.path for entry in os.scandir(path)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield path, status
