"""`osr cdsl check`: what it says can be followed, and after a repair nothing is left to say and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from osr_boot.cdsl.change import JOURNAL
from osr_boot.cdsl.disk import Disk
from tests.unit.command import Said, cdsl, osr, written

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp


@pytest.fixture
def root(tmp_path: Path) -> Path:
    written(tmp_path, {"var/lib/dpkg/status": "installed\n", "etc/hosts": "old\n", "etc/net/conf": "net\n"})
    (tmp_path / "etc/net").chmod(0o710)
    good(tmp_path, "init", "--nodes", "2")
    good(tmp_path, "create", "-a", "/var", "-s", "/var/lib", "-a", "/etc/hosts", "-a", "/etc/net/conf")
    return tmp_path


@pytest.fixture
def bound(tmp_path: Path) -> Path:
    """A root with paths in bind style: a file, a directory, and what is shared in that."""
    written(tmp_path, {"etc/hosts": "old\n", "srv/lib/all": "all\n", "srv/own": "own\n"})
    (tmp_path / "etc/hosts").chmod(0o640)
    good(tmp_path, "init", "--nodes", "2")
    good(tmp_path, "create", "--style", "bind", "-a", "/etc/hosts", "-a", "/srv", "-s", "/srv/lib")
    return tmp_path


def good(root: Path, word: str, *words: str) -> str:
    said = cdsl(root, word, *words)
    assert (said.status, said.err) == (0, ""), said
    return said.out


def bad(root: Path, *words: str) -> list[str]:
    """Return the places of the faults, with what is said of each, and how it is mended."""
    said = cdsl(root, "check", *words)
    assert (said.status, said.err) == (1, ""), said
    return [line.strip() for line in said.out.splitlines()]


def relinked(place: Path, says: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        place.unlink()
    place.symlink_to(says)


def pasted(root: Path, line: str) -> None:
    """Do what a remedy says, in the root."""
    subprocess.run(["bash", "-ec", line.replace(" /", f" {root}/")], check=True)


# --- a path that is itself a link


@pytest.mark.parametrize("words", [(), ("--quick",), ("/etc/resolv.conf",)])
def test_copies_that_are_relative_links_lead_elsewhere(root: Path, words: tuple[str, ...]) -> None:
    (root / "etc/resolv.conf").symlink_to("/run/r")
    good(root, "create", "-a", "/etc/resolv.conf")
    relinked(root / "cluster/cdsl/2/etc/resolv.conf", "../run/r")
    assert bad(root, *words) == [
        "/cluster/cdsl/2/etc/resolv.conf: the relative link ../run/r leads out of /etc/resolv.conf, "
        "and elsewhere than to /run/r",
        "ln -sfn /run/r /cluster/cdsl/2/etc/resolv.conf",
    ]
    good(root, "check", "--repair")
    assert os.readlink(root / "cluster/cdsl/2/etc/resolv.conf") == "/run/r"
    assert good(root, "check") == ""


def test_a_copy_that_is_made_of_one_that_leads_elsewhere_is_mended_too(root: Path) -> None:
    (root / "etc/resolv.conf").symlink_to("/run/r")
    good(root, "create", "-a", "/etc/resolv.conf")
    for node in ("1", "default"):
        relinked(root / f"cluster/cdsl/{node}/etc/resolv.conf", "../run/r")
    (root / "cluster/cdsl/2/etc/resolv.conf").unlink()
    good(root, "check", "--repair")
    assert good(root, "check") == ""
    assert os.readlink(root / "cluster/cdsl/2/etc/resolv.conf") == "/run/r"


def test_what_is_shared_and_a_link_that_stays_inside_leads_elsewhere_too(root: Path) -> None:
    for node in ("1", "2", "default"):
        relinked(root / f"cluster/cdsl/{node}/var/M", "/var/log/messages")
    good(root, "create", "-s", "/var/M")
    relinked(root / "cluster/shared/var/M", "log/messages")
    assert bad(root)[1] == "ln -sfn /var/log/messages /cluster/shared/var/M"
    good(root, "check", "--repair")
    assert good(root, "check") == ""


def test_a_relative_link_cannot_be_bound(bound: Path) -> None:
    for node in ("1", "2", "default"):
        relinked(bound / f"cluster/cdsl/{node}/etc/hosts", "../srv/own")
    said = bad(bound)
    assert said[:2] == [
        "/cluster/cdsl/1/etc/hosts: the relative link ../srv/own cannot be bound: from here it leads elsewhere than "
        "to /srv/own",
        "`osr cdsl remove /etc/hosts`, and create /srv/own if that is to differ",
    ]
    assert bad(bound, "--repair") == said
    good(bound, "remove", "/etc/hosts")
    assert good(bound, "check") == ""
    assert os.readlink(bound / "etc/hosts") == "../srv/own"


def test_below_a_mountpoint_links_count_from_the_root_of_a_node(tmp_path: Path) -> None:
    written(tmp_path, {"srv/data/own": "own\n", "srv/other": "other\n"})
    good(tmp_path, "init", "--mountpoint", "/srv", "--nodes", "2")
    good(tmp_path, "create", "--mountpoint", "/srv", "-a", "/srv/data")
    place = tmp_path / "srv/cluster/cdsl/1/data/x"
    place.symlink_to("../other")
    (tmp_path / "srv/into").symlink_to("/srv/cluster/shared/x")
    (tmp_path / "srv/root").symlink_to("/cluster/shared/x")  # of another filesystem, with another inventory
    said = bad(tmp_path, "--mountpoint", "/srv")
    assert said[0].endswith(" leads out of /data, and elsewhere than to /srv/other")
    assert said[2].startswith("/into: leads to /srv/cluster/shared/x, into the trees")
    assert len(said) == 4
    bad(tmp_path, "--mountpoint", "/srv", "--repair")
    assert os.readlink(place) == "/srv/other"


# --- over what paths in bind style are bound


def points(bound: Path) -> Iterator[Path]:
    yield bound / "etc/hosts"
    yield bound / "srv"
    yield from (bound / f"cluster/cdsl/{node}/srv/lib" for node in ("1", "2", "default"))


@pytest.mark.parametrize("words", [(), ("--quick",)])
def test_what_copies_are_bound_over_is_made_again(bound: Path, words: tuple[str, ...]) -> None:
    for place in points(bound):
        place.rmdir() if place.is_dir() else place.unlink()
    said = bad(bound, *words)
    assert said[:2] == ["/etc/hosts: is missing: the copies are bound over it", "touch /etc/hosts"]
    assert said[2:4] == ["/srv: is missing: the copies are bound over it", "mkdir /srv"]
    assert [line.split(":")[0] for line in said[4::2]] == [f"/cluster/cdsl/{n}/srv/lib" for n in ("1", "2", "default")]
    good(bound, "check", "--repair")
    assert good(bound, "check") == ""
    assert (bound / "etc/hosts").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("words", [(), ("--quick",)])
def test_what_was_written_where_nothing_was_bound_is_left_to_a_person(bound: Path, words: tuple[str, ...]) -> None:
    (bound / "etc/hosts").write_text("new\n")
    (bound / "srv/new").write_text("new\n")
    (bound / "cluster/cdsl/2/srv/lib/new").write_text("new\n")
    said = bad(bound, *words)
    assert [line.split(":")[0] for line in said[::2]] == ["/etc/hosts", "/srv", "/cluster/cdsl/2/srv/lib"]
    assert said[0] == "/etc/hosts: has something in it, written while nothing was bound over it"
    assert bad(bound, "--repair") == said
    # As the remedy says it.
    (bound / "etc/hosts").rename(bound / "away")
    for place in ("srv/new", "cluster/cdsl/2/srv/lib/new"):
        (bound / place).unlink()
    good(bound, "check", "--repair")
    assert good(bound, "check") == ""
    assert (bound / "away").read_text() == "new\n"


def test_where_it_is_bound_it_has_its_copy_in_it(bound: Path) -> None:
    said = mounted(
        bound, "osr cdsl mount --root . --node 2 --quiet; osr cdsl check --root .; osr cdsl check --root . /srv"
    )
    assert (said.status, said.out, said.err) == (0, "", "")


def test_what_else_is_mounted_there_is_nothing_to_speak_of(bound: Path) -> None:
    said = mounted(bound, "mount -t tmpfs none srv; touch srv/new; osr cdsl check --root .")
    assert (said.status, said.out, said.err) == (0, "", "")


def mounted(root: Path, script: str) -> Said:
    from tests.unit import test_cdsl_views as views

    said = views.run(root, script)
    return Said(said.returncode, said.stdout, said.stderr)


@pytest.mark.parametrize("words", [(), ("--quick",)])
def test_what_cannot_be_bound_over_another_kind(bound: Path, words: tuple[str, ...]) -> None:
    (bound / "etc/hosts").unlink()
    (bound / "etc/hosts").mkdir()
    line = bad(bound, *words)
    assert line == ["/etc/hosts: is a directory: no file can be bound over it", "rm -d /etc/hosts && touch /etc/hosts"]
    good(bound, "check", "--repair")
    assert good(bound, "check") == ""
    (bound / "cluster/cdsl/2/etc/hosts").unlink()
    (bound / "cluster/cdsl/2/etc/hosts").mkdir()
    line = bad(bound, "--repair", *words)
    assert line[0] == "/cluster/cdsl/2/etc/hosts: is a directory, and cannot be bound over the file /etc/hosts"


# --- directories above


def test_directories_above_a_copy_are_made_with_it(root: Path) -> None:
    shutil.rmtree(root / "cluster/cdsl/2/etc")
    line = bad(root)[-1]
    good(root, "check", "--repair")
    assert good(root, "check") == ""
    assert (root / "cluster/cdsl/2/etc/net/conf").read_text() == "net\n"
    assert (root / "cluster/cdsl/2/etc/net").stat().st_mode & 0o777 == 0o710
    shutil.rmtree(root / "cluster/cdsl/2/etc")
    pasted(root, line)
    assert (root / "cluster/cdsl/2/etc/net/conf").read_text() == "net\n"


def test_directories_above_a_link_are_made_with_it(root: Path) -> None:
    shutil.rmtree(root / "etc/net")
    assert bad(root)[1] == "mkdir -p /etc/net && ln -s ../../cdsl.local/etc/net/conf /etc/net/conf"
    good(root, "check", "--repair")
    assert good(root, "check") == ""


def test_a_whole_tree_comes_back(root: Path) -> None:
    shutil.rmtree(root / "cluster/cdsl/2")
    good(root, "check", "--repair")
    assert good(root, "check") == ""
    assert os.readlink(root / "cluster/cdsl/2/var/lib") == "../../cluster/shared/var/lib"


def test_a_copy_is_never_made_of_nothing_because_something_lies_in_it(root: Path) -> None:
    for node in ("1", "2", "default"):
        shutil.rmtree(root / f"cluster/cdsl/{node}/var")
    said = bad(root)
    assert "first make /cluster/cdsl/1/var, which is the copy of /var" in said
    assert bad(root, "--repair") == said
    assert not (root / "cluster/cdsl/1/var").exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_nothing_is_mended_through_what_is_no_directory(
    root: Path, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "net").mkdir()
    shutil.rmtree(root / "cluster/cdsl/2/etc")
    above = root / "cluster/cdsl/2/etc"
    above.symlink_to(outside) if kind == "link" else above.write_text("")
    assert f"first put a directory in place of the {kind} /cluster/cdsl/2/etc" in bad(root, "--repair")
    assert list((outside / "net").iterdir()) == []
    above.unlink()
    above.mkdir()
    good(root, "check", "--repair")
    assert good(root, "check") == ""


def test_what_lies_behind_a_link_is_not_the_nodes_own(root: Path) -> None:
    (root / "cluster/cdsl/2/etc").rename(root / "other")
    relinked(root / "cluster/cdsl/2/etc", str(root / "other"))
    said = bad(root)
    message = f"is a link to {root}/other: what is there is not this tree's /etc/"
    assert [line for line in said if line.startswith("/cluster/cdsl/2/etc: ")] == [
        f"/cluster/cdsl/2/etc: {message}hosts", f"/cluster/cdsl/2/etc: {message}net/conf"]  # fmt: skip


# --- a link that was replaced


def replaced(root: Path) -> Path:
    """In the tree of node 2 there is a directory in place of the link to what is shared."""
    place = root / "cluster/cdsl/2/var/lib"
    place.unlink()
    place.mkdir()
    (place / "new").write_text("new\n")
    return place


def test_what_replaced_a_shared_link_is_kept(root: Path) -> None:
    place = replaced(root)
    assert bad(root) == [
        "/cluster/cdsl/2/var/lib: the link has been replaced by a directory",
        "keep it as /cluster/cdsl/2/var/lib.orig, and make the link again",
    ]
    assert "keep it as /cluster/cdsl/2/var/lib.orig" in good(root, "check", "--repair")
    assert good(root, "check") == ""
    assert (place.with_name("lib.orig") / "new").read_text() == "new\n"
    assert os.readlink(place) == "../../cluster/shared/var/lib"


@pytest.mark.parametrize("name", ["lib.orig", ".osr-new.lib"])
def test_a_name_that_a_repair_needs_is_said_if_it_is_taken(root: Path, name: str) -> None:
    place = replaced(root)
    taken = place.with_name(name)
    taken.write_text("before\n")
    line = f"look what /cluster/cdsl/2/var/{name} is, and move it away; then keep it as /cluster/cdsl/2/var/lib.orig"
    assert bad(root)[1].startswith(line)
    assert bad(root, "--repair")[1].startswith(line)
    assert taken.read_text() == "before\n"
    taken.rename(root / "before")
    good(root, "check", "--repair")
    assert good(root, "check") == ""


def test_what_replaced_the_link_may_be_all_that_is_left(root: Path) -> None:
    place = replaced(root)
    shutil.rmtree(root / "cluster/shared/var")
    said = bad(root, "--repair")
    begin = "what is shared is missing as well; if this is it: "
    (line,) = (line for line in said if line.startswith(begin))
    assert (place / "new").exists()
    pasted(root, line[len(begin) :])
    good(root, "check", "--repair")
    assert good(root, "check") == ""
    assert (root / "cluster/shared/var/lib/new").read_text() == "new\n"


def test_the_node_whose_content_it_is_may_have_lost_its_directory_too(root: Path) -> None:
    relinked(root / "etc/net/conf", "x")
    (root / "etc/net/conf").unlink()
    (root / "etc/net/conf").write_text("new\n")
    shutil.rmtree(root / "cluster/cdsl/2/etc/net")
    good(root, "check", "--repair", "--node", "2")
    assert good(root, "check") == ""
    assert (root / "cluster/cdsl/2/etc/net/conf").read_text() == "new\n"


def test_of_what_nothing_is_left_is_struck_out_as_it_is_said(root: Path) -> None:
    shutil.rmtree(root / "cluster/shared/var/lib")
    line = "bring it back from a backup; or `osr cdsl remove --force /var/lib` strikes it out"
    assert bad(root, "--repair")[1] == line
    good(root, "remove", "--force", "/var/lib")
    assert good(root, "check") == ""


# --- what changes have left


def test_leftovers_are_listed_with_what_can_be_done(root: Path) -> None:
    relinked(root / ".osr-new.var", "cdsl.local/var")
    (root / "cluster/cdsl/2/etc/hosts").rename(root / "cluster/cdsl/2/etc/.osr-old.hosts")
    (root / "etc/.osr-new.motd").write_text("half\n")
    (root / "cluster/cdsl/.osr-new.3").mkdir()
    (root / "cluster/cdsl/.osr-new.3/x").mkdir()
    (root / "cluster/cdsl/.osr-new.3/.osr-old.x").mkdir()  # is in one
    left = bad(root)[2:]
    assert left == [
        "/.osr-new.var: was prepared for /var by a change of which there is no record any more",
        "see whether /var lacks anything of it, and rm -r /.osr-new.var",
        "/cluster/cdsl/.osr-new.3: was prepared for /cluster/cdsl/3 by a change of which there is no record any more",
        "see whether it is whole, and what belongs there: mv -n /cluster/cdsl/.osr-new.3 /cluster/cdsl/3; "
        "otherwise rm -r /cluster/cdsl/.osr-new.3",
        "/cluster/cdsl/2/etc/.osr-old.hosts: was put away from /cluster/cdsl/2/etc/hosts by a change of which there is "
        "no record any more",
        "see whether it is what belongs there: mv -n /cluster/cdsl/2/etc/.osr-old.hosts /cluster/cdsl/2/etc/hosts; "
        "otherwise rm -r /cluster/cdsl/2/etc/.osr-old.hosts",
        "/etc/.osr-new.motd: was prepared for /etc/motd by a change of which there is no record any more",
        "see whether it is whole, and what belongs there: mv -n /etc/.osr-new.motd /etc/motd; "
        "otherwise rm -r /etc/.osr-new.motd",
    ]
    # None of it is thrown away, nor put back: what node 2 lacks is made of the template's.
    assert [line for line in bad(root, "--repair") if "no record" in line] == left[::2]
    assert "see whether /cluster/cdsl/2/etc/hosts lacks anything of it, and rm" in bad(root)[5]
    for line in left[1::2]:
        pasted(root, line[line.index("rm -r") :])
    assert good(root, "check") == ""


def test_what_a_change_has_prepared_meanwhile_is_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relinked(root / "etc/.osr-new.motd", "../cdsl.local/etc/motd")
    walk = Disk.walk

    def walked(disk: Disk, enter: object) -> Iterator[tuple[str, str, str]]:
        yield from walk(disk, enter)  # type: ignore[arg-type]
        (root / JOURNAL).write_text("{}")

    monkeypatch.setattr(Disk, "walk", walked)
    assert good(root, "check") == ""


# --- a path that is none


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("/no/such/path",), "`osr cdsl list` shows which there are"),
        (("/etc/hosts", "/typo"), "`osr cdsl list` shows which there are"),
        (("/var/log",), "it is in /var, which is hostdependent"),
        (("--norecursive", "/etc"), "`osr cdsl list` shows which there are"),
    ],
)
def test_of_what_is_no_cdsl_it_is_not_said_that_all_is_well(root: Path, words: tuple[str, ...], hint: str) -> None:
    has = "" if "--norecursive" in words else ", and has none in it"
    for begin in ((), ("--repair",), ("--json",)):
        said = cdsl(root, "check", *begin, *words)
        assert (said.status, said.out, said.err) == (1, "", f"osr: {words[-1]} is no CDSL{has}\n  {hint}\n")


def test_a_typing_error_in_the_program_of_old(root: Path) -> None:
    said = osr("-r", str(root), "-C", "/typo", program="com-cdslinvchk")
    assert said.status == 1
    assert "/typo is no CDSL" in said.err


def test_what_has_cdsls_in_it_is_asked_for_with_all_of_them(root: Path) -> None:
    (root / "etc/net/conf").unlink()
    for word in ("/etc", "/"):
        assert bad(root, word)[0] == "/etc/net/conf: the link is missing"
    assert good(root, "check", "/var") == ""
