"""The manual page: every word of the vocabulary is on it, and roff has nothing against it."""

from __future__ import annotations

import subprocess

import pytest

from osr_boot import manual, vocabulary
from osr_boot.words import Kind


def test_every_word_of_ours_is_on_it() -> None:
    page = manual.page()

    def look(element: Kind) -> None:
        if element.opaque and not element.ours:
            return
        assert f'/{element.name}"\n' in page or f'"{element.name}"\n' in page
        for attribute in element.attributes:
            assert f".B {attribute.name}\n" in page
        for child in element.children:
            look(child)

    look(vocabulary.CLUSTER)


def test_nothing_in_it_is_a_request_by_accident() -> None:
    known = (".TH", ".SH", ".SS", ".TP", ".B ", ".BR", ".I ")
    assert not [
        line for line in manual.page().splitlines() if line.startswith((".", "'")) and not line.startswith(known)
    ]
    assert "`" not in manual.page()


@pytest.mark.programs
def test_a_linter_has_nothing_against_it() -> None:
    argv = ["mandoc", "-T", "lint", "-W", "warning"]
    done = subprocess.run(argv, input=manual.page(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    shown = subprocess.run(["mandoc", "-T", "utf8"], input=manual.page(), capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("OSR-CLUSTER.CONF(5)")
