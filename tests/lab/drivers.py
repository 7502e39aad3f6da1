"""A small /lib/modules for the lab's images.

Copying and packing a distribution's 4,000 drivers is most of the time that dracut takes. With only what a QEMU machine
and the shared filesystems need, the HowTo's literal dracut command makes an image in seconds, without options that a
real administrator would not give.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from . import cache
from .tree import Tree

# whole directories (or files) below kernel/ of the modules tree; what they depend on comes along
WANTED = (
    "drivers/virtio", "drivers/block/virtio_blk", "drivers/net/virtio_net", "drivers/char/virtio_console",
    "drivers/char/hw_random/virtio-rng", "drivers/net/ethernet/intel/e1000", "drivers/net/ethernet/intel/e100.ko",
    "drivers/net/bonding", "drivers/net/dummy",
    "net/8021q", "net/bridge", "net/packet",
    "fs/nfs", "fs/lockd", "net/sunrpc", "fs/fscache",
    "fs/ext4", "fs/xfs", "fs/gfs2", "fs/dlm", "fs/ocfs2", "fs/configfs", "fs/overlayfs",
    "drivers/scsi/sd_mod", "drivers/scsi/virtio_scsi", "drivers/scsi/iscsi_tcp", "drivers/scsi/device_handler",
    "drivers/md/dm-mod", "drivers/md/dm-multipath", "drivers/md/dm-service-time", "drivers/md/dm-round-robin",
    "crypto/crc32c_generic", "arch/x86/crypto/crc32c-intel", "lib/libcrc32c",
)  # fmt: skip


def small_modules(tree: Tree) -> Path:
    """A directory to bind over the tree's /lib/modules/VERSION, from the cache or made now (1 s)."""
    name = cache.key("drivers 1", tree.suite.key(), *WANTED)
    made = cache.artefact("drivers", f"{tree.suite.name}-{name}", lambda partial: _pick(tree, partial))
    return made / tree.kernel_version


def _pick(tree: Tree, partial: Path) -> None:
    source = tree.root / "usr/lib/modules" / tree.kernel_version
    target = partial / tree.kernel_version
    depends: dict[str, list[str]] = {}
    for line in (source / "modules.dep").read_text().splitlines():
        module, _, needed = line.partition(":")
        depends[module] = needed.split()
    prefixes = tuple(f"kernel/{wanted}" for wanted in WANTED)
    picked: set[str] = set()
    todo = [module for module in depends if module.startswith(prefixes)]
    while todo:
        module = todo.pop()
        if module not in picked:
            picked.add(module)
            todo.extend(depends[module])
    for relative in sorted(picked):
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / relative, target / relative)
    # modules.builtin and modules.order are depmod's input; it writes the others anew in the tree
    for index in source.glob("modules.*"):
        shutil.copy(index, target)
