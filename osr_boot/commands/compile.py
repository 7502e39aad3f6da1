"""`osr compile`: cluster.conf as the JSON that an image carries."""

from __future__ import annotations

import os
import sys

from osr_boot import commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

HELP = "turn cluster.conf into the JSON that an image carries"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    commands.file_argument(parser)
    parser.add_argument("-o", "--output", metavar="OUT", help="write to OUT instead of standard output")


def run(options: argparse.Namespace) -> int:
    """Write the document; nothing is written if the file has errors."""
    from osr_boot import compiled

    path = commands.path_of(options)
    text = compiled.dump(commands.usable(path))
    if options.output:
        from osr_boot.linux import Linux

        Linux().write(os.path.abspath(options.output), text)
    else:
        sys.stdout.write(text)
    return 0
