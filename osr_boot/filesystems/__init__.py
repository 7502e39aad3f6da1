"""Root filesystems: each is one file in this directory, which declares its needs, checks and plans.

docs/adding-a-filesystem.md shows how to write one. Nothing outside its file names a filesystem.
"""

from __future__ import annotations

import os

from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar

    from osr_boot.model import RootVolume
    from osr_boot.ops import Operation

_registry: dict[str, type[Filesystem]] = {}


class Problem:
    """What is wrong with a root volume; the caller knows the line. `severity` as in model.Finding."""

    def __init__(self, severity: str, message: str, *, hint: str = "") -> None:
        self.severity = severity
        self.message = message
        self.hint = hint


class Filesystem:
    """A kind of root filesystem. A subclass registers itself under its `names`."""

    names: ClassVar[tuple[str, ...]] = ()
    """the words in `rootvolume/@fstype` and `rootfstype=`; the first is the canonical one"""
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

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in cls.names:
            _registry[name] = cls

    @classmethod
    def check(cls, volume: RootVolume) -> Iterator[Problem]:
        """Yield everything that can be known to be wrong with the volume before a boot."""
        raise NotImplementedError

    @classmethod
    def plan(cls, volume: RootVolume, target: str, *, readonly: bool) -> Iterator[Operation]:
        """Yield the operations that mount the volume on the directory `target`."""
        raise NotImplementedError


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
