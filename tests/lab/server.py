"""The server machine: exports the shared root by NFS (v3 and v4, real locks) to a bridge over all links to the nodes.

Booting it takes half a minute under emulation, so it boots once, is saved when ready (memory and disks), and every
later run resumes that state in seconds on throw-away overlays. It is always Debian 12, whatever the shared root is:
newer kernels were seen to hang in nfsd.
"""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

from . import accelerator, cache, disks, image
from .accelerator import Accelerator
from .errors import BuildFailed, LabError
from .machine import Disk, Link, Machine, Spec
from .progress import Progress
from .tree import BOOKWORM, Suite, root_tree

ADDRESS = "10.77.0.1"
SHARED_ROOT = "/srv/root"
LINKS = 4
MEMORY = 768  # MiB
APPEND = "root=/dev/vda rw net.ifnames=0 quiet"
EXCHANGE = "exchange.raw"
EXCHANGE_BYTES = 256 << 20  # sparse; of fixed size because it is part of the saved machine
# dracut without network and systemd: the server has a local root and should not wait for anything
INITRD = (
    "-m", "base rootfs-block kernel-modules udev-rules fs-lib",
    "-o", "ifcfg network network-manager systemd dbus dbus-daemon",
)  # fmt: skip
# what must hold before the machine is saved; the grace period is over when an open for writing by v4 would succeed
READY = """
systemctl is-active nfs-server.service osr-lab-bridge.service
exportfs -v | grep -q /srv/root
until grep -q Y /proc/fs/nfsd/v4_end_grace; do sleep 0.2; done
sync
echo 3 >/proc/sys/vm/drop_caches
"""


class Server(Machine):
    """The running server machine, with what tests do to the shared root."""

    @property
    def exchange(self) -> Path:
        """The disk by which files come in."""
        return self.directory / EXCHANGE

    def install(self, tar: bytes, *, target: str = SHARED_ROOT) -> None:
        """Unpack a tar (see `image.pack`) below `target`, owned by root. For the shared root do so before nodes boot.

        It travels by a disk that the host writes while the machine runs and the guest reads past its own cache: the
        command channel carries only 0.2 MB/s.
        """
        if len(tar) > EXCHANGE_BYTES:
            raise LabError(f"a tar of {len(tar)} bytes does not fit the exchange disk of {EXCHANGE_BYTES}")
        with self.exchange.open("r+b") as disk:
            disk.write(tar)
        count = -(-len(tar) // (1 << 20))
        self.run(
            f"dd if=/dev/vdc iflag=direct bs=1M count={count} status=none"
            f" | tar --extract --no-same-owner --keep-directory-symlink -C {shlex.quote(target)}",
            timeout=120,
        )

    def write(self, path: str, content: str) -> None:
        """Write one file of the server machine."""
        quoted = shlex.quote(path)
        self.run(f'mkdir -p "$(dirname {quoted})"; cat >{quoted} <<\'END-OF-FILE\'\n{content}\nEND-OF-FILE')

    def without_cdsl(self) -> None:
        """Let the shared root work for a boot that knows no CDSLs: its /var is then that of node 1 for everybody."""
        self.run(f"cd {SHARED_ROOT}; [ -L cdsl.local ] || {{ rmdir cdsl.local; ln -s cluster/cdsl/1 cdsl.local; }}")

    def clients(self) -> list[str]:
        """The NFSv4 client identities that the server holds state for, one "name" each."""
        names = self.run("cat /proc/fs/nfsd/clients/*/info 2>/dev/null | sed -n 's/^name: //p'")
        return [name.strip('"') for name in names.splitlines()]


def links(count: int) -> tuple[Link, ...]:
    """The server's ends of the links to the nodes."""
    return tuple(Link(f"link{number}", f"52:54:00:77:ff:{number:02x}", listens=True) for number in range(count))


def start(directory: Path, *, suite: Suite = BOOKWORM, count: int = LINKS, booted: bool = False) -> Server:
    """A server machine that is ready, serving the root of `suite`, with sockets link0 ... in `directory`.

    It is resumed from its saved state (made first if need be); `booted` boots it instead.
    """
    chosen = accelerator.accelerator(root_tree(BOOKWORM).kernel)
    if booted:
        bases = {name: (path, "raw") for name, path in _bases(suite).items()}
        return _boot(directory, bases, count, chosen)
    saved = _saved(suite, count, chosen)
    bases = {name: (saved / f"{name}.qcow2", "qcow2") for name in ("server", "shared-root")}
    incoming = f"exec:zstd -dcq {shlex.quote(str(saved / 'state.zst'))}"
    server = Server(_spec(directory, bases, count, "-incoming", incoming), chosen, directory)
    try:
        server.run(f"date -s @{int(time.time())}")  # its clock stood still
    except BaseException:
        server.kill()
        raise
    return server


def _bases(suite: Suite) -> dict[str, Path]:
    kinds = {"server": BOOKWORM, "shared-root": suite}
    return {kind: disks.disk(root_tree(of), kind) for kind, of in kinds.items()}


def _spec(directory: Path, bases: dict[str, tuple[Path, str]], count: int, *extra: str) -> Spec:
    tree = root_tree(BOOKWORM)
    overlays = [
        disks.throw_away(base, directory / f"{name}.qcow2", base_format=base_format)
        for name, (base, base_format) in bases.items()
    ]
    with (directory / EXCHANGE).open("wb") as exchange:
        exchange.truncate(EXCHANGE_BYTES)
    return Spec(
        name="server",
        kernel=tree.kernel,
        initrd=image.dracut(tree, INITRD),
        append=APPEND,
        memory=MEMORY,
        links=links(count),
        disks=(*(Disk(path) for path in overlays), Disk(directory / EXCHANGE, "raw")),
        extra=extra,
    )


def _words(count: int) -> list[str]:
    """The machine's options without paths of one run: a saved state fits only a machine of the same make."""
    tree = root_tree(BOOKWORM)
    return [str(tree.kernel), *Spec("server", memory=MEMORY, append=APPEND, links=links(count)).options()]


def _boot(directory: Path, bases: dict[str, tuple[Path, str]], count: int, chosen: Accelerator) -> Server:
    server = Server(_spec(directory, bases, count), chosen, directory)
    try:
        server.wait_up()
        server.run(f"set -e\n{READY}", timeout=60)
    except BaseException:
        server.kill()
        raise
    return server


def _saved(suite: Suite, count: int, chosen: Accelerator) -> Path:
    """The directory with the saved server machine: server.qcow2, shared-root.qcow2 and state.zst."""
    bases = _bases(suite)
    name = cache.key(
        "server 2", *(str(path) for path in bases.values()), *INITRD, READY, str(count), accelerator.version(),
        *chosen.options, *_words(count),
    )  # fmt: skip

    def build(partial: Path) -> None:
        progress = Progress(f"server machine for {suite.name} (boots once and is saved, 40 s)")
        with _boot(partial, {key: (path, "raw") for key, path in bases.items()}, count, chosen) as server:
            save(server, "state.zst")
        (partial / EXCHANGE).unlink()
        progress.finish()

    return cache.artefact("server", f"{suite.name}-{name}", build)


def save(server: Machine, name: str) -> None:
    """Write the machine's memory to file `name` in its directory and end it; its disks then belong to that state."""
    server.monitor.call("migrate", uri=f"exec:zstd -q -1 -T0 >{shlex.quote(name)}")
    while True:
        state: dict[str, Any] = server.monitor.call("query-migrate")
        if state["status"] == "completed":
            break
        if state["status"] in ("failed", "cancelled"):
            raise BuildFailed(f"the server machine could not be saved: {state}")
        time.sleep(0.1)
    server.monitor.call("quit")
    server.wait_exit(30)
