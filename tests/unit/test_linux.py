"""The door to the machine: files on a pretended filesystem, and real programs."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osr_boot.errors import CommandFailed
from osr_boot.linux import ENVIRONMENT, Linux, pasteable

if TYPE_CHECKING:
    from pyfakefs.fake_filesystem import FakeFilesystem  # type: ignore[import-untyped, unused-ignore]


# --- files


def test_write_makes_parents_and_leaves_one_file(fs: FakeFilesystem) -> None:
    Linux().write("/run/osr/deep/report.json", "text\n")
    assert Path("/run/osr/deep/report.json").read_text() == "text\n"
    assert os.listdir("/run/osr/deep") == ["report.json"]


def test_write_gives_the_mode(fs: FakeFilesystem) -> None:
    Linux().write("/run/secret", "", mode=0o600)
    assert stat.S_IMODE(os.stat("/run/secret").st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_file(fs: FakeFilesystem, monkeypatch: pytest.MonkeyPatch) -> None:
    fs.create_file("/run/osr/plan.json", contents="old")
    monkeypatch.setattr(os, "replace", lambda old, new: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        Linux().write("/run/osr/plan.json", "new")
    assert Path("/run/osr/plan.json").read_text() == "old"


def test_whoever_reads_sees_the_old_file_or_the_new_one(fs: FakeFilesystem, monkeypatch: pytest.MonkeyPatch) -> None:
    fs.create_file("/run/osr/plan.json", contents="old")
    seen = []
    rename = os.replace

    def replace(old: str, new: str) -> None:
        seen.append((Path(new).read_text(), Path(old).read_text()))
        rename(old, new)

    monkeypatch.setattr(os, "replace", replace)
    Linux().write("/run/osr/plan.json", "new")
    assert seen == [("old", "new")]
    assert Path("/run/osr/plan.json").read_text() == "new"


def test_write_does_not_follow_a_link_that_somebody_put_there(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "plan.json.new").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        Linux().write(str(tmp_path / "plan.json"), "new")
    assert victim.read_text() == "mine"


def test_a_link_is_replaced_and_its_target_stays(fs: FakeFilesystem) -> None:
    fs.create_file("/elsewhere", contents="mine")
    fs.create_symlink("/run/plan.json", "/elsewhere")
    Linux().write("/run/plan.json", "new")
    assert not os.path.islink("/run/plan.json")
    assert Path("/elsewhere").read_text() == "mine"


@pytest.mark.parametrize("path", ["/proc/sys/kernel/hostname", "/sys/class/net/bonding_masters"])
def test_kernel_files_are_written_in_place(fs: FakeFilesystem, path: str) -> None:
    fs.create_file(path, contents="before")
    before = os.stat(path).st_ino
    Linux().write(path, "node1\n")
    assert Path(path).read_text() == "node1\n"
    assert os.stat(path).st_ino == before


def test_a_kernel_file_that_is_not_there_is_not_made(fs: FakeFilesystem) -> None:
    with pytest.raises(OSError, match="No such file"):
        Linux().write("/proc/sys/kernel/hostname", "node1\n")


def test_bytes_that_are_no_text_survive_reading_and_writing(fs: FakeFilesystem) -> None:
    fs.create_file("/list", contents=b"/a\xff/b\n")
    Linux().write("/copy", Linux().read("/list"))
    assert Path("/copy").read_bytes() == b"/a\xff/b\n"


def test_read_of_nothing(fs: FakeFilesystem) -> None:
    with pytest.raises(FileNotFoundError):
        Linux().read("/run/osr/plan.json")


def test_mkdir_again_is_no_failure(fs: FakeFilesystem) -> None:
    Linux().mkdir("/sysroot/deep")
    Linux().mkdir("/sysroot/deep")
    assert os.path.isdir("/sysroot/deep")


def test_remove_takes_a_file_or_nothing(fs: FakeFilesystem) -> None:
    fs.create_file("/run/osr/dhcp/eth0-4.pid")
    Linux().remove("/run/osr/dhcp/eth0-4.pid")
    Linux().remove("/run/osr/dhcp/eth0-4.pid")
    assert Linux().names("/run/osr/dhcp") == ()


def test_names_are_sorted_and_empty_for_what_is_not_there(fs: FakeFilesystem) -> None:
    for name in ("eth1", "lo", "eth0"):
        fs.create_dir(f"/sys/class/net/{name}")
    fs.create_file("/file")
    assert Linux().names("/sys/class/net") == ("eth0", "eth1", "lo")
    assert Linux().names("/sys/class/nothing") == ()
    assert Linux().names("/file") == ()


def test_readlink(fs: FakeFilesystem) -> None:
    fs.create_symlink("/var", "cdsl.local/var")
    fs.create_file("/file")
    assert [Linux().readlink(path) for path in ("/var", "/file", "/nothing")] == ["cdsl.local/var", "", ""]


def test_exists_and_isdir_follow_links(fs: FakeFilesystem) -> None:
    fs.create_dir("/real")
    fs.create_symlink("/link", "/real")
    fs.create_symlink("/dangling", "/gone")
    system = Linux()
    assert (system.exists("/link"), system.isdir("/link")) == (True, True)
    assert (system.exists("/dangling"), system.isdir("/dangling")) == (False, False)


@pytest.mark.parametrize("size", [0, 1, (16 << 20) + 1])
def test_copy_has_content_and_mode(tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "new/deep/target"
    source.write_bytes(b"x" * size)
    source.chmod(0o4755)
    Linux().copy(str(source), str(target))
    assert target.stat().st_size == size
    assert target.read_bytes() == source.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o4755


def test_copy_of_a_link_is_a_link_and_may_be_made_again(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("bash")
    for _ in range(2):
        Linux().copy(str(tmp_path / "sh"), str(tmp_path / "copy/sh"))
    assert os.readlink(tmp_path / "copy/sh") == "bash"


def test_copy_of_nothing_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="/gone"):
        Linux().copy(str(tmp_path / "gone"), str(tmp_path / "target"))


# --- time and words


def test_waiting_is_counted_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    system = Linux()
    system.pause(0.25)
    system.pause(0.5)
    assert (slept, system.away) == ([0.25, 0.5], 0.75)


def test_uptime_is_that_of_the_machine() -> None:
    assert abs(Linux().uptime() - float(Path("/proc/uptime").read_text().split()[0])) < 2


def test_say_is_one_line_for_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    Linux().say("waiting")
    assert capsys.readouterr() == ("", "osr: waiting\n")


def test_pasteable() -> None:
    assert pasteable(("mount", "-o", "a b", "it's", "")) == """mount -o 'a b' 'it'"'"'s' ''"""


# --- programs

programs = pytest.mark.programs


@programs
def test_arguments_reach_the_program_as_they_are() -> None:
    words = ("two words", "", "$HOME", "*", "-n", "new\nline", "ü")
    assert Linux().run(("printf", "<%s>", *words)) == "".join(f"<{word}>" for word in words)


@programs
def test_standard_input() -> None:
    assert Linux().run(("cat",), input="link set dev eth0 up\n") == "link set dev eth0 up\n"
    assert Linux().run(("cat",)) == ""


@programs
def test_a_program_that_does_not_read_its_input_is_no_failure() -> None:
    assert Linux().run(("true",), input="x" * 1_000_000) == ""


@programs
def test_nothing_is_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LD_PRELOAD", "/nowhere.so")
    monkeypatch.chdir(tmp_path)
    assert dict(line.split("=", 1) for line in Linux().run(("env",)).splitlines()) == ENVIRONMENT
    assert Linux().run(("pwd",)) == "/\n"


@programs
def test_the_search_path_is_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mount").write_text("#!/bin/sh\necho wrong\n")
    (tmp_path / "mount").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "util-linux" in Linux().run(("mount", "--version"))


@programs
def test_a_failure_can_be_pasted_and_tells_status_and_words() -> None:
    with pytest.raises(CommandFailed) as caught:
        Linux().run(("sh", "-c", "echo out; echo 'mount.nfs: access denied' >&2; exit 32"))
    assert caught.value.status == 32
    assert caught.value.output == "mount.nfs: access denied"
    assert caught.value.message == (
        """sh -c 'echo out; echo '"'"'mount.nfs: access denied'"'"' >&2; exit 32': mount.nfs: access denied"""
    )


@programs
@pytest.mark.parametrize(
    ("script", "status", "words"),
    [("exit 3", 3, "exit status 3"), ("echo only out; exit 1", 1, "only out"), ("kill -9 $$", -9, "exit status -9")],
)
def test_a_silent_failure_says_its_status(script: str, status: int, words: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        Linux().run(("sh", "-c", script))
    assert caught.value.status == status
    assert caught.value.message.endswith(f": {words}")


@programs
def test_output_that_is_no_text_is_shown_and_stops_nothing() -> None:
    assert Linux().run(("printf", "a\\377b")) == "a\ufffdb"


@programs
def test_a_program_that_is_not_there() -> None:
    with pytest.raises(CommandFailed) as caught:
        Linux().run(("osr-no-such-program", "--word"))
    assert caught.value.status == 127
    assert caught.value.message == 'program "osr-no-such-program" not found'
    assert caught.value.hint.startswith("rebuild the image")


@programs
def test_a_program_without_end_is_ended() -> None:
    begin = time.monotonic()
    with pytest.raises(CommandFailed) as caught:
        Linux().run(("sleep", "60"), timeout=0.2)
    assert time.monotonic() - begin < 10
    assert caught.value.status == 124
    assert caught.value.message.startswith("sleep 60: no end after")


@programs
def test_programs_and_their_time_are_counted_also_when_they_fail() -> None:
    system = Linux()
    system.run(("sleep", "0.1"))
    with pytest.raises(CommandFailed):
        system.run(("sh", "-c", "sleep 0.1; false"))
    with pytest.raises(CommandFailed):
        system.run(("osr-no-such-program",))
    assert system.programs == 3
    assert 0.2 <= system.away < 5


@programs
def test_debug_shows_every_program(capsys: pytest.CaptureFixture[str]) -> None:
    Linux(debug=True).run(("cat",), input="a line\n")
    Linux().run(("cat",), input="another\n")
    said = capsys.readouterr().err
    assert said == "osr: run: cat <<< 'a line\\n'\nosr: run: status 0: a line\n"


@programs
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot is root's own")
def test_a_program_of_another_root(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match='"cat" not found'):  # it is not looked for here
        Linux().run(("cat",), root=str(tmp_path))


@pytest.mark.programs
def test_after_a_timeout_nothing_of_the_program_goes_on(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"(sleep 1.5; touch {mark}) & sleep 60"
    with pytest.raises(CommandFailed, match="no end after"):
        Linux().run(("sh", "-c", script), timeout=0.5)
    survivors = subprocess.run(["pgrep", "-f", f"touch {mark}"], capture_output=True, text=True, check=False)
    assert survivors.stdout == ""


@pytest.mark.programs
def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="cannot be started") as caught:
        Linux().run((str(tmp_path),))
    assert caught.value.status == 126
