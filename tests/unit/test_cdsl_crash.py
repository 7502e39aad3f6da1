"""A change that stops at any step: after recovery the tree is exactly as before, or exactly as after.

Every step that changes the disk is counted, and the process is ended before it, and in the middle of it where it has
one: for every command, for every step, and once more for every step of the recovery.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from osr_boot.cdsl import identity, planning, upkeep
from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import JOURNAL, Change
from osr_boot.cdsl.check import faults
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, Cdsl
from osr_boot.cdsl.perform import perform, recover
from osr_boot.errors import OsrError
from osr_boot.model import Cluster

pytestmark = pytest.mark.programs  # cp

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
        method = super().__getattribute__(name) if name != "key" else self._same_key

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

    def _same_key(self, kind: str, path: str) -> None:
        """Stand for ssh-keygen, which makes another key each time."""
        for name in (path, f"{path}.pub"):
            Path(self.full(name)).write_text(kind)

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


def tree(root: str) -> dict[str, str]:
    """Return everything below a directory: path to kind, mode and content."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            mode = oct(os.lstat(path).st_mode)
            if os.path.islink(path):
                held = f"-> {os.readlink(path)}"
            else:
                held = Path(path).read_text() if os.path.isfile(path) else ""
            found[os.path.relpath(path, root)] = f"{mode} {held}"
    return found


def new_root(root: Path, *, trees: bool = True) -> None:
    """Make a root with content, and two nodes with their trees."""
    for path, text in {
        "var/log/messages": "one\ntwo\n",
        "var/lib/dpkg/status": "installed\n",
        "etc/sysconfig/network": "HOSTNAME=x\n",
        "etc/fstab": "none\n",
        "usr/bin/true": "#!/bin/sh\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "var/run").symlink_to("../run")
    (root / "var/log").chmod(0o750)
    (root / "var/odd \n name").write_text("odd")
    if trees:
        perform(planning.init(Inventory(nodes=("1", "2")), Disk(str(root))), Disk(str(root)))


def read(disk: Disk) -> Inventory:
    return inventories.loads(disk.read(inventories.PATH))


def create(path: str, kind: str = HOSTDEPENDENT, *, style: str = LINK, **options: Any) -> Callable[[Disk], Change]:
    return lambda disk: planning.create(read(disk), disk, Cdsl(path, kind, style), current="1", **options)


def remove(path: str, keep: str = "1") -> Callable[[Disk], Change]:
    return lambda disk: planning.remove(read(disk), disk, path, keep=keep)


def differ(disk: Disk) -> None:
    """Node 2's copy of /var/lib is another one."""
    Path(disk.full("cluster/cdsl/2/var/lib/dpkg/status")).write_text("node 2\n")


def lost(disk: Disk) -> None:
    """No copy of /etc/fstab is left."""
    for name in ("1", "2", "default"):
        os.unlink(disk.full(f"cluster/cdsl/{name}/etc/fstab"))


def pair(disk: Disk) -> None:
    """A key and its public half."""
    for name in ("etc/host_rsa_key", "etc/host_rsa_key.pub"):
        Path(disk.full(name)).write_text("the same\n")


def without_anything(disk: Disk) -> None:
    """No link to it either."""
    lost(disk)
    os.unlink(disk.full("etc/fstab"))


def given_up(disk: Disk) -> None:
    """The inventory is not there any more."""
    os.unlink(disk.full(inventories.PATH))


def remove_node(name: str, *, delete: bool) -> Callable[[Disk], Change]:
    return lambda disk: upkeep.remove_node(read(disk), disk, name, delete=delete)


def fill(path: str, begins: str) -> Callable[[Disk], Change]:
    """Node 1 keeps what all have."""
    known = identity.hosts(Cluster("alpha", 1), ("1", "2"))
    return lambda disk: filled(identity.fill(read(disk), disk, identity.Item(path, begins), known, "1"))


def filled(change: Change | None) -> Change:
    assert change
    return change


def mending(words: str) -> Callable[[Disk], Change]:
    """What mends the first fault with these words."""

    def mend(disk: Disk) -> Change:
        found = (fault.change for fault in faults(read(disk), disk, walk=True) if words in fault.message)
        return next(change for change in found if change)

    return mend


def unregistered(disk: Disk) -> None:
    """The inventory is one of before /etc/fstab was made host-dependent."""
    Path(disk.full(inventories.PATH)).write_text(inventories.dumps(read(disk).without("etc/fstab")))


def led_astray(disk: Disk) -> None:
    """A program on node 1 has made a link that was right before /var lay elsewhere."""
    Path(disk.full("cluster/cdsl/1/var/log/fstab")).symlink_to("../../etc/fstab")


HOSTS = create("etc/sysconfig/network")
VAR, LIB, DPKG = create("var"), create("var/lib", SHARED), create("var/lib/dpkg")
COMMANDS: dict[str, tuple[list[Callable[[Disk], Any]], Callable[[Disk], Change]]] = {
    "init": ([], lambda disk: planning.init(Inventory(nodes=("1", "2")), disk)),
    "create host-dependent directory": ([], VAR),
    "create host-dependent file": ([], create("etc/sysconfig/network")),
    "create shared in host-dependent": ([VAR], LIB),
    "create host-dependent in shared in host-dependent": ([VAR, LIB], DPKG),
    "create shared four deep": ([VAR, LIB, DPKG], create("var/lib/dpkg/status", SHARED)),
    "create shared with backup": ([VAR, differ], create("var/lib", SHARED, backup=True)),
    "create shared by force": ([VAR, differ], create("var/lib", SHARED, force=True)),
    "remove host-dependent": ([VAR], remove("var")),
    "remove host-dependent, keeping node 2's": ([VAR, differ], remove("var", "2")),
    "remove host-dependent file": ([create("etc/sysconfig/network")], remove("etc/sysconfig/network")),
    "remove shared": ([VAR, LIB], remove("var/lib")),
    "remove host-dependent in shared": ([VAR, LIB, DPKG], remove("var/lib/dpkg")),
    "create in bind style": ([], create("var", style=BIND)),
    "create a file in bind style": ([], create("etc/fstab", style=BIND)),
    "create shared in bind style": ([create("var", style=BIND)], create("var/lib", SHARED, style=BIND)),
    "remove in bind style": ([create("var", style=BIND)], remove("var")),
    "add node": ([VAR], lambda disk: planning.add_node(read(disk), disk, "3")),
    "remove without copies": (
        [VAR, differ], lambda disk: upkeep.without_copies(remove("var")(disk), read(disk), "var")),
    "forget": ([create("etc/fstab"), lost], lambda disk: upkeep.forget(read(disk), disk, "etc/fstab")),
    "register a link again": ([create("etc/fstab"), unregistered], mending("is no CDSL of the inventory")),
    "make a link absolute": ([VAR, led_astray], mending("leads out of /var")),
    "strike out an entry": ([create("etc/fstab"), without_anything], mending("neither a link nor a copy")),
    "remove node": ([VAR, LIB], remove_node("2", delete=False)),
    "remove node and its tree": ([VAR, LIB], remove_node("2", delete=True)),
    "set a directory": ([], lambda disk: upkeep.setting(read(disk), disk, "tree", "nodes/trees")),
    "migrate": ([VAR, given_up], lambda disk: upkeep.migrate(
        disk, Inventory(nodes=("1", "2"), cdsls=(Cdsl("var", HOSTDEPENDENT),)), "old.xml")),
    "identity, a text": ([HOSTS], fill("etc/sysconfig/network", "machine id")),
    "identity, a directory": ([VAR], fill("var/log", identity.EMPTY)),
    "identity, a key": ([pair, create("etc/host_rsa_key"), create("etc/host_rsa_key.pub")],
                        fill("etc/host_rsa_key", identity.KEY)),
    "identity, what is not there yet": ([], lambda disk: filled(identity._make(
        read(disk), disk, identity.Item("etc/machine-id", "machine id", "0444")))),
    "give up": ([], lambda disk: upkeep.delete(read(disk), disk)),
}  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where there is one: thousands of changes are made, and each waits for the disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture(params=COMMANDS)
def case(request: pytest.FixtureRequest, directory: Path) -> tuple[Path, Callable[[Disk], Change]]:
    """A root before the command, and the command."""
    before, command = COMMANDS[request.param]
    root = directory / "before"
    root.mkdir()
    new_root(root, trees=request.param != "init")
    disk = Disk(str(root))
    for step in before:
        change = step(disk)
        if change:
            perform(change, disk)
    return root, command


def copy_of(root: Path, name: str) -> str:
    to = root.parent / name
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root, to, symlinks=True)
    return str(to)


def test_a_command_that_stops_anywhere_is_finished_or_undone(case: tuple[Path, Callable[[Disk], Change]]) -> None:
    root, command = case
    before = tree(str(root))
    done = Mortal(copy_of(root, "after"))
    perform(command(done), done)
    after, steps = tree(str(root.parent / "after")), done.steps
    assert before != after
    assert steps >= 7
    seen = {"before": 0, "after": 0}
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
            # The recovery may be stopped as well, at each of its steps.
            for stop in range(1, counting.steps + 1):
                again = copy_of(Path(stopped), "again")
                with pytest.raises(Killed):
                    recover(Mortal(again, stop, middle=middle))
                recover(Disk(again))
                assert tree(again) == now, f"step {stop} of the recovery from step {last}"
    assert all(seen.values()), seen


@pytest.mark.parametrize("error", [28, 5, 30, 122], ids=["ENOSPC", "EIO", "EROFS", "EDQUOT"])
def test_an_error_at_any_step(case: tuple[Path, Callable[[Disk], Change]], error: int) -> None:
    root, command = case
    before = tree(str(root))
    done = Mortal(copy_of(root, "after"))
    perform(command(done), done)
    after = tree(str(root.parent / "after"))
    for last in range(1, done.steps + 1):
        here = copy_of(root, "here")
        disk = Mortal(here, last, error=error)
        with pytest.raises(OSError, match="Errno"):
            perform(command(disk), disk)
        recover(Disk(here))
        assert tree(here) in (before, after)


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
