"""Roots on a disk of the node's own: ext3, ext4 and xfs. Mounted on two nodes at once they destroy themselves."""

from __future__ import annotations

from osr_boot.filesystems import Disk


class Ext3(Disk):
    """A root on a local disk."""

    names = ("ext3", "ext4", "xfs")
    modules = ("ext4", "xfs")  # ext3 is ext4's; source: fs/ext4/Kconfig
    programs = ("mount",)
    shared = False
