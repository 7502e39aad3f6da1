"""The old programs for CDSLs: which word of `osr cdsl` every option means, and what comes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from osr_boot import cli
from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl import old
from osr_boot.commands import OLD_NAMES
from osr_boot.errors import CommandFailed
from osr_boot.linux import Linux
from tests.unit.command import GOOD, Said, osr, written
from tests.unit.test_cdsl_inventory import OLD_1

pytestmark = pytest.mark.usefixtures("as_root")

ROOT = ("--root=/r",)
TABLE: dict[str, tuple[str, str]] = {
    # typed: meant
    "com-mkcdslinfrastructure -r /r": ("init --root=/r", ""),
    "com-mkcdslinfrastructure --root /r -e": ("init --root=/r", ""),
    "com-mkcdslinfrastructure -t a/b -s c -L d -D all -M 3 -N -C": (
        "init --set=tree=a/b --set=shared=c --set=link=d --set=default=all --nodes=3 --names", ""),
    "com-mkcdslinfrastructure -c /c.conf -q": ("init --clusterconf=/c.conf --quiet", ""),
    "com-mkcdslinfrastructure -g -f -i /old.xml": ("migrate --source=/old.xml --force", ""),
    "com-mkcdslinfrastructure --get tree": ("get -- tree", ""),
    "com-mkcdslinfrastructure -p -r /r tree link": ("get --root=/r -- tree link", ""),
    "com-mkcdslinfrastructure --list": ("get", ""),
    "com-mkcdslinfrastructure -x": ("init --delete", ""),
    "com-mkcdslinfrastructure -x -f -n": ("init --dry-run --delete --force", ""),
    "com-mkcdsl -a /var": ("create -a /var", ""),
    "com-mkcdsl -a /var 1 2 -s /var/lib -b -a /etc/x -u -i f -c g": (
        "create --backup -a /var 1 2 -s /var/lib -a /etc/x", ""),
    "com-mkcdsl --hostdependent /a --shared /a/b --backup --updateinventory": ("create --backup -a /a -s /a/b", ""),
    "com-mkcdsl -q -d -n -m /srv -S -a x": (
        "create --quiet --verbose --dry-run --mountpoint=/srv --resolved -a x", ""),
    "com-rmcdsl /a -r /r /b": ("remove --root=/r -- /a /b", ""),
    "com-rmcdsl -R -f -S /a": ("remove --recursive --force --resolved -- /a", ""),
    "com-rmcdsl --reallyforce /a": ("remove --force --delete -- /a", ""),
    "com-cdslinvchk": ("check --", ""),
    "com-cdslinvchk -U -f -p -R -C /a --cdsl /b": ("check --repair --norecursive -- /a /b", ""),
    "com-cdslinvadm create -N": ("init --names", ""),
    "com-cdslinvadm create -t a -s b -L c -D d -M 3 -C": (
        "init --set=tree=a --set=shared=b --set=link=c --set=default=d --nodes=3", ""),
    "com-cdslinvadm delete --force": ("init --delete --force", ""),
    "com-cdslinvadm -r /r get cdsltree": ("get --root=/r -- cdsltree", ""),
    "com-cdslinvadm get -r /r cdsltree": ("get --root=/r -- cdsltree", ""),
    "com-cdslinvadm set link /x": ("set -- link /x", ""),
    "com-cdslinvadm list": ("get", ""),
    "com-cdslinvadm migrate -S old.xml": ("migrate --source=old.xml", ""),
    "com-cdslinvadm getcdsl /var": ("show -- /var", ""),
    "com-cdslinvadm listcdsls": ("list", ""),
    "com-cdslinvadm listcdsls -E": ("list --long", ""),
    "com-cdslinvadm listcdsls -X": ("list --xml", ""),
    "com-cdslinvadm addnode 3 -c /c.conf": ("node-add --clusterconf=/c.conf -- 3", ""),
    "com-cdslinvadm deletenode 3": ("node-remove -- 3", ""),
    "com-cdslinvadm -e": ("init", ""),
    "com-cdslinvadm -x": ("init --delete", ""),
    "com-cdslinvadm -p tree": ("get -- tree", ""),
    "com-cdslinvadm -T tree /x": ("set -- tree /x", ""),
    "com-cdslinvadm -l": ("get", ""),
    "com-cdslinvadm -g": ("migrate", ""),
    "com-cdslinvadm -G /x": ("show -- /x", ""),
    "com-cdslinvadm -I": ("list", ""),
    "com-cdslinvadm -o 4": ("node-add -- 4", ""),
    "com-cdslinvadm -O 4": ("node-remove -- 4", ""),
    "com-cdslinvadm addnode": ("", "addnode with 0 words"),
    "com-cdslinvadm set tree": ("", "set with 1 words"),
    "com-cdslinvadm": ("", 'there is no command ""'),
    "com-cdslinvadm recover": ("", 'there is no command "recover"'),
}  # fmt: skip


def options(typed: str) -> Any:
    program, *words = typed.split()
    parser = cli._parser(program)
    return parser.parse_intermixed_args(words) if parser.get_default("intermixed") else parser.parse_args(words)


@pytest.mark.parametrize("typed", TABLE)
def test_what_an_old_command_means(typed: str) -> None:
    meant, refused = TABLE[typed]
    if refused:
        with pytest.raises(Exception, match=refused):
            old.words(options(typed))
        return
    assert sorted(old.words(options(typed))) == sorted(meant.split())
    assert old.words(options(typed))[0] == meant.split()[0]
    # Order counts behind the options: what -a and -s are about, and the words.
    behind = old.words(options(typed))
    for begin in ("-a", "--"):
        if begin in meant.split() and begin in behind:
            assert behind[behind.index(begin) :] == meant.split()[meant.split().index(begin) :]
            break


def test_every_option_of_the_old_programs_is_in_the_table() -> None:
    """Each is typed at least once, short or long, for its program."""
    for program in [name for name, command in OLD_NAMES.items() if command == "cdsl" and name != old.FOR_CDSLS]:
        typed = {word for line in TABLE for word in line.split() if line.startswith(f"{program} ")}
        everywhere = {"-q", "-d", "-n", "-i", "-c", "-r", "-m", "-h", "--version", "--debug"}
        for action in cli._parser(program)._actions:
            names = {*action.option_strings}
            assert not names or names & (typed | everywhere), (program, names)


# --- carried out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = dict.fromkeys(("var/lib/dpkg/status", "etc/sysconfig/network"), "installed\n")
    return written(tmp_path, {**files, "etc/cluster/cluster.conf": Path(GOOD).read_text()})


def run(root: Path, program: str, *words: str) -> Said:
    return osr("-r", str(root), *words, program=program)


@pytest.fixture
def made(root: Path) -> Path:
    assert run(root, "com-mkcdslinfrastructure", "-q") == Said(0, "", "")
    words = ("-a", "/var", "-s", "/var/lib", "-a", "/etc/sysconfig/network")
    assert run(root, "com-mkcdsl", *words).status == 0
    return root


@pytest.mark.programs
def test_the_sequence_of_the_howto(made: Path) -> None:
    assert os.readlink(made / "var") == "cdsl.local/var"
    assert os.readlink(made / "cluster/cdsl/default/var/lib") == "../../cluster/shared/var/lib"
    assert (made / "cluster/cdsl/2/etc/sysconfig/network").read_text() == "installed\n"
    assert run(made, "com-cdslinvchk").status == 0
    assert run(made, "com-mkcdslinfrastructure", "--get", "tree").out == "cluster/cdsl\n"
    assert run(made, "com-mkcdslinfrastructure", "--list").status == 0
    (made / "var").unlink()
    assert run(made, "com-cdslinvchk").status == 1
    assert run(made, "com-cdslinvchk", "-n", "-U").status == 1
    assert run(made, "com-cdslinvchk", "-q") == Said(1, "", "")
    assert run(made, "com-cdslinvchk", "-U").status == 0


@pytest.mark.programs
def test_administration(made: Path) -> None:
    assert run(made, "com-cdslinvadm", "addnode", "8").out == "add node 8\n"
    assert run(made, "com-cdslinvadm", "deletenode", "8").status == 0
    assert run(made, "com-cdslinvadm", "listcdsls").out.count("\n") == 3
    assert run(made, "com-cdslinvadm", "listcdsls", "-X").out.startswith("<cdsls ")
    assert run(made, "com-cdslinvadm", "getcdsl", "/var").out.startswith("/var\n  type   hostdependent\n")
    assert run(made, "com-cdslinvadm", "getcdsl", "/etc").err.startswith("com-cdslinvadm: /etc is no CDSL\n")
    assert run(made, "com-cdslinvadm", "delete").status == 1
    assert (made / inventories.PATH).exists()


@pytest.mark.programs
def test_no_nodes_are_known(tmp_path: Path) -> None:
    assert run(tmp_path, "com-cdslinvadm", "create").status == 4
    said = run(tmp_path, "com-mkcdslinfrastructure")
    assert said.status == 2
    assert said.err.startswith(
        f"com-mkcdslinfrastructure: {tmp_path}/etc/cluster/cluster.conf: there is no such file\n"
    )
    assert run(tmp_path, "com-cdslinvadm", "create", "-M", "2").status == 0
    assert run(tmp_path, "com-mkcdslinfrastructure").status == 1


@pytest.mark.programs
def test_remove_and_migrate(made: Path) -> None:
    assert run(made, "com-rmcdsl", "-R", "/var").status == 0
    assert (made / "var/lib/dpkg/status").read_text() == "installed\n"
    assert run(made, "com-rmcdsl", "-F", "/etc/sysconfig/network").status == 0
    assert [path.name for path in (made / "etc/sysconfig").iterdir()] == ["network"]
    assert run(made, "com-cdslinvadm", "delete").status == 0
    (made / "old.xml").write_text(OLD_1)
    assert run(made, "com-cdslinvadm", "migrate", "-S", str(made / "old.xml")).status == 0
    assert len(inventories.loads((made / inventories.PATH).read_text()).cdsls) == 2


HINTS = {
    "com-mkcdsl -b -s /var/lib": "name it with `osr cdsl create --node`, or mount its tree",
    "com-mkcdsl -s /var/lib": (
        "-b keeps what the others have as NAME.orig in their trees, `osr cdsl create --force` throws it away"),
    "com-rmcdsl /var": "name it: `osr cdsl remove --from NODE`",
    "com-cdslinvadm delete": "`osr cdsl remove` them first; --force leaves them as they are, and unknown",
    "com-cdslinvadm create -M 99999": "write 1 to 10000",
    "com-cdslinvadm migrate -S /no.xml -f": "name the inventory of the old tools",
    "com-cdslinvadm migrate -f": "name the inventory of the old tools with --sourceinventory",
    "com-mkcdslinfrastructure -g -f": "name the inventory of the old tools with --inventoryfile",
}  # fmt: skip


@pytest.mark.programs
@pytest.mark.parametrize("typed", HINTS)
def test_hints_name_options_that_the_program_has(root: Path, typed: str) -> None:
    run(root, "com-mkcdslinfrastructure")
    run(root, "com-mkcdsl", "-a", "/var")
    (root / "cluster/cdsl/2/var/lib/dpkg/status").write_text("other\n")
    program, *words = typed.split()
    said = run(root, program, *words)
    assert (said.status != 0, said.err.splitlines()[-1].strip()) == (True, HINTS[typed])


@pytest.mark.programs
def test_a_number_of_nodes_is_called_as_the_program_calls_it(tmp_path: Path) -> None:
    said = run(tmp_path, "com-mkcdslinfrastructure")
    assert said.err.splitlines()[-1].endswith("; or write --maxnodeidnum N")
    said = run(tmp_path, "com-cdslinvadm", "create", "--maxnodeidnum", "99999")
    assert said.err.startswith("com-cdslinvadm: --maxnodeidnum 99999 is no number of nodes\n")


def test_usage(tmp_path: Path) -> None:
    for program in OLD_NAMES:
        said = osr("--help", program=program)
        assert (said.status, said.out.startswith(f"usage: {program}")) == (0, True)
        assert osr("--nonsense", program=program).status == 2
    assert osr(program="com-rmcdsl").status == 2
    assert osr("-r", str(tmp_path), program="com-mkcdsl").status == 2


# --- com-forcdsls


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is started; it ends with status 3."""
    seen: list[list[str]] = []

    def attached(self: Linux, argv: list[str]) -> int:
        seen.append(argv)
        return 3

    monkeypatch.setattr(Linux, "attached", attached)
    return seen


@pytest.mark.programs
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ls -l /var /tmp", "ls -l R/cluster/cdsl/1/var R/cluster/cdsl/2/var R/cluster/cdsl/default/var /tmp"),
        ("--nodeid=2 --nodefault ls /var --nodeid=1", "ls R/cluster/cdsl/2/var --nodeid=1"),
        ("--nodefault ls /var/lib", "ls R/cluster/cdsl/1/var/lib R/cluster/cdsl/2/var/lib"),
        ("--nodeid=1 --default=model ls /var", "ls R/cluster/cdsl/1/var"),
        ("--nodeid=1 --default=model --notexists ls /var", "ls R/cluster/cdsl/1/var R/cluster/cdsl/model/var"),
        ("-- echo /var/log /cdsl.local/var/lib", "echo /var/log L"),
        ("echo ; /etc*", "echo ; /etc*"),
    ],
)
def test_for_cdsls(made: Path, started: list[list[str]], typed: str, meant: str) -> None:
    meant = meant.replace("L", " ".join(f"R/cluster/cdsl/{name}/var/lib" for name in ("1", "2", "default")))
    assert osr(f"--prefix={made}", *typed.split(), program="com-forcdsls").status == 3
    assert started == [meant.replace("R", str(made)).split()]


@pytest.mark.programs
def test_for_cdsls_of_an_unknown_node(made: Path, started: list[list[str]]) -> None:
    said = osr(f"--prefix={made}", "--nodeid=9", "ls", "/var", program="com-forcdsls")
    assert (said.status, said.err.splitlines()[0]) == (2, 'com-forcdsls: no node "9" has a tree')
    assert started == []


@pytest.mark.programs
def test_for_cdsls_starts_the_command_without_a_shell(made: Path) -> None:
    target = made / "out"
    words = ("sh", "-c", 'printf "%s\\n" "$@" > "$0"; exit 7', str(target), "/var", "$(id)", "a b")
    assert osr(f"--prefix={made}", "--nodefault", *words, program="com-forcdsls").status == 7
    assert target.read_text().splitlines() == [
        f"{made}/cluster/cdsl/1/var", f"{made}/cluster/cdsl/2/var", "$(id)", "a b",
    ]  # fmt: skip


@pytest.mark.programs
def test_attached() -> None:
    assert Linux().attached(["sh", "-c", "exit 5"]) == 5
    assert Linux().attached(["sh", "-c", "kill -9 $$"]) == 137
    with pytest.raises(CommandFailed, match='program "no-such-thing" not found'):
        Linux().attached(["no-such-thing"])
    with pytest.raises(CommandFailed, match="cannot be started"):
        Linux().attached(["/etc"])


@pytest.mark.programs
def test_for_cdsls_says_which_program_is_missing(made: Path) -> None:
    assert osr(f"--prefix={made}", "no-such-thing", program="com-forcdsls").status == 127


@pytest.mark.programs
def test_json_is_of_the_new_command_only(made: Path) -> None:
    assert run(made, "com-cdslinvadm", "listcdsls", "--json").status == 2
    assert json.loads(osr("cdsl", "list", "--root", str(made), "--json").out)["format"] == 1
