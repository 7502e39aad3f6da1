"""The server machine: exports the shared root by NFS (v3 and v4, real locks) to a bridge over all links to the nodes.

Booting it takes half a minute under emulation, so it boots once, is saved when ready (memory and disks), and every
later run resumes that state in seconds on throw-away overlays. It is always Debian 12, whatever the shared root is:
newer kernels were seen to hang in nfsd.
"""

from __future__ import annotations

import base64
import gzip
import shlex
import time
from pathlib import Path
from typing import Any

from . import accelerator, cache, disks, image
from .accelerator import Accelerator
from .errors import BuildFailed
from .machine import Disk, Link, Machine, Spec
from .progress import Progress
from .tree import BOOKWORM, Suite, root_tree

ADDRESS = "10.77.0.1"
SHARED_ROOT = "/srv/root"
LINKS = 4
# dracut without network and systemd: the server has a local root and should not wait for anything
INITRD = ("-m", "base rootfs-block kernel-modules udev-rules fs-lib", "-o", "ifcfg network network-manager systemd dbus dbus-daemon")
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

    def install(self, tar: bytes) -> None:
        """Unpack a tar (see `image.pack`) over the shared root, owned by root. Do so before nodes boot."""
        text = base64.b64encode(gzip.compress(tar, mtime=0)).decode()
        self.run(f"base64 -d <<'END' | tar --extract --gzip --no-same-owner --keep-directory-symlink -C {SHARED_ROOT}\n{text}\nEND")

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
    return {"server": disks.disk(root_tree(BOOKWORM), "server"), "shared-root": disks.disk(root_tree(suite), "shared-root")}


def _spec(directory: Path, bases: dict[str, tuple[Path, str]], count: int, *extra: str) -> Spec:
    tree = root_tree(BOOKWORM)
    overlays = [
        disks.throw_away(base, directory / f"{name}.qcow2", base_format=base_format)
        for name, (base, base_format) in bases.items()
    ]
    return Spec(
        name="server",
        kernel=tree.kernel,
        initrd=image.dracut(tree, INITRD),
        append="root=/dev/vda rw net.ifnames=0 quiet",
        memory=768,
        links=links(count),
        disks=tuple(Disk(path) for path in overlays),
        extra=extra,
    )


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
        "server 1", *(str(path) for path in bases.values()), *INITRD, READY, str(count), accelerator.version(),
        *chosen.options, Path(__file__).read_text(), (Path(__file__).parent / "machine.py").read_text(),
    )  # fmt: skip

    def build(partial: Path) -> None:
        progress = Progress(f"server machine for {suite.name} (boots once and is saved, 40 s)")
        with _boot(partial, {key: (path, "raw") for key, path in bases.items()}, count, chosen) as server:
            save(server, "state.zst")
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
