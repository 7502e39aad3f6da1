"""Something that is done to a root, stopped at every operation that changes the filesystem, and then recovered."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.perform import recover
from tests.unit.cdsl_changes import copy_of, tree
from tests.unit.operations import FAILED, KILLED, Stop, run

ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
LASTING = (errno.EIO, errno.EROFS)
"""what fails once fails from there on"""
UNDONE, BETWEEN, FINISHED = "undone", "between", "finished"


class Stopped:
    """What `act` does to a root; `between` are the trees as they are between two of its changes."""

    def __init__(self, root: Path, act: Callable[[str], object], between: Sequence[dict[str, str]] = ()) -> None:
        self._root = root
        self.here = root.with_name("here")
        self._act = act
        before = tree(str(root))
        status, self.operations = self._run()
        assert status == 0
        after = tree(str(self.here))
        assert before != after
        self._ends = ((UNDONE, before), (FINISHED, after), *((BETWEEN, one) for one in between))

    def _run(self, stop: Stop | None = None) -> tuple[int, list[str]]:
        """Do it on a fresh root."""
        here = copy_of(self._root, self.here.name)
        return run(lambda: self._act(here), here, stop)

    def killed(self) -> Iterator[None]:
        """Kill it at each place."""
        for stop in places(self.operations):
            assert self._run(stop)[0] == KILLED, stop
            yield

    def failed(self, errors: Callable[[int], Sequence[int]]) -> Iterator[None]:
        """Let it fail at each place with the errors of that place, a lasting one from there on."""
        for stop in places(self.operations):
            for error in errors(stop.number):
                assert self._run(stop._replace(error=error, lasting=error in LASTING))[0] == FAILED, (stop, error)
                yield

    def recovered(self) -> str:
        """Recover as the next command does; return how it ended."""
        recover(Disk(str(self.here)))
        return self._ended()

    def _ended(self) -> str:
        """Return how it ended: what is there is exactly one of the trees that may be."""
        assert recover(Disk(str(self.here))) == ""
        now = tree(str(self.here))
        assert now in [one for _, one in self._ends]
        return next(end for end, one in self._ends if one == now)

    def recoveries_killed(self) -> int:
        """Kill the recovery of what is there at each of its places, and recover; return how many places they were."""
        stopped = self.here.rename(self.here.with_name("stopped"))

        def stop_at(stop: Stop | None) -> tuple[int, list[str]]:
            here = copy_of(stopped, self.here.name)
            return run(lambda: recover(Disk(here)), here, stop)

        status, operations = stop_at(None)
        assert status == 0
        ended = self._ended()
        stops = list(places(operations))
        for stop in stops:
            assert stop_at(stop)[0] == KILLED, stop
            assert self.recovered() == ended, stop
        shutil.rmtree(stopped)
        return len(stops)


def places(operations: Sequence[str]) -> Iterator[Stop]:
    """Yield every place to stop at: before each operation, and after a file was opened."""
    for number, name in enumerate(operations, start=1):
        yield Stop(number)
        if name == "open":
            yield Stop(number, begun=True)
