"""`osr cdsl check`: every fault is found in every tree, and mended without losing anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.check import faults
from osr_boot.cdsl.disk import Disk
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


def lost(*paths: str) -> Callable[[Path], object]:
    """The inventory knows nothing of the paths any more, as an older one out of a backup would."""

    def forget(root: Path) -> None:
        file = root / inventories.PATH
        inventory = inventories.loads(file.read_text())
        for path in paths:
            inventory = inventory.without(path)
        file.write_text(inventories.dumps(inventory))

    return forget


def linked(place: str, says: str) -> Callable[[Path], object]:
    return lambda root: (root / place).symlink_to(says)


def gone(root: Path) -> None:
    """Nothing is left of /etc/hosts but the entry."""
    for path in ("etc/hosts", *(f"cluster/cdsl/{name}/etc/hosts" for name in ("1", "2", "default"))):
        (root / path).unlink()


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
    "not in the inventory": (
        lost("etc/hosts"),
        "/etc/hosts: leads to ../cdsl.local/etc/hosts, into the trees, and is no CDSL of the inventory"),
    "a new relative link that leads out": (
        linked("cluster/cdsl/1/var/mail", "../srv/mail"),
        "/cluster/cdsl/1/var/mail: the relative link ../srv/mail leads out of /var, and elsewhere than to /srv/mail"),
    "one deep in what is shared": (
        linked("cluster/shared/var/lib/dpkg/log", "../../log/dpkg"),
        "/cluster/shared/var/lib/dpkg/log: the relative link ../../log/dpkg leads out of /var/lib, "
        "and elsewhere than to /var/log/dpkg"),
    "an odd name": (
        linked("cluster/cdsl/2/var/-n \udcff", "../../run"),
        "/cluster/cdsl/2/var/-n \\udcff: the relative link ../../run leads out of /var, and elsewhere than to /run"),
    "entry without anything": (gone, "/etc/hosts: neither a link nor a copy is left"),
}  # fmt: skip
# What leads into the trees and is no CDSL: only a person knows what it is for.
UNKNOWN = {
    "by its own name": ("root/logs", "../cdsl.local/var/log"),
    "absolute": ("srv", "/cluster/shared/var"),
    "into the tree of one node": ("etc/motd", "/cluster/cdsl/2/etc/motd"),
    "like a CDSL without data": ("etc/motd", "../cdsl.local/etc/motd"),
    "shared in nothing": ("etc/motd", "../cluster/shared/etc/motd"),
    "in a node's tree, like one without data": ("cluster/cdsl/1/var/spool", "../../cluster/shared/var/spool"),
    "in a node's tree, around": ("cluster/cdsl/1/var/x", "../../cdsl.local/var/y"),
    "in the shared tree": ("cluster/shared/var/lib/x", "../../../../cdsl.local/var/log"),
}
# What is nothing to speak of.
HARMLESS = {
    "to a path": ("etc/log", "/var/log"),
    "to a neighbour": ("cluster/cdsl/1/var/a", "lib/b"),
    "to a neighbour, over the top": ("cluster/cdsl/1/var/log/a", "../lib/b"),
    "among what is shared": ("cluster/shared/var/lib/a", "dpkg/../b"),
    "to a directory of the layout itself": ("trees", "cluster/cdsl"),
    "to a name that only begins so": ("here", "cluster/shared-by-all/x"),
    "in a tree that is no node's": ("cluster/cdsl/9", "1"),
}


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
    for words in (("--repair",), ("--repair", "--dry-run"), ()):
        said = cdsl(root, "check", *words)
        assert said.status == 1
        assert "/cluster/shared/var/lib: what is shared is missing" in said.out


def test_a_dry_run_of_a_repair_says_once_what_it_would_mend(root: Path) -> None:
    lost("etc/hosts")(root)
    said = cdsl(root, "check", "--repair", "--dry-run")
    written = f"  # then the inventory is written: {root}/cluster/cdsl_inventory.json\n"
    assert (said.status, said.out) == (1, f"register /etc/hosts as host-dependent again\n{written}")


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_link_into_the_trees_is_left_to_a_person(root: Path, name: str) -> None:
    place, says = UNKNOWN[name]
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(says)
    said = cdsl(root, "check")
    assert said.out.splitlines() == [
        f"/{place}: leads to {says}, into the trees, and is no CDSL of the inventory",
        "  remove it; or put what it leads to in its place, and `osr cdsl create`",
    ]
    assert cdsl(root, "check", "--repair").status == 1
    assert os.readlink(root / place) == says


@pytest.mark.parametrize("name", HARMLESS)
def test_not_every_link_is_a_fault(root: Path, name: str) -> None:
    place, says = HARMLESS[name]
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(says)
    assert cdsl(root, "check").out == ""


def test_what_is_lost_from_the_inventory_is_told_for_every_tree_and_registered_once(root: Path) -> None:
    lost("var", "var/lib", "etc/hosts")(root)
    places = [line.split(":")[0] for line in cdsl(root, "check").out.splitlines()[::2]]
    assert places == [
        "/cluster/cdsl/1/var/lib", "/cluster/cdsl/2/var/lib", "/cluster/cdsl/default/var/lib", "/etc/hosts", "/var",
    ]  # fmt: skip
    said = cdsl(root, "check", "--repair")
    assert said.out.splitlines() == [
        "register /etc/hosts as host-dependent again and 1 more",
        "register /var/lib as shared again",
    ]
    assert cdsl(root, "list").out.count("\n") == 3
    assert cdsl(root, "check").status == 0


def test_an_absolute_link_takes_the_place_of_one_that_leads_out(root: Path) -> None:
    linked("cluster/cdsl/1/var/mail", "../srv/mail")(root)
    assert cdsl(root, "check").out.splitlines()[1] == "  ln -sfn /srv/mail /cluster/cdsl/1/var/mail"
    cdsl(root, "check", "--repair")
    assert os.readlink(root / "cluster/cdsl/1/var/mail") == "/srv/mail"


def test_in_bind_style_a_link_may_lead_out(root: Path) -> None:
    (root / "srv").mkdir()
    assert cdsl(root, "create", "-a", "/srv", "--style", "bind").status == 0
    linked("cluster/cdsl/1/srv/mail", "../var/mail")(root)
    assert cdsl(root, "check").out == ""


@pytest.mark.parametrize("words", [["--quick"], ["/var"]])
def test_without_the_walk_nothing_is_said_of_other_links(root: Path, words: list[str]) -> None:
    lost("etc/hosts")(root)
    linked("cluster/cdsl/1/var/mail", "../srv/mail")(root)
    assert cdsl(root, "check", *words).out == ""


def test_an_entry_is_not_struck_out_where_a_tree_is_away(root: Path) -> None:
    gone(root)
    shutil.rmtree(root / "cluster/cdsl/2")
    assert "/etc/hosts: neither a link nor a copy is left" in cdsl(root, "check").out
    inventory = inventories.loads((root / inventories.PATH).read_text())
    found = [fault for fault in faults(inventory, Disk(str(root)), walk=True) if fault.path == "etc/hosts"]
    assert [fault.change for fault in found] == [None]


def test_links_of_a_node_that_was_removed_are_nobodys(root: Path) -> None:
    assert cdsl(root, "node-remove", "2").status == 0
    assert cdsl(root, "check").out == ""


def test_a_link_is_not_looked_at_twice_where_a_tree_is_mounted(root: Path) -> None:
    linked("cluster/cdsl/1/var/mail", "../srv/mail")(root)
    (root / "cdsl.local").rmdir()
    shutil.copytree(root / "cluster/cdsl/1", root / "cdsl.local", symlinks=True)  # as a bind mount shows it
    assert len(cdsl(root, "check").out.splitlines()) == 2


def test_the_root_may_be_named_by_a_link(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    lost("etc/hosts")(root)
    name = tmp_path_factory.mktemp("other") / "link"
    name.symlink_to(root)
    assert cdsl(name, "check").out.startswith("/etc/hosts: leads to ../cdsl.local/etc/hosts, into the trees")


def test_the_walk_leaves_out_what_goes_away_and_what_it_is_not_to_enter(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").symlink_to("y")

    def enter(path: str) -> bool:
        if path == "b":
            shutil.rmtree(tmp_path / "b")
        return True

    assert sorted(Disk(str(tmp_path)).walk(enter)) == [
        ("a", "directory", ""),
        ("a/x", "link", "y"),
        ("b", "directory", ""),
    ]
    assert ("a/x", "link", "y") not in Disk(str(tmp_path)).walk(lambda path: False)


def test_what_was_interrupted_is_a_fault_until_a_repair_which_begins_with_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as here:
        here.setattr(Disk, "rename", interrupted)  # the first step behind the record
        assert cdsl(root, "remove", "--from", "1", "/var/lib").status == 1
    said = cdsl(root, "check")
    assert (said.status, said.out) == (
        1,
        "/.osr-cdsl-journal.json: a change has not been ended: give each node its own /var/lib\n"
        "  `osr cdsl recover` finishes or undoes it, or says who is just doing it\n",
    )
    said = cdsl(root, "check", "--repair")
    assert (said.status, said.err) == (0, "osr: an interrupted change was finished: give each node its own /var/lib\n")
    assert "/var/lib" not in cdsl(root, "list").out
    assert (root / "cluster/cdsl/2/var/lib/dpkg/status").read_text() == "installed\n"


def test_many_faults_at_once(root: Path) -> None:
    for spoil in (FAULTS["link missing"][0], FAULTS["copy missing"][0], FAULTS["layout"][0]):
        spoil(root)
    assert len(cdsl(root, "check").out.splitlines()) == 6
    assert cdsl(root, "check", "--repair").status == 0
