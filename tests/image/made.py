"""Images to look into: built once per run of the tests, unpacked, and a way to run programs inside them."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import project
from tests.image.unpack import unpack
from tests.lab import image, overlay
from tests.lab.lab import cluster_conf
from tests.lab.tree import BOOKWORM, Tree

# $3 files to lay over the image, $4 directory for what the program says, $5 a script for the shutdown's copy of
# itself, then the program
INSIDE = """
cp -R "$3/." "$merged/"
[ ! -e "$merged/proc-cmdline" ] || mount --bind "$merged/proc-cmdline" "$merged/proc/cmdline"
out=$4 after=$5
shift 5
status=0
chroot "$merged" "$@" </dev/null >"$out/stdout" 2>"$out/stderr" || status=$?
if [ "$status" = 0 ] && [ -n "$after" ]; then
    chroot "$merged/run/initramfs" /bin/sh -c "$after" </dev/null >>"$out/stdout" 2>>"$out/stderr" || status=$?
fi
echo "$status" >"$out/status"
[ ! -d "$merged/run/osr" ] || cp -R "$merged/run/osr" "$out/"
"""


@dataclass(frozen=True)
class Said:
    """What a program inside an image said, and what it left in /run/osr."""

    status: int
    stdout: str
    stderr: str
    run: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Made:
    """An image, where it is unpacked, and what dracut said when it made it."""

    file: Path
    root: Path
    log: str = field(repr=False)

    def files(self) -> Iterator[Path]:
        """Yield every plain file, below `root`."""
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path

    def names(self) -> set[str]:
        """Return the paths of everything, as the initrd sees them, without following links."""
        return {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*")}

    def elf(self) -> list[str]:
        """Return the programs and libraries, as the initrd sees them."""
        return [
            f"/{path.relative_to(self.root)}"
            for path in self.files()
            if path.suffix != ".ko" and path.read_bytes()[:4] == b"\x7fELF"
        ]

    def inside(self, *argv: str, files: Mapping[str, str] | None = None, at_shutdown: str = "") -> Said:
        """Run a program with the image as its root directory, on a throw-away layer.

        `files` (path to text) are laid over it; "/proc-cmdline" becomes the kernel command line. If the program
        succeeds, the script `at_shutdown` is run with /run/initramfs as its root directory.
        """
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            out, over = directory / "out", directory / "over"
            out.mkdir()
            over.mkdir()
            for path, text in (files or {}).items():
                place = over / path.lstrip("/")
                if path.endswith("/"):
                    place.mkdir(parents=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
            arguments = (str(over), str(out), at_shutdown, *argv)
            overlay.run(INSIDE, self.root, directory / "scratch", *arguments, what=" ".join(argv))
            run = {path.name: path.read_text() for path in out.glob("osr/*") if path.is_file()}
            status = int((out / "status").read_text())
            return Said(status, (out / "stdout").read_text(), (out / "stderr").read_text(), run)

    def libraries(self, paths: list[str]) -> dict[str, list[str]]:
        """Return what the image's own loader finds for each dynamic program or library: a line for each library."""
        (loader,) = sorted(name for name in self.names() if name.startswith("/usr/lib64/ld-"))[:1] or ["/lib64/ld.so"]
        script = 'for path; do echo "= $path"; "$0" --list "$path" 2>&1 || true; done'
        said = self.inside("/bin/sh", "-c", script, loader, *paths)
        assert said.status == 0, said.stderr
        found: dict[str, list[str]] = {}
        for line in said.stdout.splitlines():
            if line.startswith("= "):
                found[line[2:]] = []
            else:
                found[list(found)[-1]].append(line.strip())
        return found


def tree() -> Tree:
    """Return the root tree in which the images are made."""
    return project.tree(BOOKWORM)


@functools.cache
def make(arguments: tuple[str, ...], conf: str = "", files: tuple[tuple[str, str], ...] = ()) -> Made:
    """Return the image that dracut makes with these arguments, cluster.conf and further files in its tree."""
    more = {path: text.encode() for path, text in files}
    file = project.build(tree(), arguments, cluster_conf=conf, files=more)
    return look(file)


@functools.cache
def look(file: Path) -> Made:
    """Return an image unpacked in the directory that `tidy` removes."""
    return Made(file, unpack(file, _directory() / file.parent.name), (file.parent / "log").read_text())


def full() -> Made:
    """Return the full-featured image of the lab's cluster."""
    return make(project.FULL, cluster_conf())


def static() -> Made:
    """Return the static image."""
    return make(project.STATIC)


def full_without_systemd() -> Made:
    """Return the full-featured image whose init is dracut's shell script."""
    return make((*project.FULL, *project.NO_SYSTEMD), cluster_conf())


KINDS = {"full": full, "static": static, "full-without-systemd": full_without_systemd}


def refused(conf: str | None, *, before: str = "true") -> str:
    """Return what is said and left by a build that must not succeed; `before` is run in the tree first.

    The last lines are `status N`, and `image MODE SIZE` if there is one.
    """
    target = f"/boot/initrd_sr-{tree().kernel_version}.img"
    command = f'dracut -f -a "osr osr-cluster" {target} {tree().kernel_version}'
    script = f"{before}\nstatus=0\n{command} || status=$?\necho status $status\nstat -c 'image %a %s' {target}\ntrue\n"
    files = {project.CLUSTER_CONF: conf.encode()} if conf is not None else {}
    made = image.run_in_tree(tree(), ["sh", "-c", script], overlay_tar=project.tar(tree(), files))
    return (made / "log").read_text()


@functools.cache
def _directory() -> Path:
    return Path(tempfile.mkdtemp(prefix="osr-image-"))


def tidy() -> None:
    """Remove all unpacked images."""
    if _directory.cache_info().currsize:
        shutil.rmtree(_directory())
        for cached in (make, look, _directory):
            cached.cache_clear()
