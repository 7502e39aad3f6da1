"""A machine's serial console: everything it said, with the time of each piece, and a way to type into it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time

from .errors import GuestSilent

TAIL_LINES = 40
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[=>c78])")


class Console:
    """Reads the socket in a thread of its own, so that a guest never blocks on a full console."""

    def __init__(self, connection: socket.socket, machine: str) -> None:
        self._connection = connection
        self._machine = machine
        self._news = threading.Condition()
        self._raw = ""
        self._arrivals: list[tuple[int, float]] = []
        self._mark = 0
        self._closed = False
        threading.Thread(target=self._read, name=f"console of {machine}", daemon=True).start()

    @property
    def raw(self) -> str:
        """All that was printed so far, byte for byte (latin-1)."""
        with self._news:
            return self._raw

    @property
    def text(self) -> str:
        """All that was printed so far, without terminal escapes and carriage returns."""
        with self._news:
            clean = ESCAPES.sub("", self._raw).replace("\r", "")
        return clean.encode("latin-1").decode(errors="replace")

    def tail(self) -> str:
        """The last lines, for a message."""
        return "\n".join(self.text.splitlines()[-TAIL_LINES:])

    def send(self, text: str) -> None:
        """Type `text`; a line wants its "\\n"."""
        self._connection.sendall(text.encode())

    def wait_for(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """Wait until `pattern` (multi-line regular expression) appears after the last match; raises `GuestSilent`."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                found = expression.search(ESCAPES.sub(_blank, self._raw), self._mark)
                if found:
                    self._mark = found.end()
                    return found
                left = deadline - time.monotonic()
                if self._closed or left <= 0:
                    reason = "ended" if self._closed else f"was silent for {timeout:.0f} s"
                    break
                self._news.wait(left)
                # a chatty boot says thousands of things a second: gather some before searching again
                self._news.wait(min(left, 0.05))
        raise GuestSilent(
            f"'{self._machine}' {reason} before its console showed {pattern!r}; last lines:\n{self.tail()}"
        )

    def seen_at(self, pattern: str) -> float:
        """When (time.monotonic) the first match of `pattern` had arrived; raises `LookupError` if it never did."""
        with self._news:
            found = re.compile(pattern, re.MULTILINE).search(ESCAPES.sub(_blank, self._raw))
            if found:
                for length, arrived in self._arrivals:
                    if length >= found.end():
                        return arrived
        raise LookupError(f"the console of '{self._machine}' never showed {pattern!r}")

    def wait_closed(self, timeout: float = 5) -> None:
        """Wait until the last words have been read after the machine's end."""
        with self._news:
            self._news.wait_for(lambda: self._closed, timeout)

    def close(self) -> None:
        """Stop reading."""
        with contextlib.suppress(OSError):  # the machine closed it first
            self._connection.shutdown(socket.SHUT_RDWR)
        self.wait_closed()
        self._connection.close()

    def _read(self) -> None:
        while True:
            try:
                data = self._connection.recv(65536)
            except OSError:
                data = b""
            with self._news:
                if data:
                    # latin-1: one character per byte, so that a character cut in two does no harm
                    self._raw += data.decode("latin-1")
                    self._arrivals.append((len(self._raw), time.monotonic()))
                else:
                    self._closed = True
                self._news.notify_all()
            if not data:
                return


def _blank(escape: re.Match[str]) -> str:
    """Removing escapes would move positions: put NULs in their place, which no pattern matches by accident."""
    return "\0" * len(escape.group())
