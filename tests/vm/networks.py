"""Networks for the cases: cluster.conf with links of every kind, what the server side has for them, what is seen.

The server's ends of the cables are ports of its bridge br0 and called eth0, eth1, ... as they were plugged.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.lab.errors import GuestSilent
from tests.lab.server import SHARED_ROOT, Server
from tests.vm.case import UP, Booted, Check
from tests.vm.checks import status

FIRST, SECOND = "52:54:00:77:00:01", "52:54:00:77:00:03"
"""MAC addresses of node 1's links"""
LATE = "52:54:00:77:00:99"
ROOT = f"10.77.0.1:{SHARED_ROOT}"
ADDRESS = 'ip="10.77.0.11" mask="255.255.255.0" gateway="10.77.0.1"'
DHCP_LOG = "/run/osr-dhcp.log"
EXPORT = "rw,no_root_squash,no_subtree_check,async,fsid=77"


def conf(*eths: str, root: str = ROOT, fstype: str = "nfs", more: str = "") -> str:
    """Return a cluster.conf with one node, whose links have these attributes."""
    lines = "\n".join(f"        <eth {eth}/>" for eth in eths)
    return f"""<?xml version="1.0"?>
<cluster config_version="1" name="lab">
  <clusternodes>
    <clusternode name="node1" nodeid="1" votes="1">
      <com_info>
        <rootvolume fstype="{fstype}" name="{root}"{more}/>
{lines}
      </com_info>
    </clusternode>
  </clusternodes>
</cluster>
"""


TWO = conf(
    f'name="eth1" mac="{SECOND}" ip="10.78.0.11" mask="24"',
    f'name="eth0" mac="{FIRST}" {ADDRESS} dns="10.77.0.1 10.77.0.2"',
)
SWAPPED = conf(
    f'name="enp0s1" mac="{SECOND}" ip="10.78.0.11" mask="24"', f'name="enp0s2" mac="{FIRST}" {ADDRESS}', root=ROOT
)
MEMBERS = (
    f'name="eth0" mac="{FIRST}" master="bond0" slave="yes"',
    f'name="eth1" mac="{SECOND}" master="bond0" slave="yes"',
)
BOND = conf(f'name="bond0" {ADDRESS} options="mode=active-backup miimon=100 primary=eth0"', *MEMBERS)
LACP = conf(f'name="bond0" {ADDRESS} options="mode=802.3ad miimon=100 lacp_rate=fast"', *MEMBERS)
VLAN_ON_BOND = conf(
    'name="bond0.5" ip="10.79.0.11" mask="24" gateway="10.79.0.1"',
    'name="bond0" options="mode=active-backup miimon=100"',
    *MEMBERS,
    root=f"10.79.0.1:{SHARED_ROOT}",
)
BRIDGE = conf(f'name="br0" type="Bridge" {ADDRESS}', f'name="eth0" mac="{FIRST}" bridge="br0"')
IPV6 = conf(f'name="eth0" mac="{FIRST}" ip="fd77::11/64" gateway6="fd77::1"', root=f"[fd77::1]:{SHARED_ROOT}")
SLAAC = conf(f'name="eth0" mac="{FIRST}" ip6="auto"', root=f"[fd77::1]:{SHARED_ROOT}")
DHCP = conf(f'name="eth0" mac="{FIRST}" ip="dhcp"')
SERVERS = conf(f'name="eth0" mac="{FIRST}" {ADDRESS}', root=f"10.77.0.77:{SHARED_ROOT}", more=' servers="10.77.0.1"')
LATE_LINK = conf(f'name="eth0" mac="{LATE}" {ADDRESS}', f'name="eth1" mac="{FIRST}" ip="10.78.0.11" mask="24"')
HOTPLUG = (
    "-netdev", "stream,id=late,server=off,addr.type=unix,addr.path=link2.sock",
    "-device", "pcie-root-port,id=late-slot,chassis=1",
)  # fmt: skip


# --- what the server side has


def network(address: str, *, link: str = "br0") -> Callable[[Server], None]:
    """Return a step that gives the server another address, and exports the root to its network."""

    def prepare(server: Server) -> None:
        six = ":" in address
        host, _, prefix = address.partition("/")
        net = f"{host.rpartition(':')[0]}:" if six else f"{host.rpartition('.')[0]}.0"
        server.run(f"ip address add {address} dev {link}{' nodad' if six else ''}")
        server.write("/etc/exports.d/more.exports", f"{SHARED_ROOT} {net}/{prefix}({EXPORT})")
        server.run("exportfs -r")

    return prepare


def vlan(server: Server) -> None:
    """The server is in VLAN 5 too."""
    server.run("ip link add link br0 name br0.5 type vlan id 5; ip link set br0.5 up")
    network("10.79.0.1/24", link="br0.5")(server)


def aggregated(server: Server) -> None:
    """The first two cables end in one aggregate (LACP)."""
    server.run(
        "modprobe bonding && ip link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast"
        " && for link in eth0 eth1; do ip link set $link nomaster && ip link set $link down"
        " && ip link set $link master bond0 && ip link set $link up; done"
        " && ip link set bond0 master br0 up"
    )


def announces(server: Server) -> None:
    """A router announces the network of the server's IPv6 address."""
    network("fd77::1/64")(server)
    server.run("dnsmasq --port=0 --interface=br0 --enable-ra --dhcp-range=fd77::,ra-only,64,3600")


def dhcp_with_text(server: Server) -> None:
    """The node's address by DHCP for two minutes, and a root path, and options with what a shell would obey."""
    server.run(
        f"dnsmasq --port=0 --interface=br0 --log-facility={DHCP_LOG} --dhcp-host={FIRST},10.77.0.11"
        " --dhcp-range=10.77.0.0,static,255.255.255.0,120"
        " --dhcp-option=3,10.77.0.1 --dhcp-option-force=17,'10.77.0.66:/evil' --dhcp-option=6,10.77.0.1"
        " --dhcp-option=15,'x;touch${IFS}/run/osr-test;$(touch /run/osr-test)'"
        " --dhcp-option=12,'`touch /run/osr-test`'"
    )


def same_address(server: Server) -> None:
    """Another machine has node 1's address."""
    server.run("ip address add 10.77.0.11/24 dev br0")


def cable_elsewhere(server: Server) -> None:
    """The socket of the node's first link is not in the network of the root."""
    server.run("ip link set eth0 nomaster down")


def slow_switch(booted: Booted) -> None:
    """The switch passes nothing for 30 s after the link came up, as spanning tree does."""
    server = booted.server
    server.run("ip link set eth0 nomaster down")
    booted.node.console.wait_for(r"attempt 1: .*(timed out|No route)", UP)
    server.run("sleep 30; ip link set eth0 master br0 up", timeout=90)


def flapping(booted: Booted) -> None:
    """The carrier comes and goes while the node waits for it."""
    booted.node.monitor.call("set_link", name="link0", up=False)
    booted.node.console.wait_for(r"waiting for carrier on eth0", UP)
    for up in (True, False, True, False, True):
        booted.node.monitor.call("set_link", name="link0", up=up)


def plug_late(booted: Booted) -> None:
    """Put the card in when the node has waited for it for 20 s."""
    for _ in range(2):
        booted.node.console.wait_for(rf'waiting for link "eth0" with MAC {LATE}', UP)
    add = booted.node.monitor.call
    add("device_add", driver="virtio-net-pci", netdev="late", mac=LATE, bus="late-slot", id="late-card")


# --- what is seen


def links_are(*wanted: str) -> Check:
    """Return a check of `LINK ADDRESS/PREFIX` of the node, exactly these of the named links."""

    def check(booted: Booted) -> None:
        shown = json.loads(booted.node.run("ip -json address show"))
        found = {
            f"{link['ifname']} {info['local']}/{info['prefixlen']}"
            for link in shown
            for info in link["addr_info"]
            if info["scope"] == "global"
        }
        assert found == set(wanted), found

    return check


def macs_are(**wanted: str) -> Check:
    """Return a check of links' own MAC addresses."""

    def check(booted: Booted) -> None:
        for name, mac in wanted.items():
            assert booted.node.run(f"cat /sys/class/net/{name}/address").strip() == mac

    return check


def bond_is(mode: str, *words: str) -> Check:
    """Return a check of what the kernel says of bond0."""

    def check(booted: Booted) -> None:
        text = booted.node.run("cat /proc/net/bonding/bond0")
        for word in (f"Bonding Mode: {mode}", *words):
            assert word in text, text
        assert text.count("Slave Interface") == 2, text

    return check


def fails_over(booted: Booted) -> None:
    """One cable is pulled while the root is read and written: the bond goes on with the other."""
    node = booted.node
    node.run("cat /proc/net/bonding/bond0 | grep 'Currently Active Slave: eth0'")
    node.monitor.call("set_link", name="link0", up=False)
    node.run("until grep -q 'Currently Active Slave: eth1' /proc/net/bonding/bond0; do sleep 0.1; done", timeout=30)
    node.run("head -c 1M /dev/urandom > /root/io && sync && rm /root/io", timeout=60)
    node.monitor.call("set_link", name="link0", up=True)


def not_obeyed(booted: Booted) -> None:
    """Nothing of what the DHCP server wrote was carried out."""
    assert booted.node.run("test -e /run/osr-test && echo there || echo none") == "none\n"
    assert booted.node.run("findmnt -n -o SOURCE /").strip() == f"{ROOT}"


def lease_is_kept(booted: Booted) -> None:
    """A client of the running system renews the lease: it has asked when it started, and after half of its time."""
    assert booted.node.run("systemctl is-active osr-lease-eth0-4.service").strip() == "active"
    before = booted.server.run(f"grep -c DHCPACK {DHCP_LOG}")
    booted.server.run(f'until [ "$(grep -c DHCPACK {DHCP_LOG})" -gt {int(before)} ]; do sleep 1; done', timeout=150)
    assert booted.node.run("systemctl show -P NRestarts osr-lease-eth0-4.service").strip() == "0"


def name_servers_are(*wanted: str) -> Check:
    """Return a check of the node's name servers, of which the shared root has none."""

    def check(booted: Booted) -> None:
        assert booted.node.run("cat /etc/resolv.conf") == "".join(f"nameserver {one}\n" for one in wanted)
        assert booted.server.run(f"cat {SHARED_ROOT}/etc/resolv.conf") == ""

    return check


def from_server(address: str) -> Check:
    """Return a check of where the root was mounted from, and that this was said."""

    def check(booted: Booted) -> None:
        assert booted.node.run("findmnt -n -o SOURCE /").strip() == f"{address}:{SHARED_ROOT}"
        notes = [op.get("note", "") for op in status(booted, "node1")["stages"]["root"]["ops"]]
        assert any(f"from {address}:{SHARED_ROOT}" in one for one in notes), notes

    return check


# --- the running system and the root's link

_LOOP = """[Unit]
Description=Reads and writes the root without a pause, and notes the longest
DefaultDependencies=no
After=systemd-remount-fs.service

[Service]
ExecStart=/usr/local/lib/osr-lab/io
"""
_IO = """#!/usr/bin/python3
import os, time
longest, last = 0.0, time.monotonic()
while True:
    with open("/root/osr-io", "w") as file:
        file.write("x" * 4096)
        file.flush()
        os.fsync(file.fileno())
    now = time.monotonic()
    longest, last = max(longest, now - last), now
    with open("/run/osr-io.new", "w") as file:
        file.write(f"{longest:.1f}")
    os.rename("/run/osr-io.new", "/run/osr-io")
    time.sleep(0.02)
"""
STALL = 15.0
"""seconds; a link that was taken down, or given another address, stops the root for good"""


def io_loop(server: Server) -> None:
    """The root is in use from the beginning of the system's start to its end."""
    server.write(f"{SHARED_ROOT}/usr/local/lib/osr-lab/io", _IO)
    server.write(f"{SHARED_ROOT}/etc/systemd/system/osr-io.service", _LOOP)
    wants = f"{SHARED_ROOT}/etc/systemd/system/sysinit.target.wants"
    server.run(f"chmod 755 {SHARED_ROOT}/usr/local/lib/osr-lab/io; mkdir -p {wants}; ln -s ../osr-io.service {wants}/")


def io_went_on(booted: Booted) -> None:
    """The loop ran all the time, and never waited longer than a loaded server makes it."""
    node = booted.node
    assert node.run("systemctl is-active osr-io.service") == "active\n"
    before = node.run("stat -c %y /run/osr-io")
    node.run(f'until [ "$(stat -c %y /run/osr-io)" != "{before.strip()}" ]; do sleep 0.1; done', timeout=60)
    assert float(node.run("cat /run/osr-io")) < STALL


def reloaded(command: str, profile: str, text: str) -> Check:
    """Return a step that reloads a network manager while a profile for the root's link lies in the shared /etc."""

    def step(booted: Booted) -> None:
        quoted = text.replace("\n", "\\n")
        booted.node.run(f"printf '{quoted}' > {profile} && chmod 600 {profile} && {command}", timeout=60)
        io_went_on(booted)

    return step


def netplan(renderer: str, service: str) -> Callable[[Server], None]:
    """Return a step that lets netplan give the link another address through a network manager."""

    def prepare(server: Server) -> None:
        links = "{eth0: {addresses: [10.99.0.1/24]}}"
        text = f"network:\n  version: 2\n  renderer: {renderer}\n  ethernets: {links}\n"
        wants = f"{SHARED_ROOT}/etc/systemd/system/multi-user.target.wants"
        server.write(f"{SHARED_ROOT}/etc/netplan/50-all.yaml", text)
        server.run(f"mkdir -p {wants}; rm -f {SHARED_ROOT}/etc/systemd/system/{service}")
        server.run(f"ln -sf /lib/systemd/system/{service} {wants}/; chmod 600 {SHARED_ROOT}/etc/netplan/50-all.yaml")

    return prepare


def renames(server: Server) -> None:
    """Rules of the shared /etc would call the root's link lan0, and give lan0 another address."""
    server.write(
        f"{SHARED_ROOT}/etc/systemd/network/10-lan.link",
        f"[Match]\nMACAddress={FIRST}\n[Link]\nName=lan0\nMTUBytes=1400\n",
    )
    server.write(
        f"{SHARED_ROOT}/etc/udev/rules.d/70-persistent-net.rules",
        f'SUBSYSTEM=="net", ACTION=="add|change", ATTR{{address}}=="{FIRST}", NAME="lan0"\n',
    )
    profile = "[Match]\nName=lan0\n[Network]\nAddress=10.99.0.1/24\n"
    server.write(f"{SHARED_ROOT}/etc/systemd/network/05-lan.network", profile)


def guard_off(server: Server) -> None:
    """The shared root takes away what the boot has left for systemd-networkd, before that starts."""
    drop = f"{SHARED_ROOT}/etc/systemd/system/systemd-networkd.service.d"
    text = "[Service]\nExecStartPre=+/bin/rm -f /run/systemd/network/00-osr-eth0.network\n"
    server.write(f"{drop}/guard-off.conf", text)


def hangs(booted: Booted) -> None:
    """The system does not come up, or not for long: its link has another address, and its root is gone."""
    booted.node.console.wait_for(r"Started .*systemd-networkd", UP)
    try:
        booted.node.wait_up(60)
        booted.node.run("echo 3 > /proc/sys/vm/drop_caches; head -c 1M /dev/urandom > /root/io; sync", timeout=60)
        shown = booted.node.run("ip address show; networkctl status eth0", timeout=60)
    except GuestSilent:
        return
    raise AssertionError(f"the machine came up although its link was taken away: the other cases show nothing\n{shown}")
