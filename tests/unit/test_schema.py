"""The schema: made from the vocabulary, as strict as our own walk about words, and never stricter about values."""

from __future__ import annotations

from pathlib import Path

import pytest

from osr_boot import clusterconf, schema, vocabulary
from osr_boot.words import Kind

CASES = sorted((Path(__file__).parents[1] / "golden/findings").glob("*.conf"))
# What is wrong with words, and not with values, the schema sees as well: an editor shows it while one types.
WORDS = ("attribute-", "element-misplaced", "element-misspelt", "element-unknown", "element-is-not", "text-between")


def refused(data: bytes) -> bool:
    return bool(list(schema.findings(data)))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_the_walk_accepts_the_schema_accepts(path: Path) -> None:
    data = path.read_bytes()
    _, found = clusterconf.parse(data)
    if not any(finding.severity == "error" for finding in found):
        assert list(schema.findings(data)) == []


@pytest.mark.parametrize("path", [path for path in CASES if path.stem.startswith(WORDS)], ids=lambda path: path.stem)
def test_wrong_words_are_wrong_in_the_schema(path: Path) -> None:
    if "of-clusternode" not in path.stem:  # what is nearly a word of ours in Red Hat's elements, only the walk sees
        assert refused(path.read_bytes())


def test_there_are_cases_of_wrong_words() -> None:
    assert len([path for path in CASES if path.stem.startswith(WORDS)]) > 7


@pytest.mark.parametrize("text", ["yes", "NO", "", "No"])
def test_yes_and_no(text: str) -> None:
    assert not refused(eth(f'onboot="{text}"'))


@pytest.mark.parametrize("words", ['onboot="maybe"', 'mtu="-1"', 'mtu="1k"', 'onboot=" yes"'])
def test_values_that_no_reader_takes(words: str) -> None:
    assert refused(eth(words))


def eth(words: str) -> bytes:
    link = f'<eth name="eth0" {words}/>'
    volume = '<rootvolume name="10.0.0.1:/r" fstype="nfs4"/>'
    node = f'<clusternode name="a" nodeid="1"><com_info>{volume}{link}</com_info></clusternode>'
    return f"<cluster><clusternodes>{node}</clusternodes></cluster>".encode()


def test_elements_of_others_may_have_anything() -> None:
    other = b'<rm log="7"><service><ip address="1"/>text</service></rm><unheard-of x="1"><eth/></unheard-of>'
    assert not refused(eth("").replace(b"<cluster>", b"<cluster>" + other))
    assert refused(eth("").replace(b"<cluster>", b"<cluster><eth/>"))


def test_what_the_walk_overlooks_is_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osr_boot.spelling.findings", lambda root: iter(()))
    data = eth('mac="52:54:00:00:00:01" ip="10.0.0.2" mask="24" colour="red"')
    _, found = clusterconf.parse(data)
    (error,) = (finding for finding in found if finding.severity == "error")
    assert error.message.startswith("does not fit the schema, and nothing else was found: ")


def test_every_word_of_ours_is_in_it() -> None:
    text = schema.text()

    def words(element: Kind) -> set[str]:
        below = set().union(*(words(child) for child in element.children)) if element.children else set()
        return {element.name} | {attribute.name for attribute in element.attributes} | below

    assert all(f'name="{word}"' in text for word in words(vocabulary.CLUSTER))


def test_no_file_and_no_network_is_touched() -> None:
    data = b'<!DOCTYPE cluster SYSTEM "file:///etc/passwd"><cluster/>'
    assert not refused(data)
