"""Cluster stacks: what must run before a root that several nodes mount at once. Each is one file here.

A file has `plan(cluster, cmdline)`, which yields the operations that start it; `needs(cluster)`, what only some
clusters need of an image; `warnings(cluster)`, what every boot says; `peers(cluster, node)`, the addresses of the other
nodes, for the links that lead there are waited for; `stand_ins()`, files that keep the running system from starting it
again; and `status(system)`, which yields (word, text) of how it is. `cluster` is the whole one. Pure.
"""

from __future__ import annotations

import sys

from osr_boot.errors import ConfigError
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from osr_boot.model import Node


class Needs(Value):
    """What a cluster's services need of an image, beside what those of all clusters need."""

    services: tuple[str, ...] = ()
    """programs"""
    plugins: tuple[str, ...] = ()
    """libraries that they load by themselves, below the directory of libraries"""
    secrets: tuple[str, ...] = ()
    """files"""


def find(stack: str) -> ModuleType:
    """Return the stack of that name, as `Filesystem.stack` has it. Raises ConfigError."""
    name = f"{__name__}.{stack}"
    try:
        __import__(name)
    except ModuleNotFoundError:
        reason = f'this version of osr cannot start the cluster stack "{stack}"'
        raise ConfigError(reason, hint="mount a root of NFS, OCFS2, GFS2 or a local filesystem") from None
    return sys.modules[name]


def static_addresses(node: Node) -> Iterator[str]:
    """Yield the addresses of a node that are always the same, without their lengths."""
    for nic in node.nics:
        if nic.onboot:
            yield from (one.partition("/")[0] for one in nic.addresses if "/" in one)
