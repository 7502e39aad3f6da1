"""How a node's disks come to it: which operations bring them, and what is wrong with what cluster.conf says. Pure.

Source: RFC 7143 (names of initiators and targets, port 3260), iscsistart(8), multipath(8).
"""

from __future__ import annotations

import re

from osr_boot.filesystems import Disk, Problem, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Node
    from osr_boot.ops import Operation

INITIATOR = "iqn.2004-10.org.open-sharedroot"
"""what the name of an initiator begins with that cluster.conf does not give"""
ISCSI_MODULES = ("iscsi_tcp", "sd_mod")
ISCSI_HELPS = ("crc32c",)
"""what connections ask the kernel for, under a name that newer ones have built in"""
ISCSI_PROGRAMS = ("modprobe", "iscsistart", "iscsid", "iscsiadm")
_NAME = re.compile(r"(?:iqn\.\d{4}-\d\d\.|eui\.|naa\.)[a-z0-9.:-]+", re.ASCII)
_LONGEST_NAME = 223


def plan(node: Node, cluster: Cluster) -> Iterator[Operation]:
    """Yield what brings the disks of a node."""
    storage = node.storage
    if storage.server:
        from osr_boot.ops.iscsi import LoginIscsi

        initiator = storage.initiator or name_of(node, cluster)
        yield LoginIscsi(storage.server, storage.port, storage.target, initiator, storage.multipath)
    volume = node.rootvolume
    if storage.multipath and volume and issubclass(find(volume.fstype), Disk):
        from osr_boot.ops.disks import FindMap

        yield FindMap(volume.name)


def name_of(node: Node, cluster: Cluster) -> str:
    """Return the initiator's name of a node that is given none; iSCSI's names are in lower case."""
    parts = [re.sub(r"[^a-z0-9.-]+", "-", part.lower()) for part in (cluster.name, node.name) if part]
    return ":".join((INITIATOR, *parts))


def check(node: Node) -> Iterator[Problem]:
    """Yield what is wrong with how a node's disks come."""
    storage = node.storage
    for what, name in (("initiator", storage.initiator), ("target", storage.target)):
        if name and not (_NAME.fullmatch(name) and len(name) <= _LONGEST_NAME):
            hint = f'write it as "{INITIATOR}:{what}", in lower case'
            yield Problem("error", f'the iSCSI {what} "{name[:80]}" is none that iSCSI has', hint=hint)
    disks = [volume for volume in node.volumes if _is_on_a_disk(volume.fstype)]
    if storage.server and not disks:
        yield Problem(
            "warning", "logs in to an iSCSI server, and has no filesystem on a disk", hint="remove rootsource"
        )


def _is_on_a_disk(fstype: str) -> bool:
    from osr_boot.errors import ConfigError

    try:
        return issubclass(find(fstype), Disk)
    except ConfigError:
        return False
