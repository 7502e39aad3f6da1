"""Builds that must not give an image, and what they say."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from tests.image import made
from tests.lab.lab import cluster_conf
from tests.vm.storages import with_element

# The HowTo's own cluster.conf: its two nodes carry one MAC address.
HOWTO = Path(__file__).parents[1] / "golden/findings/howto.conf"


@functools.cache
def build(conf: str | None, *, before: str = "true") -> str:
    return made.refused(conf, before=before)


def test_the_howtos_own_file_stops_the_build_with_its_finding() -> None:
    said = build(HOWTO.read_text())
    assert 'MAC 00:0c:29:c9:c6:f5 is given twice: line 7 (node "node1", eth "eth0") and line 13' in said
    assert "error: " in said
    assert "Traceback" not in said
    assert "status 1" in said.splitlines()
    assert "image " not in said.splitlines()[-1]


def test_every_finding_is_shown_at_once() -> None:
    said = build(cluster_conf().replace('mask="255.255.255.0"', 'mask="255.255.0.255"').replace("nodeid=", "nodeID="))
    assert said.count("255.255.0.255") == 2
    assert said.count('"nodeID"') == 2
    assert "status 1" in said.splitlines()


def test_a_missing_file_stops_the_build_and_says_where_it_belongs() -> None:
    said = build(None)
    assert "/etc/cluster/cluster.conf" in said
    assert "Traceback" not in said
    assert "status 1" in said.splitlines()
    assert "image " not in said.splitlines()[-1]


LOCAL = cluster_conf(fstype="xfs", root="LABEL=root").replace('name="LABEL', 'shared="no" name="LABEL')


@pytest.mark.parametrize(
    ("conf", "before", "what"),
    [
        (cluster_conf(fstype="ocfs2", root="LABEL=root"), "true", "the program mount.ocfs2, which a boot needs"),
        (
            with_element(LOCAL, '<rootsource name="iscsi://10.77.0.1"/>'),
            "true",
            "the program iscsiadm, which a boot needs, is not installed",
        ),
        (
            LOCAL,
            "rm -r /lib/modules/*/kernel/fs/xfs; depmod -a $(ls /lib/modules)",
            "has no module xfs, which a boot needs",
        ),
        (with_element(LOCAL, '<scsi failover="mapper"/>'), "true", "multipath"),
    ],
    ids=["program", "program for iSCSI", "kernel module", "dracut module"],
)
def test_what_a_boot_needs_and_is_not_there_stops_the_build_by_name(conf: str, before: str, what: str) -> None:
    said = build(conf, before=before)
    assert what in said
    assert "status 1" in said.splitlines()
    assert "image " not in said.splitlines()[-1]


def test_an_image_of_before_stays_as_it_was() -> None:
    name = f"/boot/initrd_sr-{made.tree().kernel_version}.img"
    said = build(HOWTO.read_text(), before=f"echo old > {name}; chmod 644 {name}")
    assert said.splitlines()[-1] == "image 644 4"


def test_the_same_build_with_a_good_file_succeeds() -> None:
    said = build(cluster_conf())
    assert "status 0" in said.splitlines()
    assert said.splitlines()[-1].startswith("image 600 ")
