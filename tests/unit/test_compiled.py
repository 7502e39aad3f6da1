from __future__ import annotations

import json
import time
from typing import Any

import pytest

from osr_boot import compiled
from osr_boot.errors import ConfigError
from osr_boot.model import Cluster, Dmi, Fence, Nic, Node, O2cb, Storage, Volume
from osr_boot.value import replace

FULL = Cluster(
    "demo",
    7,
    (
        Node(
            "node1",
            1,
            (
                Nic(
                    "eth0",
                    "52:54:00:00:00:01",
                    "10.0.0.1/24",
                    "10.0.0.254",
                    True,
                    "virtio_net",
                    9000,
                    True,
                    "bond",
                    "bond1",
                    "br0",
                    ("fd00::1/64", "dhcp6"),
                    "fd00::9",
                    ("10.9.0.0/16 via 10.0.0.2",),
                    ("10.0.0.3",),
                    ("mode 802.3ad",),
                    20,
                    False,
                    5,
                ),
                Nic("eth1", "52:54:00:00:00:0a", onboot=False),
            ),
            Volume("10.0.0.9:/r", "nfs4", "noatime", 5, 3, False, ("10.0.0.8",), "/data", 4),
            (Volume("LABEL=data", "ext4", path="/data"), Volume("tmpfs", "tmpfs", path="/scratch")),
            Storage("mpt3sas", True, "10.0.0.7", 3261, "iqn.2026-01.org.example:t", "iqn.2026-01.org.example:i", 8),
            "web1",
            2,
            7778,
            (Fence("ipmi", "fence_ipmilan", 2, ("ipaddr=10.0.0.5",), ("passwd",)),),
            Dmi("4c4c4544-0042", 'a "quoted" \\ serial', "näher"),
            3,
        ),
        Node("node2", 2, line=9),
        Node("node22", 22, (Nic("eth0", "52:54:00:00:00:16"),), Volume("/dev/sda1", "nfs4"), line=12),
    ),
    "/etc/cluster/cluster.conf",
    1234,
    "ab" * 32,
    True,
    True,
    1,
    2,
    ("token 3000",),
    O2cb(("77D95EF51C0149D2823674FCC162CF8B",), 61, 60_000, 3_000, 4_000),
)
TEXT = compiled.dump(FULL)


def test_round_trip() -> None:
    assert compiled.load(TEXT) == FULL


def test_the_cluster_of_the_round_trip_has_every_field_set() -> None:
    """A field that is added to the model is added to FULL, and so is shown to travel."""
    node = FULL.nodes[0]
    assert node.rootvolume
    for value in (FULL, node, node.nics[0], node.rootvolume, node.storage, node.dmi, FULL.o2cb):
        for field in value.__fields__:
            if field != "onboot":  # False in the second link
                assert getattr(value, field) != value.__defaults__.get(field), field


def test_it_is_one_document_with_a_node_on_each_line() -> None:
    document = json.loads(TEXT)
    assert list(document) == ["format", *(key for key in Cluster.__fields__ if key != "nodes"), "bytes", "nodes"]
    lines = TEXT.splitlines()
    assert lines[0].startswith('{"format":1,"name":"demo",')
    assert [json.loads(line.rstrip(","))["name"] for line in lines[1:-1]] == ["node1", "node2", "node22"]
    assert lines[2] == '{"name":"node2","nodeid":2,"line":9},'
    assert lines[-1] == "]}"
    assert TEXT.isascii()


def test_the_same_cluster_gives_the_same_bytes() -> None:
    assert compiled.dump(compiled.load(TEXT)) == TEXT


def test_a_cluster_without_nodes() -> None:
    empty = replace(FULL, nodes=())
    assert compiled.load(compiled.dump(empty)) == empty
    assert compiled.select(compiled.dump(empty), macs=["52:54:00:00:00:01"], nodeid=1, name="node1") == empty


EVIDENCE: dict[str, tuple[dict[str, Any], list[int]]] = {
    "MAC": ({"macs": ["52:54:00:00:00:0a"]}, [1]),
    "MACs of two nodes, out of order": ({"macs": ["52:54:00:00:00:16", "52:54:00:00:00:01"]}, [1, 22]),
    "both MACs of one node": ({"macs": ["52:54:00:00:00:01", "52:54:00:00:00:0a"]}, [1]),
    "unknown MAC": ({"macs": ["52:54:00:00:00:ff"]}, []),
    "empty MAC": ({"macs": [""]}, []),
    "nodeid, which begins another": ({"nodeid": 2}, [2]),
    "nodeid": ({"nodeid": 22}, [22]),
    "unknown nodeid": ({"nodeid": 3}, []),
    "name, which begins another": ({"name": "node2"}, [2]),
    "name of a link": ({"name": "eth0"}, []),
    "unknown name": ({"name": "node"}, []),
    "UUID": ({"dmi": Dmi(product_uuid="4c4c4544-0042")}, [1]),
    "serial with quotes": ({"dmi": Dmi(product_serial='a "quoted" \\ serial')}, [1]),
    "asset tag that is not ASCII": ({"dmi": Dmi(chassis_asset_tag="näher")}, [1]),
    "UUID as a serial": ({"dmi": Dmi(product_serial="4c4c4544-0042")}, []),
    "all together": ({"macs": ["52:54:00:00:00:01"], "nodeid": 22, "name": "node2"}, [1, 2, 22]),
    "nothing": ({}, []),
}


@pytest.mark.parametrize("name", EVIDENCE)
@pytest.mark.parametrize("arranged", ["as written", "rewritten", "indented"])
def test_select(name: str, arranged: str) -> None:
    text = TEXT
    if arranged != "as written":
        text = json.dumps(json.loads(TEXT), indent=2 if arranged == "indented" else None)
    evidence, nodeids = EVIDENCE[name]
    cluster = compiled.select(text, **evidence)
    assert cluster == replace(FULL, nodes=tuple(node for node in FULL.nodes if node.nodeid in nodeids))


def test_select_keeps_duplicates_so_that_identity_can_refuse() -> None:
    twins = replace(FULL, nodes=(FULL.nodes[0], replace(FULL.nodes[0], name="twin", nodeid=9)))
    assert compiled.select(compiled.dump(twins), macs=["52:54:00:00:00:01"]) == twins


def test_a_node_of_nothing_but_name_and_number() -> None:
    bare = Cluster("demo", 1, (Node("node1", 1), Node("node11", 11)))
    assert compiled.select(compiled.dump(bare), nodeid=1) == replace(bare, nodes=bare.nodes[:1])


def test_what_has_no_default_is_written_even_if_it_is_empty() -> None:
    empty = Cluster("demo", 1, (Node("", 0, (Nic(""),), Volume("", "")),))
    assert compiled.load(compiled.dump(empty)) == empty


def test_a_changed_value_is_found_whatever_its_length() -> None:
    for mac in ("52:54:00:00:00:aa", "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0e:8b:31"):
        text = TEXT.replace("52:54:00:00:00:16", mac)
        assert [node.name for node in compiled.select(text, macs=[mac]).nodes] == ["node22"]


BROKEN = {
    "empty": "",
    "no JSON": "<cluster/>",
    "truncated": TEXT[: len(TEXT) // 2],
    "without its last line": TEXT[: TEXT.rindex("]}")],
    "a list": "[]",
    "a number": "1",
    "deep": "[" * 100_000,
    "no format": TEXT.replace('"format":1,', ""),
    "format of text": TEXT.replace('"format":1,', '"format":"1",'),
    "format that is true": TEXT.replace('"format":1,', '"format":true,'),
    "newer format": TEXT.replace('"format":1,', '"format":2,'),
    "no nodes": '{"format":1}',
    "nodes of text": '{"format":1,"nodes":"node1"}',
    "a node of text": '{"format":1,"nodes":["node1"]}',
    "a node without name": '{"format":1,"nodes":[{"nodeid":1}]}',
    "nodeid of text": TEXT.replace('"nodeid":1,', '"nodeid":"1",'),
    "nodeid that is true": TEXT.replace('"nodeid":1,', '"nodeid":true,'),
    "a name of number": TEXT.replace('"name":"node1"', '"name":1'),
    "unknown key": TEXT.replace('"hostname":', '"passwd":'),
    "links that are no list": TEXT.replace('"nics":[', '"nics":{"a":[').replace("}],", "}]},", 1),
    "a link of text": TEXT.replace('"nics":[{', '"nics":["eth0",{'),
    "root of text": TEXT.replace('"rootvolume":{"name":"/dev/sda1","fstype":"nfs4"}', '"rootvolume":"/dev/sda1"'),
    "comma too many": TEXT.replace("\n]}", ",\n]}"),
    "NULs": "\0" * 100,
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_document_is_an_error_with_a_hint(name: str) -> None:
    assert BROKEN[name] != TEXT
    for read in (compiled.load, lambda text: compiled.select(text, macs=["52:54:00:00:00:01", "52:54:00:00:00:16"])):
        with pytest.raises(ConfigError) as caught:
            read(BROKEN[name])
        assert caught.value.hint
        assert len(caught.value.message) < 300


@pytest.mark.parametrize("length", range(0, len(TEXT) - 1, 7))
def test_every_truncation_is_an_error(length: int) -> None:
    with pytest.raises(ConfigError):
        compiled.load(TEXT[:length])
    with pytest.raises(ConfigError):
        compiled.select(TEXT[:length], nodeid=1)


def test_a_newer_format_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="has format 2, and this version knows 1"):
        compiled.select(BROKEN["newer format"], nodeid=1)


def large(nodes: int) -> str:
    return compiled.dump(
        Cluster(
            "large",
            1,
            tuple(
                Node(
                    f"node{number}",
                    number,
                    tuple(
                        Nic(f"eth{link}", f"52:54:{link:02x}:00:{number >> 8:02x}:{number & 255:02x}", "10.0.0.1/8")
                        for link in range(4)
                    ),
                    Volume("10.0.0.9:/srv/root", "nfs4"),
                )
                for number in range(1, nodes + 1)
            ),
        )
    )


def test_one_of_10000_nodes_is_found_without_decoding_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    text = large(10_000)
    decoded: list[int] = []
    loads = json.loads

    def counted(part: str) -> Any:
        decoded.append(len(part))
        return loads(part)

    monkeypatch.setattr(json, "loads", counted)
    macs = [f"52:54:{link:02x}:00:{7777 >> 8:02x}:{7777 & 255:02x}" for link in range(4)]
    times = []
    for _ in range(5):
        begin = time.process_time()
        cluster = compiled.select(text, macs=macs, dmi=Dmi("x", "y", "z"))
        times.append(time.process_time() - begin)
    assert [node.nodeid for node in cluster.nodes] == [7777]
    assert len(decoded) == 5 * 2  # the header and one line
    assert max(decoded) < 1000
    assert min(times) < 0.1  # 4 to 8 ms where this was written; decoding all takes 60, values of them 500


def test_a_document_that_is_cut_off_is_an_error_of_ours() -> None:
    body = '{"name":"52:54:00:00:00:01"'
    with pytest.raises(ConfigError):
        compiled.select(f'{{"format":1,"bytes":{len(body)},"nodes":[\n{body}', macs=["52:54:00:00:00:01"])


def test_an_address_that_fills_a_line_is_found_once() -> None:
    """Four megabytes of hits on one line took 6.5 s when each was looked at."""
    body = f'{{"name":"{"52:54:00:00:00:01" * 240_000}","nodeid":1}}\n]}}\n'
    begin = time.process_time()
    part = compiled.select(f'{{"format":1,"bytes":{len(body)},"nodes":[\n{body}', macs=["52:54:00:00:00:01"])
    assert len(part.nodes) == 1
    assert time.process_time() - begin < 1
