"""Changes and whole commands, stopped at every operation that changes the filesystem: all or nothing of each change.

`make stops` takes every error at every operation, and the recovery too, and writes what it has seen as a table.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import pytest

from osr_boot.cdsl import session
from osr_boot.cdsl.change import Change
from osr_boot.cdsl.check import faults
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.perform import perform
from osr_boot.errors import OsrError
from tests.unit.cdsl_changes import CHANGES, copy_of, new_root, prepared, same_key, tree
from tests.unit.command import GOOD, cdsl, osr
from tests.unit.stopped import BETWEEN, ERRORS, FINISHED, UNDONE, Stopped, places
from tests.unit.test_cdsl_inventory import OLD_1

pytestmark = pytest.mark.programs  # cp

INIT, VAR, FSTAB = "osr init --nodes 2", "osr create -a /var -s /var/lib", "osr create -a /etc/fstab"
# What is typed, one after the other: the last command is stopped. ROOT is where the root is.
COMMANDS: tuple[tuple[str, ...], ...] = (
    (INIT,),
    (INIT, VAR),
    (INIT, "osr create --style bind -a /var -a /etc/fstab"),
    (INIT, "osr create -a /etc/sysconfig/network 1 -a /etc/fstab 2"),
    (INIT, VAR, FSTAB, "osr remove -R /var /etc/fstab --from 2"),
    (INIT, FSTAB, "osr remove --force --delete /etc/fstab"),
    (INIT, VAR, "osr node-add 3"),
    (INIT, VAR, "osr node-remove 2 --delete"),
    (INIT, "osr identity --node 1"),
    (INIT, "osr set cdsltree /trees"),
    (INIT, VAR, FSTAB, "spoil", "osr check --repair --node 1"),
    (INIT, VAR, "osr migrate --force --source ROOT/old.xml"),
    (INIT, "osr init --delete"),
    ("com-mkcdslinfrastructure -q",),
    ("com-mkcdslinfrastructure -q", "com-mkcdsl -a /var -s /var/lib"),
    (INIT, VAR, FSTAB, "com-rmcdsl -R /var /etc/fstab"),
    (INIT, VAR, FSTAB, "spoil", "com-cdslinvchk -U -f"),
    (INIT, VAR, "com-cdslinvadm addnode 3"),
)
HEAD = """\
# Changes that are stopped

Written by `make stops`. What is stopped anywhere leaves a tree as before it, or as after it:

`operations` change the filesystem; a program that is started is one. `killed`: by SIGKILL before each, and after each
file was opened. `failed`: there with each of ENOSPC, EDQUOT, and EIO and EROFS, which last. All were then recovered,
and the tree was exactly as before (`undone`) or as after (`finished`); of a command that makes several changes, also as
between two of them. `states`: different trees that a kill left behind; their recovery was killed at every operation of
its own as well (`in recovery`), and recovered."""
COLUMNS = """
| {} | operations | killed: undone | between | finished | failed: undone | between | finished | states | in recovery |
|---|---|---|---|---|---|---|---|---|---|"""


def change(name: str, directory: Path) -> Stopped:
    """Return one change by itself."""
    plan = prepared(name, directory / "before")

    def act(here: str) -> None:
        disk = Disk(here)
        perform(plan(disk), disk)

    return Stopped(directory / "before", act)


def command(lines: tuple[str, ...], directory: Path) -> Stopped:
    """Return a whole command, as it is typed: with its lock, and all its changes."""
    root = directory / "before"
    root.mkdir()
    new_root(root, trees=False)
    (root / "etc/cluster").mkdir()
    shutil.copy(GOOD, root / "etc/cluster/cluster.conf")
    (root / "old.xml").write_text(OLD_1)
    for line in lines[:-1]:
        typed(str(root), line)
    between: list[dict[str, str]] = []

    def seen(change: Change, disk: Disk) -> None:
        perform(change, disk)
        between.append(tree(str(directory / "here")))

    with mock.patch.object(session, "perform", seen):
        here = copy_of(root, "here")
        typed(here, lines[-1])
    assert between
    disk = Disk(here)
    assert not list(faults(session.read(disk, needed=False), disk, walk=True))
    return Stopped(root, lambda here: typed(here, lines[-1]), between[:-1])


def typed(root: str, line: str) -> None:
    """Run a command on a root. Raises OsrError if it fails."""
    program, *words = line.replace("ROOT", root).split()
    if program == "spoil":
        os.unlink(f"{root}/var")
        os.unlink(f"{root}/cluster/cdsl/2/var/lib")
        return
    said = cdsl(Path(root), *words) if program == "osr" else osr("-r", root, *words, program=program)
    if said.status:
        raise OsrError(said.err)


@contextlib.contextmanager
def always_the_same() -> Iterator[None]:
    """Let a command do the same each time it is typed: keys, the time of day; and let anybody type it."""
    with mock.patch.object(Disk, "key", same_key), mock.patch.object(session, "now", return_value=1.7e9):
        with mock.patch.object(os, "geteuid", return_value=0):
            yield


def memory() -> str | None:
    """Return a directory in memory, if there is one: thousands of changes are made, and each waits for the disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir=memory() or tmp_path) as name, always_the_same():
        yield Path(name)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_killed_at_every_operation(name: str, directory: Path) -> None:
    one = change(name, directory)
    assert {"open", "fsync", "syncfs", "rename", "remove"} <= set(one.operations)
    ends = Counter(one.recovered() for _ in one.killed())
    assert set(ends) == {UNDONE, FINISHED}
    assert sum(ends.values()) == len(list(places(one.operations))) > len(one.operations)


@pytest.mark.parametrize("name", CHANGES)
def test_an_error_at_every_operation_of_a_change(name: str, directory: Path) -> None:
    """One error each, in turn: a quarter of the time, and `make stops` has all four."""
    one = change(name, directory)
    ends = Counter(one.recovered() for _ in one.failed(lambda number: ERRORS[number % 4 :][:1]))
    assert set(ends) == {UNDONE, FINISHED}


@pytest.mark.parametrize("lines", COMMANDS[1:2], ids=lambda lines: lines[-1])
def test_a_command_is_killed_at_every_operation(lines: tuple[str, ...], directory: Path) -> None:
    """One of them: `make stops` has all."""
    one = command(lines, directory)
    assert set(Counter(one.recovered() for _ in one.killed())) == {UNDONE, BETWEEN, FINISHED}


def row(name: str, one: Stopped) -> str:
    """Return a line of the table: how many operations there are, and how it ended when it was stopped there."""
    killed: Counter[str] = Counter()
    states: set[str] = set()
    in_recovery = 0
    for _ in one.killed():
        state = json.dumps(tree(str(one.here)), sort_keys=True)
        if state not in states:
            states.add(state)
            in_recovery += one.recoveries_killed()
        killed[one.recovered()] += 1
    failed = Counter(one.recovered() for _ in one.failed(lambda _: ERRORS))
    ends = [counts[end] for counts in (killed, failed) for end in (UNDONE, BETWEEN, FINISHED)]
    return f"| {' | '.join(map(str, (name, len(one.operations), *ends, len(states), in_recovery)))} |"


def rows() -> Iterator[str]:
    """Yield the lines of the document."""
    yield HEAD
    changes = {name: partial(change, name) for name in CHANGES}
    commands = {f"`{lines[-1].replace('osr ', 'osr cdsl ')}`": partial(command, lines) for lines in COMMANDS}
    for what, makers in {"change": changes, "command": commands}.items():
        yield COLUMNS.format(what)
        for name, make in makers.items():
            with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir=memory()) as directory, always_the_same():
                yield row(name, make(Path(directory)))


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, and write it where --table says."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.unit.test_cdsl_operations", description=__doc__)
    parser.add_argument("--table", metavar="FILE", type=Path, help="write the table to a file as well")
    table = parser.parse_args(words).table
    lines = []
    for line in rows():
        print(line, flush=True)
        lines.append(line)
    if table:
        table.write_text("\n".join((*lines, "")))


if __name__ == "__main__":
    main()
