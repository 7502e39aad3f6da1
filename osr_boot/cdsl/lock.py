"""One change at a time, on all nodes together: a lock on the shared root.

fcntl locks hold between nodes over NFSv4 and cluster filesystems. Over NFSv3 mounted with nolock they hold on one node
only. Who has the lock stands in the file: whoever is refused is told. A node that died leaves its words in there, and
its lock goes when the server's lease ends (90 s): words without a lock are a stale lock, and are said.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time

from osr_boot.errors import OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

NAME = ".osr-cdsl-lock"
_TIMES, _PAUSE = 20, 0.1
"""how often, and after how many seconds, the lock is tried again whose holder has not written its words yet"""


class Lock:
    """Held while the block runs. Raises OsrError at once if somebody else has it."""

    def __init__(self, root: str, what: str) -> None:
        self._path = os.path.join(root, NAME)
        self._what = what
        self.stale = ""
        """who had it before and never gave it back"""

    def __enter__(self) -> Lock:
        for left in reversed(range(_TIMES)):
            # Opened anew each time: what an NFS client reads is as old as its open.
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                held = _words(self._read())
                os.close(self._file)
                if not isinstance(error, (BlockingIOError, PermissionError)):
                    raise OsrError(
                        f"{self._path} cannot be locked: {error}", hint="is the filesystem mounted with nolock?"
                    ) from None
                if held or not left:
                    hint = "wait until that has ended; the lock of a node that died is free after 90 s"
                    raise OsrError(f"CDSLs are being changed by {held or 'somebody'}", hint=hint) from None
                time.sleep(_PAUSE)
        self.stale = _words(self._read())
        text = {"host": socket.gethostname(), "pid": os.getpid(), "since": int(time.time()), "what": self._what}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(text).encode(), 0)
        os.fsync(self._file)  # for the other nodes: an NFS client keeps what is written to itself for half a minute
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)  # gives the lock back

    def _read(self) -> Any:
        try:
            return json.loads(os.pread(self._file, 4096, 0))
        except ValueError:
            return None


def _words(held: Any) -> str:
    """Return in words who has the lock; nothing if nobody says so."""
    if not isinstance(held, dict):
        return ""
    since = held.get("since")
    when = f", since {time.strftime('%F %T', time.localtime(since))}" if type(since) is int and since < 2**40 else ""
    return f"process {held.get('pid')} on {held.get('host')} ({held.get('what')}{when})"
