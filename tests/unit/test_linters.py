"""Linters and types are tests: a finding of theirs is a failure like any other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
HOOKS = sorted(path for path in TOP.glob("dracut/*/osr*.sh"))
SETUPS = sorted(TOP.glob("dracut/*/module-setup.sh"))
SCRIPTS = [TOP / "tests/setup", TOP / ".ci/run"]

pytestmark = pytest.mark.programs


def run(*argv: str | Path) -> None:
    done = subprocess.run([str(word) for word in argv], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff() -> None:
    run(sys.executable, "-m", "ruff", "check", "-q", "osr_boot", "tests")


def test_mypy() -> None:
    run(sys.executable, "-m", "mypy", "osr_boot", "tests")


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.name)
def test_hook_is_posix_shell(path: Path) -> None:
    run("dash", "-n", path)
    # SC2034, SC2154: the variables are dracut's. SC1091: the library lies in the image.
    run("shellcheck", "-s", "dash", "-e", "SC1091,SC2034,SC2154", path)


@pytest.mark.parametrize("path", SETUPS, ids=lambda path: path.parent.name)
def test_module_setup(path: Path) -> None:
    run("shellcheck", "-s", "bash", "-e", "SC1091,SC2034,SC2154", path)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script(path: Path) -> None:
    run("shellcheck", path)


@pytest.mark.parametrize("path", [path for path in HOOKS if path.name != "osr-lib.sh"], ids=lambda path: path.name)
def test_hook_is_thin_and_returns(path: Path) -> None:
    code = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(code) <= 15
    if path.name == "osr-service.sh":  # a program, which is not sourced
        return
    assert not re.search(r"\bexit\b|\bset -e\b|\beval\b", "\n".join(code))
    if path.name != "osr-shutdown.sh":  # where nothing was started there is nothing to end
        assert code[1] == "osr_wanted || return 0"


def test_make_alone_prints_every_public_target() -> None:
    done = subprocess.run(["make", "-s"], cwd=TOP, capture_output=True, text=True, check=True)
    for target in re.findall(r"^\.PHONY: (.*)", (TOP / "Makefile").read_text(), re.M)[0].split():
        if target in ("help", "setup", "setup-lab"):
            continue
        assert f"make {target}" in done.stdout


def test_no_path_or_host_of_a_machine() -> None:
    done = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True)
    for name in done.stdout.split():
        text = (TOP / name).read_text(errors="replace") if (TOP / name).is_file() else ""
        assert not re.search(r"https?://[^ ]*(debian|pypi|pythonhosted|npmjs)", text), name
        assert f"{TOP}/" not in text, name
