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
    from osr_boot.system import System


# It would take the node's own file for a temporary one, try to unmount it, and fail; source: its unit, man machine-id.
_COMMIT = (
    "/run/systemd/system/systemd-machine-id-commit.service.d/50-osr.conf",
    "[Unit]\nConditionPathExists=!/run/osr/plan.json\n",
)


class BindPaths(Operation):
    """Bind every path that the root's inventory has in bind style, the outer before the inner."""

    root: str
    node: str

    def describe(self) -> str:
        """See Operation."""
        return f"bind the paths of node {self.node} that /{inventories.PATH} has in bind style"

    def execute(self, system: System) -> str:
        """See Operation. A root without inventory has none."""
        file = resolve(system, self.root, f"/{inventories.PATH}")
        if not system.exists(file):
            return "no inventory"
        inventory = inventories.loads(system.read(file), source=f"/{inventories.PATH}")
        bound, left = 0, ""
        for cdsl in inventory.cdsls:
            if cdsl.style != BIND or (cdsl.nodes and self.node not in cdsl.nodes):
                continue
            lies = data(cdsl.path, cdsl.kind, self.node, inventory.layout, inventory.cdsls)
            source, target = (resolve(system, self.root, f"/{path}") for path in (lies, cdsl.path))
            if cdsl.optional and not system.exists(source):
                left += f", not /{cdsl.path}: /{lies} is missing"
                continue
            for path, what in ((source, lies), (target, cdsl.path)):
                if not system.exists(path):
                    hint = (
                        "on a machine that has the root mounted: `osr cdsl check --repair`; one that may be missing is "
                    )
                    hint += "created with --optional"
                    raise OsrError(f"/{what} is missing on the shared root, for /{cdsl.path}", hint=hint)
            system.run(("mount", "--bind", source, target))
            system.write(*mount_unit(f"/{cdsl.path}"))
            if cdsl.path == "etc/machine-id":
                system.write(*_COMMIT)
            bound += 1
        return f"{bound} paths{left}" if bound else f"none{left}"
