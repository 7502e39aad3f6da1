"""What a boot keeps in memory of an image, named by the real ldd."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from osr_boot import kept
from osr_boot.errors import OsrError

pytestmark = pytest.mark.programs


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image's root with a shell, and beside it a directory of dracut's."""
    (tmp_path / "image/usr/bin").mkdir(parents=True)
    (tmp_path / "image/bin").symlink_to("usr/bin")
    (tmp_path / "image/bin/dash").touch()
    (tmp_path / "image/bin/sh").symlink_to("dash")
    (tmp_path / "image/var").mkdir()
    (tmp_path / "image/var/run").symlink_to("../run")
    base = tmp_path / "dracut/modules.d/80base"
    base.mkdir(parents=True)
    (tmp_path / "dracut/dracut-util").touch()
    for name in ("dracut-lib.sh", "dracut-dev-lib.sh", "init.sh"):
        (base / name).touch()
    return tmp_path / "image"


def listed(image: Path, *programs: str) -> list[str]:
    kept.main(["shutdown", str(image), str(image.parent / "dracut"), *programs])
    return (image / "etc/osr/shutdown.list").read_text().splitlines()


def real(path: str) -> str:
    """Return a file below its directory's real name: /bin and /lib may be links."""
    return f"{os.path.realpath(os.path.dirname(path))}/{os.path.basename(path)}"


def test_programs_with_what_they_are_linked_with(image: Path) -> None:
    found = listed(image, "mount")
    assert found[-1] == "/shutdown"  # systemd looks for it: the rest is there then
    assert found[:-1] == sorted(set(found) - {"/shutdown"})
    wanted = {"/usr/bin/dracut-getarg", "/bin/dash", "/bin/sh", "/lib/dracut-lib.sh", "/lib/dracut-dev-lib.sh"}
    assert {real(path) for path in wanted} <= set(found)
    assert real("/lib/init.sh") not in found
    assert {real("/bin/mount"), "/bin", "/var/run"} <= set(found)
    assert any("/libmount.so.1." in path for path in found)
    assert any("ld-linux" in path or "/ld64" in path or "/ld-" in path for path in found)


def test_a_second_module_adds_its_own(image: Path) -> None:
    first = listed(image, "mount")
    both = listed(image, "sleep")
    assert set(first) < set(both)
    assert both.index("/shutdown") == len(both) - 1
    assert listed(image, "sleep", "mount") == both


def test_a_script_brings_its_shell(image: Path) -> None:
    script = image.parent / "script"
    script.write_text("#!/bin/sh\n")
    found = kept._linked(str(script))
    assert found[0] == "/bin/sh"
    assert [path for path in found if "/libc.so." in path]


def test_a_program_that_is_not_installed_is_named(image: Path) -> None:
    with pytest.raises(OsrError, match="osr-no-such-program"):
        listed(image, "osr-no-such-program")
    assert not (image / "etc/osr").exists()


def test_a_fence_agent_in_python_brings_its_interpreter_and_modules(tmp_path: Path) -> None:
    (tmp_path / "fencing_of_ours.py").write_text("import json\n")
    agent = tmp_path / "fence_ours"
    agent.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.append({str(tmp_path)!r})\nimport fencing_of_ours\n"
        "assert sys.argv[1:] == ['-o', 'metadata']\nprint('<resource-agent/>')\nsys.exit(0)\n"
    )
    found = kept._linked(str(agent))
    assert found[0] == sys.executable
    assert str(tmp_path / "fencing_of_ours.py") in found
    assert [path for path in found if path.endswith("/json/__init__.py")]
    assert [path for path in found if "/libc.so." in path]
