"""What goes together: on clusters made by hand. tests/golden has the same as text, from files."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from osr_boot import filesystems, findings, linkoptions, nics, validate, values
from osr_boot.filesystems import Filesystem, Problem
from osr_boot.model import Cluster, Cmdline, Dmi, Finding, Nic, Node, Volume
from osr_boot.ops import Operation
from osr_boot.value import replace


class Local(Filesystem):
    """A filesystem of one machine, with opinions. It has no names, so that only these tests know it."""

    shared = False
    checked = 0

    @classmethod
    def check(cls, volume: Volume) -> Iterator[Problem]:
        cls.checked += 1
        if volume.mountopts == "odd":
            yield Problem("warning", "odd options", hint="use even ones")
        if not volume.name.startswith("/dev/"):
            yield Problem("error", "no device", hint="name a device")

    @classmethod
    def plan(cls, volume: Volume, target: str, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        yield from ()


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Local, "checked", 0)
    monkeypatch.setattr(filesystems, "_registry", {**filesystems.known(), "test-local": Local})


def node(number: int, **changes: object) -> Node:
    nic = Nic("eth0", f"52:54:00:00:00:{number:02x}", f"10.0.0.{number}/24", line=number * 10 + 2)
    volume = Volume("/dev/sda1", "test-local", shared=False, line=number * 10 + 1)
    made = Node(f"node{number}", number, (nic,), volume, line=number * 10)
    return replace(made, **changes)


def check(*nodes: Node) -> list[Finding]:
    return list(validate.findings(Cluster("demo", 1, nodes)))


def test_nothing_to_say() -> None:
    assert check(node(1), node(2)) == []


def test_local_root_of_two_nodes_names_both_lines() -> None:
    volume = Volume("/dev/sda1", "test-local", line=11)
    found = check(node(1, rootvolume=volume), node(2, rootvolume=replace(volume, line=21)))
    assert [(finding.line, finding.severity) for finding in found] == [(21, "error")]
    assert "line 11" in found[0].message
    assert 'shared="no"' in found[0].hint


def test_local_roots_on_devices_of_different_names() -> None:
    found = check(
        node(1, rootvolume=Volume("/dev/sda1", "test-local")),
        node(2, rootvolume=Volume("/dev/sda2", "test-local")),
    )
    assert found == []


def test_local_root_of_one_node() -> None:
    assert check(node(1, rootvolume=Volume("/dev/sda1", "test-local"))) == []


def test_a_warning_comes_once_and_an_error_at_each_place() -> None:
    def of(name: str, options: str) -> list[Finding]:
        volume = Volume(name, "test-local", options, shared=False)
        return check(*(node(n, rootvolume=replace(volume, line=n * 10 + 1)) for n in (1, 2, 3)))

    assert [(finding.line, finding.message) for finding in of("/dev/sda1", "odd")] == [(11, "odd options (3 nodes)")]
    assert [(finding.line, finding.message) for finding in of("sda1", "")] == [
        (11, "no device"),
        (21, "no device"),
        (31, "no device"),
    ]


def test_the_same_volume_is_checked_once() -> None:
    check(*(node(number) for number in range(1, 200)))
    assert Local.checked == 1


def test_unknown_filesystem_is_reported_where_it_stands() -> None:
    found = check(node(1, rootvolume=Volume("/dev/sda1", "test-lokal", line=11)), node(2))
    assert [(finding.line, finding.message) for finding in found] == [(11, 'unknown fstype "test-lokal"')]
    assert found[0].hint == 'did you mean "test-local"?'


def test_unknown_filesystem_that_is_like_none() -> None:
    found = check(node(1, rootvolume=Volume("/dev/sda1", "zzz")))
    assert found[0].hint == f"known are {', '.join(name for name, kind in filesystems.known().items() if kind.root)}"


def test_network_root_without_address_is_held_against_sound_nodes_only() -> None:
    lonely = node(1, rootvolume=Volume("10.0.0.9:/r", "nfs4"), nics=(Nic("eth0", "52:54:00:00:00:01"),))
    assert [finding.line for finding in validate.findings(Cluster("demo", 1, (lonely,)))] == [10]
    assert list(validate.findings(Cluster("demo", 1, (lonely,)), frozenset({10}))) == []


def unreached(server: str, *links: Nic, further: tuple[str, ...] = ()) -> list[str]:
    """Return the messages about a node with these links, whose root comes from there."""
    root = Volume(f"[{server}]:/r" if ":" in server else f"{server}:/r", "nfs4", servers=further, line=11)
    return [one.message for one in check(node(1, rootvolume=root, nics=links))]


@pytest.mark.parametrize(
    ("server", "link", "good"),
    [
        ("10.0.0.9", Nic("eth0", "", "10.0.0.1/24"), True),
        ("10.0.1.9", Nic("eth0", "", "10.0.0.1/24"), False),
        ("10.0.1.9", Nic("eth0", "", "10.0.0.1/24", gateway="10.0.0.254"), True),
        ("10.0.1.9", Nic("eth0", "", "10.0.0.1/24", gateway="10.0.0.254", onboot=False), False),
        ("10.0.1.9", Nic("eth0", "", "10.0.0.1/24", routes=("10.0.1.0/24 via 10.0.0.254",)), True),
        ("10.0.1.9", Nic("eth0", "", "10.0.0.1/24", routes=("10.0.2.0/24 via 10.0.0.254",)), False),
        ("10.0.1.9", Nic("eth0", "", "10.0.0.1/24", routes=("0.0.0.0/0 via 10.0.0.254",)), True),
        ("10.0.1.9", Nic("eth0", "", "dhcp"), True),
        ("10.0.1.9", Nic("eth0", "", "auto6"), False),
        ("fd00::9", Nic("eth0", "", "dhcp"), False),
        ("fd00::9", Nic("eth0", "", "dhcp", more=("auto6",)), True),
        ("fd00::9", Nic("eth0", "", "dhcp6"), True),
        ("fd00::9", Nic("eth0", "", "10.0.0.1/24", gateway="10.0.0.254"), False),
        ("fd00::9", Nic("eth0", "", "fd01::1/64", gateway="fd01::fe"), True),
        ("fd00::9", Nic("eth0", "", "fd01::1/64", gateway6="fe80::1"), True),
        ("FD00:0::9", Nic("eth0", "", "10.0.0.1/24", more=("fd00::1/64",)), True),
    ],
)
def test_something_leads_to_the_server_of_a_root(server: str, link: Nic, good: bool) -> None:
    assert (unreached(server, link) == []) == good


def test_each_server_is_looked_for() -> None:
    link = Nic("eth0", "", "10.0.0.1/24")
    found = unreached("10.0.0.9", link, further=("10.0.1.9", "10.0.0.8", "fd00::9"))
    assert [message.partition(":")[0] for message in found] == [
        "no link that is brought up leads to the server 10.0.1.9",
        "no link that is brought up leads to the server fd00",
    ]


def test_a_way_is_not_missed_where_a_word_of_the_link_was_not_understood() -> None:
    lost = node(1, rootvolume=Volume("10.0.1.9:/r", "nfs4", line=11))
    assert [finding.line for finding in check(lost)] == [11]
    assert list(validate.findings(Cluster("demo", 1, (lost,)), frozenset({12}))) == []


@pytest.mark.parametrize("server", ["10.0.0.1", "fd00::1", "FD00:0::1"])
def test_no_node_serves_its_own_root(server: str) -> None:
    both = Nic("eth0", "52:54:00:00:00:01", "10.0.0.1/24", more=("fd00::1/64",))
    own = f"the NFS server {server.lower().replace(':0:', ':')} is node"
    assert [message for message in unreached(server, both) if message.startswith(own)]
    assert not [message for message in unreached("10.0.0.9", both) if "is node" in message]
    assert len(unreached("10.0.0.9", both, further=("10.0.0.1",))) == 1


def test_a_node_may_serve_the_root_of_others() -> None:
    server = node(1, rootvolume=Volume("10.0.0.9:/r", "nfs4"))
    client = node(2, rootvolume=Volume("10.0.0.1:/r", "nfs4"))
    assert not [finding for finding in check(server, client) if finding.severity == "error"]


@pytest.mark.parametrize(
    ("option", "kind", "is_read"),
    [
        ("mode=1", "bond", "mode active-backup"),
        ("mode=802.3ad", "bond", "mode 802.3ad"),
        ("MIIMON=0100", "bond", "miimon 100"),
        ("lacp_rate=1", "bond", "lacp_rate fast"),
        ("xmit_hash_policy=5", "bond", "xmit_hash_policy vlan+srcmac"),
        ("arp_ip_target=10.0.0.1,10.0.0.2", "bond", "arp_ip_target 10.0.0.1,10.0.0.2"),
        ("primary=eth0", "bond", "primary eth0"),
        ("max_bonds=2", "bond", ""),
        ("stp=on", "bridge", "stp_state 1"),
        ("forward_delay=0", "bridge", "forward_delay 0"),
        ("hello_time=100", "bridge", "hello_time 100"),
    ],
)
def test_options(option: str, kind: str, is_read: str) -> None:
    assert "".join(f"{key} {value}" for key, value in linkoptions.read(option, kind).items()) == is_read


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ("mode=7", "bond"),
        ("mode=", "bond"),
        ("mode", "bond"),
        ("miimon=", "bond"),
        ("miimon=-1", "bond"),
        ("miimon=0x64", "bond"),
        ("miimon=2147483648", "bond"),
        ("use_carrier=on", "bond"),
        ("lacp_rate=\u0660", "bond"),
        ("lp_interval=0", "bond"),
        ("stp=on", "bond"),
        ("miimon=100", "bridge"),
        ("hello_time=99", "bridge"),
        ("hello_time=1001", "bridge"),
        ("forward_delay=1", "bridge"),
        ("max_age=0", "bridge"),
        ("stp=maybe", "bridge"),
    ],
)
def test_options_that_ip_or_the_kernel_would_refuse(option: str, kind: str) -> None:
    with pytest.raises(values.Unfit):
        linkoptions.read(option, kind)


def test_every_option_has_values() -> None:
    free = {"arp_ip_target", "primary", "ad_actor_system"}
    for kind, known in linkoptions.KNOWN.items():
        for key in set(known) - free:
            with pytest.raises(values.Unfit):
                linkoptions.read(f"{key}=nobody", kind)


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, ""),
        ({"mode": "802.3ad", "lacp_rate": "fast", "miimon": "100", "updelay": "200"}, ""),
        ({"lacp_rate": "fast"}, "lacp_rate"),
        ({"mode": "balance-tlb", "arp_interval": "0"}, "arp_interval"),
        ({"mode": "balance-alb", "arp_validate": "none"}, "arp_validate"),
        ({"mode": "balance-alb", "tlb_dynamic_lb": "1", "primary": "eth0"}, ""),
        ({"mode": "active-backup", "packets_per_slave": "2"}, "packets_per_slave"),
        ({"arp_interval": "100", "miimon": "0"}, ""),
        ({"arp_interval": "0", "miimon": "100"}, ""),
        ({"arp_interval": "100", "miimon": "100"}, "arp_interval and miimon"),
        ({"arp_interval": "100", "arp_validate": "all"}, ""),
        ({"arp_validate": "all"}, "arp_validate"),
        ({"arp_validate": "none"}, ""),
        ({"updelay": "200"}, ""),
        ({"updelay": "200", "miimon": "0"}, "updelay"),
        ({"peer_notify_delay": "200", "arp_interval": "100"}, "peer_notify_delay"),
    ],
)
def test_options_that_refuse_each_other(options: dict[str, str], refused: str) -> None:
    found = [message for message, _ in linkoptions.refused(options)]
    assert len(found) == bool(refused)
    assert all(f" {refused} " in message for message in found)


@pytest.mark.parametrize(
    ("routes", "others", "messages"),
    [
        (("10.9.0.0/16 via 10.0.0.9",), ("10.8.0.0/16 via 10.1.0.9",), []),
        (("10.9.0.0/16 via 10.0.0.9",), ("10.9.0.0/16",), ["a second route to 10.9.0.0/16"]),
        (("10.9.0.0/16 via 10.0.0.9",), ("10.9.0.0/24 via 10.1.0.9",), []),
        (("0.0.0.0/0 via 10.0.0.9",), ("::/0 via fe80::1",), []),
        (("0.0.0.0/0 via 10.0.0.9",), ("0.0.0.0/0 via 10.1.0.9",), ["a second default gateway"]),
        (("10.9.0.0/16 via 10.1.0.2",), (), ["its router 10.1.0.2 is the node's own"]),
        (("10.0.0.0/24",), (), []),
        (("10.0.0.0/24 via 10.0.0.9",), (), ["a route to 10.0.0.0/24"]),
        (("10.1.0.0/24",), (), ["a route to 10.1.0.0/24"]),
        (("10.0.0.0/25 via 10.0.0.9",), (), []),
    ],
)
def test_routes_of_two_links(routes: tuple[str, ...], others: tuple[str, ...], messages: list[str]) -> None:
    links = (
        Nic("eth0", "", "10.0.0.1/24", routes=routes, line=12),
        Nic("eth1", "", "10.1.0.2/24", routes=others, line=13),
    )
    found = [finding.message for finding in check(node(1, nics=links))]
    assert len(found) == len(messages)
    assert all(message.startswith(begin) for message, begin in zip(found, messages))


@pytest.mark.parametrize(
    ("text", "links", "good"),
    [
        ("10.0.0.254", ("10.0.0.1/24",), True),
        ("10.0.0.255", ("10.0.0.1/24",), False),
        ("10.0.0.0", ("10.0.0.1/24",), False),
        ("10.0.0.255", ("10.0.0.1/16",), True),
        ("10.0.0.255", ("10.0.0.1/16", "10.0.0.2/24"), False),
        ("10.0.0.0", ("10.0.0.1/31",), True),
        ("fd00::", ("fd00::1/64",), True),
        ("255.255.255.255", ("10.0.0.1/1",), False),
    ],
)
@pytest.mark.parametrize("onlink", [False, True])
def test_a_router_is_no_edge_of_its_network(text: str, links: tuple[str, ...], good: bool, onlink: bool) -> None:
    if good:
        assert values.gateway(text, links, onlink=onlink) == text
    else:
        with pytest.raises(values.Unfit):
            values.gateway(text, links, onlink=onlink)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"nics": (Nic("eth0", "52:54:00:00:00:01", line=22),)}, "MAC 52:54:00:00:00:01"),
        ({"nics": (Nic("eth0", "52:54:00:00:00:02", "10.0.0.1/8", line=22),)}, "address 10.0.0.1"),
        ({"nodeid": 1}, "nodeid 1"),
        ({"name": "NODE1"}, 'name "NODE1"'),
        ({"hostname": "Node1"}, 'host name "Node1"'),
        ({"dmi": Dmi(product_uuid="u")}, 'system_uuid "u"'),
        ({"dmi": Dmi(product_serial="s")}, 'serial "s"'),
        ({"dmi": Dmi(chassis_asset_tag="t")}, 'asset_tag "t"'),
    ],
)
def test_duplicates_name_both_places(changes: dict[str, object], what: str) -> None:
    found = check(node(1, dmi=Dmi("u", "s", "t")), node(2, **changes))
    assert len(found) == 1
    assert found[0].severity == "error"
    assert found[0].message.startswith(f"{what} is given twice: line 1")
    assert " and line 2" in found[0].message


def test_three_of_a_kind_are_two_findings() -> None:
    twin = (Nic("eth0", "52:54:00:00:00:01"),)
    assert len(check(node(1, nics=twin), node(2, nics=twin), node(3, nics=twin))) == 2


def test_host_name_taken_before_and_after() -> None:
    assert len(check(node(1), node(2, hostname="node1"))) == 1
    assert len(check(node(1, hostname="node2"), node(2))) == 1
    assert check(node(1, hostname="node2"), node(2, hostname="node1")) == []


def test_links_in_a_circle_end_the_look_at_their_sizes() -> None:
    ring = (Nic("br0", kind="bridge", bridge="br1", mtu=9000), Nic("br1", kind="bridge", bridge="br0"))
    card = Nic("eth0", "52:54:00:00:00:01", "10.0.0.1/24", bridge="br0")
    assert all(
        "round in a circle" in one.message or "address" in one.message for one in check(node(1, nics=(*ring, card)))
    )


def test_what_is_not_brought_up_may_not_go_together() -> None:
    off = (Nic("bond0", kind="bond", master="bond0", onboot=False), Nic("eth9.0", kind="vlan", mtu=9000, onboot=False))
    assert check(node(1, nics=(*node(1).nics, *off))) == []


def test_sorted_and_as_json() -> None:
    import json

    found = check(node(1), node(2, nodeid=1))
    document = json.loads(findings.as_json("c.conf", found))
    assert (document["format"], document["file"], document["errors"], document["warnings"]) == (1, "c.conf", 1, 0)
    assert list(document["findings"][0]) == ["line", "severity", "place", "message", "hint"]


def test_hint_is_indented_below_its_finding() -> None:
    text = findings.as_text("c.conf", [Finding(3, "error", 'node "a"', "is\nbad", "do\x1bit")])
    assert text == 'c.conf:3: error: node "a": is\\u000abad\n  do\\u001bit\n'


@pytest.mark.parametrize(
    ("ip", "mask", "address"),
    [
        ("10.0.0.1", "255.255.255.0", "10.0.0.1/24"),
        ("10.0.0.1", "/24", "10.0.0.1/24"),
        ("10.0.0.0", "31", "10.0.0.0/31"),
        ("10.0.0.1", "255.255.255.255", "10.0.0.1/32"),
        ("10.0.0.1", "1", "10.0.0.1/1"),
        ("FD00::1", "64", "fd00::1/64"),
    ],
)
def test_addresses(ip: str, mask: str, address: str) -> None:
    assert values.address(ip, mask) == address


@pytest.mark.parametrize(
    "read",
    [
        lambda: values.address("fd00::1%x\nlink del dev eth0", "64"),
        lambda: values.addresses6("fd00::1%eth0/64"),
        lambda: values.gateway("fe80::1%eth0", (), onlink=True),
        lambda: values.gateway6("fe80::1%eth0", (), onlink=True),
        lambda: values.routes("fd01::%eth0/64", (), onlink=True),
        lambda: values.routes("fd01::/64 via fe80::1%eth0", (), onlink=True),
        lambda: values.name_servers("fe80::1%eth0"),
    ],
)
def test_a_zone_reaches_no_line_of_ip(read: Callable[[], object]) -> None:
    with pytest.raises(values.Unfit, match="^has a zone in it$"):
        read()


@pytest.mark.parametrize(
    ("text", "links", "good"),
    [
        ("10.9.0.0/16 via 10.0.0.2", ("10.0.0.1/24",), True),
        ("10.9.0.0/16 via 10.0.1.2", ("10.0.0.1/24",), False),
        ("10.9.0.0/16 via 10.0.1.2", ("10.0.0.1/24", "10.0.1.1/24"), True),
        ("10.9.0.0/16 via 10.0.1.2", ("dhcp",), True),
        ("10.9.0.0/16 via 10.0.1.2", ("10.0.0.1/24", "auto6"), False),
        ("10.9.0.0/16 via 10.0.1.2", (), False),
        ("10.9.0.0/16 via 169.254.0.1", ("10.0.0.1/24",), False),
        ("10.9.0.0/16 via 10.0.0.1", ("10.0.0.1/24",), False),
        ("10.8.0.0/24, 10.9.0.0/16 via 10.8.0.1", ("10.0.0.1/24",), True),
        ("10.9.0.0/16 via 10.8.0.1, 10.8.0.0/24", ("10.0.0.1/24",), False),
        ("fd09::/64 via fe80::1", (), True),
        ("fd09::/64 via fd08::1", ("10.0.0.1/24", "dhcp"), False),
        ("fd09::/64 via fd08::1", ("10.0.0.1/24", "auto6"), True),
        ("fd09::/64 via fd08::1", ("dhcp6",), True),
    ],
)
def test_a_router_is_in_a_network_of_its_link(text: str, links: tuple[str, ...], good: bool) -> None:
    if good:
        assert ", ".join(values.routes(text, links, onlink=False)) == text
    else:
        with pytest.raises(values.Unfit):
            values.routes(text, links, onlink=False)


@pytest.mark.parametrize("name", ["eth0", "enp0s31f6", "p1p1_0", "a" * 15, "eth0.12", "wan-1"])
def test_link_names(name: str) -> None:
    assert values.link_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 16, ".", "..", "lo", "a/b", "a:1", "a b", "a\tb", "eth%d", "-a", "ä", "a#"])
def test_link_names_that_linux_or_ip_cannot_bear(name: str) -> None:
    with pytest.raises(values.Unfit):
        values.link_name(name)


@pytest.mark.parametrize("name", ["node1", "web-1.example.org", "1", "a" * 63, "N"])
def test_host_names(name: str) -> None:
    assert values.host_name(name) == name


@pytest.mark.parametrize("name", ["", "a" * 64, "-a", "a-", "a..b", "a.", "node_1", "ä", "a b", "a/b", "a." * 32 + "b"])
def test_no_host_names(name: str) -> None:
    with pytest.raises(values.Unfit):
        values.host_name(name)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"name": "eth0"}, ""),
        ({"name": "bond0"}, "bond"),
        ({"name": "bond"}, ""),
        ({"name": "bond0.5"}, "vlan"),
        ({"name": "eth0.5"}, "vlan"),
        ({"name": "br0", "type": "bridge"}, "bridge"),
        ({"name": "eth0", "master": "bond0"}, ""),
    ],
)
def test_kinds_of_link(attributes: dict[str, str], kind: str) -> None:
    assert nics.kind_of(attributes) == kind
