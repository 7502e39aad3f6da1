from __future__ import annotations

from collections.abc import Iterator

import pytest

from osr_boot import vocabulary
from osr_boot.vocabulary import CLUSTER
from osr_boot.words import Kind, nearest


def elements(element: Kind = CLUSTER) -> Iterator[Kind]:
    yield element
    for child in element.children:
        yield from elements(child)


def test_one_name_means_one_thing() -> None:
    names = [element.name for element in elements()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("element", [element for element in elements() if not element.opaque], ids=lambda e: e.name)
def test_attributes_are_named_once(element: Kind) -> None:
    names = [attribute.name for attribute in element.attributes]
    assert len(names) == len(set(names))
    assert all(element.attribute(name) for name in names)


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("cluster", "name config_version type"),
        ("clusternode", "name nodeid votes tcp_port"),
        ("cman", "two_node expected_votes"),
        ("eth", "name mac ip mask gateway master slave type bridge driver onboot"),
        ("rootvolume", "name fstype shared mountopts mounttimes mountwait"),
        ("syslog", "name level subsys type filter"),
        ("scsi", "failover driver"),
        ("rootsource", "name"),
        ("chrootenv", "mountpoint fstype device chrootdir mountopts"),
        ("filesystem", "source dest fstype mountopts"),
        ("hostname", "name"),
        ("dmi", "system_uuid serial asset_tag"),
    ],
)
def test_it_knows_the_words_of_cluster_conf(place: str, names: str) -> None:
    element = next(element for element in elements() if element.name == place)
    assert {attribute.name for attribute in element.attributes} >= set(names.split())


@pytest.mark.parametrize("name", ["rm", "quorumd", "unfence", "fence_daemon"])
def test_what_is_not_ours_is_not_read(name: str) -> None:
    element = next(element for element in elements() if element.name == name)
    assert element.opaque
    assert not element.ours
    assert name not in vocabulary.HOMES


def test_homes() -> None:
    assert vocabulary.HOMES["eth"] == "com_info"
    assert vocabulary.HOMES["property"] == "properties"
    assert vocabulary.HOMES["clusternodes"] == "cluster"


ETH = tuple(attribute.name for attribute in vocabulary.ETH.attributes)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("gatway", "gateway"),
        ("Gateway", "gateway"),
        ("GATEWAY", "gateway"),
        ("nmae", "name"),
        ("netmask", "mask"),
        ("on-boot", "onboot"),
        ("colour", ""),
        ("x" * 10_000, ""),
    ],
)
def test_nearest(word: str, meant: str) -> None:
    assert nearest(word, ETH) == meant


@pytest.mark.parametrize("word", ["weight", "nodename", "fencing", "alias", "unfence2"])
def test_nearest_is_careful_with_words_of_others(word: str) -> None:
    assert nearest(word, ("name", "nodeid", "votes", "tcp_port"), strict=True) == ""
