"""The command `osr`: words to calls, failures to exit statuses. `osr boot` goes its own, shorter way."""

from __future__ import annotations

import io
import os
import sys

from osr_boot import terminal
from osr_boot.errors import OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any


def main(words: list[str] | None = None, *, program: str = "osr") -> int:
    """Run one command; `program` may be one of old. Returns the exit status."""
    words = sys.argv[1:] if words is None else words
    debug = "--debug" in words or _debug_boot(words)
    try:
        if program == "osr" and words[:1] == ["boot"]:
            from osr_boot import boot

            return boot.main([word for word in words[1:] if word != "--debug"], debug=debug)
        return _command(words, program)
    except OsrError as error:
        if debug:
            raise
        sys.stderr.write(f"{program}: {terminal.lines(str(error))}\n")
        if error.hint:
            sys.stderr.write("".join(f"  {line}\n" for line in terminal.lines(error.hint).split("\n")))
        return error.exit_status
    except BrokenPipeError:  # `osr explain | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if debug:
            raise
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        sys.stderr.write(f"{program}: {terminal.lines(where)}{error.strerror or error}\n")
        return 1
    except Exception as error:
        if debug:
            raise
        if isinstance(error, ModuleNotFoundError) and error.name and (what := _missing(error.name)):
            sys.stderr.write(f"{program}: {what}\n")
            return 1
        sys.stderr.write(f"{program}: a defect in osr itself: {type(error).__name__}: {terminal.lines(str(error))}\n")
        again = "boot again with rd.osr.debug" if words[:1] == ["boot"] else "run it again with --debug"
        sys.stderr.write(f"  {again} and report what it prints\n")
        return 1


def _missing(module: str) -> str:
    """Return what to say about a module that is not there: an image has no more than its boot needs."""
    if module.startswith("osr_boot."):
        return "an image is without this command\n  run it on an installed system"
    if module in ("lxml", "netifaces"):
        return f"the Python module {module} is not installed\n  install the package python3-{module}"
    return ""


def _debug_boot(words: list[str]) -> bool:
    """Say whether this is a boot stage with rd.osr.debug on the kernel command line."""
    if words[:1] != ["boot"]:
        return False
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="replace") as file:
            return "rd.osr.debug" in file.read().split()
    except OSError:
        return False


def _command(words: list[str], program: str) -> int:
    parser = _parser(program)
    try:
        # Old programs take options between their words.
        parse = parser.parse_intermixed_args if parser.get_default("intermixed") else parser.parse_args
        options = parse(words)
    except SystemExit as end:  # --help, or a usage that argparse has complained about
        sys.stdout.flush()
        return int(end.code or 0)
    if not getattr(options, "run", None):
        parser.print_help()
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):  # a letter that the terminal's encoding lacks is no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")
    status: int = options.run(options)
    sys.stdout.flush()  # here a reader that has gone is noticed, and not when Python ends
    return status


def _parser(program: str = "osr") -> argparse.ArgumentParser:
    import argparse

    from osr_boot import __version__
    from osr_boot.commands import NAMES, OLD_NAMES

    parser = argparse.ArgumentParser(program, description="boot several machines from one writable root filesystem")
    parser.add_argument("--version", action="version", version=f"osr {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback with every failure")
    parser.set_defaults(program=program)
    if program in OLD_NAMES:
        return _filled(parser, OLD_NAMES[program])
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name in NAMES:
        _filled(commands.add_parser(name, help=_command_file(name).HELP), name)
    text = "one stage of a boot, for the dracut hooks only"
    commands.add_parser("boot", help=text, description=text).add_argument("stage", metavar="STAGE")
    return parser


def _filled(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    """Return the parser with what a command accepts."""
    command = _command_file(name)
    parser.description = command.HELP
    parser.set_defaults(run=command.run)
    command.arguments(parser)
    return parser


def _command_file(name: str) -> Any:
    __import__(f"osr_boot.commands.{name}")
    return sys.modules[f"osr_boot.commands.{name}"]
