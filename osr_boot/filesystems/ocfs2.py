"""OCFS2 roots: one disk, mounted by all nodes, which know each other by o2cb. A node that fails fences itself."""

from __future__ import annotations

from osr_boot.filesystems import Disk, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Node

LARGEST_ID = 254
"""source: O2NM_MAX_NODES in fs/ocfs2/cluster/ocfs2_nodemanager.h of the kernel: numbers 0 to 254"""
LONGEST_NAME = 16
"""letters and digits of a cluster name; source: `man mkfs.ocfs2`, option --cluster-name"""


class Ocfs2(Disk):
    """A root on a shared disk."""

    names = ("ocfs2",)
    modules = ("ocfs2", "ocfs2_dlmfs", "ocfs2_stack_o2cb")
    programs = ("mount",)
    supported = False
    stack = "o2cb"

    @classmethod
    def check_cluster(cls, cluster: Cluster, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        """See Filesystem."""
        if not 1 <= len(cluster.name) <= LONGEST_NAME or not (cluster.name.isascii() and cluster.name.isalnum()):
            hint = f'write name="..." with 1 to {LONGEST_NAME} letters and digits, and format the disk for that name'
            yield Problem("error", f'the name "{cluster.name[:80]}" is no name for a cluster with OCFS2', hint=hint)
        for node in nodes:
            if node.nodeid > LARGEST_ID:
                hint = f"choose one from 1 to {LARGEST_ID}"
                message = f"nodeid {node.nodeid} is larger than o2cb bears ({LARGEST_ID})"
                yield Problem("error", message, hint=hint, node=node)
            if not any(nic.address and nic.address != "dhcp" for nic in node.nics):
                hint = "add ip= and mask= to one of its links"
                yield Problem("error", "has no static address, by which o2cb knows a node", hint=hint, node=node)
