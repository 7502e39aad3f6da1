"""Which programs use what is moved, and how far a copying is: what a person is told before and meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osr_boot.cdsl import copying, progress, users
from osr_boot.cdsl.progress import words
from osr_boot.programs import Programs
from tests.unit.command import cdsl
from tests.unit.test_docs import block, text

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]

STOP = "  what they hold open stays open, and goes to /cluster/cdsl/1/var with the rest: better stop them first\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("log/messages", "lib/status", "spool/mail"):
        (tmp_path / "var" / name).parent.mkdir(parents=True)
        (tmp_path / "var" / name).write_text("text\n")
    cdsl(tmp_path, "init", "--nodes", "2")
    return tmp_path


@pytest.fixture
def runs() -> Iterator[Callable[[str], int]]:
    """Run a shell's script until the end of the test, as soon as it has begun. Returns its process."""
    children: list[subprocess.Popen[bytes]] = []

    def run(script: str) -> int:
        child = subprocess.Popen(["sh", "-c", f"{script}; echo begun; exec sleep 600"], stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
            pass
        return child.pid

    yield run
    for child in children:
        child.kill()
        child.communicate()


def test_who_writes_and_who_reads(root: Path, runs: Callable[[str], int]) -> None:
    reads = runs(f"exec 3< {root}/var/lib/status")
    inside = runs(f"cd {root}/var/spool")
    writes = runs(f"exec 3< {root}/var/lib/status 4>> {root}/var/log/messages 5>> {root}/var/spool/mail")
    said = cdsl(root, "create", "--quiet", "-a", "/var")
    assert (said.status, said.out) == (0, "")
    assert said.err == (
        f"osr: /var is in use: sleep (process {writes}) writes /var/log/messages and 2 more\n"
        f"osr: /var is in use: sleep (process {reads}) reads /var/lib/status\n"
        f"osr: /var is in use: sleep (process {inside}) is in /var/spool\n{STOP}"
    )


def test_who_uses_something_is_told_once_for_several_changes(root: Path, runs: Callable[[str], int]) -> None:
    process = runs(f"exec 3>> {root}/var/log/messages")
    said = cdsl(root, "create", "--quiet", "--node", "1", "-a", "/var", "-s", "/var/lib")
    assert (said.status, said.err) == (
        0, f"osr: /var is in use: sleep (process {process}) writes /var/log/messages\n{STOP}",
    )  # fmt: skip


def test_what_the_document_says(root: Path, runs: Callable[[str], int]) -> None:
    process = runs(f"exec 3>> {root}/var/log/messages")
    said = cdsl(root, "create", "-a", "/var")
    shown = said.err.replace(f"sleep (process {process})", "rsyslogd (process 412)") + said.out
    assert block(text("docs/cdsl.md"), "# osr cdsl create").split("\n", 1)[1] == shown


def test_where_it_goes_on_writing(root: Path, runs: Callable[[str], int]) -> None:
    script = f"exec 4>> {root}/var/log/messages; mkfifo {root}/go; {{ read x < {root}/go; echo more >&4; }} & true"
    runs(script)
    cdsl(root, "create", "-a", "/var")
    (root / "go").write_text("\n")
    place = root / "cluster/cdsl/1/var/log/messages"
    while place.read_text() != "text\nmore\n":
        pass
    assert (root / "cluster/cdsl/2/var/log/messages").read_text() == "text\n"


def test_nobody_is_named_who_uses_something_else(root: Path, runs: Callable[[str], int]) -> None:
    (root / "variety").mkdir()
    runs(f"cd {root}/variety; exec 3>> {root}/variety/file 4< {root}/cluster/cdsl_inventory.json")
    assert cdsl(root, "create", "-a", "/var").err == ""
    with open(root / "var-of-ours", "w"), contextlib.ExitStack() as stack:
        stack.enter_context(open(root / "cluster/cdsl/1/var/log/messages"))  # this process itself
        assert cdsl(root, "create", "-s", "/var/log").err == ""


def test_at_most_five_and_deleted_files(root: Path, runs: Callable[[str], int]) -> None:
    gone = runs(f"exec 3> {root}/var/log/gone; rm {root}/var/log/gone")
    processes = [runs(f"exec 3>> {root}/var/log/messages") for _ in range(6)]
    said = cdsl(root, "create", "-a", "/var").err.splitlines()
    assert len(said) == 7
    for process, line in zip(sorted([*processes, gone])[:5], said):
        file = "gone (deleted)" if process == gone else "messages"
        assert line == f"osr: /var is in use: sleep (process {process}) writes /var/log/{file}"
    assert said[5] == "osr: /var is in use: and 2 more programs"


def test_a_file_that_is_mapped(root: Path) -> None:
    script = """import mmap, sys
with open(sys.argv[1], "r+b") as file:
    mapped = mmap.mmap(file.fileno(), 0)
print(flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script, root / "var/log/messages"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # fmt: skip
        assert child.stdout
        child.stdout.readline()
        said = cdsl(root, "create", "-a", "/var").err
        child.communicate(b"\n")
    assert re.match(rf"osr: /var is in use: python\S* \(process {child.pid}\) writes /var/log/messages\n", said)


def test_later_changes_are_led_back(root: Path, runs: Callable[[str], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc is gone through once."""
    process = runs(f"exec 3>> {root}/var/lib/status")
    looked: list[str] = []
    look = users._uses

    def once(top: str) -> Iterator[users.Use]:
        looked.append(top)
        return look(top)

    monkeypatch.setattr(users, "_uses", once)
    said = cdsl(root, "create", "--json", "-a", "/var", "-s", "/var/lib")
    assert looked == [str(root)]
    assert said.err == ""
    first, second = json.loads(said.out)["changes"]
    assert first["warnings"] == [
        f"/var is in use: sleep (process {process}) writes /var/lib/status", STOP.strip()]  # fmt: skip
    assert second["warnings"][0] == (
        f"/cluster/cdsl/1/var/lib is in use: sleep (process {process}) writes /cluster/cdsl/1/var/lib/status"
    )
    assert "goes to /cluster/shared/var/lib with" in second["warnings"][1]


def test_a_dry_run_says_it_too(root: Path, runs: Callable[[str], int]) -> None:
    process = runs(f"cd {root}/var")
    assert f"process {process}) is in /var\n" in cdsl(root, "create", "--dry-run", "-a", "/var").err


BOUND = """
import os, subprocess, sys
from pathlib import Path
from tests.unit.command import cdsl
from tests.unit.test_docs import block, text
root = Path(sys.argv[1])
assert cdsl(root, "create", "-a", "/var").status == 0
subprocess.run(["mount", "--bind", root / "cluster/cdsl/1", root / "cdsl.local"], check=True)
with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=open(root / "var/lib/status", "a")) as child:
    print(child.pid)
    print(cdsl(root, "create", "-s", "/var/lib").err)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting is root's own")
def test_on_a_running_node_in_link_style(root: Path) -> None:
    """Its programs know the file as /cdsl.local/var/lib/status."""
    done = subprocess.run(["unshare", "-m", sys.executable, "-c", BOUND, str(root)],
                          capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.returncode == 0, done.stderr
    process, said = done.stdout.split("\n", 1)
    place = "/cluster/cdsl/1/var/lib"
    assert said.startswith(f"osr: {place} is in use: cat (process {process}) writes {place}/status\n")


def test_without_proc(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "PROC", str(root / "nothing"))
    assert cdsl(root, "create", "-a", "/var").err == ""


# --- how far it is


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ((12_345, 60_000, 210 << 20, 900 << 20, 30.0), "12,345 of 60,000 files, 210 of 900 MiB, 112 s left"),
        ((0, 10, 0, 5 << 20, 2.0), "0 of 10 files, 0 of 5 MiB"),
        ((10, 40, 0, 0, 5.0), "10 of 40 files, 15 s left"),
        ((1, 1000, 0, 0, 5.0), "1 of 1,000 files, 83 min left"),
        ((50, 40, 9 << 20, 5 << 20, 5.0), "40 of 40 files, 5 of 5 MiB, 0 s left"),
    ],
)
def test_words(counted: tuple[int, int, int, int, float], said: str) -> None:
    assert words(*counted) == said


def on_a_terminal(root: Path, *options: str) -> str:
    """Return what `create -a /var` writes to a terminal. Nobody waits two seconds for it."""
    ours, theirs = pty.openpty()
    code = "import sys; from tests.unit import test_cdsl_users as t; t.shown(sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", code, str(root), *options], stdout=subprocess.DEVNULL, stderr=theirs,
                          cwd=Path(__file__).parents[2]) as child:  # fmt: skip
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # its end
            while piece := os.read(ours, 4096):
                said += piece
        os.close(ours)
    assert child.returncode == 0, said
    return said.decode()


def shown(arguments: list[str]) -> None:
    """Make /var host-dependent, and show how far it is, as often as can be."""
    from osr_boot import cli

    progress.FIRST = progress.AGAIN = 0.0
    copying.TICK = 0.01
    sys.exit(cli.main(["cdsl", "create", "--root", *arguments, "-a", "/var"]))


@pytest.mark.skipif(os.geteuid() != 0, reason="the real command changes a root for its root user only")
def test_one_line_on_a_terminal_that_is_gone_at_the_end(root: Path) -> None:
    (root / "var/large").write_bytes(os.urandom(10 << 20))
    said = on_a_terminal(root)
    lines = said.split("\r")
    assert lines[0] == lines[-1] == ""
    assert lines[-2].strip() == ""
    counted = [
        re.match(r"osr: /var: (\d+) of 16 files(?:, (\d+) of 21 MiB(?:, (\d+) s left)?)?", line) for line in lines[1:-2]
    ]
    assert counted
    assert all(counted), lines
    numbers = [int(one[1]) for one in counted if one]
    assert numbers == sorted(numbers)
    assert "\n" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="the real command changes a root for its root user only")
@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_nothing_on_a_terminal_where_nobody_wants_it(root: Path, option: str) -> None:
    assert on_a_terminal(root, option) == ""


def test_nothing_without_a_terminal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    assert cdsl(root, "create", "-a", "/var").err == ""


def test_every_line_of_cp_is_a_file(root: Path) -> None:
    """Hard links, links, directories and names with a newline too: so the counts come to the same."""
    os.link(root / "var/log/messages", root / "var/log/again")
    (root / "var/new\nline").write_text("")
    (root / "var/link").symlink_to("nowhere")
    with Programs() as programs:
        argv = [*copying.COPY[:-1], "--verbose", "--", str(root / "var"), str(root / "copy")]
        program = programs.start(argv, counted=True)
        while not programs.wait(10):
            pass
    assert program.status == 0
    assert program.lines == 10


def test_bytes_are_what_the_kernel_says(tmp_path: Path) -> None:
    script = f"printf %0100000d 0 > {tmp_path}/file; echo line; kill -STOP $$"
    with Programs() as programs:
        program = programs.start(["sh", "-c", script], counted=True)
        while program.lines == 0:
            programs.wait(0.01)
        assert program.written() == 100_000  # without the line
    assert program.process.poll() == -9  # it has not outlived the block
