"""The rules between the modules, read from their imports and seen in a fresh interpreter."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from osr_boot import bundle

PACKAGE = Path(__file__).parents[2] / "osr_boot"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
DOORS = {"lxml": {"schema.py", "xpath.py"}, "netifaces": {"facts.py"}, "subprocess": {"linux.py", "programs.py"}}
# These touch the machine, or are not part of a boot; every other module is pure.
IMPURE = {
    "__main__.py",
    "boot.py",
    "bundle.py",
    "cdsl/copying.py",
    "cdsl/disk.py",
    "cdsl/lock.py",
    "cdsl/progress.py",
    "cdsl/session.py",
    "cdsl/trees.py",
    "cdsl/users.py",
    "cdsl/views.py",
    "cdsl/words.py",
    "cli.py",
    "clusterconf.py",
    "commands/compile.py",
    "commands/explain.py",
    "commands/requires.py",
    "commands/status.py",
    "facts.py",
    "filesystems/__init__.py",
    "kept.py",
    "lease.py",
    "linux.py",
    "programs.py",
    "wire.py",
}
FORBIDDEN = {"os", "subprocess", "socket", "shutil", "time", "pathlib", "tempfile"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(PACKAGE)) for path in paths]


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_only_its_door_imports_a_library(path: Path) -> None:
    for library, doors in DOORS.items():
        if library in imports(path):
            assert names([path])[0] in doors


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_pure_modules_cannot_touch_the_machine(path: Path) -> None:
    if names([path])[0] not in IMPURE:
        assert not imports(path) & FORBIDDEN


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_module_is_short_and_has_a_noun_for_a_name(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in ("util", "utils", "helpers", "helper", "misc", "common")


def loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after `code`."""
    probe = f"import sys, json\nbare = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - bare)))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{probe}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(json.loads(done.stdout))


PLAN = """
from osr_boot import plan, identity, cmdline, compiled
from osr_boot.model import Node, Nic, Volume, Cmdline
node = Node("n", 1, (Nic("eth0", "52:54:00:00:00:01", "10.0.0.1/24"),), Volume("10.0.0.9:/r", "nfs"))
plan.dumps(plan.make(node, Cmdline(), because="x"))
"""


@pytest.mark.programs
def test_planning_loads_nothing_that_could_act() -> None:
    loaded = loaded_by(PLAN)
    assert "osr_boot.plan" in loaded
    assert not loaded & {"subprocess", "socket", "shutil", "lxml", "netifaces", "osr_boot.linux"}


@pytest.mark.programs
def test_a_boot_stage_loads_only_what_it_uses() -> None:
    loaded = loaded_by("import osr_boot.cli, osr_boot.boot")
    assert "osr_boot.boot" in loaded
    assert not loaded & {"argparse", "ipaddress", "logging", "pathlib", "typing", "lxml", "osr_boot.clusterconf"}
    assert not loaded & {"osr_boot.network", "osr_boot.identity", "osr_boot.compiled", "osr_boot.filesystems.nfs"}


def late(path: Path) -> set[str]:
    """Return the modules of ours that a file imports inside its functions."""
    found = set()
    for function in ast.walk(ast.parse(path.read_text())):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("osr_boot"):
                parts = [f"{node.module}.{alias.name}" for alias in node.names]
                modules = [part for part in parts if (PACKAGE.parent / f"{part.replace('.', '/')}.py").exists()]
                found |= set(modules or [str(node.module)])
    return found


@pytest.mark.programs
def test_what_a_boot_imports_late_is_in_the_image() -> None:
    carried = {name: Path(file) for name, file in bundle.loaded(str(PACKAGE)) if name.startswith("osr_boot")}
    # What commands import late is for who has the whole package.
    wanted = {one for name, path in carried.items() if ".commands" not in name for one in late(path)}
    assert "osr_boot.storage" in wanted
    assert wanted <= {*carried, "osr_boot"}
