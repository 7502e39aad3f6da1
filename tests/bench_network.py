"""The part of `make bench` that is about the network: processes, and the time from a link to the first NFS packet.

`python3 -m tests.bench_network` prints these figures alone. Both of a pair are boots of one machine, whose card is
one that says when its link is up (virtio's never does); QEMU writes down what it sends, and a packet that the booted
system sends at a known time brings both clocks together.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import project
from tests.figures import Figure, figure
from tests.lab import image
from tests.lab.lab import Lab, cluster_conf
from tests.lab.machine import Machine
from tests.lab.tree import BOOKWORM

PLAIN = "root=nfs4:10.77.0.1:/srv/root rw ifname=eth0:52:54:00:77:00:01"
PLAIN += " ip=10.77.0.11::10.77.0.1:255.255.255.0:node1:eth0:none"
LEGACY = ("-a", "nfs network-legacy", "-o", "network-manager systemd-networkd")
MAGIC = b"osr bench: both clocks"
SENDER = f"""
import socket, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    print(time.clock_gettime(time.CLOCK_MONOTONIC))
    one.sendto({MAGIC!r}, ("10.77.0.1", 9))
    time.sleep(0.2)
"""
NFS = struct.pack(">H", 2049)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench_network", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    for one in figures(parser.parse_args().pairs):
        print(one.line(), flush=True)
    return 0


def figures(pairs: int) -> Iterator[Figure]:
    """Boot in turn ours, ours without asking for addresses, and dracut's network-legacy."""
    tree = project.tree(BOOKWORM)
    ours = project.build(tree, project.FULL, cluster_conf=cluster_conf())
    legacy = image.dracut(tree, LEGACY)
    kinds = {"ours": (ours, ""), "unasked": (ours, "rd.osr.probe=0"), "legacy": (legacy, PLAIN)}
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    programs: list[float] = []
    with Lab() as lab:
        lab.server.install(project.tar(tree))
        lab.server.without_cdsl()
        for number in range(pairs):
            for kind in kinds if number % 2 else reversed(kinds):
                file = f"{kind}-{number}.pcap"
                dump = ("-object", f"filter-dump,id=dump,netdev=link0,file={file}")
                node = lab.node("node1", *kinds[kind], card="e1000", extra=dump)
                node.wait_up(400)
                taken[kind].append(_seconds(node, lab.directory / file))
                if kind == "ours":
                    # The stage itself is a process too.
                    programs.append(1 + json.loads(node.run("osr status --json"))["stages"]["network"]["programs"])
                node.kill()
    yield figure("network: processes of the stage, one static link", programs, "", 3)
    for kind, what in (("ours", "ours"), ("unasked", "ours, addresses unasked"), ("legacy", "dracut's network-legacy")):
        yield figure(f"network: link up to first NFS packet, {what}", taken[kind], "s", None)
    ratios = [ours / legacy for ours, legacy in zip(taken["ours"], taken["legacy"])]
    yield figure("network: link up to first NFS packet, ours / network-legacy", ratios, "x", 1.0)


def _seconds(node: Machine, file: Path) -> float:
    """Return the time from the driver's word that the link is up to the first packet to the NFS server."""
    ready = float(node.run("dmesg | sed -n 's/^\\[ *\\([0-9.]*\\)\\].* NIC Link is Up .*/\\1/p' | head -1"))
    sent = [float(line) for line in node.run(f"python3 - <<'END'\n{SENDER}\nEND").split()]
    packets = list(_packets(file.read_bytes()))
    arrived = [when for when, packet in packets if MAGIC in packet]
    offset = min(one - other for one, other in zip(arrived, sent))
    # Ethernet, IPv4 without options, TCP: the port of its end stands at 36.
    first = next(when for when, packet in packets if packet[23:24] == b"\x06" and packet[36:38] == NFS)
    return first - offset - ready


def _packets(data: bytes) -> Iterator[tuple[float, bytes]]:
    """Yield (seconds, frame) of a file as QEMU's filter-dump writes it: pcap with microseconds."""
    at = 24
    while at + 16 <= len(data):
        seconds, micro, length = struct.unpack_from("<III", data, at)
        yield seconds + micro / 1e6, data[at + 16 : at + 16 + length]
        at += 16 + length


if __name__ == "__main__":
    sys.exit(main())
