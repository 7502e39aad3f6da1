"""Disks: found by what they are called, waited for, checked before they are mounted."""

from __future__ import annotations

import pytest

from osr_boot import filesystems
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, NotYet, OsrError
from osr_boot.model import Cluster, Cmdline, Volume
from osr_boot.ops.disks import CheckExt, FindDisk, path_of
from osr_boot.ops.mounts import MountDevice

HERE = {"/sys/class/block/loop0/": "", "/sys/class/block/vda/": "", "/sys/class/block/vdb1/": "", "/dev/vda": ""}
LABELS = {"/dev/disk/by-label/data": "../../vdb1"}


@pytest.mark.parametrize(
    ("device", "path"),
    [
        ("/dev/vda", "/dev/vda"),
        ("/dev/disk/by-path/a=b", "/dev/disk/by-path/a=b"),
        ("LABEL=root", "/dev/disk/by-label/root"),
        ("LABEL=my root/1", "/dev/disk/by-label/my\\x20root\\x2f1"),
        ("LABEL=gr\u00f6\u00dfe", "/dev/disk/by-label/gr\u00f6\u00dfe"),
        ("UUID=0A-b", "/dev/disk/by-uuid/0A-b"),
        ("PARTLABEL=x", "/dev/disk/by-partlabel/x"),
        ("PARTUUID=AB", "/dev/disk/by-partuuid/ab"),
    ],
)
def test_where_udev_links_a_disk(device: str, path: str) -> None:
    assert path_of(device) == path


def test_a_disk_that_is_there_is_called_by_its_name() -> None:
    system = Dry({"/dev/disk/by-label/root": ""}, links={"/dev/disk/by-label/root": "../../vda"})
    assert FindDisk("LABEL=root").execute(system) == "vda"
    assert FindDisk("/dev/vda").execute(Dry({"/dev/vda": ""})) == "vda"
    assert system.said == []


def test_a_late_disk_is_waited_for_with_a_word_every_ten_seconds() -> None:
    system = Dry(HERE, links=LABELS)
    calls = 0
    while system.uptime() < 25:
        with pytest.raises(NotYet, match="waiting for the disk LABEL=root"):
            FindDisk("LABEL=root").execute(system)
        calls += 1
        system.pause(0.5)
    assert calls > 10
    assert system.said == ["waiting for the disk LABEL=root; disks here: /dev/vda, /dev/vdb1 (LABEL=data)"] * 3
    system.files["/dev/disk/by-label/root"] = ""
    assert FindDisk("LABEL=root").execute(system) == "root"


def test_a_disk_that_never_comes_ends_the_boot_with_those_that_are_there() -> None:
    system = Dry(HERE, links=LABELS, deadline=0.5)
    with pytest.raises(OsrError, match="no disk /dev/sdz appeared") as caught:
        FindDisk("/dev/sdz").execute(system)
    assert not isinstance(caught.value, NotYet)
    assert caught.value.hint.startswith("disks here: /dev/vda, /dev/vdb1 (LABEL=data); is it plugged in")


@pytest.mark.parametrize(
    ("mode", "argv"),
    [
        ("auto", ("fsck.ext4", "-p", "/dev/disk/by-label/root")),
        ("force", ("fsck.ext4", "-p", "-f", "/dev/disk/by-label/root")),
        ("skip", None),
    ],
)
def test_a_local_filesystem_is_checked_as_the_command_line_says(mode: str, argv: tuple[str, ...] | None) -> None:
    volume = Volume("LABEL=root", "ext3", shared=False)
    operations = list(filesystems.find("ext3").plan(volume, "/sysroot", Cmdline(fsck=mode), Cluster()))
    kinds = [type(operation).__name__ for operation in operations]
    assert kinds == ["FindDisk", *(["CheckExt"] if argv else []), "MountDevice"]
    assert not argv or operations[1].commands() == (argv,)


@pytest.mark.parametrize("status", [1, 2, 3])
def test_what_could_be_repaired_is_no_failure(status: int) -> None:
    output = "vda: Inode 13 ref count is 5, should be 1.  FIXED.\nvda: 16/5112"
    failed = CommandFailed("x", status=status, output=output)
    said = CheckExt("/dev/vda", False).execute(Dry(answers={"fsck.ext4": failed}))
    assert said == "repaired: vda: Inode 13 ref count is 5, should be 1.  FIXED."


@pytest.mark.parametrize("status", [4, 8, 12, 127])
def test_what_a_person_must_repair_ends_the_boot(status: int) -> None:
    said = "vda: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n\t(i.e., without -a or -p options)"
    failed = CommandFailed("x", status=status, output=said)
    with pytest.raises(OsrError, match="LABEL=a b is not in order: vda: UNEXPECTED INCONSISTENCY") as caught:
        CheckExt("LABEL=a b", False).execute(Dry(answers={"fsck.ext4": failed}))
    assert "`fsck.ext4 /dev/disk/by-label/a\\x20b`" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("mount: /sysroot: wrong fs type, bad option, bad superblock on /dev/vda, missing codepage", "`blkid`"),
        ("mount: /sysroot: unknown filesystem type 'ext3'.", "rebuild it for this kernel"),
        ("mount: /sysroot: /dev/vda already mounted or mount point busy.", "another part of this boot"),
        ("mount: /sysroot: cannot mount /dev/vda read-only.\n  write-protected", 'mountopts="ro"'),
        ("something else", ""),
    ],
)
def test_a_mount_that_fails_says_what_helps(said: str, hint: str) -> None:
    system = Dry(answers={"mount": CommandFailed("x", status=32, output=said)})
    with pytest.raises(OsrError, match="^cannot mount /dev/vda as ext3: ") as caught:
        MountDevice("/dev/vda", "ext3", "rw", "/sysroot", "", 1, 0).execute(system)
    assert hint in caught.value.hint
    assert "/sysroot" not in caught.value.message
