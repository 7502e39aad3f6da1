"""Roots on a disk of the node's own: ext3, ext4 and xfs. Mounted on two nodes at once they destroy themselves."""

from __future__ import annotations

from osr_boot.filesystems import Disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Volume
    from osr_boot.ops import Operation


class Ext3(Disk):
    """A root on a local disk, which is checked first."""

    names = ("ext3", "ext4")
    modules = ("ext4",)  # ext3 is ext4's; source: fs/ext4/Kconfig
    programs = ("mount", "fsck.ext4")
    shared = False

    @classmethod
    def prepare(cls, volume: Volume, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Disk."""
        from osr_boot.ops.disks import CheckExt

        if cmdline.fsck != "skip":
            yield CheckExt(volume.name, cmdline.fsck == "force")
