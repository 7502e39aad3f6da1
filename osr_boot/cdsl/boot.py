"""The CDSL part of a boot: pure, a function of node id and directory names."""

from __future__ import annotations

from osr_boot.cdsl.binds import BindPaths
from osr_boot.ops.mounts import Bind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cmdline
    from osr_boot.ops import Operation


def plan(nodeid: int, name: str, cmdline: Cmdline, root: str) -> Iterator[Operation]:
    """Yield the operations that give the node its own tree on the root mounted at `root`.

    Trees are called by ids, or where somebody wanted it so (`osr cdsl init --names`) by names.
    """
    tree = f"{cmdline.cdsltree}/{nodeid}"
    usable = name and "/" not in name and not name.startswith(".")
    yield Bind(
        root,
        tree,
        cmdline.cdsllink,
        f"this node has no CDSL tree yet: on a machine that has the root mounted, `osr cdsl node-add {nodeid}` "
        f"makes it (by hand: `cp -a {cmdline.cdsltree}/default {tree}`)",
        f"{cmdline.cdsltree}/{name}" if usable else "",
    )
    yield BindPaths(root, str(nodeid), name)
