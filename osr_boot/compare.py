"""The boots of many nodes side by side: a table of all, and what differs between two; pure."""

from __future__ import annotations

import difflib
import json

from osr_boot import explain, plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from osr_boot.model import Cmdline, Node
    from osr_boot.plan import Plan

FORMAT = 1
_HEAD = ("node", "id", "identity", "address", "root", "tree")


def table(nodes: Sequence[Node], cmdline: Cmdline) -> Iterator[str]:
    """Yield a table with a line for each node, in the file's order."""
    rows = [_HEAD, *(_row(node, cmdline) for node in nodes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _row(node: Node, cmdline: Cmdline) -> tuple[str, ...]:
    volume = plan.volume_of(node, cmdline)
    addresses = [f"{nic.name} {nic.address}" for nic in node.nics if nic.onboot and nic.address]
    return (
        node.name,
        str(node.nodeid),
        ", ".join((*node.macs, *filter(None, vars(node.dmi).values()))),
        ", ".join(addresses),
        f"{volume.name} ({volume.fstype})" if volume else cmdline.root,
        f"{cmdline.cdsltree}/{node.nodeid}",
    )


def all_as_json(plans: Iterable[Plan]) -> str:
    """Return the plans of all nodes as one JSON document."""
    documents = ",\n".join(plan.dumps(made).rstrip("\n") for made in plans)
    return f'{{"format": {FORMAT}, "plans": [\n{documents}\n]}}\n'


def nodes(one: Plan, other: Plan) -> dict[str, list[str]]:
    """Return the lines that differ between the boots of two nodes, under both their names."""
    changed = _changes(one, other)
    return {f"{one.node} and {other.node}": changed} if changed else {}


def files(before: Mapping[str, Plan], after: Mapping[str, Plan]) -> dict[str, list[str]]:
    """Return what differs between two versions of a file, by node name; nodes that boot alike are left out."""
    found = {}
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            found[name] = ["only in the first"]
        elif name not in before:
            found[name] = ["only in the second"]
        elif changed := _changes(before[name], after[name]):
            found[name] = changed
    return found


def _changes(one: Plan, other: Plan) -> list[str]:
    before, after = (list(explain.plan_lines(made)) for made in (one, other))
    changes = difflib.unified_diff(before, after, lineterm="", n=0)
    return [line for line in changes if not line.startswith(("---", "+++", "@@"))]


def lines(first: str, second: str, found: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield differences for a person."""
    if not found:
        yield f"{first} and {second} boot alike"
    for name, changed in found.items():
        yield f"{name}:"
        yield from (f"  {line}" for line in changed)


def as_json(first: str, second: str, found: Mapping[str, Sequence[str]]) -> str:
    """Return differences as one JSON document."""
    return json.dumps({"format": FORMAT, "first": first, "second": second, "differences": found}, indent=1) + "\n"
