"""What a VM case is: an image, a kernel command line, what is changed before, and what must be seen.

A case that boots ends with an orderly power-off, which is part of what is shown. A case that must not boot waits for
its console texts in order, and then makes sure that no system came up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import project
from tests.lab.errors import GuestSilent
from tests.lab.lab import Lab, cluster_conf
from tests.lab.machine import Disk, Machine
from tests.lab.server import Server
from tests.lab.tree import BOOKWORM, Suite

# Seconds after which a power-off counts as hanging (the table has what it took): systemd waits 90 s for what hangs.
POWEROFF = 60.0
UP = 300.0
SAID = 240.0
GAVE_UP = "Refusing to continue"  # dracut's word


@dataclass
class Booted:
    """The machines of a running case, for its checks."""

    lab: Lab
    case: Case
    nodes: dict[str, Machine]

    @property
    def node(self) -> Machine:
        """The first node."""
        return next(iter(self.nodes.values()))

    @property
    def server(self) -> Server:
        """The NFS server."""
        return self.lab.server


Check = Callable[[Booted], None]


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    shows: str
    image: tuple[str, ...] = project.FULL
    conf: str = field(default_factory=cluster_conf)
    """cluster.conf in the image and on the shared root; empty for none"""
    appended: Callable[[str], bytes] | None = None
    """makes of cluster.conf a small archive behind the image, as a boot loader appends one: its files win"""
    image_conf: str = ""
    """cluster.conf of the image, where it is another than the root's"""
    extra: Callable[[str], tuple[str, ...]] | tuple[str, ...] = ()
    """further words for QEMU, or what makes them of a node's name"""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """installed beside the project, in the image's tree and on a shared disk: path to content"""
    append: str = ""
    nodes: tuple[str, ...] = ("node1",)
    macs: tuple[str, ...] = ()
    prepare: tuple[Callable[[Server], None], ...] = ()
    during: Check | None = None
    """what is done while the nodes boot"""
    checks: tuple[Check, ...] = ()
    refuses: tuple[str, ...] = ()
    """regular expressions that the console must show, in order, of a boot that must not succeed"""
    core: bool = False
    uefi: bool = False
    reboots: bool = False
    osr: bool = True
    """False: no clean shutdown is asked of it, since the boot has no part of ours, or the case says why"""
    suite: Suite = BOOKWORM
    disks: Callable[[Lab], tuple[Disk, ...]] | None = None


def image_of(case: Case) -> Path:
    """Return the image of a case, built if it is not there yet."""
    conf = case.image_conf or case.conf
    return project.build(project.tree(case.suite), case.image, cluster_conf=conf, files=case.files)


def switch_on(lab: Lab, case: Case, name: str, image: Path, disks: tuple[Disk, ...]) -> Machine:
    """Switch on a node of a case."""
    extra = case.extra(name) if callable(case.extra) else case.extra
    return lab.node(
        name, image, case.append, macs=case.macs, uefi=case.uefi, reboots=case.reboots, disks=disks, extra=extra
    )


def _with_archive(image: Path, case: Case, directory: Path) -> Path:
    """Return the image with the case's archive behind it."""
    if not case.appended:
        return image
    archive = case.appended(case.conf)
    whole = directory / "with-archive.img"
    image_bytes = image.read_bytes()
    padding = b"\0" * (-len(image_bytes) % 4)  # the kernel looks for an archive at multiples of four bytes only
    whole.write_bytes(image_bytes + padding + archive)
    return whole


def run(case: Case) -> dict[str, float]:
    """Run a case. Returns seconds by what took them; raises what went wrong."""
    image = image_of(case)
    tree = project.tree(case.suite)
    with Lab(suite=case.suite) as lab:
        files = {project.CLUSTER_CONF: case.conf.encode()} if case.conf else {}
        lab.server.install(project.tar(tree, files))
        for prepare in case.prepare:
            prepare(lab.server)
        begin = time.monotonic()
        disks = case.disks(lab) if case.disks else ()
        image = _with_archive(image, case, lab.directory)
        nodes = {name: switch_on(lab, case, name, image, disks) for name in case.nodes}
        booted = Booted(lab, case, nodes)
        if case.during:
            case.during(booted)
        if case.refuses:
            _must_refuse(booted)
            return {"refused": time.monotonic() - begin}
        for name in nodes:
            _wait_up(booted, name)
        times = {"up": time.monotonic() - begin}
        for check in case.checks:
            check(booted)
        times["checked"] = time.monotonic() - begin
        if case.osr:
            times["off"] = max(must_power_off(booted, name) for name in nodes)
        return times


def _wait_up(booted: Booted, name: str) -> None:
    """Wait until a node is up, but no longer for one that has given up."""
    node = booted.nodes[name]
    while True:
        try:
            node.wait_up(20)
            return
        except GuestSilent:
            if node.age > UP or not node.running or GAVE_UP in node.console.text:
                raise


def _must_refuse(booted: Booted) -> None:
    console = booted.node.console
    for pattern in booted.case.refuses:
        console.wait_for(pattern, SAID)
    for check in booted.case.checks:
        check(booted)
    debug = "rd.osr.debug" in booted.case.append
    assert debug == ("Traceback (most recent call last)" in console.text), "a traceback, or with rd.osr.debug none"
    try:
        booted.node.wait_up(3)
    except GuestSilent:
        return
    raise AssertionError("the system came up, and must not have")


def must_power_off(booted: Booted, name: str) -> float:
    """Power a node off and see that its root was unmounted and that the server has forgotten it."""
    node = booted.nodes[name]
    if not node.running:
        return 0.0
    seconds = node.poweroff()
    text = node.console.text
    assert "Unmounted /oldroot." in text, "the root was not unmounted"
    assert "Cannot umount" not in text, "something held the root"
    assert "Failed unmounting" not in text, "the console shows failed unmounting"
    assert "status=9/KILL" not in text, "something was killed"
    assert not any(name in client for client in booted.server.clients()), "the server still has state of the node"
    assert seconds < POWEROFF, f"power-off took {seconds:.0f} s"
    return seconds
