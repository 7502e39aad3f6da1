"""The words of `osr cdsl` about nodes, settings, old inventories and single CDSLs; paths as people type them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl import oldxml, paths, session
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.layout import HOSTDEPENDENT, SHARED, Cdsl, Layout
from tests.unit.command import GOOD, Said, cdsl, written
from tests.unit.test_cdsl_inventory import OLD_1, OLD_2

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with CDSLs for two nodes."""
    paths = ("var/lib/dpkg/status", "etc/sysconfig/network", "etc/hosts", "etc/motd")
    root = written(tmp_path / "root", dict.fromkeys(paths, "installed\n"))
    cdsl(root, "init", "--nodes", "2")
    cdsl(root, "create", "-a", "/var", "-s", "/var/lib", "-a", "/etc/sysconfig/network")
    return root


def good(root: Path, *words: str) -> str:
    said = cdsl(root, *words)
    assert said.status == 0, said.err
    return said.out


def inventory(root: Path) -> Inventory:
    return inventories.loads((root / inventories.PATH).read_text())


# --- paths


def test_words_are_paths_and_nodes() -> None:
    known = ("1", "2", "ten")
    assert list(paths.asked(["/var", "1", "ten"], known)) == [("/var", ("1", "ten"))]
    assert list(paths.asked(["/a", "/b", "2", "c/d", "e"], known)) == [
        ("/a", ()), ("/b", ("2",)), ("c/d", ()), ("e", ()),
    ]  # fmt: skip
    assert list(paths.asked(["1", "2", "3"], known)) == [("1", ("2",)), ("3", ())]
    assert list(paths.asked(["/a", "2", "1", "2"], known)) == [("/a", ("2", "1"))]


INNER = Inventory(
    Layout(), ("1",),
    (Cdsl("var", HOSTDEPENDENT), Cdsl("var/lib", SHARED), Cdsl("var/lib/foo", HOSTDEPENDENT)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("there", "meant"),
    [
        ("var/log", "var/log"),
        ("cdsl.local/var", "var"),
        ("cdsl.local/var/log", "var/log"),
        ("cluster/cdsl/1/var/log", "var/log"),
        ("cluster/cdsl/default/var", "var"),
        ("cluster/cdsl/9/var", "cluster/cdsl/9/var"),
        ("cluster/shared/var/lib/dpkg", "var/lib/dpkg"),
        ("cdsl.local/var/.cdsl.lib/foo/x", "var/lib/foo/x"),
        ("cluster/cdsl/1/etc", "cluster/cdsl/1/etc"),
        ("cdsl.local/variety", "cdsl.local/variety"),
    ],
)
def test_a_place_in_the_trees_means_the_path(there: str, meant: str) -> None:
    assert paths.named(there, INNER) == meant


def test_paths_from_the_current_directory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "etc")
    good(root, "create", "-a", "hosts")
    monkeypatch.chdir(root / "cluster/cdsl/1/var")
    (root / "cluster/shared/var/lib/x").mkdir()
    good(root, "create", "-a", "lib/x")
    monkeypatch.chdir("/")
    good(root, "create", "-a", "etc/motd")
    assert [cdsl.path for cdsl in inventory(root).cdsls][:2] == ["etc/hosts", "etc/motd"]
    assert inventory(root).find("var/lib/x")


def test_a_resolved_path_is_taken_as_it_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "etc")
    assert "/hosts is not there" in cdsl(root, "create", "-S", "-a", "hosts").err
    assert "/cdsl.local/var is no CDSL" in cdsl(root, "show", "--resolved", "/cdsl.local/var").err
    assert good(root, "show", "/cdsl.local/var").startswith("/var\n")


def test_a_filesystem_with_cdsls_of_its_own(root: Path) -> None:
    (root / "srv/data/x").mkdir(parents=True)
    good(root, "init", "--mountpoint", "/srv", "--nodes", "2")
    good(root, "create", "--mountpoint", "/srv", "-a", "/srv/data")
    assert os.readlink(root / "srv/data") == "cdsl.local/data"
    assert (root / "srv/cluster/cdsl/2/data/x").is_dir()
    assert inventory(root).find("srv/data") is None


# --- several at once


def test_create_for_some_nodes(root: Path) -> None:
    good(root, "create", "-a", "/etc/hosts", "2", "/etc/motd")
    assert inventory(root).find("etc/hosts") == Cdsl(
        "etc/hosts", HOSTDEPENDENT, nodes=("2",), time=inventory(root).find("etc/hosts").time  # type: ignore[union-attr]
    )  # fmt: skip
    here = {path.parent.parent.name for path in root.glob("cluster/cdsl/*/etc/hosts")}
    assert here == {"2", "default"}
    assert {path.parent.parent.name for path in root.glob("cluster/cdsl/*/etc/motd")} == {"1", "2", "default"}


SEQUENCES = {
    "nested": (
        ("create", "--verbose", "--node", "1", "-a", "/srv", "-s", "/srv/lib", "-a", "/srv/lib/x", "-a", "/etc/hosts"),
    ),
    "bound": (
        ("create", "--verbose", "--node", "1", "--style", "bind", "-a", "/srv", "-s", "/srv/lib", "-a", "/etc/hosts"),
    ),
    "removed": (("remove", "--verbose", "-R", "/var", "/etc/sysconfig/network", "--from", "1"),),
    "again": (
        ("remove", "--verbose", "/etc/sysconfig/network"),
        ("create", "--verbose", "-a", "/etc/sysconfig/network"),
    ),
    "identity": (("identity", "--verbose", "--node", "1", "--clusterconf", GOOD),),
    "more nodes": (("set", "--verbose", "maxnodeidnum", "4"),),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_dry_run_says_what_would_be_done_and_does_nothing(root: Path, name: str) -> None:
    (root / "srv/lib/x").mkdir(parents=True)
    (root / "srv/lib/up").symlink_to("../../etc/hosts")
    (root / "etc/hosts").write_text("127.0.0.1\n")
    for words in SEQUENCES[name]:
        before = {path: path.lstat().st_ctime_ns for path in root.rglob("*")}
        pretended = cdsl(root, *words, "--dry-run")
        assert before == {path: path.lstat().st_ctime_ns for path in root.rglob("*")}
        done = cdsl(root, *words)
        assert (done.status, done.err) == (0, "")
        assert pretended == done


def test_a_dry_run_tells_what_would_be_recovered(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        here.setattr(Disk, "rename", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        assert cdsl(root, "create", "-a", "/etc/hosts").status == 1
    said = cdsl(root, "remove", "/etc/hosts", "--dry-run")
    assert said.err == "osr: an interrupted change would first be finished: make /etc/hosts host-dependent\n"
    assert said.status == 0
    assert not (root / "etc/hosts").is_symlink()


def test_remove_several(root: Path) -> None:
    good(root, "remove", "-R", "/var", "/etc/sysconfig/network", "--from", "1")
    assert not inventory(root).cdsls
    assert (root / "var/lib/dpkg/status").read_text() == "installed\n"
    assert (root / "etc/sysconfig/network.2").is_file()


def test_remove_needs_no_node_where_all_copies_are_the_same(root: Path) -> None:
    good(root, "remove", "/etc/sysconfig/network")
    assert (root / "etc/sysconfig/network").read_text() == "installed\n"


def test_remove_and_throw_the_other_copies_away(root: Path) -> None:
    (root / "cluster/cdsl/2/etc/sysconfig/network").write_text("other\n")
    good(root, "remove", "--delete", "--from", "2", "/etc/sysconfig/network")
    assert sorted(path.name for path in (root / "etc/sysconfig").iterdir()) == ["network"]
    assert (root / "etc/sysconfig/network").read_text() == "other\n"
    assert not list(root.glob("cluster/cdsl/*/etc"))


def test_a_name_that_ends_like_a_node_is_no_other_copy(root: Path) -> None:
    (root / "etc/hosts.1").write_text("mine\n")
    good(root, "create", "-a", "/etc/hosts.1")
    good(root, "remove", "--delete", "--from", "1", "/etc/hosts.1")
    assert (root / "etc/hosts.1").read_text() == "mine\n"


def test_remove_of_what_is_broken(root: Path) -> None:
    (root / "cluster/cdsl/1/etc/sysconfig/network").unlink()
    assert "node 1 has no copy" in cdsl(root, "remove", "--from", "1", "/etc/sysconfig/network").err
    good(root, "remove", "--force", "/etc/sysconfig/network")
    assert (root / "etc/sysconfig/network").read_text() == "installed\n"
    shutil.rmtree(root / "cluster/shared/var/lib")
    assert cdsl(root, "remove", "/var/lib").status == 1
    good(root, "remove", "--force", "/var/lib")
    assert not os.path.lexists(root / "cluster/cdsl/1/var/lib")


def test_remove_never_takes_new_content_for_a_link(root: Path) -> None:
    (root / "etc/sysconfig/network").unlink()
    (root / "etc/sysconfig/network").write_text("new\n")
    for words in (("--from", "1"), ("--force",), ("--force", "--delete")):
        said = cdsl(root, "remove", *words, "/etc/sysconfig/network")
        assert (said.status, "the link has been replaced by a file" in said.err) == (1, True)
    assert (root / "etc/sysconfig/network").read_text() == "new\n"


# --- show, list


def test_show(root: Path) -> None:
    (root / "cluster/cdsl/2/var/lib").unlink()
    since = session.when(tuple(inventory(root).cdsls)[2].time)
    assert good(root, "show", "/var/lib") == (
        f"/var/lib\n  type   shared\n  style  link\n  nodes  1, 2 (all)\n  since  {since}\n"
        "  data   /cluster/shared/var/lib\n"
        "  link   /cluster/cdsl/1/var/lib -> ../../cluster/shared/var/lib\n"
        "  link   /cluster/cdsl/2/var/lib -> (no link), should say ../../cluster/shared/var/lib\n"
        "  link   /cluster/cdsl/default/var/lib -> ../../cluster/shared/var/lib\n"
    )
    said = json.loads(good(root, "show", "/var", "--json"))
    assert {key: said[key] for key in ("format", "path", "kind", "style", "nodes", "links")} == {
        "format": 1, "path": "var", "kind": "hostdependent", "style": "link", "nodes": ["1", "2", "default"],
        "links": [{"node": "", "path": "var", "says": "cdsl.local/var", "wanted": "cdsl.local/var"}],
    }  # fmt: skip
    assert said["data"][1] == {"node": "2", "path": "cluster/cdsl/2/var", "there": True}
    assert "it is in /var, which is hostdependent" in cdsl(root, "show", "/var/log").err


def test_show_in_bind_style(root: Path) -> None:
    good(root, "create", "--style", "bind", "-a", "/etc/hosts")
    assert "  style  bind\n" in good(root, "show", "/etc/hosts")
    assert "  bound  over /etc/hosts, by each boot\n" in good(root, "show", "/etc/hosts")
    assert json.loads(good(root, "show", "/etc/hosts", "--json"))["links"] == []


def test_list_in_other_forms(root: Path) -> None:
    assert good(root, "list", "--long").count("  type   ") == 3
    assert inventories.loads(good(root, "list", "--xml")) == inventory(root)
    odd = Inventory(nodes=("1",), cdsls=(Cdsl('etc/a "b" <c> &\udcff', HOSTDEPENDENT),))
    assert next(iter(inventories.loads(oldxml.text(odd)).cdsls)).path == 'etc/a "b" <c> &\\udcff'


def test_check_of_some(root: Path) -> None:
    (root / "cluster/cdsl/2/var/lib").unlink()
    (root / "etc/sysconfig/network").unlink()
    assert len(cdsl(root, "check").out.splitlines()) == 4
    assert len(cdsl(root, "check", "/var").out.splitlines()) == 2
    assert cdsl(root, "check", "/var", "--norecursive").status == 0
    assert cdsl(root, "check", "/var/lib", "--norecursive").status == 1
    said = cdsl(root, "check", "--repair", "--json", "/var")
    assert (said.status, len(json.loads(said.out)["changes"]), json.loads(said.out)["faults"]) == (0, 1, [])
    assert cdsl(root, "check").status == 1


REFUSED_LATE = {
    # a call: why its last change is refused
    ("create", "-a", "/etc/hosts", "-s", "/nope"): "/nope is shared by all nodes anyway",
    ("create", "-a", "/etc/hosts", "/etc/motd", "/etc/no"): "/etc/no is not there",
    ("create", "-a", "/etc/hosts", "/etc"): "/etc has a CDSL in it: /etc/hosts",
    ("remove", "-R", "/etc"): "/etc is no CDSL",
    ("remove", "-R", "/var"): "the copies of 1 and 2 differ: log",
    ("remove", "/etc/sysconfig/network", "/var/lib", "/var"): "the copies of 1 and 2 differ: log",
    ("init", "--nodes", "4"): "/cluster/cdsl/4 is there, and not in the inventory",
    ("set", "maxnodeidnum", "4"): "/cluster/cdsl/4 is there, and not in the inventory",
    ("identity", "--clusterconf", GOOD): "/var/lib/nfs leads over the link",
}


@pytest.mark.parametrize("words", REFUSED_LATE)
def test_what_refuses_one_of_several_changes_comes_before_all(root: Path, words: tuple[str, ...]) -> None:
    for path in ("cluster/cdsl/2/var/log", "cluster/cdsl/4", "cluster/shared/var/lib/nfs"):
        (root / path).mkdir()
    if words[0] == "identity":
        (root / "cluster/shared/var/lib").rename(root / "cluster/shared/var/elsewhere")
        (root / "cluster/shared/var/lib").symlink_to("elsewhere")
    before = {path: path.lstat().st_ctime_ns for path in root.rglob("*") if path.name != ".osr-cdsl-lock"}
    said = cdsl(root, *words)
    assert (said.status != 0, said.out, REFUSED_LATE[words] in said.err) == (True, "", True), said
    assert before == {path: path.lstat().st_ctime_ns for path in root.rglob("*") if path.name != ".osr-cdsl-lock"}


def test_one_change_alone_is_not_tried_beforehand(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are 10,000 CDSLs, a trial takes as long as the change."""
    monkeypatch.setattr(session, "_rehearse", None)
    good(root, "create", "-a", "/etc/hosts")
    good(root, "remove", "/etc/hosts")
    with pytest.raises(AssertionError, match="NoneType"):
        good(root, "create", "-a", "/etc/hosts", "/etc/motd")


# --- nodes, settings


def test_node_remove_keeps_what_it_has(root: Path) -> None:
    good(root, "node-remove", "2")
    assert inventory(root).nodes == ("1",)
    assert (root / "cluster/cdsl/2/etc/sysconfig/network").is_file()
    assert cdsl(root, "check").status == 0


def test_node_remove_with_its_tree(root: Path) -> None:
    assert good(root, "node-remove", "--delete", "2") == "remove node 2 and what it has\n"
    assert not (root / "cluster/cdsl/2").exists()
    good(root, "node-add", "2")
    assert (root / "cluster/cdsl/2/etc/sysconfig/network").is_file()


def test_node_remove_of_the_last_one_that_has_a_path(root: Path) -> None:
    good(root, "create", "-a", "/etc/hosts", "1", "2", "/etc/motd", "2")
    assert "/etc/motd is for node 2 alone" in cdsl(root, "node-remove", "2").err
    good(root, "node-remove", "1")
    assert [cdsl.nodes for cdsl in tuple(inventory(root).cdsls)[:2]] == [("2",), ("2",)]


def test_a_node_that_is_named_twice_is_one(root: Path) -> None:
    good(root, "create", "-a", "/etc/hosts", "1", "1")
    assert inventory(root).find("etc/hosts").nodes == ("1",)  # type: ignore[union-attr]
    text = (root / inventories.PATH).read_text()
    (root / inventories.PATH).write_text(text.replace('["1"]', '["1", "1"]'))  # as it was written once
    assert "/etc/hosts is for node 1 alone" in cdsl(root, "node-remove", "1").err


def test_node_remove_of_this_machine(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "mounted_node", lambda *_: "2")
    assert "node 2 is this machine" in cdsl(root, "node-remove", "2").err


def test_node_add_of_a_node_that_cluster_conf_does_not_know(root: Path) -> None:
    good_conf = Path(__file__).parents[1] / "golden/findings/good.conf"
    said = cdsl(root, "node-add", "77", "--clusterconf", str(good_conf))
    assert (said.status, said.err.splitlines()[0]) == (0, 'osr: cluster.conf knows no node "77"')
    assert cdsl(root, "node-add", "78").err == ""


def test_get(root: Path) -> None:
    assert good(root, "get", "tree", "link") == "cluster/cdsl\ncdsl.local\n"
    assert good(root, "get", "maxnodeidnum", "use_nodeids", "cdsltree_shared") == "2\nTrue\ncluster/shared\n"
    assert "default_dir = default\n" in good(root, "get")
    assert json.loads(good(root, "get", "--json", "nodes")) == {"format": 1, "settings": {"nodes": "1 2"}}


def test_set_before_there_are_cdsls(tmp_path: Path) -> None:
    good(tmp_path, "init", "--nodes", "1")
    for key, value in (("cdsltree", "/c/trees"), ("cdsl_link", "here"), ("expandstring", ".x"), ("default_dir", "all")):
        good(tmp_path, "set", key, value)
    assert good(tmp_path, "set", "maxnodeidnum", "3").count("add node") == 2
    assert good(tmp_path, "set", "tree", "c/trees") == ""
    assert good(tmp_path, "set", "use_nodeids", "true") == ""
    assert inventory(tmp_path) == Inventory(
        Layout("c/trees", "cluster/shared", "here", "all", ".x"), ("1", "2", "3")
    )  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "c/trees").iterdir()) == ["1", "2", "3", "all", "cluster"]
    assert os.readlink(tmp_path / "c/trees/cluster/shared") == "../../../cluster/shared"
    assert not (tmp_path / "cluster/cdsl").exists()
    assert cdsl(tmp_path, "check").status == 0
    assert not (tmp_path / "cluster/cdsl").exists()
    assert not (tmp_path / "cdsl.local").exists()
    assert cdsl(tmp_path, "check").status == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [("tree", "/"), ("tree", "cluster/shared"), ("shared", "cluster/cdsl/x"), ("link", "cluster"), ("default", "1"),
     ("default", "a/b"), ("expand", ""), ("link", "cluster/cdsl_inventory.json")],
)  # fmt: skip
def test_directories_in_each_others_way(tmp_path: Path, key: str, value: str) -> None:
    good(tmp_path, "init", "--nodes", "1")
    said = cdsl(tmp_path, "set", key, value)
    assert (said.status, said.err.startswith(f'osr: {key}: "')) == (2, True)


def test_init_with_settings(tmp_path: Path) -> None:
    good(tmp_path, "init", "--nodes", "1", "--set", "tree=.cluster/cdsl", "--set", "sharedtree=.cluster/shared")
    assert inventory(tmp_path).layout == Layout(".cluster/cdsl", ".cluster/shared")
    assert (tmp_path / ".cluster/cdsl/1").is_dir()
    good(tmp_path, "init", "--delete")
    assert [path.name for path in tmp_path.iterdir()] == [".osr-cdsl-lock"]


def test_init_with_more_nodes_gives_them_the_template(root: Path) -> None:
    assert good(root, "init", "--nodes", "4") == "add node 3\nadd node 4\n"
    assert (root / "cluster/cdsl/4/var/lib").is_symlink()
    assert (root / "cluster/cdsl/3/etc/sysconfig/network").read_text() == "installed\n"
    assert cdsl(root, "check") == Said(0, "", "")
    (root / "cdsl.local").rmdir()
    assert good(root, "init", "--nodes", "5") == "make the directories for CDSLs\nadd node 5\n"
    assert inventory(root).nodes == ("1", "2", "3", "4", "5")
    assert "there already" in cdsl(root, "init", "--nodes", "5").err


def test_init_by_names(tmp_path: Path) -> None:
    conf = str(Path(__file__).parents[1] / "golden/findings/good.conf")
    good(tmp_path, "init", "--names", "--clusterconf", conf)
    assert all(not name.isdigit() for name in inventory(tmp_path).nodes)


def test_give_up_by_force_leaves_the_links(root: Path) -> None:
    good(root, "init", "--delete", "--force")
    assert not (root / inventories.PATH).exists()
    assert os.readlink(root / "var") == "cdsl.local/var"
    assert (root / "cluster/cdsl/2/var").is_dir()


def test_quiet_and_verbose(root: Path) -> None:
    assert good(root, "create", "--quiet", "-a", "/etc/hosts") == ""
    line = f"  mv -n {root}/etc/motd {root}/cluster/cdsl/1/etc/motd\n"
    assert line in good(root, "create", "--verbose", "-a", "/etc/motd")


# --- migrate


def old(root: Path, text: str, path: str) -> None:
    (root / inventories.PATH).unlink()
    written(root, {path: text})


def test_migrate_an_inventory_that_lies_in_a_cdsl(root: Path) -> None:
    good(root, "remove", "/etc/sysconfig/network")
    old(root, OLD_1, "cluster/shared/var/lib/cdsl/cdsl_inventory.xml")
    said = good(root, "migrate")
    place = "/cluster/shared/var/lib/cdsl/cdsl_inventory.xml"
    assert said == f"take over 2 CDSLs of 2 nodes from {place}\n"
    assert inventory(root) == inventories.loads(OLD_1)
    assert (root / place.lstrip("/")).read_text() == OLD_1
    again = cdsl(root, "migrate")
    assert (again.status, "there is /cluster/cdsl_inventory.json already" in again.err) == (1, True)
    (root / inventories.PATH).write_text("broken")
    good(root, "migrate", "--force")
    assert inventory(root) == inventories.loads(OLD_1)


def test_migrate_other_directories_and_tell_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / ".cdsl_inventory.xml").write_text(OLD_2)
    (tmp_path / ".cluster/cdsl/7").mkdir(parents=True)
    tried = json.loads(good(tmp_path, "migrate", "--dry-run", "--json"))
    written = f"# then the inventory is written: {tmp_path}/cluster/cdsl_inventory.json"
    assert tried["changes"][0]["commands"] == [f"mkdir {tmp_path}/cluster", written]
    said = good(tmp_path, "migrate")
    assert said.startswith("take over 1 CDSLs of 2 nodes from /.cdsl_inventory.xml\n/.cluster/shared: is missing\n")
    assert inventory(tmp_path).layout.tree == ".cluster/cdsl"
    assert inventory(tmp_path).nodes == ("1", "2")


def test_migrate_takes_the_nodes_from_the_directories_where_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "old.xml").write_text('<cdsls config_version="2.0" maxnodeidnum="0" tree=".cluster/cdsl"/>')
    for name in ("7", "default"):
        (tmp_path / ".cluster/cdsl" / name).mkdir(parents=True)
    good(tmp_path, "migrate", "--source", str(tmp_path / "old.xml"))
    assert inventory(tmp_path).nodes == ("7",)


def test_migrate_of_two_different_inventories(root: Path) -> None:
    old(root, OLD_1, "cluster/shared/var/lib/cdsl/cdsl_inventory.xml")
    (root / ".cdsl_inventory.xml").write_text(OLD_2)
    said = cdsl(root, "migrate")
    assert (said.status, "there are different inventories" in said.err) == (2, True)
    assert "cannot be read" in cdsl(root, "migrate", "--source", "/nowhere").err
