"""Cluster stacks: what must run before a root that several nodes mount at once. Each is one file here.

A file has `plan(cluster, node)`, which yields the operations that start it, and `peers(cluster, node)`, the addresses
of the other nodes; the links that lead there are waited for. `cluster` is the whole one. Pure.
"""

from __future__ import annotations

import sys

from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def find(stack: str) -> ModuleType:
    """Return the stack of that name, as `Filesystem.stack` has it. Raises ConfigError."""
    name = f"{__name__}.{stack}"
    try:
        __import__(name)
    except ModuleNotFoundError:
        reason = f'this version of osr cannot start the cluster stack "{stack}"'
        raise ConfigError(reason, hint="mount a root of NFS, OCFS2 or a local filesystem") from None
    return sys.modules[name]
