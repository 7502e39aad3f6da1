"""One QEMU machine: what it is made of (`Spec`), and the running thing with its console, command channel and monitor.

Its sockets are pairs made before QEMU starts, so nothing has to be waited for or to be found by name. Only the links
between machines have names, below the run directory, which is QEMU's working directory: paths stay short.
A machine dies with the thread that started it (PR_SET_PDEATHSIG): start machines from the main thread.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from . import namespace
from .accelerator import Accelerator
from .channel import Channel, Monitor
from .console import Console
from .errors import GuestFailed, GuestSilent, LabError

FIRMWARE = Path("/usr/share/OVMF")
# tsc=unstable: under emulation the clocksource watchdog would say the same after a second, with a page of text
# no_timer_check: on a loaded host an emulated timer may miss the moment in which the kernel tries it, and it panics
APPEND = "console=ttyS0 tsc=unstable no_timer_check panic=-1"


@dataclass(frozen=True)
class Disk:
    """A virtio disk. `shared` is for one raw file in several machines at once (cluster filesystems)."""

    path: Path
    format: str = "qcow2"
    shared: bool = False

    def options(self, number: int) -> list[str]:
        """QEMU's words for the disk that becomes /dev/vda, /dev/vdb, ..."""
        mode = "cache=none,file.locking=off" if self.shared else "cache=unsafe"
        drive = f"file={self.path},if=none,id=disk{number},format={self.format},{mode}"
        return ["-drive", drive, "-device", f"virtio-blk-pci,drive=disk{number},serial=disk{number}"]


@dataclass(frozen=True)
class Link:
    """One end of a cable: a socket name below the run directory. The end that `listens` has to be started first."""

    name: str
    mac: str
    listens: bool = False
    boot_rom: bool = False
    card: str = "virtio-net-pci"

    def options(self, number: int) -> list[str]:
        """QEMU's words for the link."""
        side = "on" if self.listens else "off"
        rom = "" if self.boot_rom else ",romfile="
        # An aggregate takes a card only if its speed is known. Others than virtio's say theirs by themselves.
        speed = ",speed=1000,duplex=full" if self.card == Link.card else ""
        return [
            "-netdev", f"stream,id=link{number},server={side},addr.type=unix,addr.path={self.name}.sock",
            "-device", f"{self.card},netdev=link{number},mac={self.mac}{speed}{rom}",
        ]  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """What a machine is made of. Without a kernel it boots from what its firmware finds (disk or PXE)."""

    name: str
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    memory: int = 512
    processors: int = 1
    links: tuple[Link, ...] = ()
    disks: tuple[Disk, ...] = ()
    uefi: bool = False
    reboots: bool = False
    extra: tuple[str, ...] = field(default=())

    def options(self) -> list[str]:
        """QEMU's words for all that has no file descriptor."""
        words = ["-nodefaults", "-display", "none", "-machine", "q35"]
        words += ["-m", str(self.memory), "-smp", str(self.processors)]
        if self.kernel:
            words += ["-kernel", str(self.kernel), "-append", f"{APPEND} {self.append}".strip()]
        if self.initrd:
            words += ["-initrd", str(self.initrd)]
        if self.uefi:
            words += ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}/OVMF_CODE_4M.fd"]
            words += ["-drive", f"if=pflash,format=raw,file={self.name}.vars"]
        if not self.reboots:
            words.append("-no-reboot")
        for number, disk in enumerate(self.disks):
            words += disk.options(number)
        for number, link in enumerate(self.links):
            words += link.options(number)
        words += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        return [*words, *self.extra]


class Machine:
    """A running machine; as a context manager it is dead when the block ends, however that ends."""

    def __init__(self, spec: Spec, accelerator: Accelerator, directory: Path) -> None:
        """Switch the machine on. Its console log and QEMU's own words lie in `directory` as NAME.console, NAME.qemu."""
        self.spec = spec
        self.name = spec.name
        self.directory = directory
        self._accelerator = accelerator
        variables = directory / f"{spec.name}.vars"
        if spec.uefi and not variables.exists():  # kept across machines of one name: EFI variables are remembered
            shutil.copyfile(FIRMWARE / "OVMF_VARS_4M.fd", variables)
        pairs = {port: socket.socketpair() for port in ("console", "channel", "monitor")}
        words = ["setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64", *accelerator.options, *spec.options()]
        for port, (_, theirs) in pairs.items():
            log = f",logfile={spec.name}.console" if port == "console" else ""
            words += ["-chardev", f"socket,id={port},fd={theirs.fileno()}{log}"]
        words += ["-serial", "chardev:console", "-mon", "chardev=monitor,mode=control"]
        words += ["-device", "virtserialport,chardev=channel,name=osr.lab"]
        self._stderr = directory / f"{spec.name}.qemu"
        with self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                words, cwd=directory, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=[theirs.fileno() for _, theirs in pairs.values()], env={"PATH": namespace.SEARCH},
            )  # fmt: skip
        self.started = time.monotonic()
        for _, theirs in pairs.values():
            theirs.close()
        self.console = Console(pairs["console"][0], spec.name)
        self._channel = Channel(pairs["channel"][0], spec.name)
        self.monitor = Monitor(pairs["monitor"][0])

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether QEMU still runs."""
        return self._process.poll() is None

    @property
    def age(self) -> float:
        """Seconds since power-on."""
        return time.monotonic() - self.started

    def run(self, script: str, *, timeout: float = 60) -> str:
        """The output of a sh script in the guest; raises `GuestFailed` with it when the status is not 0."""
        status, output = self.try_run(script, timeout=timeout)
        if status != 0:
            raise GuestFailed(f"on '{self.name}' status {status} from: {script}\n{output}")
        return output

    def try_run(self, script: str, *, timeout: float = 60) -> tuple[int, str]:
        """Status and output of a sh script in the guest; 124 if it took longer than `timeout` seconds."""
        try:
            return self._channel.call(script, timeout=timeout)
        except GuestSilent as error:
            raise GuestSilent(
                f"{error}, running: {script}\nlast lines of its console:\n{self.console.tail()}"
            ) from None

    def wait_up(self, timeout: float = 240) -> float:
        """Wait until the full system answers on the command channel; seconds since power-on.

        Only the booted system starts the channel, after multi-user.target: no initrd and no rescue shell can answer.
        """
        try:
            self._channel.call("true", timeout=timeout, patience=0)
        except GuestSilent as error:
            raise GuestSilent(
                f"'{self.name}' is not up: {error}\n{self._last_words()}"
                f"last lines of its console:\n{self.console.tail()}"
            ) from None
        return self.age

    def poweroff(self, timeout: float = 120) -> float:
        """Shut down in order, from inside; seconds that it took."""
        asked = time.monotonic()
        self.run("systemctl --no-block poweroff")
        self.wait_exit(timeout)
        return time.monotonic() - asked

    def wait_exit(self, timeout: float = 120) -> None:
        """Wait until the machine switches itself off; raises `GuestSilent` if it does not, `LabError` if QEMU fails."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise GuestSilent(
                f"'{self.name}' still runs after {timeout:.0f} s; last lines of its console:\n{self.console.tail()}"
            ) from None
        self.console.wait_closed()
        if status != 0:
            raise LabError(f"qemu of '{self.name}' ended with status {status}\n{self._last_words()}")

    def kill(self) -> None:
        """Power loss."""
        if self.running:
            self._process.kill()
        self._process.wait()
        self.console.close()
        self._channel.close()
        self.monitor.close()

    def _last_words(self) -> str:
        words = self._stderr.read_text(errors="replace").strip()
        return f"qemu says: {words}\n" if words else ""


def end_all(machines: Sequence[Machine]) -> None:
    """Power loss for all, the latest first."""
    for machine in reversed(machines):
        machine.kill()
