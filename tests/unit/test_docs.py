"""The documents say what the code does: what is listed is there, and what is there is listed.

`python3 -m tests.unit.test_docs` writes the generated part of docs/cluster-conf.md.
"""

from __future__ import annotations

import argparse
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osr_boot import cli, cmdline, filesystems, plan, vocabulary
from osr_boot.filesystems import nfs
from osr_boot.model import Cluster, Cmdline, Link, Volume
from osr_boot.requires import PROGRAMS
from osr_boot.words import Kind
from tests.unit import pretended
from tests.unit.command import osr
from tests.unit.pretended import Boot

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
BEGIN = "## Elements and attributes\n\n"


def text(name: str) -> str:
    return (TOP / name).read_text()


def section(document: str, heading: str) -> str:
    """Return what stands below a heading, as far as the next one of its rank."""
    rank = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{rank} |\Z)", document, re.S | re.M)
    assert found, f"no heading {heading!r}"
    return found[1]


def rows(document: str) -> list[list[str]]:
    """Return the cells of all tables."""
    lines = [line for line in document.splitlines() if line.startswith("| ") and not line.startswith("|--")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def block(document: str, begin: str) -> str:
    """Return the fenced block that begins with these words."""
    found = re.search(rf"^```\w*\n({re.escape(begin)}.*?)^```$", document, re.S | re.M)
    assert found, f"no block that begins with {begin!r}"
    return found[1]


# --- kernel arguments


def asked_by_hooks() -> set[str]:
    """Return the kernel arguments of ours that the hooks ask dracut for."""
    hooks = "".join(path.read_text() for path in TOP.glob("dracut/*/osr-*.sh"))
    return {name for name in re.findall(r"getarg\w* (?:\d )?([\w.]+)", hooks) if name.startswith("rd.osr")}


def test_every_kernel_argument_is_documented_and_no_other() -> None:
    table = section(text("docs/kernel-arguments.md"), "## Ours, and those of dracut's that the agent reads")
    documented = [re.sub("[=`].*", "", row[0].lstrip("`")) for row in rows(table)[1:]]
    assert len(documented) == len(set(documented))
    assert {*documented} == cmdline._OURS | asked_by_hooks()


def test_hooks_ask_for_nothing_that_the_agent_does_not_know() -> None:
    assert {"rd.osr", "rd.osr.break"} <= asked_by_hooks() <= cmdline._OURS


@pytest.mark.parametrize("key", ["cdsltree", "cdsllink", "cdslsharedtree"])
def test_documented_defaults_are_the_defaults(key: str) -> None:
    assert f"`{key}={getattr(Cmdline, key)}`" in text("docs/kernel-arguments.md")
    assert f"default {Cmdline.timeout}," in text("docs/kernel-arguments.md")


# --- the command


def commands() -> dict[str, argparse.ArgumentParser]:
    actions = cli._parser()._actions
    (sub,) = (action for action in actions if isinstance(action, argparse._SubParsersAction))
    return dict(sub.choices)


def test_every_command_is_documented_and_no_other() -> None:
    assert re.findall(r"^## osr (.*)$", text("docs/commands.md"), re.M) == list(commands())


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_is_documented_and_no_other(name: str) -> None:
    here = section(text("docs/commands.md"), f"## osr {name}")
    known = {option for action in commands()[name]._actions for option in action.option_strings} - {"-h", "--help"}
    listed = {option for line in re.findall(r"^- (`-.*?): ", here, re.M) for option in re.findall(r"`(-+\w+)", line)}
    assert listed == known
    usage = next(line for line in here.splitlines() if line.startswith("    osr "))
    assert {*re.findall(r"(?<![\w-])--?\w+", usage)} <= known
    # A short option stands for its long one.
    assert len(re.findall(r"(?<![\w-])--?\w+", usage)) == len(commands()[name]._actions) - 1 - _positionals(name)


def _positionals(name: str) -> int:
    return sum(not action.option_strings for action in commands()[name]._actions)


# --- the words of osr cdsl

LOOKING = {"--root", "--mountpoint", "--json"}
CHANGING = {"--dry-run", "--quiet", "--verbose"}


def words() -> dict[str, argparse.ArgumentParser]:
    (sub,) = (one for one in commands()["cdsl"]._actions if isinstance(one, argparse._SubParsersAction))
    return dict(sub.choices)


def documented_words() -> dict[str, list[str]]:
    """Return word to its row, of the table of words."""
    here = section(text("docs/commands.md"), "## osr cdsl")
    return {row[0].strip("`").split()[0]: row for row in rows(here)[1:]}


def test_every_word_is_documented_and_no_other() -> None:
    assert set(documented_words()) == set(words())
    here = section(text("docs/commands.md"), "## osr cdsl").partition("| word |")[0]
    assert {*re.findall(r"`(--[\w-]+)", here)} == LOOKING | CHANGING


@pytest.mark.parametrize("name", words())
def test_every_option_of_a_word_is_documented_and_no_other(name: str) -> None:
    row = "".join(documented_words()[name])
    listed = {option for code in re.findall(r"`([^`]*)`", row) for option in re.findall(r"(?<![\w-])--?\w[\w-]*", code)}
    known = {option for action in words()[name]._actions for option in action.option_strings} - {"-h", "--help"}
    assert known >= LOOKING
    assert not CHANGING & known or known >= CHANGING
    assert listed | {"-S", "--resolved"} >= known - LOOKING - CHANGING
    assert listed <= known


# --- cluster.conf


def table() -> str:
    """Return the generated part of docs/cluster-conf.md."""
    return "\n".join(_element(vocabulary.CLUSTER, ()))


def _element(element: Kind, path: tuple[str, ...]) -> Iterator[str]:
    if element.opaque and not element.ours:
        return
    here = (*path, element.name)
    yield f"### {'/'.join(here)}"
    yield ""
    yield element.described(path[-1] if path else "")
    yield ""
    if element.attributes:
        yield from ("| attribute | meaning | default |", "|---|---|---|")
        for attribute in element.attributes:
            default = "required" if attribute.required else attribute.default
            yield f"| `{attribute.name}` | {attribute.meaning} | {default} |"
        yield ""
    for child in element.children:
        yield from _element(child, here)


def test_cluster_conf_is_documented_as_the_vocabulary_has_it() -> None:
    _, _, generated = text("docs/cluster-conf.md").partition(BEGIN)
    assert generated.strip() == table().strip(), "write it again: python3 -m tests.unit.test_docs"


# --- filesystems


def test_every_class_attribute_of_a_filesystem_is_documented() -> None:
    documented = [
        row[0].strip("`") for row in rows(section(text("docs/adding-a-filesystem.md"), "## What the file declares"))[1:]
    ]
    assert documented == list(filesystems.Filesystem.__annotations__)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The document's example, as a file beside the others."""
    (tmp_path / "minix.py").write_text(block(text("docs/adding-a-filesystem.md"), '"""minix'))
    monkeypatch.setattr(filesystems, "__path__", [*filesystems.__path__, str(tmp_path)])
    monkeypatch.setattr(filesystems, "_registry", dict(filesystems._registry))
    __import__("osr_boot.filesystems.minix")
    yield sys.modules["osr_boot.filesystems.minix"]
    del sys.modules["osr_boot.filesystems.minix"]


def test_the_example_of_a_filesystem_keeps_the_rules(example: types.ModuleType) -> None:
    kind = filesystems.find("minix")
    assert kind is example.Minix
    assert [problem.severity for problem in kind.check(Volume("vda", "minix"))] == ["error"]
    volume = Volume("/dev/vda1", "minix", "noatime")
    assert list(kind.check(volume)) == []
    operations = tuple(kind.plan(volume, "/sysroot", Cmdline(), Cluster()))
    assert operations[0].commands() == (("mount", "-t", "minix", "-o", "rw,noatime", "/dev/vda1", "/sysroot"),)
    made = plan.Plan("n", 1, "", (), dict.fromkeys(plan.STAGES, ()) | {"root": operations})
    assert plan.loads(plan.dumps(made)) == made
    assert {argv[0] for operation in operations for argv in operation.commands()} <= {*kind.programs, *PROGRAMS}


# --- debugging, architecture


@pytest.mark.parametrize("words", nfs._REMEDIES)
def test_every_remedy_is_in_the_document_of_failures(words: str) -> None:
    assert any(f"`{words}`" in row[0] for row in rows(text("docs/debugging.md")))


def test_architecture_names_every_module_and_hook_and_no_other() -> None:
    document = text("docs/architecture.md")
    found = section(document, "## Where to find what").partition("\n\n`dracut")[0]
    first, cdsls = (set(re.findall(r"`([\w/]+(?:\.py|/))`", part)) for part in found.split("| in osr_boot/cdsl |"))
    package = TOP / "osr_boot"
    assert cdsls == {path.name for path in package.glob("cdsl/*.py")} - {"__init__.py"}
    there = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    there |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert first == there
    hooks = {row[0].strip("`") for row in rows(section(document, "## A boot")) if row[0].endswith(".sh`")}
    assert hooks == {path.name for path in TOP.glob("dracut/*/osr-*.sh")}


def test_every_test_that_is_said_to_hold_a_rule_is_there() -> None:
    for name in re.findall(r"`(tests/[\w/]+\.py)`", "".join(path.read_text() for path in DOCS.glob("*.md"))):
        assert (TOP / name).is_file(), name


@pytest.mark.parametrize(
    "path", [TOP / "README.md", TOP / "NEWS.md", *sorted(DOCS.glob("*.md"))], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


# --- the README's examples are what really comes


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The README's cluster.conf, in the current directory."""
    monkeypatch.chdir(tmp_path)
    content = block(text("README.md"), "<?xml")
    Path("cluster.conf").write_text(content)
    return content


def test_the_readmes_cluster_conf_is_good(conf: str) -> None:
    assert osr("check", "cluster.conf") == type(osr("check", "cluster.conf"))(0, "", "")


def test_the_readmes_findings(conf: str) -> None:
    head, node2 = conf.split('<clusternode name="node2"')
    broken = node2.replace("gateway=", "gatway=").replace("12:34:02", "12:34:01")
    Path("cluster.conf").write_text(f'{head}<clusternode name="node2"{broken}')
    said = osr("check", "cluster.conf")
    assert said.status == 2
    assert said.out == block(text("README.md"), "cluster.conf:")


def test_the_readmes_explanation(conf: str) -> None:
    said = osr("explain", "cluster.conf", "--mac", "52:54:00:12:34:02")
    assert said.out == block(text("README.md"), 'node "node2"')


def last_screen(monkeypatch: pytest.MonkeyPatch, conf: Any) -> str:
    """Return what the console shows when the server refuses the README's node 2."""
    osr("compile", "cluster.conf", "-o", "cluster.json")
    here: Boot = pretended.full_featured(monkeypatch)
    here.machine.files["/etc/osr/cluster.json"] = Path("cluster.json").read_text()
    here.links[:] = [Link("eth0", "52:54:00:12:34:02")]
    here.stage("plan")
    here.machine.answers = {
        "mount": pretended.refused("access denied by server while mounting 192.168.122.1:/srv/root")
    }
    assert here.stage("root") == 1
    begin = here.machine.said.index("=" * 100)
    return "".join(f"osr: {line}\n" for line in here.machine.said[begin:])


def test_the_readmes_last_screen(conf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_screen(monkeypatch, conf) == block(text("README.md"), "osr: ====")


def test_the_version_is_the_same_everywhere() -> None:
    said = osr("--version").out.split()[1]
    assert f"## {said}\n" in text("NEWS.md")
    assert f'version = "{said}"' in text("pyproject.toml")
    assert f"({said})" in text("README.md")


if __name__ == "__main__":
    path = DOCS / "cluster-conf.md"
    before, _, _ = path.read_text().partition(BEGIN)
    path.write_text(f"{before}{BEGIN}{table().strip()}\n")
