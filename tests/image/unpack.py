"""An initrd as a directory, without the programs and the privileges that `cpio -i` would want.

An image is one or more cpio archives behind each other; the first may be uncompressed (early microcode). Device nodes
are left out and everything belongs to the caller; times do not matter.
source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst
"""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEADER = 110
MAGICS = (b"070701", b"070702")
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Member:
    """One entry of an archive. `same` is equal for hard links of one file; only the last of them has the content."""

    name: str
    mode: int
    same: tuple[int, ...]
    links: int
    content: bytes


def unpack(image: Path, target: Path) -> Path:
    """Unpack an image below the directory `target`, and return it. Raises ValueError for what is no image."""
    waiting: dict[tuple[int, ...], list[Path]] = {}
    directories: list[tuple[Path, int]] = []
    for member in members(image.read_bytes()):
        path = target / member.name
        assert ".." not in path.parts, f"{member.name} leads out of the image"
        path.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISDIR(member.mode):
            path.mkdir(exist_ok=True)
            directories.append((path, stat.S_IMODE(member.mode)))
        elif stat.S_ISLNK(member.mode):
            path.unlink(missing_ok=True)
            path.symlink_to(os.fsdecode(member.content))
        elif stat.S_ISREG(member.mode):
            path.unlink(missing_ok=True)
            path.write_bytes(member.content)
            path.chmod(stat.S_IMODE(member.mode))
            twins = waiting.setdefault(member.same, []) if member.links > 1 else []
            if member.content:
                for twin in twins:
                    twin.unlink()
                    os.link(path, twin)
            twins.append(path)
    for path, mode in reversed(directories):
        path.chmod(mode | stat.S_IRWXU)  # what cannot be entered could not be removed either
    return target


def members(data: bytes) -> Iterator[Member]:
    """Yield what is in all archives of an image, in order. Raises ValueError."""
    place = 0
    archive = 0
    while place < len(data):
        head = data[place : place + 6]
        if head[:4] == bytes(4):  # padding between archives
            place += 4
        elif head in MAGICS:
            member, place = _member(data, place, archive)
            if member:
                yield member
            else:
                archive += 1
        elif place % 4 == 0 and head.startswith((GZIP, ZSTD)):
            yield from members(_decompressed(data[place:]))
            return
        else:
            raise ValueError(f"no cpio archive and no known compression at byte {place}: {head.hex()}")


def _member(data: bytes, place: int, archive: int) -> tuple[Member | None, int]:
    """Return the entry at `place`, None for the end of an archive, and where the next one begins."""
    fields = [int(data[place + 6 + 8 * number : place + 14 + 8 * number], 16) for number in range(13)]
    inode, mode, _, _, links, _, size, major, minor, _, _, length, _ = fields
    name = data[place + HEADER : place + HEADER + length - 1]
    begin = _aligned(place + HEADER + length)
    if begin + size > len(data):
        raise ValueError(f"the image ends inside {os.fsdecode(name)}")
    if name == b"TRAILER!!!":
        return None, _aligned(begin + size)
    same = (archive, major, minor, inode)
    return Member(os.fsdecode(name), mode, same, links, data[begin : begin + size]), _aligned(begin + size)


def _aligned(place: int) -> int:
    return (place + 3) & ~3


def _decompressed(data: bytes) -> bytes:
    if data.startswith(GZIP):
        return gzip.decompress(data)
    return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
