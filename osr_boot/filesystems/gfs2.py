"""GFS2 roots: one disk, mounted by all nodes, its locks kept by DLM, whose members corosync knows.

Quorum: corosync's votequorum counts the votes of all nodes; source: `man votequorum`.
"""

from __future__ import annotations

from osr_boot.filesystems import Disk, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Node

LONGEST_NAME = 32
"""letters of a cluster name in a lock table; source: `man mkfs.gfs2`, option -t"""


class Gfs2(Disk):
    """A root on a shared disk."""

    names = ("gfs2",)
    modules = ("gfs2", "dlm")
    programs = ("mount",)
    supported = False
    stack = "dlm"

    @classmethod
    def check_cluster(cls, cluster: Cluster, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        """See Filesystem."""
        if not 1 <= len(cluster.name) <= LONGEST_NAME or ":" in cluster.name:
            hint = f'a GFS2 lock table begins with it: write name="..." with 1 to {LONGEST_NAME} letters and no colon'
            yield Problem("error", f'the name "{cluster.name[:80]}" is no name for a cluster with GFS2', hint=hint)
        yield from _quorum(cluster)
        unfenced = [node for node in nodes if not node.fenced]
        if unfenced:
            count = f" ({len(unfenced):,} nodes)" if len(unfenced) > 1 else ""
            yield Problem(
                "warning",
                f"has no fencing: when it fails, all others wait before the root until somebody says it is dead{count}",
                hint="add <fencedevices>, and <fence><method><device/></method></fence> to each node",
                node=unfenced[0],
            )


def _quorum(cluster: Cluster) -> Iterator[Problem]:
    """Yield what is wrong with the votes."""
    count, votes = len(cluster.nodes), sum(node.votes for node in cluster.nodes)
    if not votes:
        yield Problem("error", "no node has a vote: there is never a quorum", hint='write votes="1" or leave it out')
    if cluster.two_node:
        if count != 2:
            hint = "remove two_node: a majority of the nodes has the quorum then"
            yield Problem("error", f"two_node is set, and the cluster has {count} nodes", hint=hint)
        elif votes != 2:
            hint = 'write votes="1" in both nodes, or leave it out'
            yield Problem("error", f"two_node is set, and the two nodes have {votes} votes", hint=hint)
        return
    if count == 2:
        yield Problem(
            "warning",
            "two nodes without two_node: when one of them is down, the other has no quorum and waits",
            hint='add <cman two_node="1" expected_votes="1"/>',
        )
    if cluster.expected_votes not in (0, votes):
        yield Problem(
            "warning",
            f"expected_votes is {cluster.expected_votes}, and the nodes have {votes} votes: those of the nodes count",
            hint="leave expected_votes out",
        )
