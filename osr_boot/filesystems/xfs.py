"""XFS roots on a disk of the node's own. Mounting replays the log; there is nothing to be checked before."""

from __future__ import annotations

from osr_boot.filesystems import Disk


class Xfs(Disk):
    """A root on a local disk."""

    names = ("xfs",)
    modules = ("xfs",)
    programs = ("mount",)
    shared = False
