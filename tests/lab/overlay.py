"""Work on a root tree without changing it: an overlay over it, in a namespace, with the tree as root directory.

Used to write disks (prepare, then mkfs) and to run programs such as dracut in the tree with the project laid over it.
"""

from __future__ import annotations

from pathlib import Path

from . import namespace

# $1 root tree, $2 scratch directory on a filesystem with user xattrs; afterwards $merged is the writable view.
# userxattr: without privileges the overlay's own marks are user.*. source: Documentation/filesystems/overlayfs.rst
MOUNT = """
merged=$2/merged
mkdir -p "$2/upper" "$2/work" "$merged"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,userxattr" "$merged"
"""

# What programs in the tree need. A namespace may not make device nodes, so the host's harmless ones are bound.
# /dev must not be sticky and world-writable, a tmpfs' default: opening somebody else's node there with O_CREAT, as
# the shell's ">" does, is refused (source: may_create_in_sticky in the kernel's fs/namei.c).
# /sys is the host's (dracut looks at it): mounting a new one needs a network namespace.
FURNISH = """
mount -t proc proc "$merged/proc"
mount --rbind /sys "$merged/sys"
mount -t tmpfs -o mode=0755 tmpfs "$merged/dev"
for node in null zero full random urandom tty; do
    : >"$merged/dev/$node"
    mount --bind "/dev/$node" "$merged/dev/$node"
done
ln -s /proc/self/fd "$merged/dev/fd"
mkdir "$merged/dev/shm"
for directory in tmp run; do
    mount -t tmpfs tmpfs "$merged/$directory"
done
"""


def run(
    script: str,
    root: Path,
    scratch: Path,
    *arguments: str,
    what: str,
    log: Path | None = None,
) -> str:
    """Run a sh script outside the tree but with the overlay mounted at $merged; its own arguments begin at $3."""
    try:
        return namespace.shell(MOUNT + FURNISH + script, str(root), str(scratch), *arguments, what=what, log=log)
    finally:
        namespace.remove(scratch)

