"""Initrds for the lab: any dracut command, run in a root tree that has the project installed over it.

An image is cached under a hash of all that went into it: tree, drivers, files laid over the tree, command.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import cache, drivers, overlay
from .errors import BuildFailed
from .tree import Tree

# The quickest that is still compressed: what dracut restores at shutdown must not be uncompressed (dracut 059, 106).
QUICK = 'compress="zstd -1 -T0"\n'

# $3 tar to lay over the tree, or ""; $4 its small /lib/modules; $5 directory for outputs; $6 number of outputs,
# then the outputs (paths in the tree), then the command
RUN = """
scratch=$2 tar=$3 modules=$4 out=$5 count=$6
shift 6
outputs=
while [ "$count" -gt 0 ]; do
    outputs="$outputs $1"
    count=$((count - 1))
    shift
done
[ -z "$tar" ] || tar --extract --no-same-owner --keep-directory-symlink --file "$tar" --directory "$merged"
if [ -n "$modules" ]; then
    small=$scratch/modules
    cp -a "$modules" "$small"
    mount --bind "$small" "$merged/lib/modules/${modules##*/}"
    chroot "$merged" depmod "${modules##*/}"
fi
chroot "$merged" "$@" </dev/null
for output in $outputs; do
    cp "$merged/$output" "$out/"
done
"""


def pack(files: Mapping[str, bytes], *, directory: Path | None = None) -> bytes:
    """A tar of `files` (path in the tree to content) and all below `directory` (a `make install DESTDIR=`).

    Owner, times and order are fixed, so that equal files give an equal tar, and with it an equal cache key.
    """
    members: dict[str, tuple[tarfile.TarInfo, bytes]] = {}
    if directory is not None:
        for path in directory.rglob("*"):
            info = tarfile.TarInfo(str(path.relative_to(directory)))
            info.mode = path.lstat().st_mode & 0o7777
            content = b""
            if path.is_symlink():
                info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
            elif path.is_dir():
                info.type = tarfile.DIRTYPE
            else:
                content = path.read_bytes()
            members[info.name] = (info, content)
    for name, content in files.items():
        info = tarfile.TarInfo(name.lstrip("/"))
        info.mode = 0o755 if content.startswith(b"#!") else 0o644
        members[info.name] = (info, content)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for _, (info, content) in sorted(members.items()):
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def run_in_tree(
    tree: Tree,
    argv: Sequence[str],
    *,
    overlay_tar: bytes = b"",
    outputs: Sequence[str] = (),
    all_drivers: bool = False,
) -> Path:
    """Run `argv` with `tree`, and `overlay_tar` laid over it, as its root directory; the tree itself does not change.

    Gives the directory with copies of the files `outputs` and the command's output as "log". All is cached by content:
    the command runs once. `all_drivers` keeps the tree's whole /lib/modules.
    """
    recipe = [tree.suite.key(), *drivers.WANTED, RUN, str(all_drivers)]
    name = cache.key("run 1", *recipe, overlay_tar, *argv, "", *outputs)

    def build(partial: Path) -> None:
        tar = partial / "overlay.tar"
        tar.write_bytes(overlay_tar)
        modules = "" if all_drivers else str(drivers.small_modules(tree))
        overlay.run(
            RUN, tree.root, partial / "scratch", str(tar) if overlay_tar else "", modules, str(partial),
            str(len(outputs)), *outputs, *argv,
            what=" ".join(argv), log=partial / "log",
        )  # fmt: skip
        tar.unlink()

    return cache.artefact("run", f"{tree.suite.name}-{name}", build)


def dracut(
    tree: Tree,
    arguments: Sequence[str],
    *,
    overlay_tar: bytes = b"",
    quick: bool = True,
    all_drivers: bool = False,
) -> Path:
    """The image that `dracut -f ARGUMENTS IMAGE KVER` makes; raises `BuildFailed` with dracut's words.

    `quick` sets a fast compression by a file in /etc/dracut.conf.d, so that the command stays the administrator's.
    """
    image = f"/boot/initrd_sr-{tree.kernel_version}.img"
    if quick:
        overlay_tar = _add(overlay_tar, "etc/dracut.conf.d/zz-lab.conf", QUICK.encode())
    made = run_in_tree(
        tree, ["dracut", "-f", *arguments, image, tree.kernel_version],
        overlay_tar=overlay_tar, outputs=[image], all_drivers=all_drivers,
    )  # fmt: skip
    result = made / Path(image).name
    if "Failed to install" in (made / "log").read_text():  # dracut exits 0 with an image that cannot boot
        raise BuildFailed(f"dracut could not install all it needs, see '{made / 'log'}'")
    return result


def _add(tar: bytes, name: str, content: bytes) -> bytes:
    """`tar` with one more file."""
    buffer = io.BytesIO(tar or pack({}))
    with tarfile.open(fileobj=buffer, mode="a") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
