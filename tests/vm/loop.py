"""One disk, booted again and again by two nodes: `python3 -m tests.vm.loop gfs2|ocfs2 --rounds 50 --log FILE`.

Each round switches two nodes on, looks at both, writes from both, and powers both off in order; the disk is one.
A round that fails ends the loop, and its consoles are kept. This runs for an hour or more, and is no part of a check.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests import project
from tests.lab.lab import Lab
from tests.lab.machine import Disk
from tests.vm.case import Booted, Case, image_of, must_power_off, switch_on
from tests.vm.cases import CASES

PATIENCE = 900.0
"""seconds for a node to come up: other work may run beside this"""


def main() -> int:
    """Run the rounds, and write a line for each."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.vm.loop", description=__doc__)
    parser.add_argument("case", choices=("gfs2", "ocfs2"))
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--log", type=Path, default=None, help="a line for each round goes there too")
    options = parser.parse_args()
    os.environ["OSR_LAB_KEEP"] = "1"
    (case,) = (case for case in CASES if case.name == options.case)
    image = image_of(case)
    with Lab(suite=case.suite) as lab:
        lab.server.install(project.tar(lab.tree))
        disks = case.disks(lab) if case.disks else ()
        for number in range(1, options.rounds + 1):
            line = f"{case.name} round {number}: {_round(lab, case, image, disks, number)}"
            print(line, flush=True)
            if options.log:
                with options.log.open("a") as log:
                    log.write(f"{line}\n")
    print(f"{case.name}: {options.rounds} consecutive boots of two nodes, none failed")
    return 0


def _round(lab: Lab, case: Case, image: Path, disks: tuple[Disk, ...], number: int) -> str:
    begin = time.monotonic()
    nodes = {name: switch_on(lab, case, name, image, disks) for name in case.nodes}
    for node in nodes.values():
        node.wait_up(PATIENCE)
    up = time.monotonic() - begin
    booted = Booted(lab, case, nodes)
    if number == 1:
        case.checks[0](booted)  # installs the project
    for check in case.checks[1:]:
        check(booted)
    for name, node in nodes.items():
        node.run(f"echo {number} > /root/osr-round-{name}; sync")
    for name, node in nodes.items():
        others = [node.run(f"cat /root/osr-round-{other}").strip() for other in nodes if other != name]
        assert others == [str(number)] * len(others), (name, others)
    off = max(must_power_off(booted, name) for name in nodes)
    return f"up {up:.0f} s, off {off:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
