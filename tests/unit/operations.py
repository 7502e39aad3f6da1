"""Every operation that changes the filesystem: counted in a process of its own, which is stopped at one of them.

The interpreter announces each to an audit hook before it is done (source: Python's "Audit events table").
What it does not announce, fsync and syncfs, is counted as well. A program that is started is one operation.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from osr_boot.cdsl.disk import Disk
from osr_boot.errors import OsrError

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
CHANGES = {
    f"os.{name}"
    for name in "chmod chown link mkdir remove removexattr rename rmdir setxattr symlink truncate utime".split()
}
KILLED = -signal.SIGKILL
FAILED = 1
"""exit status of an error that the code knows: anything else is a fault of it"""


class Stop(NamedTuple):
    """Where a process ends, and how."""

    number: int
    """of the operation, the first is 1"""
    error: int = 0
    """errno that the operation fails with; 0: the process is killed"""
    begun: bool = False
    """after a file was opened, before anything is written to it"""
    lasting: bool = False
    """every later operation fails as well"""


class _Gate:
    """What the hook of such a process knows."""

    def __init__(self, root: str, stop: Stop | None) -> None:
        self.root = root
        self.stop = stop
        self.seen: list[str] = []
        self.open = True

    def __call__(self, event: str, words: tuple[Any, ...]) -> None:
        """Take an event of the interpreter's."""
        if not self.open:
            return
        if event == "subprocess.Popen":
            self.operation(str(words[1][0]))
        elif event in CHANGES and self.ours(words[0]):
            self.operation(event[3:])
        elif event == "open" and (words[2] or 0) & WRITES and self.ours(words[0]):
            self.operation(event, words[0], words[2])

    def ours(self, path: object) -> bool:
        """Say whether a path is in the root; shutil.rmtree has names without a directory."""
        if isinstance(path, int):  # a file that is open: no operation of its own
            return False
        text = os.fsdecode(str(path))
        return not text.startswith("/") or text.startswith(self.root)

    def operation(self, name: str, path: str = "", flags: int = 0) -> None:
        """Count an operation, and stop here if this is the place."""
        self.seen.append(name)
        stop = self.stop
        if not stop or len(self.seen) < stop.number or (len(self.seen) > stop.number and not stop.lasting):
            return
        self.open = False
        if stop.begun and name == "open" and len(self.seen) == stop.number:
            os.close(os.open(path, flags, 0o600))
        if not stop.error:
            _die()
        self.open = True
        raise OSError(stop.error, os.strerror(stop.error), path or None)


def _die() -> NoReturn:
    """End as by SIGKILL, and not before the programs that this process has started have ended, as they do."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        for word in file.read().split():
            os.kill(int(word), signal.SIGKILL)
            os.waitpid(int(word), 0)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL is not survived")


def run(act: Callable[[], object], root: str, stop: Stop | None = None) -> tuple[int, list[str]]:
    """Act in a process of its own. Returns (exit status, operations), or (-signal, []) if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os._exit(_act(act, _Gate(root, stop), writing))
        finally:
            os._exit(99)
    os.close(writing)
    with open(reading, encoding="ascii") as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), json.loads(said or "[]")


def _act(act: Callable[[], object], gate: _Gate, writing: int) -> int:
    fsync, sync = os.fsync, Disk.sync

    def counted_fsync(descriptor: int) -> None:
        gate.operation("fsync")
        fsync(descriptor)

    def counted_sync(disk: Disk) -> None:
        gate.operation("syncfs")
        sync(disk)

    os.fsync = counted_fsync  # type: ignore[assignment]
    Disk.sync = counted_sync  # type: ignore[assignment,method-assign]
    sys.addaudithook(gate)
    status = 0
    try:
        act()
    except (OsrError, OSError):
        status = FAILED
    except BaseException:
        traceback.print_exc()
        status = 98
    gate.open = False
    os.write(writing, json.dumps(gate.seen).encode())
    return status
