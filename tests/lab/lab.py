"""A laboratory: one server machine, the nodes that boot from it, and a run directory that goes when they go.

    with Lab() as lab:
        lab.server.install(project_tar)
        node1 = lab.node("node1", initrd)
        node1.wait_up()
        assert "nfs4" in node1.run("findmnt -n -o FSTYPE /")
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from . import accelerator, server
from .errors import LabError
from .machine import Disk, Link, Machine, Spec, end_all
from .tree import BOOKWORM, Suite, Tree, root_tree

MACS = {"node1": "52:54:00:77:00:01", "node2": "52:54:00:77:00:02"}
ADDRESSES = {"node1": "10.77.0.11", "node2": "10.77.0.12"}
NODE_MEMORY = 640


def cluster_conf(*, fstype: str = "nfs", root: str = f"{server.ADDRESS}:{server.SHARED_ROOT}") -> str:
    """The lab's cluster.conf, after the HowTo's: one line per element, so that a test may change one by text."""
    nodes = "".join(
        f"""    <clusternode name="{name}" nodeid="{number}" votes="1">
      <com_info>
        <rootvolume fstype="{fstype}" name="{root}"/>
        <eth name="eth0" mac="{MACS[name]}" ip="{ADDRESSES[name]}" mask="255.255.255.0" gateway="{server.ADDRESS}"/>
      </com_info>
    </clusternode>
"""
        for number, name in enumerate(MACS, start=1)
    )
    return f"""<?xml version="1.0"?>
<cluster config_version="1" name="lab">
  <clusternodes>
{nodes}  </clusternodes>
</cluster>
"""


class Lab:
    """Owns every machine that is started through it: when the block ends, they are gone, and so are their disks."""

    def __init__(self, *, suite: Suite = BOOKWORM, links: int = server.LINKS, booted_server: bool = False) -> None:
        """`suite` is that of the shared root and of the nodes' kernel; `links` how many the server has for nodes.

        With $OSR_LAB_KEEP set the run directory stays, with console logs and disks.
        """
        self.suite = suite
        self._link_count = links
        self._booted_server = booted_server
        self._machines: list[Machine] = []
        self._plugged: dict[str, Machine] = {}

    @property
    def tree(self) -> Tree:
        """The root tree of the nodes, for building their images."""
        return root_tree(self.suite)

    def __enter__(self) -> Lab:
        self.directory = Path(tempfile.mkdtemp(prefix="osr-lab-"))
        try:
            self.server = server.start(
                self.directory, suite=self.suite, count=self._link_count, booted=self._booted_server
            )
        except BaseException:
            self._tidy()
            raise
        self._machines.append(self.server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_all(self._machines)
        self._tidy()

    def _tidy(self) -> None:
        if not os.environ.get("OSR_LAB_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def node(
        self,
        name: str,
        initrd: Path | None,
        append: str = "",
        *,
        macs: Sequence[str] = (),
        card: str = Link.card,
        kernel: Path | None = None,
        memory: int = NODE_MEMORY,
        disks: Sequence[Disk] = (),
        uefi: bool = False,
        reboots: bool = False,
        extra: Sequence[str] = (),
    ) -> Machine:
        """Switch on a machine on the server's network. `append` is all of its kernel command line but the console.

        One link per MAC of `macs` (default: the one MAC of "node1" or "node2"). Without `initrd` it boots by PXE.
        A machine of the same name may be switched on again once the former has ended: that is the node's reboot.
        """
        cables = self._free(len(macs) or 1)
        pxe = initrd is None
        spec = Spec(
            name=name,
            kernel=None if pxe else (kernel or self.tree.kernel),
            initrd=initrd,
            append=append,
            memory=memory,
            links=tuple(Link(cable, mac, boot_rom=pxe, card=card) for cable, mac in zip(cables, macs or (MACS[name],))),
            disks=tuple(disks),
            uefi=uefi,
            reboots=reboots,
            extra=tuple(extra),
        )
        machine = Machine(spec, accelerator.accelerator(self.tree.kernel), self.directory)
        self._machines.append(machine)
        self._plugged.update(dict.fromkeys(cables, machine))
        return machine

    def _free(self, count: int) -> list[str]:
        """Names of `count` links of the server on which no machine runs."""
        free = [
            link.name
            for link in server.links(self._link_count)
            if link.name not in self._plugged or not self._plugged[link.name].running
        ]
        if len(free) < count:
            raise LabError(f"{count} links wanted, {len(free)} of {self._link_count} free", hint="ask for Lab(links=N)")
        return free[:count]
