"""`make demo`: two machines boot from one writable NFS root that a third one serves, and show what they share."""

from __future__ import annotations

import json
import sys
import time

from tests import project
from tests.lab.errors import LabError
from tests.lab.lab import ADDRESSES, Lab, cluster_conf
from tests.lab.machine import Machine
from tests.lab.server import ADDRESS, SHARED_ROOT
from tests.lab.tree import BOOKWORM

NODES = ("node1", "node2")
COLUMNS = ("node", "because", "address", "root", "NFS", "CDSL", "switch_root", "shared write", "private write")


def main() -> int:
    """Show it. Returns 0 if everything was as it should be."""
    begin = time.monotonic()

    def say(text: str) -> None:
        print(f"demo: {time.monotonic() - begin:4.0f} s  {text}", flush=True)

    say("root tree, disks and image (minutes the first time, seconds later)")
    tree = project.tree(BOOKWORM)
    conf = cluster_conf()
    image = project.build(tree, project.FULL, cluster_conf=conf)
    size = image.stat().st_size / 2**20
    say(f'image of `dracut -f -a "osr osr-cluster"`: {size:.0f} MiB, one for both nodes, no kernel argument needed')
    with Lab() as lab:
        lab.server.install(project.tar(tree, {project.CLUSTER_CONF: conf.encode()}))
        say(f"server {ADDRESS} exports {SHARED_ROOT}, writable, by NFS")
        nodes = {name: lab.node(name, image) for name in NODES}
        say("node1 and node2 are switched on, both with this one image")
        for name, node in nodes.items():
            node.wait_up(400)
            say(f"{name} runs, as it says itself: {node.run('osr status').splitlines()[0]}")
        rows = [row(name, nodes) for name in NODES]
        say("what they are")
        show(rows)
        for name, node in nodes.items():
            say(f"{name} powered off in {node.poweroff():.0f} s, its root unmounted")
        clients = lab.server.clients()
    good = all(line[-1] == "not seen" and line[-2].startswith("seen") for line in rows) and not clients
    say("all is as it should be" if good else "something is not as it should be, see above")
    return 0 if good else 1


def row(name: str, nodes: dict[str, Machine]) -> tuple[str, ...]:
    """Return the table's row of a node, from its own commands and from the other's view."""
    node = nodes[name]
    other = nodes[next(each for each in NODES if each != name)]
    report = json.loads(node.run("osr status --json"))
    version = next(word for word in report["root"]["options"].split(",") if word.startswith("vers="))
    node.run(f"echo {name} > /root/shared-{name}; echo {name} > /var/tmp/private-{name}; sync")
    shared = other.run(f"cat /root/shared-{name} 2>/dev/null || echo not seen").strip()
    private = other.run(f"cat /var/tmp/private-{name} 2>/dev/null || echo not seen").strip()
    pivot = node.run("systemctl show -P UserspaceTimestampMonotonic").strip()  # when the new root's systemd began
    return (
        f"{node.run('hostname').strip()} (id {report['node']['id']})",
        report["because"].split(" of ")[0],
        next(word for word in node.run("ip -4 -o address show dev eth0").split() if word.startswith(ADDRESSES[name])),
        report["root"]["source"],
        version,
        node.run("findmnt -n -o SOURCE /cdsl.local").strip().removeprefix(report["root"]["source"]),
        f"{int(pivot) / 1e6:.1f} s" if pivot.isdigit() else "?",
        f"seen by {'node2' if name == 'node1' else 'node1'}" if shared == name else shared,
        "not seen" if private == "not seen" else f"SEEN: {private}",
    )


def show(rows: list[tuple[str, ...]]) -> None:
    """Print the table, a column as wide as its widest word."""
    table = [COLUMNS, *rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    for line in table:
        print("  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"demo: {error}")
