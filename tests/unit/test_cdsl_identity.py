"""`osr cdsl identity`: what must not be the same on two nodes is not, and stays as it is once it differs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from osr_boot.cdsl import identity
from osr_boot.cdsl.disk import Disk
from osr_boot.cdsl.identity import hosts
from osr_boot.errors import CommandFailed
from osr_boot.linux import Linux
from osr_boot.model import Cluster, Node
from tests.unit.command import cdsl, written
from tests.unit.test_docs import rows, section
from tests.unit.test_docs import text as document

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("as_root")]  # cp, ssh-keygen

GOOD = Path(__file__).parents[1] / "golden/findings/good.conf"
MACHINE = "0123456789abcdef0123456789abcdef"
IDS = ("2a02ec4692db40459b6d17dbd826d8eb", "2e84fe6d980848a9b820761929ef6870")
"""derived from cluster "lab", and never to change: a node would come back as another machine"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "etc/cluster/cluster.conf": GOOD.read_text(),
        "etc/machine-id": f"{MACHINE}\n",
        "etc/hostname": "installed\n",
        "etc/adjtime": "0.0 0 0.0\n0\nLOCAL\n",
        "etc/iscsi/initiatorname.iscsi": "# own\nInitiatorName=iqn.1994-05.com.redhat:abc\n",
        "etc/nvme/hostnqn": "nqn.2014-08.org.nvmexpress:uuid:x\n",
        "etc/lvm/backup/vg": "of one machine\n",
        "etc/ssh/ssh_host_ed25519_key": "private\n",
        "etc/ssh/ssh_host_ed25519_key.pub": "public\n",
        "etc/ssh/sshd_config": "for all\n",
        "var/lib/dbus/machine-id": f"{MACHINE}\n",
        "var/lib/dhcp/dhclient.leases": "lease\n",
        "var/lib/systemd/catalog": "for all\n",
        "var/log/journal/x/system.journal": "lines\n",
    }
    written(tmp_path, files)
    (tmp_path / "etc/machine-id").chmod(0o444)
    (tmp_path / "etc/ssh/ssh_host_ed25519_key").chmod(0o600)
    for words in (("init",), ("create", "-a", "/var", "-s", "/var/lib")):
        assert cdsl(tmp_path, *words).status == 0
    return tmp_path


def tree(root: Path, node: str, path: str) -> Path:
    return root / "cluster/cdsl" / node / path


def test_ids_are_derived_where_nobody_keeps_the_one_that_all_have(root: Path) -> None:
    said = cdsl(root, "identity")
    assert (said.status, said.err) == (0, "")
    for node, machine in zip(("1", "2"), IDS):
        assert tree(root, node, "etc/machine-id").read_text() == f"{machine}\n"
        assert tree(root, node, "var/.cdsl.lib/dbus/machine-id").read_text() == f"{machine}\n"
        assert tree(root, node, "etc/hostname").read_text() == f"node{node}\n"
        assert tree(root, node, "etc/machine-id").stat().st_mode & 0o777 == 0o444
    assert tree(root, "default", "etc/machine-id").read_text() == ""
    assert (root / "etc/machine-id").read_text() == ""
    assert not (root / "etc/machine-id").is_symlink()


def test_the_node_that_is_named_keeps_what_all_have(root: Path) -> None:
    assert cdsl(root, "identity", "--node", "2").status == 0
    assert tree(root, "2", "etc/machine-id").read_text() == f"{MACHINE}\n"
    assert tree(root, "1", "etc/machine-id").read_text() == f"{IDS[0]}\n"
    assert tree(root, "2", "etc/ssh/ssh_host_ed25519_key").read_text() == "private\n"
    assert tree(root, "2", "var/.cdsl.lib/dhcp/dhclient.leases").read_text() == "lease\n"
    assert os.listdir(tree(root, "1", "var/.cdsl.lib/dhcp")) == []
    assert tree(root, "2", "etc/hostname").read_text() == "node2\n"


def test_each_kind_of_content(root: Path) -> None:
    cdsl(root, "identity")
    initiators = {tree(root, node, "etc/iscsi/initiatorname.iscsi").read_text() for node in ("1", "2")}
    assert len(initiators) == 2
    assert all(re.fullmatch(r"InitiatorName=iqn\.1994-05\.com\.redhat:[0-9a-f]{12}\n", one) for one in initiators)
    names = {tree(root, node, "etc/nvme/hostnqn").read_text() for node in ("1", "2")}
    assert len(names) == 2
    for node in ("1", "2"):
        private = tree(root, node, "etc/ssh/ssh_host_ed25519_key")
        assert private.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        assert private.stat().st_mode & 0o777 == 0o600
        assert tree(root, node, "etc/adjtime").read_text().endswith("LOCAL\n")
        assert tree(root, node, "var/.cdsl.lib/systemd/random-seed").stat().st_mode & 0o777 == 0o600
    public = {tree(root, node, "etc/ssh/ssh_host_ed25519_key.pub").read_text() for node in ("1", "2")}
    assert len({line.split()[1] for line in public}) == 2
    assert (root / "etc/ssh/sshd_config").read_text() == "for all\n"
    assert (root / "cluster/shared/var/lib/systemd/catalog").read_text() == "for all\n"
    assert tree(root, "1", "var/log/journal/x/system.journal").is_file()
    assert os.listdir(tree(root, "2", "var/log/journal")) == []
    assert os.listdir(tree(root, "2", "etc/lvm/backup")) == []
    assert cdsl(root, "check").out == ""


def test_again_changes_nothing(root: Path) -> None:
    cdsl(root, "identity")
    tree(root, "2", "etc/hostname").write_text("by-hand\n")
    before = {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.name != ".osr-cdsl-lock"}
    again = cdsl(root, "identity")
    assert (again.status, again.out) == (0, "")
    assert before == {path: path.lstat().st_mtime_ns for path in root.rglob("*") if path.name != ".osr-cdsl-lock"}


def test_a_new_node_gets_its_own(root: Path) -> None:
    cdsl(root, "identity")
    assert cdsl(root, "node-add", "3").status == 0
    assert re.fullmatch("[0-9a-f]{32}\n", tree(root, "3", "etc/machine-id").read_text())
    assert tree(root, "3", "etc/ssh/ssh_host_ed25519_key.pub").read_text().startswith("ssh-ed25519 ")
    assert (
        tree(root, "3", "etc/iscsi/initiatorname.iscsi").read_text().startswith("InitiatorName=iqn.1994-05.com.redhat:")
    )
    for node in ("1", "2"):
        assert tree(root, node, "etc/machine-id").read_text() != tree(root, "3", "etc/machine-id").read_text()


def test_keys_in_a_directory_that_is_host_dependent(root: Path) -> None:
    """At /etc/ssh there is a link then, which leads nowhere while no node's tree is mounted."""
    assert cdsl(root, "create", "-a", "/etc/ssh").status == 0
    assert cdsl(root, "identity", "--node", "1").status == 0
    held = {node: tree(root, node, "etc/ssh/ssh_host_ed25519_key").read_text() for node in ("1", "2", "default")}
    assert (held["1"], held["default"]) == ("private\n", "")
    assert held["2"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert tree(root, "2", "etc/ssh/ssh_host_ed25519_key.pub").read_text().startswith("ssh-ed25519 ")
    assert cdsl(root, "node-add", "3").status == 0
    new = tree(root, "3", "etc/ssh/ssh_host_ed25519_key").read_text()
    assert new.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert new != held["2"]


def test_keys_that_are_shared_stay_so_when_a_node_comes(root: Path) -> None:
    cdsl(root, "identity", "--ssh-keys", "shared")
    cdsl(root, "create", "-a", "/etc/ssh")
    assert cdsl(root, "node-add", "3").status == 0
    assert {tree(root, node, "etc/ssh/ssh_host_ed25519_key").read_text() for node in "123"} == {"private\n"}


def test_a_new_node_changes_no_other_one(root: Path) -> None:
    cdsl(root, "identity")
    for node in "12":
        tree(root, node, "etc/ssh/ssh_host_ed25519_key").write_text("by hand the same\n")
        tree(root, node, "etc/hostname").write_text("both\n")
    before = {path: path.lstat().st_ctime_ns for node in "12" for path in tree(root, node, "").rglob("*")}
    assert cdsl(root, "node-add", "3").status == 0
    assert before == {path: path.lstat().st_ctime_ns for node in "12" for path in tree(root, node, "").rglob("*")}


@pytest.mark.parametrize("words", [("set", "maxnodeidnum", "3"), ("init", "--nodes", "3")])
def test_nodes_that_come_by_number_get_their_own_too(root: Path, words: tuple[str, ...]) -> None:
    cdsl(root, "identity")
    assert cdsl(root, *words).status == 0
    assert re.fullmatch("[0-9a-f]{32}\n", tree(root, "3", "etc/machine-id").read_text())
    assert tree(root, "3", "etc/ssh/ssh_host_ed25519_key.pub").read_text().startswith("ssh-ed25519 ")


@pytest.mark.parametrize("stop", range(4))
def test_a_node_whose_adding_was_interrupted_gets_the_rest(
    root: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    cdsl(root, "identity")
    rename, left = Disk.rename, list(range(stop))

    def stopped(self: Disk, source: str, path: str) -> None:
        if type(self) is Disk:
            if not left:
                raise KeyboardInterrupt
            left.pop()
        rename(self, source, path)

    with monkeypatch.context() as here:
        here.setattr(Disk, "rename", stopped)
        assert cdsl(root, "node-add", "3").status == 130
    assert cdsl(root, "recover").status == 0
    assert cdsl(root, "node-add", "3").status == 0
    assert re.fullmatch("[0-9a-f]{32}\n", tree(root, "3", "etc/machine-id").read_text())
    assert tree(root, "3", "etc/ssh/ssh_host_ed25519_key").stat().st_size > 0
    again = cdsl(root, "node-add", "3")
    assert (again.status, again.out, again.err) == (1, "", 'osr: node "3" has a tree already\n')


def test_keys_can_stay_shared(root: Path) -> None:
    cdsl(root, "identity", "--ssh-keys", "shared")
    assert (root / "etc/ssh/ssh_host_ed25519_key").read_text() == "private\n"
    assert not (root / "etc/ssh/ssh_host_ed25519_key").is_symlink()


def test_all_of_it_can_be_bound(root: Path) -> None:
    cdsl(root, "identity", "--style", "bind")
    assert not (root / "etc/hostname").is_symlink()
    assert tree(root, "1", "etc/hostname").read_text() == "node1\n"


def test_a_root_that_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc/cluster").mkdir(parents=True)
    (tmp_path / "etc/cluster/cluster.conf").write_text(GOOD.read_text())
    cdsl(tmp_path, "init")
    assert cdsl(tmp_path, "identity").status == 0
    assert tree(tmp_path, "1", "etc/machine-id").read_text() == f"{IDS[0]}\n"


def test_without_cluster_conf(root: Path) -> None:
    (root / "etc/cluster/cluster.conf").unlink()
    said = cdsl(root, "identity")
    assert (said.status, "cluster.conf" in said.err) == (2, True)
    assert not list(root.glob("cluster/cdsl/*/etc"))


def test_without_ssh_keygen_nothing_is_half_done_and_it_is_said_what_helps(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> str:
        raise CommandFailed('program "ssh-keygen" not found', status=127, hint="")

    monkeypatch.setattr(Linux, "run", missing)
    said = cdsl(root, "identity")
    assert said.status == 1
    assert said.err.endswith(
        ': program "ssh-keygen" not found\n'
        "  install OpenSSH's client on this machine, or let the nodes share their keys: --ssh-keys shared\n"
    )
    assert not list(root.rglob(".osr-*new*"))


def test_no_private_key_in_a_journal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journals: list[str] = []
    write = Disk.write

    def seen(self: Disk, path: str, text: str) -> None:
        journals.append(text)
        write(self, path, text)

    monkeypatch.setattr(Disk, "write", seen)
    cdsl(root, "identity")
    assert any('"keys": [["ed25519"' in journal for journal in journals)
    assert not any("PRIVATE KEY" in journal for journal in journals)


def test_ids_are_uuids_of_version_4() -> None:
    cluster = Cluster("a", 1, nodes=tuple(Node(f"n{number}", number) for number in range(1, 200)))
    found = {host.machine for host in hosts(cluster, tuple(str(number) for number in range(1, 200))).values()}
    assert len(found) == 199
    assert all(re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", one) for one in found)
    assert hosts(cluster, ("n7",))["n7"] == hosts(cluster, ("7",))["7"]


def test_every_path_is_documented_and_no_other() -> None:
    paths = [f"/{item.path}" for item in identity.ITEMS]
    table = rows(section(document("docs/cdsl.md"), "## What must not be the same on two nodes"))[1:]
    said = [path.strip("`") for row in table for path in row[0].split(", ")]
    assert sorted(paths) == sorted(set(said) - {"/etc/ssh/ssh_host_*_key"})
    assert len(said) == len(set(said)) == len(paths) + 1
