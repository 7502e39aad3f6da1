"""Why a path cannot be a CDSL, said before anything has changed."""

from __future__ import annotations

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, LINK, SHARED, children, detour, parent, places
from osr_boot.errors import ConfigError, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from osr_boot.cdsl.disk import Disk
    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.layout import Cdsl, Layout

# What is no file of the root's: made anew by every boot, or CDSLs' own.
_NEVER = ("proc", "sys", "dev", "run", "tmp")
# What a boot reads before it binds the node's tree: cluster.conf, osr that reads it, and whether there is an init.
_SYSTEM = ("bin", "sbin", "lib", "lib64")
_BEFORE = ("etc", "etc/cluster", "etc/cluster/cluster.conf", "usr", *_SYSTEM, *(f"usr/{name}" for name in _SYSTEM))


class Already(OsrError):
    """The path is that already: exit status 1, and nothing changed."""


def refuse(inventory: Inventory, disk: Disk, cdsl: Cdsl) -> None:
    """Raise the reason why a path cannot be a CDSL."""
    path, layout = cdsl.path, inventory.layout
    known = inventory.find(path)
    if known and known.kind == cdsl.kind:
        raise Already(f"/{path} is {_words(cdsl.kind)} already")
    if known:
        raise OsrError(f"/{path} is {_words(known.kind)}", hint=f"`osr cdsl remove /{path}` first")
    if not path:
        raise OsrError("the root itself cannot be a CDSL", hint="name something in it")
    for own in (layout.tree, layout.shared, layout.link, inventories.PATH):
        if path == own or path.startswith(f"{own}/") or own.startswith(f"{path}/"):
            raise OsrError(f"/{path} belongs to the CDSLs themselves", hint="name what is to differ between nodes")
    # Of a filesystem that is mounted somewhere, `tmp` and `usr` are names like others.
    if path.split("/")[0] in _NEVER and not disk.prefix:
        raise OsrError(f"/{path} is made anew by every boot, and each node's own already", hint="leave it as it is")
    if path in _BEFORE and disk.exists("sbin/init") and not disk.prefix:
        reason = f"/{path} is read by a boot before it knows which node this is"
        raise OsrError(reason, hint="name what in it is to differ between nodes")
    around = parent(path, inventory.cdsls)
    if around and around.kind == cdsl.kind:
        raise OsrError(f"/{path} is in /{around.path}, which is {_words(around.kind)} as a whole", hint="nothing to do")
    if around and around.style == BIND and cdsl.style == LINK:
        reason = f"a link in /{around.path}, which is bound, would count its way from another place"
        raise OsrError(reason, hint="say --style bind")
    if cdsl.kind == SHARED and not around:
        raise OsrError(f"/{path} is shared by all nodes anyway: it is in no host-dependent path", hint="nothing to do")
    inner = children(path, inventory.cdsls)
    if inner:
        raise OsrError(f"/{path} has a CDSL in it: /{inner[0].path}", hint=f"`osr cdsl remove /{inner[0].path}` first")
    if around and around.nodes and not set(cdsl.nodes or inventory.nodes) <= set(around.nodes):
        reason = f"/{path} is in /{around.path}, which is for {', '.join(around.nodes)} only"
        raise OsrError(reason, hint="name nodes among these, or none")
    stands = [place for _, place in places(path, inventory.trees_of(cdsl), layout, inventory.cdsls)]
    _refuse_detours(path, stands, disk)
    if cdsl.style == BIND and (says := next(filter(None, map(disk.says, stands)), "")):
        raise OsrError(f"/{path} is a link to {says}: nothing can be bound over it", hint="name what it leads to")


def _refuse_detours(path: str, stands: Sequence[str], disk: Disk) -> None:
    """Raise if one of the places of a path leads over a link, or if there is no directory for any of them."""
    missing: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for place in stands:
        parts = place.split("/")
        for number in range(1, len(parts)):
            above = "/".join(parts[:number])
            kind = kinds[above] = kinds.get(above) or disk.kind(above)
            if kind == "link":
                hint = "name the path that it leads to" if len(stands) == 1 else "put the directory back that was there"
                raise OsrError(f"/{path} leads over the link /{above} -> {disk.says(above)}", hint=hint)
            if kind != "directory":
                missing[place] = above
                if kind:
                    raise OsrError(f"/{path} is not there: /{above} is a {kind}", hint="is it spelt right?")
                break
    if len(missing) == len(stands):
        raise OsrError(f"/{path}: there is no /{missing[stands[0]]}", hint="is it spelt right?")


def node(name: str, layout: Layout) -> str:
    """Return the name of a node if it can be that of its tree. Raises ConfigError."""
    own = detour(layout)[0].removeprefix(f"{layout.tree}/").split("/")[0]
    if not name or "/" in name or name.startswith(".") or name in (layout.default, layout.expand, own):
        reason = f'a node\'s tree cannot be called "{name}"'
        raise ConfigError(reason, hint="write its id, or a name without slashes that does not begin with a dot")
    return name


def free(disk: Disk, paths: Iterable[str]) -> None:
    """Raise if one of the paths is taken."""
    for path in paths:
        if disk.exists(path):
            hint = "look what it is, and move it away; `osr cdsl check` lists what is unknown in the trees"
            raise OsrError(f"/{path} is there already", hint=hint)


def _words(kind: str) -> str:
    return "host-dependent" if kind == HOSTDEPENDENT else "shared"
