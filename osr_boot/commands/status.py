"""`osr status`: how this node was booted."""

from __future__ import annotations

import os
import sys

from osr_boot import terminal
from osr_boot.errors import CommandFailed, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from osr_boot.system import System

HELP = "on a booted node: who am I, from what root, how the boot went"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    parser.add_argument("--json", action="store_true", help="the boot report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the report of this boot. Raises OsrError where there is none."""
    from osr_boot import explain, mountinfo
    from osr_boot.linux import Linux
    from osr_boot.ops.configuration import PATH, difference
    from osr_boot.ops.mounts import mounted
    from osr_boot.state import State

    system = Linux()
    state = State(system)
    if not os.path.exists(state.report_file):
        raise OsrError("this machine was not booted by osr", hint=f"{state.report_file} is missing")
    report, root = state.report(), mounted(system, "/")
    bound = tuple(mountinfo.bound(system.read(mountinfo.PATH)))
    configuration = report.get("configuration", {})
    stale = ""
    if configuration.get("from") in ("image", "archive"):
        known = (configuration[key] for key in ("config_version", "size", "digest"))
        stale = difference(system, PATH, *known)
    cluster = tuple(_cluster(system))
    if options.json:
        import json

        source, fstype, mount_options = root
        report["stale"] = stale
        report["root"] = {"source": source, "fstype": fstype, "options": mount_options}
        report["cluster"] = [{"what": word, "is": text} for word, text in cluster]
        report["bound"] = [{"target": target, "source": source} for target, source in bound]
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return 0
    for line in explain.status_lines(report, root, stale, bound, cluster):
        sys.stdout.write(f"{terminal.lines(line)}\n")
    return 0


def _cluster(system: System) -> Iterator[tuple[str, str]]:
    """Yield what the cluster stacks of the filesystems say that are mounted: (word, text)."""
    from osr_boot import cluster, filesystems

    known = filesystems.known()
    mounted = [line.split(" ")[2] for line in system.read("/proc/self/mounts").splitlines() if line.count(" ") > 2]
    for stack in dict.fromkeys(known[fstype].stack for fstype in mounted if fstype in known):
        try:
            yield from cluster.find(stack).status(system) if stack else ()
        except CommandFailed as error:
            yield "warning", error.message
