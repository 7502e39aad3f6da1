"""`osr cdsl`: what is not the same for all nodes on a shared root."""

from __future__ import annotations

import os
import sys

from osr_boot import commands, terminal
from osr_boot.errors import ConfigError, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from osr_boot.cdsl.change import Change
    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory

MOUNTINFO = "/proc/self/mountinfo"
HELP = "make paths of a shared root host-dependent, or shared again"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts."""
    words = parser.add_subparsers(title="words", metavar="WORD", required=True)

    def word(name: str, call: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = words.add_parser(name, help=text, description=text)
        one.set_defaults(call=call)
        commands.root_argument(one)
        one.add_argument("--json", action="store_true", help="one JSON document instead of lines")
        return one

    def change(name: str, call: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = word(name, call, text)
        one.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
        return one

    init = change("init", _init, "make the directories for CDSLs, and a tree for each node")
    init.add_argument("--nodes", type=int, metavar="N", help="nodes 1 to N (default: those of cluster.conf)")
    create = change("create", _create, "make a path host-dependent, or shared again")
    kinds = create.add_mutually_exclusive_group(required=True)
    kinds.add_argument("-a", "--hostdependent", action="store_true", help="a copy for each node")
    kinds.add_argument("-s", "--shared", action="store_true", help="one for all, inside a host-dependent path")
    create.add_argument("-b", "--backup", action="store_true", help="keep what other nodes had as NAME.orig")
    create.add_argument("--force", action="store_true", help="throw away what other nodes had")
    create.add_argument("--node", metavar="ID", help="whose content it is, where no node's tree is mounted")
    create.add_argument("path", metavar="PATH")
    create.add_argument("nodes", nargs="*", metavar="NODE", help="for these nodes only")
    remove = change("remove", _remove, "make a CDSL a plain path again")
    remove.add_argument("--from", dest="node", metavar="NODE", help="whose content stays (default: this node's)")
    remove.add_argument("-R", "--recursive", action="store_true", help="the CDSLs in it too")
    remove.add_argument("path", metavar="PATH")
    change("node-add", _node_add, "give a node a tree, a copy of the template").add_argument("node", metavar="ID")
    change("recover", _recover, "finish or undo a change that was interrupted")
    word("list", _list, "list all CDSLs")
    check = change("check", _check, "compare the inventory with what is on disk")
    check.add_argument("--repair", action="store_true", help="mend what can be mended")
    check.add_argument("--node", metavar="ID", help="whose content a plain file in place of a link is")


def run(options: argparse.Namespace) -> int:
    """Do what a word says. Raises OsrError."""
    status: int = options.call(options)
    return status


def _say(text: str) -> None:
    sys.stdout.write(f"{terminal.lines(text)}\n")


def _changed(
    options: argparse.Namespace, what: str, plans: Callable[[Disk, Inventory], list[Callable[[Inventory], Change]]]
) -> int:
    """Plan and carry out one change after the other, under the lock, after whatever was interrupted before."""
    import json

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.lock import Lock
    from osr_boot.cdsl.perform import perform, recover

    root = options.root or "/"
    disk = Disk(root)
    if not os.path.isdir(root):
        raise ConfigError(f"{root} is no directory", hint="name the shared root with --root")
    if os.geteuid() != 0 and not options.dry_run:
        raise OsrError("changing a shared root is for its root user", hint="run it as root, or with --dry-run")
    done: list[dict[str, object]] = []
    with Lock(root, what) as lock:
        if lock.stale:
            sys.stderr.write(f"osr: a lock was left behind by {terminal.line(lock.stale)}\n")
        if not options.dry_run and (recovered := recover(disk)):
            sys.stderr.write(f"osr: an interrupted change was {terminal.line(recovered)}\n")
        for plan in plans(disk, read(disk, needed=what != "init")):
            change = plan(read(disk, needed=what != "init"))
            done.append({"what": change.what, "commands": change.lines()})
            if not options.dry_run:
                perform(change, disk)
            if not options.json:
                _say("\n".join((change.what, *(f"  {line}" for line in change.lines() if options.dry_run))))
            if options.dry_run:
                break  # the next one would be planned on what this one has not done
    if options.json:
        sys.stdout.write(json.dumps({"format": 1, "dry_run": options.dry_run, "changes": done}, indent=1) + "\n")
    return 0


def read(disk: Disk, *, needed: bool = True) -> Inventory:
    """Return the inventory of a root. Raises ConfigError where there is none, and one is needed."""
    from osr_boot.cdsl import inventory

    if disk.kind(inventory.PATH):
        return inventory.loads(disk.read(inventory.PATH), source=f"/{inventory.PATH}")
    if needed:
        old = next((path for path in inventory.OLD_PATHS if disk.kind(path)), "")
        hint = f"/{old} is one of the old tools: `osr cdsl migrate`" if old else "`osr cdsl init` makes it"
        raise ConfigError(f"there is no /{inventory.PATH}", hint=hint)
    return inventory.Inventory()


def _init(options: argparse.Namespace) -> int:
    from osr_boot.cdsl import planning

    if options.nodes is not None and not 1 <= options.nodes <= 10_000:
        raise ConfigError(f"--nodes {options.nodes} is no number of nodes", hint="write 1 to 10000")

    def plan(disk: Disk, there: Inventory) -> list[Callable[[Inventory], Change]]:
        names = there.nodes
        if options.nodes:
            names = tuple(dict.fromkeys((*names, *(str(number) for number in range(1, options.nodes + 1)))))
        elif not names:
            cluster = commands.usable(disk.full(commands.CLUSTER_CONF.lstrip("/")))
            names = tuple(str(node.nodeid) for node in cluster.nodes)
        return [lambda inventory: planning.init(type(there)(inventory.layout, names, inventory.cdsls), disk)]

    return _changed(options, "init", plan)


def _create(options: argparse.Namespace) -> int:
    from osr_boot.cdsl import inventory as inventories
    from osr_boot.cdsl import planning
    from osr_boot.cdsl.layout import HOSTDEPENDENT, SHARED, Cdsl

    kind = SHARED if options.shared else HOSTDEPENDENT
    path = inventories.normal(options.path)

    def plan(disk: Disk, there: Inventory) -> list[Callable[[Inventory], Change]]:
        import time

        cdsl = Cdsl(path, kind, nodes=tuple(options.nodes), time=round(time.time(), 2))
        current = options.node or _mounted_node(options.root or "/", there)
        if not current and (options.backup or options.force):
            hint = "name it with --node, or mount its tree"
            raise OsrError("whose content is kept? no node's tree is mounted here", hint=hint)
        sure = current or there.trees[0]  # nothing is lost: where copies differ, planning refuses
        return [
            lambda inventory: planning.create(
                inventory, disk, cdsl, current=sure, backup=options.backup, force=options.force
            )
        ]

    return _changed(options, f"create {options.path}", plan)


def _remove(options: argparse.Namespace) -> int:
    from osr_boot.cdsl import inventory as inventories
    from osr_boot.cdsl import planning
    from osr_boot.cdsl.layout import children

    path = inventories.normal(options.path)

    def plan(disk: Disk, there: Inventory) -> list[Callable[[Inventory], Change]]:
        keep = options.node or _mounted_node(options.root or "/", there)
        if not keep:
            raise OsrError("whose content stays? no node's tree is mounted here", hint="name it: --from NODE")
        inner = [cdsl.path for cdsl in children(path, there.cdsls)] if options.recursive else []
        paths = (*sorted(inner, key=lambda one: -one.count("/")), path)
        return [
            lambda inventory, path=one: planning.remove(inventory, disk, path, keep=keep)  # type: ignore[misc]
            for one in paths
        ]

    return _changed(options, f"remove {options.path}", plan)


def _node_add(options: argparse.Namespace) -> int:
    from osr_boot.cdsl import planning

    return _changed(
        options, f"node-add {options.node}",
        lambda disk, there: [lambda inventory: planning.add_node(inventory, disk, options.node)],
    )  # fmt: skip


def _recover(options: argparse.Namespace) -> int:
    return _changed(options, "recover", lambda disk, there: [])


def _list(options: argparse.Namespace) -> int:
    import json

    from osr_boot.cdsl.disk import Disk

    inventory = read(Disk(options.root or "/"))
    if options.json:
        document = {
            "format": 1,
            "layout": vars(inventory.layout),
            "nodes": inventory.nodes,
            "cdsls": [vars(cdsl) for cdsl in inventory.cdsls],
        }
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return 0
    for cdsl in inventory.cdsls:
        nodes = f" for {', '.join(cdsl.nodes)}" if cdsl.nodes else ""
        _say(f"{cdsl.kind:13}  {cdsl.style:4}  /{cdsl.path}{nodes}")
    return 0


def _check(options: argparse.Namespace) -> int:
    """Print every fault. Returns 1 if one is left."""
    import json

    from osr_boot.cdsl import check
    from osr_boot.cdsl.disk import Disk

    root = options.root or "/"
    disk = Disk(root)
    inventory = read(disk)
    current = options.node or _mounted_node(root, inventory)
    found = list(check.faults(inventory, disk, current=current))
    left = len(found)
    if options.repair:
        # One after the other, each looked for again: mending the outer one may mend what lies in it.
        done = {fault.place for fault in found if fault.change is None}
        while fault := next(
            (one for one in check.faults(inventory, disk, current=current) if one.place not in done), None
        ):
            done.add(fault.place)
            if fault.change:
                change = fault.change
                _changed(options, f"repair /{fault.place}", lambda disk, there, change=change: [lambda _: change])  # type: ignore[misc]
        left = len(list(check.faults(inventory, disk, current=current)))
    if options.json and not options.repair:
        faults = [{key: vars(fault)[key] for key in ("path", "place", "message", "remedy")} for fault in found]
        sys.stdout.write(json.dumps({"format": 1, "faults": faults}, indent=1) + "\n")
    elif not options.repair:
        for fault in found:
            _say(f"/{fault.place}: {fault.message}\n  {fault.remedy}")
    return 1 if left else 0


def _mounted_node(root: str, inventory: Inventory) -> str:
    """Return the node whose tree is mounted on the link directory; nothing if none is."""
    target = os.path.normpath(os.path.join(os.path.realpath(root), inventory.layout.link))
    found = ""
    with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split(" ")
            where = fields[4].encode(errors="surrogateescape").decode("unicode_escape", errors="replace")
            tree, _, name = fields[3].rpartition("/")
            if where == target and tree.endswith(f"/{inventory.layout.tree}") and name in inventory.nodes:
                found = name
    return found
