"""Copies of whole trees, made by cp at the same time, and made again where the source has changed meanwhile.

cp keeps owner, mode, times, ACLs, hard links and holes, and makes devices, fifos and sockets. Of extended attributes it
loses silently what it cannot write, unless they are asked for by name (source: coreutils 9.1, copy.c, copy_attr).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from osr_boot.cdsl import trees
from osr_boot.cdsl.progress import Progress
from osr_boot.cdsl.trees import State
from osr_boot.errors import OsrError
from osr_boot.programs import Program, Programs

COPY = ("cp", "--archive", "--preserve=xattr", "--one-file-system", "--reflink=auto", "--no-target-directory", "--")
ATTEMPTS = 3
TOGETHER = 4
"""copies that have ended before their source is looked at"""
SYNC = 64 << 20
"""bytes that have been copied before they are written to disk while copying goes on"""
TICK = 1.0
"""seconds between two looks at how far it is"""
# What cp says when somebody has taken away, or put something else in the place of, what it was about to copy.
_MEANWHILE = (b"No such file or directory", b"Not a directory", b"as it was replaced while being copied")


def copy(pairs: Sequence[tuple[str, str]], full: Callable[[str], str], *, shown: bool) -> None:
    """Copy what is at each first path to its second, where nothing is; `shown` says to tell how far it is.

    `full` gives where a path lies on this machine. However this ends, no copying goes on after it. Raises OsrError.
    """
    states = {source: trees.state(full(source)) for source in dict.fromkeys(source for source, _ in pairs)}
    entries = sum(len(states[source].entries) for source, _ in pairs)
    size = sum(states[source].size for source, _ in pairs)
    todo = [_Copy(source, full(source), full(target)) for source, target in reversed(pairs)]
    running: list[_Copy] = []
    with Progress(", ".join(f"/{source}" for source in states), entries, size, shown=shown) as progress:
        with Programs() as programs:
            sync = _Sync(programs)
            while todo or running or sync.runs:
                while todo and sum(one.program.status is None for one in running) < (os.cpu_count() or 1):
                    running.append(todo.pop())
                    running[-1].start(programs, states[running[-1].source], counted=shown)
                programs.wait(TICK)
                sync.look()
                ended = [one for one in running if one.program.status is not None]
                if _worth_a_look(ended, all_ended=not todo and len(ended) == len(running)):
                    for source in {one.source for one in ended}:
                        # What is seen after one copy is what was there before the next.
                        states[source] = trees.state(full(source))
                    running = [one for one in running if one not in ended]
                    for one in ended:
                        now = states[one.source]
                        if not one.good(now):
                            todo.append(one)
                            continue
                        progress.finished(len(now.entries), now.size)
                        sync.copied(now.size, one.target)
                    sync.start(last=not todo)
                progress.show([one.far() for one in running] if shown else [])


class _Copy:
    """One copy, of what is at `source` in the root; `full` and `target` are paths on this machine."""

    program: Program
    before: State
    """of the source"""

    def __init__(self, source: str, full: str, target: str) -> None:
        self.source, self.full, self.target = source, full, target
        self.attempts = 0

    def start(self, programs: Programs, before: State, *, counted: bool) -> None:
        """Start cp."""
        self.before = before
        self.attempts += 1
        argv = [*COPY[:-1], *(["--verbose"] if counted else []), "--", self.full, self.target]
        self.program = programs.start(argv, counted=counted)

    def good(self, now: State) -> bool:
        """Say whether it has ended well; if the source has changed, what was made is gone. Raises OsrError."""
        program = self.program
        changed = min(now.entries ^ self.before.entries, default=None)
        if not program.status and not changed:
            return True
        if program.status and not (changed and any(words in program.said for words in _MEANWHILE)):
            raise OsrError(f"cannot copy /{self.source}: {_said(program)}", hint="nothing has changed yet")
        if os.path.lexists(self.target):
            trees.remove(self.target)
        if changed and self.attempts == ATTEMPTS:
            hint = "stop what writes there, or wait until it has ended"
            raise OsrError(f"/{self.source} changes while it is copied: {os.fsdecode(changed[0])}", hint=hint)
        return False

    def far(self) -> tuple[int, int]:
        """Return (files, bytes) that have been copied so far."""
        if self.program.status is None:
            return self.program.lines, self.program.written()
        return len(self.before.entries), self.before.size


def _worth_a_look(ended: Sequence[_Copy], *, all_ended: bool) -> bool:
    """Say whether to look at the sources: it takes a tenth of a copy, so once for several while all goes well."""
    wrong = any(one.program.status or one.attempts > 1 for one in ended)
    return bool(ended) and (wrong or all_ended or len(ended) >= TOGETHER)


class _Sync:
    """Writes copies to disk while others are made: little is left for the one syncfs before the commit."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._program: Program | None = None
        self._size = 0
        self._directory = ""

    @property
    def runs(self) -> bool:
        """Whether it is under way."""
        return self._program is not None

    def copied(self, size: int, target: str) -> None:
        """Count a copy that is good."""
        self._size += size
        self._directory = os.path.dirname(target)

    def start(self, *, last: bool) -> None:
        """Begin, if enough has been copied and more is to come."""
        if self._size >= SYNC and not (last or self._program):
            # The kernel does not end it before it has written all, also when it is killed: nobody waits for that.
            self._program = self._programs.start(["sync", "--file-system", "--", self._directory], awaited=False)
            self._size = 0

    def look(self) -> None:
        """See whether it has ended. Raises OsrError."""
        if not self._program or self._program.status is None:
            return
        if self._program.status:  # the disk's error, which is told only once (source: errseq in the kernel's docs)
            raise OsrError(f"cannot write the copies to disk: {_said(self._program)}", hint="nothing has changed yet")
        self._program = None


def _said(program: Program) -> str:
    return os.fsdecode(program.said).strip().split("\n")[0] or f"exit status {program.status}"
