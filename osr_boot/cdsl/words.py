"""The words of `osr cdsl` that change something: each asks for changes and hands them to the session."""

from __future__ import annotations

import os
import sys

from osr_boot import commands
from osr_boot.cdsl import check as checking
from osr_boot.cdsl import identity as identities
from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl import paths, planning, reports, session, upkeep, views
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, Cdsl, children, parent, places
from osr_boot.cdsl.rules import Already
from osr_boot.errors import ConfigError, OsrError
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from osr_boot.cdsl.change import Change
    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.session import Plan
    from osr_boot.model import Cluster


class NoNodes(ConfigError):
    """There is neither a cluster.conf nor a number of nodes."""


def init(options: argparse.Namespace) -> int:
    """Make the directories, and a tree for each node; or take them away again."""
    if options.nodes is not None and not 1 <= options.nodes <= 10_000:
        raise ConfigError(f"--nodes {options.nodes} is no number of nodes", hint="write 1 to 10000")
    if options.delete:
        return session.changed(
            options, "init --delete",
            lambda disk, there: [lambda inventory: upkeep.delete(inventory, disk, force=options.force)],
        )  # fmt: skip

    def plan(disk: Disk, there: Inventory) -> Iterator[Plan]:
        names, known = there.nodes, disk.exists(inventories.PATH)
        if options.nodes:
            names = tuple(dict.fromkeys((*names, *(str(number) for number in range(1, options.nodes + 1)))))
        elif not names:
            names = tuple(node.name if options.names else str(node.nodeid) for node in _cluster(options, disk).nodes)
        new = [name for name in names if known and name not in there.nodes]
        wanted = there if new else replace(there, nodes=names)
        for text in options.set:
            key, equals, value = text.partition("=")
            if not equals:
                raise ConfigError(f"--set {text} sets nothing", hint="write --set KEY=VALUE")
            if known and upkeep.having(wanted, key, value) != wanted:
                raise OsrError(f"/{inventories.PATH} is there, with another {key}", hint="`osr cdsl set` changes it")
            wanted = upkeep.having(wanted, key, value)
        yield lambda _: _directories(wanted, disk, needed=not new)
        yield from _added(options, disk, there, new)

    return session.changed(options, "init", plan, needed=False)


def _directories(wanted: Inventory, disk: Disk, *, needed: bool) -> Change | None:
    try:
        return planning.init(wanted, disk)
    except Already:
        if needed:
            raise
        return None


def _added(options: argparse.Namespace, disk: Disk, there: Inventory, names: Sequence[str]) -> Iterator[Plan]:
    """Yield what gives nodes a tree, and content of their own if `identity` has given it to the others."""
    cluster = _known_cluster(options) if names and there.find(identities.MACHINE_ID) else None
    for name in names:
        if name not in there.nodes:
            yield lambda inventory, name=name: planning.add_node(inventory, disk, name)  # type: ignore[misc]
        if cluster:
            yield from identities.filling(there, disk, identities.hosts(cluster, (*there.nodes, *names)), name)


def _known_cluster(options: argparse.Namespace) -> Cluster | None:
    """Return the cluster; None if there is none, or one that `osr check` has more to say about."""
    try:
        return commands.read(_conf(options))[0]
    except ConfigError:
        return None


def _cluster(options: argparse.Namespace, disk: Disk) -> Cluster:
    """Return the cluster that the nodes come from. Raises NoNodes."""
    try:
        return commands.usable(_conf(options))
    except ConfigError as error:
        raise NoNodes(error.message, hint=f"{error.hint}; or write --nodes N", place=error.place) from None


def create(options: argparse.Namespace) -> int:
    """Make paths CDSLs, in the order of the command line, each a change of its own."""
    wanted: list[tuple[str, list[str]]] = options.wanted or []
    bound: list[str] = []

    def plan(disk: Disk, there: Inventory) -> Iterator[Plan]:
        current = options.node or session.mounted_node(session.root(options), there)
        if not current and (options.backup or options.force):
            hint = "name it with --node, or mount its tree"
            raise OsrError("whose content is kept? no node's tree is mounted here", hint=hint)
        all_, made = there.cdsls, list[Cdsl]()
        for option, words in wanted:
            for number, (word, nodes) in enumerate(paths.asked(words, there.nodes)):
                path = session.path(options, word, there)
                if number and "/" not in word and not _is_there(disk, there, path):
                    known = f"known are {', '.join(there.nodes)}"
                    raise ConfigError(f'"{word}" is neither a node nor a path', hint=known)
                kind = SHARED if option == "-s" else HOSTDEPENDENT
                around = parent(path, all_)
                style = options.style or (around.style if around else LINK)
                nodes = nodes or (around.nodes if around else ())
                made.append(Cdsl(path, kind, style, nodes, session.now(), options.optional and style == BIND))
                all_ = all_.having(made[-1])
        bound[:] = (cdsl.path for cdsl in made if cdsl.style == BIND)
        for cdsl in made:
            trees = there.trees_of(cdsl)
            # Nothing is lost by taking any: where copies differ, planning refuses.
            sure = current or trees[0]
            yield lambda inventory, cdsl=cdsl, sure=sure: _create(options, inventory, disk, cdsl, sure)  # type: ignore[misc]

    if options.path:
        hint = f"write -a {options.path[0]} for a copy for each node, -s {options.path[0]} for one for all"
        raise ConfigError(f"{options.path[0]}: host-dependent or shared?", hint=hint)
    if not wanted:
        raise ConfigError("which path?", hint="write -a PATH for a copy for each node, -s PATH for one for all")
    status = session.changed(options, "create " + " ".join(word for _, words in wanted for word in words), plan)
    if bound:
        views.update(options)
    return status


def _create(options: argparse.Namespace, inventory: Inventory, disk: Disk, cdsl: Cdsl, current: str) -> Change:
    if current in inventory.trees and current not in inventory.trees_of(cdsl):
        if options.node:
            raise ConfigError(f"node {current} is not among the nodes of /{cdsl.path}", hint="name one of them")
        current = inventory.layout.default
    change = planning.create(inventory, disk, cdsl, current=current, backup=options.backup, force=options.force)
    top = session.root(options)
    below = (f"/{os.path.relpath(where, os.path.realpath(top))}" for where, _ in session.mounts(top))
    lost = [where for where in below if where.startswith(f"/{cdsl.path}/") and cdsl.style == LINK]
    return replace(
        change, notes=(*change.notes, *(f"{where} has to be mounted again, where it is now" for where in lost))
    )


def _is_there(disk: Disk, inventory: Inventory, path: str) -> bool:
    stands = places(path, inventory.trees, inventory.layout, inventory.cdsls)
    return any(disk.exists(place) for _, place in stands)


def remove(options: argparse.Namespace) -> int:
    """Make CDSLs plain paths again, each a change of its own."""

    def plan(disk: Disk, there: Inventory) -> Iterator[Plan]:
        wanted: list[str] = []
        for word in options.path:
            path = session.path(options, word, there)
            inner = [cdsl.path for cdsl in children(path, there.cdsls)] if options.recursive else []
            wanted += [*sorted(inner, key=lambda one: -one.count("/")), path]
        for path in dict.fromkeys(wanted):
            yield lambda inventory, path=path: _remove(options, inventory, disk, path)  # type: ignore[misc]

    try:
        return session.changed(options, f"remove {' '.join(options.path)}", plan)
    finally:
        views.update(options)  # what is a CDSL still was unmounted in vain


def _remove(options: argparse.Namespace, inventory: Inventory, disk: Disk, path: str) -> Change:
    there = upkeep.copies(inventory, disk, path)
    if options.force and inventory.find(path) and not there:
        return upkeep.forget(inventory, disk, path)
    upkeep.unbroken(inventory, disk, path)
    unmounts = views.unbind(options, disk, inventory.find(path))
    keep = options.node or session.mounted_node(session.root(options), inventory)
    if not keep or (options.force and keep not in there and not options.node):
        keep = upkeep.whose(inventory, disk, path)
    change = replace(planning.remove(inventory, disk, path, keep=keep), unmounts=unmounts)
    return upkeep.without_copies(change, inventory, path) if options.delete else change


def node_add(options: argparse.Namespace) -> int:
    """Give a node a tree; one that cluster.conf does not know gets it too, with a warning.

    It is several changes: what one that was interrupted has left is done by the next.
    """
    done = session.changes(
        options, f"node-add {options.node}", lambda disk, there: _added(options, disk, there, [options.node])
    )
    if not done:
        raise Already(f'node "{options.node}" has a tree already')
    if options.json:
        session.answer(dry_run=options.dry_run, changes=done)
    cluster = _known_cluster(options)
    if cluster and options.node not in {name for node in cluster.nodes for name in (node.name, str(node.nodeid))}:
        known = ", ".join(f"{node.nodeid} ({node.name})" for node in cluster.nodes)
        sys.stderr.write(f'osr: cluster.conf knows no node "{options.node}"\n  add it there; known are {known}\n')
    return 0


def identity(options: argparse.Namespace) -> int:
    """Make what must not be the same on two nodes host-dependent, and different."""
    cluster = commands.usable(_conf(options))
    nameless: list[str] = []

    def plan(disk: Disk, there: Inventory) -> Iterator[Plan]:
        current = options.node or session.mounted_node(session.root(options), there)
        if current and current not in there.nodes:
            raise ConfigError(f'no node "{current}" has a tree', hint=f"known are {', '.join(there.nodes)}")
        known = identities.hosts(cluster, there.nodes)
        nameless[:] = (tree for tree, host in known.items() if not host.name)
        own = options.ssh_keys == "own"
        style = options.style or ""
        yield from identities.steps(there, disk, known, current, style=style, ssh_keys=own, time=session.now())

    status = session.changed(options, "identity", plan)
    for tree in nameless:
        sys.stderr.write(f'osr: cluster.conf knows no node "{tree}": its host name stays as it is\n')
    return status


def _conf(options: argparse.Namespace) -> str:
    return getattr(options, "clusterconf", None) or f"{options.root.rstrip('/')}{commands.CLUSTER_CONF}"


def node_remove(options: argparse.Namespace) -> int:
    """Take a node out of the inventory."""

    def plan(disk: Disk, there: Inventory) -> list[Plan]:
        if session.mounted_node(session.root(options), there) == options.node:
            raise OsrError(f"node {options.node} is this machine, and its tree in use", hint="do it on another node")
        return [lambda inventory: upkeep.remove_node(inventory, disk, options.node, delete=options.delete)]

    return session.changed(options, f"node-remove {options.node}", plan)


def recover(options: argparse.Namespace) -> int:
    """Do what every change does first."""
    return session.changed(options, "recover", lambda disk, there: [], needed=False)


def set_(options: argparse.Namespace) -> int:
    """Change a setting."""
    key, value = upkeep.checked(options.key), options.value

    def plan(disk: Disk, there: Inventory) -> Iterator[Plan]:
        known = upkeep.settings(there)[key]
        if key == "use_nodeids" and value.lower() != known.lower():
            raise OsrError(f"use_nodeids is {known}: so are the nodes' trees named", hint="`osr cdsl node-add` others")
        if key == "maxnodeidnum":
            if not value.isascii() or not value.isdigit() or not int(known) <= int(value) <= 10_000:
                hint = f"write {known} to 10000; `osr cdsl node-remove` removes nodes"
                raise ConfigError(f"maxnodeidnum: {value} is no number of nodes", hint=hint)
            names = map(str, range(1, int(value) + 1))
            yield from _added(options, disk, there, [name for name in names if name not in there.nodes])
        elif key not in upkeep.COUNTED and upkeep.having(there, key, value) != there:
            yield lambda inventory: upkeep.setting(inventory, disk, key, value)

    return session.changed(options, f"set {key} {value}", plan)


def migrate(options: argparse.Namespace) -> int:
    """Take over the inventory of the old tools, and tell what `check` finds."""
    disk = Disk(session.root(options))
    disk.prefix = inventories.normal(options.mountpoint)
    old: list[Inventory] = []

    def plan(disk: Disk, there: Inventory) -> list[Plan]:
        source, text = _old(options, disk)
        old.append(inventories.loads(text, source=source))
        return [lambda inventory: upkeep.migrate(disk, old[0], source, force=options.force)]

    made = session.changes(options, "migrate", plan, anew=True)  # with --force, what is there may be broken
    found = list(checking.faults(session.read(disk, needed=False) if not options.dry_run else old[0], disk))
    if options.json:
        session.answer(dry_run=options.dry_run, changes=made, faults=reports.plain(found))
    elif not options.quiet:
        reports.say_faults(found)
    return 0


def _old(options: argparse.Namespace, disk: Disk) -> tuple[str, str]:
    """Return name and text of the inventory to migrate. Raises ConfigError."""
    if options.source:
        try:
            with open(options.source, encoding="utf-8", errors="surrogateescape") as file:
                return options.source, file.read()
        except OSError as error:
            reason = f"{options.source}: cannot be read: {error.strerror}"
            raise ConfigError(reason, hint="name the inventory of the old tools") from None
    return upkeep.old_inventory(disk)
