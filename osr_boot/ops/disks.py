"""Operations on disks: waiting for one, checking the filesystem on it."""

from __future__ import annotations

from osr_boot.errors import CommandFailed, NotYet, OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

_BY = {"LABEL": "label", "UUID": "uuid", "PARTLABEL": "partlabel", "PARTUUID": "partuuid"}
_PLAIN = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#+-.:=@_"
"""what udev leaves as it is in the names of its links; source: udev_replace_chars() of systemd"""
_SPOKEN = "/run/osr/disk"
"""uptime at which a disk was last said to be waited for"""
_PATIENCE = 1.0
"""seconds that one call waits; between two calls dracut does what the disk may come by: LVM, iSCSI, multipath"""
_AS_LONG_AS_IT_TAKES = 7 * 86400.0
"""seconds: a check that is ended half way leaves the filesystem as it was, or worse"""
_REPAIRED = (1, 2, 3)
"""exit statuses of a filesystem that is all right now; source: man e2fsck"""


class FindDisk(Operation):
    """Wait until udev knows the disk."""

    device: str
    """`/dev/...`, `LABEL=...`, `UUID=...`, `PARTLABEL=...`, `PARTUUID=...`"""

    def describe(self) -> str:
        """See Operation."""
        return f"find the disk {self.device}"

    def execute(self, system: System) -> str:
        """See Operation. Returns what the kernel calls it. Raises NotYet as long as the boot may wait."""
        begin = system.uptime()
        while not (name := self._found(system)):
            now = system.uptime()
            if now >= system.deadline:
                raise self._missing(system)
            if now - begin >= _PATIENCE:
                self._speak(system, now)
                raise NotYet(f"waiting for the disk {self.device}")
            system.pause(0.1)
        return name

    def _found(self, system: System) -> str:
        """Return what the kernel calls the disk, empty as long as it is not there."""
        path = path_of(self.device)
        return _kernel_name(system, path) if system.exists(path) else ""

    def _missing(self, system: System) -> OsrError:
        hint = f"disks here: {_seen(system) or 'none'}; is it plugged in, is its driver in the image?"
        return OsrError(f"no disk {self.device} appeared", hint=hint)

    def _waited_for(self) -> str:
        return f"the disk {self.device}"

    def _speak(self, system: System, now: float) -> None:
        """Say at most every 10 s what is waited for."""
        if not system.exists(_SPOKEN) or now - float(system.read(_SPOKEN)) >= 10:
            system.say(f"waiting for {self._waited_for()}; disks here: {_seen(system) or 'none'}")
            system.write(_SPOKEN, f"{now:.1f}\n")


class FindMap(FindDisk):
    """Wait until the disk is one of multipath's maps: what it is found as before that is one of its ways alone."""

    def describe(self) -> str:
        """See Operation."""
        return f"find multipath's map of the disk {self.device}"

    def _found(self, system: System) -> str:
        name = super()._found(system)
        return name if _is_map(system, name) else ""

    def _missing(self, system: System) -> OsrError:
        if name := super()._found(system):
            hint = "does /etc/multipath.conf in the image let multipathd take the disk (find_multipaths, blacklist)?"
            return OsrError(f"{self.device} is /dev/{name}, and no map of multipath", hint=hint)
        return super()._missing(system)

    def _waited_for(self) -> str:
        return f"multipath's map of the disk {self.device}"


class CheckExt(Operation):
    """Check an ext2, ext3 or ext4 filesystem before it is mounted; one that was left in order takes no time."""

    device: str
    force: bool
    """True: whether it needs it or not"""

    def describe(self) -> str:
        """See Operation."""
        return f"check the filesystem of {self.device}{', needed or not' if self.force else ''}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("fsck.ext4", "-p", *(("-f",) if self.force else ()), path_of(self.device)),)

    def execute(self, system: System) -> str:
        """See Operation."""
        try:
            return system.run(self.commands()[0], timeout=_AS_LONG_AS_IT_TAKES).strip().rpartition("\n")[2]
        except CommandFailed as error:
            if error.status in _REPAIRED:
                return f"repaired: {'; '.join(error.output.splitlines()[:-1])[:500]}"
            hint = f"rd.shell gives a shell: `fsck.ext4 {path_of(self.device)}` there asks about each repair"
            said = (error.output or error.message).splitlines()[0]
            raise OsrError(f"{self.device} is not in order: {said}", hint=error.hint or hint) from None


def path_of(device: str) -> str:
    """Return the path of a disk: where udev links one with that label or UUID, encoded as udev does it."""
    key, equals, value = device.partition("=")
    if not equals or key not in _BY:
        return device
    value = value.lower() if key == "PARTUUID" else value
    encoded = "".join(
        letter if letter in _PLAIN or ord(letter) > 127
        else "".join(f"\\x{byte:02x}" for byte in letter.encode())
        for letter in value
    )  # fmt: skip
    return f"/dev/disk/by-{_BY[key]}/{encoded}"


def _kernel_name(system: System, path: str) -> str:
    return system.readlink(path).rpartition("/")[2] or path.rpartition("/")[2]


def _is_map(system: System, name: str) -> bool:
    """Say whether a disk is a map of multipath, or on one: a partition, or LVM's."""
    if not name:
        return False
    here = f"/sys/class/block/{name}"
    if system.exists(f"{here}/dm/uuid") and "mpath-" in system.read(f"{here}/dm/uuid"):
        return True
    return any(_is_map(system, below) for below in system.names(f"{here}/slaves"))


def _seen(system: System) -> str:
    """Return the disks and partitions of this machine, each with its label."""
    labels = {
        system.readlink(f"/dev/disk/by-label/{name}").rpartition("/")[2]: name
        for name in system.names("/dev/disk/by-label")
    }
    names = [name for name in system.names("/sys/class/block") if not name.startswith(("loop", "ram", "zram"))]
    return ", ".join(f"/dev/{name}{f' (LABEL={labels[name]})' if name in labels else ''}" for name in names)
