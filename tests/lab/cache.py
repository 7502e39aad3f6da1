"""Artefacts that take minutes to make, kept outside git under a hash of everything that went into them.

An artefact is a directory `KIND-HASH`. It is built under another name and renamed when complete, so a killed build
never looks finished; a lock lets two test runs at once build it only once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import namespace

UNUSED_SECONDS = 7 * 86400


def directory() -> Path:
    """Where artefacts lie: $OSR_LAB_CACHE, else osr-lab below $XDG_CACHE_HOME or ~/.cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "osr-lab"
    path = Path(os.environ.get("OSR_LAB_CACHE") or default)
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(*parts: str | bytes) -> str:
    """A short hash of all parts; their borders count, so ("ab", "c") differs from ("a", "bc")."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def file_key(path: Path) -> str:
    """A hash of one file's content."""
    return key(path.read_bytes())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def artefact(kind: str, name: str, build: Callable[[Path], None]) -> Path:
    """The directory `kind-name`; made by `build`, which gets an empty directory to fill, if it is not there yet."""
    final = directory() / f"{kind}-{name}"
    if final.is_dir():
        os.utime(final)  # used today
        return final
    with _locked(directory() / f"{kind}-{name}.lock"):
        if final.is_dir():  # another process built it while this one waited
            return final
        partial = directory() / f"{kind}-{name}.partial"
        namespace.remove(partial)
        partial.mkdir()
        try:
            build(partial)
            os.utime(partial)
            partial.rename(final)
        except BaseException:
            namespace.remove(partial)
            raise
        _forget_unused()
    return final


def _forget_unused() -> None:
    """Delete artefacts that nothing has used for a week: each change of a recipe leaves up to 2 GB behind."""
    oldest = time.time() - UNUSED_SECONDS
    for path in directory().iterdir():
        if path.is_dir() and not path.name.endswith(".partial") and path.stat().st_mtime < oldest:
            namespace.remove(path)
