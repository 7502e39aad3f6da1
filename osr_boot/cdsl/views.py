"""A node's view of a shared root: its tree on the link directory, and its paths in bind style over their places.

A boot makes it in the initrd. Here it is made for a chroot, and brought up to date on a running node.
"""

from __future__ import annotations

import os
import shlex

from osr_boot.cdsl import session
from osr_boot.cdsl.binds import bindings
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.layout import BIND
from osr_boot.cdsl.pretend import Pretended
from osr_boot.errors import CommandFailed, ConfigError, OsrError
from osr_boot.handover import mount_unit
from osr_boot.linux import Linux
from osr_boot.ops.mounts import resolve
from osr_boot.state import DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.layout import Cdsl

# Private, as a boot makes them: what is mounted in one place of a tree is not to appear in its other place too.
_BIND = ("mount", "--bind", "--make-private")
# What programs in a chroot look for besides files. Slaves: what goes away in there stays on this machine.
_SYSTEM = (
    ("mount", "-t", "proc", "proc", "proc"),
    ("mount", "-t", "sysfs", "sysfs", "sys"),
    ("mount", "--rbind", "--make-rslave", "/dev", "dev"),
)


def mount(options: argparse.Namespace) -> int:
    """Make what is missing of a node's view. Returns 0. Raises OsrError."""
    top = os.path.realpath(session.root(options))
    inventory = session.read(Disk(top))
    there = session.mounted_node(top, inventory)
    node = options.node or there
    if not node:
        raise ConfigError("whose view? no node's tree is mounted here", hint="name the node with --node ID")
    if node not in inventory.nodes:
        raise ConfigError(f'no node "{node}" has a tree', hint=f"known are {', '.join(inventory.nodes)}")
    if there and there != node:
        raise OsrError(f"node {there}'s tree is mounted here", hint="`osr cdsl umount` first")
    done: list[tuple[str, ...]] = []
    try:
        for argv in _wanted(top, inventory, node, chroot=options.chroot):
            if argv[-1] not in dict(session.mounts(top)):
                _do(options, argv)
                done.append(argv)
    except OsrError:
        for argv in reversed(done if not options.dry_run else []):
            Linux().run(("umount", "--recursive", argv[-1]))
        raise
    return _said(options, done)


def umount(options: argparse.Namespace) -> int:
    """Take a node's view apart, or paths of it; what is mounted on them goes with them. Returns 0. Raises OsrError."""
    top = os.path.realpath(session.root(options))
    inventory = session.read(Disk(top))
    if not options.path and top == "/" and os.path.exists(DIRECTORY):
        raise OsrError(
            "this machine runs with its view of the root", hint="name the paths, or another root with --root"
        )
    system = Linux()
    named = {resolve(system, top.rstrip("/"), f"/{session.path(options, word, inventory)}") for word in options.path}
    here = [target for target, source in session.mounts(top)
            if (target in named if named else _is_ours(source, target, top, inventory))]  # fmt: skip
    if missing := named - set(here):
        raise OsrError(f"nothing is mounted on {min(missing)}", hint="`findmnt` shows what is mounted where")
    done = [("umount", "--recursive", target) for target in dict.fromkeys(reversed(here))]
    for argv in done:
        if options.dry_run or argv[-1] in dict(session.mounts(top)):  # it may have gone with another one
            _do(options, argv)
    return _said(options, done)


def update(options: argparse.Namespace) -> None:
    """Bind here what has become a path in bind style, if a node's view is mounted here. Raises OsrError."""
    top = os.path.realpath(session.root(options))
    inventory = session.read(Disk(top), needed=False)
    node = session.mounted_node(top, inventory)
    if options.dry_run or not node:
        return
    done = False
    for argv in _wanted(top, inventory, node, chroot=False):
        if argv[-1] not in dict(session.mounts(top)):
            _do(options, argv)
            done = True
    if done and not options.quiet and not options.json:
        session.say("bound here; on other nodes that run, `osr cdsl mount` does it")


def unbind(options: argparse.Namespace, disk: Disk, cdsl: Cdsl | None) -> tuple[str, ...]:
    """Unmount a path in bind style here, so that it can be changed; where the disk is pretended, only pretend to.

    Returns where it was, on this machine. Raises OsrError where programs use it.
    """
    top = os.path.realpath(session.root(options))
    if cdsl is None or cdsl.style != BIND:
        return ()
    place = resolve(Linux(), top.rstrip("/"), f"/{cdsl.path}")
    if place not in dict(session.mounts(top)):
        return ()
    if isinstance(disk, Pretended):
        disk.unmount(place, os.path.relpath(place, top))
    else:
        _do(options, ("umount", place))
    return (place,)


def _wanted(top: str, inventory: Inventory, node: str, *, chroot: bool) -> Iterator[tuple[str, ...]]:
    """Yield the commands that make a view. Each is found when the one before is done: its place may lead over that."""
    system, root = Linux(), top.rstrip("/")
    yield *_BIND, f"{root}/{inventory.layout.tree}/{node}", f"{root}/{inventory.layout.link}"
    for cdsl, lies, missing in bindings(inventory, node, lambda path: os.path.lexists(f"{root}/{path}")):
        if not missing:
            yield *_BIND, f"{root}/{lies}", resolve(system, root, f"/{cdsl.path}")
    for *words, place in _SYSTEM if chroot else ():
        yield *words, f"{root}/{place}"


def _do(options: argparse.Namespace, argv: Sequence[str]) -> None:
    if options.dry_run:
        return
    if os.geteuid() != 0:
        raise OsrError("mounting is for the root user", hint="run it as root, or with --dry-run")
    try:
        Linux().run(argv)
        if argv[0] == "mount" and session.root(options) == "/" and os.path.exists(DIRECTORY):
            Linux().write(*mount_unit(argv[-1]))  # as a boot does it
    except CommandFailed as error:
        hint = "the programs that use it must end first: `fuser -vm` names them" if argv[0] == "umount" else error.hint
        raise OsrError(f"{shlex.join(argv)}: {error.output.strip() or error.message}", hint=hint) from None


def _said(options: argparse.Namespace, done: Sequence[Sequence[str]]) -> int:
    lines = [shlex.join(argv) for argv in done]
    if options.json:
        session.answer(dry_run=options.dry_run, commands=lines)
    elif lines and (options.dry_run or not options.quiet):
        session.say("\n".join(lines))
    return 0


def _is_ours(source: str, target: str, top: str, inventory: Inventory) -> bool:
    """Say whether something mounted below a root is part of a node's view, or was mounted for a chroot."""
    ours = any(f"/{home}/" in f"{source}/" for home in (inventory.layout.tree, inventory.layout.shared))
    return ours or (top != "/" and target in [os.path.join(top, words[-1]) for words in _SYSTEM])
