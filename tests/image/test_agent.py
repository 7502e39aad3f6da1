"""The agent as it lies in the images, run with the image as its root directory."""

from __future__ import annotations

import json

import pytest

from osr_boot import plan
from osr_boot.model import Cmdline, Nic, Node, Volume
from osr_boot.ops.mounts import Bind
from tests.image import made
from tests.image.made import KINDS, Made

# 41 seconds after power-on the agent was first called: the deadline of 1 s has long passed.
LATE = {"/run/osr/began": "0.01\n", "/proc-cmdline": "rd.osr.timeout=1\n"}
NODE = Node("node1", 1, (Nic("eth0", "52:54:00:77:00:01", "10.77.0.11/24"),), Volume("10.77.0.1:/srv/root", "nfs"))
TREES = {"/sysroot/cluster/cdsl/1/mine": "yes\n", "/sysroot/cdsl.local/": ""}


def a_plan(*, root: str = "/sysroot") -> dict[str, str]:
    """Return /run/osr/plan.json of a full-featured boot."""
    return {"/run/osr/plan.json": plan.dumps(plan.make(NODE, Cmdline(), because="a test says so", root=root))}


@pytest.fixture(scope="module", params=KINDS)
def any_image(request: pytest.FixtureRequest) -> Made:
    return KINDS[request.param]()


def test_explain_shows_the_plan_of_this_boot(any_image: Made) -> None:
    said = any_image.inside("osr", "explain", files=a_plan())
    assert (said.status, said.stderr) == (0, "")
    assert said.stdout.startswith('node "node1" (id 1), because a test says so\n')
    assert "mount 10.77.0.1:/srv/root (rw,vers=4,retry=0) on /sysroot" in said.stdout


def test_explain_marks_what_failed(any_image: Made) -> None:
    failed = any_image.inside("osr", "boot", "cdsl", files=a_plan())
    assert failed.status == 1
    again = {f"/run/osr/{name}": text for name, text in failed.run.items()}
    said = any_image.inside("osr", "explain", files=again)
    assert "1. FAILED bind /cluster/cdsl/1 on /cdsl.local" in said.stdout
    assert "why: /cluster/cdsl/1 is missing on the shared root" in said.stdout


def test_explain_before_the_plan_says_so(any_image: Made) -> None:
    said = any_image.inside("osr", "explain")
    assert said.status == 2
    assert "Traceback" not in said.stderr
    assert "for which machine?" in said.stderr


def test_an_unknown_machine_is_not_yet_anybody() -> None:
    said = made.full().inside("osr", "boot", "plan")
    assert said.status == 75, said.stderr
    assert "no link" in said.stderr
    assert json.loads(said.run["report.json"])["stages"]["plan"]["outcome"] == "waiting"
    assert "plan.json" not in said.run


def test_after_the_timeout_the_unknown_machine_gets_a_stanza() -> None:
    said = made.full().inside("osr", "boot", "plan", files=LATE)
    assert said.status == 2
    assert "this boot cannot go on" in said.stderr
    assert '<clusternode name="node3" nodeid="3">' in said.stderr
    assert "Traceback" not in said.stderr


def test_an_explicit_word_makes_the_plan() -> None:
    said = made.full().inside("osr", "boot", "plan", files={"/proc-cmdline": "quiet nodeid=2 root=\n"})
    assert said.status == 0, said.stderr
    written = json.loads(said.run["plan.json"])
    assert written["node"] == {"name": "node2", "id": 2}
    assert [op["op"] for op in written["stages"]["root"]][:2] == ["ops.files.SetHostname", "filesystems.nfs.MountNfs"]


def test_a_static_image_takes_its_number_from_the_command_line() -> None:
    said = made.static().inside("osr", "boot", "plan", files={"/proc-cmdline": "root=nfs:10.0.0.1:/r nodeid=7\n"})
    assert said.status == 0, said.stderr
    assert json.loads(said.run["plan.json"])["node"]["id"] == 7


def test_a_static_image_without_number_and_cluster_conf_says_what_to_do() -> None:
    said = made.static().inside("osr", "boot", "plan", files={"/proc-cmdline": "root=nfs:10.0.0.1:/r\n"})
    assert said.status == 2
    assert "add nodeid=N to the boot entry" in said.stderr


def test_a_stage_that_does_not_exist(any_image: Made) -> None:
    said = any_image.inside("osr", "boot", "nonsense")
    assert said.status == 2
    assert said.stderr == "osr: which stage?\n  usage: osr boot plan|network|root|cdsl|handover|shutdown\n"


def test_a_stage_without_a_plan_is_not_yet(any_image: Made) -> None:
    said = any_image.inside("osr", "boot", "cdsl")
    assert said.status == 75


def test_the_nodes_tree_is_bound(any_image: Made) -> None:
    said = any_image.inside("/bin/sh", "-c", "osr boot cdsl && cat /sysroot/cdsl.local/mine", files=a_plan() | TREES)
    assert (said.status, said.stdout) == (0, "yes\n"), said.stderr
    assert said.run.keys() >= {"plan.json", "report.json"}


def test_a_program_that_is_missing_is_named(any_image: Made) -> None:
    script = "rm -f /usr/bin/mount /bin/mount; osr boot cdsl"
    said = any_image.inside("/bin/sh", "-c", script, files=a_plan() | TREES)
    assert said.status == 1
    assert 'program "mount" not found' in said.stderr
    assert "rebuild the image" in said.stderr
    assert "operation 1: bind /cluster/cdsl/1 on /cdsl.local" in said.stderr


def test_debug_gives_the_traceback_of_a_failure() -> None:
    quiet, loud = "", "rd.osr.debug\n"
    for cmdline, traceback in ((quiet, False), (loud, True)):
        said = made.full().inside("osr", "boot", "cdsl", files=a_plan() | {"/proc-cmdline": cmdline})
        assert ("Traceback" in said.stderr) is traceback, said.stderr
        assert said.status == 1


# In the copy that stage "shutdown" makes, as systemd-shutdown enters it: each program is loaded, some are run.
AT_SHUTDOWN = """
for path in /usr/bin/* /usr/sbin/*; do
    echo "= $path"
    /lib64/ld-linux-x86-64.so.2 --list "$path"
done
umount --version && timeout 1 sleep 0 && ls /oldroot && test -x /shutdown && echo complete
"""


def test_the_shutdown_needs_nothing_of_the_root(any_image: Made) -> None:
    said = any_image.inside("osr", "boot", "shutdown", files=a_plan(), at_shutdown=AT_SHUTDOWN)
    assert said.stdout.endswith("complete\n"), said.stderr
    for program in ("umount", "poweroff", "reboot", "halt", "losetup"):
        assert f"bin/{program}\n" in said.stdout
    assert "not found" not in said.stdout + said.stderr
    assert "cannot open shared object" not in said.stdout + said.stderr


def test_half_a_shutdown_is_a_warning_and_never_entered() -> None:
    script = "rm /usr/sbin/losetup; osr boot shutdown && ls /run/initramfs"
    said = made.full().inside("/bin/sh", "-c", script, files=a_plan())
    assert said.status == 0
    assert "warning: the shutdown will not unmount the root: " in said.stderr
    assert "/usr/sbin/losetup" in said.stderr
    assert "usr\n" in said.stdout
    assert "shutdown" not in said.stdout  # systemd-shutdown looks for this file


def test_the_plan_of_this_test_binds_where_the_script_looks() -> None:
    bind, *_ = plan.loads(a_plan()["/run/osr/plan.json"]).stages["cdsl"]
    assert isinstance(bind, Bind)
    assert bind.source == "/cluster/cdsl/1"
