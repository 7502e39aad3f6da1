"""Ctrl-C, a request to end, a terminal that goes away: what each of them does to a change, and what is said of it."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

from osr_boot import terminal
from osr_boot.cdsl.change import JOURNAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.cdsl.disk import Disk


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt as Ctrl-C does: with KeyboardInterrupt, which puts back what was prepared."""
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # not under nohup
            with contextlib.suppress(ValueError):  # only a main thread may
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def told(what: str, disk: Disk) -> Iterator[None]:
    """If a change is interrupted, say what has become of it."""
    try:
        yield
    except KeyboardInterrupt:
        ended = "nothing has changed"
        if disk.exists(JOURNAL):
            ended = "the next command finishes or undoes it; `osr cdsl recover` is one"
        sys.stderr.write(f"osr: interrupted: {terminal.line(what)}: {ended}\n")
        raise
