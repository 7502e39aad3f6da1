"""Programs that need to be root run as root of a user namespace: the lab needs no privileges.

One mapping serves everything: uid 0 inside is the caller, 1 and above are the caller's subordinate ids. So the caller
keeps reading and deleting what "root" made, a home directory of mode 0700 (Debian's default) is no obstacle, and a disk
written inside the namespace carries uid 0. A caller who is root already gets only the mount and pid namespaces.
`mmdebstrap --unshare-helper` maps uid 0 to the first subordinate id instead, which cannot enter such a home directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from .errors import BuildFailed, Unready

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "newuidmap": "uidmap",
    "mkfs.ext4": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "zstd": "zstd",
    "setpriv": "util-linux",
}
SEARCH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
TAIL_LINES = 40


def check_host() -> None:
    """Raise `Unready` with the line to paste if a program or the subordinate ids are missing."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=SEARCH)})
    if missing:
        raise Unready(f"not installed: {', '.join(missing)}", hint=f"sudo apt-get install {' '.join(missing)}")
    if os.geteuid() == 0:
        return
    user = pwd.getpwuid(os.geteuid()).pw_name
    for table, option in (("/etc/subuid", "--add-subuids"), ("/etc/subgid", "--add-subgids")):
        if not _has_range(Path(table), user):
            raise Unready(
                f"user '{user}' has no range of subordinate ids in {table}",
                hint=f"sudo usermod {option} 100000-165535 {user}",
            )


def _has_range(table: Path, user: str) -> bool:
    """Whether `table` gives `user` (by name or number) at least 65,535 ids: a Debian tree has 65534, nobody."""
    if not table.exists():
        return False
    for line in table.read_text().splitlines():
        fields = line.split(":")
        if len(fields) == 3 and fields[0] in (user, str(os.geteuid())) and int(fields[2]) >= 65535:
            return True
    return False


def wrap(argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` as root of new namespaces, with a /proc of its own."""
    become_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    return ["unshare", *become_root, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *argv]


def run(
    argv: Sequence[str],
    *,
    what: str,
    on_line: Callable[[str], None] | None = None,
    log: Path | None = None,
) -> str:
    """Run `argv` inside, give back its output; raises `BuildFailed` with the last lines of it.

    `what` names the step in the failure, `on_line` sees each line as it comes, `log` keeps the whole output.
    """
    environment = {"PATH": SEARCH, "LC_ALL": "C.UTF-8", "HOME": "/root", "TERM": "dumb"}
    # the host's way to its package sources may be a proxy
    environment.update({name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})
    lines: list[str] = []
    with subprocess.Popen(
        wrap(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment, text=True, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if on_line is not None:
                on_line(line)
    output = "".join(lines)
    if log is not None:
        log.write_text(output)
    if process.returncode != 0:
        raise BuildFailed(f"{what} failed with status {process.returncode}:\n{''.join(lines[-TAIL_LINES:])}")
    return output


def shell(script: str, *arguments: str, what: str, log: Path | None = None) -> str:
    """Run a sh script (`set -eu`) inside, with `arguments` as $1, $2, ..."""
    return run(["sh", "-euc", script, "sh", *arguments], what=what, log=log)


def remove(path: Path) -> None:
    """Delete a tree that has files of other (subordinate) owners."""
    if path.exists() or path.is_symlink():
        shell('rm -rf -- "$1"', str(path), what=f"removing '{path}'")
