"""A plan, and a boot, in words: pure, text from values."""

from __future__ import annotations

import shlex

from osr_boot.plan import STAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from osr_boot.plan import Plan

_FROM = {
    "image": "the image",
    "archive": "an archive behind the image",
    "root": "the root itself, whose own osr read it",
}
_MARK = {"finished": "done  ", "failed": "FAILED", "": "      "}


def plan_lines(plan: Plan, report: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield the plan for a person; with a report each operation carries its outcome."""
    yield f'node "{plan.node}" (id {plan.nodeid}), because {plan.because}'
    for warning in plan.warnings:
        yield f"warning: {warning}"
    stages = (report or {}).get("stages", {})
    for stage in STAGES:
        yield ""
        yield f"{stage}:"
        outcomes = stages.get(stage, {}).get("ops", [])
        if not plan.stages[stage]:
            yield "  nothing to do"
        for number, operation in enumerate(plan.stages[stage], 1):
            outcome = outcomes[number - 1] if number <= len(outcomes) else {}
            mark = f"{_MARK.get(outcome.get('outcome', ''), '')} " if report is not None else ""
            yield f"  {number}. {mark}{operation.describe()}{_aside(outcome)}"
            if outcome.get("outcome") == "failed":
                yield f"       why: {outcome.get('error', '')}"
                if outcome.get("hint"):
                    yield f"       do:  {outcome['hint']}"
            for argv in operation.commands():
                yield f"       $ {shlex.join(argv)}"
            for line in operation.input().splitlines():
                yield f"         < {line}"
            for path, _ in operation.files():
                yield f"       > {path}"


def status_lines(
    report: Mapping[str, Any],
    root: tuple[str, str, str],
    stale: str = "",
    bound: Sequence[tuple[str, str]] = (),
    cluster: Sequence[tuple[str, str]] = (),
) -> Iterator[str]:
    """Yield how the boot went: `root` is source, type and options of what is mounted as root.

    `stale` says in words how the root's cluster.conf is another now than the one that was booted with; `bound` are
    (path, what of the root is bound there), as it is now; `cluster` is what its stack says: (word, text).
    """
    node = report.get("node")
    if node:
        yield f'node     {node["name"]} (id {node["id"]}), because {report.get("because", "")}'
    configuration = report.get("configuration")
    if configuration:
        came = _FROM.get(configuration.get("from", ""), "")
        yield f"config   config_version {configuration.get('config_version')}, from {came}"
    if stale:
        yield f"warning  {stale}"
    source, fstype, options = root
    version = next((f", {word}" for word in options.split(",") if word.startswith("vers=")), "")
    yield f"root     {source} ({fstype}{version})"
    for word, text in cluster:
        yield f"{word:8} {text}"
    for path, what in bound:
        yield f"bound    {path} from {what}"
    for stage, outcome in report.get("stages", {}).items():
        yield (
            f"{stage:8} {outcome.get('outcome', '')}, {outcome.get('seconds', 0):.2f} s "
            f"({outcome.get('own', 0):.2f} s of its own, {outcome.get('programs', 0)} programs started)"
        )
        for done in outcome.get("ops", []):
            took = f"{done['outcome']:8} {done.get('seconds', 0):6.2f} s"
            yield f"           {done['op']}. {took}  {done['describe']}{_aside(done)}"


def _aside(outcome: Mapping[str, Any]) -> str:
    return f" ({outcome['note']})" if outcome.get("note") else ""
