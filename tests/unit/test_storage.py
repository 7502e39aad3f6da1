"""iSCSI and multipath: what brings a disk that is not in the machine, or not by one way only."""

from __future__ import annotations

import json

import pytest

from osr_boot import plan, requires, storage
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, NotYet, OsrError
from osr_boot.model import Cluster, Cmdline, Nic, Node, Storage, Volume
from osr_boot.ops.disks import FindMap
from osr_boot.ops.iscsi import INITIATOR_FILE, PID_FILE, SESSIONS, LoginIscsi, portals
from osr_boot.value import replace

NIC = Nic("eth0", "52:54:00:00:00:01", "10.0.0.11/24")
DISK = Volume("LABEL=root", "ext4", shared=False)
NODE = Node("Node_1", 1, (NIC,), DISK, storage=Storage(server="10.0.0.7"))
NAME = "iqn.2004-10.org.open-sharedroot:demo:node-1"
LISTED = """10.0.0.7:3260,1 iqn.2026-01.org.example:root
10.0.0.8:3260,2 iqn.2026-01.org.example:root
[fd00::7]:3261,3 iqn.2026-01.org.example:other
"""
ALL = LoginIscsi("10.0.0.7", 3260, "", NAME, False)


def logins(system: Dry) -> list[str]:
    """Return each login: target, group, address and port."""
    return [" ".join((run[4], run[6], run[8], run[10])) for run in system.ran if run[0] == "iscsistart"]


def test_the_plan_logs_in_before_the_disk_is_looked_for() -> None:
    made = plan.make(NODE, Cmdline(), because="", cluster=Cluster("demo", nodes=(NODE,)))
    kinds = [type(operation).__name__ for operation in made.stages["root"]]
    assert kinds == ["SetHostname", "LoginIscsi", "FindDisk", "CheckExt", "MountDevice", "CheckRoot"]
    (login,) = (operation for operation in made.stages["root"] if isinstance(operation, LoginIscsi))
    assert login == ALL
    assert "WaitCarrier" in [type(operation).__name__ for operation in made.stages["network"]]
    needs = requires.of(Cluster(nodes=(NODE,)))
    assert {argv[0] for argv in login.commands()} <= set(needs.programs)
    assert {"iscsi_tcp", "sd_mod"} <= set(needs.modules)
    assert needs.helpful == ("crc32c",)
    assert "helpful crc32c\n" in needs.as_text()


def test_multipath_asks_dracut_for_its_module_and_waits_for_the_map() -> None:
    node = replace(NODE, storage=Storage(multipath=True, driver="mpt3sas"))
    made = plan.make(node, Cmdline(), because="")
    kinds = [type(operation).__name__ for operation in made.stages["root"]]
    assert kinds == ["SetHostname", "FindMap", "FindDisk", "CheckExt", "MountDevice", "CheckRoot"]
    needs = requires.of(Cluster(nodes=(node,)))
    assert "dracut multipath\n" in needs.as_text()
    assert "driver mpt3sas\n" in needs.as_text()
    assert json.loads(needs.as_json())["parts"] == ["multipath"]
    nfs = replace(node, rootvolume=Volume("10.0.0.1:/r", "nfs4"))
    assert "FindMap" not in plan.dumps(plan.make(nfs, Cmdline(), because=""))


def test_a_root_that_dracut_mounts_is_dracuts_to_find() -> None:
    assert "LoginIscsi" not in plan.dumps(plan.make(NODE, Cmdline(root="LABEL=root"), because=""))


@pytest.mark.parametrize(
    ("cluster", "node", "name"),
    [("demo", "node1", "demo:node1"), ("", "N1", "n1"), ("Über cluster", "n\n1", "-ber-cluster:n-1")],
)
def test_an_initiator_is_called_by_cluster_and_node(cluster: str, node: str, name: str) -> None:
    assert storage.name_of(Node(node, 1), Cluster(cluster)) == f"{storage.INITIATOR}:{name}"


# --- logging in


def test_what_the_server_offers_is_logged_in_to_at_the_address_that_was_asked() -> None:
    system = Dry({PID_FILE: "77\n"}, answers={"iscsiadm": LISTED})
    assert ALL.execute(system) == "iqn.2026-01.org.example:root"
    assert [run[0] for run in system.ran] == ["modprobe", "iscsid", "iscsiadm", "iscsistart"]
    assert system.ended == [77]
    assert system.files[INITIATOR_FILE] == f"InitiatorName={NAME}\n"
    assert system.reached == [("10.0.0.7", 3260)]
    assert logins(system) == ["iqn.2026-01.org.example:root 1 10.0.0.7 3260"]
    assert "--param=node.session.timeo.replacement_timeout=86400" in system.ran[-1]


def test_a_target_by_name_is_not_asked_for() -> None:
    system = Dry()
    replace(ALL, target="iqn.x").execute(system)
    assert [run[0] for run in system.ran] == ["modprobe", "iscsistart"]


def test_multipath_logs_in_by_every_address_and_hears_of_errors_at_once() -> None:
    system = Dry(answers={"iscsiadm": LISTED})
    replace(ALL, ways=True, target="iqn.2026-01.org.example:root").execute(system)
    root = "iqn.2026-01.org.example:root"
    assert logins(system) == [f"{root} 1 10.0.0.7 3260", f"{root} 2 10.0.0.8 3260"]
    assert not any("replacement_timeout" in word for word in system.ran[-1])


def test_a_target_that_is_logged_in_to_is_left_alone() -> None:
    session = {f"{SESSIONS}/session1/": "", f"{SESSIONS}/session1/targetname": "iqn.2026-01.org.example:root\n"}
    system = Dry(session, answers={"iscsiadm": LISTED})
    ALL.execute(system)
    assert logins(system) == []


@pytest.mark.parametrize(
    ("target", "listed", "said"),
    [("", "", "offers this node nothing"), ("iqn.other", LISTED, "offers this node not iqn.other")],
)
def test_a_server_that_offers_nothing_says_for_whom(target: str, listed: str, said: str) -> None:
    with pytest.raises(OsrError, match=said) as caught:
        replace(ALL, target=target, ways=True).execute(Dry(answers={"iscsiadm": listed}))
    assert NAME in caught.value.hint


def test_a_late_server_is_waited_for_with_a_word_and_one_that_never_comes_ends_the_boot() -> None:
    system = Dry(answers={"iscsiadm": LISTED})
    system.unreachable["10.0.0.7"] = "Connection refused"

    def come(machine: Dry) -> None:
        if machine.uptime() > 4:
            machine.unreachable.clear()

    system.on_pause = come
    ALL.execute(system)
    assert system.said[0] == "iSCSI server 10.0.0.7:3260: attempt 1: Connection refused; next in 1 s"
    assert len(system.said) == 3
    never = Dry(deadline=20)
    never.unreachable["10.0.0.7"] = "No route to host"
    with pytest.raises(OsrError, match="10.0.0.7:3260 is not reached: No route to host"):
        ALL.execute(never)


def test_what_iscsistart_says_is_told() -> None:
    output = "iscsistart: Logging into x\niscsistart: initiator reported error (24)\n"
    refused = CommandFailed("iscsistart: 5", status=5, output=output)
    with pytest.raises(OsrError, match=r"iSCSI server 10.0.0.7:3260: .*reported error \(24\)"):
        ALL.execute(Dry(answers={"iscsiadm": LISTED, "iscsistart": refused}))


def test_portals_with_other_lines_between() -> None:
    assert portals(f"iscsiadm: warning\n\n{LISTED}x y z") == [
        ("10.0.0.7", 3260, "1", "iqn.2026-01.org.example:root"),
        ("10.0.0.8", 3260, "2", "iqn.2026-01.org.example:root"),
        ("fd00::7", 3261, "3", "iqn.2026-01.org.example:other"),
    ]


# --- multipath

BLOCK = "/sys/class/block"
WAY = {"/dev/disk/by-label/root": "", f"{BLOCK}/sda/": "", f"{BLOCK}/sdb/": ""}


def test_one_way_alone_is_not_the_disk() -> None:
    system = Dry(WAY, links={"/dev/disk/by-label/root": "../../sda"})
    with pytest.raises(NotYet):
        FindMap("LABEL=root").execute(system)
    assert "waiting for multipath's map of the disk LABEL=root; disks here: /dev/sda" in system.said[0]
    system.deadline = 0
    with pytest.raises(OsrError, match="LABEL=root is /dev/sda, and no map of multipath") as caught:
        FindMap("LABEL=root").execute(system)
    assert "/etc/multipath.conf" in caught.value.hint
    with pytest.raises(OsrError, match="no disk LABEL=root appeared"):
        FindMap("LABEL=root").execute(Dry(deadline=0))


@pytest.mark.parametrize("name", ["dm-0", "dm-1"])
def test_a_map_and_what_is_on_one(name: str) -> None:
    maps = {
        f"{BLOCK}/dm-0/dm/uuid": "mpath-36001405\n",
        f"{BLOCK}/dm-1/dm/uuid": "LVM-x\n",
        f"{BLOCK}/dm-1/slaves/dm-0/": "",
    }
    system = Dry({**WAY, **maps}, links={"/dev/disk/by-label/root": f"../../{name}"})
    assert FindMap("LABEL=root").execute(system) == name
