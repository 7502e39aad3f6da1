"""Operations that mount, and that look at what was mounted."""

from __future__ import annotations

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

# What systemd mounts over or starts; source: `man file-hierarchy`, `man systemd-switch-root.service`.
NEEDED = ("proc", "sys", "dev", "run", "etc", "sbin/init")

# What mount says of a disk, and what helps. Source: the texts of util-linux' libmount/src/context_mount.c.
_REMEDIES = {
    "wrong fs type": "`blkid` shows what is on the disk; fstype and mountopts must fit",
    "unknown filesystem": "the image has no driver for it: rebuild it for this kernel",
    "already mounted": "another part of this boot has mounted it: is root= given, or the disk in the image's fstab?",
    "Transport endpoint is not connected": "a node that has the disk mounted is not reached: does a firewall drop the "
    "port of o2cb (TCP 7777) or dlm (TCP 21064)?",
    "No space left on device": "more nodes than the filesystem has slots or journals: add some",
    "Internal logic failure": "`dmesg` has the reason; `no free slots available`: one of the nodes that have it must "
    "leave, or add slots by tunefs.ocfs2 -N while it is mounted nowhere",
    "write-protected": 'the disk can only be read: give it mountopts="ro", or take its write protection away',
}


class CheckRoot(Operation):
    """Look whether the mounted tree is a root that can be switched to, and name everything that it lacks."""

    root: str
    source: str

    def describe(self) -> str:
        """See Operation."""
        return f"check that {self.source} is a root filesystem"

    def execute(self, system: System) -> str:
        """See Operation."""
        missing = [name for name in NEEDED if not _is_there(system, self.root, name)]
        if missing:
            raise OsrError(
                f"{self.source} is no root filesystem: it has no {', no '.join(missing)}",
                hint="is it the right export or device? make empty directories with `mkdir`; "
                "copy a system into it where init is missing",
            )
        return ""


class MountDevice(Operation):
    """Mount a disk; one of several nodes' again, while the others come up."""

    device: str
    """`/dev/...`, `LABEL=...`, `UUID=...`: mount finds it"""
    fstype: str
    options: str
    root: str
    path: str
    """where below it; empty for the root itself"""
    attempts: int
    """0: as many as the boot's deadline allows"""
    pause: int
    """seconds between attempts; 0: 5"""

    def describe(self) -> str:
        """See Operation."""
        return f"mount {self.device} ({self.fstype}, {self.options}) on {self.root}{self.path}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (self._command(f"{self.root}{self.path}"),)

    def _command(self, target: str) -> tuple[str, ...]:
        return ("mount", "-t", self.fstype, "-o", self.options, "--", self.device, target)

    def execute(self, system: System) -> str:
        """See Operation."""
        target = mount_point(system, self.root, self.path)
        attempt, pause = 1, self.pause or 5
        while reason := self._try(system, target):
            said, hint = reason
            if attempt == self.attempts or system.uptime() + pause >= system.deadline:
                text = f" after {attempt} attempts" if attempt > 1 else ""
                raise OsrError(f"cannot mount {self.device} as {self.fstype}{text}: {said}", hint=hint)
            system.say(f"mount {self.device}: attempt {attempt}: {said}; next in {pause} s")
            if attempt == 1 and hint:
                system.say(f"  hint: {hint}")
            system.pause(pause)
            attempt += 1
        return f"attempt {attempt}" if attempt > 1 else ""

    def _try(self, system: System, target: str) -> tuple[str, str] | None:
        """Mount once. Returns why it failed and what helps; None if it did not fail."""
        try:
            # A node that joins waits for the others' heartbeats.
            system.run(self._command(target), timeout=max(60.0, system.deadline - system.uptime()))
        except CommandFailed as error:
            said = error.output or error.message
            hint = next((remedy for text, remedy in _REMEDIES.items() if text in said), "") or error.hint
            line = next((line for line in said.split("\n") if line), "")
            return line.removeprefix("mount: ").removeprefix(f"{target}: "), hint
        return None


class ReportRoot(Operation):
    """Say what dracut mounted as the root, and with which version: a "v3" root may silently be 4.2."""

    root: str

    def describe(self) -> str:
        """See Operation."""
        return "look what dracut mounts as the root"

    def execute(self, system: System) -> str:
        """See Operation. Before dracut has mounted it there is nothing to see."""
        source, fstype, options = mounted(system, self.root)
        version = next((word for word in options.split(",") if word.startswith("vers=")), "")
        return " ".join(filter(None, (source, fstype, version))) or "not mounted yet"


class Bind(Operation):
    """Mount a directory of the shared root on another one of it. Both paths are below `root`."""

    root: str
    source: str
    target: str
    remedy: str
    """what to do when the source is missing"""
    instead: str = ""
    """what else will do as the source"""
    recursive: bool = False
    """True: with what is mounted below the source"""
    options: str = ""

    def describe(self) -> str:
        """See Operation."""
        return f"bind {self.source} on {self.target}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (self._command(self.root + self.source, self.root + self.target),)

    def _command(self, source: str, target: str) -> tuple[str, ...]:
        options = ("-o", self.options) if self.options else ()
        return ("mount", "--rbind" if self.recursive else "--bind", *options, source, target)

    def execute(self, system: System) -> str:
        """See Operation. The paths are resolved inside the root: a link on it leads nobody out of it."""
        source = resolve(system, self.root, self.source)
        named = resolve(system, self.root, self.instead) if self.instead else ""
        if named and not system.isdir(source) and system.isdir(named):
            source = named
        if not system.isdir(source):
            raise OsrError(f"{self.source} is missing on the shared root", hint=self.remedy)
        system.run(self._command(source, mount_point(system, self.root, self.target)))
        return f"from {self.instead}" if source == named else ""


class BindOver(Operation):
    """Mount a file of this node's over one of /etc, where the shared root has such a file for all nodes.

    Where there is none nothing needs to be hidden; a symbolic link (into the node's CDSL tree, or to what a service
    keeps in /run) is the administrator's own arrangement.
    """

    root: str
    source: str
    path: str

    def describe(self) -> str:
        """See Operation."""
        return f"let {self.path} be this node's own, if the shared root has one"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("mount", "--bind", self.source, f"{self.root}{self.path}"),)

    def execute(self, system: System) -> str:
        """See Operation."""
        directory, _, name = self.path.rpartition("/")
        plain = f"{resolve(system, self.root, directory)}/{name}"
        if system.readlink(plain):
            return "a link: left alone"
        if not system.exists(plain) or not system.exists(self.source):
            return "none: nothing to hide"
        system.run(("mount", "--bind", self.source, plain))
        return "mounted over"


def mount_point(system: System, root: str, path: str) -> str:
    """Return the directory on which something is mounted, `path` below `root`. Raises OsrError if it is not there."""
    if not path:
        system.mkdir(root)
        return root
    target = resolve(system, root, path)
    if not system.isdir(target):
        raise OsrError(f"{path} is missing on the shared root", hint=f"make it there: `mkdir {path}`")
    return target


def resolve(system: System, root: str, path: str) -> str:
    """Return the real path of `path` as a process chrooted to `root` would find it, with `root` before it.

    Raises OsrError on a loop of symbolic links. A name that does not exist is kept as it is.
    """
    todo = path.split("/")[::-1]
    done: list[str] = []
    followed = 0
    while todo:
        name = todo.pop()
        if name in ("", "."):
            continue
        if name == "..":
            done = done[:-1]
            continue
        target = system.readlink("/".join([root, *done, name]))
        if not target:
            done.append(name)
            continue
        followed += 1
        if followed > 40:  # the kernel's own limit; source: man path_resolution
            raise OsrError(f"{path}: too many symbolic links")
        if target.startswith("/"):
            done = []
        todo.extend(target.split("/")[::-1])
    return "/".join([root, *done])


def mounted(system: System, target: str) -> tuple[str, str, str]:
    """Return (source, type, options) of what is mounted last on `target`; empty texts if nothing is."""
    found = ("", "", "")
    for line in system.read("/proc/self/mounts").split("\n"):
        words = line.split(" ")
        if len(words) > 3 and words[1] == target:
            found = (words[0], words[2], words[3])
    return found


def _is_there(system: System, root: str, name: str) -> bool:
    return system.exists(resolve(system, root, f"/{name}"))
