"""Programs that run beside each other, for an administrator's command: a boot runs one after the other, in linux.py."""

from __future__ import annotations

import os
import signal
import time

from osr_boot.errors import CommandFailed
from osr_boot.linux import ENVIRONMENT, pasteable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Program:
    """A program that runs beside others: what it has said so far, and its exit status once it has ended."""

    def __init__(self, argv: Sequence[str], process: Any, *, awaited: bool) -> None:
        self.argv = tuple(argv)
        self.process = process
        self.awaited = awaited
        """whether its end is waited for when it is killed"""
        self.lines = 0
        """lines on its standard output"""
        self.heard = 0
        """bytes on its standard output"""
        self.said = b""
        """what it said on standard error"""
        self.status: int | None = None

    def written(self) -> int:
        """Return how many bytes it has written to files; 0 if the kernel does not say so."""
        try:
            with open(f"/proc/{self.process.pid}/io", encoding="ascii") as file:
                counts = dict(line.split(": ") for line in file)
        except OSError:
            return 0
        return max(0, int(counts.get("wchar", 0)) - self.heard)


class Programs:
    """Programs that run at the same time. All are killed when the block ends, however it ends, or this process."""

    def __enter__(self) -> Programs:
        import selectors

        self._pipes = selectors.DefaultSelector()
        self._running: set[Program] = set()
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._running:
            os.killpg(program.process.pid, signal.SIGKILL)
        for program in self._running:
            if program.awaited:
                program.process.wait()
        for key in list(self._pipes.get_map().values()):
            os.close(key.fd)
        self._pipes.close()

    def start(self, argv: Sequence[str], *, counted: bool = False, awaited: bool = True) -> Program:
        """Start a program as Linux.run does; `counted` says that its standard output is. Raises CommandFailed.

        One that is not `awaited` is killed like the others at the block's end, but may take its time to die.
        """
        import ctypes
        import selectors
        import subprocess

        prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

        def die_with_parent() -> None:
            prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, source: linux/prctl.h
            if os.getppid() != parent:
                os._exit(1)

        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if counted else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                preexec_fn=die_with_parent,
                cwd="/",
                start_new_session=True,
            )
        except FileNotFoundError:
            raise CommandFailed(f'program "{argv[0]}" not found', status=127, hint="install it") from None
        except (OSError, subprocess.SubprocessError) as error:
            raise CommandFailed(f"{pasteable(argv)}: cannot be started: {error}", status=126) from None
        program = Program(argv, process, awaited=awaited)
        self._running.add(program)
        for pipe in filter(None, (process.stdout, process.stderr)):
            self._pipes.register(os.dup(pipe.fileno()), selectors.EVENT_READ, (program, pipe is process.stdout))
            pipe.close()
        return program

    def wait(self, seconds: float) -> list[Program]:
        """Return the programs that have ended, as soon as one has, or none after this time."""
        end = time.monotonic() + seconds
        while True:
            for key, _ in self._pipes.select(max(0, end - time.monotonic())):
                program, counted = key.data
                piece = os.read(key.fd, 1 << 16)
                if counted:
                    program.lines += piece.count(b"\n")
                    program.heard += len(piece)
                elif len(program.said) < 1 << 16:  # on a full disk cp says so of every file
                    program.said += piece
                if not piece:
                    self._pipes.unregister(key.fd)
                    os.close(key.fd)
            open_ = {key.data[0] for key in self._pipes.get_map().values()}
            ended = [program for program in self._running if program not in open_]
            for program in ended:
                program.status = program.process.wait()
                self._running.discard(program)
            if ended or time.monotonic() >= end:
                return ended
