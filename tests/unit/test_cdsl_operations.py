"""A change that is stopped at any operation which changes the filesystem: the tree is as before it, or as after it.

`python3 -m tests.unit.test_cdsl_operations` prints what each change has, and stops the recovery as well.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from osr_boot.cdsl.change import Change
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.perform import perform, recover
from tests.unit.cdsl_changes import COMMANDS, copy_of, prepared, same_key, tree
from tests.unit.operations import FAILED, KILLED, Stop, run

pytestmark = pytest.mark.programs  # cp

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
LASTING = (errno.EIO, errno.EROFS)
"""what fails once fails from there on"""
HEAD = """\
Written by `make stops`. A change that is stopped anywhere leaves a tree as before it, or as after it:

`operations` change the filesystem; a program that is started is one. `killed`: by SIGKILL before each, and after each
file was opened. `failed`: there with each of ENOSPC, EDQUOT, and EIO and EROFS, which last. All were then recovered,
and the tree was exactly as before the change (`undone`) or as after it (`finished`). `states`: different trees that a
kill left behind; their recovery was killed at every operation of its own as well (`in recovery`), and recovered.

| change | operations | killed: undone | finished | failed: undone | finished | states | in recovery |
|---|---|---|---|---|---|---|---|"""


class Case:
    """A change on a root of its own, which is stopped again and again."""

    def __init__(self, name: str, directory: Path) -> None:
        self._root = directory / "before"
        self._here = directory / "here"
        self._plan: Callable[[Disk], Change] = prepared(name, self._root)
        self.before = tree(str(self._root))
        status, self.operations = self.run()
        assert status == 0
        self.after = tree(str(self._here))
        assert self.before != self.after

    def run(self, stop: Stop | None = None) -> tuple[int, list[str]]:
        """Carry out the change on a fresh root."""
        here = copy_of(self._root, self._here.name)

        def act() -> None:
            disk = Disk(here)
            perform(self._plan(disk), disk)

        return run(act, here, stop)

    def killed(self) -> Iterator[dict[str, str]]:
        """Kill it at each place; yield what is there."""
        for stop in places(self.operations):
            assert self.run(stop)[0] == KILLED, stop
            yield tree(str(self._here))

    def failed(self, errors: Callable[[int], Sequence[int]]) -> Iterator[dict[str, str]]:
        """Let it fail at each place with the errors of that place, a lasting one from there on; yield what is there."""
        for stop in places(self.operations):
            for error in errors(stop.number):
                assert self.run(stop._replace(error=error, lasting=error in LASTING))[0] == FAILED, (stop, error)
                yield tree(str(self._here))

    def recovered(self) -> str:
        """Recover as the next command does; return `undone` or `finished`, and nothing else will do."""
        recover(Disk(str(self._here)))
        return self.ended()

    def ended(self) -> str:
        """Return `undone` or `finished`: what is there is exactly what was before the change, or what is after it."""
        assert recover(Disk(str(self._here))) == ""
        now = tree(str(self._here))
        assert now in (self.before, self.after)
        return "undone" if now == self.before else "finished"

    def recoveries_killed(self) -> int:
        """Kill the recovery of what is there at each of its places, and recover; return how many places they were."""
        stopped = self._here.rename(self._here.with_name("stopped"))

        def stop_at(stop: Stop | None) -> tuple[int, list[str]]:
            here = copy_of(stopped, self._here.name)
            return run(lambda: recover(Disk(here)), here, stop)

        status, operations = stop_at(None)
        assert status == 0
        ended = self.ended()
        stops = list(places(operations))
        for stop in stops:
            assert stop_at(stop)[0] == KILLED, stop
            assert self.recovered() == ended, stop
        shutil.rmtree(stopped)
        return len(stops)


def places(operations: Sequence[str]) -> Iterator[Stop]:
    """Yield every place to stop at: before each operation, and after a file was opened."""
    for number, name in enumerate(operations, start=1):
        yield Stop(number)
        if name == "open":
            yield Stop(number, begun=True)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where there is one: thousands of changes are made, and each waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir=memory() or tmp_path) as name:
        yield Path(name)


def memory() -> str | None:
    """Return a directory in memory, if there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture(params=COMMANDS)
def case(request: pytest.FixtureRequest, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setattr(Disk, "key", same_key)
    return Case(request.param, directory)


def test_killed_at_every_operation(case: Case) -> None:
    assert {"open", "fsync", "syncfs", "rename", "remove"} <= set(case.operations)
    ends = Counter(case.recovered() for _ in case.killed())
    assert set(ends) == {"undone", "finished"}
    assert sum(ends.values()) == len(list(places(case.operations))) > len(case.operations)


def test_an_error_at_every_operation(case: Case) -> None:
    """One error each, in turn: a quarter of the time, and `make stops` has all four."""
    ends = Counter(case.recovered() for _ in case.failed(lambda number: ERRORS[number % 4 :][:1]))
    assert set(ends) == {"undone", "finished"}


def row(name: str, directory: Path) -> str:
    """Return the line of a table for a change: what it has, and how it ended when it was stopped there."""
    case = Case(name, directory)
    killed, failed = (
        Counter(case.recovered() for _ in stopped) for stopped in (case.killed(), case.failed(lambda _: ERRORS))
    )
    states: set[str] = set()
    in_recovery = 0
    for there in case.killed():
        if (state := json.dumps(there, sort_keys=True)) not in states:
            states.add(state)
            in_recovery += case.recoveries_killed()
    ends = (counts[end] for counts in (killed, failed) for end in ("undone", "finished"))
    return f"| {' | '.join(map(str, (name, len(case.operations), *ends, len(states), in_recovery)))} |"


def main() -> None:
    """Print the table, and write it where --table says."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.unit.test_cdsl_operations", description=__doc__)
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the table to a file as well")
    table = parser.parse_args().table
    Disk.key = same_key  # type: ignore[assignment]
    lines = ["# Changes that are stopped", "", *HEAD.split("\n")]
    print(*lines, sep="\n", flush=True)
    for name in COMMANDS:
        with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir=memory()) as directory:
            lines.append(row(name, Path(directory)))
        print(lines[-1], flush=True)
    if table:
        table.write_text("\n".join((*lines, "")))


if __name__ == "__main__":
    main()
