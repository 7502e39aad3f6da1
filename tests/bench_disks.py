"""The part of `make bench` that is about shared disks: two nodes that boot together from one OCFS2, or one GFS2.

`python3 -m tests.bench_disks` prints these figures alone. Where the time goes is what the nodes' own reports say: the
seconds of each operation of the stage "root"; the slower node of both counts. Each round has a disk of its own.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import project
from tests.figures import Figure, figure
from tests.lab import shared_disk
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.tree import CLUSTERED, Tree
from tests.vm import shareddisks

NODES = ("node1", "node2")
# systemd tells the initrd's journal to go as its last word before it changes to the new root.
SWITCH_ROOT = r"\[ *(\d+\.\d+)\] systemd-journald\[\d+\]: Received SIGTERM from PID 1"
_DISKS: dict[str, tuple[str, Callable[[Tree], Path]]] = {
    "ocfs2": (shareddisks.OCFS2, shared_disk.ocfs2),
    "gfs2": (shareddisks.GFS2, shared_disk.gfs2),
}
_SHOWN = 0.1
"""seconds: an operation that takes less is not listed"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench_disks", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    for one in figures(parser.parse_args().pairs):
        print(one.line(), flush=True)
    return 0


def figures(rounds: int) -> Iterator[Figure]:
    """Boot two nodes from OCFS2 and from GFS2 in turn."""
    tree = project.tree(CLUSTERED)
    images = {kind: project.build(tree, project.FULL, cluster_conf=conf) for kind, (conf, _) in _DISKS.items()}
    times: dict[str, list[float]] = {kind: [] for kind in _DISKS}
    shares: dict[str, list[float]] = {kind: [] for kind in _DISKS}
    parts: dict[str, dict[str, list[float]]] = {kind: {} for kind in _DISKS}
    with Lab(suite=CLUSTERED) as lab:
        tar = project.tar(tree)
        lab.server.install(tar)
        for number in range(rounds):
            for kind in _DISKS if number % 2 else reversed(_DISKS):
                conf, base = _DISKS[kind]
                disks = shareddisks.with_project(lab, base(tree), conf)
                nodes = [lab.node(name, images[kind], disks=disks) for name in NODES]
                switched = [float(node.console.wait_for(SWITCH_ROOT, 600).group(1)) for node in nodes]
                reports = [_report(node) for node in nodes]
                slower = max(range(len(nodes)), key=switched.__getitem__)
                times[kind].append(switched[slower])
                own = sum(stage["own"] for stage in reports[slower]["stages"].values())
                shares[kind].append(100 * own / switched[slower])
                for name, seconds in _parts(reports[slower]):
                    parts[kind].setdefault(name, []).append(seconds)
                for node in nodes:
                    node.kill()
                print(f"bench: {kind}, round {number + 1} of {rounds}: {switched[slower]:.1f} s", flush=True)
    for kind, whole in times.items():
        yield figure(f"disks: two nodes from {kind}, kernel start to switch_root of the slower", whole, "s", None)
        for name, some in parts[kind].items():
            one = figure(f"disks: {kind}, of that: {name}", some, "s", None)
            if one.value >= _SHOWN:
                yield one
        yield figure(f"disks: {kind}, the agent's own share", shares[kind], "%", 5)


def _report(node: Machine) -> Any:
    node.wait_up(600)
    return json.loads(node.run("cat /run/osr/report.json", timeout=120))


def _parts(report: Any) -> Iterator[tuple[str, float]]:
    """Yield what each operation of the stage "root" took, in words that are the same in every round."""
    for operation in report["stages"]["root"]["ops"]:
        yield re.sub(r"\(.*\)| LABEL=\S+", "", operation["describe"]), operation["seconds"]


if __name__ == "__main__":
    sys.exit(main())
