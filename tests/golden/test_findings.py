"""Every file in findings/ is a case: NAME.conf, and beside it in NAME.expected what `osr check` says of it.

OSR_WRITE_GOLDEN=1 writes what is said now, and `python3 -m tests.golden.test_findings` the table docs/findings.md; read
the difference before you commit it.
"""

from __future__ import annotations

import ast
import difflib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from osr_boot import clusterconf, findings

TOP = Path(__file__).parents[2]
DIRECTORY = Path(__file__).parent / "findings"
TABLE = TOP / "docs/findings.md"
CASES = sorted(DIRECTORY.glob("*.conf"))
# Where findings are made, and the calls that make one.
MAKERS = ("clusterconf", "nics", "volumes", "linkoptions", "validate", "linkchecks", "volumechecks", "storage",
          "spelling", "values", "document", "filesystems/*")  # fmt: skip
CALLS = {"Finding", "Problem", "Unfit", "Malformed", "error"}
# What no small file can show: limits of size, and unit tests show them; and what can only come with a defect of ours.
ELSEWHERE = {
    ("document.py", "start"),
    ("document.py", "parse"),
    ("clusterconf.py", "_parse"),
    ("clusterconf.py", "read"),
    ("filesystems/__init__.py", "find"),
}


def said_of(conf: Path) -> str:
    _, found = clusterconf.read(str(conf))
    return findings.as_text(conf.name, found)


@pytest.mark.parametrize("conf", CASES, ids=lambda conf: conf.stem)
def test_findings(conf: Path) -> None:
    said = said_of(conf)
    expected = conf.with_suffix(".expected")
    if os.environ.get("OSR_WRITE_GOLDEN"):
        expected.write_text(said, encoding="utf-8")
    wanted = expected.read_text(encoding="utf-8") if expected.exists() else ""
    difference = "".join(
        difflib.unified_diff(wanted.splitlines(True), said.splitlines(True), expected.name, "said now")
    )
    assert expected.exists(), f"{expected.name} is missing; it would be:\n{said}"
    assert not difference, f"\n{difference}"


def test_every_expectation_has_its_file() -> None:
    assert [path.name for path in DIRECTORY.glob("*.expected") if not path.with_suffix(".conf").exists()] == []


# --- every finding that the code can make has a file that makes it


def makers() -> Iterator[tuple[str, str, int, int]]:
    """Yield (file, function, first line, last line) of every statement that makes a finding."""
    package = TOP / "osr_boot"
    for pattern in MAKERS:
        for path in sorted(package.glob(f"{pattern}.py")):
            for function in ast.walk(ast.parse(path.read_text())):
                if not isinstance(function, ast.FunctionDef):
                    continue
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and _called(node) in CALLS:
                        yield str(path.relative_to(package)), function.name, node.lineno, node.end_lineno or node.lineno


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def test_every_finding_has_a_file_that_makes_it() -> None:
    package = str(TOP / "osr_boot")
    ran: dict[str, set[int]] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(package):
            return None
        ran.setdefault(frame.f_code.co_filename[len(package) + 1 :], set()).add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for conf in CASES:
            clusterconf.read(str(conf))
    finally:
        sys.settrace(before)
    sites = {site for site in makers() if site[:2] not in ELSEWHERE}
    assert len(sites) > 50
    never = sorted(site for site in sites if not ran.get(site[0], set()) & set(range(site[2], site[3] + 1)))
    assert not never, "no file in findings/ shows these:\n" + "\n".join(f"{file}:{line}" for file, _, line, _ in never)


# --- the table in docs/


def table() -> str:
    """Return docs/findings.md."""
    lines = [
        "# Findings",
        "",
        "What `osr check` says, each with a small file that makes it say so: what is different in it from",
        "[a good one](../tests/golden/findings/good.conf). Errors are exit status 2, warnings 0. Made from the golden",
        "tests by `python3 -m tests.golden.test_findings`.",
        "",
        "| | finding | hint | file |",
        "|---|---|---|---|",
    ]
    told = set()
    for conf in CASES:
        _, found = clusterconf.read(str(conf))
        for finding in found:
            text, hint = findings.as_text("", [finding]).splitlines()[0].split(": ", 2)[2], finding.hint
            key = (conf.stem, finding.message)
            if key not in told:
                told.add(key)
                link = f"[{conf.stem}](../tests/golden/findings/{conf.name}) line {finding.line}"
                lines.append(f"| {finding.severity} | {_cell(text)} | {_cell(hint)} | {link}{_changed(conf)} |")
    return "\n".join(lines) + "\n"


def _changed(conf: Path) -> str:
    """Return what a file has that the good one has not, if that is one line."""
    good = (DIRECTORY / "good.conf").read_text().splitlines()
    here = conf.read_bytes().decode(errors="replace").splitlines()
    more = [line[2:].strip() for line in difflib.ndiff(good, here) if line.startswith("+ ")]
    if len(more) != 1 or len(more[0]) > 200 or not more[0].isprintable():
        return ""
    return ": `` " + more[0].replace("|", "\\|") + " ``"


def _cell(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
    return plain.replace("|", "\\|").replace("<", "&lt;")


def test_the_table_is_as_the_cases_are() -> None:
    assert TABLE.read_text() == table(), "write it again: python3 -m tests.golden.test_findings"


if __name__ == "__main__":
    TABLE.write_text(table())
