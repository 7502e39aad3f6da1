"""The hooks, sourced as dracut sources them, by dash and by bash, quiet and under rd.debug's `set -x`.

dracut's functions are replaced by ones that write down their calls; the agent by one that answers as told.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
HOOKS = {path.name: path for path in TOP.glob("dracut/*/osr-*.sh")}
ALL_STAGES = ("plan", "network", "root", "cdsl", "handover", "shutdown")

DRACUT = """
getargbool() { case " $CMDLINE " in *" $2=0 "*) return 1 ;; *" $2 "*) return 0 ;; esac; [ "$1" = 1 ]; }
sleep() { echo "sleep $*" >> "$CALLS"; }
getargs() { for word in $CMDLINE; do case "$word" in "$1"*) echo "${word#"$1"}" ;; esac; done; }
die() { echo "die $*" >> "$CALLS"; exit 9; }
emergency_shell() { echo "shell $*" >> "$CALLS"; }
ismounted() { [ "$MOUNTED" = yes ]; }
osr() {
    echo "osr $*" >> "$CALLS"
    eval "status=\\${ANSWER_$2:-0}"
    [ "$status" = 0 ] && mkdir -p "$RUN/done" && : > "$RUN/done/$2"
    return "$status"
}
"""


@dataclass
class Boot:
    """One initrd: a directory for /run/osr, the calls that were made, and what the agent answers by stage."""

    directory: Path
    shell: str
    cmdline: str = ""
    mounted: bool = True
    answers: dict[str, int] = field(default_factory=dict)

    def source(self, hook: str, *, root: str = "") -> subprocess.CompletedProcess[str]:
        """Source a hook as dracut does and return what the shell said; the exit status is the hook's."""
        library = self.directory / "osr-lib.sh"
        for name, path in HOOKS.items():
            text = path.read_text().replace("/run/osr", str(self.directory / "run"))
            text = text.replace("/lib/osr-lib.sh", str(library))
            for tree in ("/proc/sys", "/sys/class", "/etc/osr"):
                text = text.replace(tree, f"{self.directory}{tree}")
            (self.directory / name).write_text(text)
        told = 'status=$?\necho "root=$root rootok=$rootok"\nexit $status'
        script = f'{DRACUT}\nset -x\n. "{self.directory / hook}"\n{told}\n'
        environment = {
            "PATH": "/usr/bin:/bin",
            "CALLS": str(self.directory / "calls"),
            "RUN": str(self.directory / "run"),
            "CMDLINE": self.cmdline,
            "MOUNTED": "yes" if self.mounted else "no",
            "NEWROOT": "/sysroot",
            "hookdir": str(self.directory / "hooks"),
            "root": root,
            **{f"ANSWER_{stage}": str(status) for stage, status in self.answers.items()},
        }
        return subprocess.run([self.shell, "-c", script], env=environment, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        path = self.directory / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture(params=["dash", "bash"])
def boot(request: pytest.FixtureRequest, tmp_path: Path) -> Boot:
    return Boot(tmp_path, request.param)


def stages(*names: str) -> list[str]:
    return [f"osr boot {name}" for name in names]


def test_full_featured_boot_runs_every_stage_once(boot: Boot) -> None:
    boot.source("osr-settled.sh")
    boot.source("osr-settled.sh")
    boot.source("osr-pre-pivot.sh")
    assert boot.calls() == stages(*ALL_STAGES)


def test_static_boot_runs_its_stages_at_the_end(boot: Boot) -> None:
    assert boot.source("osr-pre-pivot.sh").returncode == 0
    assert boot.calls() == stages("plan", "root", "cdsl", "handover", "shutdown")


def test_not_yet_is_no_failure_and_is_asked_again(boot: Boot) -> None:
    boot.answers = {"plan": 75}
    assert boot.source("osr-settled.sh").returncode == 0
    assert boot.source("osr-finished.sh").returncode == 1
    boot.answers = {}
    boot.source("osr-settled.sh")
    assert boot.source("osr-finished.sh").returncode == 0
    assert boot.calls() == stages("plan", "plan", "network", "root", "cdsl")


@pytest.mark.parametrize("status", [1, 2, 127])
@pytest.mark.parametrize("stage", ["plan", "network", "root", "cdsl"])
def test_a_failed_stage_ends_the_boot_with_a_fixed_text(boot: Boot, stage: str, status: int) -> None:
    boot.answers = {stage: status}
    boot.source("osr-settled.sh")
    assert boot.calls()[-3:] == [
        f"osr boot {stage}",
        "sleep 30",
        f"die Open Sharedroot: stage {stage} failed, the reason stands above",
    ]


def test_a_shell_comes_at_once(boot: Boot) -> None:
    boot.cmdline = "rd.shell"
    boot.answers = {"plan": 2}
    boot.source("osr-settled.sh")
    assert boot.calls() == ["osr boot plan", "die Open Sharedroot: stage plan failed, the reason stands above"]


def test_a_root_that_dracut_mounts_gets_its_tree_later(boot: Boot) -> None:
    boot.mounted = False
    boot.source("osr-settled.sh")
    boot.source("osr-pre-pivot.sh")
    assert boot.calls() == stages(*ALL_STAGES)


@pytest.mark.parametrize(
    "hook", ["osr-settled.sh", "osr-pre-pivot.sh", "osr-finished.sh", "osr-cmdline.sh", "osr-name.sh"]
)
def test_rd_osr_0_stands_aside(boot: Boot, hook: str) -> None:
    boot.cmdline = "quiet rd.osr=0"
    done = boot.source(hook, root="nfs:10.0.0.1:/r")
    assert done.returncode == 0
    assert boot.calls() == []
    assert "root=nfs:10.0.0.1:/r rootok=\n" in done.stdout


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("", "root=osr rootok=1"),
        ("nfs:10.0.0.1:/r", "root=osr rootok=1"),
        ("nfs4:10.0.0.1:/r", "root=osr rootok=1"),
        ("/dev/vda1", "root=/dev/vda1 rootok="),
        ("LABEL=x", "root=LABEL=x rootok="),
    ],
)
def test_the_root_is_ours_unless_it_is_a_disk(boot: Boot, root: str, said: str) -> None:
    assert f"{said}\n" in boot.source("osr-cmdline.sh", root=root).stdout


@pytest.mark.parametrize(("words", "root", "kept"), [("", "", False), ("", "/dev/vda1", True), ("rd.osr=0", "", True)])
def test_the_agents_mounts_need_no_rpc_daemons(boot: Boot, words: str, root: str, *, kept: bool) -> None:
    hooks = boot.directory / "hooks/pre-udev"
    hooks.mkdir(parents=True)
    start, other = hooks / "99-nfs-start-rpc.sh", hooks / "50-other.sh"
    start.touch()
    other.touch()
    boot.cmdline = words
    assert boot.source("osr-cmdline.sh", root=root).returncode == 0
    assert (start.exists(), other.exists()) == (kept, True)


def test_break_gives_one_shell_before_its_stage(boot: Boot) -> None:
    boot.cmdline = "rd.osr.break=root"
    boot.answers = {"root": 75}
    boot.source("osr-settled.sh")
    boot.source("osr-settled.sh")
    assert boot.calls() == [
        *stages("plan", "network"),
        "shell -n osr-root Break before Open Sharedroot stage root",
        *stages("root", "root"),
    ]


@pytest.mark.parametrize(
    ("before", "links", "image", "after"),
    [
        ("(none)", ("52:54:00:00:00:01",), "", "osr-525400000001"),
        ("localhost", ("52:54:00:00:00:01", "52:54:00:00:00:02"), "", "osr-525400000001"),
        ("localhost.localdomain", ("52:54:00:00:00:01",), "", "osr-525400000001"),
        ("given", ("52:54:00:00:00:01",), "", "given"),
        ("localhost", (), "", "localhost"),
        ("localhost", ("52:54:00:00:00:01",), "cluster.json", "localhost"),
    ],
)
def test_a_static_initrd_names_the_machine_before_dracut_mounts(
    boot: Boot, before: str, links: tuple[str, ...], image: str, after: str
) -> None:
    name = boot.directory / "proc/sys/kernel/hostname"
    name.parent.mkdir(parents=True)
    name.write_text(f"{before}\n")
    for number, mac in enumerate(links):
        (boot.directory / f"sys/class/net/eth{number}/device").mkdir(parents=True)
        (boot.directory / f"sys/class/net/eth{number}/address").write_text(f"{mac}\n")
    if image:
        (boot.directory / "etc/osr").mkdir(parents=True)
        (boot.directory / "etc/osr" / image).write_text("{}")
    boot.source("osr-name.sh")
    assert name.read_text() == f"{after}\n"
