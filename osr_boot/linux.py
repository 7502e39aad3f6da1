"""The machine we run on: the only module that starts programs or changes anything."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time

from osr_boot import terminal
from osr_boot.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# A program of ours never depends on who called: no inherited language, no inherited search path.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}

# The kernel's own files are written in place: there is nothing to rename over them.
_KERNEL = ("/proc/", "/sys/")


class Linux:
    """The real machine. `programs` and `away` (seconds in programs and waits) are what the report subtracts."""

    def __init__(self, *, deadline: float = float("inf"), debug: bool = False) -> None:
        self.deadline = deadline
        self._debug = debug
        self.programs = 0
        self.away = 0.0

    def run(self, argv: Sequence[str], *, input: str = "", timeout: float = 30, root: str = "/") -> str:
        """See System.run. The child gets an argument list, its own session and no terminal."""
        import subprocess  # half of the stages start no program, and it costs 4 ms of some 30

        if self._debug:
            self.say(f"run: {pasteable(argv)}" + (f" <<< {input!r}" if input else ""))
        self.programs += 1
        begin = time.monotonic()
        try:
            with subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=ENVIRONMENT,
                encoding="utf-8",
                errors="replace",
                preexec_fn=(lambda: os.chroot(root)) if root != "/" else None,
                cwd="/",
                start_new_session=True,
            ) as child:
                try:
                    stdout, stderr = child.communicate(input, timeout)
                except subprocess.TimeoutExpired:
                    # All of it: a mount.nfs that outlives its mount would go on under the next attempt.
                    os.killpg(child.pid, signal.SIGKILL)
                    raise CommandFailed(f"{pasteable(argv)}: no end after {timeout:.0f} s", status=124) from None
        except FileNotFoundError:
            hint = "rebuild the image; a module's check missed it"
            raise CommandFailed(f'program "{argv[0]}" not found', status=127, hint=hint) from None
        except (OSError, subprocess.SubprocessError) as error:
            raise CommandFailed(f"{pasteable(argv)}: cannot be started: {error}", status=126) from None
        finally:
            self.away += time.monotonic() - begin
        if self._debug:
            self.say(f"run: status {child.returncode}: {(stdout + stderr).strip()}")
        if child.returncode:
            said = stderr.strip() or stdout.strip()
            text = said or f"exit status {child.returncode}"
            raise CommandFailed(f"{pasteable(argv)}: {text}", status=child.returncode, output=said)
        return stdout

    def attached(self, argv: Sequence[str]) -> int:
        """Run what a person typed, with their terminal, directory and environment. Returns its exit status.

        That of a program ended by a signal is 128 and the signal's number, as in a shell. Raises CommandFailed.
        """
        import subprocess

        try:
            status = subprocess.call(list(argv))
        except FileNotFoundError:
            raise CommandFailed(f'program "{argv[0]}" not found', status=127, hint="is it spelt right?") from None
        except OSError as error:
            raise CommandFailed(f"{pasteable(argv)}: cannot be started: {error.strerror}", status=126) from None
        return status if status >= 0 else 128 - status

    def read(self, path: str) -> str:
        """See System.read."""
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def size(self, path: str) -> int:
        """See System.size."""
        try:
            status = os.stat(path)
        except OSError:
            return -1
        return status.st_size if stat.S_ISREG(status.st_mode) else -1

    def content(self, path: str, most: int) -> bytes:
        """See System.content."""
        with open(path, "rb") as file:
            return file.read(most)

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """See System.write."""
        if path.startswith(_KERNEL):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return
        self.write_bytes(path, text.encode(errors="surrogateescape"), mode=mode)

    def write_bytes(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Write a file whole or not at all, with its parent directories."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        new = f"{path}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(new, path)

    def exists(self, path: str) -> bool:
        """See System.exists."""
        return os.path.exists(path)

    def isdir(self, path: str) -> bool:
        """See System.isdir."""
        return os.path.isdir(path)

    def names(self, path: str) -> tuple[str, ...]:
        """See System.names."""
        try:
            return tuple(sorted(os.listdir(path)))
        except OSError:
            return ()

    def readlink(self, path: str) -> str:
        """See System.readlink."""
        try:
            return os.readlink(path)
        except OSError:
            return ""

    def mkdir(self, path: str) -> None:
        """See System.mkdir."""
        os.makedirs(path, exist_ok=True)

    def copy(self, source: str, target: str) -> None:
        """See System.copy. The bytes go from file to file inside the kernel."""
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.islink(source):
            if not os.path.lexists(target):
                os.symlink(os.readlink(source), target)
            return
        with open(source, "rb") as old, open(target, "wb") as new:
            status = os.fstat(old.fileno())
            sent = 1
            while sent:
                sent = os.sendfile(new.fileno(), old.fileno(), None, 16 << 20)
            os.fchmod(new.fileno(), status.st_mode & 0o7777)

    def uptime(self) -> float:
        """See System.uptime."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def pause(self, seconds: float) -> None:
        """See System.pause."""
        self.away += seconds
        time.sleep(seconds)

    def say(self, text: str) -> None:
        """See System.say. Under systemd standard error is the journal and the console, without it the console."""
        sys.stderr.write(f"osr: {terminal.lines(text)}\n")
        sys.stderr.flush()


class Program:
    """A program that runs beside others: what it has said so far, and its exit status once it has ended."""

    def __init__(self, argv: Sequence[str], process: Any) -> None:
        self.argv = tuple(argv)
        self.process = process
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
    """Programs that run at the same time. None outlives the block in which they were started, nor this process."""

    def __enter__(self) -> Programs:
        import selectors

        self._pipes = selectors.DefaultSelector()
        self._running: set[Program] = set()
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._running:
            os.killpg(program.process.pid, signal.SIGKILL)
        for program in self._running:
            program.process.wait()
        for key in list(self._pipes.get_map().values()):
            os.close(key.fd)
        self._pipes.close()

    def start(self, argv: Sequence[str], *, counted: bool = False) -> Program:
        """Start a program as Linux.run does; `counted` says that its standard output is. Raises CommandFailed."""
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
        program = Program(argv, process)
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


def pasteable(argv: Sequence[str]) -> str:
    """Return the command as a person can paste it into a shell."""
    import shlex  # only a failure needs it

    return " ".join(shlex.quote(word) for word in argv)
