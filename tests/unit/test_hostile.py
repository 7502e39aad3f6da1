"""Input of any kind: the properties of tests/properties.py for some examples each, and what is known to be nasty.

`make fuzz` tries the same properties at length.
"""

from __future__ import annotations

import encodings.aliases
import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, find, settings

from osr_boot import cli, clusterconf, findings, identity, plan
from osr_boot.errors import ConfigError, IdentityError
from osr_boot.linux import Linux
from osr_boot.model import Cluster, Cmdline, Facts, Finding, Node
from tests import hostile
from tests.properties import PROPERTIES, a_cluster_conf_is_read_or_explained, examine, speakable
from tests.unit.command import GOOD, osr

EXAMPLES = settings.get_profile("unit")


@pytest.mark.parametrize("name", PROPERTIES)
def test_property(name: str) -> None:
    examine(PROPERTIES[name], EXAMPLES)


def test_the_examples_are_not_all_refused() -> None:
    """A property that speaks of good input is tried with good input."""

    def is_good(data: bytes) -> bool:
        cluster, found = clusterconf.parse(data)
        return len(cluster.nodes) > 1 and not any(finding.severity == "error" for finding in found)

    first = settings(EXAMPLES, phases=[Phase.generate])
    find(hostile.GOOD_CONFS, is_good, settings=first)
    find(hostile.CONFS, is_good, settings=settings(first, max_examples=1000))
    find(hostile.COMPILED, lambda text: bool(text.endswith("\n]}\n")), settings=first)
    find(hostile.PLANS, lambda text: '"ops.links.BringUp"' in text, settings=first)


# --- what a terminal gets

ESCAPES = "\x1b[2J\x07\x9b31m\u202e\udcff"
SHOWN = "\\u001b[2J\\u0007\\u009b31m\\u202e\\udcff"


def test_the_path_of_a_file_is_shown_as_it_can_be_printed() -> None:
    text = findings.as_text(f"{ESCAPES}/cluster.conf", [Finding(1, "error", "document", "is empty")])
    assert text == f"{SHOWN}/cluster.conf:1: error: document: is empty\n"


@pytest.mark.parametrize("command", ["check", "compile", "requires"])
def test_an_error_is_shown_as_it_can_be_printed(command: str, tmp_path: Path) -> None:
    file = tmp_path / ESCAPES
    file.write_bytes(b"{}" if command != "requires" else b"")
    said = osr(command, str(file))
    speakable(said.out + said.err)
    assert SHOWN in said.out + said.err


@pytest.mark.parametrize("word", [f"root=nfs:10.0.0.1:/{ESCAPES}", f"rootflags={ESCAPES}"])
def test_a_plan_is_shown_as_it_can_be_printed(word: str) -> None:
    said = osr("explain", GOOD, "--node", "1", "--cmdline", f"root=nfs:10.0.0.1:/r {word}")
    assert said.status == 0, said.err
    speakable(said.out)


def test_the_links_of_a_machine_are_shown_as_they_can_be_printed(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    for mac in ("52:54:00:00:00:01", "52:54:00:00:00:99"):
        file.write_text(json.dumps({"nics": [{"name": ESCAPES, "mac": mac}]}))
        said = osr("explain", GOOD, "--facts", str(file))
        speakable(said.out + said.err)
        assert SHOWN in said.out + said.err


def test_a_boot_says_what_a_console_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.StringIO()
    monkeypatch.setattr(sys, "stderr", console)
    Linux().say(f"mount: {ESCAPES}\n\tand a second line")
    assert console.getvalue() == f"osr: mount: {SHOWN}\n\tand a second line\n"


def test_letters_that_the_terminal_lacks_are_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cluster.conf"
    file.write_text(Path(GOOD).read_text().replace('nodeid="1"', 'nodeid="\u6771\u4eac"'))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.main(["check", str(file)]) == 2
    stream.seek(0)
    assert 'nodeid "\\u6771\\u4eac" is not a whole number' in stream.read()


# --- what was found


def test_a_command_line_that_argparse_makes_a_list_of() -> None:
    said = osr("explain", GOOD, "--node", "1", "--cmdline=--")
    assert (said.status, said.err) == (0, "")


OPERATION = '{"format":1,"node":{"name":"n","id":1},"because":"","warnings":[],"stages":{"root":[%s]}}'
NO_PLANS = {
    "deep": "[" * 100_000,
    "deep format": '{"format":%s}' % ("[" * 900 + "]" * 900),
    "another format": '{"format":2}',
    "unknown file": OPERATION % '{"op":"ops.nonsense.X"}',
    "file in a file": OPERATION % '{"op":"ops.links.more.X"}',
    "path of 10,000 files": OPERATION % ('{"op":"ops%s.X"}' % (".x" * 10_000)),
    "no operation": OPERATION % '{"op":"ops.links.WaitCarrier.__init__"}',
    "function": OPERATION % '{"op":"ops.links.link_name"}',
    "error": OPERATION % '{"op":"ops.links.OsrError"}',
    "nothing but an operation": OPERATION % '{"op":"ops.links.Operation"}',
    "text that is a list": OPERATION % '{"op":"ops.files.SetHostname","name":["n"]}',
    "text that is nothing": OPERATION % '{"op":"ops.files.SetHostname","name":null}',
    "list that is a text": OPERATION % '{"op":"ops.links.WaitCarrier","any_of":"eth0"}',
    "list of numbers": OPERATION % '{"op":"ops.links.WaitCarrier","any_of":[1]}',
    "three in place of two": OPERATION % '{"op":"ops.files.WriteFiles","why":"","texts":[["a","b","c"]]}',
    "number that is a truth value": OPERATION.replace('"id":1', '"id":true') % "",
    "reason that is a number": OPERATION.replace('"because":""', '"because":1') % "",
    "warnings of numbers": OPERATION.replace('"warnings":[]', '"warnings":[1]') % "",
}


@pytest.mark.parametrize("name", NO_PLANS)
def test_what_is_no_plan_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan.loads(NO_PLANS[name])
    assert caught.value.hint
    assert len(caught.value.message) < 500


def test_a_digit_that_is_no_number_is_nobodys_id() -> None:
    with pytest.raises(IdentityError, match="no node of cluster.conf has name"):
        identity.by_word("\u00b2", Cluster(nodes=(Node("node1", 2),)))


def test_a_name_of_any_length_gives_a_message_that_can_be_read() -> None:
    with pytest.raises(IdentityError) as caught:
        identity.identify(Cmdline(node="x" * 4000), Facts(), Cluster(nodes=(Node("node1", 2),)))
    assert len(caught.value.message) < 200


ENCODINGS = {*encodings.aliases.aliases.values(), "utf_8_sig", "idna", "punycode", "undefined"}


@pytest.mark.parametrize("name", sorted(ENCODINGS))
def test_every_encoding_that_python_knows_is_read_or_refused(name: str) -> None:
    head = f'<?xml version="1.0" encoding="{name}"?>\n'.encode()
    a_cluster_conf_is_read_or_explained(head + Path(GOOD).read_bytes().partition(b"\n")[2])
