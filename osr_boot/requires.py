"""What an image needs: kernel modules and programs, as the filesystem files and the agent declare them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from osr_boot import filesystems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.model import Cluster

# What the agent's own operations start, whatever the root is.
PROGRAMS = ("ip", "modprobe", "mount", "umount")


@dataclass(frozen=True)
class Needs:
    """Names of kernel modules and programs, sorted."""

    modules: tuple[str, ...]
    drivers: tuple[str, ...]
    """modules that must be loaded before links are looked for: without its driver a link is no evidence of a node"""
    programs: tuple[str, ...]

    def as_text(self) -> str:
        """Return a line a need: `module NAME`, `driver NAME` or `program NAME`."""
        needs = (("module", self.modules), ("driver", self.drivers), ("program", self.programs))
        return "".join(f"{kind} {name}\n" for kind, names in needs for name in names)

    def as_json(self) -> str:
        """Return one JSON document."""
        return json.dumps({"format": 1, **vars(self)}) + "\n"


def of(cluster: Cluster | None) -> Needs:
    """Return the needs of a cluster's root volumes and links; of every known filesystem for None."""
    if cluster is None:
        kinds, drivers = set(filesystems.known().values()), set()
    else:
        volumes = [node.rootvolume for node in cluster.nodes if node.rootvolume]
        kinds = {filesystems.find(fstype) for fstype in {volume.fstype for volume in volumes}}
        drivers = {nic.driver for node in cluster.nodes for nic in node.nics if nic.driver}
    modules = {module for kind in kinds for module in kind.modules}
    programs = {program for kind in kinds for program in kind.programs} | set(PROGRAMS)
    return Needs(tuple(sorted(modules)), tuple(sorted(drivers)), tuple(sorted(programs)))
