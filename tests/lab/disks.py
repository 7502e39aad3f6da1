"""Disks made from a root tree without privileges: the server machine's own, and the one with the shared root.

`mkfs.ext4 -d` runs in the namespace that owns the tree's files, so the disk carries uid 0 and not a subordinate id;
that is checked, because a wrong owner shows only much later (sudo, sshd and dbus refuse). Machines get throw-away
overlays.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import cache, namespace, overlay
from .errors import BuildFailed
from .progress import Progress
from .tree import Tree

GUEST_FILES = Path(__file__).parent / "guest"


@dataclass(frozen=True)
class Kind:
    """What a disk is made of: its preparation in guest/, its size (sparse; the tree has 0.8 GB), its filesystem."""

    prepare: str
    size: str
    filesystem: str = "ext4"


KINDS = {
    "server": Kind("server", "3G"),
    "shared-root": Kind("shared-root", "6G"),
    "local-root": Kind("shared-root", "3G", "ext3"),
}

# $3 directory of the guest files, $4 preparation, $5 disk to write, $6 its size, $7 its filesystem, $8 its label
WRITE = """
mkdir "$merged/tmp/guest"
mount --bind "$3" "$merged/tmp/guest"
for part in common "$4"; do
    chroot "$merged" sh -euc ". /tmp/guest/prepare-$part.sh" sh /tmp/guest
done
for directory in dev proc sys tmp run; do
    umount -l "$merged/$directory"
done
mkfs.ext4 -q -F -t "$7" -m 0 -L "$8" -E lazy_itable_init=1,lazy_journal_init=1 -d "$merged" "$5" "$6"
"""


def disk(tree: Tree, kind: str) -> Path:
    """The raw disk image of a kind of `KINDS`, from the cache or written now (10 s)."""
    files = [part for file in sorted(GUEST_FILES.iterdir()) for part in (file.name, file.read_bytes())]
    name = cache.key("disk 1", tree.suite.key(), WRITE, *vars(KINDS[kind]).values(), *files)
    made = cache.artefact("disk", f"{kind}-{tree.suite.name}-{name}", lambda partial: _write(tree, kind, partial))
    return made / "disk.raw"


def _write(tree: Tree, kind: str, partial: Path) -> None:
    progress = Progress(f"disk {kind} {tree.suite.name} (mkfs.ext4 -d)")
    image = partial / "disk.raw"
    made = KINDS[kind]
    overlay.run(
        WRITE, tree.root, partial / "scratch",
        str(GUEST_FILES), made.prepare, str(image), made.size, made.filesystem, kind,
        what=f"writing disk '{image}'",
    )  # fmt: skip
    owner = owner_on_disk(image, "/etc/shadow")
    if owner != 0:
        raise BuildFailed(f"/etc/shadow on '{image}' belongs to uid {owner}, not 0")
    progress.finish()


def owner_on_disk(image: Path, path: str) -> int:
    """The uid that `path` has on an ext4 image, read without mounting it."""
    answer = subprocess.run(
        ["debugfs", "-R", f"stat {path}", str(image)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, env={"PATH": namespace.SEARCH},
    ).stdout  # fmt: skip
    words = answer.split()
    return int(words[words.index("User:") + 1])


def throw_away(base: Path, target: Path, *, base_format: str = "raw") -> Path:
    """A qcow2 overlay `target` over `base`: writes go there and `base` stays as it is."""
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", str(base), str(target)],
        stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return target
