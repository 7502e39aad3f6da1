"""Cases with a root on a disk of the node's own: late, broken, not there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from tests.lab import disks, namespace
from tests.lab.lab import Lab
from tests.lab.machine import Disk
from tests.vm.case import UP, Booted
from tests.vm.networks import ADDRESS, FIRST, conf

LABEL = "LABEL=local-root"
EXT3 = conf(f'name="eth0" mac="{FIRST}" {ADDRESS}', root=LABEL, fstype="ext3", more=' shared="no"')
NOTHING = EXT3.replace("local-root", "nothing")
HOTPLUG = ("-device", "pcie-root-port,id=late-slot,chassis=1")
_FILE = "late.qcow2"


def late(lab: Lab) -> tuple[Disk, ...]:
    """The disk is made, and plugged later."""
    disks.throw_away(disks.disk(lab.tree, "local-root"), lab.directory / _FILE)
    return ()


def plug_late(booted: Booted) -> None:
    """Put the disk in when the node has waited for it for 20 s."""
    for _ in range(3):
        booted.node.console.wait_for(rf"waiting for the disk {LABEL}; disks here: none", UP)
    node: dict[str, Any] = {"node-name": "late", "driver": "qcow2", "file": {"driver": "file", "filename": _FILE}}
    booted.node.monitor.call("blockdev-add", **node)
    booted.node.monitor.call("device_add", driver="virtio-blk-pci", drive="late", bus="late-slot", id="late-disk")




def broken(*requests: str) -> Callable[[Lab], tuple[Disk, ...]]:
    """Return what makes a disk to which debugfs did these, and which then says of itself that it has errors."""

    def make(lab: Lab) -> tuple[Disk, ...]:
        path = lab.directory / "broken.raw"
        original = disks.disk(lab.tree, "local-root")
        subprocess.run(["cp", "--sparse=always", "--", str(original), str(path)], check=True)
        commands = "".join(f"{request}\n" for request in (*requests, "set_super_value state 2"))
        subprocess.run(
            ["debugfs", "-w", "-f", "-", str(path)],
            input=commands, text=True, check=True, capture_output=True, env={"PATH": namespace.SEARCH},
        )  # fmt: skip
        return (Disk(path, "raw"),)

    return make


def is_root(booted: Booted) -> None:
    """The agent mounted the disk, and bound the node's tree; nothing failed."""
    node = booted.node
    assert node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/vda", "ext3"]
    assert node.run("findmnt -n -o SOURCE /cdsl.local").strip() == "/dev/vda[/cluster/cdsl/1]"
    report = json.loads(node.run("cat /run/osr/report.json"))
    assert {stage["outcome"] for stage in report["stages"].values()} == {"finished"}
    assert node.run("systemctl --failed --no-legend --plain") == ""


def was_repaired(booted: Booted) -> None:
    """The report says what the check has repaired."""
    report = json.loads(booted.node.run("cat /run/osr/report.json"))
    (note,) = (op["note"] for op in report["stages"]["root"]["ops"] if op["describe"].startswith("check the file"))
    assert note.startswith("repaired: "), note
    assert "ref count is 5, should be 1.  FIXED." in note, note
