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
    from collections.abc import Iterator

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
        for cdsl, lies in bindings(inventory, node):
            source, target = (resolve(system, self.root, f"/{path}") for path in (lies, cdsl.path))
            if cdsl.optional and not system.exists(source):
                left += f", not /{cdsl.path}: /{lies} is missing"
                continue
            for path, what in ((source, lies), (target, cdsl.path)):
                if not system.exists(path):
                    raise OsrError(f"/{what} is missing on the shared root, for /{cdsl.path}", hint=_MISSING)
            system.run(("mount", "--bind", source, target))
            system.write(*mount_unit(f"/{cdsl.path}"))
            if cdsl.path == "etc/machine-id":
                system.write(*_COMMIT)
            bound += 1
        return f"{bound} paths{left}" if bound else f"none{left}"


def bindings(inventory: Inventory, node: str) -> Iterator[tuple[Cdsl, str]]:
    """Yield each CDSL that is bound on a node, with where the node's copy lies, the outer before the inner."""
    for cdsl in inventory.cdsls:
        if cdsl.style == BIND and (not cdsl.nodes or node in cdsl.nodes):
            yield cdsl, data(cdsl.path, cdsl.kind, node, inventory.layout, inventory.cdsls)
