"""The image's cluster.conf beside the root's: the archive behind an image, and the stale image."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from osr_boot import archive, clusterconf, compiled
from osr_boot.boot import CONFIG
from osr_boot.digest import digest
from osr_boot.dry import Dry
from osr_boot.ops.configuration import CompareConfiguration, difference, version_of
from osr_boot.value import replace
from tests.unit.command import BAD, GOOD, osr

TEXT = '<?xml version="1.0"?>\n<!-- the demo -->\n<cluster name="a" config_version="3"/>\n'


def compare(now: str | None, was: str = TEXT, version: int = 3) -> tuple[str, list[str]]:
    machine = Dry({} if now is None else {"/sysroot/etc/cluster/cluster.conf": now})
    operation = CompareConfiguration("/sysroot", version, len(was), digest(was.encode()))
    return operation.execute(machine), machine.said


def test_the_same_file_is_no_news() -> None:
    assert compare(TEXT) == ("the same", [])


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (TEXT.replace('"a"', '"b"'), "another content"),
        (TEXT.replace('"a"', '"ab"'), "another content"),
        (TEXT.replace('"3"', '"4"'), "has config_version 4, and the image was made from 3"),
        ("", "has config_version 0"),
        (None, "the root has no /etc/cluster/cluster.conf"),
    ],
)
def test_another_file_is_a_warning_and_the_boot_goes_on(now: str | None, words: str) -> None:
    note, said = compare(now)
    assert words in note
    assert said == [f"warning: {note}"]


def test_a_loop_of_links_does_not_stop_the_boot() -> None:
    machine = Dry(links={"/sysroot/etc": "etc"})
    note = CompareConfiguration("/sysroot", 1, 1, "").execute(machine)
    assert "too many symbolic links" in note


@pytest.mark.parametrize(
    ("beginning", "version"),
    [
        (b'<cluster config_version="12" name="x">', 12),
        (b"<cluster name='x' config_version='12'>", 12),
        (b'<!-- <cluster config_version="9"> --><cluster config_version="12">', 12),
        (b'<!-- <cluster config_version="9">', 0),
        (b"<cluster>", 0),
        (b'<cluster config_version="', 0),
        (b'<cluster config_version="x">', 0),
        (b'<cluster config_version="' + b"9" * 5000 + b'">', 0),
        (b"\xff\0", 0),
        (b"", 0),
    ],
)
def test_the_version_in_the_beginning_of_a_file(beginning: bytes, version: int) -> None:
    assert version_of(beginning) == version


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    import os

    from osr_boot.linux import Linux

    os.mkfifo(tmp_path / "cluster.conf")
    assert "has no" in difference(Linux(), str(tmp_path / "cluster.conf"), 1, 5, "")


# --- the archive


@pytest.mark.programs
@pytest.mark.skipif(not shutil.which("cpio"), reason="cpio is not installed")
def test_cpio_unpacks_it(tmp_path: Path) -> None:
    whole = archive.pack("/etc/osr/cluster.json", b"{}\n" * 1000)
    assert len(whole) % archive.BLOCK == 0
    done = subprocess.run(["cpio", "-idv", "--quiet"], cwd=tmp_path, input=whole, capture_output=True, check=True)
    assert done.stderr.decode().split() == ["etc", "etc/osr", "etc/osr/cluster.json"]
    assert (tmp_path / "etc/osr/cluster.json").read_bytes() == b"{}\n" * 1000
    assert (tmp_path / "etc/osr/cluster.json").stat().st_mode & 0o777 == 0o644


def test_its_bytes() -> None:
    """As the kernel's buffer-format.rst has it: magic, thirteen numbers, name, content, each part filled up to 4."""
    whole = archive.pack("a", b"xyz")
    zero = "00000000"
    head = f"070701{1:08x}000081a4{zero * 2}{1:08x}{zero}{3:08x}{zero * 4}{2:08x}{zero}"
    assert whole.startswith(head.encode() + b"a\0" + b"xyz\0")
    assert b"TRAILER!!!\0" in whole


def test_compile_cpio(tmp_path: Path) -> None:
    out = tmp_path / "osr-conf.img"
    assert osr("compile", GOOD, "--cpio", "-o", str(out)).status == 0
    cluster, _ = clusterconf.read(GOOD)
    text = compiled.dump(replace(cluster, appended=True))
    assert out.read_bytes() == archive.pack(CONFIG, text.encode())
    assert compiled.load(text).appended
    again = tmp_path / "again.img"
    osr("compile", GOOD, "--cpio", "-o", str(again))
    assert again.read_bytes() == out.read_bytes()


def test_nothing_is_written_of_a_file_with_errors(tmp_path: Path) -> None:
    out = tmp_path / "osr-conf.img"
    assert osr("compile", BAD, "--cpio", "-o", str(out)).status == 2
    assert list(tmp_path.iterdir()) == []
