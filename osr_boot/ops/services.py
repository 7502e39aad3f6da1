"""Operations for cluster services that outlive the initrd: a root of their own in memory, and daemons in it.

Nothing of the node's root is open in them, or they could not unmount it. Their mounts are theirs alone (a mount
namespace), so that the running system finds nothing there to unmount at shutdown. The "@" before a program's name
keeps systemd from ending it after switch_root and at shutdown; source: systemd's "Storage Daemons for the Root File
System". They leave the cgroup of dracut's unit as well, whose processes end with it.
"""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

LIST = "/etc/osr/services.list"
LAUNCHER = "/lib/osr-service.sh"
_DIRECTORIES = ("proc", "sys", "dev", "run", "tmp", "var/lib/corosync", "var/log/cluster", "var/log/dlm_controld")
_CGROUPS = ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/systemd/cgroup.procs")


class MakeServiceRoot(Operation):
    """Make the root of the cluster services: a tmpfs with their programs and configuration."""

    root: str
    options: str
    """of the tmpfs"""
    daemons: tuple[str, ...]
    """names of those programs that must be called with an "@" """
    texts: tuple[tuple[str, str], ...]
    """(file below it, text)"""

    def describe(self) -> str:
        """See Operation."""
        return f"make a root for the cluster services in {self.root}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("mount", "-t", "tmpfs", "-o", self.options, "osr-services", self.root),)

    def files(self) -> tuple[tuple[str, str], ...]:
        """See Operation."""
        return tuple((self.root + path, text) for path, text in self.texts)

    def execute(self, system: System) -> str:
        """See Operation."""
        system.mkdir(self.root)
        system.run(self.commands()[0])
        for directory in _DIRECTORIES:
            system.mkdir(f"{self.root}/{directory}")
        paths = system.read(LIST).split()
        for path in paths:
            directory, _, name = path.rpartition("/")
            system.copy(path, f"{self.root}{directory}/{'@' if name in self.daemons else ''}{name}")
        for path, text in self.files():
            system.write(path, text, mode=0o600)
        return f"{len(paths)} files"


class StartService(Operation):
    """Start a daemon there."""

    root: str
    program: str
    arguments: tuple[str, ...]
    pid_file: str
    """in /run, which the daemon shares with all"""
    module: str
    """that the kernel needs before; empty for none"""

    def describe(self) -> str:
        """See Operation."""
        return f"start {' '.join((self.program, *self.arguments))}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        load = (("modprobe", self.module),) if self.module else ()
        apart = ("unshare", "--mount", "--propagation", "private")
        return (*load, (*apart, "sh", LAUNCHER, self.root, self.program, *self.arguments))

    def execute(self, system: System) -> str:
        """See Operation. Raises OsrError if it has not begun its work in time."""
        for command in self.commands():
            system.run(command)
        end = min(system.deadline, system.uptime() + 20)
        while not (pid := system.read(self.pid_file).strip() if system.exists(self.pid_file) else ""):
            if system.uptime() >= end:
                hint = "`journalctl -b` or `dmesg` may have its words"
                raise OsrError(f"{self.program} has started, and does not write {self.pid_file}", hint=hint)
            system.pause(0.1)
        for file in _CGROUPS:
            if system.exists(file):
                system.write(file, f"{pid}\n")
        return f"process {pid}"
