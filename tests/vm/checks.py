"""What is looked at on booted nodes, by commands that an administrator would type."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.lab.lab import ADDRESSES, MACS
from tests.vm.case import Booted, Check

IDS = {"node1": 1, "node2": 2}


def status(booted: Booted, name: str) -> Any:
    """Return `osr status --json` of a node."""
    return json.loads(booted.nodes[name].run("osr status --json"))


def healthy(booted: Booted) -> None:
    """Every node knows who it is, has its own CDSL tree, reports every stage as done, and no unit has failed."""
    for name, node in booted.nodes.items():
        assert node.run("cat /proc/sys/kernel/hostname").strip() == name
        bound = node.run("findmnt -n -o SOURCE /cdsl.local").strip()
        assert bound.endswith(f"/cluster/cdsl/{IDS[name]}") or bound.endswith(f"[/cluster/cdsl/{IDS[name]}]"), bound
        report = status(booted, name)
        assert report["node"] == {"name": name, "id": IDS[name]}
        stages = {stage: outcome["outcome"] for stage, outcome in report["stages"].items()}
        assert set(stages.values()) == {"finished"}, stages
        assert f"node     {name} (id {IDS[name]}), because" in node.run("osr status")
        assert "done   " in node.run("osr explain")
        assert node.run("systemctl --failed --no-legend --plain") == ""


def every_stage(booted: Booted) -> None:
    """The full-featured initrd ran all six stages; none is missing."""
    for name in booted.nodes:
        assert list(status(booted, name)["stages"]) == ["plan", "network", "root", "cdsl", "handover", "shutdown"]


def no_parameters(booted: Booted) -> None:
    """The kernel command line has nothing of ours and nothing of dracut's."""
    words = booted.node.run("cat /proc/cmdline").split()
    assert not [word for word in words if word.startswith(("root", "ip=", "rd.", "nodeid", "rootf"))], words


def shared_and_private(booted: Booted) -> None:
    """What node 1 writes is on node 2, except below its own /var; /var/lib is shared again."""
    one, two = booted.nodes["node1"], booted.nodes["node2"]
    one.run("echo shared > /etc/osr-test; echo private > /var/osr-test; echo again > /var/lib/osr-test; sync")
    assert two.run("cat /etc/osr-test") == "shared\n"
    assert two.run("cat /var/lib/osr-test") == "again\n"
    assert two.run("test -e /var/osr-test && echo seen || echo not seen") == "not seen\n"
    assert one.run("cat /var/osr-test") == "private\n"


def tmp_is_spared(booted: Booted) -> None:
    """What a booting system removes from a /tmp of its own stays where the other node uses it."""
    one, two = booted.nodes["node1"], booted.nodes["node2"]
    one.run("touch /tmp/osr-test; mkdir -p /tmp/.X11-unix/osr-test /tmp/systemd-private-osr-test/tmp")
    two.run("systemd-tmpfiles --boot --remove --create --exclude-prefix=/dev", timeout=120)
    one.run("ls -d /tmp/osr-test /tmp/.X11-unix/osr-test /tmp/systemd-private-osr-test/tmp")


def two_identities(booted: Booted) -> None:
    """The server knows the nodes under two names, and goes on knowing them while both write for two lease times."""
    before = client_ids(booted)
    assert len(before) == len(booted.nodes), before
    load = (
        "for n in $(seq 90); do echo $n > /var/osr-load; sync; cat /etc/os-release > /dev/null; sleep 1; done; echo end"
    )
    for node in booted.nodes.values():
        node.run(f"systemd-run --unit=load sh -c '{load}'")
    for node in booted.nodes.values():
        node.run("while systemctl is-active -q load; do sleep 1; done", timeout=200)
        assert node.run("cat /var/osr-load") == "90\n"
    assert client_ids(booted) == before, "client identities changed under load: the nodes evict each other"


def client_ids(booted: Booted) -> list[str]:
    """Return the NFSv4 client ids of the server, sorted."""
    return sorted(booted.server.run("cat /proc/fs/nfsd/clients/*/info | sed -n 's/^clientid: //p'").split())


def version(wanted: str) -> Check:
    """Return a check of the negotiated NFS version, as reported and as mounted."""

    def check(booted: Booted) -> None:
        for name, node in booted.nodes.items():
            ops = status(booted, name)["stages"]["root"]["ops"]
            assert any(f"vers={wanted}" in op.get("note", "") for op in ops), ops
            assert f"vers={wanted}" in node.run("findmnt -n -o OPTIONS /")

    check.__doc__ = f"NFS version {wanted}"
    return check


def by(words: str) -> Check:
    """Return a check of the reason for the identity."""

    def check(booted: Booted) -> None:
        for name in booted.nodes:
            because = status(booted, name)["because"]
            assert words.format(mac=MACS[name]) in because, because

    return check


def note(stage: str, words: str) -> Check:
    """Return a check that an operation of a stage left a note with these words."""

    def check(booted: Booted) -> None:
        for name in booted.nodes:
            ops = status(booted, name)["stages"][stage]["ops"]
            assert any(words in op.get("note", "") for op in ops), ops

    return check


def console(*patterns: str) -> Check:
    """Return a check that the console showed these texts, in order."""

    def check(booted: Booted) -> None:
        text = booted.node.console.text
        for pattern in patterns:
            found = re.search(pattern, text)
            assert found, f"the console did not show {pattern!r}"
            text = text[found.end() :]

    return check


def address_stays(booted: Booted) -> None:
    """The root's link kept its one address through the whole start, and the managers know why."""
    for name, node in booted.nodes.items():
        shown = node.run("ip -4 -o address show dev eth0")
        assert f" {ADDRESSES[name]}/24 " in shown, shown
        assert len(shown.splitlines()) == 1, shown
        assert "default via" in node.run("ip route")


def command(script: str, output: str) -> Check:
    """Return a check that a script prints exactly this on every node."""

    def check(booted: Booted) -> None:
        for node in booted.nodes.values():
            said = node.run(script)
            assert said == output, said

    return check
