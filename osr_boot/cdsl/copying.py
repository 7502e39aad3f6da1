"""Copies of whole trees, made by cp at the same time, and made again where the source has changed meanwhile.

cp keeps owner, mode, times, ACLs, hard links and holes, and makes devices, fifos and sockets. Of extended attributes it
loses silently what it cannot write, unless they are asked for by name (source: coreutils 9.1, copy.c, copy_attr).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

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
    todo = list(reversed(pairs))
    attempts = dict.fromkeys(pairs, 0)
    running: dict[Program, tuple[tuple[str, str], State]] = {}
    ended: list[Program] = []
    """of those, which have ended, and whose source was not looked at since"""
    sync: Program | None = None
    copied = 0
    names = ", ".join(f"/{source}" for source in states)
    entries, size = (sum(of(states[source]) for source, _ in pairs) for of in (_entries, _size))
    with Progress(names, entries, size, shown=shown) as progress, Programs() as programs:
        while todo or running or sync:
            while todo and len(running) - len(ended) < (os.cpu_count() or 1):
                pair = todo.pop()
                argv = [*COPY[:-1], *(["--verbose"] if shown else []), "--", *map(full, pair)]
                running[programs.start(argv, counted=shown)] = pair, states[pair[0]]
            for program in programs.wait(TICK):
                if program is not sync:
                    ended.append(program)
                    continue
                if program.status:  # the disk's error, which is told only once (source: errseq in the kernel's docs)
                    raise OsrError(f"cannot write the copies to disk: {_said(program)}", hint="nothing has changed yet")
                sync = None
            # A look at the whole source takes a tenth of a copy: one for several, as long as nothing has gone wrong.
            wrong = any(program.status for program in ended) or any(attempts.values())
            last = not todo and len(ended) == len(running)
            if not ended or not (wrong or last or len(ended) >= TOGETHER):
                progress.show(_far(running) if shown else [])
                continue
            for source in {running[program][0][0] for program in ended}:
                states[source] = trees.state(full(source))
            for program in ended:
                pair, before = running.pop(program)
                # What was seen after one copy is what was there before the next.
                now = states[pair[0]]
                changed = min(now.entries ^ before.entries, default=None)
                if not program.status and not changed:
                    progress.finished(len(now.entries), now.size)
                    copied += now.size
                    continue
                if program.status and not (changed and any(words in program.said for words in _MEANWHILE)):
                    raise OsrError(f"cannot copy /{pair[0]}: {_said(program)}", hint="nothing has changed yet")
                if os.path.lexists(full(pair[1])):
                    trees.remove(full(pair[1]))
                attempts[pair] += 1
                if changed and attempts[pair] == ATTEMPTS:
                    hint = "stop what writes there, or wait until it has ended"
                    raise OsrError(f"/{pair[0]} changes while it is copied: {os.fsdecode(changed[0])}", hint=hint)
                todo.append(pair)
            if todo and not sync and copied >= SYNC:
                # The disk works while the processors copy, and little is left for the one syncfs before the commit.
                sync = programs.start(["sync", "--file-system", "--", os.path.dirname(full(pair[1]))])
                copied = 0
            ended.clear()
            progress.show(_far(running) if shown else [])


def _said(program: Program) -> str:
    return os.fsdecode(program.said).strip().split("\n")[0] or f"exit status {program.status}"


def _far(running: Mapping[Program, tuple[tuple[str, str], State]]) -> list[tuple[int, int]]:
    """Return (files, bytes) that each program has copied so far; one that has ended, all."""
    return [
        (program.lines, program.written()) if program.status is None else (_entries(before), _size(before))
        for program, (_, before) in running.items()
    ]


def _entries(state: State) -> int:
    return len(state.entries)


def _size(state: State) -> int:
    return state.size
