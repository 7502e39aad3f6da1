"""A disk that several nodes mount at once: the shared root as a cluster filesystem.

Only the kernel can write such a filesystem, so a machine boots once from the server's disk, makes it and copies the
tree there. Each run then has a raw copy of its own: an overlay cannot be written by two machines.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from . import accelerator, cache, disks, image
from .machine import Disk, Machine, Spec
from .progress import Progress
from .server import APPEND, INITRD
from .tree import Tree

SIZE = 4 << 30
CLUSTER = "lab"
LABEL = "shared-root"
# $(hostname) is the node that o2cb takes itself for
OCFS2 = rf"""
mkdir -p /etc/ocfs2 /from /to
hostname maker
printf 'cluster:\n\tnode_count = 1\n\tname = {CLUSTER}\n\nnode:\n\tip_port = 7777\n\tip_address = 127.0.0.1\n' \
    >/etc/ocfs2/cluster.conf
printf '\tnumber = 1\n\tname = maker\n\tcluster = {CLUSTER}\n' >>/etc/ocfs2/cluster.conf
modprobe -a ocfs2_stack_o2cb ocfs2_dlm ocfs2
mkfs.ocfs2 -q --cluster-stack=o2cb --cluster-name={CLUSTER} -N 4 -L {LABEL} /dev/vdc </dev/null
o2cb register-cluster {CLUSTER}
mount /dev/vdb /from
mount -t ocfs2 /dev/vdc /to
cp -ax /from/. /to/
umount /to
sync
"""


GFS2 = rf"""
mkdir -p /from /to
modprobe gfs2
mkfs.gfs2 -q -O -p lock_dlm -t {CLUSTER}:{LABEL} -j 2 -J 32 /dev/vdc
mount /dev/vdb /from
mount -t gfs2 -o lockproto=lock_nolock /dev/vdc /to
cp -ax /from/. /to/
umount /to
sync
"""


def gfs2(tree: Tree) -> Path:
    """The raw image of a GFS2 with the shared root and two journals; made now in some minutes, or from the cache."""
    return _made(tree, "gfs2", GFS2)


def ocfs2(tree: Tree) -> Path:
    """The raw image of an OCFS2 with the shared root; made now in some minutes, or from the cache."""
    return _made(tree, "ocfs2", OCFS2)


XFS_ON_LVM = r"""
mkdir -p /from /to
modprobe -a dm-mod xfs
pvcreate -q /dev/vdc
vgcreate -q lab /dev/vdc
lvcreate -q -n root -l 100%FREE lab
mkfs.xfs -q /dev/lab/root
mount /dev/vdb /from
mount /dev/lab/root /to
cp -ax /from/. /to/
umount /to
vgchange -q -an lab
sync
"""


def xfs_on_lvm(tree: Tree) -> Path:
    """The raw image of a disk with a volume group and an XFS root on its logical volume; for one node, of course."""
    return _made(tree, "xfs-on-lvm", XFS_ON_LVM)


def copy(base: Path, target: Path) -> Disk:
    """A disk for several machines, which is theirs alone."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", "--", str(base), str(target)], check=True)
    return Disk(target, "raw", shared=True)


def _made(tree: Tree, kind: str, script: str) -> Path:
    bases = disks.disk(tree, "server"), disks.disk(tree, "shared-root")
    name = cache.key("shared disk 1", *(str(base) for base in bases), *INITRD, script, str(SIZE))

    def build(partial: Path) -> None:
        progress = Progress(f"shared disk {kind} {tree.suite.name} (a machine copies the tree, some minutes)")
        path = partial / "disk.raw"
        with path.open("wb") as disk:
            disk.truncate(SIZE)
        with tempfile.TemporaryDirectory(prefix="osr-lab-") as name:
            directory = Path(name)
            overlays = [disks.throw_away(base, directory / f"{number}.qcow2") for number, base in enumerate(bases)]
            spec = Spec(
                name="maker",
                kernel=tree.kernel,
                initrd=image.dracut(tree, INITRD),
                append=APPEND,
                memory=1024,
                disks=(*(Disk(overlay) for overlay in overlays), Disk(path, "raw")),
            )
            with Machine(spec, accelerator.accelerator(tree.kernel), directory) as machine:
                machine.wait_up()
                machine.run(script, timeout=1800)
                machine.poweroff()
        progress.finish()

    return cache.artefact("disk", f"{kind}-{tree.suite.name}-{name}", build) / "disk.raw"
