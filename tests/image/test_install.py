"""`make install` and `make uninstall`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from osr_boot import manual, schema
from osr_boot.commands import OLD_NAMES

TOP = Path(__file__).parents[2]


def make(*words: str) -> None:
    done = subprocess.run(["make", "-s", *words], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_what_is_installed(tmp_path: Path) -> None:
    make("install", f"DESTDIR={tmp_path}")
    names = tree(tmp_path)
    assert {path.name for path in tmp_path.glob("usr/sbin/*")} == {"osr", *OLD_NAMES}
    assert {"usr/lib/osr/osr_boot/boot.py", "usr/lib/osr/osr_boot/filesystems/nfs.py"} <= names
    assert {"usr/lib/dracut/modules.d/95osr", "usr/lib/dracut/modules.d/96osr-cluster"} <= names
    assert "usr/lib/dracut/dracut.conf.d/99-osr.conf" in names
    assert (tmp_path / "usr/share/osr/cluster.rng").read_text() == schema.text()
    assert (tmp_path / "usr/share/man/man5/osr-cluster.conf.5").read_text() == manual.page()
    hooks = {path.name for path in (TOP / "dracut").glob("9*/*")}
    assert {path.name for path in tmp_path.glob("usr/lib/dracut/modules.d/*/*")} == hooks
    assert not [name for name in names if "__pycache__" in name or name.startswith("usr/lib/osr/tests")]
    sources = {str(path.relative_to(TOP)) for path in (TOP / "osr_boot").rglob("*.py")}
    assert {str(path.relative_to(tmp_path / "usr/lib/osr")) for path in tmp_path.glob("usr/lib/osr/**/*.py")} == sources


def test_the_installed_command_runs(tmp_path: Path) -> None:
    make("install", f"prefix={tmp_path}")
    done = subprocess.run(
        [tmp_path / "sbin/osr", "check", TOP / "tests/golden/findings/good.conf"],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert f'"{tmp_path}/lib/osr"' in (tmp_path / "sbin/osr").read_text()


def test_the_installed_command_of_old_runs(tmp_path: Path) -> None:
    make("install", f"prefix={tmp_path}")
    argv = [str(tmp_path / "sbin/com-queryclusterconf"), "-f", str(TOP / "tests/golden/findings/good.conf")]
    done = subprocess.run([*argv, "nodeids"], cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 2\n", "")
    done = subprocess.run([*argv, "nodename", "7"], cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith('com-queryclusterconf: query "nodename 7" finds nothing')


@pytest.mark.parametrize("program", ["osr", *OLD_NAMES])
def test_every_installed_program_knows_its_name(tmp_path: Path, program: str) -> None:
    make("install", f"prefix={tmp_path}")
    done = subprocess.run([tmp_path / "sbin" / program, "--help"], cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {program} ")


@pytest.mark.parametrize("numbers", ["95 96", "55 56"])
def test_the_number_follows_the_dracut_that_is_there(tmp_path: Path, numbers: str) -> None:
    modules = tmp_path / "usr/lib/dracut/modules.d"
    modules.mkdir(parents=True)
    if numbers == "55 56":  # dracut 108 and newer have an initqueue module, and keep 50 to 59 for others
        (modules / "74initqueue").mkdir()
    make("install", f"DESTDIR={tmp_path}")
    osr, cluster = numbers.split()
    assert {path.name for path in modules.glob("*osr*")} == {f"{osr}osr", f"{cluster}osr-cluster"}


def test_uninstall_leaves_nothing(tmp_path: Path) -> None:
    make("install", f"DESTDIR={tmp_path}/x")
    make("uninstall", f"DESTDIR={tmp_path}/x")
    assert tree(tmp_path) <= {"x"}


def test_uninstall_leaves_what_others_put_there(tmp_path: Path) -> None:
    others = {"usr/sbin/ip", "usr/lib/dracut/modules.d/95nfs/module-setup.sh", "usr/lib/dracut/dracut.conf.d/01.conf"}
    for name in others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    before = tree(tmp_path)
    make("install", f"DESTDIR={tmp_path}")
    make("install", f"DESTDIR={tmp_path}")
    make("uninstall", f"DESTDIR={tmp_path}")
    assert tree(tmp_path) == before
    make("uninstall", f"DESTDIR={tmp_path}")
    assert tree(tmp_path) == before
