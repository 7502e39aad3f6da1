"""Of a large cluster.conf only what may be about one machine is read: with the same result as the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from osr_boot import clusterconf, document, excerpt
from osr_boot.model import Dmi, Selection

CASES = sorted((Path(__file__).parents[1] / "golden/findings").glob("*.conf"))
NODE = """    <clusternode name="node{n}" nodeid="{n}">
      <com_info>
        <dmi serial="S-{n}"/>
        <rootvolume name="10.0.0.1:/r" fstype="nfs4"/>
        <eth name="eth0" mac="{mac}" ip="10.0.1.{n}" mask="16"/>
      </com_info>
    </clusternode>
"""


def conf(count: int = 30, *, before: str = "", spelling: str = "{:02x}:{:02X}") -> bytes:
    macs = ("52:54:00:00:" + spelling.format(n, n) for n in range(1, count + 1))
    if "-" in spelling:
        macs = (mac.replace(":", "-") for mac in macs)
    nodes = "".join(NODE.format(n=n, mac=mac) for n, mac in enumerate(macs, 1))
    head = f'<?xml version="1.0"?>\n{before}<cluster name="c" config_version="1"><clusternodes>\n'
    return f"{head}{nodes}</clusternodes></cluster>\n".encode()


SELECTIONS = [
    Selection(name="node7"),
    Selection(name="7", nodeid=7),
    Selection(nodeid=7),
    Selection(macs=("52:54:00:00:07:07", "52:54:00:99:99:99")),
    Selection(macs=("52:54:00:99:99:99",), dmi=Dmi(product_serial="s-7")),
]


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
@pytest.mark.parametrize("spelling", ["{:02x}:{:02X}", "{:02X}-{:02x}"])
@pytest.mark.parametrize(
    "before", ["", "<!-- a\n<clusternode name='node7'> -->\n", "<!DOCTYPE cluster>\n", "<?a b?>\n"]
)
def test_the_node_is_the_same(selection: Selection, spelling: str, before: str) -> None:
    data = conf(before=before, spelling=spelling)
    whole, _ = clusterconf.parse(data)
    part, found = clusterconf.parse(data, selection=selection)
    assert found == ()
    assert part.nodes == (whole.nodes[6],)
    assert (part.digest, part.size, part.config_version) == (whole.digest, whole.size, whole.config_version)


def test_most_of_a_large_file_is_not_read() -> None:
    data = conf(200)
    for selection in SELECTIONS:
        part = excerpt.of(data, selection)
        assert part.count(b"<clusternode ") < 15
        assert part.count(b"\n") == data.count(b"\n")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_file_of_the_golden_tests(path: Path) -> None:
    """Whatever is in a file: a selected node is what the whole has, and has its own findings, on their lines."""
    data = path.read_bytes()
    whole, everything = clusterconf.parse(data)
    for node in whole.nodes:
        part, found = clusterconf.parse(data, selection=Selection(name=node.name, nodeid=node.nodeid or None))
        assert node in part.nodes
        # What is said once for all nodes stands at the first of them.
        known = {finding.message for finding in everything}
        assert {finding.message for finding in found if finding.severity == "error"} <= known


def test_nodes_that_contradict_each_other_are_both_there() -> None:
    data = conf().replace(b'nodeid="9"', b'nodeid="7"')
    _, found = clusterconf.parse(data, selection=Selection(nodeid=7))
    assert [finding.severity for finding in found] == ["error"]
    assert "nodeid 7 is given twice" in found[0].message


@pytest.mark.parametrize("selection", [Selection(name="nobody"), Selection(macs=("52:54:00:99:99:99",)), Selection()])
def test_a_selection_that_means_no_node_reads_all(selection: Selection) -> None:
    assert len(clusterconf.parse(conf(), selection=selection)[0].nodes) == 30


@pytest.mark.parametrize(
    "odd",
    [
        b"<clusternodes/><x><![CDATA[<clusternode name='node7'>]]></x>",
        b"<clusternode name='x'/>",
        b"\0",
    ],
)
def test_what_is_not_sure_is_left_whole(odd: bytes) -> None:
    data = conf().replace(b"</clusternodes>", odd + b"</clusternodes>")
    assert excerpt.of(data, Selection(name="node7")) == data


def test_a_name_that_an_entity_spells() -> None:
    data = conf().replace(b'name="node7"', b'name="nod&#101;7"')
    part, _ = clusterconf.parse(data, selection=Selection(name="node7"))
    assert [node.nodeid for node in part.nodes] == [7]


def test_texts_between_tags_are_found_although_blanks_are_not_looked_at() -> None:
    assert document.parse(conf()).stray is None
    assert clusterconf.parse(conf().replace(b"<com_info>", b"<com_info> x ", 1))[1][0].line == 4
