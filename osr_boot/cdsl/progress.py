"""How far a long copying is, in one line on a terminal that is written again once a second."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable

from osr_boot import terminal

FIRST = 2.0
"""seconds without a word: what ends before needs none"""
AGAIN = 1.0
"""seconds from one line to the next"""
MEBIBYTE = 1 << 20
FILE = 1 << 16
"""bytes that are written in the time that one file takes beside its content: about 0.1 ms"""


class Progress:
    """A line on standard error while the block runs, gone after it."""

    def __init__(self, what: str, files: int, size: int, *, shown: bool) -> None:
        self._what = what
        self._files, self._size = files, size
        self._shown = shown
        self._line = ""
        self._done_files = self._done_size = 0
        self._writes = False

    def __enter__(self) -> Progress:
        self._begin = time.monotonic()
        self._next = self._begin + FIRST
        return self

    def __exit__(self, *_: object) -> None:
        self._write("")

    def finished(self, files: int, size: int) -> None:
        """Count what one program that has ended has copied."""
        self._done_files += files
        self._done_size += size

    def show(self, running: Iterable[tuple[int, int]]) -> None:
        """Write the line, if it is time for it, with (files, bytes) of each program that runs."""
        now = time.monotonic()
        if not self._shown or now < self._next:
            return
        self._next = now + AGAIN
        files, written = self._done_files, 0
        for more, size in running:
            files += more
            written += size
        self._writes = self._writes or bool(written)
        # Where blocks are shared between files nothing is written, and only files are counted.
        size = self._size if self._writes else 0
        text = words(files, self._files, self._done_size + written, size, now - self._begin)
        self._write(f"osr: {terminal.line(self._what)}: {text}")

    def _write(self, line: str) -> None:
        if not line and not self._line:
            return
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        except (OSError, ValueError):
            columns = 80
        line = line[: columns - 1]
        sys.stderr.write(f"\r{line.ljust(len(self._line))}" if line else f"\r{' ' * len(self._line)}\r")
        sys.stderr.flush()
        self._line = line


def words(files: int, all_files: int, written: int, size: int, seconds: float) -> str:
    """Return how far it is, and how long it will take at the speed so far; `size` 0: bytes are not counted."""
    files, written = min(files, all_files), min(written, size)
    said = f"{files:,} of {all_files:,} files"
    if size:
        said += f", {written // MEBIBYTE:,} of {-(-size // MEBIBYTE):,} MiB"
    done, all_ = files * FILE + written, all_files * FILE + size
    if not done:
        return said
    left = round(seconds * (all_ - done) / done)
    return f"{said}, {left} s left" if left < 120 else f"{said}, {round(left / 60)} min left"
