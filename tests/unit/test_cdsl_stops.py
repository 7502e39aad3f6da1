"""The command is stopped for real: by signals while cp runs, by SIGKILL at a known step, by a full disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osr_boot.cdsl.change import CLEANING, COMMITTED, JOURNAL, PREPARING
from osr_boot.cdsl.disk import Disk
from tests.unit.command import cdsl
from tests.unit.test_cdsl_copies import portrait

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(os.geteuid() != 0, reason="the real command changes a root for its root user only"),
]

TOP = Path(__file__).parents[2]
OSR = "import sys; sys.path.insert(0, {top!r}); import osr_boot.cli as c; {more}; sys.exit(c.main())"
# A cp that stops when all is copied, and ends when somebody lets it go on: no test depends on how fast this machine is.
STOPS = """import osr_boot.cdsl.copying as d; d.COPY = ('sh', '-c', 'cp "$@"; kill -STOP $$', *d.COPY)"""
FILES = 6000


def whole(root: Path) -> dict[bytes, tuple[object, ...]]:
    """Return a portrait without the lock, the top, where the journal comes and goes, and times of directories."""
    found = {path: said for path, said in portrait(root).items() if path not in (b"", b"/.osr-cdsl-lock")}
    return {path: said[:3] + said[4 if str(said[0]).startswith("0o4") else 3 :] for path, said in found.items()}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A root, in memory if there is some: a busy disk would make this a matter of minutes."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else str(tmp_path)
    with tempfile.TemporaryDirectory(prefix="osr-cdsl-", dir=memory) as name:
        for number in range(10):
            (Path(name) / f"var/{number}").mkdir(parents=True)
            (Path(name) / f"var/{number}/file").write_text(str(number))
        assert cdsl(Path(name), "init", "--nodes", "2").status == 0
        yield Path(name)
        for word in copiers(Path(name)):
            os.kill(int(word), signal.SIGKILL)


@pytest.fixture
def large(root: Path) -> Path:
    """A root with a tree that takes a while to copy, and to remove."""
    for number in range(FILES):
        if number % 500 == 0:
            (root / f"var/many/{number // 500}").mkdir(parents=True)
        (root / f"var/many/{number // 500}/{number}").write_text(str(number))
    return root


def state(root: Path) -> str:
    """Return how far a change has come, by its journal."""
    try:
        return str(json.loads((root / JOURNAL).read_text())["state"])
    except (FileNotFoundError, ValueError):
        return ""


def until(condition: Callable[[], object], what: str) -> None:
    """Look again and again until something is so: as fast as it goes, for the next step may follow at once."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, what


def copiers(root: Path) -> list[str]:
    """Return the processes that copy something in a root."""
    found = []
    for word in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{word}/cmdline").read_bytes()
            ended = Path(f"/proc/{word}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if b"--archive\0" in words and os.fsencode(root) in words and not ended:
            found.append(word)
    return found


def copied(root: Path) -> bool:
    """Say whether copies are there in full, and the change is still being prepared."""
    return state(root) == PREPARING and len(list(root.glob("cluster/cdsl/*/.osr-new.var/9/file"))) == min(
        os.cpu_count() or 1, 2
    )


def begun(root: Path, *words: str, more: str = "0", program: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start the real command, as from a terminal: a shell's background job would hand on that it is deaf to SIGINT."""
    code = OSR.format(top=str(TOP), more=more)
    return subprocess.Popen(
        [*program, sys.executable, "-I", "-c", code, "cdsl", words[0], "--root", str(root), *words[1:]],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_is_copied(root: Path, number: signal.Signals) -> None:
    before = whole(root)
    command = begun(root, "create", "-a", "/var", more=STOPS)
    until(lambda: copied(root), "cp has copied")
    os.kill(command.pid, number)
    out, err = command.communicate(timeout=120)
    assert (command.returncode, out) == (130, "")
    assert err == "osr: interrupted: make /var host-dependent: nothing has changed\n"
    assert not copiers(root)
    assert whole(root) == before
    assert cdsl(root, "recover").err == ""


def test_a_second_one_ends_it_at_once_and_the_next_command_undoes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "var/log").mkdir(parents=True)
    cdsl(tmp_path, "init", "--nodes", "2")
    before = whole(tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt  # no signal: a shell's background job is deaf to it

    with monkeypatch.context() as here:
        here.setattr(Disk, "sync", interrupted)
        here.setattr(Disk, "remove", interrupted)
        said = cdsl(tmp_path, "create", "-a", "/var")
    assert said.status == 130
    assert said.err.startswith("osr: interrupted: make /var host-dependent: the next command finishes or undoes it")
    assert state(tmp_path) == PREPARING
    assert cdsl(tmp_path, "recover").err == "osr: an interrupted change was undone: make /var host-dependent\n"
    assert whole(tmp_path) == before


def test_who_ignores_a_hang_up_is_not_disturbed(root: Path) -> None:
    command = begun(root, "create", "-a", "/var", more=STOPS, program=("nohup",))
    until(lambda: copied(root), "cp has copied")
    command.send_signal(signal.SIGHUP)

    def let_go() -> bool:
        for word in copiers(root):
            os.kill(int(word), signal.SIGCONT)
        return command.poll() is not None

    until(let_go, "the command ends")
    out, err = command.communicate()
    assert (command.returncode, out) == (0, "make /var host-dependent\n"), err


def test_a_kill_while_it_is_copied(root: Path) -> None:
    """Its cps end with it, though nobody ends them: what the next command removes is not written any more."""
    before = whole(root)
    command = begun(root, "create", "-a", "/var", more=STOPS)
    until(lambda: copied(root), "cp has copied")
    command.kill()
    command.communicate()
    until(lambda: not copiers(root), "no cp is left")
    assert state(root) == PREPARING
    assert recovered(root) == "osr: an interrupted change was undone: make /var host-dependent\n"
    assert whole(root) == before


def test_a_kill_in_the_middle_of_a_file(large: Path) -> None:
    """Wherever cp is."""
    before = whole(large)
    command = begun(large, "create", "-a", "/var")
    until(lambda: state(large) == PREPARING, "it has begun")
    until(lambda: any(large.glob("cluster/cdsl/?/.osr-new.var/*/*")) or state(large) != PREPARING, "cp has begun")
    command.kill()
    command.communicate()
    until(lambda: not copiers(large), "no cp is left")
    left = state(large)
    said = recovered(large)
    if left == PREPARING:
        assert said == "osr: an interrupted change was undone: make /var host-dependent\n"
        assert whole(large) == before
    else:  # on a busy machine this test may come late
        finished(large, before)


def test_a_kill_when_it_is_committed(large: Path) -> None:
    before = whole(large)
    command = begun(large, "create", "-a", "/var")
    until(lambda: state(large) == PREPARING, "it has begun")
    until(lambda: state(large) != PREPARING, "it is committed")
    command.kill()
    command.communicate()
    left = state(large)
    assert left in (COMMITTED, CLEANING, "")  # it may have been quicker than this test
    said = recovered(large)
    assert said == ("osr: an interrupted change was finished: make /var host-dependent\n" if left else "")
    finished(large, before)


def finished(root: Path, before: dict[bytes, tuple[object, ...]]) -> None:
    """Hold a root against what was there before /var became host-dependent."""
    assert state(root) == ""
    assert os.readlink(root / "var") == "cdsl.local/var"
    names = {path[4:] for path in before if f"{os.fsdecode(path)}/".startswith("/var/")}
    for name in ("1", "2", "default"):
        now = whole(root / "cluster/cdsl" / name / "var")
        assert {path: now[path][:-1] for path in now} == {
            path: before[b"/var" + path][:-1] for path in names if path}  # fmt: skip
    assert cdsl(root, "check").status == 0


def test_a_kill_while_it_is_cleaned_up_after(large: Path) -> None:
    """The removal of a large tree takes its time: the change is done by then."""
    assert cdsl(large, "create", "-a", "/var").status == 0
    command = begun(large, "remove", "--delete", "--from", "1", "/var")
    until(lambda: state(large) == CLEANING, "it is cleaning")
    command.kill()
    command.communicate()
    left = state(large)
    said = recovered(large)
    assert said.startswith("osr: an interrupted change was finished: make /var the same for all" if left else "")
    assert len(list((large / "var/many").rglob("*"))) == FILES + FILES // 500
    assert not (large / "cluster/cdsl/2/var").exists()


def recovered(root: Path) -> str:
    """Return what `recover` says after a kill, beside whose lock was left behind."""
    said = cdsl(root, "recover")
    assert said.status == 0
    return "".join(line for line in said.err.splitlines(True) if not line.startswith("osr: a lock was left behind by"))


FULL = """
import os, sys
from pathlib import Path
from tests.unit import test_cdsl_stops as test
root = Path(sys.argv[1])
(root / "var/log").mkdir(parents=True)
(root / "var/log/messages").write_bytes(os.urandom(3 << 20))
(root / "var/log/small").write_text("small")
assert test.cdsl(root, "init", "--nodes", "2").status == 0
before = test.whole(root)
said = test.cdsl(root, "create", "-a", "/var")
print(said.status, said.out + said.err)
assert test.whole(root) == before, "the tree has changed"
assert test.state(root) == ""
(root / "var/log/messages").write_bytes(b"less")
assert test.cdsl(root, "create", "-a", "/var").status == 0
"""
MOUNTED = """
import subprocess, sys
from pathlib import Path
from tests.unit import test_cdsl_stops as test
root = Path(sys.argv[1])
(root / "var/lib/pipefs").mkdir(parents=True)
(root / "var/lib/bound").mkdir()
(root / "var/own").write_text("own")
(root / "elsewhere").mkdir()
(root / "elsewhere/file").write_text("dear")
assert test.cdsl(root, "init", "--nodes", "2").status == 0
subprocess.run(["mount", "-t", "tmpfs", "other", root / "var/lib/pipefs"], check=True)
(root / "var/lib/pipefs/file").write_text("not of the root")
assert test.cdsl(root, "create", "-a", "/var").status == 0
assert (root / "cluster/cdsl/2/var/own").read_text() == "own"
assert list((root / "cluster/cdsl/2/var/lib/pipefs").iterdir()) == []
assert (root / "cluster/cdsl/1/var/lib/pipefs/file").read_text() == "not of the root"
subprocess.run(["mount", "--bind", root / "elsewhere", root / "cluster/cdsl/2/var/lib/bound"], check=True)
said = test.cdsl(root, "remove", "--delete", "--from", "1", "/var")
print(said.status, said.out + said.err)
assert (root / "elsewhere/file").read_text() == "dear"
assert test.state(root) == ""
assert (root / "cluster/cdsl/1/var/own").read_text() == "own"
subprocess.run(["umount", root / "cluster/cdsl/2/var/lib/bound"], check=True)
assert test.cdsl(root, "remove", "--delete", "--from", "1", "/var").status == 0
assert (root / "elsewhere/file").read_text() == "dear"
assert not (root / "cluster/cdsl/2/var").exists()
"""


def in_a_small_filesystem(code: str, place: Path) -> str:
    """Run Python where `place` is a filesystem of 8 MiB, which no other process sees."""
    script = 'mount -t tmpfs -o size=8m,mode=755 small "$1" && exec "$2" -c "$3" "$1"'
    argv = ["unshare", "-m", "sh", "-c", script, "sh", str(place), sys.executable, code]
    done = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"cannot be had here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_full_disk(tmp_path: Path) -> None:
    said = in_a_small_filesystem(FULL, tmp_path)
    assert said.startswith("1 osr: cannot copy /var: cp: ")
    assert "/.osr-new.var/log/messages" in said
    assert "No space left on device\n  nothing has changed yet\n" in said


def test_what_is_mounted_in_a_tree_is_neither_copied_nor_removed(tmp_path: Path) -> None:
    said = in_a_small_filesystem(MOUNTED, tmp_path)
    place = tmp_path / "cluster/cdsl/2/var"
    assert (
        said
        == f"1 osr: {place} is not removed: something is mounted on {place}/lib/bound\n  umount {place}/lib/bound\n\n"
    )
