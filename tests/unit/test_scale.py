"""10,000 nodes of 4 links: the right findings, each on its line, and nothing else."""

from __future__ import annotations

from osr_boot import clusterconf
from tests import scale


def test_a_hundred_mistakes_in_ten_thousand_nodes_are_found() -> None:
    text, planted = scale.with_mistakes(scale.NODES, 100)
    cluster, found = clusterconf.parse(text.encode())
    assert len(cluster.nodes) == scale.NODES
    assert len(planted) == 100
    assert [finding.line for finding in found] == [line for line, _ in planted]
    for finding, (_, words) in zip(found, planted):
        assert words in finding.message


def test_without_a_mistake_there_is_nothing_to_say() -> None:
    assert clusterconf.parse(scale.conf(500).encode())[1] == ()
