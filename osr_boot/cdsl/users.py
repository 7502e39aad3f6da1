"""Which programs of this machine use what a change is about to move or copy. Only reads, and skips what it may not.

/proc is gone through once for a command: what later changes of it move is led back to what it was called then.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from osr_boot import mountinfo
from osr_boot.cdsl.change import NEW, Change
from osr_boot.cdsl.disk import Disk
from osr_boot.value import Value, replace

PROC = "/proc"
MOST = 5
"""programs that are named"""


class Use(Value):
    """Something that a process has open, works in, or has mapped."""

    pid: int
    path: str
    """as it is called in the root; of a deleted file as it was, and ` (deleted)`"""
    entry: str
    """where in /proc/PID that is said: `fd/3`, `cwd`, `root`, `maps`; `mapped` if what is written there is"""
    writes: bool = False


class Users:
    """The programs that use a root. Begins to look when it is first asked about something that lies there."""

    def __init__(self, top: str, disk: Disk) -> None:
        self._top = os.path.realpath(top)
        self._disk = disk
        self._seen: list[Use] | None = None
        self._moves: list[tuple[str, str]] = []

    def warnings(self, change: Change) -> list[str]:
        """Return a line for each program that uses what is moved or copied, and one that says what to do; or none."""
        found: dict[int, list[tuple[Use, str]]] = {}
        used: dict[str, None] = {}
        for source in _sources(change, self._disk):
            before = self._before(source)
            if self._seen is None:
                self._device = os.lstat(self._top).st_dev
                self._seen = _looked(self._top)
            for use in self._seen:
                if _within(use.path, before) and (now := _checked(use, self._device)):
                    found.setdefault(use.pid, []).append((now, f"/{source}{use.path[len(before) :]}"))
                    used[source] = None
        self._moves += change.moves
        if not found:
            return []
        what = ", ".join(f"/{source}" for source in used)
        order = sorted(found.items(), key=lambda item: (not any(use.writes for use, _ in item[1]), item[0]))
        lines = [f"{what} is in use: {_words(pid, uses)}" for pid, uses in order[:MOST]]
        if len(order) > MOST:
            lines.append(f"{what} is in use: and {len(order) - MOST} more programs")
        goes = [(source, to) for source, to in change.moves if source in used]
        hint = "what they hold open may be copied half written: better stop them first"
        if goes:
            to = ", ".join(f"/{path}" for _, path in goes)
            hint = f"what they hold open stays open, and goes to {to} with the rest: better stop them first"
        return [*lines, hint]

    def _before(self, path: str) -> str:
        """Return what was called so when /proc was looked through."""
        for source, to in reversed(self._moves):
            if _within(path, to):
                path = source + path[len(to) :]
        return path


def _sources(change: Change, disk: Disk) -> Iterator[str]:
    """Yield what a change moves or copies and is there, without what is in another."""
    done: list[str] = []
    for source in sorted({source for source, _ in (*change.moves, *change.copies)}):
        prepared = source.rpartition("/")[2].startswith(NEW)
        if (
            not prepared
            and disk.kind(source) in ("directory", "file")
            and not any(_within(source, one) for one in done)
        ):
            done.append(source)
            yield source


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above}/") or path == f"{above} (deleted)"


def _looked(top: str) -> list[Use]:
    """Return what is used of a root; nothing where there is no /proc."""
    try:
        return list(_uses(top))
    except OSError:
        return []


def _uses(top: str) -> Iterator[Use]:
    """Yield what the processes of this machine use that lies in a root, by its name."""
    seen_as = sorted(_names(top), key=lambda each: -len(each[0]))
    begins = tuple(name for name, _, _ in seen_as)
    for word in os.listdir(PROC):
        if not word.isdigit() or int(word) == os.getpid():
            continue
        known: set[tuple[str, str]] = set()
        for entry, device, full in _entries(f"{PROC}/{word}"):
            if not full.startswith(begins) or (entry, full) in known:
                continue
            known.add((entry, full))
            name, path, own = next(each for each in seen_as if full.startswith(each[0]))
            if not device or device == own:
                yield Use(int(word), (path + full[len(name) :]).strip("/"), entry)


def _names(top: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name on this machine, path in the root, device) of all that is the root or a part of it."""
    slashed = f"{top.rstrip('/')}/"
    with open(f"{PROC}/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        known = mountinfo.mounts(file.read())
        mounts = [(device, f"{what.rstrip('/')}/", f"{where.rstrip('/')}/") for device, what, where in known]
    device, begin, where = max((one for one in mounts if slashed.startswith(one[2])), key=lambda one: len(one[2]))
    inside = begin + slashed[len(where) :]
    yield slashed, "", device
    for other, begin, where in mounts:
        if other == device and begin.startswith(inside):
            yield where, begin[len(inside) :], device
        elif other == device and inside.startswith(begin):
            yield where + inside[len(begin) :], "", device


def _entries(process: str) -> Iterator[tuple[str, str, str]]:
    """Yield (where it is said, device if it is said too, name) of what a process uses."""
    for entry in ("cwd", "root"):
        with contextlib.suppress(OSError):
            yield entry, "", os.readlink(f"{process}/{entry}")
    with contextlib.suppress(OSError):
        for number in os.listdir(f"{process}/fd"):
            with contextlib.suppress(OSError):
                yield f"fd/{number}", "", os.readlink(f"{process}/fd/{number}")
    with contextlib.suppress(OSError):
        with open(f"{process}/maps", encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                fields = line.rstrip("\n").split(maxsplit=5)
                if len(fields) == 6:
                    device = ":".join(str(int(number, 16)) for number in fields[3].split(":"))
                    # What is mapped privately is never written; source: man proc_pid_maps
                    yield ("mapped" if fields[1][1::2] == "ws" else "maps"), device, fields[5]


def _checked(use: Use, device: int) -> Use | None:
    """Return a use with whether it writes; None if it lies elsewhere by the same name, or has ended."""
    place = f"{PROC}/{use.pid}"
    if use.entry in ("maps", "mapped"):
        return replace(use, writes=use.entry == "mapped")
    try:
        if os.stat(f"{place}/{use.entry}").st_dev != device:  # a container's
            return None
        if not use.entry.startswith("fd/"):
            return use
        with open(f"{place}/fdinfo/{use.entry[3:]}", encoding="ascii") as file:
            flags = next(int(line.split()[1], 8) for line in file if line.startswith("flags:"))
    except (OSError, StopIteration):
        return None
    return replace(use, writes=bool(flags & os.O_ACCMODE))


def _words(pid: int, uses: Iterable[tuple[Use, str]]) -> str:
    """Return what a process uses, the first thing in full, what it writes before what it reads."""
    try:
        with open(f"{PROC}/{pid}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        name = "a program"
    order: dict[str, Use] = {}
    for use, path in uses:
        if use.writes or path not in order:
            order[path] = use
    path = min(order, key=lambda one: (not order[one].writes, one))
    use = order.pop(path)
    does = "writes" if use.writes else "is in" if use.entry in ("cwd", "root") else "reads"
    more = f" and {len(order)} more" if order else ""
    return f"{name} (process {pid}) {does} {path}{more}"
