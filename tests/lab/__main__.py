"""`python3 -m tests.lab`: the lab for a person who wants to look at a tree, an image or a running machine."""

from __future__ import annotations

import argparse
import os
import selectors
import shutil
import sys
import termios
import tty
from pathlib import Path

from . import cache, image, namespace, server
from .errors import LabError
from .lab import ADDRESSES, MACS, Lab
from .machine import Machine
from .tree import SUITES, root_tree

LEAVE = b"\x1d"  # Ctrl-], as telnet


def main() -> int:
    """Exit status 1 with a message and a hint where the lab cannot."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.lab", description=__doc__)
    parser.add_argument("--suite", choices=sorted(SUITES), default="bookworm", help="Debian release of the shared root")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("tree", help="build the root tree and both disks, print where the tree lies")
    build = commands.add_parser("build-image", help="run dracut in the tree: build-image OUT -- -a nfs")
    build.add_argument("output", type=Path)
    build.add_argument("arguments", nargs="+", help="dracut's own, after --")
    commands.add_parser("server", help="start the server machine, on its console until Ctrl-]")
    node = commands.add_parser("node", help="start the server and a plain dracut NFS root node, on the node's console")
    node.add_argument("--initrd", type=Path, help="boot this image")
    node.add_argument("--append", help="with this kernel command line instead of plain dracut's")
    node.add_argument("--name", choices=sorted(MACS), default="node1")
    commands.add_parser("clean", help="delete everything that the lab has cached")
    options = parser.parse_args()
    suite = SUITES[options.suite]
    try:
        if options.command == "tree":
            with Lab(suite=suite) as lab:
                print(lab.tree.root)
        elif options.command == "build-image":
            shutil.copyfile(image.dracut(root_tree(suite), options.arguments), options.output)
        elif options.command == "server":
            with Lab(suite=suite) as lab:
                attach(lab.server)
        elif options.command == "node":
            with Lab(suite=suite) as lab:
                initrd = options.initrd or image.dracut(lab.tree, ("--no-hostonly", "-a", "nfs"))
                if options.append is None:
                    lab.server.without_cdsl()
                    options.append = plain(options.name)
                attach(lab.node(options.name, initrd, options.append))
        else:
            namespace.remove(cache.directory())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def plain(name: str) -> str:
    """The kernel command line by which dracut alone boots node `name` from the shared root."""
    address = f"{ADDRESSES[name]}::{server.ADDRESS}:255.255.255.0:{name}:eth0:none"
    return f"root=nfs4:{server.ADDRESS}:{server.SHARED_ROOT} rw ifname=eth0:{MACS[name]} ip={address}"


def attach(machine: Machine) -> None:
    """Join the terminal and the machine's console until Ctrl-] or the machine's end. root has no password."""
    print(f"console of '{machine.name}', log in as root; leave with Ctrl-]", file=sys.stderr)
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal) if sys.stdin.isatty() else None
    if before:
        tty.setraw(terminal)
    shown = 0
    selector = selectors.DefaultSelector()
    selector.register(terminal, selectors.EVENT_READ)
    machine.console.send("\n")
    try:
        while machine.running:
            typed = os.read(terminal, 1024) if selector.select(0.05) else b""
            if LEAVE in typed:
                break
            if typed:
                machine.console.send(typed.decode("latin-1"))
            text = machine.console.raw[shown:]
            shown += len(text)
            os.write(sys.stdout.fileno(), text.encode("latin-1"))
    finally:
        if before:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)


if __name__ == "__main__":
    sys.exit(main())
