"""The part of `make bench` that is about CDSLs: what a person waits for, beside what cp and find take for the same.

`python3 -m tests.bench_cdsl` prints these figures alone. Both of a pair work on the same filesystem, in turn, and both
wait until all of it is on disk.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.layout import HOSTDEPENDENT, SHARED, Cdsl, data, detour, places, target
from tests.bench_scale import OSR
from tests.figures import Figure, Missing, figure

NODES = tuple(map(str, range(1, 17)))
FILES, SIZE = 20_000, 4096
"""of the directory that becomes host-dependent: none is so small that it takes no block of its own"""
LARGE, SMALL = 10_000, 10
"""CDSLs of an inventory"""
PLACE = "/var/tmp"
"""on a disk, which /tmp need not be"""
SPACE = 8 << 30
# ext4 would write its tables while it is measured; the other two have reflinks. The limit is not for btrfs: one lock
# on the tree of a subvolume holds two cp at the same time to 0.75, and cp without reflinks takes twice that.
FILESYSTEMS = {
    "ext4": ("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"),
    "btrfs, reflinks": ("mkfs.btrfs", "-q"),
    "xfs, reflinks": ("mkfs.xfs", "-q"),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench_cdsl", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--files", type=int, default=FILES, help="in the directory that is copied")
    parser.add_argument("--only", choices=("copies", "inventory", "check"))
    options = parser.parse_args()
    for one in figures(options.pairs, options.only, options.files):
        print(one.line(), flush=True)
    return 0


def figures(pairs: int, only: str | None = None, files: int = FILES) -> Iterator[Figure | Missing]:
    """Yield every figure."""
    if os.geteuid() != 0:
        yield Missing("cdsl: create and check", "changing a shared root is for root")
        return
    for name, make in FILESYSTEMS.items() if only in (None, "copies") else ():
        with tempfile.TemporaryDirectory(prefix="osr-bench-", dir=PLACE) as directory:
            yield from copies(Path(directory), name, make, pairs, files)
    with tempfile.TemporaryDirectory(prefix="osr-bench-", dir=PLACE) as directory:
        if only in (None, "inventory"):
            yield create(Path(directory), pairs)
        if only in (None, "check"):
            for kind in (SHARED, HOSTDEPENDENT):
                yield check(Path(directory) / kind, kind, pairs)


def copies(directory: Path, name: str, make: tuple[str, ...], pairs: int, files: int) -> Iterator[Figure | Missing]:
    """Make a directory of many files host-dependent, beside as many copies of it made one after the other."""
    source = directory / "source"
    for number in range(files):
        path = source / f"{number // 100}/{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(SIZE))
    taken: dict[str, list[float]] = {"ours": [], "cp": []}
    space: dict[str, list[float]] = {"ours": [], "cp": []}
    what = f"{files:,} files for {len(NODES)} nodes, {name}"
    limit = None if name.startswith("btrfs") else 0.7
    for number in range(pairs):
        for kind in ("ours", "cp") if number % 2 else ("cp", "ours"):
            try:
                with _fresh(directory, make) as mounted:
                    place = mounted / "srv"
                    subprocess.run(["cp", "-a", source, place], check=True)
                    _osr("init", mounted, "--nodes", str(len(NODES)))
                    subprocess.run(["sync", "-f", mounted], check=True)
                    before = _used(mounted)
                    taken[kind].append(
                        _osr("create", mounted, "-a", "/srv", "--node", "1") if kind == "ours" else _cp(place)
                    )
                    space[kind].append((_used(mounted) - before) / (files * SIZE * len(NODES)))
            except _CannotMountError as error:
                yield Missing(f"cdsl: create of {what} / cp", str(error))
                return
    ratios = [ours / cp for ours, cp in zip(taken["ours"], taken["cp"])]
    yield figure(f"cdsl: create of {what} / cp", ratios, "x", limit)
    yield figure(f"cdsl: create of {what}", taken["ours"], "s", None)
    yield figure(f"cdsl: create of {what}, disk space / of the files", space["ours"], "x", None)


def _cp(source: Path) -> float:
    begin = time.perf_counter()
    for number in range(len(NODES) + 1):
        subprocess.run(["cp", "-a", source, f"{source}.{number}"], check=True)
    subprocess.run(["sync", "-f", source], check=True)
    return time.perf_counter() - begin


class _CannotMountError(Exception):
    """This machine cannot make or mount such a filesystem."""


@contextlib.contextmanager
def _fresh(directory: Path, make: tuple[str, ...]) -> Iterator[Path]:
    """Give a filesystem in a file, a new one each time. Raises _CannotMountError.

    On one that is used again ext4 passes over the inodes of what was deleted in the last minutes, each time it looks
    for one (source: recently_deleted in fs/ext4/ialloc.c): after the first pair everything took five times as long.
    """
    image, mounted = directory / "image", directory / "mounted"
    mounted.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(SPACE)
    for argv in ([*make, str(image)], ["mount", "-o", "loop", str(image), str(mounted)]):
        try:
            subprocess.run(argv, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = str(getattr(error, "stderr", "") or error)
            raise _CannotMountError(said.strip().split("\n")[-1]) from None
    try:
        yield mounted
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
        image.unlink()


def _used(directory: Path) -> int:
    status = os.statvfs(directory)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def create(directory: Path, pairs: int) -> Figure:
    """Make one file host-dependent where there are many CDSLs, and where there are few."""
    roots = {}
    for number in (LARGE, SMALL):
        roots[number] = root = directory / str(number)
        (root / "etc").mkdir(parents=True)
        _osr("init", root, "--nodes", str(len(NODES)))
        cdsls = (Cdsl(f"srv/{one:05}", HOSTDEPENDENT, time=1.5e9) for one in range(number))
        known = Inventory(nodes=NODES, cdsls=cdsls)
        (root / inventories.PATH).write_text(inventories.dumps(known))
    ratios = []
    for number in range(pairs + 1):
        seconds = {}
        for size in (LARGE, SMALL) if number % 2 else (SMALL, LARGE):
            (roots[size] / f"etc/{number}").write_text("one line\n")
            subprocess.run(["sync", "-f", directory], check=True)
            seconds[size] = _osr("create", roots[size], "-a", f"/etc/{number}", "--node", "1")
        ratios.append(seconds[LARGE] / seconds[SMALL])
    # The first pair warms up: it compiles what is imported.
    return figure(f"cdsl: create of a file with {LARGE:,} CDSLs / with {SMALL}", ratios[1:], "x", 1.5)


def check(root: Path, kind: str, pairs: int) -> Figure:
    """Compare a root of many CDSLs with its inventory, beside a find that looks at the same links and files."""
    cdsls = [Cdsl(f"var/{number // 100:03}/{number}", kind, time=1.5e9) for number in range(LARGE - 1)]
    known = Inventory(nodes=NODES, cdsls=[Cdsl("var", HOSTDEPENDENT), *cdsls] if kind == SHARED else cdsls)
    layout = known.layout
    for cdsl in known.cdsls:
        for name in known.trees if cdsl.kind == HOSTDEPENDENT else ("",):
            path = root / data(cdsl.path, cdsl.kind, name, layout, known.cdsls)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir() if cdsl.path == "var" else path.write_text("x\n")
        for _, place in places(cdsl.path, known.trees, layout, known.cdsls):
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).symlink_to(target(place, cdsl.path, cdsl.kind, layout, known.cdsls))
    own, says = detour(layout)
    (root / own).parent.mkdir(parents=True)
    (root / own).symlink_to(says)
    for directory in (layout.link, layout.shared):
        (root / directory).mkdir(parents=True, exist_ok=True)
    (root / inventories.PATH).write_text(inventories.dumps(known))
    ratios = []
    for number in range(pairs + 1):
        for which in ("ours", "find") if number % 2 else ("find", "ours"):
            if which == "ours":
                ours = _osr("check", root)
            else:
                find = _seconds(["find", str(root), "-printf", "%s\n"])
        ratios.append(ours / find)
    what = f"cdsl: check of {LARGE:,} {kind} CDSLs on {len(NODES)} nodes / find with stat"
    return figure(what, ratios[1:], "x", 3)


def _osr(word: str, root: Path, *words: str) -> float:
    return _seconds([*OSR, "cdsl", word, "--root", str(root), *words])


def _seconds(argv: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
