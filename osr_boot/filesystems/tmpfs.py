"""Filesystems in memory, below a root."""

from __future__ import annotations

import re

from osr_boot.filesystems import Filesystem, Problem, options_of
from osr_boot.ops.mounts import MountDevice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Volume
    from osr_boot.ops import Operation


class Tmpfs(Filesystem):
    """A filesystem in memory; whatever its source is called."""

    names = ("tmpfs",)
    root = False
    programs = ("mount",)

    @classmethod
    def check(cls, volume: Volume) -> Iterator[Problem]:
        """See Filesystem."""
        if not volume.name.strip():
            yield Problem("error", "has no source", hint='write source="tmpfs"')
        for word in volume.mountopts.split(","):
            key, _, size = word.partition("=")
            if key == "size" and not re.fullmatch(r"\d+[kKmMgG%]?", size, re.ASCII):
                hint = 'write it as "size=64m" or "size=10%"'
                yield Problem("error", f'"{word[:80]}" is no size of a filesystem in memory', hint=hint)

    @classmethod
    def plan(cls, volume: Volume, root: str, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Filesystem."""
        options = options_of(volume, cmdline)
        yield MountDevice(volume.name, volume.fstype, options, root, volume.path, 1, volume.pause)
