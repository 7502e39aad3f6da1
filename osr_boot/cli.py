"""The command `osr`: words to calls, failures to exit statuses. `osr boot` goes its own, shorter way."""

from __future__ import annotations

import os
import sys

from osr_boot.errors import ConfigError, IdentityError, NotYet, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from osr_boot.model import Cluster, Facts, Finding

CLUSTER_CONF = "/etc/cluster/cluster.conf"


def main(words: list[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    words = sys.argv[1:] if words is None else words
    debug = "--debug" in words or _debug_boot(words)
    try:
        if words[:1] == ["boot"]:
            from osr_boot import boot

            return boot.main([word for word in words[1:] if word != "--debug"], debug=debug)
        return _command(words)
    except OsrError as error:
        if debug:
            raise
        sys.stderr.write(f"osr: {error}\n")
        if error.hint:
            sys.stderr.write("".join(f"  {line}\n" for line in error.hint.split("\n")))
        return error.exit_status
    except BrokenPipeError:  # `osr explain | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            raise
        sys.stderr.write(f"osr: a defect in osr itself: {type(error).__name__}: {error}\n")
        again = "boot again with rd.osr.debug" if words[:1] == ["boot"] else "run it again with --debug"
        sys.stderr.write(f"  {again} and report what it prints\n")
        return 1


def _debug_boot(words: list[str]) -> bool:
    """Say whether this is a boot stage with rd.osr.debug on the kernel command line."""
    if words[:1] != ["boot"]:
        return False
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="replace") as file:
            return "rd.osr.debug" in file.read().split()
    except OSError:
        return False


def _command(words: list[str]) -> int:
    parser = _parser()
    try:
        options = parser.parse_args(words)
    except SystemExit as end:  # --help, or a usage that argparse has complained about
        sys.stdout.flush()
        return int(end.code or 0)
    if not getattr(options, "call", None):
        parser.print_help()
        return 2
    status: int = options.call(options)
    sys.stdout.flush()  # here a reader that has gone is noticed, and not when Python ends
    return status


def _parser() -> argparse.ArgumentParser:
    import argparse

    from osr_boot import __version__

    parser = argparse.ArgumentParser("osr", description="boot several machines from one writable root filesystem")
    parser.add_argument("--version", action="version", version=f"osr {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback with every failure")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, call: object, text: str, *, file: bool = True) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(call=call)
        if file:
            one.add_argument(
                "file", nargs="?", default=CLUSTER_CONF, metavar="FILE", help=f"cluster.conf (default {CLUSTER_CONF})"
            )
            one.add_argument("--root", default="", metavar="DIR", help="the file is below DIR")
        return one

    check = command("check", _check, "say everything that is wrong with a cluster.conf")
    check.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    compile_ = command("compile", _compile, "turn cluster.conf into the JSON that an image carries")
    compile_.add_argument("-o", "--output", metavar="OUT", help="write to OUT instead of standard output")
    explain = command("explain", _explain, "say which node a machine is, why, and every operation of its boot")
    which = explain.add_mutually_exclusive_group()
    which.add_argument("--node", metavar="NAME|ID", help="for this node")
    which.add_argument("--mac", action="append", metavar="MAC", help="for a machine with this MAC address (repeat)")
    which.add_argument("--facts", metavar="FACTS.json", help="for a machine described in a file")
    explain.add_argument("--cmdline", default="", metavar="TEXT", help="with this kernel command line")
    explain.add_argument("--json", action="store_true", help="the plan as JSON")
    requires = command("requires", _requires, "list the kernel modules and programs that an image needs")
    requires.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    status = command("status", _status, "on a booted node: who am I, from what root, how the boot went", file=False)
    status.add_argument("--json", action="store_true", help="the boot report as JSON")
    boot = command("boot", None, "one stage of a boot, for the dracut hooks only", file=False)
    boot.add_argument("stage", metavar="STAGE")
    return parser


def _path(options: argparse.Namespace) -> str:
    root, path = options.root.rstrip("/"), str(options.file)
    return f"{root}/{path.lstrip('/')}" if root else path


def _read(path: str) -> tuple[Cluster, tuple[Finding, ...]]:
    """Return a cluster from XML, or from compiled JSON (which has no findings left)."""
    from osr_boot import clusterconf, compiled

    if _is_compiled(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        try:
            return compiled.load(text), ()
        except ConfigError as error:
            raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None
    return clusterconf.read(path)


def _is_compiled(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False


def _usable(path: str) -> Cluster:
    """Return a cluster without errors; its findings go to standard error. Raises ConfigError."""
    cluster, found = _read(path)
    if found:
        from osr_boot import findings

        sys.stderr.write(findings.as_text(path, found))
    errors = sum(finding.severity == "error" for finding in found)
    if errors:
        raise ConfigError(f"{path} has {errors} error{'s' if errors > 1 else ''}", hint="mend what is listed above")
    return cluster


def _check(options: argparse.Namespace) -> int:
    from osr_boot import findings

    path = _path(options)
    _, found = _read(path)
    sys.stdout.write(findings.as_json(path, found) if options.json else findings.as_text(path, found))
    return 2 if any(finding.severity == "error" for finding in found) else 0


def _compile(options: argparse.Namespace) -> int:
    from osr_boot import compiled

    path = _path(options)
    cluster = _usable(path)
    with open(path, "rb") as file:
        text = compiled.dump(cluster, content=file.read())
    if options.output:
        from osr_boot.linux import Linux

        Linux().write(os.path.abspath(options.output), text)
    else:
        sys.stdout.write(text)
    return 0


def _explain(options: argparse.Namespace) -> int:
    from osr_boot import cmdline as kernel
    from osr_boot import explain, identity, plan

    if not (options.node or options.mac or options.facts):
        return _explain_boot(options)
    cluster = _usable(_path(options))
    cmdline = kernel.parse(options.cmdline)
    if options.node:
        found = identity.by_word(options.node, cluster)
    else:
        here = _facts(options)
        try:
            found = identity.identify(cmdline, here, cluster)
        except NotYet as error:  # a boot would wait for more links, and then say this
            hint = identity.unknown_machine(here, cluster, bootif=cmdline.bootif)
            raise IdentityError(error.message, hint=hint) from None
    made = plan.make(found.node, cmdline, because=found.because, warnings=(*cmdline.warnings, *found.warnings))
    sys.stdout.write(plan.dumps(made) if options.json else "".join(f"{line}\n" for line in explain.plan_lines(made)))
    return 0


def _explain_boot(options: argparse.Namespace) -> int:
    """Show the plan of this boot, with each operation's outcome."""
    from osr_boot import explain, plan
    from osr_boot.linux import Linux
    from osr_boot.state import State

    state = State(Linux())
    if not os.path.exists(state.plan_file):
        failed = state.report().get("stages", {}).get("plan", {})
        if failed.get("error"):
            raise OsrError(f'stage "plan" failed: {failed["error"]}', hint=failed.get("hint", ""))
        raise ConfigError("for which machine? this one was not booted by osr", hint="give --node, --mac or --facts")
    with open(state.plan_file, encoding="utf-8") as file:
        text = file.read()
    if options.json:
        sys.stdout.write(text)
        return 0
    for line in explain.plan_lines(plan.loads(text), state.report()):
        sys.stdout.write(f"{line}\n")
    return 0


def _facts(options: argparse.Namespace) -> Facts:
    """Return the facts of --mac or --facts. Raises ConfigError."""
    import json

    from osr_boot import mac as hardware
    from osr_boot.model import Dmi, Facts, Link

    if options.mac:
        return Facts(tuple(Link("", hardware.parse(mac)) for mac in options.mac))
    try:
        with open(options.facts, encoding="utf-8") as file:
            value = json.load(file)
        nics = tuple(Link(str(nic["name"]), hardware.parse(nic["mac"])) for nic in value.get("nics", ()))
        return Facts(nics, Dmi(**{key: str(text) for key, text in value.get("dmi", {}).items()}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{options.facts}: no facts: {error}", hint='{"nics": [{"name": ..., "mac": ...}]}') from None


def _requires(options: argparse.Namespace) -> int:
    from osr_boot import requires

    path = _path(options)
    needs = requires.of(_usable(path) if os.path.exists(path) else None)
    sys.stdout.write(needs.as_json() if options.json else needs.as_text())
    return 0


def _status(options: argparse.Namespace) -> int:
    from osr_boot import explain
    from osr_boot.linux import Linux
    from osr_boot.ops.mounts import mounted
    from osr_boot.state import State

    system = Linux()
    state = State(system)
    if not os.path.exists(state.report_file):
        raise OsrError("this machine was not booted by osr", hint=f"{state.report_file} is missing")
    report, root = state.report(), mounted(system, "/")
    if options.json:
        import json

        source, fstype, mount_options = root
        report["root"] = {"source": source, "fstype": fstype, "options": mount_options}
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
        return 0
    for line in explain.status_lines(report, root):
        sys.stdout.write(f"{line}\n")
    return 0
