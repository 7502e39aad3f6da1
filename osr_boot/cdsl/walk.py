"""One walk over the whole root: what is not there of what the inventory names, and what nobody has registered.

A look at each place by itself costs a way through all of its directories; a walk reads every directory once.
"""

from __future__ import annotations

import shlex

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import JOURNAL, NEW, OLD, Change
from osr_boot.cdsl.fault import Fault, exchanged
from osr_boot.cdsl.inventory import normal
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, Cdsl, data, detour, owner, parent, places, target
from osr_boot.cdsl.paths import climbs, led
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
        stands = tuple(place for _, place in self.stands)
        self.links = () if cdsl.style == BIND else stands
        self.points = stands if cdsl.style == BIND else ()
        """what is empty, for the copies to be bound over"""
        # As seen through the link directory they say the same in every tree.
        self.says = target(self.stands[0][1], cdsl.path, cdsl.kind, layout, cdsls)
        owners = names if cdsl.kind == HOSTDEPENDENT else ("",)
        self.lies = {name: data(cdsl.path, cdsl.kind, name, layout, cdsls) for name in owners}
        """node to where its copy is"""

    def all(self) -> tuple[str, ...]:
        """Return every place."""
        return (*(place for _, place in self.stands), *self.lies.values())

    def taken(self, disk: Disk, place: str, current: str) -> bool:
        """Say whether something is in one of `points`, and is not the copy that is bound there on this machine."""
        try:
            if disk.empty(place):
                return False
            for node in sorted(self.lies, key=lambda node: node != current):  # most likely this one's, or nobody's
                if disk.exists(self.lies[node]) and disk.same(place, self.lies[node]):
                    return False
            return disk.device(place) == disk.device(self.layout.tree)  # else something else is mounted on it
        except FileNotFoundError:  # it has gone meanwhile
            return False


class Walk:
    """What a walk has found."""

    def __init__(self, inventory: Inventory, disk: Disk, *, current: str = "") -> None:
        self._inventory, self._disk = inventory, disk
        self._strangers: list[tuple[str, str]] = []
        self._left: list[str] = []
        self._expected = [Expected(inventory, cdsl) for cdsl in inventory.cdsls]
        self._missed: dict[str, str] = {}
        """place of a link to what it should say, or of a copy to nothing, where something else is there or nothing"""
        self._kinds: dict[str, str] = {}
        """in bind style, place of a copy or of what it is bound over to its kind; nothing where nothing is"""
        for expected in self._expected:
            if expected.points:
                self._kinds.update(dict.fromkeys(expected.all(), ""))
                continue
            self._missed.update(dict.fromkeys(expected.lies.values(), ""))
            self._missed.update(dict.fromkeys(expected.links, expected.says))
        self._look(current)

    def _look(self, current: str) -> None:
        layout, missed, kinds, nodes = self._inventory.layout, self._missed, self._kinds, set(self._inventory.trees)
        trees = (f"{layout.tree}/", f"{layout.shared}/")
        # Only a link that is in the trees itself leads into them without saying one of these names.
        names = tuple(path.rpartition("/")[2] for path in (layout.tree, layout.shared, layout.link))
        bound = {cdsl.path for cdsl in self._inventory.cdsls if cdsl.style == BIND}
        points = {place: expected for expected in self._expected for place in expected.points}
        own = detour(layout)[0]

        def enter(path: str) -> bool:
            """Say whether to walk into a directory: not where a tree is seen once more, nor into that of no node."""
            above, _, name = path.rpartition("/")
            known = above != layout.tree or name in nodes
            return known and path != layout.link and path not in bound and not name.startswith((NEW, OLD))

        for path, kind, says in self._disk.walk(enter):
            wanted = missed.get(path)
            if wanted is not None:
                if says == wanted:  # a copy that is a link says something: that may lead elsewhere from there
                    del missed[path]
            elif path in kinds:
                taken = path in points and points[path].taken(self._disk, path, current)
                kinds[path] = "taken" if taken else kind
            elif ".osr-" in path and path.rpartition("/")[2].startswith((NEW, OLD)):
                self._left.append(path)
            elif kind != "link" or path == own:
                continue
            elif path.startswith(trees) or any(name in says for name in names):
                self._strangers.append((path, says))

    def missed(self) -> Iterator[Expected]:
        """Yield, for each CDSL of which something is not as it should be, what there should be."""
        for expected in self._expected if self._missed or self._kinds else ():
            if expected.points:
                kinds = {self._kinds[place] for place in expected.all()}
                if len(kinds) > 1 or "" in kinds:
                    yield expected
            elif not self._missed.keys().isdisjoint(expected.all()):
                yield expected

    def faults(self) -> Iterator[Fault]:
        """Yield unregistered links into the trees, relative ones that lead out of a path, and leftovers."""
        found: list[tuple[str, str, Cdsl]] = []
        for place, says in sorted(self._strangers):
            kind = _into(place, says, self._inventory, self._disk.prefix)
            if kind:
                around = owner(place, self._inventory.layout, self._inventory.cdsls)
                found.append((place, says, Cdsl(f"{around[0].path}/{around[2]}" if around else place, kind)))
            elif fault := leaving(place, says, self._inventory, self._disk):
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
        yield from self._leftovers()

    def _leftovers(self) -> Iterator[Fault]:
        """Yield what changes have prepared, or put away, and have not ended: no record says any more what it is for."""
        found = [path for path in sorted(self._left) if self._disk.exists(path)]
        if found and JOURNAL in self._disk.names(""):  # a change has begun meanwhile: it is that one's
            return
        for path in found:
            above, slash, name = path.rpartition("/")
            mark = NEW if name.startswith(NEW) else OLD
            place = f"{above}{slash}{name[len(mark) :]}"
            what = "prepared for" if mark == NEW else "put away from"
            throw = shlex.join(("rm", "-r", f"/{path}"))
            if self._disk.exists(place):
                remedy = f"see whether /{place} lacks anything of it, and {throw}"
            else:
                whole = "whole, and " if mark == NEW else ""
                keep = shlex.join(("mv", "-n", f"/{path}", f"/{place}"))
                remedy = f"see whether it is {whole}what belongs there: {keep}; otherwise {throw}"
            message = f"was {what} /{place} by a change of which there is no record any more"
            yield Fault("", path, message, remedy)

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


def _into(place: str, says: str, inventory: Inventory, prefix: str) -> str:
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
        if prefix:
            leads = leads[len(prefix) + 1 :] if leads.startswith(f"{prefix}/") else ""
    elif top and not climbs(inside, says):
        return ""
    else:
        leads = normal(f"{top}{inside}/../{says}")
    if leads.startswith(f"{layout.shared}/"):
        return SHARED
    below = leads[len(layout.tree) + 1 :] if leads.startswith(f"{layout.tree}/") else ""
    return HOSTDEPENDENT if "/" in below or leads.startswith(f"{layout.link}/") else ""


def leaving(place: str, says: str, inventory: Inventory, disk: Disk) -> Fault | None:
    """Return the fault of a relative link that leads out of a path: from where it lies it leads elsewhere.

    What is in a directory that is bound is seen where it was; what is bound itself is found where it lies.
    """
    found = None if says.startswith("/") else owner(place, inventory.layout, inventory.cdsls)
    if found is None:
        return None
    cdsl, _, below = found
    if below and (cdsl.style == BIND or not climbs(below, says)):
        return None
    absolute = led(f"{cdsl.path}/{below}", says, disk.prefix)
    if cdsl.style == BIND:
        message = f"the relative link {says} cannot be bound: from here it leads elsewhere than to {absolute}"
        remedy = f"`osr cdsl remove /{cdsl.path}`, and create {absolute} if that is to differ"
        return Fault(cdsl.path, place, message, remedy)
    message = f"the relative link {says} leads out of /{cdsl.path}, and elsewhere than to {absolute}"
    change = exchanged(place, absolute, f"make the link /{place} absolute")
    return Fault(cdsl.path, place, message, shlex.join(("ln", "-sfn", absolute, f"/{place}")), change)
