"""The subcommands of `osr`: each is one file here, with HELP, `arguments(parser)` and `run(options)`.

A file imports what its command does only when the command runs: the boot's image carries these files without most of
what they call, and the rescue shell uses two of them.
"""

from __future__ import annotations

import sys

from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from osr_boot.model import Cluster, Finding, Selection

CLUSTER_CONF = "/etc/cluster/cluster.conf"
NAMES = ("check", "compile", "explain", "query", "requires", "status", "cdsl")
"""in the order in which `osr --help` has them"""
OLD_NAMES = {
    "com-queryclusterconf": "query",
    "com-mkcdslinfrastructure": "cdsl",
    "com-mkcdsl": "cdsl",
    "com-rmcdsl": "cdsl",
    "com-cdslinvchk": "cdsl",
    "com-cdslinvadm": "cdsl",
    "com-forcdsls": "cdsl",
}
"""programs of old, each now another name of a command"""


def file_argument(parser: argparse.ArgumentParser) -> None:
    """Let a command take FILE and --root."""
    parser.add_argument(
        "file", nargs="?", default=CLUSTER_CONF, metavar="FILE", help=f"cluster.conf (default {CLUSTER_CONF})"
    )
    root_argument(parser)


def root_argument(parser: argparse.ArgumentParser) -> None:
    """Let a command take --root."""
    parser.add_argument("--root", default="", metavar="DIR", help="the file is below DIR")


def path_of(options: argparse.Namespace) -> str:
    """Return the path of the file that FILE and --root mean."""
    root, path = options.root.rstrip("/"), str(options.file)
    return f"{root}/{path.lstrip('/')}" if root else path


def read(
    path: str, selection: Selection | None = None, *, secrets: bool = False
) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return a cluster from XML, or from compiled JSON (which has no findings left). Raises ConfigError.

    With a selection, only the nodes that it may mean; all of them if it means none. For secrets see clusterconf.
    """
    from osr_boot import clusterconf, compiled

    try:
        with open(path, "rb") as file:
            is_compiled = file.read(1) == b"{"
    except (OSError, ValueError):
        is_compiled = False  # clusterconf says why
    if not is_compiled:
        return clusterconf.read(path, selection, secrets=secrets)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        some = compiled.select(text, **vars(selection)) if selection else None
        return some if some and some.nodes else compiled.load(text), ()
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None


def usable(path: str, selection: Selection | None = None, *, secrets: bool = False) -> Cluster:
    """Return a cluster without errors; its findings go to standard error. For a selection and secrets see `read`.

    Raises ConfigError.
    """
    cluster, found = read(path, selection, secrets=secrets)
    if found:
        from osr_boot import findings

        sys.stderr.write(findings.as_text(path, found))
    errors = sum(finding.severity == "error" for finding in found)
    if errors:
        raise ConfigError(f"{path} has {errors} error{'s' if errors > 1 else ''}", hint="mend what is listed above")
    return cluster
