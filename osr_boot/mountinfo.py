"""What is mounted where, as /proc/self/mountinfo tells it: pure, values from text. source: man proc_pid_mountinfo."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/proc/self/mountinfo"


def mounts(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield (device, what of its filesystem, where) of everything that is mounted, in this order.

    Whatever of an NFS filesystem is mounted, the kernel calls it `/` (source: nfs_show_path in fs/nfs/super.c); which
    directory of the server it is, the name of what is mounted says.
    """
    for line in text.split("\n"):
        words = line.split(" ")
        if "-" not in words[6:]:
            continue
        device, what, where = words[2:5]
        fstype, source = [*words[words.index("-", 6) + 1 :], "", ""][:2]
        if fstype in ("nfs", "nfs4") and ":/" in source:
            what = source[source.index(":/") + 1 :]
        yield device, _plain(what), _plain(where)


def bound(text: str) -> Iterator[tuple[str, str]]:
    """Yield (where, what of the root) of every part of the root's own filesystem that is bound in the root."""
    known = list(mounts(text))
    device, top = next(((device, what) for device, what, where in reversed(known) if where == "/"), ("", ""))
    begin = f"{top.rstrip('/')}/"
    for other, what, where in known:
        if other == device and where != "/" and what.startswith(begin):
            yield where, f"/{what[len(begin) :]}"


def _plain(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), field)
