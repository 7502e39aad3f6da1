"""Copies have all that their source has, whatever the commands do with them: what is planted is everywhere after it.

What this filesystem or this user cannot have is said to be skipped, thing by thing.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from osr_boot.cdsl import copying, trees
from osr_boot.cdsl.disk import Disk
from osr_boot.programs import Program, Programs
from tests.unit.command import cdsl

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]

TREES = ("1", "2", "default")
GIGABYTE = 1 << 30
NOBODY = 0xFFFF_FFFF
LONG_AGO = 1_234_567_890_123_456_789


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """Return a POSIX ACL as an attribute; source: linux/posix_acl_xattr.h."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NAMED_USER = access_list((1, 7, NOBODY), (2, 6, 1000), (4, 5, NOBODY), (0x10, 7, NOBODY), (0x20, 4, NOBODY))


def file(path: Path, text: str = "text\n") -> Path:
    path.write_text(text)
    return path


def owner(top: Path) -> None:
    os.chown(file(top / "file"), 12, 34)
    (top / "directory").mkdir()
    os.chown(top / "directory", 56, 78)
    (top / "link").symlink_to("file")
    os.chown(top / "link", 90, 12, follow_symlinks=False)


def mode(top: Path) -> None:
    unreadable = () if os.getuid() else (0o0000, 0o4001)  # cp reads those for root only
    for number, bits in enumerate((0o4755, 0o2750, 0o6711, 0o0400, *unreadable)):
        file(top / f"file{number}").chmod(bits)
    for number, bits in enumerate((0o1777, 0o2770, 0o0500)):
        (top / f"directory{number}").mkdir()
        (top / f"directory{number}").chmod(bits)


def times(top: Path) -> None:
    (top / "directory/inner").mkdir(parents=True)
    (top / "link").symlink_to("nowhere")
    for number, name in enumerate(("directory/file", "directory/inner", "link", "directory")):
        if name.endswith("file"):
            file(top / name)
        when = LONG_AGO + number * 1_000_000_007
        os.utime(top / name, ns=(when + 1, when), follow_symlinks=False)


def attribute(name: str, value: bytes = b"value\0 \xff", *, of_directories: bool = True) -> Callable[[Path], None]:
    def plant(top: Path) -> None:
        os.setxattr(file(top / "file"), name, value)
        if of_directories:
            (top / "directory").mkdir()
            os.setxattr(top / "directory", name, value)

    return plant


def attribute_of_a_link(top: Path) -> None:
    (top / "link").symlink_to("nowhere")
    os.setxattr(top / "link", "trusted.osr", b"value", follow_symlinks=False)


def default_access_list(top: Path) -> None:
    (top / "directory").mkdir()
    os.setxattr(top / "directory", "system.posix_acl_default", NAMED_USER)
    file(top / "directory/inherits")
    (top / "directory/plain").mkdir()
    os.removexattr(top / "directory/plain", "system.posix_acl_default")


def hard_links(top: Path) -> None:
    (top / "a/b").mkdir(parents=True)
    for name in ("a/b/second", "third"):
        os.link(file(top / "first") if not (top / "first").exists() else top / "first", top / name)
    (top / "link").symlink_to("first")
    os.link(top / "link", top / "a/link", follow_symlinks=False)


def holes(top: Path) -> None:
    with open(top / "sparse", "wb") as made:
        made.seek(5 * GIGABYTE)
        made.write(b"end")
    with open(top / "hole behind", "wb") as made:
        made.write(b"begin")
        made.truncate(3 * GIGABYTE)


def sockets(top: Path) -> None:
    here = os.getcwd()
    os.chdir(top)  # a socket's name is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("socket")
    finally:
        os.chdir(here)


def fifo(top: Path) -> None:
    os.mkfifo(top / "fifo", 0o620)


def devices(top: Path) -> None:
    os.mknod(top / "null", 0o640 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(top / "disk", 0o600 | stat.S_IFBLK, os.makedev(8, 1))


def symbolic_links(top: Path) -> None:
    for name, says in {"dangling": "no/where", "absolute": "/etc/passwd", "itself": "itself", "up": "../sub/x"}.items():
        (top / "sub").mkdir(exist_ok=True)
        (top / "sub" / name).symlink_to(says)
    os.symlink(b"\xff\n -", os.fsencode(top / "odd"))


def names(top: Path) -> None:
    for name in (b"new\nline", b" ", b"-rf", b"--", b"\xff\xfe", b"tab\t", b"'\"$HOME`", "ü€".encode(), b"\\134", b"*"):
        (top / os.fsdecode(name)).mkdir()
        (top / os.fsdecode(name) / os.fsdecode(name)).write_bytes(name)


def empty(top: Path) -> None:
    (top / "a/b/c").mkdir(parents=True)
    file(top / "file", "")


PLANTS: dict[str, Callable[[Path], None]] = {
    "owner": owner,
    "mode": mode,
    "times": times,
    "user attribute": attribute("user.osr"),
    "trusted attribute": attribute("trusted.osr"),
    "attribute of a link": attribute_of_a_link,
    "access list": attribute("system.posix_acl_access", NAMED_USER),
    "default access list": default_access_list,
    "SELinux label": attribute("security.selinux", b"system_u:object_r:var_log_t:s0\0"),
    "file capabilities": attribute(  # cap_net_bind_service=ep; source: linux/capability.h
        "security.capability", struct.pack("<IIIII", 0x0200_0001, 1 << 10, 0, 0, 0), of_directories=False),
    "hard links": hard_links,
    "holes": holes,
    "socket": sockets,
    "fifo": fifo,
    "devices": devices,
    "symbolic links": symbolic_links,
    "odd names": names,
    "empty": empty,
}  # fmt: skip


def portrait(top: Path) -> dict[bytes, tuple[object, ...]]:
    """Return everything that can be said of everything below a directory, and of itself."""
    found: dict[bytes, tuple[object, ...]] = {}
    places: dict[int, list[bytes]] = {}
    begin = os.fsencode(top)
    todo = [begin]
    while todo:
        path = todo.pop()
        status = os.lstat(path)
        is_link, is_file = stat.S_ISLNK(status.st_mode), stat.S_ISREG(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            todo += [entry.path for entry in os.scandir(path)]
        else:
            places.setdefault(status.st_ino, []).append(path[len(begin) :])
        found[path[len(begin) :]] = (
            oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns,
            status.st_rdev if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode) else 0,
            {name: os.getxattr(path, name, follow_symlinks=False) for name in _attributes(path)},
            os.readlink(path) if is_link else "",
            (status.st_size, content(path)) if is_file else (),
        )  # fmt: skip
        if is_file and status.st_size >= GIGABYTE:
            assert status.st_blocks * 512 < status.st_size // 1000, path
    group = {path: sorted(all_) for all_ in places.values() for path in all_}
    return {path: (*said, group.get(path, [])) for path, said in found.items()}


def _attributes(path: bytes) -> list[str]:
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return []


def content(path: bytes) -> str:
    """Return a digest of where a file has data, and which."""
    seen = hashlib.blake2b()
    try:
        with open(path, "rb") as opened:
            end, at = os.fstat(opened.fileno()).st_size, 0
            while at < end:
                at = os.lseek(opened.fileno(), at, os.SEEK_DATA)
                hole = os.lseek(opened.fileno(), at, os.SEEK_HOLE)
                seen.update(b"%d" % at + os.pread(opened.fileno(), hole - at, at).rstrip(b"\0"))
                at = hole
    except OSError:  # a hole as far as the end; or nothing that a user may read
        pass
    return seen.hexdigest()


def planted(root: Path, plant: Callable[[Path], None], *places: str) -> None:
    """Put something at places of a root; skip the test if it cannot be had."""
    for place in places:
        (root / place).mkdir(parents=True)
    for place in places:
        try:
            plant(root / place)
        except OSError as error:
            pytest.skip(f"cannot be had here: {error.strerror}")


@pytest.mark.parametrize("style", ["link", "bind"])
@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_everything_is_in_every_tree(tmp_path: Path, plant: Callable[[Path], None], style: str) -> None:
    planted(tmp_path, plant, "var/lib/deep", "var/own")
    before, lib = portrait(tmp_path / "var"), portrait(tmp_path / "var/lib")
    assert cdsl(tmp_path, "init", "--nodes", "2").status == 0
    said = cdsl(tmp_path, "create", "--style", style, "-a", "/var")
    assert said.status == 0, said
    for name in TREES:
        assert portrait(tmp_path / "cluster/cdsl" / name / "var") == before, name
    said = cdsl(tmp_path, "create", "-s", "/var/lib")
    assert said.status == 0, said
    assert portrait(tmp_path / "cluster/shared/var/lib") == lib
    assert cdsl(tmp_path, "remove", "/var/lib").status == 0
    for name in TREES:
        assert portrait(tmp_path / "cluster/cdsl" / name / "var/lib") == lib, name
        assert portrait(tmp_path / "cluster/cdsl" / name / "var/own") == portrait_below(before, b"/own"), name
    assert cdsl(tmp_path, "remove", "--from", "1", "/var").status == 0
    for name in ("var", "var.2"):
        assert portrait(tmp_path / name / "lib") == lib
        assert portrait(tmp_path / name / "own") == portrait_below(before, b"/own")


def portrait_below(whole: dict[bytes, tuple[object, ...]], above: bytes) -> dict[bytes, tuple[object, ...]]:
    """Return the part of a portrait as that of one of its directories."""
    found = {}
    for path, (*said, group) in whole.items():
        if path == above or path.startswith(above + b"/"):
            assert isinstance(group, list)
            found[path[len(above) :]] = (*said, [other[len(above) :] for other in group])
    return found


@pytest.mark.parametrize("style", ["link", "bind"])
def test_single_files(tmp_path: Path, style: str) -> None:
    (tmp_path / "etc").mkdir()
    made = {"-rf": 0o4755, "new\nline": 0o600, os.fsdecode(b"\xff"): 0o444, "plain": 0o644}
    before = {}
    for name, bits in made.items():
        file(tmp_path / "etc" / name).chmod(bits)
        os.utime(tmp_path / "etc" / name, ns=(LONG_AGO, LONG_AGO))
        before[name] = portrait(tmp_path / "etc" / name)
    cdsl(tmp_path, "init", "--nodes", "2")
    for name in made:
        said = cdsl(tmp_path, "create", "--style", style, "-a", f"/etc/{name}")
        assert said.status == 0, said
        for tree in TREES:
            assert portrait(tmp_path / "cluster/cdsl" / tree / "etc" / name) == before[name]
        assert cdsl(tmp_path, "remove", "--from", "2", f"/etc/{name}").status == 0
        for kept in (name, f"{name}.1"):
            assert portrait(tmp_path / "etc" / kept) == before[name]


def test_a_link_that_is_made_absolute_is_otherwise_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "var/sub").mkdir(parents=True)
    (tmp_path / "var/sub/run").symlink_to("../../run")
    if os.getuid() == 0:
        os.chown(tmp_path / "var/sub/run", 12, 34, follow_symlinks=False)
    for name in ("var/sub/run", "var/sub", "var"):
        os.utime(tmp_path / name, ns=(LONG_AGO, LONG_AGO), follow_symlinks=False)
    before = portrait(tmp_path / "var")
    cdsl(tmp_path, "init", "--nodes", "2")
    assert "leads to /run now" in cdsl(tmp_path, "create", "-a", "/var").out
    for name in TREES:
        here = tmp_path / "cluster/cdsl" / name / "var"
        assert os.readlink(here / "sub/run") == "/run"
        now = portrait(here)
        assert now.keys() == before.keys()
        for path, said in now.items():
            assert said[:4] == before[path][:4], path
    assert portrait(tmp_path / "cluster/cdsl/1/var") == portrait(tmp_path / "cluster/cdsl/2/var")


def test_what_is_refused_has_touched_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the time of the directory in which links were prepared."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/run").symlink_to("../run")
    os.utime(tmp_path / "var", ns=(LONG_AGO, LONG_AGO))
    cdsl(tmp_path, "init", "--nodes", "2")
    os.utime(tmp_path / "cluster/cdsl/2", ns=(LONG_AGO, LONG_AGO))
    before = portrait(tmp_path / "var"), portrait(tmp_path / "cluster")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Disk, "sync", full)
    said = cdsl(tmp_path, "create", "-a", "/var")
    assert (said.status, said.out, said.err) == (1, "", "osr: No space left on device\n")
    assert (portrait(tmp_path / "var"), portrait(tmp_path / "cluster")) == before


# --- what changes meanwhile


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(300):
        (tmp_path / f"var/log/{number % 10}").mkdir(parents=True, exist_ok=True)
        file(tmp_path / f"var/log/{number % 10}/{number}")
    cdsl(tmp_path, "init", "--nodes", "2")
    return tmp_path


def everything(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Return a portrait without what belongs to the lock, and the time of the top, where the journal comes and goes."""
    return {path: said for path, said in portrait(root).items() if path not in (b"", b"/.osr-cdsl-lock")}


def while_it_is_copied(monkeypatch: pytest.MonkeyPatch, times: int, act: Callable[[int], object]) -> list[list[str]]:
    """Let something happen when copying has begun, as many times. Returns what is started."""
    begun: list[list[str]] = []
    start = Programs.start

    def started(self: Programs, argv: list[str], **options: bool) -> Program:
        begun.append(argv)
        if len(begun) <= times:
            act(len(begun))
        return start(self, argv, **options)

    monkeypatch.setattr(Programs, "start", started)
    return begun


def test_what_goes_on_changing_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = root / "var/log/0/0"
    before = [path for path in everything(root) if path != b"/var/log/0/0"]
    with monkeypatch.context() as patch:
        while_it_is_copied(patch, 99, lambda number: file(log, "line\n" * number))
        said = cdsl(root, "create", "-a", "/var")
    assert said.status == 1
    assert f"osr: /var changes while it is copied: {log}\n  stop what writes there" in said.err
    assert [path for path in everything(root) if path != b"/var/log/0/0"] == before
    assert cdsl(root, "create", "-a", "/var").status == 0
    assert portrait(root / "cluster/cdsl/2/var") == portrait(root / "cluster/cdsl/1/var")


def test_what_has_changed_is_copied_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    begun = while_it_is_copied(monkeypatch, 2, lambda number: file(root / "var/log/0/0", f"pass {number}\n" * number))
    assert cdsl(root, "create", "-a", "/var").status == 0
    assert len(begun) == 4  # three passes for the first of two copies
    for name in TREES:
        assert (root / f"cluster/cdsl/{name}/var/log/0/0").read_text() == "pass 2\npass 2\n"
    assert portrait(root / "cluster/cdsl/2/var") == portrait(root / "cluster/cdsl/1/var")


def test_the_third_time_it_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    begun = while_it_is_copied(monkeypatch, 9, lambda number: file(root / "var/log/0/0", "line\n" * number))
    said = cdsl(root, "create", "-a", "/var")
    assert len(begun) == 4  # both, which are looked at together, and one of them twice more
    assert (said.status, said.err) == (1, (
        f"osr: /var changes while it is copied: {root}/var/log/0/0\n"
        "  stop what writes there, or wait until it has ended\n"))  # fmt: skip
    assert not list(root.glob("cluster/cdsl/[12d]*/*"))


def test_several_copies_are_looked_at_together_as_long_as_nothing_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    (tmp_path / "var/log/0").mkdir(parents=True)
    file(tmp_path / "var/log/0/0", "line\n")
    cdsl(tmp_path, "init", "--nodes", "9")
    looked = []
    look = trees.state

    def state(full: str) -> trees.State:
        looked.append(full)
        return look(full)

    monkeypatch.setattr(trees, "state", state)
    begun = while_it_is_copied(monkeypatch, 9, lambda _: None)
    assert cdsl(tmp_path, "create", "-a", "/var").status == 0
    assert len(begun) == 9
    assert 3 <= len(looked) <= 4  # before all, after each four or five, and after the last


def test_the_disk_works_while_copying_goes_on_and_its_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(copying, "SYNC", 1)
    (tmp_path / "var/log/0").mkdir(parents=True)
    file(tmp_path / "var/log/0/0", "line\n")
    cdsl(tmp_path, "init", "--nodes", "9")
    before = everything(tmp_path)
    start = Programs.start
    begun = []

    def started(self: Programs, argv: list[str], **options: bool) -> Program:
        begun.append(argv)
        if argv[0] == "sync" and len(begun) < 9:
            argv = ["sh", "-c", "echo 'sync: error syncing: Input/output error' >&2; exit 1"]
        return start(self, argv, **options)

    monkeypatch.setattr(Programs, "start", started)
    said = cdsl(tmp_path, "create", "-a", "/var")
    assert [argv[0] for argv in begun[:5]] == ["cp"] * 4 + ["sync"]
    assert (said.status, said.err) == (1, (
        "osr: cannot write the copies to disk: sync: error syncing: Input/output error\n"
        "  nothing has changed yet\n"))  # fmt: skip
    assert set(everything(tmp_path)) == set(before)
    assert cdsl(tmp_path, "create", "-a", "/var").status == 0


def test_who_need_not_be_awaited_is_killed_all_the_same() -> None:
    with Programs() as programs:
        begun = [programs.start(["sleep", "600"], awaited=awaited) for awaited in (True, False)]
    assert [program.process.returncode for program in begun] == [-signal.SIGKILL, None]
    assert begun[1].process.wait(60) == -signal.SIGKILL


def test_what_has_vanished_is_no_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    while_it_is_copied(monkeypatch, 1, lambda _: (root / "var/log/0/0").unlink())
    assert cdsl(root, "create", "-a", "/var").status == 0
    for name in TREES:
        assert not (root / f"cluster/cdsl/{name}/var/log/0/0").exists()
        assert (root / f"cluster/cdsl/{name}/var/log/1/1").exists()


def test_what_cp_does_not_find_any_more(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between cp's look into a directory and its opening of a file: cp fails, and it is a change like another."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    script = 'rm -f "$1"; echo "cp: cannot stat x: No such file or directory" >&2; exit 1'
    start = Programs.start
    begun = []

    def started(self: Programs, argv: list[str], **options: bool) -> Program:
        begun.append(argv)
        if len(begun) == 1:
            argv = ["sh", "-c", script, "cp", f"{root}/var/log/0/0"]
        return start(self, argv, **options)

    monkeypatch.setattr(Programs, "start", started)
    assert cdsl(root, "create", "-a", "/var").status == 0
    assert len(begun) == 3
    assert portrait(root / "cluster/cdsl/2/var") == portrait(root / "cluster/cdsl/default/var")


def test_files_that_come_and_go(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def come_or_go(number: int) -> None:
        new = root / "var/log/0/new"
        file(new) if number % 2 else new.unlink()

    while_it_is_copied(monkeypatch, 99, come_or_go)
    said = cdsl(root, "create", "-a", "/var")
    assert said.status == 1
    assert "/var changes while it is copied" in said.err
    assert (root / "var").is_dir()
    assert not list(root.glob("cluster/cdsl/*/*.osr-new*"))


def test_a_tree_that_goes_away_under_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file(tmp_path / "one")
    file(tmp_path / "two")
    looked = os.lstat

    def slow(path: bytes) -> os.stat_result:
        if path.endswith(b"/two"):
            (tmp_path / "two").unlink(missing_ok=True)
        return looked(path)

    monkeypatch.setattr(os, "lstat", slow)
    assert {os.path.basename(path) for path, *_ in trees.state(str(tmp_path)).entries} == {
        os.fsencode(tmp_path.name), b"one"}  # fmt: skip
    assert not trees.state(str(tmp_path / "gone")).entries


def test_holes_are_as_good_as_zeros(tmp_path: Path) -> None:
    for name, made in {"one": b"", "two": b"\0" * 100_000, "three": b"\0" * 99_999 + b"x"}.items():
        (tmp_path / name).mkdir()
        with open(tmp_path / name / "file", "wb") as opened:
            opened.write(made)
            opened.truncate(GIGABYTE)
    disk = Disk(str(tmp_path))
    assert disk.difference("one", "two") == ""
    assert disk.difference("one", "three") == "file"
    os.truncate(tmp_path / "two/file", GIGABYTE - 1)
    assert disk.difference("one", "two") == "file"


def test_what_cannot_be_copied_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "COPY", ("sh", "-c", "echo 'cp: first' >&2; echo 'cp: second' >&2; exit 1", "--"))
    before = everything(root)
    said = cdsl(root, "create", "-a", "/var")
    assert (said.status, said.err) == (1, "osr: cannot copy /var: cp: first\n  nothing has changed yet\n")
    assert everything(root) == before
