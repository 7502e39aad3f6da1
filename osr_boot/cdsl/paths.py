"""Paths as people type them, and the CDSLs that they mean. Pure; what is on disk is the caller's to ask."""

from __future__ import annotations

from osr_boot.cdsl.inventory import normal
from osr_boot.cdsl.layout import owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osr_boot.cdsl.inventory import Inventory


def asked(words: Iterable[str], nodes: Iterable[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Return (path, nodes) of each of `PATH [NODE...] [PATH [NODE...]...]`.

    After a path, the name of a known node is a node.
    """
    known = set(nodes)
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if found and word in known:
            found[-1][1].append(word)
        else:
            found.append((word, []))
    return ((path, tuple(dict.fromkeys(given))) for path, given in found)


def absolute(word: str, here: str) -> str:
    """Return a path as typed, relative to the root; `here` is the current directory there, empty outside of it."""
    return normal(word if word.startswith("/") else f"{here}/{word}")


def named(path: str, inventory: Inventory) -> str:
    """Return the path that is meant by one inside the trees: whoever is in /var really is in /cdsl.local/var."""
    found = owner(path, inventory.layout, inventory.cdsls)
    if found is None:
        return path
    cdsl, node, below = found
    if node and node not in inventory.trees_of(cdsl):
        return path
    return f"{cdsl.path}/{below}" if below else cdsl.path


def led(path: str, says: str, prefix: str) -> str:
    """Return where a relative link at a path leads, from the root of a node; `prefix` is the mount point's there."""
    return f"/{normal(f'{prefix}/{path}/../{says}')}"


def climbs(here: str, says: str) -> bool:
    """Say whether a link with this path below a tree's top leads above that top."""
    depth = here.count("/")
    for part in says.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return False
