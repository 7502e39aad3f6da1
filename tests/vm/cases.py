"""Every VM case: a case is a row. `core` rows run in `make check`, all of them in `make vm-check-all`."""

from __future__ import annotations

import re

from tests import project
from tests.lab.lab import MACS, cluster_conf
from tests.lab.tree import BOOKWORM, SID, TRIXIE
from tests.vm import cdsls, identities, networks, scenes
from tests.vm.case import Case
from tests.vm.checks import (
    address_stays,
    by,
    command,
    console,
    every_stage,
    healthy,
    no_parameters,
    note,
    shared_and_private,
    two_identities,
    version,
)

STATIC_IP = "ip=10.77.0.11::10.77.0.1:255.255.255.0::eth0:none ifname=eth0:52:54:00:77:00:01"
NFS4 = f"root=nfs4:10.77.0.1:/srv/root rw {STATIC_IP}"
HOWTO_A = f"root=nfs:10.77.0.1:/srv/root rw rd.shell rd.debug {STATIC_IP}"
LAST = r"this boot cannot go on"
QUICK = "rd.osr.timeout=25"
ETH1 = f"ifname=eth1:{networks.SECOND}"
STATIC_ON = (
    "root=nfs4:10.77.0.1:/srv/root rw ip=10.77.0.11::10.77.0.1:255.255.255.0::{link}:none ifname=eth0:52:54:00:77:00:01"
)
BOTH = (networks.FIRST, networks.SECOND)
NETWORKD = "[Match]\nName=e*\n[Network]\nAddress=10.99.0.2/24\n"
NM = "[connection]\nid=more\ntype=ethernet\nautoconnect=true\n[ipv4]\nmethod=manual\naddress1=10.99.0.2/24\n"
INTERFACES = "auto lo eth0\niface lo inet loopback\niface eth0 inet static\n  address 10.99.0.2/24\n"
# node N has the serial number OSR-N
DMI = re.sub(r'(nodeid="(\d)".*?<com_info>)', r'\1<dmi serial="OSR-\2"/>', cluster_conf(), flags=re.S)

CASES = (
    # --- boots
    Case("two-nodes", "two nodes from one image and one NFSv4 root, no kernel argument of ours or dracut's", core=True,
         nodes=("node1", "node2"),
         checks=(healthy, every_stage, no_parameters, version("4.2"), by("MAC {mac}"), shared_and_private, address_stays)),
    Case("no-systemd", "full-featured without systemd in the initrd", core=True,
         image=(*project.FULL, *project.NO_SYSTEMD), checks=(healthy, every_stage, no_parameters)),
    Case("static", "static initrd, HowTo example A with nfs4:, identity by MAC from the root's cluster.conf", core=True,
         image=project.STATIC, append=NFS4, checks=(healthy, by("MAC {mac}"), note("root", "nfs4 vers=4.2"))),
    Case("late-server", "the NFS server starts 20 s after the node asks: retries are spoken, the boot goes on", core=True,
         prepare=(scenes.stop_nfs,), during=scenes.start_nfs_late,
         checks=(healthy, console(r"attempt 1: Connection refused; next in 1 s"))),
    Case("two-nodes-load", "two nodes keep their own NFSv4 identities under load for two lease times",
         nodes=("node1", "node2"), checks=(healthy, two_identities)),
    Case("static-two-nodes-load", "the same for two static nodes, whose roots dracut mounts", nodes=("node1", "node2"),
         image=project.STATIC, append="root=nfs4:10.77.0.1:/srv/root rw ip=dhcp", prepare=(scenes.serve_dhcp,),
         checks=(healthy, two_identities)),
    Case("nfs3", "NFSv3 because cluster.conf says so", conf=cluster_conf(fstype="nfs3"), checks=(healthy, version("3"))),
    Case("static-howto-a", "HowTo example A to the letter: root=nfs: rw rd.shell rd.debug", image=project.STATIC, append=HOWTO_A,
         checks=(healthy, note("root", "nfs"))),
    Case("static-no-systemd", "static initrd without systemd", image=(*project.STATIC, *project.NO_SYSTEMD), append=NFS4,
         checks=(healthy,)),
    Case("static-dhcp", "static initrd, address by DHCP", image=project.STATIC, append="root=nfs4:10.77.0.1:/srv/root rw ip=dhcp",
         prepare=(scenes.serve_dhcp,), checks=(healthy,)),
    Case("static-ext3", "static initrd with a local ext3 root, nodeid=1 by hand", image=project.STATIC, conf="",
         append="root=/dev/vda rootfstype=ext3 rw nodeid=1", disks=scenes.local_disk, checks=(scenes.runs_from_its_disk,),
         osr=False),
    Case("static-nodeid", "static initrd without cluster.conf on the root: nodeid=2 is enough", image=project.STATIC, conf="",
         append=f"{NFS4} nodeid=2", checks=(scenes.is_node_two_by_id,)),
    Case("static-node-name", "static initrd, rd.osr.node= against the hardware: obeyed, with a warning", image=project.STATIC,
         append=f"{NFS4} rd.osr.node=node2", checks=(scenes.is_node_two_by_name,)),
    Case("uefi", "UEFI, with LoaderDevicePartUUID set as systemd-boot does", uefi=True, reboots=True,
         checks=(scenes.reboot_with_loader_variable, healthy)),
    Case("reboot", "reboot: the root is unmounted, the node comes back as itself", reboots=True,
         checks=(healthy, scenes.reboot, healthy)),
    Case("shared-hostname", "a shared /etc/hostname does not rename a node", prepare=(scenes.shared_hostname,),
         checks=(healthy, command("cat /etc/hostname", "node1\n"), note("handover", "mounted over"))),
    Case("root-by-hand", "root= given by hand wins over cluster.conf", conf=cluster_conf(root="10.77.0.1:/srv/elsewhere"),
         append="root=nfs4:10.77.0.1:/srv/root", checks=(healthy,)),
    Case("cdsl-words", "cdsltree= and cdsllink= move the node's tree", append="cdsltree=/other/cdsl cdsllink=/here",
         prepare=(scenes.moved_cdsl,), checks=(scenes.moved_cdsl_is_bound,)),
    Case("cdsl-bind", "CDSLs in bind style on two nodes: bound in the initrd, the outer before the inner; osr status names them",
         nodes=("node1", "node2"), prepare=(cdsls.in_bind_style,), checks=(healthy, note("cdsl", "2 paths"), cdsls.are_bound)),
    Case("cdsl-bind-optional", "bind style, and the node's copy is missing: one that may be missing is said, and the boot goes on",
         prepare=(cdsls.in_bind_style_optional, cdsls.copy_lost),
         checks=(healthy, note("cdsl", "not /srv/data: /cluster/cdsl/1/srv/data is missing"), cdsls.boots_without_them)),
    Case("cdsl-lock", "two nodes change CDSLs against each other, 12 times each; one dies in the middle of a change",
         nodes=("node1", "node2"), prepare=(cdsls.short_lease, cdsls.inventoried, cdsls.plain_directories),
         checks=(healthy, cdsls.against_each_other, cdsls.seen_at_once, cdsls.lock_of_a_dead_node)),
    Case("cdsl-howto", "the HowTo's commands to the letter make a root for two of a plain system; node 2 boots from it",
         prepare=(cdsls.plain_system,), checks=(healthy, cdsls.howto_by_hand, cdsls.boots_from_it)),
    Case("cdsl-identity", "osr cdsl identity: two nodes are two machines, with all services, and the same after a reboot",
         nodes=("node1", "node2"), reboots=True, prepare=(cdsls.inventoried, identities.different_machines),
         checks=(healthy, identities.are_different)),
    # --- cluster.conf and identity
    Case("explain", "osr explain says beforehand, byte for byte, the plan that the machine then boots by",
         checks=(healthy, scenes.explain_said_the_same)),
    Case("stale-image", "the root's cluster.conf is newer than the image: a warning, on the console and in osr status",
         image_conf=cluster_conf(), conf=cluster_conf().replace('config_version="1"', 'config_version="2"'),
         checks=(healthy, console(r"warning: the image is stale: .*config_version 2, and the image was made from 1"),
                 scenes.stale_is_reported)),
    Case("appended-conf", "osr compile --cpio behind an image of another cluster wins, and osr status says so",
         image_conf=cluster_conf().replace("52:54:00:77", "52:54:00:88"), appended=scenes.compiled_archive,
         checks=(healthy, command("osr status | grep ^config", "config   config_version 1, from an archive behind the image\n"))),
    Case("bootif", "BOOTIF= counts as evidence", append="BOOTIF=01-52-54-00-77-00-01",
         checks=(healthy, by("MAC {mac} of link"), by("which the boot loader used"))),
    Case("static-dmi", "static initrd: the serial number says which node this is, where no MAC does", image=project.STATIC,
         append=NFS4, conf=DMI.replace("52:54:00:77:00:01", "52:54:00:88:00:01"), extra=("-smbios", "type=1,serial=OSR-1"),
         checks=(healthy, by('serial number "OSR-1" is that of node'))),
    # --- links of every kind
    Case("two-links", "two links, the second in a network of its own; both have their names", macs=BOTH, conf=networks.TWO,
         prepare=(networks.network("10.78.0.1/24"),),
         checks=(healthy, networks.links_are("eth0 10.77.0.11/24", "eth1 10.78.0.11/24"),
                 networks.macs_are(eth0=networks.FIRST, eth1=networks.SECOND))),
    Case("name-swap", "two links that the kernel has called by each other's name", macs=BOTH, conf=networks.SWAPPED,
         checks=(healthy, networks.links_are("enp0s2 10.77.0.11/24", "enp0s1 10.78.0.11/24"),
                 networks.macs_are(enp0s2=networks.FIRST, enp0s1=networks.SECOND))),
    Case("bond", "bond in active-backup, and a cable is pulled", macs=BOTH, conf=networks.BOND,
         checks=(healthy, networks.links_are("bond0 10.77.0.11/24"),
                 networks.bond_is("fault-tolerance (active-backup)", "Primary Slave: eth0"), networks.fails_over)),
    Case("bond-one-member", "a bond one of whose members is not there", macs=(networks.FIRST,), conf=networks.BOND,
         checks=(healthy, networks.links_are("bond0 10.77.0.11/24"), note("network", "no eth1"))),
    Case("bond-802.3ad", "bond in 802.3ad with the server's aggregate", macs=BOTH, conf=networks.LACP,
         prepare=(networks.aggregated,),
         checks=(healthy, networks.links_are("bond0 10.77.0.11/24"), networks.bond_is("IEEE 802.3ad", "LACP rate: fast"))),
    Case("vlan-on-bond", "the root is reached by a VLAN on a bond", macs=BOTH, conf=networks.VLAN_ON_BOND,
         prepare=(networks.vlan,), checks=(healthy, networks.links_are("bond0.5 10.79.0.11/24"))),
    Case("bridge", "the root is reached by a bridge", conf=networks.BRIDGE,
         checks=(healthy, networks.links_are("br0 10.77.0.11/24"))),
    Case("ipv6", "IPv6 only: static address, gateway, NFS server", conf=networks.IPV6, prepare=(networks.network("fd77::1/64"),),
         checks=(healthy, networks.links_are("eth0 fd77::11/64"))),
    Case("ipv6-announced", "an address from a router's announcement", conf=networks.SLAAC, prepare=(networks.announces,),
         checks=(healthy,)),
    Case("dhcp", "an address by DHCP, from a server that writes shell text and another root; the lease is kept",
         conf=networks.DHCP, prepare=(networks.dhcp_with_text,),
         checks=(healthy, networks.links_are("eth0 10.77.0.11/24"), networks.not_obeyed, networks.lease_is_kept,
                 note("network", "a root path in the answer is not for us"))),
    Case("late-link", "the root's link is plugged in 20 s late", macs=(networks.FIRST,), conf=networks.LATE_LINK,
         extra=networks.HOTPLUG, during=networks.plug_late, checks=(healthy, networks.macs_are(eth0=networks.LATE))),
    Case("slow-switch", "the switch passes nothing for 30 s after the link came up", during=networks.slow_switch,
         checks=(healthy,)),
    Case("flapping", "the carrier comes and goes", during=networks.flapping, checks=(healthy,)),
    Case("dead-first-server", "the first of two root servers is dead: seconds, not minutes", conf=networks.SERVERS,
         checks=(healthy, networks.from_server("10.77.0.1"))),
    Case("duplicate-address", "another machine has the node's address", prepare=(networks.same_address,), append=QUICK,
         refuses=(LAST, r"10\.77\.0\.11, the address of eth0, is used by ([0-9a-f]{2}:){5}[0-9a-f]{2} already")),
    Case("wrong-socket", "the cables are in each other's sockets: the server answers on the other link", macs=BOTH,
         conf=networks.TWO, prepare=(networks.cable_elsewhere,), append=QUICK,
         refuses=(LAST, r"10\.77\.0\.1 answers on eth1 \(([0-9a-f]{2}:){5}[0-9a-f]{2}\): is a cable in the wrong socket")),
    # --- links of a static initrd are dracut's, by the words of its documentation
    Case("static-two-links", "static initrd, two links", image=project.STATIC, macs=BOTH, conf=networks.TWO,
         append=f"{NFS4} ip=10.78.0.11:::255.255.255.0::eth1:none {ETH1}",
         checks=(healthy, networks.links_are("eth0 10.77.0.11/24", "eth1 10.78.0.11/24"))),
    Case("static-bond", "static initrd, bond=", image=project.STATIC, macs=BOTH, conf=networks.BOND,
         append=f"{STATIC_ON.format(link='bond0')} {ETH1} bond=bond0:eth0,eth1:mode=active-backup,miimon=100",
         checks=(healthy, networks.links_are("bond0 10.77.0.11/24"), networks.bond_is("fault-tolerance (active-backup)"))),
    Case("static-vlan", "static initrd, vlan=", image=project.STATIC, prepare=(networks.vlan,),
         append="root=nfs4:10.79.0.1:/srv/root rw vlan=eth0.5:eth0 ifname=eth0:52:54:00:77:00:01"
         " ip=10.79.0.11::10.79.0.1:255.255.255.0::eth0.5:none",
         checks=(healthy, networks.links_are("eth0.5 10.79.0.11/24"))),
    Case("static-bridge", "static initrd, bridge=", image=project.STATIC,
         append=f"{STATIC_ON.format(link='br0')} bridge=br0:eth0", checks=(healthy, networks.links_are("br0 10.77.0.11/24"))),
    Case("static-bootif", "static initrd, BOOTIF= says which of two links asks for its address", image=project.STATIC, macs=BOTH,
         conf=networks.TWO, append="root=nfs4:10.77.0.1:/srv/root rw ip=dhcp BOOTIF=01-52-54-00-77-00-01",
         prepare=(scenes.serve_dhcp,), checks=(healthy, by("which the boot loader used"))),
    # --- the running system leaves the link alone
    Case("networkd", "systemd-networkd with a conflicting profile in the shared /etc; restarted, and reloaded with another one",
         prepare=(scenes.enable_networkd, networks.io_loop),
         checks=(healthy, address_stays, networks.io_went_on, scenes.restart("systemd-networkd"), address_stays,
                 networks.reloaded("networkctl reload", "/etc/systemd/network/05-more.network", NETWORKD), address_stays)),
    Case("networkmanager", "NetworkManager with a conflicting profile; restarted, and reloaded with another one",
         prepare=(scenes.enable_networkmanager, networks.io_loop),
         checks=(healthy, address_stays, networks.io_went_on, scenes.restart("NetworkManager"), address_stays,
                 networks.reloaded("nmcli connection reload", "/etc/NetworkManager/system-connections/more.nmconnection", NM),
                 address_stays)),
    Case("ifupdown", "ifupdown with a conflicting /etc/network/interfaces; restarted with another one",
         prepare=(scenes.enable_ifupdown, networks.io_loop),
         checks=(healthy, address_stays, networks.io_went_on, scenes.restart("networking"), address_stays,
                 networks.reloaded("systemctl restart networking", "/etc/network/interfaces", INTERFACES), address_stays)),
    Case("bond-networkd", "systemd-networkd with a profile for every link leaves bond and members alone", macs=BOTH,
         conf=networks.BOND, prepare=(scenes.enable_networkd, networks.io_loop),
         checks=(healthy, networks.links_are("bond0 10.77.0.11/24"), networks.io_went_on,
                 scenes.restart("systemd-networkd"), networks.io_went_on, networks.links_are("bond0 10.77.0.11/24"))),
    Case("guard-off", "the same networkd, with the guard taken away: the machine hangs, as it did of old", osr=False,
         prepare=(scenes.enable_networkd, networks.guard_off), during=networks.hangs, refuses=(r"systemd",)),
    # --- switches
    Case("stand-aside", "rd.osr=0: the same image boots a plain dracut root untouched", image=project.STATIC, append=f"{NFS4} rd.osr=0",
         prepare=(scenes.without_cdsl,), osr=False, checks=(command("test -e /run/osr && echo there || echo none", "none\n"),)),
    Case("stand-aside-full", "rd.osr=0 in a full-featured image: dracut mounts its NFS root by itself", append=f"{NFS4} rd.osr=0",
         prepare=(scenes.without_cdsl,), osr=False, checks=(command("test -e /run/osr && echo there || echo none", "none\n"),)),
    Case("break", "rd.osr.break=root: a shell before the stage, and the boot goes on after it",
         append="rd.osr.break=root", during=scenes.leave_the_shell, checks=(healthy,)),
    Case("debug", "rd.osr.debug with a failure: the traceback is there", append=f"rd.osr.debug {QUICK}",
         prepare=(scenes.stop_nfs,), refuses=(LAST,)),
    # --- must not boot, and must say why
    Case("unknown-mac", "a MAC that cluster.conf does not know: no guess, MACs, nodes and a stanza to paste", core=True,
         macs=("52:54:00:77:00:99",), append=QUICK,
         refuses=(r"52:54:00:77:00:99", LAST, r"<clusternode name=", r'<eth name="\S+" mac="52:54:00:77:00:99"')),
    Case("links-of-two", "a machine with links of two nodes is neither", macs=tuple(MACS.values()), append=QUICK,
         refuses=(LAST, r"this machine is two nodes: MAC 52:54:00:77:00:0\d")),
    Case("bootif-contradicts", "BOOTIF= of another node than the links: no guess",
         append=f"BOOTIF=01-52-54-00-77-00-02 {QUICK}", refuses=(LAST, r"this machine is two nodes: .*which the boot")),
    Case("dmi-contradicts", "the MAC is node1's, the serial number node2's: no guess", conf=DMI,
         extra=("-smbios", "type=1,serial=OSR-2"), append=QUICK, refuses=(LAST, r'this machine is two nodes', r'"OSR-2"')),
    Case("two-claims", "one MAC in two nodes of a compiled file: the boot refuses to guess",
         appended=scenes.forged_archive, append=QUICK, refuses=(LAST, r"node1.*node2")),
    Case("no-server", "nobody answers at the server's address", conf=cluster_conf(root="10.77.0.77:/srv/root"), append=QUICK,
         refuses=(r"attempt 1", LAST, r"operation 2: mount 10.77.0.77:/srv/root", r"No route to host|does not answer")),
    Case("no-nfs", "the server machine answers, but no NFS server runs on it", prepare=(scenes.stop_nfs,), append=QUICK,
         refuses=(r"attempt 1: Connection refused", LAST, r"start nfs-server there")),
    Case("wrong-export", "the server does not export the path", conf=cluster_conf(root="10.77.0.1:/srv/nothing"), append=QUICK,
         refuses=(r"attempt 1: .*No such file", LAST, r"exportfs -v")),
    Case("no-root-there", "an export that is no root filesystem", conf=cluster_conf(root="10.77.0.1:/srv/root/home"),
         append=QUICK, refuses=(r"\[failed\].* has no proc, no sys, no dev, no run, no etc, no sbin/init", LAST)),
    Case("no-cdsl", "the node's CDSL directory is missing; rd.shell gets a shell where osr explain marks the operation",
         prepare=(scenes.remove_cdsl,), append="rd.shell", checks=(scenes.explain_in_the_shell,),
         refuses=(LAST, r"/cluster/cdsl/1 is missing", r"cp -a /cluster/cdsl/default /cluster/cdsl/1")),
    Case("cdsl-bind-missing", "bind style, and the node's copy is missing: the boot stops and names it",
         prepare=(cdsls.in_bind_style, cdsls.copy_lost), append=QUICK,
         refuses=(LAST, r"/cluster/cdsl/1/srv/data is missing on the shared root, for /srv/data", r"osr cdsl check --repair")),
)  # fmt: skip

MATRIX = tuple(
    Case(f"{suite.name}{'' if systemd else '-no-systemd'}", f"full-featured NFSv4 on {suite.name}"
         f"{'' if systemd else ', no systemd in the initrd'}", suite=suite,
         image=project.FULL if systemd else (*project.FULL, *project.NO_SYSTEMD), nodes=("node1",),
         checks=(healthy, every_stage, no_parameters, version("4.2"), address_stays))
    for suite in (BOOKWORM, TRIXIE, SID)
    for systemd in (True,)
)  # fmt: skip
