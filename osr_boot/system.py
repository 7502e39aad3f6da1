"""The machine, as far as operations know it.

`linux.Linux` is the machine we run on, `dry.Dry` the one we pretend to run on. There is no third door.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class System(Protocol):
        """What an operation may do. Paths are absolute; every wait is bounded by `deadline`."""

        deadline: float
        """seconds of uptime after which nothing is waited for any more"""

        def run(self, argv: Sequence[str], *, input: str = "", timeout: float = 30, root: str = "/") -> str:
            """Start a program (by name, no shell, standard input `input`), return its standard output.

            `timeout` in seconds; `root` is the directory it is chrooted to. Raises CommandFailed.
            """

        def read(self, path: str) -> str:
            """Return the text of a file. Raises OSError."""

        def size(self, path: str) -> int:
            """Return the size of a regular file in bytes, symbolic links followed; -1 if there is none."""

        def content(self, path: str, most: int, *, start: int = 0) -> bytes:
            """Return the bytes of a file from `start` on, `most` of them at most. Raises OSError."""

        def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
            """Write a file whole or not at all (kernel files: in place), with its parent directories."""

        def exists(self, path: str) -> bool:
            """Say whether the path is there, symbolic links followed."""

        def isdir(self, path: str) -> bool:
            """Say whether the path is a directory, symbolic links followed."""

        def names(self, path: str) -> tuple[str, ...]:
            """Return the names in a directory, sorted; empty if there is none."""

        def readlink(self, path: str) -> str:
            """Return the target of a symbolic link, empty for anything else."""

        def mkdir(self, path: str) -> None:
            """Make a directory and its parents, if missing."""

        def remove(self, path: str) -> None:
            """Remove a file, if it is there. Raises OSError."""

        def copy(self, source: str, target: str) -> None:
            """Copy one file (a symbolic link as such) with its mode, making parents. Raises OSError."""

        def uptime(self) -> float:
            """Return seconds since power-on."""

        def pause(self, seconds: float) -> None:
            """Wait, counted as waiting in the report."""

        def exchange(
            self, frames: Sequence[tuple[str, bytes]], seconds: float
        ) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
            """Ask with Ethernet frames, each on its link, who has an address.

            Returns (link, frame) of what others said about these, and (link, why) of where asking failed.
            """

        def reach(self, address: str, port: int, seconds: float) -> str:
            """Return nothing if a TCP server answers at that address and port in time, else why not. No names."""

        def end(self, pid: int) -> None:
            """Ask a process that one of our programs left behind to end."""

        def say(self, text: str) -> None:
            """Tell the person at the console."""
