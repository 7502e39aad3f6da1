"""A shared root that is only pretended to change: a dry run plans each change on what the one before would leave."""

from __future__ import annotations

from osr_boot.cdsl.disk import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

REAL, GONE = "real", ""


class Pretended(Disk):
    """A disk that remembers what was done to it. What was copied or moved is looked for where it really lies.

    Inside of what is compared or walked as a whole, the real tree counts: pretended changes deep in it are not seen.
    """

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self._known: dict[str, tuple[str, str]] = {}
        """path to what is there: (REAL, path on the disk), a kind of Disk.kind with what it holds, or GONE"""
        self._unmounted: set[str] = set()

    def full(self, path: str) -> str:
        """See Disk.full: of what a path really is."""
        kind, held = self._find(path)
        return super().full(held if kind == REAL else path)

    def mounts(self) -> list[tuple[str, str, str]]:
        """See Disk.mounts."""
        return [one for one in super().mounts() if one[2] not in self._unmounted]

    def unmount(self, full: str, path: str) -> None:
        """Take away what is bound over an empty place of the root; `full` is what mounts call it."""
        self._unmounted.add(full)
        kind = self.kind(path)
        self.remove(path)
        self._known[path] = (kind, "")

    def exists(self, path: str) -> bool:
        """See Disk.exists."""
        return self.kind(path) != ""

    def kind(self, path: str) -> str:
        """See Disk.kind."""
        kind, _ = self._find(path)
        return super().kind(path) if kind == REAL else kind

    def read(self, path: str) -> str:
        """See Disk.read."""
        kind, held = self._find(path)
        return super().read(path) if kind == REAL else held if kind == "file" else ""

    def says(self, path: str) -> str:
        """See Disk.says."""
        kind, held = self._find(path)
        return super().says(path) if kind == REAL else held if kind == "link" else ""

    def names(self, path: str) -> tuple[str, ...]:
        """See Disk.names."""
        found = set(super().names(path) if self._find(path)[0] == REAL else ())
        for known, (kind, _) in self._known.items():
            above, _, name = known.rpartition("/")
            if above == path:
                (found.discard if kind == GONE else found.add)(name)
        return tuple(sorted(found))

    def empty(self, path: str) -> bool:
        """See Disk.empty."""
        kind, held = self._find(path)
        return (
            not (self.names(path) if self.kind(path) == "directory" else held) if kind != REAL else super().empty(path)
        )

    def fixed(self, path: str) -> bool:
        """See Disk.fixed."""
        return self._find(path)[0] == REAL and super().fixed(path)

    def device(self, path: str) -> int:
        """See Disk.device."""
        return super().device(path if self._find(path)[0] == REAL else "")

    def leaving_links(self, path: str) -> tuple[tuple[str, str], ...]:
        """See Disk.leaving_links; nothing is in what is only pretended."""
        if self._find(path)[0] != REAL:
            return ()
        return tuple(
            (below, says) for below, says in super().leaving_links(path) if self.says(f"{path}/{below}") == says
        )

    def mkdir(self, path: str, like: str = "") -> None:
        """See Disk.mkdir."""
        self._known[path] = ("directory", "")

    def point(self, path: str, like: str) -> None:
        """See Disk.point."""
        self._known[path] = ("directory" if self.kind(like) == "directory" else "file", "")

    def text(self, path: str, like: str, text: str) -> None:
        """See Disk.text."""
        self._known[path] = ("file", text)

    def key(self, kind: str, path: str) -> None:
        """See Disk.key."""
        self._known.update(dict.fromkeys((path, f"{path}.pub"), ("file", f"a new {kind} key")))

    def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """See Disk.copy."""
        for source, target in pairs:
            below = {known: held for known, held in self._known.items() if known.startswith(f"{source}/")}
            self._known[target] = self._find(source)
            self._known.update({target + known[len(source) :]: held for known, held in below.items()})

    def symlink(self, says: str, path: str) -> None:
        """See Disk.symlink."""
        self._known[path] = ("link", says)

    def rename(self, source: str, path: str) -> None:
        """See Disk.rename."""
        self.copy([(source, path)])
        self.remove(source)

    def replace(self, source: str, path: str) -> None:
        """See Disk.replace."""
        self.rename(source, path)

    def remove(self, path: str) -> None:
        """See Disk.remove."""
        self._known = {known: held for known, held in self._known.items() if not known.startswith(f"{path}/")}
        self._known[path] = (GONE, "")

    def rmdir(self, path: str) -> None:
        """See Disk.rmdir."""
        if not self.names(path):
            self.remove(path)

    def write(self, path: str, text: str) -> None:
        """See Disk.write."""
        self._known[path] = ("file", text)

    def sync(self) -> None:
        """See Disk.sync."""

    def _find(self, path: str) -> tuple[str, str]:
        """Return what is at a path, as `_known` has it."""
        above = path
        while above and above not in self._known:
            above = above.rpartition("/")[0]
        if not above:
            return REAL, path
        kind, held = self._known[above]
        if above == path:
            return kind, held
        return (REAL, held + path[len(above) :]) if kind == REAL else (GONE, "")
