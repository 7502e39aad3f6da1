"""The machine we pretend to run on: files in a dictionary, programs that are only noted down.

Shipped, not a test's mock: `--dry-run` and the tests of every operation use the same one.
"""

from __future__ import annotations

from osr_boot.errors import CommandFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Dry:
    """A machine made of values. `answers` maps the beginning of a command line to its output or its failure."""

    def __init__(
        self,
        files: Mapping[str, str] | None = None,
        *,
        links: Mapping[str, str] | None = None,
        answers: Mapping[str, str | CommandFailed] | None = None,
        deadline: float = 150.0,
    ) -> None:
        self.files = dict(files or {})
        """path to text; a directory ends with a slash"""
        self.modes: dict[str, int] = {}
        """path to mode of what was written here"""
        self.links = dict(links or {})
        """path of a symbolic link to its target"""
        self.answers = dict(answers or {})
        self.deadline = deadline
        self.clock = 0.0
        self.ran: list[tuple[str, ...]] = []
        self.inputs: list[str] = []
        self.said: list[str] = []
        self.heard: list[tuple[str, bytes]] = []
        """frames that are on the network, with their links"""
        self.sent: list[tuple[str, bytes]] = []
        self.mute: dict[str, str] = {}
        """link to why nothing can be asked there"""
        self.reached: list[tuple[str, int]] = []
        """address and port of each connection that was tried"""
        self.unreachable: dict[str, str] = {}
        """address to why nothing answers there"""
        self.ended: list[int] = []
        self.on_pause: Callable[[Dry], None] | None = None
        """what happens on this machine while somebody waits"""

    def run(self, argv: Sequence[str], *, input: str = "", timeout: float = 30, root: str = "/") -> str:
        """See System.run. A command without an answer succeeds in silence."""
        self.ran.append(tuple(argv) if root == "/" else ("chroot", root, *argv))
        self.inputs.append(input)
        line = " ".join(self.ran[-1])
        for begin, answer in self.answers.items():
            if line.startswith(begin):
                if isinstance(answer, CommandFailed):
                    raise answer
                return answer
        return ""

    def read(self, path: str) -> str:
        """See System.read."""
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path]

    def size(self, path: str) -> int:
        """See System.size."""
        return len(self.files[path].encode()) if path in self.files else -1

    def content(self, path: str, most: int, *, start: int = 0) -> bytes:
        """See System.content."""
        return self.read(path).encode(errors="surrogateescape")[start : start + most]

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """See System.write."""
        self.files[path] = text
        self.modes[path] = mode

    def exists(self, path: str) -> bool:
        """See System.exists."""
        return path in self.files or self.isdir(path)

    def isdir(self, path: str) -> bool:
        """See System.isdir."""
        return any(name.startswith(f"{path.rstrip('/')}/") for name in (*self.files, *self.links))

    def names(self, path: str) -> tuple[str, ...]:
        """See System.names."""
        begin = f"{path.rstrip('/')}/"
        below = {name[len(begin) :].split("/")[0] for name in (*self.files, *self.links) if name.startswith(begin)}
        return tuple(sorted(below - {""}))

    def readlink(self, path: str) -> str:
        """See System.readlink."""
        return self.links.get(path, "")

    def mkdir(self, path: str) -> None:
        """See System.mkdir."""
        self.files[f"{path.rstrip('/')}/"] = ""

    def remove(self, path: str) -> None:
        """See System.remove."""
        self.files.pop(path, None)

    def copy(self, source: str, target: str) -> None:
        """See System.copy."""
        self.files[target] = self.read(source)

    def uptime(self) -> float:
        """See System.uptime: a clock that only waiting moves."""
        return self.clock

    def pause(self, seconds: float) -> None:
        """See System.pause."""
        self.clock += seconds
        if self.on_pause:
            self.on_pause(self)

    def exchange(
        self, frames: Sequence[tuple[str, bytes]], seconds: float
    ) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
        """See System.exchange."""
        self.sent += frames
        self.clock += seconds
        return self.heard, [(link, why) for link, why in self.mute.items() if link in {link for link, _ in frames}]

    def reach(self, address: str, port: int, seconds: float) -> str:
        """See System.reach."""
        self.reached.append((address, port))
        why = self.unreachable.get(address, "")
        self.clock += seconds if "timed out" in why else 0
        return why

    def end(self, pid: int) -> None:
        """See System.end."""
        self.ended.append(pid)

    def say(self, text: str) -> None:
        """See System.say."""
        self.said.append(text)
