"""The Debian root tree from which every machine of the lab is made.

mmdebstrap makes it without privileges. It is one directory for all purposes: dracut runs in it, and the disks of the
server machine and of the shared root are written from it. Nothing ever changes it; who needs changes puts
an overlay on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import cache, namespace
from .progress import Progress

# what a node, the server machine and the build of an initrd need, in one tree
PACKAGES = (
    "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2",
    "linux-image-amd64", "zstd",
    "dracut-core", "dracut-network",
    "nfs-common", "nfs-kernel-server",
    "python3", "python3-lxml", "python3-netifaces",
    "ifupdown", "network-manager", "libnss-myhostname",
)  # fmt: skip
STEPS = re.compile(r"^(Unpacking|Setting up) ")


@dataclass(frozen=True)
class Suite:
    """One Debian release, and what differs in building it. `steps`: usual number of dpkg steps, for the percentage."""

    name: str
    packages: tuple[str, ...] = PACKAGES
    apt_options: tuple[str, ...] = field(default=())
    steps: int = 410

    def key(self) -> str:
        """The recipe's hash; whoever wants newer packages deletes the tree."""
        return cache.key("tree 1", self.name, *self.packages, *self.apt_options)


# dnsmasq for the server, which is Debian 12 always; two more are what dracut 059's network-legacy wants
BOOKWORM = Suite("bookworm", (*PACKAGES, "dnsmasq-base", "isc-dhcp-client", "iputils-arping", "netplan.io"))
# with the tools of cluster filesystems, for the cases that are about these
CLUSTERED = Suite("bookworm", (*BOOKWORM.packages, "ocfs2-tools", "gfs2-utils", "corosync", "dlm-controld"))
PACEMAKER = Suite("bookworm", (*CLUSTERED.packages, "pacemaker", "pacemaker-cli-utils"))
# with what leads to a disk that is not in the machine, or not by one way only
STORAGE = Suite("bookworm", (*BOOKWORM.packages, "open-iscsi", "multipath-tools", "lvm2", "xfsprogs"))
TRIXIE = Suite("trixie")
# sid moved switch_root into util-linux-extra; a mirror's sid may be a snapshot whose release file has expired
SID = Suite("sid", (*PACKAGES, "util-linux-extra"), ('Acquire::Check-Valid-Until "false"',))
SUITES = {suite.name: suite for suite in (BOOKWORM, TRIXIE, SID)}


@dataclass(frozen=True)
class Tree:
    """A finished root tree."""

    suite: Suite
    root: Path

    @property
    def kernel_version(self) -> str:
        """The one kernel's version, as dracut wants it."""
        (version,) = (entry.name for entry in (self.root / "usr/lib/modules").iterdir())
        return version

    @property
    def kernel(self) -> Path:
        """The kernel that QEMU loads."""
        return self.root / "boot" / f"vmlinuz-{self.kernel_version}"


def root_tree(suite: Suite = BOOKWORM) -> Tree:
    """The tree of `suite`, from the cache or made now: about a minute and a half, 0.8 GB."""
    namespace.check_host()
    made = cache.artefact("tree", f"{suite.name}-{suite.key()}", lambda partial: _build(suite, partial))
    return Tree(suite, made / "root")


def _build(suite: Suite, partial: Path) -> None:
    progress = Progress(f"root tree {suite.name} (mmdebstrap, 2 minutes the first time)", expected=suite.steps)

    def on_line(line: str) -> None:
        if STEPS.match(line):
            progress.step()

    namespace.run(
        [
            "mmdebstrap", "--verbose", "--mode=root", "--variant=minbase",
            *(f"--aptopt={option}" for option in suite.apt_options),
            f"--include={','.join(suite.packages)}",
            # documentation is a tenth of the tree and nobody reads it there
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            suite.name, str(partial / "root"),
        ],
        what=f"mmdebstrap {suite.name}", on_line=on_line, log=partial / "mmdebstrap.log",
    )  # fmt: skip
    progress.finish()
