"""What must not be the same on two nodes: which paths, and what each node has there. Looks, and changes nothing.

A path is made host-dependent like any other; then what several trees have alike is given up for content of each node's
own. What one tree alone has stays as it is, which is why all of this can be done again.
"""

from __future__ import annotations

import re

from osr_boot.cdsl import planning
from osr_boot.cdsl.change import NEW, OLD, Change, beside
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, Cdsl, data, parent, places
from osr_boot.digest import digest
from osr_boot.value import Value, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.model import Cluster

    Plan = Callable[[Inventory], "Change | None"]

_NONE: Mapping[str, str] = {}
COPY, EMPTY, KEY = "copy", "empty", "key"
MACHINE_ID = "etc/machine-id"
_SSH = "etc/ssh"
_SSH_KEY = re.compile(r"ssh_host_(rsa|ecdsa|ed25519)_key")


class Host(Value):
    """What a node's own content is made of."""

    name: str
    """host name; empty for a tree that cluster.conf knows no node of"""
    machine: str
    """32 hexadecimal digits"""


class Item(Value):
    """One path that must differ."""

    path: str
    begins: str
    """what a node has before it runs: COPY, EMPTY, KEY, or what a text is made of"""
    made: str = ""
    """`directory`, or the octal mode of an empty file: what is made where there is nothing; empty: it may be missing"""


ITEMS = (
    # A link is not supported there (systemd 258), so the file is bound; see binds.py.
    Item(MACHINE_ID, "machine id", "0444"),
    Item("var/lib/dbus/machine-id", "machine id"),
    Item("etc/hostname", "host name"),
    Item("etc/iscsi/initiatorname.iscsi", "initiator"),
    Item("etc/nvme/hostnqn", "nqn"),
    Item("etc/nvme/hostid", "uuid"),
    Item("etc/adjtime", COPY),
    Item("var/lib/systemd/random-seed", EMPTY, "0600"),
    Item("var/lib/random-seed", EMPTY),
    # Stamps of persistent timers: with shared ones the other nodes' timers would not run.
    Item("var/lib/systemd/timers", EMPTY, "directory"),
    # DUIDs and leases
    Item("var/lib/dhcp", EMPTY),
    Item("var/lib/dhclient", EMPTY),
    Item("var/lib/dhcpcd", EMPTY),
    Item("var/lib/NetworkManager", EMPTY),
    Item("var/lib/chrony", EMPTY),
    Item("var/lib/nfs", COPY),
    # Logs that differ are rotated by a state that differs.
    Item("var/lib/logrotate", COPY),
    Item("var/log/journal", EMPTY),
    # What is said of disks that only one machine has
    Item("etc/lvm/archive", EMPTY),
    Item("etc/lvm/backup", EMPTY),
    Item("etc/lvm/cache", EMPTY),
    Item("etc/lvm/devices", EMPTY),
    Item("etc/lvm/lvmlocal.conf", COPY),
    Item("etc/mdadm.conf", COPY),
    Item("etc/mdadm/mdadm.conf", COPY),
    Item("var/lib/mdcheck", EMPTY),
)


def hosts(cluster: Cluster, trees: tuple[str, ...]) -> dict[str, Host]:
    """Return what each tree's node is called, and the machine id that follows from the cluster's name and its id."""
    found = {}
    for tree in trees:
        node = next((node for node in cluster.nodes if tree in (str(node.nodeid), node.name)), None)
        number = digest(f"osr machine-id\0{cluster.name}\0{node.nodeid if node else tree}".encode())
        found[tree] = Host((node.hostname or node.name) if node else "", _version_4(number))
    return found


def steps(
    there: Inventory, disk: Disk, known: Mapping[str, Host], current: str, *, style: str, ssh_keys: bool, time: float
) -> Iterator[Plan]:
    """Yield what makes every path differ that is there, or has to be, each a change of its own."""
    for item in (*ITEMS, *(_ssh_items(there, disk) if ssh_keys else ())):
        yield lambda inventory, item=item: _make(inventory, disk, item)  # type: ignore[misc]
        for path in (item.path, f"{item.path}.pub") if item.begins == KEY else (item.path,):
            yield lambda inventory, path=path: _create(inventory, disk, path, current, style, time)  # type: ignore[misc]
        yield lambda inventory, item=item: fill(inventory, disk, item, known, current)  # type: ignore[misc]


def filling(there: Inventory, disk: Disk, known: Mapping[str, Host], name: str) -> Iterator[Plan]:
    """Yield what gives a tree that is a copy of the template content of its own; the others stay as they are."""
    for item in (*ITEMS, *_ssh_items(there, disk)):
        yield lambda inventory, item=item: fill(inventory, disk, item, known, "", new=name)  # type: ignore[misc]


def _ssh_items(there: Inventory, disk: Disk) -> tuple[Item, ...]:
    # Where the directory really lies: at its own path there may be a link that leads nowhere on this machine.
    inside = places(f"{_SSH}/key", there.trees, there.layout, there.cdsls)
    names = {name for _, place in inside for name in disk.names(place.rpartition("/")[0])}
    return tuple(Item(f"{_SSH}/{name}", KEY) for name in sorted(names) if _SSH_KEY.fullmatch(name))


def _make(inventory: Inventory, disk: Disk, item: Item) -> Change | None:
    """Return the change that makes a path which would be made by a running node otherwise, for all of them."""
    place = _one_place(inventory, item.path)
    if not item.made or not place or disk.kind(place.rpartition("/")[0]) != "directory" or disk.exists(place):
        return None
    if item.made == "directory":
        return Change(f"make /{item.path}", made=(("", place),))
    staged = beside(place, NEW)
    return Change(f"make /{item.path}", texts=((item.made, staged, ""),), moves=((staged, place),))


def _create(inventory: Inventory, disk: Disk, path: str, current: str, style: str, time: float) -> Change | None:
    """Return the change that makes a path host-dependent; None if it is, or is not there, or is a link."""
    place = _one_place(inventory, path)
    if not place or disk.kind(place) not in ("file", "directory"):
        return None
    around = parent(path, inventory.cdsls)
    chosen = BIND if path == MACHINE_ID or (around and around.style == BIND) else style or LINK
    cdsl = Cdsl(path, HOSTDEPENDENT, chosen, time=time)
    return replace(planning.create(inventory, disk, cdsl, current=current or inventory.trees[0]), notes=())


def _one_place(inventory: Inventory, path: str) -> str:
    """Return where a path stands that all nodes share; nothing if they do not, or if somebody has made it shared."""
    around = parent(path, inventory.cdsls)
    if inventory.find(path) or (around and around.kind == HOSTDEPENDENT):
        return ""
    ((_, place),) = places(path, inventory.trees, inventory.layout, inventory.cdsls)
    return place


def fill(
    inventory: Inventory, disk: Disk, item: Item, known: Mapping[str, Host], current: str, *, new: str = ""
) -> Change | None:
    """Return the change that gives each tree its own, where several have the same; None if none have.

    `current` is the node that keeps what several have. The template keeps nothing. With `new`, only its tree changes.
    """
    lies = _own_places(inventory, item.path)
    there = {tree: place for tree, place in lies.items() if disk.exists(place)}
    if item.begins == COPY or not there:
        return None
    template = inventory.layout.default
    if item.begins == EMPTY:
        kept = current if current in there else next((name for name in inventory.nodes if name in there), "")
        full = {tree: place for tree, place in there.items() if not disk.empty(place)}
        again = [tree for tree in full if tree != kept and new in ("", tree) and any(
            disk.alike(full[tree], place) for name, place in full.items() if name != tree)]  # fmt: skip
        return _replaced(item.path, disk, points=[there[tree] for tree in again]) if again else None
    held = {tree: disk.read(place).strip() for tree, place in there.items()}
    if new and item.begins == KEY and held.get(template):
        return None  # `identity` empties the template's: whoever has left it there lets the nodes share it
    texts, points, keys = dict[str, str](), list[str](), dict[str, str]()
    for tree, text in held.items():
        if new not in ("", tree):
            continue
        place = there[tree]
        if tree == template:
            pair = (place, f"{place}.pub") if item.begins == KEY else (place,)
            points += [one for one in pair if text and disk.exists(one)]
            continue
        others = [held[name] for name in inventory.nodes if name in held and name != tree]
        stays = text not in others or (tree == current and item.begins != "host name")
        if text and stays and (item.begins != "machine id" or re.fullmatch("[0-9a-f]{32}", text)):
            continue
        if item.begins == KEY:
            keys[place] = item.path.split("_")[-2]
        elif (wanted := _text(item.begins, known[tree], text or max(others, default=""))) and wanted != text:
            texts[place] = f"{wanted}\n"
    return _replaced(item.path, disk, texts=texts, points=points, keys=keys) if texts or points or keys else None


def _own_places(inventory: Inventory, path: str) -> dict[str, str]:
    """Return where each tree has a path of its own; nothing if it is the same for all."""
    cdsl, around = inventory.find(path), parent(path, inventory.cdsls)
    if cdsl and cdsl.kind == HOSTDEPENDENT:
        lies = ((name, data(path, HOSTDEPENDENT, name, inventory.layout, inventory.cdsls))
                for name in inventory.trees_of(cdsl))  # fmt: skip
        return dict(lies)
    if cdsl or around is None or around.kind != HOSTDEPENDENT:
        return {}
    return dict(places(path, inventory.trees_of(around), inventory.layout, inventory.cdsls))


def _replaced(
    path: str, disk: Disk, *, points: Sequence[str], texts: Mapping[str, str] = _NONE, keys: Mapping[str, str] = _NONE
) -> Change:
    """Return the change that puts something new in the place of what trees have of a path."""
    fresh = [*points, *texts, *keys, *(f"{place}.pub" for place in keys)]
    old = [place for place in fresh if disk.exists(place)]
    return Change(
        f"give each node its own /{path}",
        points=tuple((place, beside(place, NEW)) for place in points),
        texts=tuple((place, beside(place, NEW), text) for place, text in texts.items()),
        keys=tuple((kind, beside(place, NEW)) for place, kind in keys.items()),
        moves=(
            *((place, beside(place, OLD)) for place in old),
            *((beside(place, NEW), place) for place in fresh),
        ),
        trash=tuple(beside(place, OLD) for place in old),
    )


def _text(made_of: str, host: Host, before: str) -> str:
    """Return what a node has in a file that held something else; nothing if that cannot be said."""
    if made_of == "machine id":
        return host.machine
    if made_of == "host name":
        return host.name
    derived = digest(f"{made_of}\0{host.machine}".encode())
    if made_of == "initiator":  # source: RFC 7143, names of type iqn
        found = re.search(r"^InitiatorName=(iqn\.\d{4}-\d\d\.[^:\s]+(?::[^:\s]+)*?)(?::[^:\s]*)?$", before, re.M)
        return f"InitiatorName={found.group(1)}:{derived[:12]}" if found else ""
    number = _version_4(digest(f"uuid\0{host.machine}".encode()))
    uuid = f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"
    return f"nqn.2014-08.org.nvmexpress:uuid:{uuid}" if made_of == "nqn" else uuid


def _version_4(number: str) -> str:
    """Return 32 hexadecimal digits as a UUID of version 4; source: RFC 9562, and `man machine-id`."""
    return f"{number[:12]}4{number[13:16]}{'89ab'[int(number[16], 16) % 4]}{number[17:32]}"
