"""Paths as people type them, and the CDSLs that they mean. Pure; what is on disk is the caller's to ask."""

from __future__ import annotations

from osr_boot.cdsl.inventory import normal
from osr_boot.cdsl.layout import SHARED, data, expanded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.layout import Cdsl


def asked(words: Iterable[str], nodes: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (path, nodes) of `PATH [NODE...] [PATH [NODE...]...]`: after a path, the name of a known node is a node."""
    known = set(nodes)
    path, given = "", list[str]()
    for word in words:
        if path and word in known:
            given.append(word)
            continue
        if path:
            yield path, tuple(given)
        path, given = word, []
    if path:
        yield path, tuple(given)


def absolute(word: str, here: str) -> str:
    """Return a path as typed, relative to the root; `here` is the current directory there, empty outside of it."""
    return normal(word if word.startswith("/") else f"{here}/{word}")


def named(path: str, inventory: Inventory) -> str:
    """Return the path that is meant by one inside the trees: whoever is in /var really is in /cdsl.local/var."""
    best, found = "", path
    for cdsl in inventory.cdsls:
        for home in homes(cdsl, inventory):
            if len(home) > len(best) and (path == home or path.startswith(f"{home}/")):
                best, found = home, f"{cdsl.path}{path[len(home) :]}"
    return found


def homes(cdsl: Cdsl, inventory: Inventory) -> Iterator[str]:
    """Yield every path under which the data of a CDSL can be reached without its links."""
    layout, cdsls = inventory.layout, inventory.cdsls
    if cdsl.kind == SHARED:
        yield data(cdsl.path, SHARED, "", layout, cdsls)
        return
    yield f"{layout.link}/{expanded(cdsl.path, cdsl.kind, layout, cdsls)}"
    for name in inventory.trees_of(cdsl):
        yield data(cdsl.path, cdsl.kind, name, layout, cdsls)
