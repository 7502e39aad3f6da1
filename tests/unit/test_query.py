"""`osr query` and `com-queryclusterconf`: every query against a cluster.conf that uses every element."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from osr_boot import cli, document, query, vocabulary
from osr_boot.lookup import Nothing, Source
from tests.unit.command import BAD, GOOD, Said, osr

TOP = Path(__file__).parents[2]

CONF = """<?xml version="1.0" encoding="utf-8"?>
<!-- every element that a query reads -->
<cluster name="demo" config_version="7" type="osr">
  <cman two_node="1" expected_votes="1"/>
  <fencedevices><fencedevice name="f1" agent="fence_ilo" passwd="secret"/></fencedevices>
  <clusternodes>
    <clusternode name="node1" nodeid="1" votes="2" tcp_port="7778">
      <fence><method name="1"><device name="f1"/></method></fence>
      <com_info>
        <rootvolume name="/dev/vg/root" fstype="gfs2" mountopts="noatime,nodiratime" mounttimes="5" mountwait="3"/>
        <eth name="eth0" mac="52:54:00:AB:CD:01" master="bond0" slave="yes" driver="virtio_net"/>
        <eth name="eth1" mac="52-54-00-ab-cd-11" master="bond0" slave="yes" onboot="no" bridge="br0"/>
        <eth name="bond0" ip="10.0.0.11" mask="255.255.255.0" gateway="10.0.0.1" type="Bonding">
          <properties>
            <property name="BONDING_OPTS" value="miimon=100 mode=1"/>
            <property name="PEERDNS" value="no"/>
          </properties>
        </eth>
        <syslog name="log.example" level="debug" subsys="local7" type="syslogd" filter="*.*"/>
        <scsi failover="mapper" driver="qla2xxx"/>
        <rootsource name="scsi"/>
        <chrootenv mountpoint="/var/comoonics/chroot" fstype="ext3" device="/dev/vg/chroot"
                   chrootdir="/var/comoonics/chroot/root" mountopts="defaults"/>
        <hostname name="web1"/>
        <dmi system_uuid="4C4C4544-0042"/>
        <filesystems>
          <filesystem source="/dev/vg/data%(param0)s" dest="/data" fstype="gfs2" mountopts="noatime"/>
          <filesystem source="/srv/%(param0)s" dest="/srv" fstype="bind"/>
        </filesystems>
      </com_info>
    </clusternode>
    <clusternode name="node2" nodeid="02">
      <com_info>
        <rootvolume name="10.0.0.1:/srv/root" fstype="nfs4" mountopts=""/>
        <eth name="eth9" mac="52:54:00:ab:cd:99" ip="dhcp"/>
        <eth name="eth0" mac="52:54:00:ab:cd:02" ip="10.0.0.12/24"/>
        <eth name="ib0" mac="80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0E:8B:31" ip="10.0.9.2" mask="16"/>
      </com_info>
    </clusternode>
  </clusternodes>
</cluster>
"""

ANSWERS = {
    "clustername_name": ["demo"],
    "nodeids": ["1", "02"],
    "nodenames": ["node1", "node2"],
    "nodename 1": ["node1"],
    "nodename 2": ["node2"],
    "nodename 002": ["node2"],
    "nodename node2": ["node2"],
    "nodename 52:54:00:ab:cd:02": ["node2"],
    "nodeid node1": ["1"],
    "nodeid node2": ["02"],
    "nodeid 2": ["02"],
    "nodeid 52-54-00-AB-CD-11": ["1"],
    "macs 1": ["52:54:00:AB:CD:01", "52-54-00-ab-cd-11"],
    "macs node1": ["52:54:00:AB:CD:01", "52-54-00-ab-cd-11"],
    "hwids_by_nodeid 1": ["52:54:00:AB:CD:01", "52-54-00-ab-cd-11"],
    "mac 1 eth1": ["52-54-00-ab-cd-11"],
    "ip 1 bond0": ["10.0.0.11"],
    "ip node1 bond0": ["10.0.0.11"],
    "ip 2 eth0": ["10.0.0.12"],
    "ip 2 eth9": ["dhcp"],
    "eth_name 1": ["eth0", "eth1", "bond0"],
    "eth_name_name 1 eth0": ["eth0"],
    "eth_name_mac 1 eth0": ["52:54:00:AB:CD:01"],
    "eth_name_ip 2 eth0": ["10.0.0.12/24"],
    "eth_name_mask 1 bond0": ["255.255.255.0"],
    "eth_name_gateway 1 bond0": ["10.0.0.1"],
    "eth_name_master 1 eth0": ["bond0"],
    "eth_name_slave 1 eth0": ["yes"],
    "eth_name_slave 2 eth0": ["no"],
    "eth_name_type 1 bond0": ["Bonding"],
    "eth_name_type 2 eth0": ["Ethernet"],
    "eth_name_bridge 1 eth1": ["br0"],
    "eth_name_driver 1 eth0": ["virtio_net"],
    "eth_name_onboot 1 eth1": ["no"],
    "eth_name_onboot 1 eth0": ["yes"],
    "eth_name_properties 1 bond0": ["BONDING_OPTS=miimon=100 mode=1", "PEERDNS=no"],
    "rootvolume_name 1": ["/dev/vg/root"],
    "rootvolume_name node2": ["10.0.0.1:/srv/root"],
    "rootvolume_fstype 1": ["gfs2"],
    "rootvolume_mountopts 1": ["noatime,nodiratime"],
    "syslog_name 1": ["log.example"],
    "syslog_level 1": ["debug"],
    "syslog_subsys 1": ["local7"],
    "syslog_type 1": ["syslogd"],
    "syslog_filter 1": ["*.*"],
    "scsi_failover 1": ["mapper"],
    "scsi_driver 1": ["qla2xxx"],
    "chrootenv_mountpoint 1": ["/var/comoonics/chroot"],
    "chrootenv_fstype 1": ["ext3"],
    "chrootenv_device 1": ["/dev/vg/chroot"],
    "chrootenv_chrootdir 1": ["/var/comoonics/chroot/root"],
    "chrootenv_mountopts 1": ["defaults"],
    "filesystem_dest 1": ["/data", "/srv"],
    "filesystem_dest_source 1 /data": ["/dev/vg/data%(param0)s"],
    "filesystem_dest_source node1 /srv": ["/srv/%(param0)s"],
    "filesystem_dest_dest 1 /srv": ["/srv"],
    "filesystem_dest_fstype 1 /srv": ["bind"],
    "filesystem_dest_mountopts 1 /data": ["noatime"],
    "nodeid_by_hwid 52:54:00:ab:cd:01": ["1"],
    "nodeid_by_hwid 52-54-00-AB-CD-11": ["1"],
    "nodename_by_hwid 52:54:00:AB:CD:02": ["node2"],
    "nodename_by_hwid 80-00-00-48-FE-80-00-00-00-00-00-00-00-02-C9-03-00-0e-8b-31": ["node2"],
    "hosts": ["10.0.0.11 node1", "10.0.0.12 node2"],
    "convert ocfs2": [
        "cluster:", "\tnode_count = 2", "\tname = demo", "",
        "node:", "\tip_port = 7778", "\tip_address = 10.0.0.11", "\tnumber = 1", "\tname = node1", "\tcluster = demo",
        "",
        "node:", "\tip_port = 7777", "\tip_address = 10.0.0.12", "\tnumber = 2", "\tname = node2", "\tcluster = demo",
    ],
    "xpath /cluster/@name": ["demo"],
    "query_xml //scsi": ['<scsi failover="mapper" driver="qla2xxx"/>'],
    "query_value /cluster/clusternodes/clusternode/@name": ["node1", "node2"],
}  # fmt: skip

NOTHING = {
    "nodename 3": 'no node has the id, name or MAC address "3"',
    "nodename ": 'no node has the id, name or MAC address ""',
    "nodename 52:54:00:00:00:00": 'no node has the id, name or MAC address "52:54:00:00:00:00"',
    "nodeid node": 'no node has the id, name or MAC address "node"',
    "nodeid_by_hwid 52:54:00:00:00:00": 'no node has the MAC address "52:54:00:00:00:00"',
    "nodeid_by_hwid eth0": '"eth0" is not a MAC address',
    "ip 1 eth7": 'there is no link "eth7" of node "node1"',
    "ip 1 eth0": 'link "eth0" of node "node1" has no ip',
    "mac 1 bond0": 'link "bond0" of node "node1" has no mac',
    "eth_name_mask 2 eth0": 'link "eth0" of node "node2" has no mask',
    "eth_name_properties 1 eth0": 'there is no property of link "eth0" of node "node1"',
    "eth_name_properties 1 eth7": 'there is no link "eth7" of node "node1"',
    "rootvolume_mountopts 2": '"rootvolume" of node "node2" has no mountopts',
    "syslog_name 2": 'there is no "syslog" of node "node2"',
    "filesystem_dest 2": 'there is no "filesystem" of node "node2"',
    "filesystem_dest_fstype 1 /home": 'there is no filesystem "/home" of node "node1"',
    "filesystem_dest_mountopts 1 /srv": 'filesystem "/srv" of node "node1" has no mountopts',
    "xpath //nothing": "nothing in the file matches",
    "xpath string(//nothing)": "nothing in the file matches",
}
"""what finds nothing, and what is said about it"""


@pytest.fixture
def conf(tmp_path: Path) -> str:
    path = tmp_path / "cluster.conf"
    path.write_text(CONF)
    return str(path)


def old(*words: str) -> Said:
    """Run the command under its old name."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(list(words), program="com-queryclusterconf")
    return Said(status, out.getvalue(), err.getvalue())


def answered(*lines: str) -> Said:
    return Said(0, "".join(f"{line}\n" for line in lines), "")


def source(text: str) -> Source:
    data = text.encode()
    return Source(document.parse(data), data)


# --- every query


def test_every_query_name_that_scripts_know_is_there_and_is_asked_here() -> None:
    known = """nodeids nodenames nodename:1 nodeid:1 macs:1 mac:2 ip:2 eth_name:1 eth_name_properties:2
        filesystem_dest:1 clustername_name nodeid_by_hwid:1 nodename_by_hwid:1 hwids_by_nodeid:1 convert:1 hosts"""
    wanted = {name: int(count or 0) for name, _, count in (word.partition(":") for word in known.split())}
    for prefix, count, names in (
        ("eth_name", 2, "name mac ip mask gateway master slave type bridge driver onboot"),
        ("rootvolume", 1, "name fstype mountopts"),
        ("syslog", 1, "name level subsys type filter"),
        ("scsi", 1, "failover driver"),
        ("chrootenv", 1, "mountpoint fstype device chrootdir mountopts"),
        ("filesystem_dest", 2, "source dest fstype mountopts"),
        ("query", 1, "xml value"),
    ):
        wanted.update({f"{prefix}_{name}": count for name in names.split()})
    assert {name: len(one.arguments) for name, one in query.QUERIES.items()} == {**wanted, "xpath": 1}
    assert {words.split()[0] for words in ANSWERS} == {*query.QUERIES}


@pytest.mark.parametrize("words", ANSWERS)
def test_the_answer(conf: str, words: str) -> None:
    assert osr("query", "-f", conf, *words.split()) == answered(*ANSWERS[words])


@pytest.mark.parametrize("words", NOTHING)
def test_nothing_is_found(conf: str, words: str) -> None:
    said = osr("query", "-f", conf, *words.split(" "))
    assert (said.status, said.out) == (1, "")
    assert said.err.splitlines()[0] == f'osr: query "{words}" finds nothing: {NOTHING[words]}'


def test_attributes_are_those_of_the_vocabulary() -> None:
    children = {child.name: child for child in vocabulary.COM_INFO.children}
    children["filesystem_dest"] = children["filesystems"].children[0]
    children["eth_name"] = vocabulary.ETH
    for name in query.QUERIES:
        element, _, attribute = name.rpartition("_")
        if element in children and name not in ("eth_name", "filesystem_dest", "eth_name_properties"):
            assert children[element].attribute(attribute), name


def test_a_default_in_words_is_no_answer() -> None:
    volume = vocabulary.COM_INFO.child("rootvolume")
    attribute = volume and volume.attribute("mountopts")
    assert attribute
    assert " " in attribute.default
    with pytest.raises(Nothing):
        query.Asked("rootvolume_mountopts", ("2",)).answer(source(CONF))


# --- nodes that cannot be told apart, and other mistakes


def test_two_nodes_with_one_mac_are_no_answer() -> None:
    twins = source(CONF.replace("52:54:00:ab:cd:02", "52-54-00-AB-CD-01"))
    for name in ("nodeid_by_hwid", "nodename_by_hwid"):
        with pytest.raises(Nothing) as caught:
            query.Asked(name, ("52:54:00:ab:cd:01",)).answer(twins)
        assert caught.value.message == ('"52:54:00:ab:cd:01" is both node "node1" (line 7) and node "node2" (line 32)')
    assert query.Asked("nodeid_by_hwid", ("52:54:00:ab:cd:99",)).answer(twins) == ["02"]


def test_two_links_of_one_node_with_one_mac_are_that_node() -> None:
    assert query.Asked("nodeid_by_hwid", ("52:54:00:ab:cd:01",)).answer(
        source(CONF.replace("52-54-00-ab-cd-11", "52:54:00:ab:cd:01"))
    ) == ["1"]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [('nodeid="02"', 'nodeid="1"', "nodename 1"), ('name="node2"', 'name="node1"', "nodeid node1")],
)
def test_two_nodes_with_one_id_or_name_are_no_answer(before: str, after: str, words: str) -> None:
    with pytest.raises(Nothing, match=r"is both node .* \(line 7\) and node .* \(line 32\)"):
        query.checked(words.split()).answer(source(CONF.replace(before, after)))


def test_an_id_is_sought_among_ids_first_and_a_name_among_names() -> None:
    crossed = source(CONF.replace('name="node2"', 'name="1"'))
    assert query.Asked("rootvolume_fstype", ("1",)).answer(crossed) == ["gfs2"]
    assert query.Asked("nodeid", ("1",)).answer(crossed) == ["02"]


def test_a_file_with_errors_is_answered() -> None:
    assert osr("check", BAD).status == 2
    assert osr("query", "-f", BAD, "nodeids").status == 0


def test_where_every_element_is_missing_nothing_is_found() -> None:
    empty = source('<cluster><clusternodes><clusternode name="n" nodeid="1"/></clusternodes></cluster>')
    # A node's name and id, and what an XPath selects, are all that is there.
    there = {"nodename", "nodeid", "nodenames", "nodeids", "xpath", "query_xml", "query_value"}
    arguments = {"ID": "1", "NAME": "n", "MAC": "52:54:00:00:00:01", "XPATH": "//*"}
    for name, one in query.QUERIES.items():
        asked = query.Asked(name, tuple(arguments.get(word, word) for word in one.arguments))
        if name in there:
            assert asked.answer(empty)
        else:
            with pytest.raises(Nothing):
                asked.answer(empty)


# --- hosts and OCFS2


def test_hosts_have_the_first_static_address_of_each_node() -> None:
    many = CONF.replace('ip="10.0.0.11"', 'ip="fd00::0011/64"').replace('ip="10.0.0.12/24"', 'ip="10.0.0.300"')
    assert query.Asked("hosts").answer(source(many)) == ["fd00::11 node1", "10.0.9.2 node2"]


@pytest.mark.parametrize("words", ["hosts", "convert ocfs2"])
@pytest.mark.parametrize("name", ["x&#10;10.6.6.6 bank.example", "a b", "#", "n\u00f6"])
def test_a_name_cannot_put_lines_into_the_file_of_another_program(words: str, name: str) -> None:
    with pytest.raises(Nothing, match="cannot stand there"):
        query.checked(words.split()).answer(source(CONF.replace('name="node2"', f'name="{name}"')))


def test_an_address_with_a_zone_is_not_for_others() -> None:
    zoned = source(CONF.replace('ip="10.0.0.12/24"', 'ip="fe80::1%a&#10;10.6.6.6 x"'))
    assert query.Asked("hosts").answer(zoned) == ["10.0.0.11 node1", "10.0.9.2 node2"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('ip="10.0.0.11"', 'ip="dhcp"', 'node "node1" has no static IPv4 address'),
        ('ip="10.0.0.11"', 'ip="fd00::11"', 'node "node1" has no static IPv4 address'),
        ('name="demo"', 'name=""', "the cluster has no name"),
        ('nodeid="02"', 'nodeid="two"', 'nodeid "two" of node "node2" is not a number'),
        ('tcp_port="7778"', 'tcp_port="7778 7779"', 'tcp_port "7778 7779" of node "node1" is not a number'),
    ],
)
def test_what_ocfs2_cannot_do_without(before: str, after: str, message: str) -> None:
    with pytest.raises(Nothing, match=re.escape(message)):
        query.Asked("convert", ("ocfs2",)).answer(source(CONF.replace(before, after)))


@pytest.mark.parametrize("words", ["hosts", "convert ocfs2", "nodeids", "nodename 1"])
def test_a_cluster_without_nodes(words: str) -> None:
    with pytest.raises(Nothing):
        query.checked(words.split()).answer(source('<cluster name="demo"/>'))


# --- several, and where they come from


def test_several_queries_with_a_comma(conf: str) -> None:
    assert osr("query", "-f", conf, "nodeid", "node1", ",", "nodeids", ",", "ip", "1", "bond0") == answered(
        "1", "1", "02", "10.0.0.11"
    )


def test_several_queries_as_of_old(conf: str) -> None:
    assert osr("query", "-f", conf, "query=nodeid", "node1", "query=nodename", "2") == answered("1", "node2")
    assert osr("query", "-f", conf, ",", "nodeid", "node1", ",", ",", "query=nodename", "2", ",") == answered(
        "1", "node2"
    )


def test_the_others_are_answered_where_one_finds_nothing(conf: str) -> None:
    said = osr("query", "-f", conf, "nodeid", "node1", ",", "nodename", "9", ",", "nodename", "2")
    assert (said.status, said.out) == (1, "1\nnode2\n")
    assert said.err.splitlines() == [
        'osr: query "nodename 9" finds nothing: no node has the id, name or MAC address "9"',
        "  `osr query nodeids` lists the nodes",
    ]


QUERIES_TEXT = """# a comment

  nodeid node1
query=nodename 2 query=ip 1 bond0
nodename 1 , clustername_name
 query=query_value  //eth[@name = "eth0" and @ip]/@ip  
xpath count(//eth) , 1
"""  # noqa: W291 - blanks at the end of a line are part of it


@pytest.mark.parametrize("words", [("-",), ("-Q", "-"), ("--queriesfile=-",)])
def test_queries_from_standard_input(conf: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    text = QUERIES_TEXT.replace(" , 1", "")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    expected = answered("1", "node2", "10.0.0.11", "node1", "demo", "10.0.0.12/24", "6")
    assert osr("query", "-f", conf, *words) == expected


def test_queries_from_a_file(conf: str, tmp_path: Path) -> None:
    file = tmp_path / "queries"
    file.write_text("nodeid node1\nnodeids\n")
    assert osr("query", "-f", conf, "-Q", str(file), "-q", "/cluster/@type", "nodename", "2") == answered(
        "osr", "node2", "1", "1", "02"
    )


def test_standard_input_among_other_queries(conf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("nodeid node1"))
    assert osr("query", "-f", conf, "nodename", "2", ",", "-", ",", "clustername_name") == answered(
        "node2", "1", "demo"
    )


def test_an_xpath_in_a_file_goes_on_to_the_end_of_the_line(conf: str, tmp_path: Path) -> None:
    file = tmp_path / "queries"
    file.write_text(QUERIES_TEXT)
    said = osr("query", "-f", conf, "-Q", str(file))
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith('osr: "count(//eth) , 1" is not an XPath')


def test_a_mistake_in_a_file_of_queries_has_its_place(conf: str, tmp_path: Path) -> None:
    file = tmp_path / "queries"
    file.write_text("nodeids\n\nnodenam 1\n")
    assert osr("query", "-f", conf, "-Q", str(file)) == Said(
        2, "", f'osr: {file}:3: unknown query "nodenam"\n  did you mean "nodename"?\n'
    )


@pytest.mark.parametrize("content", [b"", b"\n# nothing\n"])
def test_a_file_without_queries(conf: str, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "queries"
    file.write_bytes(content)
    said = osr("query", "-f", conf, "-Q", str(file))
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("osr: which query?\n")


def test_queries_that_cannot_be_read(conf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queries").write_bytes(b"nodeid \xff\n")
    for name in ("queries", "missing", ""):
        said = osr("query", "-f", conf, "-Q", str(tmp_path / name))
        assert (said.status, said.out) == (2, "")
        assert said.err.startswith(f"osr: {tmp_path / name}: cannot be read: ")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    assert osr("query", "-f", conf, "-").status == 2


# --- how values are printed


def test_separator_prefix_and_suffix(conf: str) -> None:
    words = ("nodeids", ",", "nodename", "1")
    assert osr("query", "-f", conf, *words, "-s", ",") == answered("1,02", "node1")
    assert osr("query", "-f", conf, *words, "--separator= ", "-P", "<", "-S", ">") == answered("<1> <02>", "<node1>")
    assert osr("query", "-f", conf, "--seperator", "", "--prefix=-", "--suffix=", *words) == answered("-1-02", "-node1")
    assert osr("query", "-f", conf, "hosts", "-s", ";") == answered("10.0.0.11 node1;10.0.0.12 node2")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_value_does_not_command_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "cluster.conf"
    file.write_text('<cluster name="\u009b31mred"/>', encoding="utf-8")
    assert osr("query", "-f", str(file), "clustername_name") == answered("\u009b31mred")
    with contextlib.redirect_stdout(Terminal()) as screen:
        assert cli.main(["query", "-f", str(file), "clustername_name"]) == 0
    assert screen.getvalue() == "\\u009b31mred\n"


# --- the file


@pytest.mark.parametrize("option", ["-f", "-c", "--file", "--filename", "--clusterconf"])
def test_the_file_by_every_name_of_the_option(conf: str, option: str) -> None:
    assert osr("query", option, conf, "clustername_name") == answered("demo")


def test_root_is_put_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "etc/cluster").mkdir(parents=True)
    (tmp_path / "etc/cluster/cluster.conf").write_text(CONF)
    assert osr("query", "--root", str(tmp_path), "clustername_name") == answered("demo")


@pytest.mark.parametrize("name", ["missing.conf", ""])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    said = osr("query", "-f", str(tmp_path / name), "nodeids")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"osr: {tmp_path / name}: cannot be read: ")
    assert "name the file" in said.err


@pytest.mark.parametrize("words", [("nodeids",), ("-q", "/*")])
@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"<cluster>", b"\x00\x01", b"junk " * 9999, b"<a>" * 100,
        b'<!DOCTYPE cluster [<!ENTITY a "b">]><cluster name="&a;"/>',
        b'<!DOCTYPE cluster [<!ENTITY a SYSTEM "file:///etc/passwd">]><cluster>&a;</cluster>',
    ],
)  # fmt: skip
def test_what_is_not_xml_or_has_entities_is_refused(tmp_path: Path, content: bytes, words: tuple[str, ...]) -> None:
    file = tmp_path / "cluster.conf"
    file.write_bytes(content)
    said = osr("query", "-f", str(file), *words)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"osr: {file}:")
    assert "a defect" not in said.err


# --- wrong usage


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nodenam 1", 'unknown query "nodenam"\n  did you mean "nodename"?'),
        ("eth-name-ip 1 eth0", 'unknown query "eth-name-ip"\n  did you mean "eth_name_ip"?'),
        ("gibberish", 'unknown query "gibberish"\n  `osr query` alone lists the queries'),
        ("nodename", 'query "nodename" takes 1 argument, ID, and has 0\n  write `nodename ID`'),
        ("ip 1", 'query "ip" takes 2 arguments, ID DEV, and has 1\n  write `ip ID DEV`'),
        ("nodeids 1", 'query "nodeids" takes no argument and has 1\n  write `nodeids`, and a lone , before another'),
        ("nodename 1 nodeid node1", 'query "nodename" takes 1 argument, ID, and has 3\n  write `nodename ID`, and'),
        ("xpath //a [1]", 'query "xpath" takes 1 argument, XPATH, and has 2\n  write `xpath XPATH`, an XPath in'),
        ("convert", 'query "convert" takes 1 argument, ocfs2, and has 0\n  write `convert ocfs2`'),
        ("convert gfs", 'nothing converts to "gfs"\n  known is ocfs2'),
        ("query=", 'unknown query ""'),
    ],
)  # fmt: skip
def test_wrong_usage_answers_nothing(conf: str, words: str, message: str) -> None:
    said = osr("query", "-f", conf, "nodeids", ",", *words.split())
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"osr: {message}")


def test_no_query_lists_them_all() -> None:
    said = osr("query")
    assert (said.status, said.out) == (2, "")
    assert {*re.findall(r"\w+", said.err)} >= {*query.QUERIES}


@pytest.mark.parametrize("words", [("--jsn", "nodeids"), ("-f",), ("nodeids", "-s")])
def test_a_typo_in_an_option_is_a_usage_error(words: tuple[str, ...]) -> None:
    said = osr("query", *words)
    assert (said.status, said.out) == (2, "")
    assert "usage: osr" in said.err


# --- XPath


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("//eth[@onboot='no']/@name", ["eth1"]),
        ("clusternodes/clusternode/@name", ["node1", "node2"]),
        ("/cluster/fencedevices/fencedevice/@passwd", ["secret"]),
        ("//scsi", ['<scsi failover="mapper" driver="qla2xxx"/>']),
        ("//rootsource | //@failover", ["mapper", '<rootsource name="scsi"/>']),
        ("/comment()", ["<!-- every element that a query reads -->"]),
        ("count(//eth)", ["6"]),
        ("1 div 4", ["0.25"]),
        ("0 div 0", ["NaN"]),
        ("true()", ["true"]),
        ("count(//eth) < 6", ["false"]),
        ("string(//clusternode[2]/@nodeid)", ["02"]),
        ("//rootvolume[2]/@mountopts | //clusternode[2]//@mountopts", [""]),
        ("count(//nothing)", ["0"]),
        ("//fence//@name", ["1", "f1"]),
    ],
)
def test_xpath(conf: str, path: str, answer: list[str]) -> None:
    for words in (("-q", path), ("--xpath", path), ("xpath", path), ("query_value", path)):
        assert osr("query", "-f", conf, *words) == answered(*answer)


@pytest.mark.parametrize(
    "path",
    [
        "//[", "", "$secret", "document('/etc/passwd')", "unparsed-text('/etc/passwd')", "no:prefix",
        "re:test('a', 'a')", "a\x01b", "\udcff", "not(" * 9999 + "1" + ")" * 9999, "1)", "1) or (1",
    ],
)  # fmt: skip
def test_what_is_no_xpath(conf: str, path: str) -> None:
    said = osr("query", "-f", conf, "nodeids", ",", "xpath", path)
    assert (said.status, said.out) == (2, "")
    assert re.match(r"osr: \".*\" is not an XPath: .*\n  write it as", said.err)


def test_an_xpath_sees_the_encoding_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "cluster.conf"
    file.write_bytes('<?xml version="1.0" encoding="iso-8859-1"?><cluster name="k\u00f6ln"/>'.encode("iso-8859-1"))
    assert osr("query", "-f", str(file), "-q", "/cluster/@name") == answered("k\u00f6ln")
    assert osr("query", "-f", str(file), "clustername_name") == answered("k\u00f6ln")


def test_an_xpath_in_a_file_of_many_megabytes(tmp_path: Path) -> None:
    file = tmp_path / "cluster.conf"
    file.write_bytes(b"<cluster>" + b"<rm note='%s'/>" % (b"x" * 20_000) * 600 + b"</cluster>")
    assert osr("query", "-f", str(file), "-q", "count(/cluster/rm)") == answered("600")


def test_named_queries_do_without_lxml(conf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, Any] = sys.modules
    monkeypatch.setitem(modules, "osr_boot.xpath", None)
    assert osr("query", "-f", conf, "nodeids").status == 0
    monkeypatch.delitem(modules, "osr_boot.xpath")
    monkeypatch.setitem(modules, "lxml", None)
    said = osr("query", "-f", conf, "-q", "/*")
    assert (said.status, said.out) == (1, "")
    assert "python3-lxml" in said.err


# --- the old name


def test_the_old_name_puts_a_list_on_one_line(conf: str) -> None:
    assert old("-f", conf, "nodeids") == answered("1 02")
    assert old("-c", conf, "query=macs", "1", "query=nodeids") == answered(
        "52:54:00:AB:CD:01 52-54-00-ab-cd-11", "1 02"
    )
    assert old("--filename", conf, "--seperator=,", "nodeids") == answered("1,02")
    assert old("-f", conf, "query_value", "//clusternode/@name") == answered("node1 node2")


@pytest.mark.parametrize("words", ["eth_name_properties 1 bond0", "hosts", "convert ocfs2", "query_xml //scsi"])
def test_the_old_name_leaves_lines_as_they_are(conf: str, words: str) -> None:
    assert old("-f", conf, *words.split()) == answered(*ANSWERS[words])


def test_the_old_q_has_no_argument(conf: str) -> None:
    assert old("-f", conf, "-q", "nodename", "1") == answered("node1")
    assert old("-f", conf, "-q", "query_value", "/cluster/@name") == answered("demo")
    assert old("-f", conf, "-q", "hosts") == answered(*ANSWERS["hosts"])


def test_the_old_name_reads_queries_and_accepts_a_map(conf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" query=nodeid node1 \n query=query_xml //scsi"))
    assert old("-m", "/nowhere/querymap.cfg", "-c", conf, "-Q", "-") == answered("1", *ANSWERS["query_xml //scsi"])


def test_the_old_name_is_in_what_is_said(conf: str) -> None:
    assert old("-f", conf, "nodename", "9").err.startswith('com-queryclusterconf: query "nodename 9" finds nothing')
    assert old("-f", conf, "nodename").err.startswith('com-queryclusterconf: query "nodename" takes')
    assert old("--nonsense").err.startswith("usage: com-queryclusterconf ")
    assert (old("boot", "plan").status, old("--help").status) == (2, 0)


# --- the documents, and how long it takes


def test_every_query_is_documented_with_its_arguments() -> None:
    text = (TOP / "docs/commands.md").read_text()
    for name, one in query.QUERIES.items():
        assert f"`{' '.join((name, *one.arguments))}`" in text, name


def test_ten_thousand_nodes_take_no_longer_than_they_take_to_read(tmp_path: Path) -> None:
    node = (
        '<clusternode name="node{0}" nodeid="{0}"><com_info><rootvolume name="10.0.0.1:/r" fstype="nfs"/>'
        '<eth name="eth0" mac="52:54:00:00:{1:02x}:{2:02x}" ip="10.0.{1}.{2}"/></com_info></clusternode>'
    )
    nodes = "".join(node.format(number, number >> 8, number & 255) for number in range(1, 10_001))
    data = f"<cluster><clusternodes>{nodes}</clusternodes></cluster>".encode()
    began = time.perf_counter()
    many = Source(document.parse(data), data)
    read = time.perf_counter() - began
    began = time.perf_counter()
    for number in (1, 5000, 9999):
        mac = f"52-54-00-00-{number >> 8:02X}-{number & 255:02X}"
        assert query.Asked("nodeid_by_hwid", (mac,)).answer(many) == [str(number)]
        assert query.Asked("rootvolume_fstype", (f"node{number}",)).answer(many) == ["nfs"]
    for number in range(1, 10_001):
        query.Asked("ip", (str(number), "eth0")).answer(many)
    # Generous, for a machine that does other things beside; a search for each of the 10,000 would take minutes.
    assert time.perf_counter() - began < 5 * read + 1


def test_the_file_may_stand_first() -> None:
    assert osr("query", GOOD, "nodename", "1") == Said(0, "node1\n", "")
    assert osr("query", GOOD, "-q", "//clusternode[1]/@name") == Said(0, "node1\n", "")
    assert osr("query", "-f", GOOD, "-q", "query_value", "/cluster/@name") == Said(0, "demo\n", "")
    assert osr("query", GOOD).err.startswith("osr: which query?\n")
    missing = osr("query", "missing.conf", "nodename", "1")
    assert missing.err.startswith("osr: missing.conf: cannot be read")
