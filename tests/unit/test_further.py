"""Further filesystems: where they stand in a plan, and that nothing on the shared root leads them out of it."""

from __future__ import annotations

import pytest

from osr_boot import clusterconf, plan
from osr_boot.dry import Dry
from osr_boot.errors import OsrError
from osr_boot.model import Cluster, Cmdline, Nic, Node, Volume
from osr_boot.ops.mounts import Bind, MountDevice
from osr_boot.value import replace

NIC = Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/24")
NODE = Node("node1", 1, (NIC,), Volume("10.0.0.1:/r", "nfs4"))
DATA = Volume("LABEL=data", "ext4", "noatime", 3, 2, shared=False, path="/srv/data")


def steps(node: Node, cmdline: Cmdline | None = None, *, static: bool = False) -> list[str]:
    """Return what the stage "cdsl" does, in words."""
    made = plan.make(node, cmdline or Cmdline(), because="", static=static)
    assert plan.loads(plan.dumps(made)) == made
    return [operation.describe() for operation in made.stages["cdsl"]]


def test_they_come_behind_the_cdsls_in_their_order() -> None:
    further = (DATA, Volume("/srv/data/a", "bind", path="/home"), Volume("tmpfs", "tmpfs", "size=1m", path="/t"))
    assert steps(replace(NODE, further=further))[2:] == [
        "find the disk LABEL=data",
        "check the filesystem of LABEL=data",
        "mount LABEL=data (ext4, rw,noatime) on /sysroot/srv/data",
        "bind /srv/data/a on /home",
        "mount tmpfs (tmpfs, rw,size=1m) on /sysroot/t",
    ]


@pytest.mark.parametrize("path", ["/cluster/cdsl", "/cluster", "/cluster/shared"])
def test_what_the_cdsl_trees_lie_on_comes_before_them(path: str) -> None:
    found = steps(replace(NODE, further=(replace(DATA, path=path), Volume("/a", "bind", path="/cluster/cdslx"))))
    binds = [number for number, text in enumerate(found) if text.startswith("bind /cluster/cdsl/1")]
    assert found.index(f"mount LABEL=data (ext4, rw,noatime) on /sysroot{path}") < binds[0]
    assert found[-1] == "bind /a on /cluster/cdslx"


def test_ro_on_the_command_line_is_said_of_the_root() -> None:
    made = plan.make(replace(NODE, further=(DATA,)), Cmdline(readonly=True), because="")
    options = [operation.options for operation in made.stages["cdsl"] if isinstance(operation, MountDevice)]
    assert options == ["rw,noatime"]


def test_a_static_initrd_has_none() -> None:
    assert len(steps(replace(NODE, further=(DATA,)), static=True)) == 2


def test_a_root_that_dracut_mounts_has_them_too() -> None:
    assert "mount LABEL=data (ext4, rw,noatime) on /sysroot/srv/data" in steps(
        replace(NODE, further=(DATA,)), Cmdline(root="LABEL=root")
    )


def test_a_server_of_one_of_them_is_waited_for() -> None:
    local = Node("node1", 1, (NIC,), Volume("LABEL=root", "ext4", shared=False))
    home = Volume("10.0.0.1:/home", "nfs4", path="/home")
    for node, waits in ((local, False), (replace(local, further=(home,)), True)):
        kinds = [type(operation).__name__ for operation in plan.make(node, Cmdline(), because="").stages["network"]]
        assert ("WaitCarrier" in kinds) == waits


def test_a_cluster_stack_is_started_once() -> None:
    root = Volume("LABEL=root", "ocfs2")
    node = Node("node1", 1, (NIC,), root, further=(Volume("LABEL=data", "ocfs2", path="/data"),))
    cluster = Cluster("demo", nodes=(node, replace(node, name="node2", nodeid=2)))
    assert plan.needs_cluster(node, Cmdline())
    made = plan.make(node, Cmdline(), because="", cluster=cluster)
    kinds = [type(operation).__name__ for stage in ("root", "cdsl") for operation in made.stages[stage]]
    assert kinds.count("StartO2cb") == 1
    assert kinds.count("MountDevice") == 2
    # A root without a stack brings none; the first that needs it does.
    other = replace(node, rootvolume=Volume("10.0.0.1:/r", "nfs4"))
    made = plan.make(other, Cmdline(), because="", cluster=replace(cluster, nodes=(other, cluster.nodes[1])))
    assert [type(operation).__name__ for operation in made.stages["cdsl"]].count("StartO2cb") == 1


# --- the operations


@pytest.mark.parametrize(
    "operation",
    [
        MountDevice("/dev/vdb", "ext4", "rw", "/sysroot", "/srv/data", 1, 0),
        Bind("/sysroot", "/srv/a", "/srv/data", "make it"),
    ],
)
def test_a_link_on_the_shared_root_leads_nobody_out_of_it(operation: MountDevice | Bind) -> None:
    files = {"/sysroot/srv/a/": "", "/sysroot/etc/": "", "/etc/": ""}
    system = Dry(files, links={"/sysroot/srv/data": "/etc"})
    operation.execute(system)
    assert system.ran[-1][-1] == "/sysroot/etc"
    with pytest.raises(OsrError, match="/srv/data is missing on the shared root") as caught:
        operation.execute(Dry({"/sysroot/srv/a/": ""}))
    assert caught.value.hint == "make it there: `mkdir /srv/data`"


def test_rbind_brings_what_is_mounted_below_and_options_count() -> None:
    assert Bind("/sysroot", "/a", "/b", "").commands() == (("mount", "--bind", "/sysroot/a", "/sysroot/b"),)
    recursive = Bind("/sysroot", "/a", "/b", "", recursive=True, options="ro")
    assert recursive.commands() == (("mount", "--rbind", "-o", "ro", "/sysroot/a", "/sysroot/b"),)


def test_a_local_disk_is_mounted_at_the_attempt_that_succeeds() -> None:
    text = """<cluster name="demo" config_version="1"><clusternodes><clusternode name="node7" nodeid="7"><com_info>
<rootvolume name="10.0.0.1:/r" fstype="nfs4"/><eth name="eth0" mac="52:54:00:00:00:01" ip="10.0.0.11" mask="24"/>
<filesystems><filesystem source="/srv/%(param0)s/a" dest="/data/%(param0)s//" fstype="rbind"/></filesystems>
</com_info></clusternode></clusternodes></cluster>"""
    cluster, found = clusterconf.parse(text.encode())
    assert found == ()
    (volume,) = cluster.nodes[0].further
    assert (volume.name, volume.path, volume.fstype) == ("/srv/7/a", "/data/7", "rbind")
