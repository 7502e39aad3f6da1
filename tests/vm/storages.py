"""Cases with a disk that is reached over the network, by several ways, or through LVM, and with further filesystems."""

from __future__ import annotations

import json
import re

from tests.lab import disks, shared_disk
from tests.lab.lab import Lab, cluster_conf
from tests.lab.machine import Disk
from tests.lab.server import ADDRESS, SHARED_ROOT, Server
from tests.vm.case import Booted

TARGET = "iqn.2026-01.lab:root"
DISK = cluster_conf(fstype="ext4", root="LABEL=shared-root").replace('name="LABEL', 'shared="no" name="LABEL')


def with_element(conf: str, element: str) -> str:
    """Return a cluster.conf with one more element in each node's com_info."""
    return re.sub(r"( *)</com_info>", rf"\1  {element}\n\1</com_info>", conf)


ISCSI = with_element(DISK, f'<rootsource name="iscsi://{ADDRESS}"/>')
# The kernel's own target, told by its configfs: one disk for whoever asks.
_EXPORT = f"""
systemctl stop nfs-server
umount {SHARED_ROOT}
modprobe -a target_core_mod target_core_iblock iscsi_target_mod
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
cd /sys/kernel/config/target
mkdir -p core/iblock_0/root
echo udev_path=/dev/vdb > core/iblock_0/root/control
echo 1 > core/iblock_0/root/enable
mkdir -p iscsi/{TARGET}/tpgt_1/np/{ADDRESS}:3260 iscsi/{TARGET}/tpgt_1/lun/lun_0
ln -s ../../../../../../target/core/iblock_0/root iscsi/{TARGET}/tpgt_1/lun/lun_0/root \
    || ln -s /sys/kernel/config/target/core/iblock_0/root iscsi/{TARGET}/tpgt_1/lun/lun_0/root
cd iscsi/{TARGET}/tpgt_1
echo 0 > attrib/authentication
echo 1 > attrib/generate_node_acls
echo 1 > attrib/cache_dynamic_acls
echo 0 > attrib/demo_mode_write_protect
echo 1 > enable
"""


def export_by_iscsi(server: Server) -> None:
    """Let the server give out the shared root's disk, no longer its files."""
    server.run(_EXPORT, timeout=60)


def is_on_iscsi(booted: Booted) -> None:
    """The root is the server's disk, and the server knows the node by its own name."""
    node = booted.node
    source, fstype = node.run("findmnt -n -o SOURCE,FSTYPE /").split()
    assert (source, fstype) == ("/dev/sda", "ext4")
    assert TARGET in node.run("cat /sys/class/iscsi_session/*/targetname")
    report = json.loads(node.run("cat /run/osr/report.json"))
    assert {stage["outcome"] for stage in report["stages"].values()} == {"finished"}
    sessions = booted.server.run(f"cat /sys/kernel/config/target/iscsi/{TARGET}/tpgt_1/dynamic_sessions")
    assert "iqn.2004-10.org.open-sharedroot:lab:node1" in sessions, sessions


# --- several ways to one disk

_MAPPED = "shared.raw"
MULTIPATH = with_element(
    cluster_conf(fstype="ext3", root="LABEL=local-root").replace('name="LABEL', 'shared="no" name="LABEL'),
    '<scsi failover="mapper"/>',
)
MULTIPATH_CONF = {"etc/multipath.conf": b"defaults {\n    find_multipaths no\n    user_friendly_names yes\n}\n"}


def to_be_mapped(lab: Lab) -> tuple[Disk, ...]:
    """A disk that is plugged in twice by `two_ways`."""
    shared_disk.copy(disks.disk(lab.tree, "local-root"), lab.directory / _MAPPED)
    return ()


def ways(count: int) -> tuple[str, ...]:
    """QEMU's words for one disk at so many adapters: by its WWN it is known to be one."""
    words: tuple[str, ...] = ()
    for number in range(count):
        drive = f"file={_MAPPED},if=none,id=way{number},format=raw,cache=none,file.locking=off"
        name = f"scsi-hd,bus=adapter{number}.0,drive=way{number},serial=osr,wwn=0x5000c50015ea71aa"
        words += ("-device", f"virtio-scsi-pci,id=adapter{number}", "-drive", drive, "-device", name)
    return words


def survives_the_loss_of_a_way(booted: Booted) -> None:
    """The root is a map of two ways, and can be written when one is gone."""
    node = booted.node
    assert node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/mapper/mpatha", "ext3"]
    assert node.run("ls /sys/block/dm-0/slaves").split() == ["sda", "sdb"]
    assert "osr: root op(2) [finished] find multipath's map of the disk LABEL=local-root: dm-0" in node.console.text
    node.run("echo offline > /sys/block/sda/device/state")
    node.run("dd if=/dev/zero of=/root/osr-file bs=1M count=4 conv=fsync && rm /root/osr-file && sync", timeout=60)


# --- further filesystems

_FURTHER = (
    'source="LABEL=local-root" dest="/mnt" fstype="ext3" shared="no" mountopts="noatime"',
    'source="/cluster/cdsl/%(param0)s" dest="/srv" fstype="bind" mountopts="ro"',
    'source="/mnt/" dest="/media" fstype="rbind"',
    'source="tmpfs" dest="/var/tmp" fstype="tmpfs" mountopts="size=1m"',
    f'source="{ADDRESS}:{SHARED_ROOT}/usr" dest="/opt" fstype="nfs4" mountopts="ro"',
)
_ELEMENTS = "".join(f"<filesystem {words}/>" for words in _FURTHER)
FURTHER = with_element(cluster_conf(), f"<filesystems>{_ELEMENTS}</filesystems>")


def are_mounted(booted: Booted) -> None:
    """Each is mounted with its options where it should be; /var/tmp is the node's own."""
    node = booted.node
    for path, words in {
        "/mnt": ["/dev/vda", "ext3", "noatime"],
        "/srv": [f"{ADDRESS}:{SHARED_ROOT}/cluster/cdsl/1", "nfs4", "ro"],
        "/media": ["/dev/vda", "ext3", "noatime"],
        "/cluster/cdsl/1/var/tmp": ["tmpfs", "tmpfs", "size=1024k"],
        "/opt": [f"{ADDRESS}:{SHARED_ROOT}/usr", "nfs4", "ro"],
    }.items():
        source, fstype, options = node.run(f"findmnt -n -o SOURCE,FSTYPE,OPTIONS {path}").split()
        assert [source.replace("[", "").replace("]", ""), fstype] == words[:2], (path, source, fstype)
        assert words[2] in options.split(","), (path, options)


# --- LVM

LVM = cluster_conf(fstype="xfs", root="/dev/lab/root").replace('name="/dev/lab', 'shared="no" name="/dev/lab')


def volume_group(lab: Lab) -> tuple[Disk, ...]:
    """A disk of the node's own, with XFS on a logical volume."""
    path = lab.directory / "lvm.qcow2"
    return (Disk(disks.throw_away(shared_disk.xfs_on_lvm(lab.tree), path)),)


def is_a_logical_volume(booted: Booted) -> None:
    """The agent mounted what dracut's module activated."""
    node = booted.node
    assert node.run("findmnt -n -o SOURCE,FSTYPE /").split() == ["/dev/mapper/lab-root", "xfs"]
    report = json.loads(node.run("cat /run/osr/report.json"))
    assert {stage["outcome"] for stage in report["stages"].values()} == {"finished"}
