"""`osr explain`: which node a machine is, why, and every operation of its boot; touches nothing."""

from __future__ import annotations

import os
import sys

from osr_boot import commands, terminal
from osr_boot.errors import ConfigError, IdentityError, NotYet, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from osr_boot.model import Cluster, Cmdline, Facts, Node
    from osr_boot.plan import Plan

HELP = "say which node a machine is, why, and every operation of its boot"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    commands.file_argument(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--node", metavar="NAME|ID", help="for this node")
    which.add_argument("--mac", action="append", metavar="MAC", help="for a machine with this MAC address (repeat)")
    which.add_argument("--facts", metavar="FACTS.json", help="for a machine described in a file")
    which.add_argument("--all", action="store_true", help="a table of all nodes")
    which.add_argument("--diff", nargs=2, metavar=("A", "B"), help="what differs between two nodes, or two files")
    parser.add_argument("--cmdline", default="", metavar="TEXT", help="with this kernel command line")
    parser.add_argument("--json", action="store_true", help="the plan as JSON")


def run(options: argparse.Namespace) -> int:
    """Print what was asked for. Raises ConfigError, IdentityError."""
    from osr_boot import cmdline as kernel
    from osr_boot import explain, plan

    if not (options.node or options.mac or options.facts or options.all or options.diff):
        return _this_boot(options)
    cmdline = kernel.parse(options.cmdline or "")  # a list in Python up to 3.12 if it is "--"
    if options.diff:
        return _difference(options, cmdline)
    path = commands.path_of(options)
    if options.all:
        return _table(options, commands.usable(path), cmdline)
    made = _plan(options, path, cmdline)
    return _print(plan.dumps(made) if options.json else explain.plan_lines(made))


def _print(text: str | Iterable[str]) -> int:
    sys.stdout.write(text if isinstance(text, str) else "".join(f"{terminal.lines(line)}\n" for line in text))
    return 0


def _plan(options: argparse.Namespace, path: str, cmdline: Cmdline) -> Plan:
    """Return the plan of the machine that --node, --mac or --facts describes."""
    from osr_boot import identity, plan
    from osr_boot.model import Selection

    if options.node:
        number = int(options.node[:20]) if options.node.isascii() and options.node.isdigit() else None
        cluster = commands.usable(path, Selection(name=options.node, nodeid=number))
        found = identity.by_word(options.node, cluster)
    else:
        here = _facts(options)
        macs = (*(link.mac for link in here.nics), *filter(None, (cmdline.bootif,)))
        cluster = commands.usable(path, Selection(macs, cmdline.nodeid, cmdline.node, here.dmi))
        try:
            found = identity.identify(cmdline, here, cluster)
        except NotYet as error:  # a boot would wait for more links, and then say this
            hint = identity.unknown_machine(here, cluster, bootif=cmdline.bootif)
            raise IdentityError(error.message, hint=hint) from None
    warnings = (*cmdline.warnings, *found.warnings)
    if plan.needs_cluster(found.node, cmdline):
        cluster = commands.usable(path)
    return plan.make(found.node, cmdline, because=found.because, warnings=warnings, cluster=cluster)


def _facts(options: argparse.Namespace) -> Facts:
    """Return the facts of --mac or --facts. Raises ConfigError."""
    import json

    from osr_boot import mac as hardware
    from osr_boot.model import Dmi, Facts, Link

    if options.mac:
        return Facts(tuple(Link("", hardware.parse(mac)) for mac in options.mac))
    try:
        with open(options.facts, encoding="utf-8") as file:
            value = json.load(file)
        nics = tuple(Link(str(nic["name"]), hardware.parse(nic["mac"])) for nic in value.get("nics", ()))
        firmware = {key: str(text) for key, text in value.get("dmi", {}).items()}
        if "product_uuid" in firmware:  # as facts.gather has it
            firmware["product_uuid"] = firmware["product_uuid"].lower()
        return Facts(nics, Dmi(**firmware))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{options.facts}: no facts: {error}", hint='{"nics": [{"name": ..., "mac": ...}]}') from None


def _this_boot(options: argparse.Namespace) -> int:
    """Show the plan of this boot, with each operation's outcome."""
    from osr_boot import explain, plan
    from osr_boot.linux import Linux
    from osr_boot.state import State

    state = State(Linux())
    if not os.path.exists(state.plan_file):
        failed = state.report().get("stages", {}).get("plan", {})
        if failed.get("error"):
            raise OsrError(f'stage "plan" failed: {failed["error"]}', hint=failed.get("hint", ""))
        raise ConfigError("for which machine? this one was not booted by osr", hint="give --node, --mac or --facts")
    with open(state.plan_file, encoding="utf-8") as file:
        text = file.read()
    return _print(text if options.json else explain.plan_lines(plan.loads(text), state.report()))


def _table(options: argparse.Namespace, cluster: Cluster, cmdline: Cmdline) -> int:
    from osr_boot import compare

    if options.json:
        return _print(compare.all_as_json(_planned(node, cmdline, cluster) for node in cluster.nodes))
    return _print(compare.table(cluster.nodes, cmdline))


def _planned(node: Node, cmdline: Cmdline, cluster: Cluster | None = None) -> Plan:
    from osr_boot import plan

    because = f'"{node.name}" was asked for'
    return plan.make(node, cmdline, because=because, warnings=cmdline.warnings, cluster=cluster)


def _difference(options: argparse.Namespace, cmdline: Cmdline) -> int:
    """Show what differs between two files if both are there, else between two nodes of one file."""
    from osr_boot import compare, identity

    first, second = options.diff
    if os.path.isfile(first) and os.path.isfile(second):
        files = commands.usable(first), commands.usable(second)
        before, after = ({node.name: _planned(node, cmdline) for node in cluster.nodes} for cluster in files)
        found = compare.files(before, after)
    else:
        cluster = commands.usable(commands.path_of(options))
        one, other = (_planned(identity.by_word(word, cluster).node, cmdline) for word in (first, second))
        found = compare.nodes(one, other)
    return _print(compare.as_json(first, second, found) if options.json else compare.lines(first, second, found))
