"""`osr compile`: cluster.conf as the JSON that an image carries."""

from __future__ import annotations

import os
import sys

from osr_boot import commands
from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

HELP = "turn cluster.conf into the JSON that an image carries"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    commands.file_argument(parser)
    parser.add_argument("-o", "--output", metavar="OUT", help="write to OUT instead of standard output")
    text = "with all that fence agents want to know, passwords too: for an image that nobody else can fetch"
    parser.add_argument("--secrets", action="store_true", help=text)
    text = "an archive for `initrd=base.img,OUT`: it wins over what the image carries"
    parser.add_argument("--cpio", action="store_true", help=text)


def run(options: argparse.Namespace) -> int:
    """Write the document; nothing is written if the file has errors."""
    from osr_boot import compiled
    from osr_boot.value import replace

    found = commands.usable(commands.path_of(options), secrets=options.secrets)
    cluster = replace(found, appended=options.cpio)
    content = compiled.dump(cluster).encode()
    if options.cpio:
        from osr_boot import archive
        from osr_boot.boot import CONFIG

        content = archive.pack(CONFIG, content)
    if options.output:
        from osr_boot.linux import Linux

        Linux().write_bytes(os.path.abspath(options.output), content)
    elif options.cpio and sys.stdout.isatty():
        raise ConfigError("an archive is not for a terminal", hint="write it to a file: -o osr-conf.img")
    elif options.cpio:
        sys.stdout.buffer.write(content)
    else:
        sys.stdout.write(content.decode())
    return 0
