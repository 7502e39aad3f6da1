"""`osr query`: values out of a cluster.conf, for people and scripts; `com-queryclusterconf` is its old name."""

from __future__ import annotations

import sys

from osr_boot import commands, terminal
from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from osr_boot.lookup import Source
    from osr_boot.query import Asked

HELP = "print values out of a cluster.conf, each on its own line"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="[FILE] QUERY [ARGUMENT...]",
        help="what is asked for, in FILE if it is named; a lone , between two queries; - reads them from standard "
        "input; none lists them all",
    )
    parser.add_argument(
        "-f", "-c", "--file", "--filename", "--clusterconf",
        default=commands.CLUSTER_CONF, metavar="FILE", help=f"cluster.conf (default {commands.CLUSTER_CONF})",
    )  # fmt: skip
    commands.root_argument(parser)
    parser.add_argument(
        "-q", "--xpath", action="append", default=[], metavar="XPATH", help="what an XPath selects (repeat)"
    )
    parser.add_argument(
        "-Q", "--queriesfile", metavar="FILE", help="queries from a file, one a line; - is standard input"
    )
    parser.add_argument(
        "-s", "--separator", "--seperator", metavar="TEXT", help="what stands between two values (default a new line)"
    )
    parser.add_argument("-P", "--prefix", default="", metavar="TEXT", help="what stands before each value")
    parser.add_argument("-S", "--suffix", default="", metavar="TEXT", help="what stands after each value")
    parser.add_argument(
        "-m", "--querymapfile", metavar="FILE", help="accepted for old scripts and not read: all queries are built in"
    )


def run(options: argparse.Namespace) -> int:
    """Print the answers. Returns 1 if a query finds nothing; the others are answered."""
    from osr_boot import query
    from osr_boot.lookup import Nothing
    from osr_boot.values import shown

    # `osr query FILE ...`: no query has a slash, and none ends like a file.
    old = any(path in query.QUERIES for path in options.xpath)  # then an XPath stands among the words
    if options.program == "osr" and options.words and not old:
        first = options.words[0]
        options.file = options.words.pop(0) if "/" in first or first.endswith((".conf", ".xml")) else options.file
    asked = list(_asked(options))
    if not asked:
        raise ConfigError("which query?", hint=query.listing())
    source = _source(commands.path_of(options))
    answers, failed = [], []
    for one in asked:
        try:
            found = one.answer(source)
        except Nothing as reason:
            failed.append((shown(str(one)), reason))
            continue
        # Old scripts expect a list on one line.
        usual = "\n" if options.program == "osr" or one.query.lines else " "
        separator = usual if options.separator is None else options.separator
        answers.append(separator.join(f"{options.prefix}{text}{options.suffix}" for text in found))
    text = "".join(f"{answer}\n" for answer in answers)
    sys.stdout.write(terminal.lines(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()  # answers stand before what is said about the others
    for name, nothing in failed:
        sys.stderr.write(f"{options.program}: query {name} finds nothing: {nothing.message}\n")
        sys.stderr.write(f"  {nothing.hint}\n" if nothing.hint else "")
    return 1 if failed else 0


def _asked(options: argparse.Namespace) -> Iterator[Asked]:
    """Yield the queries of -q, of the command line and of -Q, in this order. Raises ConfigError."""
    from osr_boot import query

    words = list(options.words)
    for path in options.xpath:
        # -q was a word without meaning: `-q nodename 1` is as old as `-q query_value XPATH`. As an XPath, the name of
        # a query selects nothing.
        if path in query.QUERIES:
            words.insert(0, path)
        else:
            yield query.Asked("xpath", (path,))
    for one in query.split(words):
        yield from _from_file("-") if one == ["-"] else (query.checked(one),)
    if options.queriesfile:
        yield from _from_file(options.queriesfile)


def _from_file(path: str) -> Iterator[Asked]:
    """Yield the queries of a file, `-` for standard input. Raises ConfigError."""
    from osr_boot import query

    try:
        if path == "-":
            text = sys.stdin.read()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read: {reason}", hint="give a file with a query on each line") from None
    yield from query.from_text(text, source="standard input" if path == "-" else path)


def _source(path: str) -> Source:
    """Return a cluster.conf to be asked. Raises ConfigError if it is not there or no XML; other mistakes are let be."""
    from osr_boot import document
    from osr_boot.lookup import Source

    try:
        with open(path, "rb") as file:
            data = file.read(document.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read: {reason}", hint="name the file: `osr query -f FILE ...`") from None
    try:
        return Source(document.parse(data), data)
    except document.Malformed as error:
        raise ConfigError(error.message, hint=error.hint, place=f"{path}:{error.line}") from None
