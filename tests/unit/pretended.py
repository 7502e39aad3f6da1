"""A machine that boots, pretended: what a test of a stage needs to look at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from osr_boot import boot, compiled, facts
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed
from osr_boot.model import Cluster, Facts, Link, Nic, Node, Volume

MAC1, MAC2, STRANGER = (f"52:54:00:00:00:{last}" for last in ("01", "02", "99"))
SERVER = "10.0.0.1:/srv/root"


def node(number: int, mac: str, *, root: str = SERVER) -> Node:
    nic = Nic("eth0", mac, f"10.0.0.1{number}/24", gateway="10.0.0.1", line=10 * number + 3)
    return Node(f"node{number}", number, (nic,), Volume(root, "nfs4"), line=10 * number)


CLUSTER = Cluster("demo", 3, (node(1, MAC1), node(2, MAC2)), source="/etc/cluster/cluster.conf")
MOUNTS = f"{SERVER} /sysroot nfs4 rw,relatime,vers=4.2,hard 0 0\n"
ROOT = {f"/sysroot/{name}/": "" for name in ("proc", "sys", "dev", "run", "etc", "cdsl.local", "cluster/cdsl/1")}


class Machine(Dry):
    """A pretended machine that counts as the real one does."""

    programs = 0
    away = 0.0

    def again(self, *, debug: bool = False) -> Machine:
        """A new process on the same machine."""
        self.programs, self.away = 0, 0.0
        return self

    def run(self, argv: Any, *, input: str = "", timeout: float = 30, root: str = "/") -> str:
        self.programs += 1
        return super().run(argv, input=input, timeout=timeout, root=root)

    def pause(self, seconds: float) -> None:
        self.away += seconds
        super().pause(seconds)
        assert self.clock < 3600, "somebody waits beyond every deadline"


@dataclass
class Boot:
    """A machine 20 s after power-on, and what it has for links."""

    machine: Machine
    links: list[Link] = field(default_factory=list)

    def stage(self, *words: str, debug: bool = False) -> int:
        return boot.main(list(words), debug=debug)

    @property
    def report(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.machine.files["/run/osr/report.json"])
        return value

    @property
    def plan(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.machine.files["/run/osr/plan.json"])
        return value

    def last_screen(self) -> list[str]:
        """Return the last screen without its frame; nothing may be said after it."""
        frame = "=" * 100
        assert self.machine.said[-1] == frame
        begin = self.machine.said.index(frame)
        assert self.machine.said[begin + 1] == "Open Sharedroot: this boot cannot go on"
        return self.machine.said[begin + 2 : -1]

    def part(self, title: str) -> str:
        """Return a part of the last screen, its lines joined."""
        found: list[str] = []
        for line in self.last_screen():
            here = line[2:8].strip() or (title if found else "")
            if here == title:
                found.append(line[8:])
            elif found:
                break
        return "\n".join(found)


def full_featured(monkeypatch: pytest.MonkeyPatch) -> Boot:
    """A full-featured initrd on node 1."""
    text = compiled.dump(CLUSTER)
    machine = Machine({"/proc/cmdline": "quiet\n", "/etc/osr/cluster.json": text, "/proc/self/mounts": ""})
    machine.clock = 20.0
    machine.files |= {"/sys/class/net/eth0/address": f"{MAC1}\n", "/sys/class/net/eth0/carrier": "1\n"}
    here = Boot(machine, [Link("eth0", MAC1)])
    monkeypatch.setattr(boot, "Linux", machine.again)
    monkeypatch.setattr(facts, "gather", lambda: Facts(tuple(here.links)))
    return here


def static_initrd(monkeypatch: pytest.MonkeyPatch) -> Boot:
    """A static initrd whose root dracut has mounted."""
    full = full_featured(monkeypatch)
    del full.machine.files["/etc/osr/cluster.json"]
    full.machine.files["/proc/cmdline"] = f"root=nfs4:{SERVER} rw\n"
    full.machine.files |= {"/proc/self/mounts": MOUNTS, **ROOT}
    return full


def refused(words: str, status: int = 32) -> CommandFailed:
    return CommandFailed(f"mount: {words}", status=status, output=f"mount.nfs: {words}")
