"""Every kind of change of a shared root: what is done before it, and the change itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from osr_boot.cdsl import identity, lock, planning, upkeep
from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import Change
from osr_boot.cdsl.check import faults
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, Cdsl
from osr_boot.cdsl.perform import perform
from osr_boot.model import Cluster
from tests.unit.command import written


def tree(root: str) -> dict[str, str]:
    """Return everything below a directory but the lock: path to kind, mode and content."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            if name == lock.NAME:
                continue
            mode = oct(os.lstat(path).st_mode)
            if os.path.islink(path):
                held = f"-> {os.readlink(path)}"
            else:
                held = Path(path).read_text() if os.path.isfile(path) else ""
            found[os.path.relpath(path, root)] = f"{mode} {held}"
    return found


def new_root(root: Path, *, trees: bool = True) -> None:
    """Make a root with content, and two nodes with their trees."""
    files = {
        "var/log/messages": "one\ntwo\n",
        "var/lib/dpkg/status": "installed\n",
        "etc/sysconfig/network": "HOSTNAME=x\n",
        "etc/fstab": "none\n",
        "usr/bin/true": "#!/bin/sh\n",
    }
    written(root, files)
    (root / "var/run").symlink_to("../run")
    (root / "var/log").chmod(0o750)
    (root / "var/odd \n name").write_text("odd")
    if trees:
        perform(planning.init(Inventory(nodes=("1", "2")), Disk(str(root))), Disk(str(root)))


def read(disk: Disk) -> Inventory:
    return inventories.loads(disk.read(inventories.PATH))


def create(path: str, kind: str = HOSTDEPENDENT, *, style: str = LINK, **options: Any) -> Callable[[Disk], Change]:
    return lambda disk: planning.create(read(disk), disk, Cdsl(path, kind, style), current="1", **options)


def remove(path: str, keep: str = "1") -> Callable[[Disk], Change]:
    return lambda disk: planning.remove(read(disk), disk, path, keep=keep)


def differ(disk: Disk) -> None:
    """Node 2's copy of /var/lib is another one."""
    Path(disk.full("cluster/cdsl/2/var/lib/dpkg/status")).write_text("node 2\n")


def lost(disk: Disk) -> None:
    """No copy of /etc/fstab is left."""
    for name in ("1", "2", "default"):
        os.unlink(disk.full(f"cluster/cdsl/{name}/etc/fstab"))


def pair(disk: Disk) -> None:
    """A key and its public half."""
    for name in ("etc/host_rsa_key", "etc/host_rsa_key.pub"):
        Path(disk.full(name)).write_text("the same\n")


def without_anything(disk: Disk) -> None:
    """No link to it either."""
    lost(disk)
    os.unlink(disk.full("etc/fstab"))


def given_up(disk: Disk) -> None:
    """The inventory is not there any more."""
    os.unlink(disk.full(inventories.PATH))


def remove_node(name: str, *, delete: bool) -> Callable[[Disk], Change]:
    return lambda disk: upkeep.remove_node(read(disk), disk, name, delete=delete)


def fill(path: str, begins: str) -> Callable[[Disk], Change]:
    """Node 1 keeps what all have."""
    known = identity.hosts(Cluster("alpha", 1), ("1", "2"))
    return lambda disk: filled(identity.fill(read(disk), disk, identity.Item(path, begins), known, "1"))


def filled(change: Change | None) -> Change:
    assert change
    return change


def mending(words: str) -> Callable[[Disk], Change]:
    """What mends the first fault with these words."""

    def mend(disk: Disk) -> Change:
        found = (fault.change for fault in faults(read(disk), disk, walk=True) if words in fault.message)
        return next(change for change in found if change)

    return mend


def unregistered(disk: Disk) -> None:
    """The inventory is one of before /etc/fstab was made host-dependent."""
    Path(disk.full(inventories.PATH)).write_text(inventories.dumps(read(disk).without("etc/fstab")))


def led_astray(disk: Disk) -> None:
    """A program on node 1 has made a link that was right before /var lay elsewhere."""
    Path(disk.full("cluster/cdsl/1/var/log/fstab")).symlink_to("../../etc/fstab")


HOSTS = create("etc/sysconfig/network")
VAR, LIB, DPKG = create("var"), create("var/lib", SHARED), create("var/lib/dpkg")
CHANGES: dict[str, tuple[list[Callable[[Disk], Any]], Callable[[Disk], Change]]] = {
    "init": ([], lambda disk: planning.init(Inventory(nodes=("1", "2")), disk)),
    "create host-dependent directory": ([], VAR),
    "create host-dependent file": ([], create("etc/sysconfig/network")),
    "create shared in host-dependent": ([VAR], LIB),
    "create host-dependent in shared in host-dependent": ([VAR, LIB], DPKG),
    "create shared four deep": ([VAR, LIB, DPKG], create("var/lib/dpkg/status", SHARED)),
    "create shared with backup": ([VAR, differ], create("var/lib", SHARED, backup=True)),
    "create shared by force": ([VAR, differ], create("var/lib", SHARED, force=True)),
    "remove host-dependent": ([VAR], remove("var")),
    "remove host-dependent, keeping node 2's": ([VAR, differ], remove("var", "2")),
    "remove host-dependent file": ([create("etc/sysconfig/network")], remove("etc/sysconfig/network")),
    "remove shared": ([VAR, LIB], remove("var/lib")),
    "remove host-dependent in shared": ([VAR, LIB, DPKG], remove("var/lib/dpkg")),
    "create in bind style": ([], create("var", style=BIND)),
    "create a file in bind style": ([], create("etc/fstab", style=BIND)),
    "create shared in bind style": ([create("var", style=BIND)], create("var/lib", SHARED, style=BIND)),
    "remove in bind style": ([create("var", style=BIND)], remove("var")),
    "add node": ([VAR], lambda disk: planning.add_node(read(disk), disk, "3")),
    "remove without copies": (
        [VAR, differ], lambda disk: upkeep.without_copies(remove("var")(disk), read(disk), "var")),
    "forget": ([create("etc/fstab"), lost], lambda disk: upkeep.forget(read(disk), disk, "etc/fstab")),
    "register a link again": ([create("etc/fstab"), unregistered], mending("is no CDSL of the inventory")),
    "make a link absolute": ([VAR, led_astray], mending("leads out of /var")),
    "strike out an entry": ([create("etc/fstab"), without_anything], mending("neither a link nor a copy")),
    "remove node": ([VAR, LIB], remove_node("2", delete=False)),
    "remove node and its tree": ([VAR, LIB], remove_node("2", delete=True)),
    "set a directory": ([], lambda disk: upkeep.setting(read(disk), disk, "tree", "nodes/trees")),
    "migrate": ([VAR, given_up], lambda disk: upkeep.migrate(
        disk, Inventory(nodes=("1", "2"), cdsls=(Cdsl("var", HOSTDEPENDENT),)), "old.xml")),
    "identity, a text": ([HOSTS], fill("etc/sysconfig/network", "machine id")),
    "identity, a directory": ([VAR], fill("var/log", identity.EMPTY)),
    "identity, a key": ([pair, create("etc/host_rsa_key"), create("etc/host_rsa_key.pub")],
                        fill("etc/host_rsa_key", identity.KEY)),
    "identity, what is not there yet": ([], lambda disk: filled(identity._make(
        read(disk), disk, identity.Item("etc/machine-id", "machine id", "0444")))),
    "give up": ([], lambda disk: upkeep.delete(read(disk), disk)),
}  # fmt: skip


def prepared(name: str, root: Path) -> Callable[[Disk], Change]:
    """Make a root as it is before a change of CHANGES; return what plans that change."""
    before, command = CHANGES[name]
    root.mkdir()
    new_root(root, trees=name != "init")
    disk = Disk(str(root))
    for step in before:
        change = step(disk)
        if change:
            perform(change, disk)
    return command


def copy_of(root: Path, name: str) -> str:
    to = root.parent / name
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(root, to, symlinks=True)
    return str(to)


def same_key(disk: Disk, kind: str, path: str) -> None:
    """Stand for ssh-keygen, which makes another key each time."""
    for name in (path, f"{path}.pub"):
        Path(disk.full(name)).write_text(kind)
