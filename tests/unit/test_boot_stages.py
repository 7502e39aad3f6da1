"""The stages that perform the plan: reports, the last screen of each kind of failure, exit statuses."""

from __future__ import annotations

import pytest

from osr_boot import boot, compiled, facts
from osr_boot.dry import Dry
from osr_boot.errors import ConfigError
from osr_boot.model import Cluster, Fence, Volume
from osr_boot.value import replace
from tests.unit import pretended
from tests.unit.pretended import MAC1, MOUNTS, ROOT, SERVER, Boot, refused


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Boot:
    return pretended.full_featured(monkeypatch)


def test_a_stage_before_the_plan_is_not_yet(full: Boot) -> None:
    assert full.stage("network") == 75
    assert full.report["stages"]["network"]["error"] == "there is no plan yet"
    assert full.machine.said == []


def test_a_whole_boot(full: Boot) -> None:
    full.machine.files |= {**ROOT, "/sysroot/sbin/init": "", "/etc/osr/shutdown.list": "/bin/sh\n", "/bin/sh": "shell"}
    full.machine.files["/proc/self/mounts"] = MOUNTS
    assert [full.stage(stage) for stage in boot.STAGES] == [0] * 6
    report = full.report
    assert list(report["stages"]) == list(boot.STAGES)
    assert {outcome["outcome"] for outcome in report["stages"].values()} == {"finished"}
    assert report["stages"]["root"]["programs"] == 1
    assert [op["op"] for op in report["stages"]["root"]["ops"]] == [1, 2, 3]
    assert report["stages"]["root"]["ops"][1]["note"] == "vers=4.2"
    assert full.machine.files["/proc/sys/kernel/hostname"] == "node1\n"
    programs = [command[0] for command in full.machine.ran]
    assert programs == ["ip", "ip", "mount", "mount"]
    assert 'root op(1) [finished] set host name "node1"' in full.machine.said


def test_a_stage_that_waits_for_a_disk_goes_on_where_it_was(full: Boot) -> None:
    disk = replace(pretended.CLUSTER.nodes[0], rootvolume=Volume("LABEL=root", "ext4", shared=False))
    full.machine.files["/etc/osr/cluster.json"] = compiled.dump(Cluster("demo", 3, (disk,)))
    full.stage("plan")
    assert [full.stage("root"), full.stage("root")] == [75, 75]
    assert full.report["stages"]["root"]["outcome"] == "waiting"
    assert full.report["stages"]["root"]["error"] == "waiting for the disk LABEL=root"
    full.machine.files |= {**ROOT, "/sysroot/sbin/init": "", "/dev/disk/by-label/root": ""}
    full.machine.links["/dev/disk/by-label/root"] = "../../vda"
    assert full.stage("root") == 0
    done = [(op["op"], op["outcome"], op.get("note")) for op in full.report["stages"]["root"]["ops"]]
    assert done == [(1, "finished", None), (2, "finished", "vda"), *((n, "finished", None) for n in (3, 4, 5))]
    assert sum("[started]  find the disk" in line for line in full.machine.said) == 1
    assert [words[0] for words in full.machine.ran] == ["fsck.ext4", "mount"]


def test_a_disk_that_never_comes_ends_the_boot(full: Boot) -> None:
    disk = replace(pretended.CLUSTER.nodes[0], rootvolume=Volume("LABEL=root", "ext4", shared=False))
    full.machine.files["/etc/osr/cluster.json"] = compiled.dump(Cluster("demo", 3, (disk,)))
    full.stage("plan")
    calls = 0
    while (status := full.stage("root")) == 75:
        full.machine.pause(1)
        calls += 1
    assert (status, calls > 30) == (1, True)
    assert full.part("where") == 'stage "root", operation 2: find the disk LABEL=root'
    assert full.part("what") == "no disk LABEL=root appeared"


def test_waiting_is_bounded_by_the_boots_deadline_and_not_counted_as_our_own(full: Boot) -> None:
    full.machine.files["/proc/cmdline"] = "rd.osr.timeout=30"
    full.stage("plan")
    full.machine.answers = {"mount": refused("Connection refused")}
    assert full.stage("root") == 1
    assert full.machine.clock <= 50
    outcome = full.report["stages"]["root"]
    assert outcome["seconds"] > 15
    assert outcome["own"] < 15  # the process' own time: the pretended clock does not move for us


def test_a_mount_that_fails_names_stage_operation_reason_and_remedy(full: Boot) -> None:
    full.stage("plan")
    full.machine.answers = {"mount": refused("access denied by server while mounting 10.0.0.1:/srv/root")}
    assert full.stage("root") == 1
    mount = f"mount {SERVER} (rw,vers=4,retry=0) on /sysroot"
    assert full.part("where") == f'stage "root", operation 2: {mount}'
    assert full.part("what").startswith(f"cannot mount {SERVER} after ")
    assert "access denied by server" in full.part("what").replace("\n", " ")
    assert full.part("do").startswith("the server refuses this client: add its address to /etc/exports")
    assert full.part("who").startswith('node "node1" (id 1), because MAC ')
    assert full.part("more").startswith("`osr explain` shows the plan")
    assert all(len(line) <= 100 for line in full.last_screen())
    failed = full.report["stages"]["root"]["ops"][-1]
    assert (failed["op"], failed["outcome"]) == (2, "failed")
    assert failed["hint"].startswith("the server refuses")
    assert "/run/osr/done/root" not in full.machine.files


def test_a_root_that_lacks_something_names_all_of_it(full: Boot) -> None:
    full.stage("plan")
    full.machine.files |= {"/sysroot/etc/": "", "/sysroot/dev/": "", "/proc/self/mounts": MOUNTS}
    assert full.stage("root") == 1
    assert full.part("what") == f"{SERVER} is no root filesystem: it has no proc, no sys, no run, no sbin/init"


def test_a_missing_tree_of_the_node(full: Boot) -> None:
    full.stage("plan")
    assert full.stage("cdsl") == 1
    assert full.part("what") == "/cluster/cdsl/1 is missing on the shared root"
    assert "cp -a /cluster/cdsl/default /cluster/cdsl/1" in full.part("do").replace("\n", "")


def test_a_link_that_never_appears(full: Boot) -> None:
    full.stage("plan")
    del full.machine.files["/sys/class/net/eth0/address"]
    assert full.stage("network") == 1
    assert full.part("what") == f"no link with MAC {MAC1} (eth0) appeared"


def test_a_file_that_cannot_be_written_is_a_failure_of_its_operation(
    full: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    full.stage("plan")
    write = full.machine.write

    def full_disk(path: str, text: str, *, mode: int = 0o644) -> None:
        if path.startswith("/run/systemd"):
            raise OSError(28, "No space left on device", path)
        write(path, text, mode=mode)

    monkeypatch.setattr(full.machine, "write", full_disk)
    assert full.stage("handover") == 1
    assert "No space left on device" in full.part("what")


def test_a_plan_of_another_version_is_not_performed(full: Boot) -> None:
    full.machine.files["/run/osr/plan.json"] = '{"format": 2}'
    assert full.stage("root") == 2
    assert "format 2" in full.part("what")
    assert full.machine.ran == []


def test_debug_shows_where_a_failure_came_from(full: Boot, capsys: pytest.CaptureFixture[str]) -> None:
    full.stage("plan")
    full.stage("cdsl")
    assert "Traceback" not in capsys.readouterr().err
    full.stage("cdsl", debug=True)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("nonsense",), ("plan", "root")])
def test_a_wrong_stage(full: Boot, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="which stage"):
        full.stage(*words)
    assert "/run/osr/report.json" not in full.machine.files


def test_a_defect_still_leaves_a_report_and_a_last_screen(full: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "gather", lambda: 1 / 0)
    assert full.stage("plan") == 1
    assert any("a defect in osr itself: ZeroDivisionError" in line for line in full.machine.said)
    assert full.report["stages"]["plan"]["outcome"] == "failed"


def test_a_plan_in_which_secrets_may_be_is_nobody_elses_to_read(full: Boot) -> None:
    assert full.stage("plan") == 0
    assert full.machine.modes["/run/osr/plan.json"] == 0o644
    cluster = compiled.load(full.machine.files["/etc/osr/cluster.json"])
    fenced = Fence("ipmi", "fence_ipmilan", options=("passwd=s3cret",))
    nodes = tuple(
        replace(node, fences=(fenced,), rootvolume=Volume("LABEL=demo:root", "gfs2")) for node in cluster.nodes
    )
    full.machine.files["/etc/osr/cluster.json"] = compiled.dump(replace(cluster, nodes=nodes))
    full.machine.files = {path: text for path, text in full.machine.files.items() if not path.startswith("/run/osr/")}
    assert full.stage("plan") == 0
    assert "s3cret" in full.machine.files["/run/osr/plan.json"]
    assert full.machine.modes["/run/osr/plan.json"] == 0o600
    assert not [line for line in full.machine.said if "s3cret" in line]
    assert "s3cret" not in full.machine.files["/run/osr/report.json"]


def test_how_long_the_quorum_was_waited_for_does_not_count_in_the_stages_that_follow(
    full: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WaitQuorum puts off the deadline by as much as it has waited."""
    full.stage("plan")
    deadlines = []

    def wait(operations: object, system: Dry, done: object, log: object) -> None:
        deadlines.append(system.deadline)
        system.deadline += 600

    monkeypatch.setattr("osr_boot.execute.execute", wait)
    assert [full.stage("root"), full.stage("cdsl")] == [0, 0]
    assert deadlines[1] - deadlines[0] == 600
    assert full.report["timeout"] == 150 + 2 * 600
