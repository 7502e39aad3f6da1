"""Name the files of an image that its shutdown needs: `python3 -m osr_boot.shutdown IMAGE_ROOT DRACUT_DIR PROGRAM...`.

The stage "shutdown" keeps them in memory, where they do not need the root that they unmount. Files that are named
already stay named, so that each dracut module may add its programs.
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# systemd changes to that tree only if it finds this file: it is copied last, so that half a tree is never used.
_LAST = "/shutdown"

# Links, where /usr is merged.
_MERGED = ("/bin", "/sbin", "/lib", "/lib64")


def main(words: Sequence[str]) -> int:
    """Add the shell, dracut's libraries and the programs `words[2:]` to the list of the image `words[0]`."""
    image, dracut, *programs = words
    shell = os.path.realpath(f"{image}/bin/sh")  # the image's shell need not be this machine's
    paths = [shell[len(os.path.realpath(image)) :], *map(_program, programs)]
    target = f"{image}{SHUTDOWN_LIST}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "a+", encoding="utf-8") as file:
        file.seek(0)
        named = {*file.read().splitlines(), *map(_placed, _needed(dracut, paths)), *filter(os.path.islink, _MERGED)}
        file.truncate(0)
        file.write("".join(f"{path}\n" for path in (*sorted(named - {_LAST}), _LAST)))
    return 0


def _program(name: str) -> str:
    """Return the path of a program. Raises OsrError."""
    if path := shutil.which(name, path=ENVIRONMENT["PATH"]):
        return path
    raise OsrError(f'the program "{name}", which the shutdown needs, is not installed', hint=f"install {name}")


def _needed(dracut: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield programs, what they are linked with, what links among these lead to, and what the shell needs."""
    yield "/bin/sh"
    for path in glob.glob(f"{dracut}/modules.d/*base/dracut*lib.sh"):
        yield f"/lib/{os.path.basename(path)}"
    for path in paths:
        for one in (path, *_linked(path)):
            yield from (one, os.path.realpath(one))


def _placed(path: str) -> str:
    """Return a file below its directory's real name, so that each is named once."""
    directory, name = os.path.split(path)
    return os.path.join(os.path.realpath(directory), name)


def _linked(path: str) -> list[str]:
    """Return the libraries that a program is linked with, none for a script or a program without any."""
    try:
        return re.findall(r"(/\S+) \(0x", Linux().run(("ldd", path)))
    except CommandFailed as error:
        if error.status == 1:
            return []
        raise


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OsrError as error:
        sys.exit(f"osr: {error}\n  {error.hint}")
