"""A shared root on disk: what the CDSL tools read of it and change in it; trees.py and copying.py have its whole trees.

What is only prepared or put away, under a name of its own, leaves no trace in the times of the directory around it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence

from osr_boot.cdsl import copying, trees
from osr_boot.cdsl.change import NEW, OLD
from osr_boot.cdsl.paths import climbs
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.linux import Linux


class Disk:
    """A shared root below the directory `root`. Paths are relative to it. Every method that changes is one step.

    `shown` says that a person waits at a terminal: long copying tells how far it is.
    """

    prefix = ""
    """where nodes see this filesystem, if it is not their root: `srv`, without slashes at its ends"""

    def __init__(self, root: str, *, shown: bool = False) -> None:
        self._root = root.rstrip("/") or "/"
        self._shown = shown
        self._asked: set[str] = set()

    def full(self, path: str) -> str:
        """Return where a path lies on this machine, having asked for what lies beside it."""
        full = os.path.join(self._root, path) if path else self._root
        self._ask(os.path.dirname(full) if path else full)
        return full

    def _ask(self, directory: str) -> None:
        """Open a directory once, the outer ones before: then an NFS client asks its server what is in it.

        Of names that it knows, and of those that were not there, it believes for half a minute that this is so still,
        whatever another node has done since. source: man nfs, "acdirmin" and "close-to-open cache consistency".
        """
        todo = []
        while directory not in self._asked:
            self._asked.add(directory)
            todo.append(directory)
            if directory != self._root:
                directory = os.path.dirname(directory)
        for above in reversed(todo):
            with contextlib.suppress(OSError):  # whoever looks into it will say so
                os.close(os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    # --- looking

    def real(self, path: str) -> str:
        """Return where a path lies on this machine, whatever links the root itself is reached by."""
        above, name = os.path.split(self.full(path))
        return os.path.join(os.path.realpath(above), name)

    def mounts(self) -> list[tuple[str, str, str]]:
        """Return (device, what of its filesystem, where) of everything mounted on this machine."""
        return trees.mounted()

    def fixed(self, path: str) -> bool:
        """Say whether something has an attribute that forbids to give it another name."""
        return trees.fixed(self.full(path))

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

    def same(self, one: str, other: str) -> bool:
        """Say whether two paths are one and the same thing: one is bound over the other, on this machine."""
        try:
            return os.path.samestat(os.lstat(self.full(one)), os.lstat(self.full(other)))
        except FileNotFoundError:
            return False

    def alike(self, one: str, other: str) -> bool:
        """Say whether two trees are copies of each other, by names, sizes and times alone."""
        first, second = (trees.outline(self.full(path)) for path in (one, other))
        return first == second

    def device(self, path: str) -> int:
        """Return the number of the filesystem that something lies on."""
        return os.lstat(self.full(path)).st_dev

    def difference(self, one: str, other: str) -> str:
        """Return in words the first thing in which two trees differ; nothing if they are alike."""
        first, second = (trees.content(self.full(path)) for path in (one, other))
        for name in sorted({*first, *second}):
            one_has, other_has = first.get(name), second.get(name)
            if one_has != other_has:
                shown = os.fsdecode(name) or "itself"
                if not one_has or not other_has:
                    return f"{shown} is only in one"
                return f"{shown}, in its extended attributes" if one_has[:-1] == other_has[:-1] else shown
        return ""

    def leaving_links(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return (path below, what it says) of every relative link in a tree that leads out of it, sorted.

        What is mounted in the tree is not of it, also where it is of the same filesystem.
        """
        begin = f"{self.real(path)}/"
        others = {where[len(begin) :] for where, _ in trees.mounts() if where.startswith(begin)}
        found = trees.walk(self.full(path), lambda below: below not in others)
        links = ((below, says) for below, kind, says in found if kind == "link" and not says.startswith("/"))
        return tuple(sorted((below, says) for below, says in links if climbs(below, says)))

    def walk(self, enter: Callable[[str], bool]) -> Iterator[tuple[str, str, str]]:
        """Yield (path, kind, what it says) of what can be read on the root's filesystem, in directories entered."""
        return trees.walk(self._root, enter)

    # --- changing

    def mkdir(self, path: str, like: str = "") -> None:
        """Make a directory, with owner, mode, times and attributes of another one."""
        with self._unseen(path):
            os.mkdir(self.full(path), 0o755)
        if like:
            self._as(path, like)

    def point(self, path: str, like: str) -> None:
        """Make an empty directory, or an empty file, with owner, mode, times and attributes of what it is like."""
        if self.kind(like) == "directory":
            self.mkdir(path, like)
            return
        with self._unseen(path):
            os.close(os.open(self.full(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._as(path, like)

    def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy what is at each first path to its second, where nothing is. Raises OsrError."""
        with contextlib.ExitStack() as stack:
            for _, path in pairs:
                stack.enter_context(self._unseen(path))
            copying.copy(pairs, self.full, shown=self._shown)

    def text(self, path: str, like: str, text: str) -> None:
        """Write a small file where nothing is, like another one, or with an octal mode."""
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL
        with self._unseen(path):
            descriptor = os.open(self.full(path), flags, int(like, 8) if like.isdigit() else 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if not like.isdigit():
            self._as(path, like)
            os.utime(self.full(path))  # it is as old as what is in it

    def key(self, kind: str, path: str) -> None:
        """Make an SSH host key, and NAME.pub beside it. Raises OsrError."""
        argv = ["ssh-keygen", "-q", "-N", "", "-C", "", "-t", kind, "-f", self.full(path)]
        try:
            Linux().run(argv, timeout=600)
        except CommandFailed as error:
            hint = error.hint
            if error.status == 127:
                hint = "install OpenSSH's client on this machine, or let the nodes share their keys: --ssh-keys shared"
            raise OsrError(f"cannot make the key /{path}: {error.message}", hint=hint) from None

    def symlink(self, says: str, path: str) -> None:
        """Make a symbolic link; one that is prepared for the place of another has its owner, times and attributes."""
        with self._unseen(path):
            os.symlink(says, self.full(path))
        above, _, name = path.rpartition("/")
        like = os.path.join(above, name[len(NEW) :])
        if name.startswith(NEW) and self.kind(like) == "link":
            self._as(path, like)

    def rename(self, source: str, path: str) -> None:
        """Give something another name, which must be free."""
        if self.exists(path):
            raise OsrError(f"/{path} is there already", hint="look what it is, and move it away")
        within = os.path.dirname(source) == os.path.dirname(path)
        with self._unseen(source if within and _marked(source) else path if within else ""):
            os.rename(self.full(source), self.full(path))

    def replace(self, source: str, path: str) -> None:
        """Put a file in the place of another one."""
        os.replace(self.full(source), self.full(path))

    def remove(self, path: str) -> None:
        """Remove something with all that is in it; a link is removed and not followed."""
        with self._unseen(path):
            trees.remove(self.full(path))

    def rmdir(self, path: str) -> None:
        """Remove a directory if it is there and nothing is in it."""
        if self.kind(path) == "directory" and self.empty(path):  # otherwise somebody has put it right already
            try:
                os.rmdir(self.full(path))
            except OSError as error:
                if error.errno != errno.EBUSY:  # it is a mount point: somebody needs it
                    raise

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

    def _as(self, path: str, like: str) -> None:
        """Give something owner, mode, times and attributes of something else, which need not be of its kind."""
        status = os.lstat(self.full(like))
        os.chown(self.full(path), status.st_uid, status.st_gid, follow_symlinks=False)
        shutil.copystat(self.full(like), self.full(path), follow_symlinks=False)

    @contextlib.contextmanager
    def _unseen(self, path: str) -> Iterator[None]:
        """Keep the times of the directory that a path lies in, if it has the name of what is prepared or put away."""
        directory = os.path.dirname(self.full(path))
        before = os.stat(directory) if _marked(path) else None
        yield
        if before:
            os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))

    def sync(self) -> None:
        """Wait until all of this filesystem is on disk: one call, where a call per file would take 0.16 ms each."""
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), self._root)
        finally:
            os.close(descriptor)


def _marked(path: str) -> bool:
    """Say whether a path has the name of what is prepared or put away."""
    return path.rpartition("/")[2].startswith((NEW, OLD))
