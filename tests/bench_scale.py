"""The part of `make bench` that is about 10,000 nodes: commands on this machine, and a boot's first stage on a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from osr_boot import clusterconf, compiled, schema
from tests import scale
from tests.figures import Figure, figure
from tests.lab.machine import Machine

TOP = Path(__file__).parents[1]
OSR = (
    sys.executable,
    "-I",
    "-c",
    f"import sys; sys.path.insert(0, {str(TOP)!r}); import osr_boot.cli as c; sys.exit(c.main())",
)
# What any check has to do at least: read the file as a tree, and hold it against the schema. Prints seconds.
LEAST = """
import sys, time
from lxml import etree
schema = etree.RelaxNG(etree.fromstring(sys.stdin.buffer.read()))
begin = time.perf_counter()
schema.validate(etree.parse(sys.argv[1]))
print(time.perf_counter() - begin)
"""
FILES = {"two": 2, "large": scale.NODES}
# One plan stage as a boot has it: its own /etc/osr and /run/osr, this machine's links.
PLAN = """
unshare -m sh -c '
    mkdir -p /etc/osr /run/osr && mount -t tmpfs tmpfs /etc/osr && mount -t tmpfs tmpfs /run/osr
    cp /srv/{name}.json /etc/osr/cluster.json
    /usr/sbin/osr boot plan 2> /dev/null; cat /run/osr/report.json'
"""


def commands(pairs: int) -> list[Figure]:
    """Measure osr check and osr explain of a large file, each beside what it is compared with."""
    check, explain, memory = [], [], 0.0
    with tempfile.TemporaryDirectory() as directory:
        paths = {name: Path(directory) / f"{name}.conf" for name in FILES}
        for name, nodes in FILES.items():
            paths[name].write_text(scale.conf(nodes))
        for _ in range(pairs):
            least = subprocess.run(
                [sys.executable, "-c", LEAST, str(paths["large"])],
                input=schema.text().encode(), capture_output=True, check=True,
            )  # fmt: skip
            seconds, size = _measure("check", str(paths["large"]))
            check.append(seconds / float(least.stdout))
            memory = max(memory, size)
            small, large = (_measure("explain", str(paths[name]), "--node", "2")[0] for name in FILES)
            explain.append(large / small)
        planted = _planted(Path(directory) / "planted.conf")
    return [
        figure("scale: osr check of 10,000 nodes / lxml parse and RELAX NG", check, "x", 12),
        Figure("scale: memory of osr check of 10,000 nodes", memory, memory, memory, "GiB", 1),
        Figure(
            "scale: planted mistakes of 100 that osr check did not tell on their lines",
            planted,
            planted,
            planted,
            "",
            0,
        ),
        figure("scale: osr explain --node of 10,000 nodes / of 2", explain, "x", 3),
        _share(),
    ]


def _measure(*words: str) -> tuple[float, float]:
    """Return seconds and GiB of one command."""
    begin = time.perf_counter()
    child = subprocess.Popen([*OSR, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    assert status == 0, words
    return time.perf_counter() - begin, used.ru_maxrss / 2**20


def _planted(path: Path) -> float:
    """Return how many of a hundred mistakes `osr check` does not tell, or tells elsewhere, or invents."""
    text, planted = scale.with_mistakes(scale.NODES, 100)
    path.write_text(text)
    said = subprocess.run([*OSR, "check", "--json", str(path)], capture_output=True, check=False).stdout
    found = [(finding["line"], finding["message"]) for finding in json.loads(said)["findings"]]
    told = sum(any(line == where and words in message for where, message in found) for line, words in planted)
    return float(len(planted) - told + max(0, len(found) - len(planted)))


def _share() -> Figure:
    """Return the compiled form's share of a zstd image, as dracut calls zstd."""
    text = compiled_files()["srv/large.json"]
    packed = subprocess.run(["zstd", "-15", "-q", "-c"], input=text, capture_output=True, check=True).stdout
    share = len(packed) / scale.NODES
    return Figure("scale: bytes that a node takes in a zstd image", share, share, share, "bytes", 100)


def compiled_files() -> dict[str, bytes]:
    """Return the compiled clusters for the plan stage, by path; the machine that boots is the last node of each."""
    files = {}
    for name, nodes in FILES.items():
        text = scale.conf(nodes).replace(scale.mac(nodes), "52:54:00:77:00:01")
        cluster, _ = clusterconf.parse(text.encode())
        files[f"srv/{name}.json"] = compiled.dump(cluster).encode()
    return files


def plan_stage(node: Machine, pairs: int) -> list[Figure]:
    """Measure the plan stage on a booted node with 10,000 nodes in the image beside 2."""
    ratios = []
    for _ in range(pairs):
        times = {}
        for name in FILES:
            report = json.loads(node.run(PLAN.format(name=name), timeout=120))
            assert report["stages"]["plan"]["outcome"] == "finished", report
            times[name] = report["stages"]["plan"]["seconds"]
        ratios.append(times["large"] / times["two"])
    return [figure("scale: stage plan with 10,000 nodes / with 2", ratios, "x", 1.3)]
