"""One line for a person while something slow is built: rewritten on a terminal, every tenth percent in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Says how far a slow step is. With `expected` steps it gives percent, else only the time that passed."""

    def __init__(self, what: str, *, expected: int = 0, stream: TextIO = sys.stderr) -> None:
        self.what = what
        self._expected = expected
        self._stream = stream
        self._started = time.monotonic()
        self._done = 0
        self._said = 0
        self._say("...")

    def step(self) -> None:
        """One more of the expected steps is done."""
        self._done += 1
        if self._expected:
            percent = min(99, self._done * 100 // self._expected)
            if percent >= self._said + (1 if self._stream.isatty() else 10):
                self._said = percent
                self._say(f"{percent:3d} %")

    def finish(self) -> None:
        """The step is done; its time stays on the screen."""
        self._say(f"done in {time.monotonic() - self._started:.1f} s", last=True)

    def _say(self, text: str, *, last: bool = False) -> None:
        if self._stream.isatty():
            self._stream.write(f"\r\033[Klab: {self.what}: {text}" + ("\n" if last else ""))
        else:
            self._stream.write(f"lab: {self.what}: {text}\n")
        self._stream.flush()
