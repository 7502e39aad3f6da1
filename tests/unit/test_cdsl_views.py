"""`osr cdsl mount` and `umount`, and bind style where a node's view is mounted: by the kernel, in a mount namespace."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs  # mount, cp

TOP = Path(__file__).parents[2]
OSR = f"import sys; sys.path.insert(0, {str(TOP)!r}); import osr_boot.cli as c; sys.exit(c.main())"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in ("var/log", "srv/data/all", "etc/cluster", "proc", "sys", "dev"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "srv/data/who").write_text("everybody\n")
    said = run(tmp_path, "osr cdsl init --root . --nodes 2 && osr cdsl create --root . -a /var --node 1")
    assert said.returncode == 0, said.stderr
    return tmp_path


def run(root: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the root's directory, as root of a mount namespace of its own."""
    osr = f'osr() {{ {shlex.quote(sys.executable)} -I -c {shlex.quote(OSR)} "$@"; }}'
    begin = f"set -e; cd {shlex.quote(str(root))}\n{osr}\n"
    own = () if os.getuid() == 0 else ("--user", "--map-root-user")
    argv = ["unshare", "--mount", *own, "sh", "-c", begin + script]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)


def good(root: Path, script: str) -> str:
    said = run(root, script)
    assert (said.returncode, said.stderr) == (0, ""), said
    return said.stdout


def test_the_view_of_a_node_for_a_chroot(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("cannot be had here: /proc, /sys and /dev of the machine are its root user's to mount")
    good(root, "osr cdsl create --root . --style bind -a /srv/data --node 1; echo two > cluster/cdsl/2/srv/data/who")
    script = """
osr cdsl mount --root . --node 2 --chroot
cat srv/data/who
test cluster/cdsl/2/var -ef var/
test -e proc/self -a -d sys/kernel -a -c dev/null
osr cdsl mount --root . --node 2 --chroot
osr cdsl umount --root . > /dev/null
test ! -e proc/self -a ! -e srv/data/who
grep -c "$PWD/" /proc/self/mountinfo || true
"""
    assert good(root, script).splitlines() == [
        f"mount --bind --make-private {root}/cluster/cdsl/2 {root}/cdsl.local",
        f"mount --bind --make-private {root}/cluster/cdsl/2/srv/data {root}/srv/data",
        f"mount -t proc proc {root}/proc",
        f"mount -t sysfs sysfs {root}/sys",
        f"mount --rbind --make-rslave /dev {root}/dev",
        "two",
        "0",
    ]


def test_a_path_becomes_one_in_bind_style_and_is_plain_again_where_the_view_is_mounted(root: Path) -> None:
    script = """
osr cdsl mount --root . --node 1 --quiet
osr cdsl create --root . --style bind -a /srv/data -s /srv/data/all
echo mine > srv/data/who
echo ours > srv/data/all/who
cat cluster/cdsl/1/srv/data/who cluster/cdsl/2/srv/data/who cluster/shared/srv/data/all/who
osr cdsl remove --root . --dry-run /srv/data/all
osr cdsl remove --root . -R /srv/data
cat srv/data/who srv/data/all/who srv/data.2/who
osr cdsl check --root .
"""
    said = good(root, script).splitlines()
    assert said[:3] == ["make /srv/data host-dependent", "make /srv/data/all shared",
                        "bound here; on other nodes that run, `osr cdsl mount` does it"]  # fmt: skip
    assert said[3:6] == ["mine", "everybody", "ours"]
    assert said[6] == "give each node its own /srv/data/all"
    assert said[-3:] == ["mine", "ours", "everybody"]
    assert not list(root.glob("cluster/*/*/srv"))


BOUND = """
osr cdsl mount --root . --node 1 --quiet
osr cdsl create --root . --quiet --style bind -a /srv/data -s /srv/data/all
echo mine > srv/data/who
"""


def test_what_is_bound_stays_while_all_of_a_removal_is_tried(root: Path) -> None:
    script = """
mounted() { cut -d' ' -f1,4,5 /proc/self/mountinfo; }
before=$(mounted)
osr cdsl remove --root . -R /srv/data /nowhere || echo status $?
test "$before" = "$(mounted)"
cat srv/data/who
osr cdsl remove --root . -R /srv/data --from 2
cat srv/data/who srv/data.1/who
"""
    said = run(root, BOUND + script)
    assert said.stdout.splitlines() == [
        "status 1", "mine", "give each node its own /srv/data/all", "make /srv/data the same for all nodes",
        "everybody", "mine",
    ]  # fmt: skip
    assert said.stderr.startswith("osr: /nowhere is no CDSL\n")


def test_the_lines_of_a_removal_can_be_pasted_where_it_is_bound(root: Path) -> None:
    script = """
osr cdsl remove --root . --dry-run -R /srv/data --from 2 > lines
grep '^  ' lines | sh -e
cat srv/data/who srv/data.1/who
grep -c "$PWD/srv" /proc/self/mountinfo || true
grep -c umount lines
"""
    assert good(root, BOUND + script).splitlines() == ["everybody", "mine", "0", "2"]


def test_a_path_in_use_is_not_removed(root: Path) -> None:
    script = """
osr cdsl mount --root . --node 1 --quiet
osr cdsl create --root . --quiet --style bind -a /srv/data
exec 3< srv/data/who
osr cdsl remove --root . /srv/data || echo status $?
cat srv/data/who
"""
    said = run(root, script)
    assert said.stdout.splitlines() == ["status 1", "everybody"]
    assert f"umount {root}/srv/data: " in said.stderr
    assert "the programs that use it must end first" in said.stderr


def test_what_was_written_into_the_empty_place_is_not_thrown_away(root: Path) -> None:
    good(root, "osr cdsl create --root . --style bind -a /srv/data --node 1; echo lost > srv/data/found")
    said = run(root, "osr cdsl remove --root . --from 1 /srv/data")
    assert said.returncode == 1
    assert "/srv/data has something in it, written while nothing was bound over it" in said.stderr
    assert (root / "srv/data/found").read_text() == "lost\n"


def test_which_view_it_is_must_be_said(root: Path) -> None:
    for script, words in (
        ("osr cdsl mount --root .", "whose view? no node's tree is mounted here"),
        ("osr cdsl mount --root . --node 3", 'no node "3" has a tree'),
        ("osr cdsl mount --root . --node 1 --quiet; osr cdsl mount --root . --node 2", "node 1's tree is mounted here"),
        ("osr cdsl umount --root . /srv/data", f"nothing is mounted on {root}/srv/data"),
    ):
        said = run(root, script)
        assert (said.returncode != 0, words in said.stderr) == (True, True), said.stderr


def test_a_mount_in_what_moves_is_told(root: Path) -> None:
    script = "mkdir srv/data/fs; mount -t tmpfs tmpfs srv/data/fs; echo x > srv/data/fs/x; "
    said = good(root, f"{script} osr cdsl create --root . -a /srv/data --node 1")
    assert "/srv/data/fs has to be mounted again, where it is now" in said
    assert not (root / "cluster/cdsl/2/srv/data/fs/x").exists()
