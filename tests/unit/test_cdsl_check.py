"""`osr cdsl check`: every fault is found in every tree, and mended without losing anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.command import cdsl

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("installed\n")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("old\n")
    for words in (
        ("init", "--nodes", "2"),
        ("create", "-a", "/var"),
        ("create", "-s", "/var/lib"),
        ("create", "-a", "/etc/hosts"),
    ):
        assert cdsl(tmp_path, *words).status == 0
    return tmp_path


def replaced(root: Path) -> None:
    (root / "etc/hosts").unlink()
    (root / "etc/hosts").write_text("new\n")


def misled(root: Path) -> None:
    (root / "var").unlink()
    (root / "var").symlink_to("/elsewhere")


def climbing(root: Path) -> None:
    (root / "cluster/cdsl/2/var/lib").unlink()
    (root / "cluster/cdsl/2/var/lib").symlink_to("../../../../cluster/shared/var/lib")


def misled_detour(root: Path) -> None:
    (root / "cluster/cdsl/cluster/shared").unlink()
    (root / "cluster/cdsl/cluster/shared").symlink_to("/elsewhere")


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "link missing": (lambda root: (root / "etc/hosts").unlink(), "/etc/hosts: the link is missing"),
    "link of another node missing": (
        lambda root: (root / "cluster/cdsl/2/var/lib").unlink(), "/cluster/cdsl/2/var/lib: the link is missing"),
    "wrong target": (
        misled,
        "/var: leads to /elsewhere, not to cdsl.local/var"),
    "replaced by a file": (replaced, "/etc/hosts: the link has been replaced by a file"),
    "copy missing": (
        lambda root: (root / "cluster/cdsl/2/etc/hosts").unlink(), "/cluster/cdsl/2/etc/hosts: node 2 has no copy"),
    "template missing": (
        lambda root: (root / "cluster/cdsl/default/etc/hosts").unlink(),
        "/cluster/cdsl/default/etc/hosts: node default has no copy"),
    "link of the old tools": (
        climbing, "/cluster/cdsl/2/var/lib: leads to ../../../../cluster/shared/var/lib, which is right only where "
        "/.. is /: no service with a file system of its own sees it"),
    "detour missing": (
        lambda root: (root / "cluster/cdsl/cluster/shared").unlink(),
        "/cluster/cdsl/cluster/shared: is missing: links in the nodes' trees lead over it"),
    "detour missing with its directory": (
        lambda root: shutil.rmtree(root / "cluster/cdsl/cluster"),
        "/cluster/cdsl/cluster/shared: is missing: links in the nodes' trees lead over it"),
    "detour misled": (
        misled_detour, "/cluster/cdsl/cluster/shared: leads to /elsewhere, not to ../../../cluster/shared"),
    "layout": (lambda root: (root / "cdsl.local").rmdir(), "/cdsl.local: is missing"),
}  # fmt: skip


def test_nothing_to_say(root: Path) -> None:
    said = cdsl(root, "check")
    assert (said.status, said.out, said.err) == (0, "", "")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_mended(root: Path, name: str) -> None:
    spoil, words = FAULTS[name]
    spoil(root)
    said = cdsl(root, "check")
    assert said.status == 1
    assert said.out.startswith(f"{words}\n  ")
    assert len(said.out.splitlines()) == 2
    repaired = cdsl(root, "check", "--repair", "--node", "1")
    assert (repaired.status, repaired.err) == (0, "")
    assert cdsl(root, "check").out == ""


def test_what_replaced_a_link_becomes_the_nodes_own(root: Path) -> None:
    replaced(root)
    cdsl(root, "check", "--repair", "--node", "2")
    assert (root / "cluster/cdsl/2/etc/hosts").read_text() == "new\n"
    assert (root / "cluster/cdsl/2/etc/hosts.orig").read_text() == "old\n"
    assert (root / "cluster/cdsl/1/etc/hosts").read_text() == "old\n"
    assert os.readlink(root / "etc/hosts") == "../cdsl.local/etc/hosts"


def test_whose_it_is_is_not_guessed(root: Path) -> None:
    replaced(root)
    said = cdsl(root, "check", "--repair")
    assert said.status == 1
    assert (root / "etc/hosts").read_text() == "new\n"


def test_what_is_lost_is_said(root: Path) -> None:
    shutil.rmtree(root / "cluster/shared/var/lib")
    said = cdsl(root, "check", "--repair")
    assert said.status == 1
    assert "/cluster/shared/var/lib: what is shared is missing" in cdsl(root, "check").out


def test_many_faults_at_once(root: Path) -> None:
    for spoil in (FAULTS["link missing"][0], FAULTS["copy missing"][0], FAULTS["layout"][0]):
        spoil(root)
    assert len(cdsl(root, "check").out.splitlines()) == 6
    assert cdsl(root, "check", "--repair").status == 0
