"""Findings as a person and as a program read them."""

from __future__ import annotations

import json

from osr_boot import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osr_boot.model import Finding

FORMAT = 1
_LONGEST = 2000
"""letters of a message that are shown: the file may have values of any length"""


def as_text(path: str, found: Iterable[Finding]) -> str:
    """Return one line `FILE:LINE: SEVERITY: PLACE: MESSAGE` for each finding, its hint indented below."""
    where, lines = _plain(path), []
    for finding in found:
        place, message = _plain(finding.place), _plain(finding.message)
        lines.append(f"{where}:{finding.line}: {finding.severity}: {place}: {message}\n")
        if finding.hint:
            lines.append(f"  {_plain(finding.hint)}\n")
    return "".join(lines)


def as_json(path: str, found: Iterable[Finding]) -> str:
    """Return the findings as one JSON document."""
    values = [
        {
            "line": finding.line,
            "severity": finding.severity,
            "place": finding.place,
            "message": finding.message[:_LONGEST],
            "hint": finding.hint[:_LONGEST],
        }
        for finding in found
    ]
    errors = sum(value["severity"] == "error" for value in values)
    document = {
        "format": FORMAT, "file": path, "errors": errors, "warnings": len(values) - errors, "findings": values
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"


def _plain(text: str) -> str:
    """Return a text fit for a terminal: one line, no control characters, not endless."""
    return terminal.line(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")
