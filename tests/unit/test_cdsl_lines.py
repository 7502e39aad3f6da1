"""What `--dry-run` prints can be pasted: a shell that gets it leaves the tree that the command leaves."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import Change
from tests.unit.command import GOOD, cdsl, written

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp, bash

ODD = "it's a; $(file) -\n\x1b\\ é\udcff"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with modes and owners of its own, in a directory whose name has a blank."""
    files = dict.fromkeys(("srv/lib/x/file", "srv/log", "etc/hosts", "etc/ssl/private/key", f"etc/{ODD}/f"), "text\n")
    files |= {"etc/machine-id": "", "etc/nvme/hostid": "x\n", "var/log/journal/x/y": "lines\n"}
    root = written(tmp_path / "a root", files)
    modes = {"srv": 0o2750, "srv/lib": 0o1777, "etc/ssl/private": 0o700, "etc/ssl/private/key": 0o600, "etc/ssl": 0o711}
    for path, mode in modes.items():
        (root / path).chmod(mode)
    if os.getuid() == 0:
        for path in ("srv", "etc/ssl/private", "etc/ssl/private/key"):
            os.chown(root / path, 12, 34)
        (root / "srv").chmod(0o2750)
    (root / "srv/lib/up").symlink_to("../../etc/hosts")
    assert cdsl(root, "init", "--nodes", "2").status == 0
    return root


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return what is in a root, but for times and for what osr alone writes."""
    found: dict[str, tuple[object, ...]] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.name == ".osr-cdsl-lock" or name == inventories.PATH:
            continue
        status = path.lstat()
        held = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        mode = 0 if path.is_symlink() else stat.S_IMODE(status.st_mode)
        found[name] = (stat.S_IFMT(status.st_mode), mode, status.st_uid, status.st_gid, held)
    return found


def pasted(lines: str) -> None:
    """Paste what was printed into a shell, without the headlines."""
    script = "set -e\n" + "".join(line for line in lines.splitlines(keepends=True) if line.startswith("  "))
    said = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=False, cwd="/")
    assert (said.returncode, said.stderr) == (0, ""), said.stderr


WORDS = {
    "links": ("create", "--node", "1", "-a", "/srv", "-s", "/srv/lib", "-a", "/srv/lib/x", "-a", "/etc/ssl/private"),
    "binds": ("create", "--node", "1", "--style", "bind", "-a", "/srv", "-s", "/srv/lib", "-a", "/etc/ssl/private/key"),
    "odd": ("create", "-a", f"/etc/{ODD}", "--style", "bind"),
    "odder": ("create", "-a", f"/etc/{ODD}/f"),
    "identity": ("identity", "--node", "1", "--clusterconf", GOOD),
    "nodes": ("init", "--nodes", "4"),
    "names": ("set", "link", "own"),
}


@pytest.mark.parametrize("name", WORDS)
def test_what_is_printed_can_be_pasted(root: Path, name: str) -> None:
    other = root.with_name("other")
    said = cdsl(root, *WORDS[name], "--dry-run")
    assert (said.status, said.err) == (0, "")
    subprocess.run(["cp", "-a", str(root), str(other)], check=True)
    assert cdsl(other, *WORDS[name]).status == 0
    pasted(said.out)
    assert tree(root) == tree(other)


@pytest.mark.parametrize("style", ["link", "bind"])
def test_what_is_printed_of_a_removal_can_be_pasted(root: Path, style: str) -> None:
    words = ("--style", style, "--node", "1", "-a", "/srv", "-s", "/srv/lib", "-a", f"/etc/{ODD}")
    assert cdsl(root, "create", *words).status == 0
    other = root.with_name("other")
    subprocess.run(["cp", "-a", str(root), str(other)], check=True)
    removal = ("remove", "-R", "--from", "2", "/srv", f"/etc/{ODD}")
    said = cdsl(root, *removal, "--dry-run")
    assert cdsl(other, *removal).status == 0
    pasted(said.out)
    assert tree(root) == tree(other)


def test_notes_are_none_of_the_commands(root: Path) -> None:
    lines = cdsl(root, "create", "-a", "/srv/lib", "--dry-run").out.splitlines()
    assert lines[-1] == "  # /srv/lib/up led to ../../etc/hosts, and leads to /etc/hosts now"
    assert lines.count(f"  # then the inventory is written: '{root}/{inventories.PATH}'") == 1
    assert cdsl(root, "create", "-a", "/srv/lib").out.splitlines()[-1] == lines[-1].replace("# ", "")


def test_a_text_has_the_mode_and_the_end_that_it_is_to_have(tmp_path: Path) -> None:
    (tmp_path / "like").write_text("before\n")
    (tmp_path / "like").chmod(0o640)
    texts = (("0600", "a", ""), ("0604", "b", "b\n"), ("like", "c", "two\nlines\n"), ("like", "d", "no end"))
    lines = Change("x", texts=texts).lines(str(tmp_path), lambda path: "file")
    subprocess.run(["bash", "-e"], input="\n".join(lines), text=True, check=True)
    held = {path.name: (path.read_text(), stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()}
    assert held == {
        "like": ("before\n", 0o640), "a": ("", 0o600), "b": ("b\n", 0o604), "c": ("two\nlines\n", 0o640),
        "d": ("no end", 0o640),
    }  # fmt: skip
    shutil.rmtree(tmp_path)
