"""Put the agent and the part of Python that it runs on into an image: `python3 -m osr_boot.bundle IMAGE_ROOT ...`.

Which files that is, is found by running the agent in a clean interpreter and asking what it loaded; following import
statements instead (modulefinder) gave 318 files in place of about 90. Everything travels compiled, without its source
and with unchecked hashes: dracut changes time stamps, and starting from sources costs four times as much.

Printed: a line for each shared object, so that dracut installs the libraries it is linked with.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import shutil
import sys

from osr_boot.errors import ConfigError, OsrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOME = "/usr/lib/osr"
LAUNCHER = f"""#!/usr/bin/python3 -ISB
import sys
sys.path.insert(0, "{HOME}")
from osr_boot.cli import main
sys.exit(main())
"""

# What DHCP clients call with their answer.
LEASE = f"""#!/usr/bin/python3 -ISB
import os, sys
sys.path.insert(0, "{HOME}")
from osr_boot.lease import main
sys.exit(main(sys.argv[1:], os.environ))
"""

# Where a boot and the rescue shell's `osr explain` and `osr status` begin; what these import follows by itself.
_ENTRIES = (
    "boot",
    "cdsl.binds",
    "cdsl.boot",
    "cli",
    "cmdline",
    "compiled",
    "execute",
    "explain",
    "facts",
    "handover",
    "identity",
    "lease",
    "network",
    "plan",
    "storage",
    "values",
    "wire",
)
# Every file of these directories may be named in a plan, or typed in the rescue shell.
_PLUGINS = ("ops", "filesystems", "cluster", "commands")

# What is loaded late: programs, messages of failures, and the rescue shell's `osr explain` and `osr status`.
_LATE = ("subprocess", "argparse", "shutil", "shlex", "textwrap", "traceback", "encodings.ascii", "encodings.latin_1")

# Compressors and digests that parts of the standard library like to have, and that nobody here uses.
_WITHOUT = ("bz2", "lzma", "zlib", "_hashlib", "_ssl")

_PROBE = """
import sys
sys.path[:0] = {path!r}
for name in {without!r}:
    sys.modules[name] = None
for name in {names!r}:
    __import__(name)
for name, module in sorted(sys.modules.items()):
    print(name, getattr(module, "__file__", None) or "", sep="\\t")
"""


def main(words: Sequence[str]) -> int:
    """Write the bundle below the directory `words[0]`; with the word `lease`, only what a DHCP client calls."""
    target, *part = words
    if part == ["lease"]:
        _write(f"{target}{HOME}/lease", LEASE, mode=0o755)
        return 0
    package = os.path.dirname(os.path.abspath(__file__))
    for name, source in loaded(package):
        if source.endswith(".so"):
            # netifaces has no place in the standard library's directories: it travels with us.
            own = HOME if name == "netifaces" else os.path.dirname(source)
            _copy(source, f"{target}{own}/{os.path.basename(source)}")
            sys.stdout.write(f"{source}\n")
        else:
            ours = source.startswith(f"{package}/")
            place = f"{HOME}/osr_boot/{source[len(package) + 1 :]}" if ours else source
            _compile(source, f"{target}{place}c", shown=place, keep_docstrings=ours)
    _write(f"{target}/usr/sbin/osr", LAUNCHER, mode=0o755)
    return 0


def loaded(package: str) -> Iterator[tuple[str, str]]:
    """Yield (module name, file) of everything that the agent loads, by running it. Raises OsrError."""
    from osr_boot.linux import Linux

    netifaces = importlib.util.find_spec("netifaces")
    if netifaces is None or not netifaces.origin:
        raise ConfigError("the Python module netifaces is not installed", hint="install the package python3-netifaces")
    path = [os.path.dirname(package), os.path.dirname(netifaces.origin)]
    probe = _PROBE.format(path=path, without=_WITHOUT, names=[*_agent(package), *_LATE])
    for line in Linux().run((sys.executable, "-I", "-S", "-B", "-c", probe)).splitlines():
        name, file = line.split("\t")
        if file and name != "__main__":
            yield name, os.path.realpath(file) if file.endswith(".so") else file


def _agent(package: str) -> Iterator[str]:
    """Yield the names of our modules with which a boot may begin."""
    yield from (f"osr_boot.{entry}" for entry in _ENTRIES)
    for plugin in _PLUGINS:
        directory = f"{package}/{plugin}"
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        for stem, kind in map(os.path.splitext, names):
            if kind == ".py":
                yield f"osr_boot.{plugin}" if stem == "__init__" else f"osr_boot.{plugin}.{stem}"


def _compile(source: str, target: str, *, shown: str, keep_docstrings: bool) -> None:
    """Compile one file. A dataclass without docstring makes itself one at import, slowly: ours keep theirs."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(
            source, target, dfile=shown, doraise=True, optimize=1 if keep_docstrings else 2, invalidation_mode=mode
        )
    except (py_compile.PyCompileError, OSError) as error:
        raise OsrError(f"cannot compile {source}: {error}") from None


def _copy(source: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)


def _write(path: str, text: str, *, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except OsrError as error:
        sys.exit(f"osr: {error}\n  {error.hint}")
