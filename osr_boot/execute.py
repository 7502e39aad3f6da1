"""The one loop that performs operations: numbered, logged, timed, stopping at the first that fails."""

from __future__ import annotations

from osr_boot.errors import NotYet, OperationFailed, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from osr_boot.ops import Operation
    from osr_boot.system import System


def execute(
    operations: Sequence[Operation], system: System, done: list[dict[str, Any]], log: Callable[[str], None]
) -> None:
    """Perform the operations in order, adding an outcome to `done` for each, behind those that are done already.

    Raises OperationFailed; NotYet if one waits for what dracut may bring, and is to be called again.
    """
    waiting = done.pop() if done and done[-1]["outcome"] == "waiting" else None
    for number, operation in list(enumerate(operations, 1))[len(done) :]:
        describe = operation.describe()
        if not waiting:
            log(f"op({number}) [started]  {describe}")
        began = waiting["started"] if waiting else round(system.uptime(), 3)
        outcome: dict[str, Any] = {"op": number, "describe": describe, "outcome": "failed", "started": began}
        done.append(outcome)
        waiting = None
        try:
            note = operation.execute(system)
        except NotYet:
            outcome["outcome"] = "waiting"
            raise
        except (OsrError, OSError) as error:
            hint = error.hint if isinstance(error, OsrError) else ""
            outcome.update(error=str(error), hint=hint, seconds=round(system.uptime() - began, 3))
            log(f"op({number}) [failed]   {describe}: {error}")
            raise OperationFailed(str(error), number=number, describe=describe, hint=hint) from error
        outcome.update(outcome="finished", seconds=round(system.uptime() - began, 3))
        if note:
            outcome["note"] = note
        log(f"op({number}) [finished] {describe}{f': {note}' if note else ''}")
