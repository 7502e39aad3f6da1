"""The stage "plan": who this machine is, what is written, what is said, and with which exit status it ends."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from osr_boot import compiled
from osr_boot.errors import CommandFailed
from osr_boot.model import Cluster, Link
from tests.unit import pretended
from tests.unit.pretended import CLUSTER, MAC1, MAC2, SERVER, STRANGER, Boot, node


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Boot:
    return pretended.full_featured(monkeypatch)


@pytest.fixture
def static(monkeypatch: pytest.MonkeyPatch) -> Boot:
    return pretended.static_initrd(monkeypatch)


def test_plan_says_who_and_why_and_writes_it(full: Boot) -> None:
    assert full.stage("plan") == 0
    because = f'MAC {MAC1} of link "eth0" is eth0 of node "node1"'
    assert full.machine.said == [f'this is node "node1" (id 1): {because}']
    assert full.plan["node"] == {"name": "node1", "id": 1}
    report = full.report
    assert (report["format"], report["node"], report["because"]) == (1, {"name": "node1", "id": 1}, because)
    assert (report["configuration"]["config_version"], report["timeout"]) == (3, 150)
    assert report["configuration"]["from"] == "image"
    assert "/run/osr/done/plan" in full.machine.files
    assert full.machine.ran == []


def test_warnings_are_said_and_kept(full: Boot) -> None:
    full.machine.files["/proc/cmdline"] = "rd.osr.tiemout=3 nodeid=2"
    assert full.stage("plan") == 0
    assert full.machine.said[:2] == [
        'warning: unknown kernel argument "rd.osr.tiemout"',
        f'warning: told to be node "node2", but MAC {MAC1} of link "eth0" is eth0 of node "node1"',
    ]
    assert len(full.plan["warnings"]) == 2


def test_no_link_yet_is_not_yet_and_is_said_once(full: Boot) -> None:
    full.links = [Link("lo", ""), Link("eth0", STRANGER)]
    assert [full.stage("plan") for _ in range(3)] == [75, 75, 75]
    assert full.machine.said == [
        f"no link of this machine is in cluster.conf (links: eth0 {STRANGER}); waiting up to 150 s for a link that is"
    ]
    assert full.report["stages"]["plan"]["outcome"] == "waiting"
    assert "/run/osr/plan.json" not in full.machine.files
    assert "/run/osr/done/plan" not in full.machine.files
    full.links.append(Link("eth1", MAC2))
    assert full.stage("plan") == 0
    assert full.plan["node"]["name"] == "node2"


def test_the_deadline_counts_from_the_first_call(full: Boot) -> None:
    full.machine.files["/proc/cmdline"] = "rd.osr.timeout=25"
    full.links = []
    for clock, status in ((20.0, 75), (44.9, 75), (45.0, 2)):
        full.machine.clock = clock
        assert full.stage("plan") == status


def test_after_the_deadline_an_unknown_machine_gets_a_stanza(full: Boot) -> None:
    full.links = [Link("eth0", STRANGER)]
    full.stage("plan")
    full.machine.clock += 151
    assert full.stage("plan") == 2
    assert full.part("where") == 'stage "plan"'
    assert full.part("what") == f"no link of this machine is in cluster.conf (links: eth0 {STRANGER})"
    assert full.part("who") == "not known yet"
    remedy = full.part("do")
    assert f"  eth0 {STRANGER}" in remedy
    assert f'  1 "node1" {MAC1}\n  2 "node2" {MAC2}' in remedy
    stanza = ElementTree.fromstring(remedy[remedy.index("  <clusternode") : remedy.index("then raise")])
    assert stanza.attrib == {"name": "node3", "nodeid": "3"}
    eth = stanza.find("com_info/eth")
    assert eth is not None
    assert eth.attrib == {"name": "eth0", "mac": STRANGER, "ip": "ADDRESS", "mask": "24", "gateway": "10.0.0.1"}
    assert full.report["stages"]["plan"]["outcome"] == "failed"


def test_a_long_stanza_can_be_pasted_too(full: Boot) -> None:
    root = "10.0.0.1:/srv/exports/open-sharedroot/production/web-servers/root-of-all-machines-since-2011"
    text = compiled.dump(Cluster("demo", 3, (node(1, MAC1, root=root),)))
    full.machine.files["/etc/osr/cluster.json"] = text
    full.machine.files["/run/osr/began"] = "-200\n"
    full.links = [Link("eth0", STRANGER)]
    assert full.stage("plan") == 2
    remedy = full.part("do")
    stanza = ElementTree.fromstring(remedy[remedy.index("  <clusternode") : remedy.index("then raise")])
    volume = stanza.find("com_info/rootvolume")
    assert volume is not None
    assert volume.attrib["name"] == root


def test_two_nodes_with_one_mac_are_refused_at_once(full: Boot) -> None:
    text = compiled.dump(Cluster("demo", 3, (node(1, MAC1), node(2, MAC1))))
    full.machine.files["/etc/osr/cluster.json"] = text
    assert full.stage("plan") == 2
    both = f'MAC {MAC1} is both eth0 of node "node1" (line 13) and eth0 of node "node2" (line 23)'
    assert full.part("what").replace("\n", " ") == both
    assert "rd.osr.node=NAME" in full.part("do").replace("\n", "")


@pytest.mark.parametrize(
    ("cmdline", "what"),
    [
        ("nodeid=x", 'kernel argument nodeid="x" is not a positive number'),
        ("nodeid=9", "no node of cluster.conf has nodeid 9"),
        ("cdsltree=..", 'kernel argument cdsltree=".." is no path below the root'),
    ],
)
def test_a_wrong_kernel_argument_stops_at_once(full: Boot, cmdline: str, what: str) -> None:
    full.machine.files["/proc/cmdline"] = cmdline
    assert full.stage("plan") == 2
    assert full.part("what") == what
    assert full.part("do")


@pytest.mark.parametrize("text", ["", "{", '{"format": 9}', "<cluster/>"])
def test_a_compiled_file_that_cannot_be_read_is_named(full: Boot, text: str) -> None:
    full.machine.files["/etc/osr/cluster.json"] = text
    assert full.stage("plan") == 2
    assert "compiled cluster" in full.part("what")
    assert full.part("do")


# --- the static initrd


def test_static_reads_the_roots_cluster_conf_with_the_roots_osr(static: Boot) -> None:
    static.machine.files["/sysroot/etc/cluster/cluster.conf"] = "<cluster/>"
    static.machine.answers = {"chroot /sysroot osr compile": compiled.dump(CLUSTER)}
    assert static.stage("plan") == 0
    assert static.machine.ran == [("chroot", "/sysroot", "osr", "compile", "/etc/cluster/cluster.conf")]
    assert static.plan["stages"]["network"] == []
    assert [static.stage(stage) for stage in ("root", "cdsl")] == [0, 0]
    assert static.report["stages"]["root"]["ops"][-1]["note"] == f"{SERVER} nfs4 vers=4.2"


def test_static_without_cluster_conf_takes_a_number(static: Boot) -> None:
    static.machine.files["/proc/cmdline"] += "nodeid=7"
    assert static.stage("plan") == 0
    assert static.plan["node"] == {"name": "", "id": 7}


def test_static_without_anything_does_not_wait(static: Boot) -> None:
    assert static.stage("plan") == 2
    assert static.part("what") == "no /etc/cluster/cluster.conf on the root, and no nodeid= on the kernel command line"


def test_static_with_an_unknown_mac_does_not_wait(static: Boot) -> None:
    static.machine.files["/sysroot/etc/cluster/cluster.conf"] = "<cluster/>"
    static.machine.answers = {"chroot /sysroot osr compile": compiled.dump(CLUSTER)}
    static.links = [Link("eth0", STRANGER)]
    assert static.stage("plan") == 2
    assert f'mac="{STRANGER}"' in static.part("do")


def test_static_with_a_broken_cluster_conf_shows_its_findings(static: Boot) -> None:
    static.machine.files["/sysroot/etc/cluster/cluster.conf"] = "<cluster"
    finding = "/etc/cluster/cluster.conf:7: error: here: this is wrong"
    failed = CommandFailed(f"osr compile /etc/cluster/cluster.conf: {finding}", status=2, output=finding)
    static.machine.answers = {"chroot /sysroot osr compile": failed}
    assert static.stage("plan") == 1
    assert finding in static.part("what").replace("\n", " ")
