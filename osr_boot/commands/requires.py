"""`osr requires`: the kernel modules and programs that an image needs."""

from __future__ import annotations

import os
import sys

from osr_boot import commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

HELP = "list the kernel modules and programs that an image needs"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    commands.file_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")


def run(options: argparse.Namespace) -> int:
    """Print the needs of a cluster; of everything that is known where there is no cluster.conf."""
    from osr_boot import requires

    path = commands.path_of(options)
    needs = requires.of(commands.usable(path) if os.path.exists(path) else None)
    sys.stdout.write(needs.as_json() if options.json else needs.as_text())
    return 0
