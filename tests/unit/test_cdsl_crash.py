"""A change that stops at any step: after recovery the tree is exactly as before, or exactly as after.

Every step that changes the disk is counted, and the process is ended before it, and in the middle of it where it has
one: for every command, for every step, and once more for every step of the recovery.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from osr_boot.cdsl.change import JOURNAL, Change
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.layout import SHARED
from osr_boot.cdsl.perform import perform, recover
from osr_boot.errors import OsrError
from tests.unit.cdsl_changes import CHANGES, VAR, copy_of, create, differ, new_root, prepared, same_key, tree

pytestmark = pytest.mark.programs  # cp


def relative_links(disk: Disk) -> None:
    """Paths that are relative links themselves."""
    os.symlink("../run/resolv.conf", disk.full("etc/resolv.conf"))
    os.symlink("log/messages", disk.full("var/M"))


# Beside those that every operation of is stopped: their steps are of other kinds than any before.
LINKS: dict[str, tuple[list[Callable[[Disk], Any]], Callable[[Disk], Change]]] = {
    "create host-dependent relative link": ([relative_links], create("etc/resolv.conf")),
    "create shared relative link": ([relative_links, VAR], create("var/M", SHARED)),
}
STEPS = ("mkdir", "point", "text", "key", "symlink", "rename", "replace", "remove", "rmdir", "write", "sync", "copy")


class Killed(BaseException):
    """The process has ended."""


class Mortal(Disk):
    """A disk at whose step number `last` the process ends, or an error comes: before the step, or in its middle."""

    def __init__(self, root: str, last: int = 0, *, middle: bool = False, error: int = 0) -> None:
        super().__init__(root)
        self.steps = 0
        self._last = last
        self._middle = middle
        self._error = error

    def __getattribute__(self, name: str) -> Any:
        if name not in STEPS:
            return super().__getattribute__(name)
        method = super().__getattribute__(name) if name != "key" else partial(same_key, self)

        def step(*words: Any) -> None:
            self.steps += 1
            if self.steps != self._last:
                method(*words)
                return
            if self._middle:
                self._half(name, *words)
            if self._error:
                self._last = 0
                raise OSError(self._error, os.strerror(self._error))
            raise Killed

        return step

    def _half(self, name: str, *words: Any) -> None:
        """Do half of a step, as far as it has halves."""
        if name in ("text", "key"):
            Path(self.full(words[0] if name == "text" else words[1])).write_text("half")
        elif name == "copy":
            pairs: Sequence[tuple[str, str]] = words[0]
            for source, target in pairs[: len(pairs) // 2 + 1]:
                if os.path.isdir(self.full(source)):
                    os.mkdir(self.full(target))
                    Path(self.full(target), "half").write_text("of a file")
                else:
                    Path(self.full(target)).write_text("half")
        elif name == "write":
            Path(self.full(f"{words[0]}.new")).write_text(words[1][: len(words[1]) // 2])
        elif name == "remove" and self.kind(words[0]) == "directory":
            for entry in list(os.scandir(self.full(words[0])))[:1]:
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where there is one: thousands of changes are made, and each waits for the disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture(params=(*CHANGES, *LINKS))
def case(
    request: pytest.FixtureRequest, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Callable[[Disk], Change]]:
    """A root before the command, and the command."""
    root = directory / "before"
    if request.param in LINKS:
        monkeypatch.setitem(CHANGES, request.param, LINKS[request.param])
    return root, prepared(request.param, root)


def test_a_command_that_stops_anywhere_is_finished_or_undone(case: tuple[Path, Callable[[Disk], Change]]) -> None:
    root, command = case
    before = tree(str(root))
    done = Mortal(copy_of(root, "after"))
    perform(command(done), done)
    after, steps = tree(str(root.parent / "after")), done.steps
    assert before != after
    assert steps >= 7
    seen = {"before": 0, "after": 0}
    left: list[dict[str, str]] = []
    for last in range(1, steps + 1):
        for middle in (False, True):
            here = copy_of(root, "here")
            disk = Mortal(here, last, middle=middle)
            with pytest.raises(Killed):
                perform(command(disk), disk)
            stopped = copy_of(Path(here), "stopped")
            counting = Mortal(here)
            recover(counting)
            now = tree(here)
            assert now in (before, after), f"step {last} of {steps}"
            seen["before" if now == before else "after"] += 1
            assert recover(Disk(here)) == ""
            assert JOURNAL not in now
            if tree(stopped) in left:
                continue
            left.append(tree(stopped))
            # The recovery may be stopped as well, at each of its steps.
            for stop in range(1, counting.steps + 1):
                again = copy_of(Path(stopped), "again")
                with pytest.raises(Killed):
                    recover(Mortal(again, stop, middle=middle))
                recover(Disk(again))
                assert tree(again) == now, f"step {stop} of the recovery from step {last}"
    assert all(seen.values()), seen


def test_no_content_is_lost_by_force_or_backup(tmp_path: Path) -> None:
    new_root(tmp_path)
    disk = Disk(str(tmp_path))
    perform(VAR(disk), disk)
    differ(disk)
    with pytest.raises(OsrError, match="differs between the nodes 1 and 2: dpkg/status"):
        create("var/lib", SHARED)(disk)
    perform(create("var/lib", SHARED, backup=True)(disk), disk)
    assert (tmp_path / "cluster/cdsl/2/var/lib.orig/dpkg/status").read_text() == "node 2\n"
    assert (tmp_path / "cluster/shared/var/lib/dpkg/status").read_text() == "installed\n"
