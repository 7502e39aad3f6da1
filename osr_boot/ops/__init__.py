"""What an operation is. The operations themselves are in the files beside this one and with their filesystem.

An operation is a frozen value made of text, numbers, truth values and tuples of them: it can be shown, written as
JSON, read back and executed. Its name there is where its class lies, `ops.links.BringUp`, so that a boot stage imports
only the files whose operations it executes.
"""

from __future__ import annotations

import sys

from osr_boot.errors import ConfigError
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osr_boot.system import System

_HOMES = ("ops.", "filesystems.", "cluster.", "cdsl.")
_TYPES = {"str": str, "int": int, "bool": bool}
_HINT = "was /run/osr/plan.json edited?"


class Operation(Value):
    """One step of a boot."""

    def describe(self) -> str:
        """Return one line for a person."""
        raise NotImplementedError

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """Return what a person could paste, as argument lists; empty for an operation that writes files."""
        return ()

    def input(self) -> str:
        """Return what the command reads from its standard input."""
        return ""

    def files(self) -> tuple[tuple[str, str], ...]:
        """Return the files that it writes, as (path, text)."""
        return ()

    def execute(self, system: System) -> str:
        """Do it. Return what only the doing could tell (a negotiated version), or nothing. Raises OsrError."""
        raise NotImplementedError


def to_json(operation: Operation) -> dict[str, Any]:
    """Return the operation as JSON values, with what it says about itself."""
    name = f"{type(operation).__module__.split('.', 1)[1]}.{type(operation).__name__}"
    value = {"op": name, **vars(operation), "describe": operation.describe(), "commands": operation.commands()}
    if operation.input():
        value["input"] = operation.input()
    if operation.files():
        value["files"] = dict(operation.files())
    return value


def from_json(value: dict[str, Any]) -> Operation:
    """Return the operation that `to_json` made the value of. Raises ConfigError."""
    name = str(value.get("op", ""))
    module, _, kind = name.rpartition(".")
    if not module.startswith(_HOMES):
        raise ConfigError(f'the plan has an operation "{name[:60]}" that this version does not know', hint=_HINT)
    __import__(f"osr_boot.{module}")
    operation = getattr(sys.modules[f"osr_boot.{module}"], kind)
    if not (isinstance(operation, type) and issubclass(operation, Operation) and operation is not Operation):
        raise ConfigError(f'the plan has an operation "{name}", and that is none', hint=_HINT)
    fields = {field: _frozen(value[field]) for field in operation.__fields__}
    for field, wanted in operation.__fields__.items():
        if not _fits(fields[field], wanted):
            raise ConfigError(f'the plan has a wrong value for "{field}" of {name}', hint=_HINT)
    return operation(**fields)


def _frozen(value: Any) -> Any:
    """Return JSON's lists as the tuples they were."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _fits(value: object, wanted: str) -> bool:
    """Say whether a value is of the type that a field's annotation names: a scalar, `tuple[X, ...]`, `tuple[X, Y]`."""
    if wanted in _TYPES:
        return type(value) is _TYPES[wanted]
    if not isinstance(value, tuple):
        return False
    inner = wanted[len("tuple[") : -1]
    if inner.endswith(", ..."):
        return all(_fits(item, inner[: -len(", ...")]) for item in value)
    kinds = inner.split(", ")
    return len(value) == len(kinds) and all(map(_fits, value, kinds))
