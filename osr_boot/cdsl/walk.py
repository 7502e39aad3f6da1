"""One walk over the whole root: what is not there of what the inventory names, and links that nobody has registered.

A look at each place by itself costs a way through all of its directories; a walk reads every directory once.
"""

from __future__ import annotations

import shlex

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import NEW, OLD, Change
from osr_boot.cdsl.fault import Fault, exchanged
from osr_boot.cdsl.inventory import normal
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, Cdsl, data, detour, owner, parent, places, target
from osr_boot.cdsl.paths import climbs
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory


class Expected:
    """Where the links and the copies of a CDSL should be."""

    def __init__(self, inventory: Inventory, cdsl: Cdsl) -> None:
        layout, cdsls, names = inventory.layout, inventory.cdsls, inventory.trees_of(cdsl)
        self.cdsl, self.layout = cdsl, layout
        self.stands = tuple(places(cdsl.path, names, layout, cdsls))
        """(node, where it stands)"""
        self.links = tuple(place for _, place in self.stands) if cdsl.style != BIND else ()
        # As seen through the link directory they say the same in every tree.
        self.says = target(self.stands[0][1], cdsl.path, cdsl.kind, layout, cdsls)
        owners = names if cdsl.kind == HOSTDEPENDENT else ("",)
        self.lies = {name: data(cdsl.path, cdsl.kind, name, layout, cdsls) for name in owners}
        """node to where its copy is"""

    def all(self) -> tuple[str, ...]:
        """Return every place."""
        return (*(place for _, place in self.stands), *self.lies.values())


class Walk:
    """What a walk has found."""

    def __init__(self, inventory: Inventory, disk: Disk) -> None:
        self._inventory, self._disk = inventory, disk
        self._strangers: list[tuple[str, str]] = []
        self._expected = [Expected(inventory, cdsl) for cdsl in inventory.cdsls]
        self._missed: dict[str, str] = {}
        """place of a link to what it should say, or of a copy to nothing, where something else is there or nothing"""
        for expected in self._expected:
            self._missed.update(dict.fromkeys(expected.lies.values(), ""))
            self._missed.update(dict.fromkeys(expected.links, expected.says))
        self._look()

    def _look(self) -> None:
        layout, missed, nodes = self._inventory.layout, self._missed, set(self._inventory.trees)
        trees = (f"{layout.tree}/", f"{layout.shared}/")
        # Only a link that is in the trees itself leads into them without saying one of these names.
        names = tuple(path.rpartition("/")[2] for path in (layout.tree, layout.shared, layout.link))
        bound = {cdsl.path for cdsl in self._inventory.cdsls if cdsl.style == BIND}
        own = detour(layout)[0]

        def enter(path: str) -> bool:
            """Say whether to walk into a directory: not where a tree is seen once more, nor into that of no node."""
            above, _, name = path.rpartition("/")
            known = above != layout.tree or name in nodes
            return known and path != layout.link and path not in bound and not name.startswith((NEW, OLD))

        for path, kind, says in self._disk.walk(enter):
            wanted = missed.get(path)
            if wanted is not None:
                if not wanted or says == wanted:
                    del missed[path]
            elif kind != "link" or path == own or path.rpartition("/")[2].startswith((NEW, OLD)):
                continue  # what a change has prepared, or put away, is that change's
            elif path.startswith(trees) or any(name in says for name in names):
                self._strangers.append((path, says))

    def missed(self) -> Iterator[Expected]:
        """Yield, for each CDSL of which something is not as it should be, what there should be."""
        for expected in self._expected if self._missed else ():
            if not self._missed.keys().isdisjoint(expected.all()):
                yield expected

    def faults(self) -> Iterator[Fault]:
        """Yield the links that lead into the trees unregistered, and relative ones that lead out of a path."""
        found: list[tuple[str, str, Cdsl]] = []
        for place, says in sorted(self._strangers):
            kind = _into(place, says, self._inventory)
            if kind:
                around = owner(place, self._inventory.layout, self._inventory.cdsls)
                found.append((place, says, Cdsl(f"{around[0].path}/{around[2]}" if around else place, kind)))
            elif fault := _leaving(place, says, self._inventory):
                yield fault
        # One change for all of them, and for all places of each: it writes the inventory.
        lost = {cdsl.path: cdsl for place, says, cdsl in found if self._registrable(place, says, cdsl)}
        change = self._registered(lost) if lost else None
        for place, says, cdsl in found:
            again = cdsl == lost.get(cdsl.path)
            remedy = "remove it; or put what it leads to in its place, and `osr cdsl create`"
            yield Fault(
                cdsl.path,
                place,
                f"leads to {says}, into the trees, and is no CDSL of the inventory",
                f"register /{cdsl.path} as {_words(cdsl)} again" if again else remedy,
                change if again else None,
            )

    def _registrable(self, place: str, says: str, cdsl: Cdsl) -> bool:
        """Say whether all is there that a CDSL needs, and the link is one of its links."""
        layout, cdsls, path = self._inventory.layout, self._inventory.cdsls, cdsl.path
        around = parent(path, cdsls)
        fits = around.kind != cdsl.kind and around.style == LINK if around else cdsl.kind == HOSTDEPENDENT
        if not fits or self._inventory.find(path) or target(place, path, cdsl.kind, layout, cdsls) != says:
            return False
        trees = self._inventory.trees
        lies = (data(path, cdsl.kind, name, layout, cdsls) for name in (trees if cdsl.kind == HOSTDEPENDENT else ("",)))
        return place in {one for _, one in places(path, trees, layout, cdsls)} and all(map(self._disk.exists, lies))

    def _registered(self, lost: Mapping[str, Cdsl]) -> Change:
        after = replace(self._inventory, cdsls=(*self._inventory.cdsls, *lost.values()))
        one, *others = lost.values()
        more = f" and {len(others)} more" if others else ""
        return Change(f"register /{one.path} as {_words(one)} again{more}", inventory=inventories.dumps(after))


def _words(cdsl: Cdsl) -> str:
    return "host-dependent" if cdsl.kind == HOSTDEPENDENT else cdsl.kind


def _into(place: str, says: str, inventory: Inventory) -> str:
    """Return the kind of the trees that a link leads into, as its words go; nothing if into none.

    One in a node's tree counts its way from where it is seen, below the link directory. Where it stays in its own tree
    it leads to a neighbour, and not into the trees.
    """
    layout = inventory.layout
    top, _, inside = "", "", place
    if place.startswith(f"{layout.tree}/"):
        top, inside = f"{layout.link}/", place[len(layout.tree) + 1 :].partition("/")[2]
    elif place.startswith(f"{layout.shared}/"):
        top, inside = f"{layout.shared}/", place[len(layout.shared) + 1 :]
    if says.startswith("/"):
        leads = normal(says)
    elif top and not climbs(inside, says):
        return ""
    else:
        leads = normal(f"{top}{inside}/../{says}")
    if leads.startswith(f"{layout.shared}/"):
        return SHARED
    below = leads[len(layout.tree) + 1 :] if leads.startswith(f"{layout.tree}/") else ""
    return HOSTDEPENDENT if "/" in below or leads.startswith(f"{layout.link}/") else ""


def _leaving(place: str, says: str, inventory: Inventory) -> Fault | None:
    """Return the fault of a relative link that leads out of a path in link style: from there it leads elsewhere."""
    found = None if says.startswith("/") else owner(place, inventory.layout, inventory.cdsls)
    if found is None:
        return None
    cdsl, _, below = found
    if cdsl.style == BIND or (below and not climbs(below, says)):
        return None
    absolute = f"/{normal(f'{cdsl.path}/{below}/../{says}')}"
    message = f"the relative link {says} leads out of /{cdsl.path}, and elsewhere than to {absolute}"
    change = exchanged(place, absolute, f"make the link /{place} absolute")
    return Fault(cdsl.path, place, message, shlex.join(("ln", "-sfn", absolute, f"/{place}")), change)
