"""The command `osr` as a person and as a script meet it: answers, exit statuses, and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from osr_boot import __version__, boot, cli
from osr_boot.commands import check
from osr_boot.errors import OsrError
from tests.unit.command import BAD, GOOD, WARNED, Said, osr

TOP = Path(__file__).parents[2]

# --- check


def test_check_of_a_good_file_is_silent() -> None:
    assert osr("check", GOOD) == Said(0, "", "")


def test_check_of_a_bad_file_has_line_reason_and_hint() -> None:
    said = osr("check", BAD)
    assert (said.status, said.err) == (2, "")
    first, hint = said.out.splitlines()
    assert first.startswith(f"{BAD}:13: error: node ")
    assert hint.startswith("  correct one of them")


def test_a_warning_is_said_and_is_no_failure() -> None:
    said = osr("check", WARNED)
    assert said.status == 0
    assert ": warning: " in said.out


@pytest.mark.parametrize(("file", "status", "errors"), [(GOOD, 0, 0), (BAD, 2, 1)])
def test_check_as_json(file: str, status: int, errors: int) -> None:
    said = osr("check", "--json", file)
    document = json.loads(said.out)
    assert (said.status, document["format"], document["errors"]) == (status, 1, errors)


def test_root_is_put_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc/cluster").mkdir(parents=True)
    (tmp_path / "etc/cluster/cluster.conf").write_bytes(Path(BAD).read_bytes())
    assert osr("check", "--root", str(tmp_path)).out.startswith(f"{tmp_path}/etc/cluster/cluster.conf:13: error")


# --- what is not there, and what is no cluster.conf


@pytest.mark.parametrize("command", ["check", "compile"])
def test_a_missing_file_is_named(command: str) -> None:
    said = osr(command, "/nowhere/cluster.conf")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("osr: /nowhere/cluster.conf: there is no such file\n  ")


@pytest.mark.parametrize("command", [["check"], ["compile"], ["explain", "--node", "1"], ["requires"]])
@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"{}", b"[]", b"<cluster", b"\x00\x01", b"junk " * 9999,
        b"{\xff\xfe}",
    ],
)  # fmt: skip
def test_what_is_no_cluster_conf_gets_an_error_and_no_traceback(
    tmp_path: Path, command: list[str], content: bytes
) -> None:
    file = tmp_path / "cluster.conf"
    file.write_bytes(content)
    said = osr(*command, str(file))
    assert said.status == 2
    assert "a defect in osr" not in said.err
    assert str(file) in said.out + said.err or "the compiled cluster" in said.err


@pytest.mark.parametrize("command", [["check"], ["compile"], ["explain", "--node", "1"], ["requires"]])
def test_a_directory_is_no_cluster_conf(tmp_path: Path, command: list[str]) -> None:
    said = osr(*command, str(tmp_path))
    assert said.status == 2
    assert "a defect in osr" not in said.err


# --- words


def test_no_word_gives_help() -> None:
    said = osr()
    assert said.status == 2
    assert "usage: osr" in said.out
    assert "explain" in said.out


def test_help_and_version_are_answers() -> None:
    assert osr("--help").status == 0
    assert osr("--version") == Said(0, f"osr {__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ("chekc", GOOD),
        ("check", "--jsn", GOOD),
        ("check", GOOD, "more"),
        ("explain", GOOD, "--node", "1", "--mac", "52:54:00:00:00:01"),
        ("explain", GOOD, "--node"),
    ],
)
def test_a_typo_is_a_usage_error(words: tuple[str, ...]) -> None:
    said = osr(*words)
    assert (said.status, said.out) == (2, "")
    assert "usage: osr" in said.err


# --- compile


def test_compile_writes_the_file_that_explain_reads(tmp_path: Path) -> None:
    out = tmp_path / "new/cluster.json"
    assert osr("compile", GOOD, "-o", str(out)) == Said(0, "", "")
    assert out.read_text() == osr("compile", GOOD).out
    assert osr("explain", str(out), "--node", "2") == osr("explain", GOOD, "--node", "2")


def test_compile_refuses_a_file_with_errors_and_writes_nothing(tmp_path: Path) -> None:
    said = osr("compile", BAD, "-o", str(tmp_path / "out.json"))
    assert (said.status, said.out) == (2, "")
    assert f"{BAD}:13: error" in said.err
    assert f"osr: {BAD} has 1 error\n  mend" in said.err
    assert list(tmp_path.iterdir()) == []


def test_compile_passes_on_warnings() -> None:
    said = osr("compile", WARNED)
    assert said.status == 0
    assert "warning" in said.err
    assert json.loads(said.out)["format"] == 1


# --- requires


def test_requires_of_a_file() -> None:
    lines = osr("requires", GOOD).out.splitlines()
    assert {"module nfsv4", "program mount.nfs", "program ip"} <= {*lines}
    assert lines == sorted(lines)


def test_requires_of_every_filesystem_if_there_is_no_file() -> None:
    document = json.loads(osr("requires", "/nowhere", "--json").out)
    assert document["format"] == 1
    assert {*document["modules"]} >= {"nfs", "nfsv3", "nfsv4"}


# --- boot


@pytest.mark.parametrize("words", [(), ("nonsense",), ("plan", "network"), ("",), ("--help",)])
def test_boot_with_a_wrong_stage(words: tuple[str, ...]) -> None:
    said = osr("boot", *words)
    assert said == Said(2, "", "osr: which stage?\n  usage: osr boot plan|network|root|cdsl|handover|shutdown\n")


def test_boot_passes_on_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def main(words: list[str], *, debug: bool) -> int:
        asked.append((words, debug))
        return 75

    monkeypatch.setattr(boot, "main", main)
    assert osr("boot", "plan").status == 75
    assert osr("boot", "--debug", "root").status == 75
    assert asked == [(["plan"], False), (["root"], True)]


# --- failures


def test_debug_gives_the_traceback() -> None:
    with pytest.raises(OsrError):
        cli.main(["--debug", "explain", GOOD, "--node", "node9"])


def test_a_defect_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> int:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(check, "run", broken)
    said = osr("check", GOOD)
    assert said.status == 1
    assert said.err.startswith("osr: a defect in osr itself: ZeroDivisionError: division by zero\n")
    with pytest.raises(ZeroDivisionError):
        cli.main(["--debug", "check", GOOD])


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run", interrupt)
    assert osr("check", GOOD) == Said(130, "", "")


def real(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    argv = [sys.executable, "-m", "osr_boot", *words]
    environment = {"PATH": os.environ["PATH"]}  # PYTHONUNBUFFERED would hide what happens to the rest of an answer
    return subprocess.run(argv, cwd=TOP, env=environment, stderr=subprocess.PIPE, text=True, check=False, **options)


@pytest.mark.programs
@pytest.mark.parametrize("words", [("explain", GOOD, "--node", "1"), ("check", BAD), ("compile", GOOD), ("--help",)])
def test_nobody_reads_the_answer(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = real(*words, stdout=pipe)
    assert done.stderr == ""
    assert done.returncode in (0, 1, 2)


@pytest.mark.programs
def test_the_command_as_a_process(tmp_path: Path) -> None:
    done = real("check", BAD, stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "")
    assert ":13: error: " in done.stdout
    done = real("--debug", "check", "/nowhere", stdout=subprocess.PIPE)
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("out", ["/proc/nothing/x", "{directory}"])
def test_what_cannot_be_written_is_named_and_is_no_defect(tmp_path: Path, out: str) -> None:
    path = out.format(directory=tmp_path)
    said = osr("compile", GOOD, "-o", path)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"osr: {path.rstrip('x/')}")
    assert "defect" not in said.err
