"""A small cpio archive that a boot loader appends to an image: pure, bytes from bytes.

Source of the format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel, "newc".
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY, _FILE = 0o040755, 0o100644
BLOCK = 512
"""the archive is filled up to a multiple of this: the kernel looks for the next one at multiples of 4"""


def pack(path: str, content: bytes) -> bytes:
    """Return an archive with one file, its directories before it. Always the same bytes: no times, no owners."""
    parts = path.strip("/").split("/")
    members = [_member(number, "/".join(parts[:number]), _DIRECTORY, b"") for number in range(1, len(parts))]
    whole = b"".join((*members, _member(len(parts), "/".join(parts), _FILE, content), _member(0, "TRAILER!!!", 0, b"")))
    return whole + b"\0" * (-len(whole) % BLOCK)


def _member(number: int, name: str, mode: int, content: bytes) -> bytes:
    """Return header, name and content of one member, each filled up to a multiple of 4."""
    return b"".join(_filled(part) for part in (_header(number, name, mode, content), content))


def _header(number: int, name: str, mode: int, content: bytes) -> bytes:
    text = name.encode() + b"\0"
    return b"070701" + "".join(_fields(number, mode, len(content), len(text))).encode() + text


def _fields(number: int, mode: int, size: int, name_size: int) -> Iterator[str]:
    """Yield the thirteen numbers of a header, eight hexadecimal digits each."""
    links = 2 if mode == _DIRECTORY else 1
    # inode, mode, uid, gid, links, mtime, size, device of the file (2), device that it is (2), length of name, checksum
    for value in (number, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0):
        yield f"{value:08x}"


def _filled(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)
