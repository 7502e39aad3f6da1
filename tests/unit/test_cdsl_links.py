"""Relative links that would lead elsewhere from the trees are made absolute: in a path, and the path itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.layout import BIND, SHARED
from osr_boot.cdsl.perform import perform
from osr_boot.errors import OsrError
from tests.unit.cdsl_changes import VAR, create, differ, new_root, remove, tree
from tests.unit.command import cdsl, written

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp

LONG_AGO = 1_234_567_890_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with content and trees, and links in it as systems have them."""
    new_root(tmp_path)
    written(tmp_path, {"run/resolv.conf": "nameserver\n"})
    (tmp_path / "etc/resolv.conf").symlink_to("../run/resolv.conf")
    (tmp_path / "var/M").symlink_to("log/messages")
    for name in ("etc/resolv.conf", "var/M"):
        os.utime(tmp_path / name, ns=(LONG_AGO, LONG_AGO), follow_symlinks=False)
    return tmp_path


def nothing_is_left(root: Path) -> None:
    assert not [path for path in tree(str(root)) if os.path.basename(path).startswith((".osr-new", ".osr-old"))]


def test_a_path_that_is_a_relative_link(root: Path) -> None:
    disk = Disk(str(root))
    change = create("etc/resolv.conf")(disk)
    assert change.notes == ("/etc/resolv.conf led to ../run/resolv.conf, and leads to /run/resolv.conf now",)
    perform(change, disk)
    assert disk.says("etc/resolv.conf") == "../cdsl.local/etc/resolv.conf"
    for name in ("1", "2", "default"):
        assert disk.says(f"cluster/cdsl/{name}/etc/resolv.conf") == "/run/resolv.conf"
        assert os.lstat(root / f"cluster/cdsl/{name}/etc/resolv.conf").st_mtime_ns == LONG_AGO
    nothing_is_left(root)
    assert cdsl(root, "check").status == 0
    perform(remove("etc/resolv.conf")(disk), disk)
    assert disk.says("etc/resolv.conf") == "/run/resolv.conf"


def test_one_that_becomes_shared_though_it_stays_inside(root: Path) -> None:
    disk = Disk(str(root))
    perform(VAR(disk), disk)
    assert disk.says("cluster/cdsl/1/var/M") == "log/messages"
    perform(create("var/M", SHARED)(disk), disk)
    assert disk.says("cluster/shared/var/M") == "/var/log/messages"
    assert os.lstat(root / "cluster/shared/var/M").st_mtime_ns == LONG_AGO
    assert [disk.says(f"cluster/cdsl/{name}/var/M") for name in ("1", "2")] == ["../../cluster/shared/var/M"] * 2
    nothing_is_left(root)
    assert cdsl(root, "check").status == 0


def test_an_absolute_one_stays(root: Path) -> None:
    disk = Disk(str(root))
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")
    change = create("etc/localtime")(disk)
    assert (change.notes, change.trash) == ((), ())
    perform(change, disk)
    assert disk.says("cluster/cdsl/2/etc/localtime") == "/usr/share/zoneinfo/UTC"


@pytest.mark.parametrize("says", ["../run/resolv.conf", "/run/resolv.conf"])
def test_nothing_is_bound_over_a_link(root: Path, says: str) -> None:
    (root / "etc/link").symlink_to(says)
    with pytest.raises(OsrError) as caught:
        create("etc/link", style=BIND)(Disk(str(root)))
    assert caught.value.message == f"/etc/link is a link to {says}: nothing can be bound over it"
    assert caught.value.hint == "name what it leads to"


@pytest.mark.parametrize("path", ["etc/.osr-old.resolv.conf", "cluster/cdsl/1/etc/.osr-new..osr-new.resolv.conf"])
def test_a_name_that_is_taken(root: Path, path: str) -> None:
    written(root, {path: "dear\n"})
    with pytest.raises(OsrError, match=f"/{path} is there already"):
        create("etc/resolv.conf")(Disk(str(root)))


@pytest.mark.parametrize("name", [".osr-old.run", ".osr-new.run"])
def test_a_name_that_is_taken_in_a_path(root: Path, name: str) -> None:
    written(root, {f"var/{name}": "dear\n"})
    with pytest.raises(OsrError, match=f"/var/{name} is there already"):
        VAR(Disk(str(root)))


def test_a_filesystem_that_nodes_see_elsewhere(tmp_path: Path) -> None:
    srv = written(tmp_path / "srv", {"data/file": "x", "tmp/file": "x", "usr/lib/file": "x", "other": "o"})
    (srv / "data/x").symlink_to("../other")
    (srv / "data/up").symlink_to("../../etc")
    (srv / "link").symlink_to("other")
    (srv / "sbin").mkdir()
    (srv / "sbin/init").write_text("x")
    words = ("--mountpoint", "/srv")
    assert cdsl(tmp_path, "init", *words, "--nodes", "2").status == 0
    assert cdsl(tmp_path, "create", *words, "-a", "/srv/data", "-a", "/srv/link").status == 0
    tops = [srv / "cluster/cdsl" / name for name in ("1", "2", "default")]
    assert {os.readlink(top / "data/x") for top in tops} == {"/srv/other"}
    assert {os.readlink(top / "data/up") for top in tops} == {"/etc"}
    assert {os.readlink(top / "link") for top in tops} == {"/srv/other"}
    for name in ("tmp", "usr/lib"):
        assert cdsl(tmp_path, "create", *words, "-a", f"/srv/{name}").err == ""
    assert "made anew by every boot" in cdsl(srv, "create", "-a", "/run").err


# --- what is no copy of the other


def attribute_of(path: Path) -> None:
    try:
        os.setxattr(path, "user.osr", b"value")
    except OSError as error:
        pytest.skip(f"cannot be had here: {error}")


@pytest.mark.parametrize("name", ["var/lib/dpkg/status", "var/lib/dpkg", "var/lib"])
def test_attributes_are_content(root: Path, name: str) -> None:
    disk = Disk(str(root))
    perform(VAR(disk), disk)
    attribute_of(root / "cluster/cdsl/2" / name)
    below = name[len("var/lib/") :] or "itself"
    with pytest.raises(OsrError, match=f"differs between the nodes 1 and 2: {below}, in its extended attributes"):
        create("var/lib", SHARED)(disk)
    assert cdsl(root, "remove", "/var").status == 1  # of no node in particular
    for node in ("1", "default"):
        attribute_of(root / "cluster/cdsl" / node / name)
    perform(create("var/lib", SHARED)(disk), disk)


def test_what_differs_besides_is_said_as_it_was(root: Path) -> None:
    disk = Disk(str(root))
    perform(VAR(disk), disk)
    differ(disk)
    attribute_of(root / "cluster/cdsl/2/var/lib/dpkg/status")
    with pytest.raises(OsrError, match="differs between the nodes 1 and 2: dpkg/status$"):
        create("var/lib", SHARED)(disk)


def test_where_there_are_no_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"1/file": "x", "2/file": "x"})

    def unsupported(*_: object, **__: object) -> list[str]:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(os, "listxattr", unsupported)
    assert Disk(str(tmp_path)).difference("1", "2") == ""


def test_what_every_inode_has_of_its_own_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"1/file": "x", "2/file": "x"})
    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["security.evm"])
    monkeypatch.setattr(os, "getxattr", lambda path, *_, **__: os.fsencode(path))
    assert Disk(str(tmp_path)).difference("1", "2") == ""
