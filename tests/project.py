"""The project as the lab's machines get it: what `make install` brings, and images made of it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab import image
from tests.lab.tree import Suite, Tree, root_tree

TOP = Path(__file__).parents[1]
CLUSTER_CONF = "etc/cluster/cluster.conf"
FULL = ("-a", "osr osr-cluster")
STATIC = ("-a", "osr")
# Without systemd dracut 059 must be told which network back end to take: NetworkManager and networkd need systemd.
NO_SYSTEMD = ("-a", "network-legacy", "-o", "systemd systemd-initrd dracut-systemd")


def tree(suite: Suite) -> Tree:
    """Return the root tree of a Debian release, built if it is not there yet."""
    return root_tree(suite)


def tar(tree: Tree, files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a tar of the installed project and further files (path to content), to lay over a root tree."""
    with tempfile.TemporaryDirectory() as directory:
        # `make install` looks for the dracut that is installed there: its version decides about the numbers.
        modules = Path(directory) / "usr/lib/dracut/modules.d"
        if any((tree.root / "usr/lib/dracut/modules.d").glob("*initqueue")):
            (modules / "99initqueue").mkdir(parents=True)
        subprocess.run(["make", "-s", "install", f"DESTDIR={directory}"], cwd=TOP, check=True)
        if (modules / "99initqueue").is_dir():
            (modules / "99initqueue").rmdir()
        return image.pack(files or {}, directory=Path(directory))


def build(
    tree: Tree,
    arguments: tuple[str, ...] = FULL,
    *,
    cluster_conf: str = "",
    files: Mapping[str, bytes] | None = None,
    quick: bool = True,
) -> Path:
    """Build an image in the tree by dracut's own command, with this cluster.conf installed. Cached by content."""
    more = dict(files or {})
    if cluster_conf:
        more[CLUSTER_CONF] = cluster_conf.encode()
    return image.dracut(tree, arguments, overlay_tar=tar(tree, more), quick=quick)
