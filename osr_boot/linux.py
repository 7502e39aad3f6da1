"""The machine we run on: the only module that changes anything in a boot, and starts programs there."""

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

    def content(self, path: str, most: int, *, start: int = 0) -> bytes:
        """See System.content."""
        with open(path, "rb") as file:
            file.seek(start)
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

    def remove(self, path: str) -> None:
        """See System.remove."""
        if os.path.lexists(path):
            os.unlink(path)

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

    def exchange(
        self, frames: Sequence[tuple[str, bytes]], seconds: float
    ) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
        """See System.exchange."""
        from osr_boot import wire

        begin = time.monotonic()
        try:
            return wire.exchange(frames, seconds)
        finally:
            self.away += time.monotonic() - begin

    def reach(self, address: str, port: int, seconds: float) -> str:
        """See System.reach."""
        from osr_boot import wire

        begin = time.monotonic()
        try:
            return wire.reach(address, port, seconds)
        finally:
            self.away += time.monotonic() - begin

    def end(self, pid: int) -> None:
        """See System.end."""
        if pid > 1:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                return

    def say(self, text: str) -> None:
        """See System.say. Under systemd standard error is the journal and the console, without it the console."""
        sys.stderr.write(f"osr: {terminal.lines(text)}\n")
        sys.stderr.flush()


def pasteable(argv: Sequence[str]) -> str:
    """Return the command as a person can paste it into a shell."""
    import shlex  # only a failure needs it

    return " ".join(shlex.quote(word) for word in argv)
