"""`osr explain` and `osr status`: by name, MAC address and facts, and on the machine that was booted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from osr_boot import plan, state
from osr_boot.model import Cmdline, Nic, Node, Volume
from tests.unit.command import BAD, GOOD, osr

NODE = Node("node1", 1, (Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/24"),), Volume("10.0.0.1:/srv/root", "nfs"))


@pytest.fixture
def run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let /run/osr be a directory of the test."""
    monkeypatch.setattr(state.State.__init__, "__defaults__", (str(tmp_path),))
    return tmp_path


@pytest.mark.parametrize("words", [("--node", "node2"), ("--node", "2"), ("--mac", "52-54-00-00-00-02")])
def test_explain_names_node_reason_and_commands(words: tuple[str, ...]) -> None:
    said = osr("explain", GOOD, *words)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith('node "node2" (id 2), because ')
    for line in (
        "network:",
        "root:",
        "cdsl:",
        "handover:",
        "shutdown:",
        "         < address replace 10.0.0.12/24 dev eth0",
    ):
        assert f"\n{line}\n" in said.out


def facts(tmp_path: Path, value: Any) -> str:
    file = tmp_path / "facts.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(file)


def test_explain_by_facts(tmp_path: Path) -> None:
    file = facts(tmp_path, {"nics": [{"name": "enp1s0", "mac": "52:54:00:00:00:01"}], "dmi": {"product_uuid": "x"}})
    assert 'link "enp1s0" is eth0 of node "node1"' in osr("explain", GOOD, "--facts", file).out


@pytest.mark.parametrize(
    "value", ["", "{", "[]", '"text"', {"nics": 1}, {"nics": [{"name": "x"}]}, {"nics": [{"name": "x", "mac": "y"}]},
              {"nics": [{"name": "x", "mac": 7}]}, {"dmi": {"colour": "red"}}, {"dmi": []}],
)  # fmt: skip
def test_facts_that_are_none(tmp_path: Path, value: Any) -> None:
    said = osr("explain", GOOD, "--facts", facts(tmp_path, value))
    assert said.status == 2
    assert "a defect in osr" not in said.err


def test_facts_that_are_not_there() -> None:
    assert osr("explain", GOOD, "--facts", "/nowhere.json").err.startswith("osr: /nowhere.json: no facts: ")


def test_explain_as_json_is_the_plan() -> None:
    document = json.loads(osr("explain", GOOD, "--mac", "52:54:00:00:00:01", "--json").out)
    assert document["format"] == 1
    assert document["node"] == {"name": "node1", "id": 1}
    assert list(document["stages"]) == ["network", "root", "cdsl", "handover", "shutdown"]
    (mount,) = (op for op in document["stages"]["root"] if op["op"] == "filesystems.nfs.MountNfs")
    assert mount["commands"][0][:3] == ["mount", "-t", "nfs"]


def test_explain_with_a_kernel_command_line() -> None:
    words = ("--cmdline", "rd.osr.node=node2 root=nfs4:10.0.0.9:/other rd.osr.tiemout=3")
    said = osr("explain", GOOD, "--mac", "52:54:00:00:00:02", *words)
    assert "mount 10.0.0.9:/other" in said.out
    assert 'warning: unknown kernel argument "rd.osr.tiemout"' in said.out


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        (("--node", "node9"), 2, 'no node of cluster.conf has name "node9"'),
        (("--node", "9"), 2, "no node of cluster.conf has nodeid 9"),
        (("--mac", "52:54:00"), 2, '"52:54:00" is not a MAC address'),
        (("--mac", "52:54:00:00:00:99"), 2, "no link of this machine is in cluster.conf"),
        (("--mac", "52:54:00:00:00:01", "--mac", "52:54:00:00:00:02"), 2, "this machine is two nodes"),
        (("--node", "1", "--cmdline", "nodeid=x"), 2, "is not a positive number"),
    ],
)
def test_explain_refuses_to_guess(words: tuple[str, ...], status: int, reason: str) -> None:
    said = osr("explain", GOOD, *words)
    assert (said.status, said.out) == (status, "")
    assert reason in said.err


def test_explain_of_an_unknown_machine_says_what_its_boot_would_say() -> None:
    said = osr("explain", GOOD, "--mac", "52:54:00:00:00:99")
    for line in ("links of this machine:", "  52:54:00:00:00:99", '  1 "node1" 52:54:00:00:00:01'):
        assert f"  {line}\n" in said.err
    assert '<eth name="eth0" mac="52:54:00:00:00:99" ip="ADDRESS"' in said.err


def test_a_compiled_file_that_is_broken_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "cluster.json"
    broken.write_text('{"format":1')
    said = osr("explain", str(broken), "--node", "1")
    assert said.status == 2
    assert said.err.startswith(f"osr: {broken}: the compiled cluster is no JSON")


def test_explain_refuses_a_file_with_errors() -> None:
    said = osr("explain", BAD, "--node", "node1")
    assert (said.status, said.out) == (2, "")


# --- explain and status of this machine


def test_explain_of_a_machine_that_osr_did_not_boot(run_directory: Path) -> None:
    said = osr("explain")
    assert said.status == 2
    assert said.err == ("osr: for which machine? this one was not booted by osr\n  give --node, --mac or --facts\n")


def test_explain_of_this_boot(run_directory: Path) -> None:
    made = plan.make(NODE, Cmdline(), because="a test says so")
    (run_directory / "plan.json").write_text(plan.dumps(made))
    assert osr("explain").out.startswith('node "node1" (id 1), because a test says so\n')
    assert osr("explain", "--json").out == plan.dumps(made)


def test_explain_when_the_plan_could_not_be_made(run_directory: Path) -> None:
    report = {"format": 1, "stages": {"plan": {"error": "this machine is two nodes", "hint": "correct it"}}}
    (run_directory / "report.json").write_text(json.dumps(report))
    said = osr("explain")
    assert (said.status, said.err) == (1, 'osr: stage "plan" failed: this machine is two nodes\n  correct it\n')


def test_a_plan_that_somebody_edited(run_directory: Path) -> None:
    (run_directory / "plan.json").write_text("{")
    said = osr("explain")
    assert said.status == 2
    assert "the plan cannot be read" in said.err


@pytest.mark.parametrize("words", [("status",), ("status", "--json")])
def test_status_of_a_machine_that_osr_did_not_boot(run_directory: Path, words: tuple[str, ...]) -> None:
    said = osr(*words)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"osr: this machine was not booted by osr\n  {run_directory}/report.json is missing\n"


def test_status(run_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = {"root": {"outcome": "finished", "seconds": 2.0, "own": 0.5, "programs": 1, "ops": []}}
    report = {"format": 1, "node": {"name": "node1", "id": 1}, "because": "MAC", "stages": stages}
    report["configuration"] = {"from": "archive", "config_version": 3, "size": 5, "digest": ""}
    (run_directory / "report.json").write_text(json.dumps(report))
    monkeypatch.setattr("osr_boot.ops.configuration.PATH", str(run_directory / "cluster.conf"))
    (run_directory / "cluster.conf").write_text('<cluster config_version="4"/>')
    lines = osr("status").out.splitlines()
    assert lines[:2] == [
        "node     node1 (id 1), because MAC",
        "config   config_version 3, from an archive behind the image",
    ]
    assert lines[2].startswith("warning  the image is stale: the root's ")
    assert "config_version 4, and the image was made from 3" in json.loads(osr("status", "--json").out)["stale"]
    document = json.loads(osr("status", "--json").out)
    assert document["root"].keys() == {"source", "fstype", "options"}
    assert document["stages"] == stages


# --- many nodes


def test_a_table_of_all_nodes() -> None:
    said = osr("explain", GOOD, "--all")
    assert (said.status, said.err) == (0, "")
    head, *lines = said.out.splitlines()
    assert head.split() == ["node", "id", "identity", "address", "root", "tree"]
    assert [line.split()[:3] for line in lines] == [
        ["node1", "1", "52:54:00:00:00:01"],
        ["node2", "2", "52:54:00:00:00:02"],
    ]
    assert lines[1].split()[3:] == ["eth0", "10.0.0.12/24", "10.0.0.1:/srv/root", "(nfs4)", "/cluster/cdsl/2"]


def test_all_plans_in_one_document() -> None:
    document = json.loads(osr("explain", GOOD, "--all", "--json").out)
    one = json.loads(osr("explain", GOOD, "--node", "node2", "--json").out)
    assert document["format"] == 1
    assert document["plans"][1] == one


def test_what_differs_between_two_nodes() -> None:
    said = osr("explain", GOOD, "--diff", "node1", "2")
    assert said.out.startswith("node1 and node2:\n")
    assert "  +         < address replace 10.0.0.12/24 dev eth0\n" in said.out
    assert "mount -t nfs" not in said.out
    assert osr("explain", GOOD, "--diff", "1", "node1").out == "1 and node1 boot alike\n"


def test_what_differs_between_two_files(tmp_path: Path) -> None:
    text = Path(GOOD).read_text()
    changed, more = tmp_path / "changed.conf", tmp_path / "more.conf"
    changed.write_text(text.replace("10.0.0.12", "10.0.0.99"))
    more.write_text(text.replace("node2", "node3"))
    said = osr("explain", "--diff", GOOD, str(changed))
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("node2:\n")
    assert "node1" not in said.out
    document = json.loads(osr("explain", "--diff", GOOD, str(more), "--json").out)
    assert document["differences"] == {"node2": ["only in the first"], "node3": ["only in the second"]}
    assert osr("explain", "--diff", GOOD, BAD).status == 2
