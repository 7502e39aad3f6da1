"""Run VM cases: `python3 -m tests.vm [NAME...] [--core | --all | --matrix] [--table FILE]`.

Single-node cases run two at a time, since a node has one processor. Every line says what was shown and what it took;
the last line counts.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import platform
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import project
from tests.lab.errors import LabError
from tests.vm.case import Case, image_of, run
from tests.vm.cases import CASES, MATRIX

TOP = Path(__file__).parents[2]
WORKERS = 2


@dataclass(frozen=True)
class Result:
    """How a case went; no `error` is a success."""

    case: Case
    seconds: float
    times: dict[str, float]
    error: str = ""

    def line(self) -> str:
        """Return the line for a person."""
        parts = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in self.times.items())
        word = "FAILED" if self.error else "passed"
        return f"{word}  {self.case.name:20} {self.seconds:5.0f} s  {self.case.shows}{f' ({parts})' if parts else ''}"


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.vm", description="boot real machines and look")
    parser.add_argument("names", nargs="*", metavar="CASE", help="cases by name; without one, say --core or --all")
    parser.add_argument("--core", action="store_true", help="the cases of make check")
    parser.add_argument("--all", action="store_true", help="every case")
    parser.add_argument("--matrix", action="store_true", help="the full-featured boot on every Debian release")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the results as a table")
    options = parser.parse_args()
    known = {case.name: case for case in (*CASES, *MATRIX)}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; known are {', '.join(known)}")
    chosen = [known[name] for name in options.names]
    chosen += [case for case in CASES if options.all or (options.core and case.core)]
    chosen += MATRIX if options.matrix else []
    if not chosen:
        parser.print_help()
        print("\ncases:", *(f"  {case.name:20} {case.shows}" for case in known.values()), sep="\n")
        return 2
    turn = threading.Lock()

    def note(result: Result) -> None:
        """Add a row at once: a run of all cases takes more than an hour, and may be cut off."""
        with turn:
            print(f"{result.line()}\n{result.error}".rstrip(), flush=True)
            if options.table:
                before = options.table.read_text() if options.table.exists() else ""
                options.table.write_text(table((result,), before))

    results = run_all(chosen, note)
    failed = sum(bool(result.error) for result in results)
    print(f"{len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def run_all(cases: Sequence[Case], note: Callable[[Result], None]) -> list[Result]:
    """Run cases, telling `note` each result as it comes, and return them in the order of the table."""
    begin = time.monotonic()
    for suite in dict.fromkeys(case.suite for case in cases):
        project.tree(suite)
    for case in cases:  # images first and one by one: two dracuts at once are no quicker, and say less
        with contextlib.suppress(LabError):  # told by the case itself
            image_of(case)
    print(f"vm: images ready after {time.monotonic() - begin:.0f} s, {len(cases)} cases", flush=True)
    pairs = [case for case in cases if len(case.nodes) > 1]
    singles = [case for case in cases if len(case.nodes) == 1]
    results = [_one(case, note) for case in pairs]
    with ThreadPoolExecutor(WORKERS) as pool:
        results += pool.map(lambda case: _one(case, note), singles)
    print(f"vm: {time.monotonic() - begin:.0f} s in all", flush=True)
    return sorted(results, key=lambda result: cases.index(result.case))


def _one(case: Case, note: Callable[[Result], None]) -> Result:
    begin = time.monotonic()
    try:
        result = Result(case, 0.0, run(case))
    except Exception as error:
        said = traceback.format_exc() if not isinstance(error, (LabError, AssertionError)) else ""
        where = traceback.extract_tb(error.__traceback__)[-1]
        result = Result(case, 0.0, {}, f"{said}{where.filename}:{where.lineno}: {error or where.line}")
    result = Result(case, time.monotonic() - begin, result.times, result.error)
    note(result)
    return result


def table(results: Sequence[Result], before: str) -> str:
    """Return the results as a Markdown page; a case that did not run now keeps its row of the page `before`."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=TOP, capture_output=True, text=True, check=False
    )
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=False)
    rows = {line.split("|")[1].strip(): line for line in before.splitlines() if line.startswith("| ")}
    for result in results:
        case = result.case
        word = "FAILED" if result.error else "passed"
        parts = ", ".join(f"{what} {seconds:.0f}" for what, seconds in result.times.items())
        cells = (case.name, case.suite.name, case.shows, word, f"{result.seconds:.0f} ({parts})")
        rows[case.name] = f"| {' | '.join((*cells, str(datetime.date.today()), commit.stdout.strip()))} |"
    head = [
        "# VM cases",
        "",
        "Written by `make vm-check-all`, `make matrix` and `make vm-check CASE=NAME TABLE=FILE`; the last run with",
        f"{qemu.stdout.splitlines()[0]}, Python {platform.python_version()}, emulated processor. Seconds: of the whole",
        "case; up: until the full system answers, off: of the power-off.",
        "",
        "| case | Debian | shows | result | seconds | date | commit |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(rows[case.name] for case in (*CASES, *MATRIX) if case.name in rows)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
