"""What cases do to the server, to the shared root and to machines while they boot."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from osr_boot import archive
from osr_boot.boot import CONFIG
from tests.lab import disks
from tests.lab.errors import GuestSilent
from tests.lab.lab import ADDRESSES, MACS, Lab
from tests.lab.machine import Disk
from tests.lab.server import SHARED_ROOT, Server
from tests.vm.case import UP, Booted, Check
from tests.vm.checks import status

TOP = Path(__file__).parents[2]
ROOT = SHARED_ROOT


def stop_nfs(server: Server) -> None:
    """Nobody listens on port 2049 any more."""
    server.run("systemctl stop nfs-server")


def start_nfs_late(booted: Booted) -> None:
    """Start the NFS server when the node has been refused for a while."""
    booted.node.console.wait_for(r"attempt 4: Connection refused", UP)
    booted.server.run("systemctl start nfs-server")


def serve_dhcp(server: Server) -> None:
    """Give each node its address by its MAC."""
    hosts = " ".join(f"--dhcp-host={MACS[name]},{ADDRESSES[name]}" for name in MACS)
    range_ = "--dhcp-range=10.77.0.0,static,255.255.255.0"
    server.run(f"dnsmasq --port=0 --interface=br0 {range_} {hosts} --dhcp-option=3,10.77.0.1")


def shared_hostname(server: Server) -> None:
    """The shared root has a host name for all."""
    server.run(f"echo localhost > {ROOT}/etc/hostname")


def without_cdsl(server: Server) -> None:
    """See Server.without_cdsl."""
    server.without_cdsl()


def remove_cdsl(server: Server) -> None:
    """Node 1 has no tree."""
    server.run(f"mv {ROOT}/cluster/cdsl/1 {ROOT}/cluster/cdsl/gone")


def moved_cdsl(server: Server) -> None:
    """The trees lie elsewhere, and /var points there."""
    server.run(
        f"cd {ROOT} && mkdir -p other here && mv cluster/cdsl other/cdsl && ln -sfn here/var var"
        " && mkdir -p cluster/cdsl && rm -rf cdsl.local"
    )


def moved_cdsl_is_bound(booted: Booted) -> None:
    """The node's tree is where the command line said."""
    assert booted.node.run("findmnt -n -o SOURCE /here").strip().endswith("/other/cdsl/1")
    booted.node.run("test ! -e /cdsl.local && touch /var/tmp/works")


def local_disk(lab: Lab) -> tuple[Disk, ...]:
    """A disk of the node's own with an ext3 root."""
    path = lab.directory / "local-root.qcow2"
    return (Disk(disks.throw_away(disks.disk(lab.tree, "local-root"), path)),)


def runs_from_its_disk(booted: Booted) -> None:
    """An ext3 root that dracut mounted, with the node's tree bound by the agent."""
    assert booted.node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/vda", "ext3"]
    assert booted.node.run("findmnt -n -o SOURCE /cdsl.local").strip() == "/dev/vda[/cluster/cdsl/1]"
    report = json.loads(booted.node.run("cat /run/osr/report.json"))
    assert {outcome["outcome"] for outcome in report["stages"].values()} == {"finished"}
    assert booted.node.run("systemctl --failed --no-legend --plain") == ""


def is_node_two_by_id(booted: Booted) -> None:
    """nodeid=2 alone: the tree of node 2, no name."""
    assert booted.node.run("findmnt -n -o SOURCE /cdsl.local").strip().endswith("/cluster/cdsl/2")
    report = json.loads(booted.node.run("osr status --json"))
    assert report["node"] == {"name": "", "id": 2}
    assert "nodeid=2" in report["because"]


def is_node_two_by_name(booted: Booted) -> None:
    """An explicit word wins, and the hardware's objection is heard."""
    assert booted.node.run("findmnt -n -o SOURCE /cdsl.local").strip().endswith("/cluster/cdsl/2")
    assert json.loads(booted.node.run("osr status --json"))["node"] == {"name": "node2", "id": 2}
    assert re.search(r"warning: .*node1", booted.node.console.text), "no warning"


def reboot(booted: Booted) -> None:
    """Reboot from inside; the machine stays the same QEMU process."""
    boot_id = booted.node.run("cat /proc/sys/kernel/random/boot_id")
    booted.node.run("systemctl --no-block reboot")
    booted.node.console.wait_for(r"Unmounted /oldroot\.", 120)
    booted.node.wait_up(UP)
    assert booted.node.run("cat /proc/sys/kernel/random/boot_id") != boot_id


def reboot_with_loader_variable(booted: Booted) -> None:
    """Set the variable that makes systemd's gpt-auto generator look for a root of its own, and boot with it."""
    name = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"  # source: the boot loader interface of systemd
    uuid = "3f1a2b3c-0000-4000-8000-000000000001"
    script = f"""
import struct
text = "{uuid}\\0".encode("utf-16-le")
open("/sys/firmware/efi/efivars/{name}", "wb").write(struct.pack("<I", 7) + text)
"""
    mount = "mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs none /sys/firmware/efi/efivars"
    booted.node.run(f"{mount}; python3 - <<'END'\n{script}\nEND")
    reboot(booted)
    booted.node.run(f"{mount}; test -e /sys/firmware/efi/efivars/{name}")


def enable_networkd(server: Server) -> None:
    """networkd runs, with a profile for every link that would take the address away.

    By itself networkd keeps what is configured where the root comes over the network; source: man systemd.network.
    """
    profile = "[Match]\\nName=e*\\n[Network]\\nKeepConfiguration=no\\nAddress=10.99.0.1/24\\nDHCP=yes\\n"
    wants = f"{ROOT}/etc/systemd/system/multi-user.target.wants"
    server.run(f"printf '{profile}' > {ROOT}/etc/systemd/network/10-all.network")
    server.run(f"mkdir -p {wants}; ln -sf /lib/systemd/system/systemd-networkd.service {wants}/")
    server.run(f"ln -sf /lib/systemd/system/systemd-networkd-wait-online.service {wants}/")


def enable_networkmanager(server: Server) -> None:
    """NetworkManager runs, with a profile for the link that would re-address it."""
    profile = (
        "[connection]\\nid=all\\ntype=ethernet\\nautoconnect=true\\n[ipv4]\\nmethod=manual\\naddress1=10.99.0.1/24\\n"
    )
    path = f"{ROOT}/etc/NetworkManager/system-connections/all.nmconnection"
    wants = f"{ROOT}/etc/systemd/system/multi-user.target.wants"
    server.run(f"mkdir -p {wants}; rm -f {ROOT}/etc/systemd/system/NetworkManager.service")
    server.run(f"printf '{profile}' > {path}; chmod 600 {path}")
    server.run(f"ln -sf /lib/systemd/system/NetworkManager.service {wants}/")


def enable_ifupdown(server: Server) -> None:
    """ifupdown runs, and /etc/network/interfaces says another address for the link."""
    text = "auto lo eth0\\nallow-hotplug eth0\\niface lo inet loopback\\n"
    text += "iface eth0 inet static\\n  address 10.99.0.1/24\\n"
    wants = f"{ROOT}/etc/systemd/system/multi-user.target.wants"
    server.run(f"printf '{text}' > {ROOT}/etc/network/interfaces; rm -f {ROOT}/etc/systemd/system/networking.service")
    server.run(f"mkdir -p {wants}; ln -sf /lib/systemd/system/networking.service {wants}/")


def restart(service: str) -> Check:
    """Return a step that restarts a service while the root is in use."""
    return applied(f"systemctl is-active {service} && systemctl restart {service} && systemctl is-active {service}")


def applied(command: str) -> Check:
    """Return a step that runs a command which touches links, and then reads and writes the root."""

    def step(booted: Booted) -> None:
        booted.node.run(command, timeout=240)
        booted.node.run("head -c 4M /dev/urandom > /root/io && sync && cat /root/io | wc -c && rm /root/io")

    return step


def leave_the_shell(booted: Booted) -> None:
    """Look around in the shell before stage root, then let the boot go on."""
    console = booted.node.console
    console.wait_for(r"Break before Open Sharedroot stage root", UP)
    _open_shell(booted)
    console.send("osr explain\n")
    console.wait_for(r"1\. done +bring up eth0", 60)
    console.send("exit\n")


def explain_in_the_shell(booted: Booted) -> None:
    """Ask the rescue shell what failed."""
    console = booted.node.console
    _open_shell(booted)
    console.send("osr explain\n")
    console.wait_for(r"1\. FAILED bind /cluster/cdsl/1 on /cdsl.local", 60)
    console.wait_for(r"why: /cluster/cdsl/1 is missing", 10)


def _open_shell(booted: Booted) -> None:
    """Press Enter until there is a prompt: sulogin throws away what was typed before it asks."""
    console = booted.node.console
    console.wait_for(r"Press Enter for maintenance|debug shell", UP)
    for _ in range(20):
        console.send("\n")
        try:
            console.wait_for(r"\w[:~/.\d]*# $", 3)
            return
        except GuestSilent:
            continue


# A compiled file as `osr compile` would never write it: both nodes have the first node's MAC.
_NODE = (
    '{{"name":"node{n}","nodeid":{n},"nics":[{{"name":"eth0","mac":"52:54:00:77:00:01","address":"10.77.0.1{n}/24"}}],'
    '"rootvolume":{{"name":"10.77.0.1:/srv/root","fstype":"nfs"}}}}'
)
_TEXT = '{"format":1,"name":"lab","config_version":1,"source":"forced","digest":"","nodes":[\n'
_TEXT += ",\n".join(_NODE.format(n=n) for n in (1, 2)) + "\n]}\n"


def forged_archive(conf: str) -> bytes:
    """Return an archive with a compiled file that says that two nodes are one machine."""
    return archive.pack(CONFIG, _TEXT.encode())


def compiled_archive(conf: str) -> bytes:
    """Return what `osr compile --cpio` makes of a cluster.conf."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "cluster.conf"
        file.write_text(conf)
        argv = [sys.executable, "-m", "osr_boot", "compile", "--cpio", str(file)]
        return subprocess.run(argv, cwd=TOP, capture_output=True, check=True).stdout


def explain_said_the_same(booted: Booted) -> None:
    """What `osr explain` says beforehand of this machine is, byte for byte, the plan that it booted by."""
    node = booted.node
    (note,) = (
        op["note"]
        for op in status(booted, "node1")["stages"]["network"]["ops"]
        if op.get("note", "").startswith("kernel name")
    )
    kernel_name = note.split('"')[1]
    facts = {"nics": [{"name": kernel_name, "mac": MACS["node1"]}]}
    with tempfile.TemporaryDirectory() as directory:
        conf, machine = Path(directory) / "cluster.conf", Path(directory) / "facts.json"
        conf.write_text(booted.case.conf)
        machine.write_text(json.dumps(facts))
        words = ["--facts", str(machine), "--cmdline", node.run("cat /proc/cmdline").strip(), "--json"]
        argv = [sys.executable, "-m", "osr_boot", "explain", str(conf), *words]
        said = subprocess.run(argv, cwd=TOP, capture_output=True, text=True, check=True).stdout
    assert said == node.run("cat /run/osr/plan.json")


def stale_is_reported(booted: Booted) -> None:
    """The running node says that its image is stale, until it is not."""
    node = booted.node
    words = "has config_version 2, and the image was made from 1; make the image again"
    assert f"warning  the image is stale: the root's /etc/cluster/cluster.conf {words}" in node.run("osr status")
    assert words in status(booted, "node1")["stale"]
    node.run('sed -i s/config_version=.2./config_version=\\"1\\"/ /etc/cluster/cluster.conf')
    assert status(booted, "node1")["stale"] == ""
