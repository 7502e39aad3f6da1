"""What an image needs: kernel modules and programs, as the filesystem files and the agent declare them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from osr_boot import filesystems, storage
from osr_boot.cluster import find
from osr_boot.model import Storage
from osr_boot.ops.clients import CLIENTS
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.model import Cluster

# What the agent's own operations start, whatever the root is.
LINK_MODULES = {"bond": "bonding", "vlan": "8021q", "bridge": "bridge"}
PROGRAMS = ("ip", "modprobe", "mount", "umount")


@dataclass(frozen=True)
class Needs:
    """Names of kernel modules and programs, sorted."""

    modules: tuple[str, ...]
    drivers: tuple[str, ...]
    """modules that must be loaded before links are looked for: without its driver a link is no evidence of a node"""
    programs: tuple[str, ...]
    clients: tuple[str, ...] = ()
    """programs of which one is needed, to ask for an address of IPv4"""
    clients6: tuple[str, ...] = ()
    """programs of which one is needed, to ask for an address of IPv6"""
    shutdown: tuple[str, ...] = ()
    """programs that unmounting the root needs"""
    services: tuple[str, ...] = ()
    """programs of cluster services, which outlive the initrd"""
    helpful: tuple[str, ...] = ()
    """kernel modules that some kernels have built in under another name"""
    parts: tuple[str, ...] = ()
    """modules of dracut"""
    plugins: tuple[str, ...] = ()
    """libraries that services load by themselves, below the directory of libraries"""
    secrets: tuple[str, ...] = ()
    """files that only an image may have which nobody else can fetch"""

    def as_text(self) -> str:
        """Return a line a need: `module NAME`, `driver NAME`, `program NAME`.

        Of those with `client NAME` one will do, and one of those with `client6 NAME`; with `shutdown NAME` a program
        is needed to the end, and with `service NAME` as long as the root is mounted. `helpful NAME` is a kernel module
        that may be missing, `dracut NAME` a module of dracut. `plugin NAME` is a library that a service
        loads by itself, and `secret FILE` is for an image that nobody else can fetch.
        """
        needs = (
            ("module", self.modules), ("driver", self.drivers), ("program", self.programs),
            ("client", self.clients), ("client6", self.clients6), ("shutdown", self.shutdown),
            ("service", self.services), ("helpful", self.helpful), ("dracut", self.parts), ("plugin", self.plugins),
            ("secret", self.secrets),
        )  # fmt: skip
        return "".join(f"{kind} {name}\n" for kind, names in needs for name in names)

    def as_json(self) -> str:
        """Return one JSON document."""
        return json.dumps({"format": 1, **vars(self)}) + "\n"


def of(cluster: Cluster | None) -> Needs:
    """Return the needs of a cluster's root volumes and links; of every known filesystem for None."""
    if cluster is None:
        kinds, drivers, links = set(filesystems.known().values()), set[str](), set(LINK_MODULES.values())
        asked = {"dhcp", "dhcp6"}
        ways = set[Storage]()
    else:
        volumes = [volume for node in cluster.nodes for volume in node.volumes]
        kinds = {filesystems.find(fstype) for fstype in {volume.fstype for volume in volumes}}
        ways = {replace(node.storage, line=0) for node in cluster.nodes}
        nics = [nic for node in cluster.nodes for nic in node.nics if nic.onboot]
        drivers = {nic.driver for nic in nics if nic.driver}
        links = {LINK_MODULES[nic.kind] for nic in nics if nic.kind}
        asked = {one for nic in nics for one in nic.addresses if one.startswith("dhcp")}
    # af_packet: who has an address is asked in Ethernet frames.
    modules = {module for kind in kinds for module in kind.modules} | links | {"af_packet"}
    programs = {program for kind in kinds for program in kind.programs} | set(PROGRAMS)
    drivers |= {way.driver for way in ways if way.driver}
    iscsi = any(way.server for way in ways)
    if iscsi:
        modules |= set(storage.ISCSI_MODULES)
        programs |= set(storage.ISCSI_PROGRAMS)
    clients = CLIENTS[4] if "dhcp" in asked else ()
    clients6 = CLIENTS[6] if "dhcp6" in asked else ()
    shutdown = tuple(sorted({program for kind in kinds for program in kind.shutdown}))
    services = {program for kind in kinds for program in kind.services}
    more = [find(stack).needs(cluster) for stack in {kind.stack for kind in kinds if kind.stack}] if cluster else []
    services |= {program for one in more for program in one.services}
    return Needs(
        tuple(sorted(modules)),
        tuple(sorted(drivers)),
        tuple(sorted(programs)),
        clients,
        clients6,
        shutdown,
        tuple(sorted(services)),
        storage.ISCSI_HELPS if iscsi else (),
        ("multipath",) if any(way.multipath for way in ways) else (),
        tuple(sorted({file for one in more for file in one.plugins})),
        tuple(sorted({file for one in more for file in one.secrets})),
    )
