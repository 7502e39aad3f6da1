"""Operations for cluster services that outlive the initrd: a root of their own in memory, and daemons in it.

Nothing of the node's root is open in them, or they could not unmount it. Their mounts are theirs alone (a mount
namespace), so that the running system finds nothing there to unmount at shutdown. The "@" before a program's name
keeps systemd from ending it after switch_root and at shutdown; source: systemd's "Storage Daemons for the Root File
System". They leave the cgroup of dracut's unit as well, whose processes end with it.
"""

from __future__ import annotations

import re

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

LIST = "/etc/osr/services.list"
LAUNCHER = "/lib/osr-service.sh"
_DIRECTORIES = ("proc", "sys", "dev", "run", "tmp", "var/lib/corosync", "var/log/cluster", "var/log/dlm_controld")
_ERROR = re.compile(r"\berror +\[\w+ *\] (.+)")
"""how corosync writes one to standard error; source: `to_stderr` in corosync.conf(5), and what 3.1.7 writes"""
_HINT = "rd.shell gives a shell: `journalctl -b -t {}` has all its words"
_CORRECT = "correct <totem> in cluster.conf, and make the image again"
_NAME = 15
"""letters that the kernel keeps of a process' name; source: proc(5), /proc/pid/comm"""
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
    keys: tuple[str, ...] = ()
    """secret files of the image that belong there"""

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
        for key in self.keys:
            if not system.exists(key):
                hint = 'with osr_secrets="yes" it is put there, else it must be in an archive behind the image'
                raise OsrError(f"the key {key} is not in this image", hint=f"{hint}: docs/security.md")
        system.mkdir(self.root)
        system.run(self.commands()[0])
        for directory in _DIRECTORIES:
            system.mkdir(f"{self.root}/{directory}")
        paths = system.read(LIST).split()
        for path in paths:
            directory, _, name = path.rpartition("/")
            system.copy(path, f"{self.root}{directory}/{'@' if name in self.daemons else ''}{name}")
        for key in self.keys:
            system.copy(key, f"{self.root}{key}")
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
        """See Operation. Raises OsrError if it ends at once, or has not begun its work in time."""
        *before, start = self.commands()
        for command in before:
            system.run(command)
        try:
            system.run(start)
        except CommandFailed as error:
            said = "; ".join(_ERROR.findall(error.output)[:1]) or error.output.rpartition("\n")[2]
            reason = f"{self.program} does not start: {said or last_words(system, self.program) or error.message}"
            hint = _CORRECT if "error in config" in said else _HINT.format(self.program)
            raise OsrError(reason, hint=error.hint or hint) from None
        end = min(system.deadline, system.uptime() + 20)
        while not (pid := system.read(self.pid_file).strip() if system.exists(self.pid_file) else ""):
            must_run(system, self.program)
            if system.uptime() >= end:
                reason = f"{self.program} has started, and does not write {self.pid_file}"
                raise OsrError(reason, hint=_HINT.format(self.program))
            system.pause(0.1)
        for file in _CGROUPS:
            if system.exists(file):
                system.write(file, f"{pid}\n")
        return f"process {pid}"


def must_run(system: System, program: str) -> None:
    """Raise OsrError with its last words if a daemon has ended. One that was started has its name from then on."""
    name = f"@{program}"[:_NAME]
    for process in system.names("/proc"):
        try:
            if process.isdigit() and system.read(f"/proc/{process}/comm").strip() == name:
                return
        except OSError:  # it ended in between
            continue
    said = last_words(system, program)
    raise OsrError(f"{program} has ended{f': {said}' if said else ''}", hint=_HINT.format(program))


def last_words(system: System, program: str) -> str:
    """Return the last error that a daemon has told the journal, empty where it has none or there is none."""
    try:
        return system.run(("journalctl", "-b", "-q", "-o", "cat", "-p", "err", "-n", "1", "-t", program)).strip()
    except CommandFailed:
        return ""
