"""docs/cdsl.md is true: its commands are carried out as they stand there, and its picture is what they make."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

import pytest

from osr_boot import cli
from osr_boot.cdsl import old
from osr_boot.cdsl.disk import Disk
from osr_boot.commands import OLD_NAMES
from tests.unit.command import GOOD, Said, osr, written
from tests.unit.test_docs import block, rows, section, text

pytestmark = pytest.mark.usefixtures("as_root")

DOCUMENT = text("docs/cdsl.md")
WHERE = "/mnt/newroot"
ROWS = rows(section(DOCUMENT, "## The programs of old"))[1:]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What lies on /mnt/newroot before."""
    files = {
        "var/log/messages": "one\n",
        "var/lib/dpkg/status": "installed\n",
        "etc/sysconfig/network": "HOSTNAME=x\n",
        "etc/cluster/cluster.conf": Path(GOOD).read_text(),
    }
    return written(tmp_path, files)


def typed(line: str, root: Path) -> Said:
    """Carry out a line of the document, below another directory."""
    words = line.replace(WHERE, str(root)).split()
    return osr(*words[1:], program=words[0])


def picture(root: Path) -> list[str]:
    """Return the tree as the document has it: links with what they say, directories if they are empty."""
    lines = []
    for directory, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(directory, name)
            short = str(path.relative_to(root))
            if path.is_symlink():
                lines.append(f"{short} -> {os.readlink(path)}")
            elif path.is_file():
                lines.append(short)
            elif not any(path.iterdir()):
                lines.append(f"{short}/")
    return sorted(line for line in lines if not line.startswith(".osr-cdsl-lock"))


@pytest.mark.programs
@pytest.mark.parametrize("begin", ["osr cdsl init", "com-mkcdslinfrastructure"])
def test_the_sequence_makes_the_picture(root: Path, begin: str) -> None:
    commands = block(DOCUMENT, begin).splitlines()
    assert len(commands) == 4
    for line in commands:
        assert typed(line, root).status == 0, line
    drawn = block(DOCUMENT, "cdsl.local/").splitlines()
    assert picture(root) == [re.split(r"  +", line)[0] for line in drawn]
    assert typed("osr cdsl check --root /mnt/newroot", root).status == 0


@pytest.mark.programs
def test_what_check_says_of_a_replaced_link(root: Path) -> None:
    for line in block(DOCUMENT, "osr cdsl init").splitlines():
        typed(line, root)
    (root / "etc/sysconfig/network").unlink()
    (root / "etc/sysconfig/network").write_text("HOSTNAME=y\n")
    command, said = block(DOCUMENT, "# osr cdsl check")[2:].split("\n", 1)
    assert typed(command, root) == Said(1, said, "")
    assert typed(f"{command} --repair", root).status == 0
    assert (root / "cluster/cdsl/1/etc/sysconfig/network.orig").read_text() == "HOSTNAME=x\n"


@pytest.mark.programs
def test_what_recover_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("osr cdsl init --root /mnt/newroot", root)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt  # no signal: a shell's background job is deaf to it

    with monkeypatch.context() as here:
        here.setattr(Disk, "rename", interrupted)  # the first step behind the record
        assert typed("osr cdsl create --root /mnt/newroot -a /var", root).status == 130
    command, said = block(DOCUMENT, "# osr cdsl recover")[2:].split("\n", 1)
    assert typed(command, root) == Said(0, "", said)
    assert os.readlink(root / "var") == "cdsl.local/var"


def meaning(line: str) -> argparse.Namespace:
    """Return what a line of the table comes to: the word of `osr cdsl` and all its options."""
    program, *words = line.split()
    if program != "osr":
        parser = cli._parser(program)
        given = parser.parse_intermixed_args(words) if parser.get_default("intermixed") else parser.parse_args(words)
        words = ["cdsl", *old.words(given)]
    return cli._parser().parse_args(words)


@pytest.mark.parametrize(("before", "now"), ROWS)
def test_the_table_of_old_commands(before: str, now: str) -> None:
    assert meaning(before.strip("`")) == meaning(now.strip("`"))


def test_every_program_of_old_is_in_the_document() -> None:
    named = {row[0].strip("`").split()[0] for row in ROWS}
    assert named | {old.FOR_CDSLS} == {name for name, command in OLD_NAMES.items() if command == "cdsl"}
    commands = {row[0].strip("`").split()[1] for row in ROWS if row[0].startswith("`com-cdslinvadm ")}
    assert commands == set(old._ADMINISTRATION)
    known = {name for action in cli._parser(old.FOR_CDSLS)._actions for name in action.option_strings}
    listed = set(re.findall(r"^- `(--\w+)", section(DOCUMENT, "## The programs of old"), re.M))
    assert listed == known - {"-h", "--help", "--version", "--debug"}
