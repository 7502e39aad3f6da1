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
from osr_boot.linux import Program, Programs

COPY = ("cp", "--archive", "--preserve=xattr", "--one-file-system", "--reflink=auto", "--no-target-directory", "--")
ATTEMPTS = 3
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
    names = ", ".join(f"/{source}" for source in states)
    entries, size = (sum(of(states[source]) for source, _ in pairs) for of in (_entries, _size))
    with Progress(names, entries, size, shown=shown) as progress, Programs() as programs:
        while todo or running:
            while todo and len(running) < (os.cpu_count() or 1):
                pair = todo.pop()
                argv = [*COPY[:-1], *(["--verbose"] if shown else []), "--", *map(full, pair)]
                running[programs.start(argv, counted=shown)] = pair, states[pair[0]]
            for program in programs.wait(TICK):
                pair, before = running.pop(program)
                # What was seen after one copy is what was there before the next.
                states[pair[0]] = now = trees.state(full(pair[0]))
                changed = min(now.entries ^ before.entries, default=None)
                if not program.status and not changed:
                    progress.finished(len(now.entries), now.size)
                    continue
                if program.status and not (changed and any(words in program.said for words in _MEANWHILE)):
                    said = os.fsdecode(program.said).strip().split("\n")[0] or f"exit status {program.status}"
                    raise OsrError(f"cannot copy /{pair[0]}: {said}", hint="nothing has changed yet")
                if os.path.lexists(full(pair[1])):
                    trees.remove(full(pair[1]))
                attempts[pair] += 1
                if changed and attempts[pair] == ATTEMPTS:
                    hint = "stop what writes there, or wait until it has ended"
                    raise OsrError(f"/{pair[0]} changes while it is copied: {os.fsdecode(changed[0])}", hint=hint)
                todo.append(pair)
            progress.show([(program.lines, program.written()) for program in running] if shown else [])


def _entries(state: State) -> int:
    return len(state.entries)


def _size(state: State) -> int:
    return state.size
