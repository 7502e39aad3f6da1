"""Plans: what is in them, that they round-trip, and that every filesystem keeps the rules."""

from __future__ import annotations

import json

import pytest

from osr_boot import filesystems, plan, requires
from osr_boot.errors import ConfigError
from osr_boot.model import Cluster, Cmdline, Nic, Node, Volume
from osr_boot.ops import Operation, from_json, to_json
from osr_boot.value import replace

NIC = Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/24", gateway="10.0.0.1", driver="e1000")
NODE = Node("node1", 1, (NIC,), Volume("10.0.0.1:/srv/root", "nfs"))
# A root volume that each kind of filesystem finds nothing wrong with.
VOLUMES = {True: "10.0.0.1:/srv/root", False: "/dev/disk/by-label/root"}


def names(operations: tuple[Operation, ...]) -> list[str]:
    return [type(operation).__name__ for operation in operations]


def test_full_featured() -> None:
    made = plan.make(NODE, Cmdline(), because="MAC")
    assert {stage: names(operations) for stage, operations in made.stages.items()} == {
        "network": ["LoadDriver", "BringUp", "WaitCarrier", "SetAddresses"],
        "root": ["SetHostname", "MountNfs", "CheckRoot"],
        "cdsl": ["Bind", "BindPaths"],
        "handover": ["WriteFiles", "LeaveAlone", "WriteFiles", "BindOver", "WriteFiles"],
        "shutdown": ["KeepShutdown"],
    }


def test_the_host_name_is_set_before_the_first_mount() -> None:
    kinds = names(plan.make(NODE, Cmdline(), because="").stages["root"])
    assert kinds.index("SetHostname") < kinds.index("MountNfs")


def test_static_leaves_links_and_root_to_dracut() -> None:
    made = plan.make(NODE, Cmdline(root="nfs:10.0.0.1:/srv/root"), because="", static=True)
    assert names(made.stages["network"]) == []
    assert names(made.stages["root"]) == ["SetHostname", "ReportRoot"]
    assert names(made.stages["cdsl"]) == ["Bind", "BindPaths"]
    assert names(made.stages["shutdown"]) == ["KeepShutdown"]
    assert not any("network managers" in operation.describe() for operation in made.stages["handover"])


def test_static_with_a_disk_of_its_own_keeps_dracuts_shutdown() -> None:
    made = plan.make(NODE, Cmdline(root="/dev/vda"), because="", static=True)
    assert made.stages["shutdown"] == ()


def test_root_by_hand_wins() -> None:
    volume = plan.volume_of(NODE, Cmdline(root="nfs4:10.9.9.9:/other", rootflags="soft"))
    assert volume == Volume("10.9.9.9:/other", "nfs4", "soft")
    assert plan.volume_of(NODE, Cmdline(root="LABEL=root")) is None


def test_no_link_is_waited_for_where_dracut_mounts_the_root() -> None:
    made = plan.make(NODE, Cmdline(root="/dev/vda1"), because="").stages["network"]
    assert names(made) == ["LoadDriver", "BringUp", "SetAddresses"]
    assert [vars(operation)["needed"] for operation in made[1:]] == [(), ()]


def test_a_node_without_root_is_refused() -> None:
    with pytest.raises(ConfigError, match="no root volume"):
        plan.make(Node("node1", 1, (NIC,)), Cmdline(), because="")


@pytest.mark.parametrize("static", [False, True])
def test_round_trip(static: bool) -> None:
    made = plan.make(NODE, Cmdline(), because="b", warnings=("w",), static=static)
    text = plan.dumps(made)
    assert plan.loads(text) == made
    assert plan.dumps(plan.loads(text)) == text


def test_the_document_is_what_the_interface_says() -> None:
    document = json.loads(plan.dumps(plan.make(NODE, Cmdline(), because="b")))
    assert document["format"] == 1
    assert document["node"] == {"name": "node1", "id": 1}
    assert {"because", "warnings", "stages"} <= set(document)
    set_up = document["stages"]["network"][1]
    assert set_up["commands"] == [["ip", "-batch", "-"]]
    assert set_up["input"].startswith("link set dev eth0 up\n")
    assert all({"op", "describe", "commands"} <= set(op) for stage in document["stages"].values() for op in stage)
    assert "/run/systemd/network/00-osr-eth0.network" in document["stages"]["handover"][1]["files"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 99}', "null"])
def test_a_broken_plan_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(ConfigError):
        plan.loads(text)


@pytest.mark.parametrize("name", ["os.system", "linux.Linux", "", "ops.__init__.sys", "ops.files.Nothing"])
def test_a_plan_cannot_name_anything_but_operations(name: str) -> None:
    with pytest.raises((ConfigError, AttributeError, ImportError)):
        from_json({"op": name})


@pytest.mark.parametrize("fstype", filesystems.known())
class TestEveryFilesystem:
    """A new file in osr_boot/filesystems is held to these without a word here."""

    def volume(self, fstype: str) -> Volume:
        return Volume(VOLUMES[filesystems.find(fstype).network], fstype)

    def operations(self, fstype: str) -> list[Operation]:
        return list(filesystems.find(fstype).plan(self.volume(fstype), "/sysroot", Cmdline(), Cluster()))

    def test_checks(self, fstype: str) -> None:
        problems = list(filesystems.find(fstype).check(self.volume(fstype)))
        assert not [problem.message for problem in problems if problem.severity == "error"]
        assert list(filesystems.find(fstype).check(Volume("", fstype)))

    def test_plans_and_round_trips(self, fstype: str) -> None:
        operations = self.operations(fstype)
        assert operations
        assert [from_json(json.loads(json.dumps(to_json(operation)))) for operation in operations] == operations
        assert all(operation.describe() for operation in operations)

    def test_declares_every_program_that_it_runs(self, fstype: str) -> None:
        ran = {argv[0] for operation in self.operations(fstype) for argv in operation.commands()}
        assert ran <= set(filesystems.find(fstype).programs)


def test_requirements_of_a_cluster_and_of_all() -> None:
    needs = requires.of(Cluster(nodes=(NODE,)))
    assert {"nfs", "nfsv4"} <= set(needs.modules)
    assert needs.drivers == ("e1000",)
    assert {"ip", "mount", "mount.nfs"} <= set(needs.programs)
    assert set(requires.of(None).programs) >= {"mount.nfs"}


def test_every_program_of_a_plan_is_required() -> None:
    made = plan.make(NODE, Cmdline(), because="")
    ran = {argv[0] for stage in made.stages.values() for operation in stage for argv in operation.commands()}
    assert ran <= set(requires.of(Cluster(nodes=(NODE,))).programs)


@pytest.mark.parametrize("further", [False, True])
def test_a_disk_for_one_node_is_refused_to_two(further: bool) -> None:
    """osr check has refused such a file; a compiled one that somebody wrote by hand is refused at boot."""
    disk = Volume("LABEL=root", "ext3", path="/data" if further else "")

    def node(number: int, volume: Volume) -> Node:
        root = Volume("10.0.0.1:/srv/root", "nfs") if further else volume
        return Node(f"node{number}", number, (NIC,), root, (volume,) if further else ())

    one, two = node(1, disk), node(2, disk)
    assert plan.needs_cluster(one, Cmdline())
    with pytest.raises(ConfigError, match='node "node2" has the same ext3 on LABEL=root, and mounting it on both'):
        plan.make(one, Cmdline(), because="", cluster=Cluster(nodes=(one, two)))
    # A root by hand is not cluster.conf's.
    if not further:
        plan.make(one, Cmdline(root="nfs:10.0.0.1:/r"), because="", cluster=Cluster(nodes=(one, two)))
    own = replace(disk, shared=False)
    assert not plan.needs_cluster(node(1, own), Cmdline())
    plan.make(node(1, own), Cmdline(), because="", cluster=Cluster(nodes=(node(1, own), node(2, own))))


TMP = Volume("tmpfs", "tmpfs", path="/tmp")
LOCAL = Volume("LABEL=root", "ext4")


@pytest.mark.parametrize(
    ("node", "words", "spared"),
    [
        (NODE, Cmdline(), True),
        (replace(NODE, further=(TMP,)), Cmdline(), False),
        (replace(NODE, rootvolume=LOCAL), Cmdline(), False),
        (replace(NODE, rootvolume=replace(NODE.rootvolume or LOCAL, shared=False)), Cmdline(), False),
        (NODE, Cmdline(root="LABEL=root"), False),
        (NODE, Cmdline(root="LABEL=root", rootfstype="btrfs"), False),
        (NODE, Cmdline(root="LABEL=root", rootfstype="ocfs2"), True),
    ],
)
def test_a_tmp_that_other_nodes_use_is_not_emptied(node: Node, words: Cmdline, spared: bool) -> None:
    made = plan.make(node, words, because="")
    files = dict(file for operation in made.stages["handover"] for file in operation.files())
    assert ("/run/tmpfiles.d/tmp.conf" in files) == spared
    # Nothing that the system's own files of these names remove is removed.
    for name in ("tmp", "x11", "systemd-tmp") if spared else ():
        assert not [line for line in files[f"/run/tmpfiles.d/{name}.conf"].splitlines() if line[0] in "DRr"]


def test_a_static_initrd_spares_it_too() -> None:
    made = plan.make(NODE, Cmdline(root="nfs:10.0.0.1:/srv/root"), because="", static=True)
    assert "/run/tmpfiles.d/tmp.conf" in plan.dumps(made)
