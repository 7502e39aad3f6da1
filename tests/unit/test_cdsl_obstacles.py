"""What would stop a change after its commit record is refused before it, and nothing has changed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from osr_boot import mountinfo
from osr_boot.cdsl import planning, trees
from osr_boot.cdsl.change import COMMITTED, JOURNAL, Change, dumps
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.layout import BIND, SHARED
from osr_boot.cdsl.obstacles import Mounts, refuse
from osr_boot.cdsl.perform import perform, recover
from osr_boot.cdsl.pretend import Pretended
from osr_boot.errors import OsrError
from tests.unit.cdsl_changes import VAR, create, new_root, read, remove, tree
from tests.unit.command import cdsl, written

pytestmark = pytest.mark.programs  # cp, mount

TOP = Path(__file__).parents[2]
OSR = f"import sys; sys.path.insert(0, {str(TOP)!r}); import osr_boot.cli as c; sys.exit(c.main())"
Mounted = Callable[..., None]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A root with content, and two nodes with their trees."""
    root = tmp_path / "root"
    root.mkdir()
    new_root(root)
    return Disk(str(root))


@pytest.fixture
def mounted(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mounted:
    """Let mountinfo say that something is mounted in the root, which lies at /root of a disk."""

    def say(*known: tuple[str, str, str]) -> None:
        lines = [f"1 0 8:1 / {tmp_path} rw - ext4 /dev/sda rw\n"]
        lines += [f"2 1 {device} {what} {disk.full(path)} rw - ext4 x rw\n" for device, what, path in known]
        (tmp_path / "mountinfo").write_text("".join(lines))
        monkeypatch.setattr(mountinfo, "PATH", str(tmp_path / "mountinfo"))

    return say


def refused(disk: Disk, change: Change) -> OsrError:
    """Return why a change is not begun."""
    before = tree(disk.full(""))
    with pytest.raises(OsrError) as caught:
        perform(change, disk)
    assert tree(disk.full("")) == before
    assert not disk.exists(JOURNAL)
    return caught.value


# --- mounts


def test_what_is_mounted_on_what() -> None:
    known = (
        ("0:5", "/", "/proc"),  # of the initrd, and moved
        ("8:1", "/", "/"),
        ("8:2", "/", "/mnt/data"),
        ("8:1", "/tree/1", "/mnt/data/local"),
        ("0:9", "/", "/mnt/data/local/log"),
        ("8:3", "/", "/mnt"),  # what was mounted there before is hidden, and still there
        ("8:4", "/", "/stack"),
        ("8:5", "/", "/stack"),
    )
    mounts = Mounts(known)
    assert mounts.on("/tree/1/log") == "/mnt/data/local/log"
    assert mounts.on("/mnt/data/local/log") == "/mnt/data/local/log"
    assert mounts.on("/tree/1") == ""  # it is mounted elsewhere, and nothing on it
    assert mounts.on("/proc") == "/proc"
    assert mounts.on("/stack") == "/stack"
    assert [mounts.holding(path) for path in ("/proc/1", "/a", "/mnt/x", "/stack/x", "/proc-1")] == [0, 1, 5, 7, 1]
    assert mounts.between("/a/b", "/c") == ""
    assert mounts.between("/a/b", "/stack/c") == "/stack"
    assert mounts.between("/stack", "/c") == ""  # a mount point lies where its directory lies
    assert mounts.on_any(["/a", "/tree"]) == ("/tree", "/mnt/data/local/log")
    assert mounts.on_any(["/tree/1/logs", "/tree/1/log/inner"]) == ("", "")
    assert list(mounts.inside("/mnt/data")) == [("/local", "/mnt/data/local"), ("/local/log", "/mnt/data/local/log")]


def test_where_nothing_is_known_of_mounts(disk: Disk, mounted: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mountinfo, "PATH", disk.full("nothing"))
    assert Mounts(()).on("/a") == Mounts(()).between("/a/b", "/c") == ""
    perform(VAR(disk), disk)


def test_a_path_that_something_is_mounted_on(disk: Disk, mounted: Mounted) -> None:
    mounted(("8:2", "/", "var"))
    said = refused(disk, VAR(disk))
    assert said.message == f"/var cannot be moved: something is mounted on {disk.full('var')}"
    assert said.hint == f"umount {disk.full('var')}"


def test_a_mount_that_is_seen_by_another_path(disk: Disk, mounted: Mounted) -> None:
    perform(VAR(disk), disk)
    mounted(("8:1", "/root/cluster/cdsl/1", "cdsl.local"), ("0:9", "/", "cdsl.local/var/log"))
    where = disk.full("cdsl.local/var/log")
    said = refused(disk, create("var/log", SHARED)(disk)).message
    assert said == f"/cluster/cdsl/1/var/log cannot be moved: something is mounted on {where}"
    perform(create("var/lib", SHARED)(disk), disk)
    perform(create("etc/fstab")(disk), disk)
    mounted(("8:1", "/root/cluster/cdsl/1", "cdsl.local"), ("0:9", "/", "cdsl.local/etc/fstab"))
    assert "/cluster/cdsl/1/etc/fstab cannot be moved" in refused(disk, remove("etc/fstab")(disk)).message


def test_a_mount_in_what_is_removed_seen_by_another_path(disk: Disk, mounted: Mounted) -> None:
    perform(VAR(disk), disk)
    mounted(("8:1", "/root/cluster/cdsl/2", "cdsl.local"), ("0:9", "/", "cdsl.local/var/log"))
    said = refused(disk, create("var", SHARED)(disk) if False else Change("x", trash=("cluster/cdsl/2",))).message
    assert (
        said
        == f"{disk.full('cluster/cdsl/2')} is not removed: something is mounted on {disk.full('cdsl.local/var/log')}"
    )


def test_a_mount_between_what_is_moved_and_its_place(disk: Disk, mounted: Mounted) -> None:
    mounted(("8:1", "/root/elsewhere", "etc"))  # of the same filesystem: for rename(2) it is another one
    said = refused(disk, create("etc/fstab")(disk))
    assert said.message == f"/etc/fstab cannot become /cluster/cdsl/1/etc/fstab: {disk.full('etc')} is another mount"
    assert "--mountpoint" in said.hint


def test_what_is_bound_from_the_same_filesystem_is_not_copied(disk: Disk, mounted: Mounted) -> None:
    mounted(("8:1", "/root/etc", "var/log"))
    said = refused(disk, VAR(disk)).message
    assert said == f"/var cannot be copied: what is mounted on {disk.full('var/log')} is of the same filesystem"


def test_links_in_what_is_mounted_are_not_the_paths(disk: Disk, mounted: Mounted) -> None:
    os.symlink("../../etc", disk.full("var/log/etc"))
    assert disk.leaving_links("var") == (("log/etc", "../../etc"), ("run", "../run"))
    mounted(("8:1", "/root/etc", "var/log"))
    assert disk.leaving_links("var") == (("run", "../run"),)


def test_a_dry_run_unmounts_in_mind_what_is_bound(disk: Disk, mounted: Mounted) -> None:
    perform(create("var", style=BIND)(disk), disk)
    mounted(("8:1", "/root/cluster/cdsl/1/var", "var"))
    refused(disk, remove("var")(disk))
    dry = Pretended(disk.full(""))
    refused(dry, remove("var")(dry))
    dry.unmount(disk.full("var"), "var")
    perform(remove("var")(dry), dry)


def test_a_mount_on_the_inventory(disk: Disk, mounted: Mounted) -> None:
    mounted(("8:1", "/inventory", "cluster/cdsl_inventory.json"))
    assert "cdsl_inventory.json is not removed: something is mounted on" in refused(disk, VAR(disk)).message


def test_another_filesystem_without_a_mount(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subvolume of btrfs is one."""
    perform(VAR(disk), disk)
    change = create("var/log", SHARED)(disk)
    device = Disk.device
    monkeypatch.setattr(
        Disk, "device", lambda self, path: 7 if path.startswith("cluster/cdsl/1") else device(self, path)
    )
    assert "is on another filesystem than /cluster/shared" in refused(disk, change).message
    with pytest.raises(OsrError, match="/var/log is on another filesystem"):
        create("var/log", SHARED)(disk)


def test_an_empty_directory_that_is_a_mount_point_stays(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: str) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "rmdir", busy)
    disk.rmdir("cdsl.local")
    assert disk.exists("cdsl.local")


BEGIN = f"""set -e
osr() {{ {shlex.quote(sys.executable)} -I -c {shlex.quote(OSR)} cdsl "$@"; }}
o() {{ word=$1; shift; osr $word --root . --quiet "$@" || echo status $?; }}
mount --make-rprivate /
"""
NAMESPACES = {
    "a mount on the link": """
o create -a /srv; mount --bind cluster/cdsl/1 cdsl.local; mount -t tmpfs none srv/
o remove /srv; test -L srv; umount srv/; o remove /srv; test -d srv -a ! -L srv""",
    "a mount in the node's tree": """
o create -a /var; mount --bind cluster/cdsl/1 cdsl.local; mount -t tmpfs none var/log
o create -s /var/log; test ! -L cluster/cdsl/2/var/log
umount var/log; o create -s /var/log; test -L cluster/cdsl/2/var/log""",
    "a bind around the path": """
mkdir -p srv/x other/x; mount --bind other srv
o create -a /srv/x; test -d other/x; umount srv; o create -a /srv/x; test -L srv/x""",
    "a bind on the path": """
mkdir other; mount --bind other srv
o create -a /srv; umount srv; test -d srv; o create -a /srv; test -L srv""",
}


def in_a_namespace(disk: Disk, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the root's directory, where mounts are its own."""
    own = () if os.getuid() == 0 else ("--user", "--map-root-user")
    argv = ["unshare", "--mount", *own, "sh", "-c", BEGIN + script]
    where = disk.full("")
    done = subprocess.run(argv, cwd=where, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"cannot be had here: {done.stderr.strip()}")
    return done


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_rename_that_the_kernel_would_refuse(disk: Disk, name: str) -> None:
    """Refused once, with everything in its place; done as soon as nothing is mounted."""
    os.mkdir(disk.full("srv"))
    done = in_a_namespace(disk, f"{NAMESPACES[name]}\no check")
    assert (done.returncode, done.stdout) == (0, "status 1\n"), done
    assert done.stderr.splitlines()[1].startswith("  umount ")
    assert not disk.exists(JOURNAL)


def test_links_of_another_filesystem_are_not_rewritten(disk: Disk) -> None:
    os.mkdir(disk.full("var/mnt"))
    script = """
mount -t tmpfs none var/mnt; ln -s ../../etc var/mnt/x
o create -a /var --node 1; cd cluster/cdsl/1/var/mnt; readlink x; cd - > /dev/null
umount cluster/cdsl/1/var/mnt; o check"""
    done = in_a_namespace(disk, script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "../../etc\n", "")


# --- names, attributes, directories that are none


def test_a_name_that_is_too_long(disk: Disk) -> None:
    perform(planning.add_node(read(disk), disk, "gfs-node1.example.com"), disk)
    for name, shown in (("n" * 240, "n" * 240), ("é" * 118, "é" * 118)):  # 236 bytes
        Path(disk.full(name)).write_text("x")
        perform(create(name)(disk), disk)
        said = refused(disk, remove(name)(disk)).message
        assert said == f"/{shown}.gfs-node1.example.com would have a name of more than 255 bytes"


def test_an_attribute_that_forbids_it(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "fixed", lambda full: full == disk.full("etc/fstab"))
    said = refused(disk, create("etc/fstab")(disk))
    assert said.message == "/etc/fstab cannot be changed: it has the attribute i or a"
    assert said.hint == f"chattr -ia {disk.full('etc/fstab')}"
    refused(Pretended(disk.full("")), create("etc/fstab")(disk))
    perform(create("etc/sysconfig")(disk), disk)


@pytest.mark.parametrize("attribute", ["i", "a"])
def test_an_attribute_as_the_kernel_has_it(tmp_path: Path, attribute: str) -> None:
    written(tmp_path, {"file": "x", "directory/file": "x"})
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    names = ("file", "directory")
    paths = [str(tmp_path / name) for name in names]
    said = subprocess.run(
        ["sh", "-c", f'chattr +{attribute} "$@"', "sh", *paths], capture_output=True, text=True, check=False
    )
    try:
        if said.returncode:
            pytest.skip(f"cannot be had here: {said.stderr.strip()}")
        assert [name for name in sorted(os.listdir(tmp_path)) if trees.fixed(str(tmp_path / name))] == sorted(names)
    finally:
        subprocess.run(["sh", "-c", f'chattr -{attribute} "$@"', "sh", *paths], capture_output=True, check=False)
    assert not trees.fixed(str(tmp_path / "nothing"))


@pytest.fixture
def astray(disk: Disk, tmp_path: Path) -> Path:
    """In the host-dependent /var of node 2, the directory of /var/lib/dpkg is a link out of the root; returns where."""
    return written(tmp_path / "outside", {"dpkg/status": "installed\n"})


def lead_astray(disk: Disk, outside: Path) -> None:
    os.rename(disk.full("cluster/cdsl/2/var/lib"), disk.full("cluster/cdsl/2/was"))
    os.symlink(outside, disk.full("cluster/cdsl/2/var/lib"))


def test_a_link_in_another_nodes_tree_is_not_followed(disk: Disk, astray: Path) -> None:
    perform(VAR(disk), disk)
    lead_astray(disk, astray)
    before = tree(disk.full("")), tree(str(astray))
    with pytest.raises(OsrError) as caught:
        create("var/lib/dpkg", SHARED)(disk)
    assert caught.value.message == f"/var/lib/dpkg leads over the link /cluster/cdsl/2/var/lib -> {astray}"
    assert caught.value.hint == "put the directory back that was there"
    assert (tree(disk.full("")), tree(str(astray))) == before


def test_nor_when_each_node_gets_its_own_again(disk: Disk, astray: Path) -> None:
    perform(VAR(disk), disk)
    perform(create("var/lib/dpkg", SHARED)(disk), disk)
    lead_astray(disk, astray)
    before = tree(str(astray))
    said = refused(disk, remove("var/lib/dpkg")(disk)).message
    assert "/cluster/cdsl/2/var/lib is a link" in said
    assert f"to {astray}, and no directory" in said
    assert tree(str(astray)) == before


def test_what_a_tree_does_not_have_is_no_reason(disk: Disk) -> None:
    """A node that has thrown the directory away gets it again."""
    perform(VAR(disk), disk)
    os.rename(disk.full("cluster/cdsl/2/var/lib"), disk.full("was"))
    perform(create("var/lib/dpkg", SHARED)(disk), disk)
    assert disk.kind("cluster/cdsl/2/var/lib/dpkg") == "link"


def test_a_file_above_a_place(disk: Disk) -> None:
    perform(VAR(disk), disk)
    os.rename(disk.full("cluster/cdsl/2/var/lib"), disk.full("was"))
    Path(disk.full("cluster/cdsl/2/var/lib")).write_text("x")
    with pytest.raises(OsrError, match="/var/lib/dpkg is not there: /cluster/cdsl/2/var/lib is a file"):
        create("var/lib/dpkg", SHARED)(disk)
    change = Change("x", links=(("x", "cluster/cdsl/2/var/lib/x"),))
    assert refused(disk, change).message.endswith(": /cluster/cdsl/2/var/lib is a file, and no directory")
    with pytest.raises(OsrError, match="there is no /nothing"):
        create("nothing/x")(disk)


def test_every_path_of_a_change_is_looked_at(disk: Disk) -> None:
    os.symlink("var", disk.full("link"))
    pair, triple = ("x", "link/x"), ("0644", "link/x", "text")
    for parts in (
        {"made": (pair,)}, {"copies": (pair,)}, {"copies": (pair[::-1],)}, {"links": (pair,)}, {"points": (pair,)},
        {"texts": (triple,)}, {"keys": (pair,)}, {"moves": (pair,)}, {"moves": (pair[::-1],)}, {"trash": ("link/x",)},
        {"emptied": ("link/x",)},
    ):  # fmt: skip
        with pytest.raises(OsrError, match="/link is a link to var, and no directory"):
            refuse(Change("x", **parts), disk)


# --- what has come again


def committed(disk: Disk) -> None:
    """Leave /var being made host-dependent, committed and without its last rename."""
    change = VAR(disk)

    def stop(source: str, path: str) -> None:
        if path == "var":
            raise KeyboardInterrupt
        really(source, path)

    really, disk.rename = disk.rename, stop  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        perform(change, disk)


def test_a_path_that_has_come_again_is_not_taken_for_the_link(disk: Disk) -> None:
    before = tree(disk.full("var"))
    committed(disk)
    disk = Disk(disk.full(""))
    os.makedirs(disk.full("var/log"))
    for _ in range(2):
        with pytest.raises(OsrError) as caught:
            recover(disk)
        assert caught.value.message == "/var has come again, made by somebody else while it was changed"
        assert "move it away" in caught.value.hint
        assert f'"{COMMITTED}"' in disk.read(JOURNAL)
    os.rename(disk.full("var"), disk.full("var.mine"))
    assert recover(disk) == "finished: make /var host-dependent"
    assert disk.says("var") == "cdsl.local/var"
    assert tree(disk.full("cluster/cdsl/2/var")).keys() == before.keys()
    assert not [path for path in tree(disk.full("")) if "/.osr-" in path]


def test_what_has_gone_before_its_rename_is_named(disk: Disk) -> None:
    disk.write(JOURNAL, dumps(Change("x", moves=(("gone", "var/new"),)), COMMITTED))
    with pytest.raises(OsrError) as caught:
        recover(disk)
    assert caught.value.message == "/gone has gone before it could become /var/new"
    assert JOURNAL in caught.value.hint


def test_a_node_that_was_there_before(disk: Disk) -> None:
    os.mkdir(disk.full("cluster/cdsl/3"))
    with pytest.raises(OsrError) as caught:
        planning.add_node(read(disk), disk, "3")
    assert caught.value.hint == "move it away: what such a node had is in it"


@pytest.mark.usefixtures("as_root")
def test_a_dry_run_looks_into_nothing_that_is_only_pretended(disk: Disk) -> None:
    dry = Pretended(disk.full(""))
    dry.mkdir("var/lib/timers")
    assert dry.leaving_links("var/lib/timers") == ()
    assert dry.leaving_links("var") == (("run", "../run"),)
    perform(create("var/lib/timers")(dry), dry)
    assert dry.says("var/lib/timers") == "../../cdsl.local/var/lib/timers"
    assert cdsl(Path(disk.full("")), "check").status == 0
