"""How QEMU runs guests on this host: KVM where it works, else TCG.

/dev/kvm may exist, be writable, and yet hang every guest for ever, so a throw-away guest has to print its first line
under a short deadline. The answer is kept until the host boots again.
"""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import cache, namespace
from .console import Console
from .errors import GuestSilent

PROBE_SECONDS = 10
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Accelerator:
    """`slowness` is what time-outs are multiplied with."""

    name: str
    options: tuple[str, ...]
    slowness: float


KVM = Accelerator("kvm", ("-accel", "kvm", "-cpu", "host"), 1.0)
# -cpu max: a guest was seen stuck in clear_page_erms for minutes. qemu64 boots with 10 % less processor time than
# Nehalem, whose SSE4 instructions are emulated one by one. tb-size: the default of 1 GiB per guest is for servers.
TCG = Accelerator("tcg", ("-accel", "tcg,thread=multi,tb-size=256", "-cpu", "qemu64"), 4.0)


def accelerator(kernel: Path) -> Accelerator:
    """The better of the two that works, probed with `kernel` (any Linux). $OSR_LAB_ACCELERATOR (kvm, tcg) overrides."""
    forced = os.environ.get("OSR_LAB_ACCELERATOR")
    if forced:
        return {"kvm": KVM, "tcg": TCG}[forced]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    answer = cache.directory() / f"accelerator-{cache.key(BOOT_ID.read_text(), version())}"
    if not answer.exists():
        answer.write_text("kvm" if _kvm_works(kernel) else "tcg")
    return KVM if answer.read_text() == "kvm" else TCG


def version() -> str:
    """QEMU's own version line: saved machine states depend on it."""
    return subprocess.run(
        ["qemu-system-x86_64", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        env={"PATH": namespace.SEARCH},
    ).stdout.splitlines()[0]  # fmt: skip


def _kvm_works(kernel: Path) -> bool:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [
            "setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64", *KVM.options,
            "-nodefaults", "-display", "none", "-m", "256",
            "-chardev", f"socket,id=console,fd={theirs.fileno()}", "-serial", "chardev:console",
            "-no-reboot", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
    )  # fmt: skip
    theirs.close()
    console = Console(ours, "KVM probe")
    try:
        console.wait_for("Linux version", timeout=PROBE_SECONDS)
        # later than the first line: this needs interrupts and a clock
        console.wait_for("Run /init as init process|Unable to mount root fs|Kernel panic", timeout=PROBE_SECONDS)
        return True
    except GuestSilent:
        return False
    finally:
        process.kill()
        process.wait()
        console.close()
