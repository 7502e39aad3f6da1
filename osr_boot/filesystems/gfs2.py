"""GFS2 roots: one disk, mounted by all nodes, its locks kept by DLM, whose members corosync knows.

Quorum: corosync's votequorum counts the votes of all nodes; source: `man votequorum`.
"""

from __future__ import annotations

import re
import struct

from osr_boot.cluster import corosync, dlm, static_addresses
from osr_boot.errors import OsrError
from osr_boot.filesystems import Disk, Problem
from osr_boot.ops import Operation
from osr_boot.ops.disks import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Node, Volume
    from osr_boot.system import System

LONGEST_NAME = 32
"""letters of a cluster name in a lock table; source: `man mkfs.gfs2`, option -t"""
_WORD = re.compile(r"[\w.-]+", re.ASCII)
"""what stands in corosync.conf as it is: a brace or a line end there would be more than a name"""
# Source: struct gfs2_sb, gfs2_dinode and gfs2_dirent in include/uapi/linux/gfs2_ondisk.h of the kernel; big-endian.
_SUPER, _MAGIC = 65536, 0x01161970
_BLOCK_SIZE, _MASTER, _PROTOCOL, _TABLE, _NAME = 36, 56, 96, 160, 64
_ENTRIES, _DINODE, _DIRENT = 148, 232, 40


class CheckGfs2(Operation):
    """Compare what the disk says of its cluster with cluster.conf: mount would only say "Invalid argument"."""

    device: str
    cluster: str
    nodes: int
    """how many there are"""

    def describe(self) -> str:
        """See Operation."""
        return f'check that {self.device} is a GFS2 of cluster "{self.cluster}" with a journal for {self.nodes} nodes'

    def execute(self, system: System) -> str:
        """See Operation. Too few journals are a warning: some of the nodes can have the root."""
        device = path_of(self.device)
        try:
            protocol, table, size, master = superblock(system.content(device, 512, start=_SUPER))
            journals = journals_of(system, device, size, master)
        except ValueError:
            hint = "`blkid` shows what is on it; docs/disks.md shows how to make a GFS2"
            raise OsrError(f"there is no GFS2 on {self.device}", hint=hint) from None
        cluster, _, name = table.partition(":")
        mend = f"with the filesystem mounted nowhere: tunegfs2 -o lockproto=lock_dlm -o locktable={self.cluster}:NAME"
        mend = f"{mend.replace('NAME', name or 'root')} {device}"
        if self.device == f"LABEL={table}" and cluster != self.cluster:  # source: `man tunegfs2`: they are one field
            mend += f"; the disk is LABEL={self.cluster}:{name} then"
        if protocol != "lock_dlm":
            text = f'the GFS2 on {self.device} has the lock protocol "{protocol}", which is for one node alone'
            raise OsrError(text, hint=mend)
        if cluster != self.cluster:
            text = f'the GFS2 on {self.device} is of cluster "{cluster}", and cluster.conf says "{self.cluster}"'
            raise OsrError(text, hint=f"correct the name in cluster.conf, or {mend}")
        if journals < self.nodes:
            text = f"{self.device} has {journals} journals, and the cluster {self.nodes} nodes: not all can have it"
            system.say(f"warning: {text} at once; gfs2_jadd -j {self.nodes - journals} / where it is mounted")
        return f"lock table {table}, {journals} journals"


def superblock(data: bytes) -> tuple[str, str, int, int]:
    """Return lock protocol, lock table, block size and the master directory's block. Raises ValueError: no GFS2."""
    if len(data) < _TABLE + _NAME or struct.unpack_from(">I", data)[0] != _MAGIC:
        raise ValueError("no GFS2")
    (size,) = struct.unpack_from(">I", data, _BLOCK_SIZE)
    (master,) = struct.unpack_from(">Q", data, _MASTER)
    return _text(data[_PROTOCOL:]), _text(data[_TABLE:]), size, master


def journals_of(system: System, device: str, size: int, master: int) -> int:
    """Return how many journals there are: entries of `jindex` in the master directory. Raises ValueError."""
    if size not in (512, 1024, 2048, 4096):
        raise ValueError("no block size of GFS2")
    block = system.content(device, size, start=master * size)
    at = _DINODE
    while at + _DIRENT <= len(block):
        address, _, length, letters = struct.unpack_from(">8xQIHH", block, at)
        if block[at + _DIRENT : at + _DIRENT + letters] == b"jindex":
            index = system.content(device, size, start=address * size)
            if len(index) < size:
                break
            (entries,) = struct.unpack_from(">I", index, _ENTRIES)
            return int(entries) - 2  # itself and the directory above it
        at += max(length, _DIRENT)
    raise ValueError("no journals")


def _text(data: bytes) -> str:
    return data[:_NAME].partition(b"\0")[0].decode("ascii", "replace")


class Gfs2(Disk):
    """A root on a shared disk."""

    names = ("gfs2",)
    modules = ("gfs2", *dlm.MODULES)
    programs = dlm.PROGRAMS
    services = dlm.SERVICES
    stack = "dlm"
    attempts = 0

    @classmethod
    def check_cluster(cls, cluster: Cluster, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        """See Filesystem."""
        if not 1 <= len(cluster.name) <= LONGEST_NAME or not _WORD.fullmatch(cluster.name):
            hint = f'a GFS2 lock table begins with it: 1 to {LONGEST_NAME} letters, digits, "-", "_" and "."'
            yield Problem("error", f'the name "{cluster.name[:80]}" is no name for a cluster with GFS2', hint=hint)
        for node in cluster.nodes:
            if not _WORD.fullmatch(node.name):
                hint = 'corosync knows the node by it: letters, digits, "-", "_" and "."'
                yield Problem("error", "has a name that corosync cannot be told", hint=hint, node=node)
        for node in nodes:
            if not any(static_addresses(node)):
                hint = "add ip= and mask= to one of its links that is brought up"
                yield Problem("error", "has no static address, by which corosync knows a node", hint=hint, node=node)
        yield from _quorum(cluster)
        unfenced = [node for node in nodes if not node.fences]
        if unfenced:
            count = f" ({len(unfenced):,} nodes)" if len(unfenced) > 1 else ""
            yield Problem(
                "warning",
                f"has no fencing: when it fails, all others wait before the root until somebody says it is dead{count}",
                hint="add <fencedevices>, and <fence><method><device/></method></fence> to each node",
                node=unfenced[0],
            )
        yield from _fences(nodes)

    @classmethod
    def prepare(cls, volume: Volume, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Disk."""
        yield CheckGfs2(volume.name, cluster.name, len(tuple(corosync.members(cluster))))


def _fences(nodes: tuple[Node, ...]) -> Iterator[Problem]:
    """Yield what is wrong with the fence devices, each thing once."""
    said = set()
    for node in nodes:
        for fence in node.fences:
            problems = []
            if not re.fullmatch(r"fence_\w+|/[\w./-]+", fence.agent, re.ASCII):
                hint = f'add <fencedevice name="{fence.name[:60]}" agent="fence_..."/> to <fencedevices>'
                problems.append(("error", "has no agent, or one that is no program", hint))
            for option in fence.options:
                if not re.fullmatch(r"[!-~]+", option):
                    key = option.partition("=")[0]
                    hint = "dlm_controld takes words without blanks, in ASCII"
                    problems.append(("error", f"has something in {key} that cannot be passed on", hint))
            if fence.left_out:
                text = f"{', '.join(fence.left_out)} may be secret: in an image only with osr_secrets"
                hint = 'write osr_secrets="yes" in dracut\'s configuration, and let nobody else fetch the image'
                problems.append(("warning", text, hint))
            for severity, message, hint in problems:
                if (fence.name, message) not in said:
                    said.add((fence.name, message))
                    yield Problem(severity, f'fence device "{fence.name[:60]}": {message}', hint=hint, node=node)


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
