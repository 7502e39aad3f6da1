"""`osr cdsl` as an administrator types it, and the lock."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from osr_boot import mountinfo
from osr_boot.cdsl import lock, planning, session
from osr_boot.cdsl import words as programs
from osr_boot.cdsl.change import Change
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.layout import Cdsl
from osr_boot.cdsl.lock import Lock
from osr_boot.errors import OsrError
from tests.unit.command import cdsl

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("installed\n")
    (tmp_path / "etc/sysconfig").mkdir(parents=True)
    (tmp_path / "etc/sysconfig/network").write_text("HOSTNAME=x\n")
    return tmp_path


def test_a_link_in_what_is_bound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "srv/all").mkdir(parents=True)
    cdsl(tmp_path, "init", "--nodes", "1")
    assert cdsl(tmp_path, "create", "--style", "bind", "-a", "/srv").status == 0
    said = cdsl(tmp_path, "create", "--style", "link", "-s", "/srv/all", "--node", "1")
    assert (said.status, "a link in /srv, which is bound, would count its way from another place" in said.err) == (
        1,
        True,
    )


def test_what_is_in_a_bound_path_is_bound_too(tmp_path: Path) -> None:
    (tmp_path / "srv/all").mkdir(parents=True)
    cdsl(tmp_path, "init", "--nodes", "1")
    words = ("--style", "bind", "--optional", "-a", "/srv"), ("-s", "/srv/all", "--node", "1")
    assert [cdsl(tmp_path, "create", *one).status for one in words] == [0, 0]
    listed = json.loads(cdsl(tmp_path, "list", "--json").out)["cdsls"]
    assert [(one["style"], one["optional"]) for one in listed] == [("bind", True), ("bind", False)]


def test_a_path_alone_is_asked_about(root: Path) -> None:
    cdsl(root, "init", "--nodes", "1")
    said = cdsl(root, "create", "/var")
    assert (said.status, said.err.splitlines()[0]) == (2, "osr: /var: host-dependent or shared?")


def test_no_node_is_called_as_the_detour(tmp_path: Path) -> None:
    cdsl(tmp_path, "init", "--nodes", "1")
    assert 'a node\'s tree cannot be called "cluster"' in cdsl(tmp_path, "node-add", "cluster").err


@pytest.mark.parametrize("path", ["/etc", "/usr", "/sbin", "/usr/lib", "/etc/cluster/cluster.conf"])
@pytest.mark.parametrize("style", ["link", "bind"])
def test_what_a_boot_reads_before_it_has_the_nodes_tree_stays(root: Path, path: str, style: str) -> None:
    for name in ("usr/sbin", "usr/lib", "etc/cluster"):
        (root / name).mkdir(parents=True)
    (root / "etc/cluster/cluster.conf").touch()
    (root / "usr/sbin/init").symlink_to("../lib/systemd/systemd")
    (root / "sbin").symlink_to("usr/sbin")
    cdsl(root, "init", "--nodes", "2")
    said = cdsl(root, "create", "--style", style, "-a", path)
    assert (said.status, said.err.splitlines()) == (
        1,
        [
            f"osr: {path} is read by a boot before it knows which node this is",
            "  name what in it is to differ between nodes",
        ],
    )
    assert cdsl(root, "create", "--style", style, "-a", "/etc/sysconfig").status == 0


def test_a_new_node_gets_what_is_for_some_nodes(root: Path) -> None:
    cdsl(root, "init", "--nodes", "2")
    assert cdsl(root, "create", "-a", "/var", "2").out == "make /var host-dependent for 2\n"
    wrong = cdsl(root, "create", "-s", "/var/lib", "1", "2").err
    assert wrong == "osr: /var/lib is in /var, which is for 2 only\n  name nodes among these, or none\n"
    assert cdsl(root, "create", "-s", "/var/lib").out == "make /var/lib shared for 2\n"
    assert cdsl(root, "node-add", "3").status == 0
    listed = json.loads(cdsl(root, "list", "--json").out)["cdsls"]
    assert [one["nodes"] for one in listed] == [["2", "3"], ["2", "3"]]
    assert os.readlink(root / "cluster/cdsl/3/var/lib") == "../../cluster/shared/var/lib"
    assert (cdsl(root, "check").status, cdsl(root, "show", "/var").status) == (0, 0)


def test_the_sequence_of_the_howto(root: Path) -> None:
    assert cdsl(root, "init", "--nodes", "2").out == "make the directories for CDSLs\n"
    for words in (("-a", "/var"), ("-s", "/var/lib"), ("-a", "/etc/sysconfig/network")):
        assert cdsl(root, "create", *words).status == 0
    assert cdsl(root, "list").out.splitlines() == [
        "hostdependent  link  /etc/sysconfig/network",
        "hostdependent  link  /var",
        "shared         link  /var/lib",
    ]
    assert os.readlink(root / "var") == "cdsl.local/var"
    assert os.readlink(root / "etc/sysconfig/network") == "../../cdsl.local/etc/sysconfig/network"
    for node in ("1", "2", "default"):
        assert (root / f"cluster/cdsl/{node}/etc/sysconfig/network").read_text() == "HOSTNAME=x\n"
        assert os.readlink(root / f"cluster/cdsl/{node}/var/lib") == "../../cluster/shared/var/lib"
    assert (root / "cluster/shared/var/lib/dpkg/status").read_text() == "installed\n"


def test_a_dry_run_changes_nothing(root: Path) -> None:
    cdsl(root, "init", "--nodes", "2")
    before = sorted(root.rglob("*"))
    said = cdsl(root, "create", "-a", "/var", "--dry-run")
    assert said.status == 0
    assert f"  cp -ax {root}/var {root}/cluster/cdsl/2/.osr-new.var\n" in said.out
    assert f"  mv -n {root}/var {root}/cluster/cdsl/1/var\n" in said.out
    assert [path for path in sorted(root.rglob("*")) if path.name != lock.NAME] == [
        path for path in before if path.name != lock.NAME
    ]


def test_the_answers_of_programs(root: Path) -> None:
    cdsl(root, "init", "--nodes", "2")
    made = json.loads(cdsl(root, "create", "-a", "/var", "--json").out)
    assert made["format"] == 1
    assert [change["what"] for change in made["changes"]] == ["make /var host-dependent"]
    assert json.loads(cdsl(root, "list", "--json").out)["cdsls"][0]["path"] == "var"


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (("create", "-a", "/var"), 1, "/var is host-dependent already"),
        (("create", "-s", "/var"), 1, "/var is host-dependent"),
        (("create", "-a", "/var/lib"), 1, "is in /var, which is host-dependent as a whole"),
        (("create", "-s", "/etc"), 1, "is shared by all nodes anyway"),
        (("create", "-a", "/"), 1, "the root itself"),
        (("create", "-a", "/cluster"), 1, "belongs to the CDSLs themselves"),
        (("create", "-a", "/cluster/cdsl/1/x"), 1, "belongs to the CDSLs themselves"),
        (("create", "-a", "/proc/sys"), 1, "made anew by every boot"),
        (("create", "-a", "/nothing"), 1, "/nothing is not there"),
        (("create", "-a", "/etc/nothing/x"), 1, "there is no /etc/nothing"),
        (("create", "-a", "/link/x"), 1, "leads over the link /link -> /etc"),
        (("create", "-a", "/../../etc/link2/x"), 1, "leads over the link /etc/link2"),
        (("create", "-a", "/etc", "--node", "9"), 2, 'no node "9" has a tree'),
        (("create", "-a", "/etc/sysconfig", "9"), 2, '"9" is neither a node nor a path'),
        (("create", "-a", "/etc", "1", "--node", "2"), 2, "node 2 is not among the nodes of /etc"),
        (("create", "-a", "/etc", "--force"), 1, "whose content is kept?"),
        (("create",), 2, "which path?"),
        (("create", "-a", ""), 2, '"" is no path'),
        (("create", "-a", "/etc", ""), 2, '"" is no path'),
        (("create", "--resolved", "-s", ""), 2, '"" is no path'),
        (("remove", ""), 2, '"" is no path'),
        (("show", ""), 2, '"" is no path'),
        (("check", ""), 2, '"" is no path'),
        (("remove", "/etc", "--from", "1"), 1, "/etc is no CDSL"),
        (("remove", "/var"), 1, "whose content stays?"),
        (("node-add", "../x"), 2, 'a node\'s tree cannot be called "../x"'),
        (("node-add", ""), 2, "cannot be called"),
        (("node-add", ".osr-new.3"), 2, "cannot be called"),
        (("node-add", "2"), 1, 'node "2" has a tree already'),
        (("init", "--nodes", "0"), 2, "is no number of nodes"),
        (("init", "--set", "tree=other"), 1, "tree is cluster/cdsl, and 1 CDSLs"),
        (("init", "--set", "tree"), 2, "sets nothing"),
        (("init", "--delete"), 1, "there are 1 CDSLs, /var the first"),
        (("node-remove", "9"), 2, 'no node "9" has a tree'),
        (("node-remove", "default"), 1, "is the template of new nodes"),
        (("set", "cdsltree", "/other"), 1, "cdsltree is cluster/cdsl, and 1 CDSLs lie by that name"),
        (("set", "use_nodeids", "False"), 1, "use_nodeids is True"),
        (("set", "maxnodeidnum", "1"), 2, "1 is no number of nodes"),
        (("set", "colour", "red"), 2, 'there is no setting "colour"'),
        (("set", "nodes", "1"), 2, 'there is no setting "nodes" to be set'),
        (("get", "colour"), 2, 'there is no setting "colour"'),
        (("show", "/etc"), 1, "/etc is no CDSL"),
        (("migrate",), 2, "there is no /var/lib/cdsl/cdsl_inventory.xml or /.cdsl_inventory.xml"),
    ],
)
def test_refusals_change_nothing(root: Path, words: tuple[str, ...], status: int, reason: str) -> None:
    cdsl(root, "init", "--nodes", "2")
    cdsl(root, "create", "-a", "/var")
    (root / "cluster/cdsl/2/var/lib/dpkg/status").write_text("another\n")
    (root / "link").symlink_to("/etc")
    (root / "etc/link2").symlink_to("../../../..")
    before = sorted(root.rglob("*"))
    said = cdsl(root, *words)
    assert (said.status, said.out) == (status, "")
    assert reason in said.err
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "is empty"), ("{", "cannot be read"), ('{"format": 9}', "has format 9")],
)
def test_a_broken_inventory(root: Path, text: str, reason: str) -> None:
    cdsl(root, "init", "--nodes", "2")
    (root / "cluster/cdsl_inventory.json").write_text(text)
    said = cdsl(root, "create", "-a", "/var")
    assert said.status == 2
    assert reason in said.err
    assert (root / "var/lib").is_dir()


def test_no_inventory(root: Path) -> None:
    assert "`osr cdsl init` makes it" in cdsl(root, "list").err
    (root / ".cdsl_inventory.xml").write_text("<cdsls/>")
    assert "`osr cdsl migrate`" in cdsl(root, "list").err
    assert cdsl(root, "init").err.startswith(f"osr: {root}/etc/cluster/cluster.conf: there is no such file")


def test_an_interrupted_change_is_finished_first(root: Path) -> None:
    cdsl(root, "init", "--nodes", "2")
    (root / ".osr-cdsl-journal.json.new").write_text("{")
    assert cdsl(root, "recover").status == 0
    assert not (root / ".osr-cdsl-journal.json.new").exists()


def test_the_node_whose_tree_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = f"36 35 98:0 /srv/cluster/cdsl/2 {tmp_path}/cdsl.local rw,noatime - ext3 /dev/vda rw\n"
    (tmp_path / "mountinfo").write_text(lines)
    monkeypatch.setattr(mountinfo, "PATH", str(tmp_path / "mountinfo"))
    assert session.mounted_node(str(tmp_path), Inventory(nodes=("1", "2"))) == "2"
    assert session.mounted_node(str(tmp_path), Inventory(nodes=("1",))) == ""
    assert session.mounted_node("/", Inventory(nodes=("1", "2"))) == ""
    monkeypatch.setattr(mountinfo, "PATH", str(tmp_path / "nothing"))
    assert session.mounted_node(str(tmp_path), Inventory(nodes=("1", "2"))) == ""


def test_what_is_mounted_below_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheres = ("/", "/var/lib/a b", str(tmp_path), f"{tmp_path}/var/log/fs", f"{tmp_path}-2")
    lines = (f"36 35 98:0 / {where.replace(' ', chr(92) + '040')} rw - ext3 /dev/vda rw\n" for where in wheres)
    (tmp_path / "mountinfo").write_text("".join(lines))
    monkeypatch.setattr(mountinfo, "PATH", str(tmp_path / "mountinfo"))
    assert [where for where, _ in session.mounts("/")] == list(wheres[1:])
    assert session.mounts(str(tmp_path)) == [(f"{tmp_path}/var/log/fs", "/")]
    (tmp_path / "link").symlink_to(tmp_path)
    assert session.mounts(str(tmp_path / "link")) == [(f"{tmp_path}/var/log/fs", "/")]


def test_a_mount_in_a_path_is_named_whatever_directory_one_is_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cdsl(root, "init", "--nodes", "2")
    (root / "mountinfo").write_text(f"36 35 98:0 / {root}/var/lib/fs rw - ext3 /dev/vda rw\n")
    monkeypatch.setattr(mountinfo, "PATH", str(root / "mountinfo"))
    monkeypatch.chdir(root / "etc")
    assert "/var/lib/fs has to be mounted again, where it is now" in cdsl(root, "create", "--dry-run", "-a", "/var").out
    # The live root: nothing of it is changed by a dry run.
    monkeypatch.setattr(session, "root", lambda options: "/")
    (root / "mountinfo").write_text("36 35 98:0 / /var/lib/fs rw - ext3 /dev/vda rw\n")
    options = argparse.Namespace(node="1", backup=False, force=False)
    monkeypatch.setattr(planning, "create", lambda *_, **__: Change("make /var host-dependent"))
    made = programs._create(options, Inventory(nodes=("1",)), Disk("/"), Cdsl("var", "hostdependent"), "1")
    assert made.notes == ("/var/lib/fs has to be mounted again, where it is now",)


# --- the lock

HOLD = """
import sys
sys.path.insert(0, {top!r})
from osr_boot.cdsl.lock import Lock
with Lock({root!r}, "create /var"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_has_the_lock_is_said(root: Path) -> None:
    script = HOLD.format(top=str(Path(__file__).parents[2]), root=str(root))
    other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    with pytest.raises(OsrError, match=rf"are being changed by process {other.pid} on .* \(create /var, since 20"):
        Lock(str(root), "x").__enter__()
    other.communicate("")
    with Lock(str(root), "x") as taken:
        assert taken.stale == ""


def test_a_holder_that_has_not_written_its_words_yet_is_waited_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def refuse(*_: object) -> None:
        raise BlockingIOError

    def write(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (root / lock.NAME).write_text('{"host": "node2", "pid": 77, "what": "create /var"}')

    monkeypatch.setattr("fcntl.lockf", refuse)
    monkeypatch.setattr("time.sleep", write)
    with pytest.raises(OsrError, match=r"changed by process 77 on node2 \(create /var\)"):
        Lock(str(root), "x").__enter__()
    assert len(waits) == 3
    (root / lock.NAME).write_text("")
    with pytest.raises(OsrError, match="changed by somebody"):
        Lock(str(root), "x").__enter__()
    assert sum(waits) < 3


def test_the_words_of_a_dead_process_are_a_stale_lock(root: Path) -> None:
    (root / lock.NAME).write_text('{"host": "node2", "pid": 77, "since": 1700000000, "what": "create /var"}')
    with Lock(str(root), "x") as taken:
        assert taken.stale.startswith("process 77 on node2 (create /var, since 2023-")
    said = cdsl(root, "init", "--nodes", "1")
    assert said.err == ""


def test_a_lock_file_of_anything(root: Path) -> None:
    (root / lock.NAME).write_bytes(b"\xff" * 5000)
    with Lock(str(root), "x") as taken:
        assert taken.stale == ""
    os.unlink(root / lock.NAME)
    (root / lock.NAME).symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="loop|symbolic"):
        Lock(str(root), "x").__enter__()


def test_relative_links_that_lead_out_are_made_absolute(root: Path) -> None:
    (root / "run/lock").mkdir(parents=True)
    (root / "var/run").symlink_to("../run")
    (root / "var/lib/lock").symlink_to("../../run/lock")
    (root / "var/lib/status").symlink_to("dpkg/status")
    (root / "var/lib/up").symlink_to("../lib/dpkg")
    (root / "var/lib/absolute").symlink_to("/run")
    cdsl(root, "init", "--nodes", "2")
    assert (
        f"  mv -n {root}/cluster/cdsl/2/var/.osr-new.run {root}/cluster/cdsl/2/var/run\n"
        in cdsl(root, "create", "-a", "/var", "--dry-run").out
    )
    assert cdsl(root, "create", "-a", "/var").status == 0
    for node in ("1", "2", "default"):
        tree = root / "cluster/cdsl" / node / "var"
        said = {name: os.readlink(tree / name) for name in ("run", "lib/lock", "lib/status", "lib/up", "lib/absolute")}
        assert said == {
            "run": "/run", "lib/lock": "/run/lock", "lib/status": "dpkg/status", "lib/up": "../lib/dpkg",
            "lib/absolute": "/run",
        }  # fmt: skip
        assert not [path for path in tree.rglob("*") if path.name.startswith(".osr-")]
    cdsl(root, "create", "-s", "/var/lib")
    assert os.readlink(root / "cluster/shared/var/lib/up") == "/var/lib/dpkg"


def test_somebody_else_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    said = cdsl(root, "init", "--nodes", "2")
    assert (said.status, said.out) == (1, "")
    assert said.err == "osr: changing a shared root is for its root user\n  run it as root, or with --dry-run\n"
    assert not (root / "cluster").exists()


def test_a_dry_run_needs_no_right_to_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cdsl(root, "init", "--nodes", "2")
    (root / lock.NAME).unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    said = cdsl(root, "create", "-a", "/var", "--dry-run")
    assert (said.status, said.err) == (0, "")
    assert not (root / lock.NAME).exists()


def test_commands_can_be_pasted_whatever_a_path_is_called(root: Path) -> None:
    (root / "etc/it's a; file").write_text("x")
    cdsl(root, "init", "--nodes", "1")
    said = cdsl(root, "create", "-a", "/etc/it's a; file", "--dry-run")
    (copy,) = (line.strip() for line in said.out.splitlines() if line.strip().startswith("cp"))
    here = [f"{root}/etc/it's a; file", f"{root}/cluster/cdsl/default/etc/.osr-new.it's a; file"]
    assert shlex.split(copy)[2:] == here
