"""A directory of the root that is mounted on another one of it, alone or with what is mounted below it."""

from __future__ import annotations

from osr_boot.filesystems import Filesystem, Problem
from osr_boot.ops.mounts import Bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Volume
    from osr_boot.ops import Operation


class BindMount(Filesystem):
    """`bind`, and `rbind` with all that is mounted below."""

    names = ("bind", "rbind")
    root = False
    programs = ("mount",)

    @classmethod
    def check(cls, volume: Volume) -> Iterator[Problem]:
        """See Filesystem."""
        if not volume.name.startswith("/") or ".." in volume.name.split("/"):
            hint = 'write it as it is below the root: "/srv/data"'
            yield Problem("error", f'"{volume.name}" is no directory below the root', hint=hint)

    @classmethod
    def plan(cls, volume: Volume, root: str, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Filesystem."""
        remedy = f"make it there: `mkdir -p {volume.name}`"
        recursive = volume.fstype == "rbind"
        yield Bind(root, volume.name, volume.path, remedy, recursive=recursive, options=volume.mountopts)
