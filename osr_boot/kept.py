"""Name the files of an image that a boot keeps in memory: `python3 -m osr_boot.kept WHAT IMAGE DRACUT_DIR PROGRAM...`.

WHAT is `shutdown`, for what unmounts the root, or `services`, for the cluster services: neither may need that root.
Files that are named already stay named, so that each dracut module may add its programs.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.handover import SHUTDOWN_LIST
from osr_boot.linux import ENVIRONMENT, Linux
from osr_boot.ops import services

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# systemd changes to that tree only if it finds this file: it is copied last, so that half a tree is never used.
_LAST = "/shutdown"
_CALLED = ("/usr/bin/dracut-util", "/usr/bin/dracut-getarg", "/usr/bin/dracut-getargs")
_HOOKS = ("/lib/dracut/hooks", "/var/lib/dracut/hooks")
_LISTS = {"shutdown": SHUTDOWN_LIST, "services": services.LIST}

# Fence agents know -o metadata; source: the fence agents' API. What they print is not ours to read.
_PROBE = """
import contextlib, io, runpy, sys
sys.argv = [sys.argv[1], "-o", "metadata"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    runpy.run_path(sys.argv[0], run_name="__main__")
files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
print("".join(f"{file}\\n" for file in sorted(files - {""}) if file.startswith("/")), end="", file=sys.__stdout__)
"""

# Links that paths of programs lead through, and where their process ids are expected.
_LINKS = ("/bin", "/sbin", "/lib", "/lib64", "/var/run")


def main(words: Sequence[str]) -> int:
    """Add the shell, for a shutdown dracut's libraries, and programs to a list of an image."""
    what, image, dracut, *programs = words
    shell = os.path.realpath(f"{image}/bin/sh")  # the image's shell need not be this machine's
    paths = [shell[len(os.path.realpath(image)) :], *map(_program, programs)]
    last = (_LAST,) if what == "shutdown" else ()
    scripts = ["/bin/sh", *(_scripts(image, dracut) if last else ())]
    links = [path for path in _LINKS if os.path.islink(f"{image}{path}")]
    target = f"{image}{_LISTS[what]}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "a+", encoding="utf-8") as file:
        file.seek(0)
        named = {*file.read().splitlines(), *links, *map(_placed, (*scripts, *_linked_too(paths)))}
        file.truncate(0)
        file.write("".join(f"{path}\n" for path in (*sorted(named - {_LAST}), *last)))
    return 0


def _program(name: str) -> str:
    """Return the path of a program; a path as it is. Raises OsrError."""
    if "/" in name and os.path.exists(name):
        return name
    if path := shutil.which(name, path=ENVIRONMENT["PATH"]):
        return path
    raise OsrError(f'the program "{name}", which a boot keeps in memory, is not installed', hint=f"install {name}")


def _scripts(image: str, dracut: str) -> Iterator[str]:
    """Yield the shell libraries that dracut's module "base" puts into every image, what they call, and our hooks."""
    if os.path.exists(f"{dracut}/dracut-util"):  # seen in 059, 106 and 112
        yield from _CALLED
    for path in glob.glob(f"{dracut}/modules.d/*base/dracut*lib.sh"):
        yield f"/lib/{os.path.basename(path)}"
    for path in (path for hooks in _HOOKS for path in glob.glob(f"{image}{hooks}/shutdown/*-osr-*.sh")):
        yield path[len(image) :]


def _linked_too(paths: Iterable[str]) -> Iterator[str]:
    """Yield programs, what they are linked with, and what links among these lead to."""
    for path in paths:
        for one in (path, *_linked(path)):
            yield from (one, os.path.realpath(one))


def _placed(path: str) -> str:
    """Return a file below its directory's real name, so that each is named once."""
    directory, name = os.path.split(path)
    return os.path.join(os.path.realpath(directory), name)


def _linked(path: str) -> list[str]:
    """Return the libraries that a program is linked with; for a script what it is run by, and with."""
    if script := _interpreter(path):
        modules = _modules(path, script) if "python" in os.path.basename(script) else []
        return [
            script,
            *(part for one in (script, *modules) if not one.endswith(".py") for part in _linked(one)),
            *modules,
        ]
    try:
        return re.findall(r"(/\S+) \(0x", Linux().run(("ldd", path)))
    except CommandFailed as error:
        if error.status == 1:
            return []
        raise


def _interpreter(path: str) -> str:
    """Return the program that runs a script, empty for what is none."""
    with open(path, "rb") as file:
        first = file.readline(256)
    words = first[2:].decode(errors="replace").split() if first.startswith(b"#!") else []
    if words and words[0].endswith("/env"):
        return _program(words[-1])
    return words[0] if words else ""


def _modules(path: str, python: str) -> list[str]:
    """Return the files that a fence agent in Python loads, seen by asking it for its description."""
    return Linux().run((python, "-B", "-c", _PROBE, path)).split("\n")[:-1]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OsrError as error:
        sys.exit(f"osr: {error}\n  {error.hint}")
