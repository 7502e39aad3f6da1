"""The command `osr`, run in this process: what it answers, what it says beside that, and its exit status."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from osr_boot import cli

FINDINGS = Path(__file__).parents[1] / "golden/findings"
GOOD, BAD, WARNED = (str(FINDINGS / f"{name}.conf") for name in ("good", "duplicate-mac", "root-nfs3-without-locks"))


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


def written(root: Path, files: Mapping[str, str]) -> Path:
    """Write files below a directory, each with the directories around it. Returns the directory."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def osr(*words: str, program: str = "osr") -> Said:
    """Run a command. Nothing that a person did wrong may show a traceback."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(list(words), program=program)
        except SystemExit as end:  # argparse
            status = end.code if isinstance(end.code, int) else 1
    assert "Traceback" not in err.getvalue()
    return Said(status, out.getvalue(), err.getvalue())


def cdsl(root: Path, word: str, *words: str) -> Said:
    """Run a word of `osr cdsl` on a root."""
    return osr("cdsl", word, "--root", str(root), *words)
