"""`make check`: the tiers one after the other, each with its time, and one line that counts them all.

Every tier runs even if an earlier one failed, so that one run tells everything; a tier that ran no test has failed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).parents[1]
PYTEST = [str(TOP / ".venv/bin/python"), "-m", "pytest", "-q"]
TIERS = (
    ("unit", [*PYTEST, "tests/unit", "tests/golden", "tests/hooks"]),
    ("image", [*PYTEST, "tests/image", "--durations=0", "--durations-min=1"]),
    ("vm", [sys.executable, "-m", "tests.vm", "--core"]),
)
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


def main() -> int:
    """Run every tier. Returns 0 if each of them passed something and failed nothing."""
    begin = time.monotonic()
    lines = []
    total = {"passed": 0, "failed": 0}
    for name, argv in TIERS:
        print(f"=== {name}: {' '.join(argv[1:])}", flush=True)
        start = time.monotonic()
        status, passed, failed, skipped = run(argv)
        if (status and not failed) or not passed:
            failed += 1
        total["passed"] += passed
        total["failed"] += failed
        lines.append(
            f"{name:8} {passed:5} passed {failed:5} failed {skipped:3} skipped {time.monotonic() - start:6.0f} s"
        )
    print("\n".join(["", "=== make check", *lines, f"{'all':47} {time.monotonic() - begin:5.0f} s"]))
    print(f"{total['passed']} passed, {total['failed']} failed", flush=True)
    return 1 if total["failed"] else 0


def run(argv: list[str]) -> tuple[int, int, int, int]:
    """Run a tier, showing its output. Returns its status, and what its last line counts as passed, failed, skipped."""
    last = ""
    with subprocess.Popen(argv, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            if COUNT.search(line):
                last = line
    counts = {word: int(number) for number, word in COUNT.findall(last)}
    failed = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
    return process.returncode, counts.get("passed", 0), failed, counts.get("skipped", 0)


if __name__ == "__main__":
    sys.exit(main())
