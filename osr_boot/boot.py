"""`osr boot STAGE`: one stage of a boot, called by a dracut hook.

`plan` finds out who we are and writes the plan; every other stage performs its part of that plan. Exit status: 0 done,
75 not yet (call again), anything else: the boot cannot go on and the last screen has said why.
"""

from __future__ import annotations

import time

from osr_boot.errors import CommandFailed, ConfigError, IdentityError, NotYet, OperationFailed, OsrError
from osr_boot.linux import Linux
from osr_boot.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osr_boot.model import Cluster, Cmdline, Facts

CONFIG = "/etc/osr/cluster.json"
CLUSTER_CONF = "/etc/cluster/cluster.conf"
COMPILE_TIMEOUT = 60
STAGES = ("plan", "network", "root", "cdsl", "handover", "shutdown")


def main(words: list[str], *, debug: bool = False) -> int:
    """Run one stage. Returns the exit status. With `debug` every program is shown, and where a failure came from."""
    if len(words) != 1 or words[0] not in STAGES:
        raise ConfigError("which stage?", hint=f"usage: osr boot {'|'.join(STAGES)}")
    stage = words[0]
    system = Linux(debug=debug)
    begin = system.uptime() - time.process_time()  # the interpreter's own start counts as ours
    state = State(system)
    report = state.report()
    stages = report.setdefault("stages", {})
    before = stages.get(stage, {})
    # A stage that waited goes on where it was.
    ops = before["ops"] if before.get("outcome") == "waiting" else []
    outcome: dict[str, Any] = {"started": round(begin, 3), "outcome": "failed", "ops": ops}
    stages[stage] = outcome
    try:
        if stage == "plan":
            _plan(system, state, report)
        else:
            _perform(stage, system, state, report)
        outcome["outcome"] = "finished"
        state.done(stage)
        return 0
    except NotYet as error:
        outcome.update(outcome="waiting", error=error.message)
        return error.exit_status
    except Exception as defect:
        failure = defect if isinstance(defect, OsrError) else _unforeseen(defect)
        outcome.update(error=failure.message, hint=failure.hint)
        if debug:
            import traceback

            traceback.print_exc()
        _last_screen(stage, failure, report, system)
        return failure.exit_status
    finally:
        wall = system.uptime() - begin
        outcome.update(seconds=round(wall, 4), own=round(wall - system.away, 4), programs=system.programs)
        try:
            state.write_report(report)
        except OSError as error:
            system.say(f"warning: the report cannot be written: {error}")


def _unforeseen(defect: Exception) -> OsrError:
    """Return what to say about an exception that nobody planned for."""
    if isinstance(defect, OSError):
        return OsrError(str(defect), hint="is /run full? look with `df /run`")
    text = f"a defect in osr itself: {type(defect).__name__}: {defect}"
    return OsrError(text, hint="boot again with rd.osr.debug and report what it prints")


def _perform(stage: str, system: Linux, state: State, report: dict[str, Any]) -> None:
    """Perform a stage of the written plan."""
    from osr_boot import plan
    from osr_boot.execute import execute

    try:
        text = system.read(state.plan_file)
    except FileNotFoundError:
        raise NotYet("there is no plan yet") from None
    operations = plan.loads(text, stages=(stage,)).stages[stage]
    # The timeout is not part of the plan: a plan knows no clock.
    timeout = int(report.get("timeout", 150))
    system.deadline = limit = state.began() + timeout
    try:
        execute(operations, system, report["stages"][stage]["ops"], lambda line: system.say(f"{stage} {line}"))
    finally:
        # How long a quorum was waited for does not count, in this stage and in those that follow.
        report["timeout"] = timeout + round(system.deadline - limit)


def _plan(system: Linux, state: State, report: dict[str, Any]) -> None:
    """Find out who we are and write the plan. Raises NotYet until the boot's deadline."""
    from osr_boot import cmdline as kernel
    from osr_boot import facts, identity, plan

    cmdline = kernel.parse(system.read("/proc/cmdline"))
    report["timeout"] = cmdline.timeout
    began = state.began()
    here = facts.gather()
    static = not system.exists(CONFIG)
    cluster = _mounted_cluster(system, cmdline) if static else _compiled_cluster(system, cmdline, here)
    try:
        found = identity.identify(cmdline, here, cluster)
    except NotYet as error:
        if not static and system.uptime() < began + cmdline.timeout:
            if "plan" not in report.get("spoken", ()):
                report["spoken"] = ["plan"]
                system.say(f"{error.message}; waiting up to {cmdline.timeout} s for a link that is")
            raise
        everything = cluster if static else _compiled_cluster(system, cmdline, None)
        raise IdentityError(
            error.message, hint=identity.unknown_machine(here, everything, bootif=cmdline.bootif)
        ) from None
    warnings = (*cmdline.warnings, *found.warnings)
    if not static and plan.needs_cluster(found.node, cmdline):
        cluster = _compiled_cluster(system, cmdline, None)
    made = plan.make(found.node, cmdline, because=found.because, warnings=warnings, cluster=cluster, static=static)
    for warning in made.warnings:
        system.say(f"warning: {warning}")
    report["node"] = {"name": made.node, "id": made.nodeid}
    report["because"] = made.because
    report["configuration"] = {
        "from": "root" if static else "archive" if cluster.appended else "image",
        "config_version": cluster.config_version,
        "size": cluster.size,
        "digest": cluster.digest,
    }
    system.say(f'this is node "{made.node}" (id {made.nodeid}): {made.because}')
    # dlm.conf may be in it, with what fence agents want to know.
    mode = 0o600 if any(node.fences for node in cluster.nodes) else 0o644
    system.write(state.plan_file, plan.dumps(made), mode=mode)


def _compiled_cluster(system: Linux, cmdline: Cmdline, here: Facts | None) -> Cluster:
    """Return the nodes of the image's cluster that the evidence could mean; all of them for no facts."""
    from osr_boot import compiled

    text = system.read(CONFIG)
    if here is None:
        return compiled.load(text)
    macs = (*(nic.mac for nic in here.nics), *filter(None, (cmdline.bootif,)))
    return compiled.select(text, macs=macs, nodeid=cmdline.nodeid, name=cmdline.node, dmi=here.dmi)


def _mounted_cluster(system: Linux, cmdline: Cmdline) -> Cluster:
    """Return the cluster of a static initrd: cluster.conf of the mounted root, read by the root's own osr.

    Without such a file a node id on the kernel command line is enough.
    """
    from osr_boot import compiled
    from osr_boot.model import Cluster, Node
    from osr_boot.ops.mounts import resolve
    from osr_boot.plan import NEWROOT

    if system.exists(resolve(system, NEWROOT, CLUSTER_CONF)):
        system.say(f"the root's own osr reads its {CLUSTER_CONF}")
        try:
            return compiled.load(system.run(("osr", "compile", CLUSTER_CONF), root=NEWROOT, timeout=COMPILE_TIMEOUT))
        except CommandFailed as error:
            if error.status != 127:
                raise
            hint = "install osr there, or add nodeid=N to the boot entry and take the file away"
            raise ConfigError(f"the root has {CLUSTER_CONF}, but no osr to read it with", hint=hint) from None
    if cmdline.nodeid is None:
        raise IdentityError(
            f"no {CLUSTER_CONF} on the root, and no nodeid= on the kernel command line",
            hint="add nodeid=N to the boot entry, or write a cluster.conf with this machine's MAC address",
        )
    return Cluster(nodes=(Node(name="", nodeid=cmdline.nodeid),))


def _last_screen(stage: str, error: OsrError, report: dict[str, Any], system: Linux) -> None:
    """Say what failed, where, and what to do, as the last thing on the console."""
    import textwrap

    def part(title: str, text: str) -> list[str]:
        lines = [piece for line in text.split("\n") for piece in folded(line)]
        return [f"  {title if number == 0 else '':6}{line}" for number, line in enumerate(lines)]

    def folded(line: str) -> list[str]:
        if line.startswith(" "):  # something to paste, or a table: stays as it is
            return [line]
        return textwrap.wrap(line, 92, break_on_hyphens=False, break_long_words=False) or [""]

    where = f'stage "{stage}"'
    if isinstance(error, OperationFailed):
        where += f", operation {error.number}: {error.describe}"
    node = report.get("node")
    who = f'node "{node["name"]}" (id {node["id"]}), because {report["because"]}' if node else "not known yet"
    shell = "`osr explain` shows the plan with what was done; add rd.shell to the kernel command line for a shell"
    lines = [
        "=" * 100,
        "Open Sharedroot: this boot cannot go on",
        *part("where", where),
        *part("what", error.message),
        *(part("do", error.hint) if error.hint else ()),
        *part("who", who),
        *part("more", shell),
        "=" * 100,
    ]
    for line in lines:
        system.say(line)
