"""OCFS2 roots: one disk, mounted by all nodes, which know each other by o2cb. A node that fails fences itself."""

from __future__ import annotations

import struct

from osr_boot.cluster import o2cb
from osr_boot.errors import OsrError
from osr_boot.filesystems import Disk, Problem
from osr_boot.ops import Operation
from osr_boot.ops.disks import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Node, Volume
    from osr_boot.system import System

LONGEST_NAME = 16
"""letters and digits of a cluster name; source: `man mkfs.ocfs2`, option --cluster-name"""
# Source: struct ocfs2_super_block in fs/ocfs2/ocfs2_fs.h. It is in block 2, and a block has 512 to 4096 bytes.
_SIGNATURE = b"OCFSV2"
_BLOCKS = (512, 1024, 2048, 4096)
_SUPER, _SLOTS, _STACK = 0xC0, 0x40, 0xA0
_GLOBAL = 1  # OCFS2_CLUSTER_O2CB_GLOBAL_HEARTBEAT


class CheckOcfs2(Operation):
    """Compare what the disk says of its cluster with cluster.conf: mount would only say "Invalid argument"."""

    device: str
    cluster: str
    nodes: int
    """how many there are"""
    heartbeat: str = "local"
    """`local`: on the disk itself; `global`: on the regions of cluster.conf"""

    def describe(self) -> str:
        """See Operation."""
        return f'check that {self.device} is an OCFS2 of cluster "{self.cluster}" with room for {self.nodes} nodes'

    def execute(self, system: System) -> str:
        """See Operation. Too few slots are a warning: some of the nodes can have the root."""
        device = path_of(self.device)
        try:
            stack, cluster, slots, heartbeat = superblock(system.content(device, 3 * _BLOCKS[-1]))
        except ValueError:
            hint = "`blkid` shows what is on it; docs/disks.md shows how to make an OCFS2"
            raise OsrError(f"there is no OCFS2 on {self.device}", hint=hint) from None
        # tunefs.ocfs2 --update-cluster-stack wants the disk's old cluster to run, which is nowhere.
        mend = f"with the filesystem mounted nowhere: o2cluster --update=o2cb,{self.cluster},{self.heartbeat} {device}"
        if stack not in ("", "o2cb"):
            raise OsrError(f'the OCFS2 on {self.device} is made for the cluster stack "{stack}", not o2cb', hint=mend)
        if cluster not in ("", self.cluster):
            text = f'the OCFS2 on {self.device} is of cluster "{cluster}", and cluster.conf says "{self.cluster}"'
            raise OsrError(text, hint=f"correct the name in cluster.conf, or {mend}")
        if heartbeat != self.heartbeat:
            says = "names regions for it" if self.heartbeat == "global" else "names no regions for it"
            text = f"the OCFS2 on {self.device} is made for the {heartbeat} heartbeat, and cluster.conf {says}"
            raise OsrError(text, hint=f"correct <o2cb regions=...> in cluster.conf, or {mend}")
        if slots < self.nodes:
            text = f"{self.device} has {slots} slots, and the cluster {self.nodes} nodes: not all can have it at once"
            system.say(f"warning: {text}; with it mounted nowhere: tunefs.ocfs2 -N {self.nodes} {device}")
        return f"{slots} slots"


def superblock(data: bytes) -> tuple[str, str, int, str]:
    """Return stack, cluster name (empty: it says none), slots and heartbeat of an OCFS2. Raises ValueError: none."""
    for block in _BLOCKS:
        at = 2 * block
        found = at + _SUPER
        if data[at : at + len(_SIGNATURE)] == _SIGNATURE and len(data) >= found + _STACK + 24:
            stack, flags, name = struct.unpack_from("4sB3x16s", data, found + _STACK)
            (slots,) = struct.unpack_from("<H", data, found + _SLOTS)
            return _text(stack), _text(name), slots, "global" if flags & _GLOBAL else "local"
    raise ValueError("no OCFS2")


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("ascii", "replace")


class Ocfs2(Disk):
    """A root on a shared disk."""

    names = ("ocfs2",)
    modules = ("ocfs2", *o2cb.MODULES)
    programs = ("mount", "mount.ocfs2", "ocfs2_hb_ctl", *o2cb.PROGRAMS)
    shutdown = ("ocfs2_hb_ctl",)  # what the kernel calls when it is unmounted; source: fs/ocfs2/stackglue.c
    stack = "o2cb"
    attempts = 0

    @classmethod
    def check_cluster(cls, cluster: Cluster, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        """See Filesystem."""
        if not 1 <= len(cluster.name) <= LONGEST_NAME or not (cluster.name.isascii() and cluster.name.isalnum()):
            hint = f'write name="..." with 1 to {LONGEST_NAME} letters and digits, and format the disk for that name'
            yield Problem("error", f'the name "{cluster.name[:80]}" is no name for a cluster with OCFS2', hint=hint)
        for node in nodes:
            if node.nodeid > o2cb.LARGEST_ID:
                hint = f"choose one from 1 to {o2cb.LARGEST_ID}"
                message = f"nodeid {node.nodeid} is larger than o2cb bears ({o2cb.LARGEST_ID})"
                yield Problem("error", message, hint=hint, node=node)
            if not o2cb.address_of(node):
                hint = "add ip= and mask= to one of its links that is brought up"
                yield Problem("error", "has no static IPv4 address, by which o2cb knows a node", hint=hint, node=node)

    @classmethod
    def prepare(cls, volume: Volume, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Disk."""
        heartbeat = "global" if cluster.o2cb.regions else "local"
        yield CheckOcfs2(volume.name, cluster.name, len(tuple(o2cb.members(cluster))), heartbeat)
