"""CDSLs in bind style, as a boot applies them: no links, each path has the node's copy bound over it."""

from __future__ import annotations

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.layout import BIND, data
from osr_boot.errors import OsrError
from osr_boot.handover import mount_unit
from osr_boot.ops import Operation
from osr_boot.ops.mounts import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osr_boot.cdsl.inventory import Inventory
    from osr_boot.cdsl.layout import Cdsl
    from osr_boot.system import System


# It would take the node's own file for a temporary one, try to unmount it, and fail; source: its unit, man machine-id.
_COMMIT = (
    "/run/systemd/system/systemd-machine-id-commit.service.d/50-osr.conf",
    "[Unit]\nConditionPathExists=!/run/osr/plan.json\n",
)
_MISSING = "where the root is mounted: `osr cdsl check --repair`; what may be missing is created with --optional"


class BindPaths(Operation):
    """Bind every path that the root's inventory has in bind style, the outer before the inner."""

    root: str
    node: str
    name: str = ""
    """what the node's tree is called where trees are called by names"""

    def describe(self) -> str:
        """See Operation."""
        return f"bind the paths of node {self.node} that /{inventories.PATH} has in bind style"

    def execute(self, system: System) -> str:
        """See Operation. A root without inventory has none."""
        file = resolve(system, self.root, f"/{inventories.PATH}")
        if not system.exists(file):
            return "no inventory"
        inventory = inventories.loads(system.read(file), source=f"/{inventories.PATH}")
        node = self.node if self.node in inventory.nodes or self.name not in inventory.nodes else self.name
        bound, left = 0, ""

        def is_there(path: str) -> bool:
            return system.exists(resolve(system, self.root, f"/{path}"))

        for cdsl, lies, missing in bindings(inventory, node, is_there):
            if missing:
                left += f", not /{cdsl.path}: /{missing} is missing"
                continue
            source, target = (resolve(system, self.root, f"/{path}") for path in (lies, cdsl.path))
            for path, what in ((source, lies), (target, cdsl.path)):
                if not system.exists(path):
                    raise OsrError(f"/{what} is missing on the shared root, for /{cdsl.path}", hint=_MISSING)
            # Private, or what is bound in it shows in the node's tree as well; systemd makes all of it shared later.
            system.run(("mount", "--bind", "--make-private", source, target))
            system.write(*mount_unit(f"/{cdsl.path}"))
            if cdsl.path == "etc/machine-id":
                system.write(*_COMMIT)
            bound += 1
        return f"{bound} paths{left}" if bound else f"none{left}"


def bindings(inventory: Inventory, node: str, is_there: Callable[[str], bool]) -> Iterator[tuple[Cdsl, str, str]]:
    """Yield (CDSL, where the node's copy lies, what is missing) for each that a node binds, the outer before the inner.

    Something is missing of one that may be: it is not bound, and with it nothing that lies in it, which would have no
    place there. Nor has what lies in one that is not for this node.
    """
    away: dict[str, str] = {}
    for cdsl in inventory.cdsls:
        if cdsl.style != BIND:
            continue
        lies = data(cdsl.path, cdsl.kind, node, inventory.layout, inventory.cdsls)
        around = next((path for path in away if cdsl.path.startswith(f"{path}/")), "")
        if cdsl.nodes and node not in cdsl.nodes:
            away[cdsl.path] = ""
            continue
        missing = away[around] if around else "" if is_there(lies) or not cdsl.optional else lies
        if around or missing:
            away[cdsl.path] = missing
        if missing or not around:
            yield cdsl, lies, missing
