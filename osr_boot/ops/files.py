"""Operations that write files and the host name."""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops import Operation
from osr_boot.ops.mounts import mounted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osr_boot.system import System

HOSTNAME = "/proc/sys/kernel/hostname"


class SetHostname(Operation):
    """Name this machine, before the first mount: an NFSv4 client is known to its server by its host name.

    Two nodes with one name ("localhost", "(none)") evict each other's leases at the server without end.
    """

    name: str

    def describe(self) -> str:
        """See Operation."""
        return f'set host name "{self.name}"'

    def files(self) -> tuple[tuple[str, str], ...]:
        """See Operation."""
        return ((HOSTNAME, f"{self.name}\n"),)

    def execute(self, system: System) -> str:
        """See Operation."""
        system.write(HOSTNAME, f"{self.name}\n")
        return ""


class WriteFiles(Operation):
    """Write small text files, for a reason that a person can read."""

    why: str
    texts: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        """See Operation."""
        return self.why

    def files(self) -> tuple[tuple[str, str], ...]:
        """See Operation."""
        return self.texts

    def execute(self, system: System) -> str:
        """See Operation."""
        for path, text in self.texts:
            system.write(path, text)
        return f"{len(self.texts)} files"


class LeaveAlone(Operation):
    """Write what the network managers shall know of our links.

    Nothing of a link that is not here, for another card may have its name; no address that others were found to have.
    """

    why: str
    parts: tuple[tuple[str, str, str], ...]
    """(link, file, text) of each part of a file that is about a link; without a link it belongs to the others"""

    def describe(self) -> str:
        """See Operation."""
        return self.why

    def files(self) -> tuple[tuple[str, str], ...]:
        """Return the files as they are where every link is there."""
        return _joined(self.parts)

    def execute(self, system: System) -> str:
        """See Operation."""
        from osr_boot.ops.addresses import TAKEN
        from osr_boot.ops.cards import absent

        taken = [line.split() for line in system.read(TAKEN).split("\n")] if system.exists(TAKEN) else []
        gone = absent(system)
        files = _joined([part for part in self.parts if part[0] not in gone])
        for path, text in files:
            for link, address in filter(None, taken):
                if path.endswith(f"/00-osr-{link}.network"):
                    lines = text.split("\n")
                    text = "\n".join(line for line in lines if not line.startswith(f"Address={address}/"))
            # netplan warns of a file that others may read.
            system.write(path, text, mode=0o600 if path.startswith("/run/netplan/") else 0o644)
        left_out = ", ".join(dict.fromkeys(link for link, _, _ in self.parts if link in gone))
        return f"{len(files)} files{f', none about {left_out}' if left_out else ''}"


def _joined(parts: Iterable[tuple[str, str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the files that parts make, but those in which no link is left."""
    texts: dict[str, str] = {}
    about = set()
    for link, path, text in parts:
        texts[path] = texts.get(path, "") + text
        if link:
            about.add(path)
    return tuple((path, text) for path, text in texts.items() if path in about)


class KeepShutdown(Operation):
    """Keep the programs that unmount the root at shutdown in memory, where they do not need the root.

    systemd-shutdown changes to /run/initramfs as its last step. Without this copy dracut would unpack an image found
    on the shared root there, which may be any node's, over a network that is going away.
    """

    listing: str
    """file with one path a line, made when the image was built"""
    target: str

    def describe(self) -> str:
        """See Operation."""
        return f"keep what the shutdown needs in {self.target}"

    def execute(self, system: System) -> str:
        """See Operation. A failure is a warning."""
        for directory in ("proc", "sys", "dev", "run", "tmp", "oldroot"):
            system.mkdir(f"{self.target}/{directory}")
        try:
            paths = system.read(self.listing).split()
            for path in paths:
                system.copy(path, self.target + path)
            self._let_execute(system)
        except (OSError, OsrError) as error:
            # A node that cannot unmount its root at the end is better than one that does not run.
            system.say(f"warning: the shutdown will not unmount the root: {error}; is /run full?")
            return f"not kept: {error}"
        return f"{len(paths)} files"

    def _let_execute(self, system: System) -> None:
        """Allow programs in the kept tree, and nowhere else: without systemd dracut mounts /run noexec."""
        if "noexec" in mounted(system, "/run")[2].split(","):
            system.run(("mount", "--bind", self.target, self.target))
            system.run(("mount", "-o", "remount,bind,exec", self.target))
