"""Filesystems of roots and of what is mounted below them: each is one file here, which declares, checks and plans.

docs/adding-a-filesystem.md shows how to write one. Nothing outside its file names a filesystem.
"""

from __future__ import annotations

import os

from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar

    from osr_boot.model import Cluster, Cmdline, Node, Volume
    from osr_boot.ops import Operation

_registry: dict[str, type[Filesystem]] = {}


class Problem:
    """What is wrong with a root volume; the caller knows the line. `severity` as in model.Finding.

    `node` is whose it is, where a filesystem looks at the whole cluster; None: the cluster's own.
    """

    def __init__(self, severity: str, message: str, *, hint: str = "", node: Node | None = None) -> None:
        self.severity = severity
        self.message = message
        self.hint = hint
        self.node = node


class Filesystem:
    """A kind of filesystem. A subclass registers itself under its `names`."""

    names: ClassVar[tuple[str, ...]] = ()
    """the words in `rootvolume/@fstype` and `rootfstype=`; the first is the canonical one"""
    root: ClassVar[bool] = True
    """False: no root can be on it, only what is mounted below one"""
    modules: ClassVar[tuple[str, ...]] = ()
    """kernel modules that the image needs"""
    programs: ClassVar[tuple[str, ...]] = ()
    """programs that its operations start"""
    network: ClassVar[bool] = False
    """True: needs a configured link before it can be mounted"""
    shared: ClassVar[bool] = True
    """False: mounting it on two nodes at once destroys it"""
    stack: ClassVar[str] = ""
    """the cluster stack that must run first (a file in osr_boot/cluster), or empty"""
    shutdown: ClassVar[tuple[str, ...]] = ()
    """programs that unmounting it needs, kept in memory for the shutdown"""
    services: ClassVar[tuple[str, ...]] = ()
    """programs of its cluster services, which outlive the initrd"""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in cls.names:
            _registry[name] = cls

    @classmethod
    def check(cls, volume: Volume) -> Iterator[Problem]:
        """Yield everything that can be known to be wrong with the volume before a boot."""
        raise NotImplementedError

    @classmethod
    def check_cluster(cls, cluster: Cluster, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        """Yield what is wrong with the cluster for the nodes that boot from this filesystem, each thing once."""
        return iter(())

    @classmethod
    def servers(cls, volume: Volume) -> tuple[str, ...]:
        """Return the addresses from which the volume comes; the links that lead there are waited for."""
        return ()

    @classmethod
    def plan(cls, volume: Volume, root: str, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """Yield the operations that mount the volume on `volume.path` below the directory `root`.

        Of `cmdline` ro, rw and fsck count; of `cluster` there are all nodes where the filesystem has a stack.
        """
        raise NotImplementedError


class Disk(Filesystem):
    """A filesystem on a disk: what all of them have in common."""

    attempts: ClassVar[int] = 1
    """how often mounting is tried if cluster.conf does not say it; 0: as the boot's deadline allows"""

    @classmethod
    def check(cls, volume: Volume) -> Iterator[Problem]:
        """See Filesystem."""
        key, equals, value = volume.name.partition("=")
        if equals and key in ("LABEL", "UUID", "PARTLABEL", "PARTUUID"):
            if not value:
                hint = "`blkid` shows labels and UUIDs"
                yield Problem("error", f'"{volume.name}" has nothing behind the "="', hint=hint)
        elif not volume.name.startswith("/dev/") or "/../" in f"{volume.name}/":
            yield Problem("error", f'"{volume.name}" is no disk', hint="write /dev/..., LABEL=... or UUID=...")

    @classmethod
    def plan(cls, volume: Volume, root: str, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Filesystem."""
        from osr_boot.ops.disks import FindDisk
        from osr_boot.ops.mounts import MountDevice

        yield FindDisk(volume.name)
        yield from cls.prepare(volume, cmdline, cluster)
        if cls.stack:
            from osr_boot.cluster import find as stack

            yield from stack(cls.stack).plan(cluster, cmdline)
        options = options_of(volume, cmdline)
        attempts = volume.attempts or cls.attempts
        yield MountDevice(volume.name, volume.fstype, options, root, volume.path, attempts, volume.pause)

    @classmethod
    def prepare(cls, volume: Volume, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """Yield what is to be done with the disk before it is mounted."""
        return iter(())


def options_of(volume: Volume, cmdline: Cmdline) -> str:
    """Return the mount options of a volume, with `ro` or `rw` where it says neither."""
    given = [word for word in volume.mountopts.split(",") if word]
    mode = [] if {"ro", "rw"} & set(given) else ["ro" if cmdline.readonly else "rw"]
    return ",".join(mode + given)


def find(fstype: str) -> type[Filesystem]:
    """Return the filesystem of that name. Imports as few files as it can. Raises ConfigError."""
    # The file that is named like the type comes first, so that a boot imports one file and not all.
    for stem in sorted(_stems(), key=lambda stem: not fstype.startswith(stem)):
        if fstype in _registry:
            break
        __import__(f"{__name__}.{stem}")
    if fstype not in _registry:
        raise ConfigError(f'unknown filesystem "{fstype}"', hint=f"known are {', '.join(sorted(_registry))}")
    return _registry[fstype]


def from_root(root: str) -> tuple[str, str]:
    """Return (type, name) of a `root=` like `nfs4:server:/path`; two empty texts if its type is none of ours."""
    kind, _, name = root.partition(":")
    try:
        return (kind, name) if name and find(kind) else ("", "")
    except ConfigError:
        return "", ""


def known() -> dict[str, type[Filesystem]]:
    """Return every filesystem by each of its names."""
    for stem in _stems():
        __import__(f"{__name__}.{stem}")
    return dict(sorted(_registry.items()))


def _stems() -> list[str]:
    """Return the module names in this directory (compiled ones too: an image carries only those)."""
    names = {name.split(".")[0] for name in os.listdir(os.path.dirname(__file__)) if name.endswith((".py", ".pyc"))}
    return sorted(names - {"__init__"})
