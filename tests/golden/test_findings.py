"""Every file in findings/ is a case: NAME.conf, and beside it in NAME.expected what `osr check` says of it.

OSR_WRITE_GOLDEN=1 writes what is said now; read the difference before you commit it.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest

from osr_boot import clusterconf, findings

DIRECTORY = Path(__file__).parent / "findings"


@pytest.mark.parametrize("conf", sorted(DIRECTORY.glob("*.conf")), ids=lambda conf: conf.stem)
def test_findings(conf: Path) -> None:
    _, found = clusterconf.read(str(conf))
    said = findings.as_text(conf.name, found)
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


def test_there_are_cases() -> None:
    assert len(list(DIRECTORY.glob("*.conf"))) > 50
