"""Where a CDSL's data lies, where its links stand, and what they say: pure arithmetic of paths.

Paths are relative to the shared root and have no leading slash: `var/lib`. The current node's own tree,
`cluster/cdsl/<node>`, is seen by everyone as `cdsl.local`. See docs/cdsl.md for a picture.
"""

from __future__ import annotations

from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Reader = Callable[[Mapping[str, str]], Mapping[str, "Cdsl"]]

HOSTDEPENDENT, SHARED = "hostdependent", "shared"
LINK, BIND = "link", "bind"


class Layout(Value):
    """The names of the directories in which CDSLs lie."""

    tree: str = "cluster/cdsl"
    """one directory per node, and one for the template"""
    shared: str = "cluster/shared"
    link: str = "cdsl.local"
    """where each node sees its own tree"""
    default: str = "default"
    """name of the template beside the nodes"""
    expand: str = ".cdsl"


class Cdsl(Value):
    """One path that is not the same for all nodes, or, inside such a one, is the same again."""

    path: str
    kind: str
    """`hostdependent` or `shared`"""
    style: str = LINK
    nodes: tuple[str, ...] = ()
    """for whom; empty: for all nodes that there are"""
    time: float = 0.0
    """of creation, seconds since 1970"""
    optional: bool = False
    """bind style: a boot goes on where the node's copy is missing"""


class Cdsls:
    """CDSLs sorted by path, the outer before the inner, and found by it.

    What a path lies in is found by going up its names, however many CDSLs there are: `check` asks for each of them, and
    looking through all of them each time took 10,000 a minute and more. One that nobody asks for stays a line of the
    document: of 10,000 a change needs a handful.
    """

    def __init__(self, held: Mapping[str, Cdsl | str] | None = None, read: Reader | None = None) -> None:
        """Take each by its path; `read` makes CDSLs of lines when they are asked for."""
        self._held = {path: held[path] for path in sorted(held)} if held else {}
        self._read = read

    def __iter__(self) -> Iterator[Cdsl]:
        lines = {path: held for path, held in self._held.items() if isinstance(held, str)}
        if lines and self._read:
            self._held.update(self._read(lines))
        return iter(tuple(held for held in self._held.values() if not isinstance(held, str)))

    def __len__(self) -> int:
        return len(self._held)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cdsls) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self._held))

    def __repr__(self) -> str:
        return f"Cdsls({tuple(self)!r})"

    def get(self, path: str) -> Cdsl | None:
        """Return the CDSL that a path is, None if it is none."""
        held = self._held.get(path)
        if isinstance(held, str) and self._read:
            held = self._held[path] = self._read({path: held})[path]
        return held if isinstance(held, Cdsl) else None

    def above(self, path: str) -> Iterator[Cdsl]:
        """Yield the CDSLs that a path lies in, the inner before the outer; not the one that it is itself."""
        while path := path.rpartition("/")[0]:
            found = self.get(path)
            if found is not None:
                yield found

    def below(self, path: str) -> tuple[Cdsl, ...]:
        """Return the CDSLs that lie in a path, the outer before the inner."""
        begin = f"{path}/"
        return tuple(filter(None, (self.get(one) for one in self._held if one.startswith(begin))))

    def having(self, cdsl: Cdsl) -> Cdsls:
        """Return these with one more CDSL, or with this in place of the one of its path."""
        return Cdsls({**self._held, cdsl.path: cdsl}, self._read)

    def without(self, path: str) -> Cdsls:
        """Return these without the CDSL of that path."""
        return Cdsls({one: held for one, held in self._held.items() if one != path}, self._read)

    def lines(self, write: Callable[[Cdsl], str]) -> Iterator[str]:
        """Yield each as a line; `write` makes one of a CDSL that is none yet."""
        for held in self._held.values():
            yield held if isinstance(held, str) else write(held)


def listed(cdsls: Iterable[Cdsl]) -> Cdsls:
    """Return CDSLs to be looked up; those that can be already as they are."""
    return cdsls if isinstance(cdsls, Cdsls) else Cdsls({cdsl.path: cdsl for cdsl in cdsls})


def parent(path: str, cdsls: Iterable[Cdsl]) -> Cdsl | None:
    """Return the innermost CDSL that a path lies in; not the one that it is itself."""
    return next(listed(cdsls).above(path), None)


def children(path: str, cdsls: Iterable[Cdsl]) -> tuple[Cdsl, ...]:
    """Return the CDSLs that lie in a path, the outer before the inner."""
    return listed(cdsls).below(path)


def expanded(path: str, kind: str, layout: Layout, cdsls: Iterable[Cdsl]) -> str:
    """Return a path as it lies in the trees of its kind.

    The name of an ancestor of the other kind that is inside another CDSL is taken there by its link: what lies below it
    lies beside that link, in a directory with a name of its own: `var/lib/foo` becomes `var/.cdsl.lib/foo`.
    """
    around = tuple(listed(cdsls).above(path))
    if len(around) < 2:
        return path
    parts = path.split("/")
    for cdsl in around[:-1]:  # the outermost is in no other one
        if cdsl.kind != kind:
            last = cdsl.path.count("/")
            parts[last] = f"{layout.expand}.{parts[last]}"
    return "/".join(parts)


def data(path: str, kind: str, node: str, layout: Layout, cdsls: Iterable[Cdsl]) -> str:
    """Return where the data of a CDSL lies, for a node (which a shared one does not ask about)."""
    below = expanded(path, kind, layout, cdsls)
    return f"{layout.shared}/{below}" if kind == SHARED else f"{layout.tree}/{node}/{below}"


def places(path: str, nodes: Iterable[str], layout: Layout, cdsls: Iterable[Cdsl]) -> Iterator[tuple[str, str]]:
    """Yield (node, where the path stands): in every node's tree if it lies in a host-dependent one, else once.

    The node of a place that all of them share is empty.
    """
    around = parent(path, cdsls := listed(cdsls))
    if around is None:
        yield "", path
        return
    inside = f"{expanded(around.path, around.kind, layout, cdsls)}{path[len(around.path) :]}"
    if around.kind == SHARED:
        yield "", f"{layout.shared}/{inside}"
        return
    for node in nodes:
        yield node, f"{layout.tree}/{node}/{inside}"


def owner(place: str, layout: Layout, cdsls: Iterable[Cdsl]) -> tuple[Cdsl, str, str] | None:
    """Return (CDSL, node, path below it) of a place in the trees; None if it is no CDSL's data.

    The node is empty in the shared tree, and in the link directory, where each node sees its own.
    """
    for home, kind in ((layout.shared, SHARED), (layout.link, HOSTDEPENDENT), (layout.tree, HOSTDEPENDENT)):
        if not place.startswith(f"{home}/"):
            continue
        inside, node = place[len(home) + 1 :], ""
        if home == layout.tree:
            node, _, inside = inside.partition("/")
        mark = f"{layout.expand}."
        # A mark that is part of a name, and not ours, is no longer where `expanded` would put it.
        plain = "/".join(part[len(mark) :] if part.startswith(mark) else part for part in inside.split("/"))
        known = listed(cdsls)
        for cdsl in known.above(f"{plain}/"):
            top = expanded(cdsl.path, kind, layout, known)
            if cdsl.kind == kind and f"{inside}/".startswith(f"{top}/"):
                return cdsl, node, inside[len(top) + 1 :]
    return None


def target(place: str, path: str, kind: str, layout: Layout, cdsls: Iterable[Cdsl]) -> str:
    """Return what the link at a place says. Relative, so that it holds below any prefix.

    A link in a node's tree counts its way as it is seen through `cdsl.local`. Counted from where it really lies it
    would climb above the root there; that leads somewhere only where `/..` is `/`, and not in a service's own file
    system, which systemd builds below /run/systemd/unit-root: systemd-logind of 252 then fails with 226/NAMESPACE.
    """
    below = expanded(path, kind, layout, cdsls)
    home = layout.shared if kind == SHARED else layout.link
    if place.startswith(f"{layout.tree}/"):
        inside = place[len(layout.tree) + 1 :].partition("/")[2]
        place = f"{layout.link}/{inside}"
    return f"{'../' * place.count('/')}{home}/{below}"


def detour(layout: Layout) -> tuple[str, str]:
    """Return (place, what it says) of the one link that lets the links of the nodes' trees hold where they really lie.

    From `cluster/cdsl/1/var` the `../../cluster/shared` that is right in `cdsl.local/var` leads to
    `cluster/cdsl/cluster/shared`. Empty texts where the trees lie as high as they are seen.
    """
    above = layout.tree.split("/")[: layout.tree.count("/") + 1 - layout.link.count("/")]
    if not above:
        return "", ""
    place = f"{'/'.join(above)}/{layout.shared}"
    return place, f"{'../' * place.count('/')}{layout.shared}"
