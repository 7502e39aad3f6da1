"""`osr check`: everything that is wrong with a cluster.conf, at once."""

from __future__ import annotations

import sys

from osr_boot import commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

HELP = "say everything that is wrong with a cluster.conf"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    commands.file_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")


def run(options: argparse.Namespace) -> int:
    """Print the findings. Returns 2 if one of them is an error."""
    from osr_boot import findings

    path = commands.path_of(options)
    _, found = commands.read(path)
    sys.stdout.write(findings.as_json(path, found) if options.json else findings.as_text(path, found))
    return 2 if any(finding.severity == "error" for finding in found) else 0
