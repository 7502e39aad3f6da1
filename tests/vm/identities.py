"""`osr cdsl identity` on machines: two nodes that are two machines, and stay the same ones."""

from __future__ import annotations

from tests.lab.server import SHARED_ROOT, Server
from tests.vm import scenes
from tests.vm.case import Booted
from tests.vm.checks import healthy

# What systemd asks for itself, and what it wrote down: of a machine id that is only in memory it would not be the same.
IDS = "cat /etc/machine-id; dbus-uuidgen --get 2> /dev/null || cat /etc/machine-id; systemd-id128 machine-id"


def different_machines(server: Server) -> None:
    """The shared root was installed once, with the identity of one machine; then its nodes got their own."""
    server.run(
        f"cd {SHARED_ROOT}/etc && echo 0123456789abcdef0123456789abcdef > machine-id && echo installed > hostname && "
        "mkdir -p iscsi && echo InitiatorName=iqn.1993-08.org.debian:01:abc > iscsi/initiatorname.iscsi && "
        f"chroot {SHARED_ROOT} osr cdsl identity",
        timeout=200,
    )


def are_different(booted: Booted) -> None:
    """Each node has its own id, name and initiator, no unit has failed, and a reboot changes none of it."""
    before = {name: _identity(booted, name) for name in booted.nodes}
    for values in zip(*before.values()):
        assert len(set(values)) == len(booted.nodes), before
    for name, node in booted.nodes.items():
        assert len(set(node.run(IDS).split())) == 1, "systemd goes by another machine id"
        assert node.run("findmnt -n -o SOURCE /etc/machine-id").strip() != ""
        assert node.run("cat /etc/hostname").strip() == name
    scenes.reboot(booted)
    healthy(booted)
    first = next(iter(before))
    assert _identity(booted, first) == before[first], "a reboot made another machine of it"


def _identity(booted: Booted, name: str) -> tuple[str, ...]:
    node = booted.nodes[name]
    files = ("/etc/machine-id", "/etc/hostname", "/etc/iscsi/initiatorname.iscsi")
    found = tuple(node.run(f"cat {file}").strip() for file in files)
    assert all(found), found
    return found
