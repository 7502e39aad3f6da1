"""`make bench`: what the project costs beside plain dracut, measured on emulated machines; prints, and writes JSON.

Boots are interleaved in pairs, ours and plain dracut's in turn, ours first in every other pair, because a machine's
speed drifts by the minute; each figure is the median with its spread. These are measurements, not tests: a figure that
is missed is said, not failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests import bench_cdsl, bench_disks, bench_network, bench_scale, project
from tests.figures import Figure, Missing, figure
from tests.lab import image
from tests.lab.lab import Lab, cluster_conf
from tests.lab.tree import BOOKWORM

PAIRS = 5
STAGES = ("plan", "network", "root", "cdsl", "handover", "shutdown")
PLAIN = "root=nfs4:10.77.0.1:/srv/root rw ifname=eth0:52:54:00:77:00:01"
PLAIN += " ip=10.77.0.11::10.77.0.1:255.255.255.0:node1:eth0:none"
ZSTD = {"etc/dracut.conf.d/zz-bench.conf": b'compress="zstd"\n'}
# What a stage imports before it does anything; the ratio says what part of its time that is.
IMPORTS = "import sys; sys.path.insert(0, '/usr/lib/osr')\n"
IMPORTS += "import osr_boot.cli, osr_boot.boot, osr_boot.plan, osr_boot.execute"
TIMER = """
import statistics, subprocess, time
def measure(code):
    taken = []
    for _ in range(15):
        begin = time.perf_counter()
        subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", code], check=True)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
print(measure("pass"), measure({imports!r}))
"""


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("--table", type=Path, help="write the figures as a Markdown page, and as JSON beside it")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="boots of each kind")
    options = parser.parse_args()
    figures: list[Figure | Missing] = [*bench_scale.commands(options.pairs), image_size(), *boots(options.pairs)]
    figures += [*bench_network.figures(options.pairs), *bench_disks.figures(options.pairs)]
    figures += bench_cdsl.figures(options.pairs)
    print("\n".join(["", *(figure.line() for figure in figures)]))
    if options.table:
        options.table.with_suffix(".json").write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n")
        rows = [figure.row() for figure in figures]
        head = [
            "# Benchmark",
            "",
            f"Written by `make bench`; medians of {options.pairs} interleaved pairs, emulated processor.",
            "",
        ]
        options.table.write_text(
            "\n".join([*head, "| what | median | spread | at most |", "|---|---|---|---|", *rows]) + "\n"
        )
    return 0


def image_size() -> Figure:
    """Return how much larger our full-featured image is than plain dracut's with nfs, same drivers, both zstd."""
    tree = project.tree(BOOKWORM)
    ours = project.build(tree, project.FULL, cluster_conf=cluster_conf(), files=ZSTD, quick=False)
    plain = image.dracut(tree, ("-a", "nfs"), overlay_tar=image.pack(ZSTD), quick=False)
    mib = (ours.stat().st_size - plain.stat().st_size) / 2**20
    return Figure("image: full-featured minus plain dracut with nfs", mib, mib, mib, "MiB", 5)


def boots(pairs: int) -> list[Figure]:
    """Boot in turn ours and plain dracut's, and return the figures of time."""
    tree = project.tree(BOOKWORM)
    ours = project.build(tree, project.FULL, cluster_conf=cluster_conf())
    plain = image.dracut(tree, ("-a", "nfs"))
    ratios: list[float] = []
    large: list[Figure] = []
    taken: dict[str, list[float]] = {"ours": [], "plain": []}
    stages: dict[str, list[float]] = {stage: [] for stage in STAGES}
    wholes, imports = [], []
    with Lab() as lab:
        lab.server.install(project.tar(tree, bench_scale.compiled_files()))
        for number in range(1, pairs + 1):
            for kind in ("ours", "plain") if number % 2 else ("plain", "ours"):
                node = lab.node("node1", ours) if kind == "ours" else lab.node("node1", plain, PLAIN)
                taken[kind].append(float(node.console.wait_for(bench_disks.SWITCH_ROOT, 300).group(1)))
                if kind == "ours":
                    node.wait_up(400)
                    report = json.loads(node.run("osr status --json"))
                    timer = f"python3 - <<'END'\n{TIMER.format(imports=IMPORTS)}\nEND"
                    bare, imported = map(float, node.run(timer, timeout=300).split())
                    own = {stage: report["stages"][stage]["own"] / bare for stage in STAGES}
                    for stage in STAGES:
                        stages[stage].append(own[stage])
                    wholes.append(sum(own.values()))
                    imports.append(imported / bare)
                    if number == pairs:
                        large = bench_scale.plan_stage(node, pairs)
                node.kill()
            ratios.append(taken["ours"][-1] / taken["plain"][-1])
            times = ", ".join(f"{kind} {seconds[-1]:.1f} s" for kind, seconds in taken.items())
            print(f"bench: pair {number} of {pairs}: {times}, ratio {ratios[-1]:.2f}", flush=True)
    bare_word = "x bare python"
    return [
        *(figure(f"agent: own time of stage {stage}", stages[stage], bare_word, 8) for stage in STAGES),
        figure("agent: own time of all stages", wholes, bare_word, 30),
        figure("agent: importing what every stage imports", imports, bare_word, None),
        figure("boot: kernel start to switch_root, ours", taken["ours"], "s", None),
        figure("boot: kernel start to switch_root, plain dracut", taken["plain"], "s", None),
        figure("boot: ours / plain dracut", ratios, "", 1.0),
        *large,
    ]


if __name__ == "__main__":
    sys.exit(main())
