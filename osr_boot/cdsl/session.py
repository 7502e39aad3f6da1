"""One call of `osr cdsl`: its root, the node that it runs on, and changes one after the other under the lock."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time

from osr_boot import terminal
from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl import paths, trees
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.interrupts import interruptible, told
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.lock import Lock
from osr_boot.cdsl.perform import perform, recover
from osr_boot.cdsl.pretend import Pretended
from osr_boot.cdsl.users import Users
from osr_boot.errors import ConfigError, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from osr_boot.cdsl.change import Change

    Plan = Callable[[Inventory], "Change | None"]
    """None: nothing has to be done"""


def root(options: argparse.Namespace) -> str:
    """Return the directory that has the CDSL trees: the shared root, or a filesystem with trees of its own in it."""
    return os.path.abspath(os.path.join(options.root or "/", options.mountpoint.lstrip("/")))


def say(text: str) -> None:
    """Print lines of an answer."""
    sys.stdout.write(f"{terminal.lines(text)}\n")


def answer(**values: object) -> None:
    """Print the one JSON document that --json asks for."""
    sys.stdout.write(json.dumps({"format": 1, **values}, indent=1) + "\n")


def now() -> float:
    """Return the time as an inventory has it, seconds since 1970."""
    return round(time.time(), 2)


def when(seconds: float) -> str:
    """Return a time of the inventory as a person reads it."""
    return time.strftime("%F %T", time.localtime(seconds))


def changes(
    options: argparse.Namespace,
    what: str,
    plans: Callable[[Disk, Inventory], Iterable[Plan]],
    *,
    needed: bool = True,
    anew: bool = False,
) -> list[dict[str, object]]:
    """Plan and carry out one change after the other, under the lock, after whatever was interrupted before.

    `needed` says that there must be an inventory, `anew` that the one that is there is not even read. Where there is
    more than one, `plans` is asked twice: all of them are done on a pretended disk first, so that whatever refuses one
    of them does it before anything has changed. Returns what was done. Raises OsrError.
    """
    top = root(options)
    disk = _disk(options, pretended=options.dry_run)
    users = Users(top, disk)
    if not os.path.isdir(top):
        raise ConfigError(f"{top} is no directory", hint="name the shared root with --root")
    if os.geteuid() != 0 and not options.dry_run:
        raise OsrError("changing a shared root is for its root user", hint="run it as root, or with --dry-run")
    done: list[dict[str, object]] = []
    with interruptible(), contextlib.nullcontext() if options.dry_run else Lock(top, what) as lock:
        if lock and lock.stale:
            sys.stderr.write(f"osr: a lock was left behind by {terminal.line(lock.stale)}\n")
        if recovered := recover(disk):
            was = "would first be" if options.dry_run else "was"
            sys.stderr.write(f"osr: an interrupted change {was} {terminal.line(recovered)}\n")
        there = Inventory() if anew else read(disk, needed=needed)
        todo, written = list(plans(disk, there)), False
        if len(todo) > 1 and not options.dry_run:
            _rehearse(plans, _disk(options, pretended=True), there, needed=needed)
        for plan in todo:
            if written:
                there = read(disk, needed=needed)
            change = plan(there)
            if change is None:
                continue
            warnings = users.warnings(change)
            if warnings and not options.json:
                sys.stderr.write("".join(f"osr: {terminal.line(line)}\n" for line in warnings[:-1]))
                sys.stderr.write(f"  {terminal.line(warnings[-1])}\n")
            lines = change.lines(top, disk.kind)
            words = {"what": change.what, "commands": lines, "notes": change.notes}
            done.append({**words, **({"warnings": warnings} if warnings else {})})
            with told(change.what, disk):
                perform(change, disk)
            written = bool(change.inventory) and not anew
            if not options.json and (options.dry_run or not options.quiet):
                notes = change.notes
                if options.dry_run or options.verbose:  # the whole of it may be pasted into a shell
                    notes = (*lines, *(f"# {note}" for note in notes))
                say("\n".join((change.what, *(f"  {line}" for line in notes))))
    return done


def _rehearse(
    plans: Callable[[Disk, Inventory], Iterable[Plan]], disk: Disk, there: Inventory, *, needed: bool
) -> None:
    """Do on a pretended disk what is to be done. Raises OsrError if it cannot be done."""
    for plan in list(plans(disk, there)):
        change = plan(there)
        if change:
            perform(change, disk)
            if change.inventory:
                there = read(disk, needed=needed)


def _disk(options: argparse.Namespace, *, pretended: bool) -> Disk:
    # A person who waits at a terminal wants to hear how far it is.
    shown = sys.stderr.isatty() and not options.quiet and not options.json
    disk = Pretended(root(options)) if pretended else Disk(root(options), shown=shown)
    disk.prefix = inventories.normal(options.mountpoint)
    return disk


def changed(
    options: argparse.Namespace, what: str, plans: Callable[[Disk, Inventory], Iterable[Plan]], *, needed: bool = True
) -> int:
    """Do what `changes` does, and print it where --json asks for it. Returns the exit status. Raises OsrError."""
    done = changes(options, what, plans, needed=needed)
    if options.json:
        answer(dry_run=options.dry_run, changes=done)
    return 0


def read(disk: Disk, *, needed: bool = True) -> Inventory:
    """Return the inventory of a root. Raises ConfigError where there is none, and one is needed."""
    if disk.kind(inventories.PATH):
        return inventories.loads(disk.read(inventories.PATH), source=f"/{inventories.PATH}")
    if needed:
        old = next((path for path in inventories.OLD_PATHS if disk.kind(path)), "")
        hint = f"/{old} is one of the old tools: `osr cdsl migrate`" if old else "`osr cdsl init` makes it"
        raise ConfigError(f"there is no /{inventories.PATH}", hint=hint)
    return Inventory()


def path(options: argparse.Namespace, word: str, inventory: Inventory) -> str:
    """Return the path that a person means, relative to the root; with --resolved, exactly what was typed.

    Raises ConfigError if it is none.
    """
    if not word:
        raise ConfigError('"" is no path', hint="is a variable of the shell empty?")
    if options.resolved:
        return inventories.normal(word)
    top = os.path.realpath(root(options)).rstrip("/")
    try:
        current = os.getcwd()
    except OSError:  # somebody has removed it
        current = "/"
    here = current[len(top) :] if f"{current}/".startswith(f"{top}/") else ""
    found = paths.absolute(word, here)
    mountpoint = inventories.normal(options.mountpoint)
    if mountpoint and word.startswith("/") and found.startswith(f"{mountpoint}/"):
        found = found[len(mountpoint) + 1 :]
    return paths.named(found, inventory)


def mounted_node(top: str, inventory: Inventory) -> str:
    """Return the node whose tree is mounted on the link directory; nothing if none is."""
    place = os.path.join(os.path.realpath(top), inventory.layout.link)
    tree, _, name = dict(mounts(top)).get(place, "").rpartition("/")
    return name if tree.endswith(f"/{inventory.layout.tree}") and name in inventory.nodes else ""


def mounts(top: str) -> list[tuple[str, str]]:
    """Return (where, what of its filesystem) of everything mounted below a root, in this order; none without /proc."""
    begin = f"{os.path.realpath(top).rstrip('/')}/"
    return [(where, what) for where, what in trees.mounts() if where.startswith(begin) and where != begin]
