"""Findings as a person and as a program read them."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osr_boot.model import Finding

FORMAT = 1
_LONGEST = 2000
"""letters of a message that are shown: the file may have values of any length"""


def as_text(path: str, found: Iterable[Finding]) -> str:
    """Return one line `FILE:LINE: SEVERITY: PLACE: MESSAGE` for each finding, its hint indented below."""
    lines = []
    for finding in found:
        lines.append(f"{path}:{finding.line}: {finding.severity}: {_plain(finding.place)}: {_plain(finding.message)}\n")
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
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
