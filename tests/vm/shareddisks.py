"""Cases with a root that several nodes mount at once from one disk."""

from __future__ import annotations

from tests import project
from tests.lab import shared_disk
from tests.lab.lab import Lab, cluster_conf
from tests.lab.machine import Disk
from tests.vm.case import Booted

ROOT = f"LABEL={shared_disk.LABEL}"
OCFS2 = cluster_conf(fstype="ocfs2", root=ROOT)


def ocfs2(lab: Lab) -> tuple[Disk, ...]:
    """One OCFS2 for all nodes, and what is to be installed on it."""
    tar = lab.directory / "project.tar"
    tar.write_bytes(project.tar(lab.tree, {project.CLUSTER_CONF: OCFS2.encode()}))
    with tar.open("ab") as file:
        file.truncate(-(-file.tell() // (1 << 20)) << 20)
    return (
        shared_disk.copy(shared_disk.ocfs2(lab.tree), lab.directory / "shared.raw"),
        Disk(tar, "raw", shared=True),
    )


def installed(booted: Booted) -> None:
    """The first node installs the project for all of them."""
    booted.node.run("tar --extract --no-same-owner --keep-directory-symlink -C / < /dev/vdb; sync", timeout=120)


def are_mounted(booted: Booted) -> None:
    """Every node has the one disk as its root, with its own slot."""
    for node in booted.nodes.values():
        assert node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/vda", "ocfs2"]
    slots = booted.node.run("cat /sys/fs/ocfs2/cluster_stack; ls /sys/kernel/config/cluster/lab/node").split()
    assert slots == ["o2cb", *sorted(booted.nodes)], slots
