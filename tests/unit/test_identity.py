from __future__ import annotations

from pathlib import Path

import netifaces
import pytest

from osr_boot import clusterconf, compiled, identity
from osr_boot.errors import IdentityError, NotYet
from osr_boot.facts import gather
from osr_boot.identity import identify
from osr_boot.model import Cluster, Cmdline, Dmi, Facts, Link, Nic, Node, Volume
from osr_boot.value import replace

MAC1, MAC2, OTHER = "52:54:00:77:00:01", "52:54:00:77:00:02", "52:54:00:77:00:ff"
ROOT = Volume("10.0.0.9:/r", "nfs4", "noatime")
NODE1 = Node(
    "node1",
    1,
    (Nic("eth0", MAC1, "10.0.0.11/24", "10.0.0.9", line=5), Nic("eth1", "52:54:00:77:01:01", onboot=False, line=6)),
    ROOT,
    dmi=Dmi(product_serial="S1"),
    line=3,
)
NODE2 = Node("node2", 2, (Nic("eth0", MAC2, "10.0.0.12/24", line=13),), ROOT, line=10)
CLUSTER = Cluster("demo", 7, (NODE1, NODE2), "/etc/cluster/cluster.conf")
NONE = Cmdline()


def machine(*macs: str, dmi: Dmi | None = None) -> Facts:
    return Facts(tuple(Link(f"eth{number}", mac) for number, mac in enumerate(macs)), dmi or Dmi())


def test_by_mac() -> None:
    found = identify(NONE, machine(OTHER, MAC1), CLUSTER)
    assert found == identity.Identity(NODE1, f'MAC {MAC1} of link "eth1" is eth0 of node "node1"')


def test_by_an_infiniband_address_of_20_bytes() -> None:
    address = "80-00-02-08-FE-80-00-00-00-00-00-00-00-02-C9-03-00-0A-0B-0C"
    conf = XML.replace('mac="52:54:00:77:00:03"', f'mac="{address}"')
    cluster, _ = clusterconf.parse(conf.encode())
    seen = address.lower().replace("-", ":")
    part = compiled.select(compiled.dump(cluster), macs=[seen])
    assert identify(NONE, Facts((Link("ib0", seen),)), part).node.name == "node3"


def test_by_the_mac_of_a_link_that_is_not_brought_up() -> None:
    assert identify(NONE, machine("52:54:00:77:01:01"), CLUSTER).node == NODE1


def test_by_two_links() -> None:
    found = identify(NONE, machine(MAC1, "52:54:00:77:01:01"), CLUSTER)
    assert found.node == NODE1
    assert found.because.startswith(f"MAC {MAC1} of link")


def test_by_bootif_before_its_link_has_appeared() -> None:
    found = identify(Cmdline(bootif=MAC2), machine(), CLUSTER)
    assert found.node == NODE2
    assert "boot loader" in found.because


def test_by_bootif_of_a_link_that_cluster_conf_does_not_know() -> None:
    assert identify(Cmdline(bootif=OTHER), machine(MAC2, OTHER), CLUSTER).node == NODE2


@pytest.mark.parametrize("field", ["product_uuid", "product_serial", "chassis_asset_tag"])
def test_by_dmi(field: str) -> None:
    cluster = replace(CLUSTER, nodes=(NODE1, replace(NODE2, dmi=Dmi(**{field: "X"}))))
    found = identify(NONE, machine(OTHER, dmi=Dmi(**{field: "X"})), cluster)
    assert found.node.name == "node2"
    assert '"X" is that of node "node2"' in found.because


def test_nothing_is_not_yet() -> None:
    with pytest.raises(NotYet, match="no link was found"):
        identify(NONE, machine(), CLUSTER)
    with pytest.raises(NotYet, match=OTHER):
        identify(NONE, machine(OTHER, dmi=Dmi(product_serial="S9")), CLUSTER)


def test_empty_dmi_is_no_evidence() -> None:
    with pytest.raises(NotYet):
        identify(NONE, machine(OTHER, dmi=Dmi("", "", "")), CLUSTER)


CONTRADICTIONS = {
    "links of two nodes": (NONE, machine(MAC1, MAC2)),
    "BOOTIF of another node": (Cmdline(bootif=MAC2), machine(MAC1)),
    "serial of another node": (NONE, machine(MAC2, dmi=Dmi(product_serial="S1"))),
    "serial other than cluster.conf has": (NONE, machine(MAC1, dmi=Dmi(product_serial="S9"))),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradiction_is_refused_with_both_sides_named(name: str) -> None:
    cmdline, facts = CONTRADICTIONS[name]
    with pytest.raises(IdentityError) as caught:
        identify(cmdline, facts, CLUSTER)
    assert " but " in caught.value.message
    assert '"node1"' in caught.value.message
    assert "rd.osr.node=" in caught.value.hint


@pytest.mark.parametrize("name", CONTRADICTIONS)
@pytest.mark.parametrize("word", [{"nodeid": 1}, {"node": "node1"}, {"nodeid": 1, "node": "node1"}])
def test_explicit_word_wins_with_a_warning(name: str, word: dict[str, object]) -> None:
    cmdline, facts = CONTRADICTIONS[name]
    found = identify(replace(cmdline, **word), facts, CLUSTER)
    assert found.node == NODE1
    assert found.because.startswith("kernel argument")
    assert found.warnings
    assert all(warning.startswith('told to be node "node1"') for warning in found.warnings)


def test_explicit_word_without_objection() -> None:
    assert identify(Cmdline(nodeid=2), machine(MAC2), CLUSTER).warnings == ()
    assert identify(Cmdline(nodeid=2), machine(OTHER), CLUSTER).warnings == ()
    assert identify(Cmdline(node="node2"), machine(), CLUSTER).because == "kernel argument rd.osr.node=node2"
    assert identify(Cmdline(nodeid=2), machine(), CLUSTER).because == 'kernel argument nodeid=2 is node "node2"'


def test_node_id_of_a_root_without_cluster_conf() -> None:
    found = identify(Cmdline(nodeid=4), machine(MAC1), Cluster(nodes=(Node("", 4),)))
    assert found.because == "kernel argument nodeid=4"


@pytest.mark.parametrize(
    ("cmdline", "message"),
    [
        (Cmdline(nodeid=3), "no node of cluster.conf has nodeid 3"),
        (Cmdline(node="node3"), 'no node of cluster.conf has name "node3"'),
        (Cmdline(nodeid=1, node="node2"), 'nodeid=1 is node "node1", but rd.osr.node=node2 is not'),
    ],
)
def test_explicit_word_that_is_wrong_is_not_overruled_by_hardware(cmdline: Cmdline, message: str) -> None:
    with pytest.raises(IdentityError, match=message) as caught:
        identify(cmdline, machine(MAC1), CLUSTER)
    assert caught.value.hint


TWINS = replace(CLUSTER, nodes=(NODE1, replace(NODE2, nics=(Nic("eth9", MAC1, line=14),))))


def test_one_mac_in_two_nodes_names_both_places() -> None:
    with pytest.raises(IdentityError) as caught:
        identify(NONE, machine(MAC1), TWINS)
    both = 'eth0 of node "node1" (line 5) and eth9 of node "node2" (line 14)'
    assert caught.value.message == f"MAC {MAC1} is both {both}"


def test_one_mac_in_two_nodes_does_not_stop_an_explicit_word() -> None:
    found = identify(Cmdline(nodeid=2), machine(MAC1), TWINS)
    assert found.node.name == "node2"
    assert "is both" in found.warnings[0]


def test_one_mac_in_two_nodes_of_a_compiled_file() -> None:
    text = compiled.dump(TWINS)
    with pytest.raises(IdentityError, match=r"line 5.*line 14"):
        identify(NONE, machine(MAC1), compiled.select(text, macs=[MAC1]))


def test_two_nodes_of_one_number() -> None:
    with pytest.raises(IdentityError, match=r'nodeid 1 is that of node "node1" .line 3. and node "node2" .line 10.'):
        identify(Cmdline(nodeid=1), machine(MAC1), replace(CLUSTER, nodes=(NODE1, replace(NODE2, nodeid=1))))


def test_two_nodes_of_one_serial() -> None:
    cluster = replace(CLUSTER, nodes=(NODE1, replace(NODE2, dmi=Dmi(product_serial="S1"))))
    with pytest.raises(IdentityError, match="two nodes"):
        identify(NONE, machine(OTHER, dmi=Dmi(product_serial="S1")), cluster)


def test_a_selection_of_the_nodes_gives_the_same_answer() -> None:
    text = compiled.dump(CLUSTER)
    for name, (cmdline, facts) in CONTRADICTIONS.items():
        macs = [*(link.mac for link in facts.nics), cmdline.bootif]
        for words in (cmdline, replace(cmdline, nodeid=2), replace(cmdline, node="node1")):
            some = compiled.select(text, macs=macs, nodeid=words.nodeid, name=words.node, dmi=facts.dmi)
            answers = []
            for cluster in (CLUSTER, some):
                try:
                    answers.append(str(identify(words, facts, cluster)))
                except IdentityError as error:
                    answers.append(error.message)
            assert answers[0] == answers[1], name


def test_by_word() -> None:
    assert identity.by_word("node2", CLUSTER).node == NODE2
    assert identity.by_word("1", CLUSTER).node == NODE1
    number = replace(CLUSTER, nodes=(NODE1, replace(NODE2, name="1")))
    assert identity.by_word("1", number).node.nodeid == 2
    for word in ("node3", "3", "", "-1", "9" * 10_000):
        with pytest.raises(IdentityError):
            identity.by_word(word, CLUSTER)


XML = """<cluster name="demo" config_version="7">
  <clusternodes>
    <clusternode name="node1" nodeid="1">
      <com_info>
        <rootvolume name="10.0.0.9:/r?a&amp;&quot;b&quot;" fstype="nfs4"/>
        <eth name="eth0" mac="52:54:00:77:00:01" ip="10.0.0.11" mask="24" gateway="10.0.0.9"/>
      </com_info>
    </clusternode>
    <clusternode name="node3" nodeid="3">
      <com_info>
        <rootvolume name="10.0.0.9:/r" fstype="nfs4"/>
        <eth name="eth0" mac="52:54:00:77:00:03" ip="10.0.0.13" mask="24"/>
      </com_info>
    </clusternode>
  </clusternodes>
</cluster>
"""


def test_the_stanza_for_an_unknown_machine_can_be_pasted() -> None:
    cluster, found = clusterconf.parse(XML.encode())
    assert not [finding for finding in found if finding.severity == "error"]
    facts = Facts((Link("lo", "00:00:00:00:00:00"), Link("enp1s0", OTHER)))
    text = identity.unknown_machine(facts, cluster)
    stanza = text[text.index("  <clusternode") : text.index("</clusternode>")] + "</clusternode>\n"
    assert clusterconf.parse(XML.replace("</clusternodes>", f"{stanza}</clusternodes>").encode())[1] != ()
    pasted = XML.replace("</clusternodes>", stanza.replace("ADDRESS", "10.0.0.12") + "</clusternodes>")
    again, found = clusterconf.parse(pasted.encode())
    assert not [finding for finding in found if finding.severity == "error"]
    node = identify(NONE, facts, again).node
    assert (node.name, node.nodeid) == ("node2", 2)
    assert node.nics[0].name == "enp1s0"
    assert node.nics[0].address == "10.0.0.12/24"
    assert node.rootvolume
    assert node.rootvolume.name == '10.0.0.9:/r?a&"b"'


def test_an_unknown_machine_is_told_what_was_seen_and_known() -> None:
    text = identity.unknown_machine(machine(OTHER, "52:54:00:77:02:02"), CLUSTER)
    for part in (f"eth0 {OTHER}", "eth1 52:54:00:77:02:02", f'1 "node1" {MAC1}', f'2 "node2" {MAC2}', CLUSTER.source):
        assert part in text
    assert f'<eth name="eth0" mac="{OTHER}"' in text
    assert '<eth name="eth1" mac="52:54:00:77:02:02"' in identity.unknown_machine(
        machine(OTHER, "52:54:00:77:02:02"), CLUSTER, bootif="52:54:00:77:02:02"
    )


def test_an_unknown_machine_in_a_cluster_of_many_gets_a_short_list() -> None:
    nodes = tuple(replace(NODE2, name=f"node{number}", nodeid=number) for number in range(1, 10_001))
    text = identity.unknown_machine(machine(OTHER), replace(CLUSTER, nodes=nodes))
    assert "... and 9,990 more" in text
    assert 'nodeid="10001"' in text
    assert len(text.splitlines()) < 30


def test_the_stanza_takes_neither_a_number_nor_a_name_that_is_there() -> None:
    text = identity.unknown_machine(machine(OTHER), replace(CLUSTER, nodes=(NODE1, replace(NODE2, name="node3"))))
    assert '<clusternode name="node4" nodeid="4">' in text


def test_an_unknown_machine_without_links_or_nodes() -> None:
    text = identity.unknown_machine(machine(), Cluster())
    assert "no link was found" in text
    assert '<clusternode name="node1" nodeid="1">' in text
    assert 'name="SERVER:/PATH"' in text


def test_a_member_of_a_bond_has_its_own_address_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both carry the bond's, and in a static initrd dracut has made it before anybody asks who this is."""
    monkeypatch.setattr(netifaces, "interfaces", lambda: ["eth0", "bond0"])
    monkeypatch.setattr(netifaces, "ifaddresses", lambda _: {netifaces.AF_LINK: [{"addr": "86:7C:47:B9:56:DE"}]})
    slave = tmp_path / "class/net/eth0/bonding_slave"
    slave.mkdir(parents=True)
    (slave / "perm_hwaddr").write_text("52:54:00:77:00:01\n")
    found = gather(sys_directory=str(tmp_path)).nics
    assert found == (Link("eth0", "52:54:00:77:00:01"), Link("bond0", "86:7c:47:b9:56:de"))
