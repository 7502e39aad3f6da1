"""What is in the images that the HowTo's dracut commands make, and what must not be."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from osr_boot import compiled
from tests import project
from tests.image import made
from tests.image.made import KINDS, Made
from tests.lab.lab import MACS, cluster_conf

UNCHECKED = 1  # flags of a .pyc: a hash, and nobody compares it with the source. source: PEP 552
# What a builder's configuration may say. The last line is what Fedora's and SUSE's packages bring.
HOST_ONLY = (("etc/dracut.conf.d/10-builder.conf", 'hostonly="yes"\nhostonly_cmdline="yes"\n'),)
# Lies beside every link driver of the lab, and no machine that builds images has such a card.
FOREIGN_DRIVER = "e1000.ko"


@pytest.fixture(scope="module", params=KINDS)
def any_image(request: pytest.FixtureRequest) -> Made:
    return KINDS[request.param]()


def ours(image: Made) -> list[str]:
    """Return the shared objects that come with Python, and netifaces."""
    return [name for name in image.elf() if "/lib-dynload/" in name or name.startswith("/usr/lib/osr/")]


def broken(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the programs and libraries whose libraries the loader does not find."""
    words = ("not found", "cannot open shared object")
    return {path: lines for path, lines in found.items() if any(word in line for word in words for line in lines)}


def drivers(image: Made) -> set[str]:
    return {path.name for path in image.files() if path.suffix == ".ko"}


def test_the_compiled_cluster_is_the_file_that_was_there() -> None:
    text = (made.full().root / "etc/osr/cluster.json").read_text()
    cluster = compiled.load(text)
    assert {node.name: node.macs for node in cluster.nodes} == {name: (mac,) for name, mac in MACS.items()}
    assert json.loads(text)["source"] == "/etc/cluster/cluster.conf"


def test_a_static_image_has_no_cluster() -> None:
    assert not (made.static().root / "etc/osr/cluster.json").exists()
    assert not any("cluster.conf" in name for name in made.static().names())


def test_python_travels_compiled_and_is_never_compared_with_a_source(any_image: Made) -> None:
    names = any_image.names()
    assert "/usr/lib/osr/osr_boot/boot.pyc" in names
    assert not [name for name in names if name.endswith(".py")]
    bytecode = [path for path in any_image.files() if path.suffix == ".pyc"]
    assert len(bytecode) > 50
    flags = {path.name: int.from_bytes(path.read_bytes()[4:8], "little") for path in bytecode}
    assert {name for name, flag in flags.items() if flag != UNCHECKED} == set()


@pytest.mark.parametrize("word", ["lxml", "clusterconf", "validate", "vocabulary", "bundle", "__pycache__"])
def test_what_only_an_administrator_needs_stays_out(any_image: Made, word: str) -> None:
    assert not [name for name in any_image.names() if word in name]


def test_netifaces_is_there_and_nothing_of_ours_drags_in_a_crypto_library(any_image: Made) -> None:
    objects = ours(any_image)
    assert [name for name in objects if "netifaces" in name]
    assert not [name for name in objects if "_hashlib" in name or "_ssl" in name]
    found = any_image.libraries([*objects, "/usr/bin/python3"])
    assert not [line for lines in found.values() for line in lines if "libcrypto" in line or "libssl" in line]


def test_every_library_that_a_program_wants_is_there(any_image: Made) -> None:
    # The others are plug-ins that dracut's own modules bring, some of them (teaming, LDAP) without their libraries.
    programs = [name for name in any_image.elf() if (any_image.root / name[1:]).stat().st_mode & stat.S_IXUSR]
    assert {"/usr/bin/mount", "/usr/bin/ip"} <= {*programs}
    assert broken(any_image.libraries([*programs, *ours(any_image)])) == {}


def test_a_library_taken_away_is_noticed() -> None:
    said = made.full().inside(
        "/bin/sh",
        "-c",
        "rm /usr/lib/x86_64-linux-gnu/libexpat.so.1; /lib64/ld-linux-x86-64.so.2 --list /usr/bin/python3",
    )
    assert broken({"python3": (said.stdout + said.stderr).splitlines()})


STATIC_HOOKS = {"initqueue/01-osr-name.sh", "pre-pivot/90-osr-pre-pivot.sh"}
HOOKS = {
    "static": STATIC_HOOKS,
    "full": STATIC_HOOKS
    | {"cmdline/30-osr-cmdline.sh", "initqueue/settled/30-osr-settled.sh", "initqueue/finished/30-osr-finished.sh"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_lie_where_this_dracut_looks(kind: str) -> None:
    image = KINDS[kind]()
    # dracut's own library, which runs the hooks, names the directory: it moved with dracut 110.
    library = next(path for path in image.files() if path.name == "dracut-lib.sh").read_text()
    place = "/usr/lib/dracut/hooks/" if "/lib/dracut/hooks" in library else "/var/lib/dracut/hooks/"
    hooks = {name for name in image.names() if "-osr-" in name and name.endswith(".sh")}
    assert hooks == {place + hook for hook in HOOKS[kind.partition("-")[0]]}
    assert "/usr/lib/osr-lib.sh" in image.names()


def test_the_shutdown_list_names_what_is_there_once(any_image: Made) -> None:
    listed = (any_image.root / "etc/osr/shutdown.list").read_text().splitlines()
    assert len(listed) == len(set(listed))
    assert {"/shutdown", "/usr/bin/umount", "/usr/sbin/poweroff", "/usr/sbin/reboot", "/usr/bin/sh"} <= set(listed)
    assert [name for name in listed if not _there(any_image.root, name)] == []


def _there(root: Path, name: str) -> bool:
    path = root / name.lstrip("/")
    return path.is_symlink() or path.exists()


def test_the_generator_that_waits_for_a_disk_is_masked_where_the_root_is_ours() -> None:
    name = "etc/systemd/system-generators/systemd-gpt-auto-generator"
    assert str((made.full().root / name).readlink()) == "/dev/null"
    assert not _there(made.static().root, name)


def test_programs_and_drivers_that_the_root_needs_are_there(any_image: Made) -> None:
    names = {name.rpartition("/")[2] for name in any_image.names()}
    assert {"ip", "modprobe", "mount", "umount", "mount.nfs", "python3", "osr"} <= names
    assert {"nfs.ko", "nfsv4.ko", "virtio_net.ko", FOREIGN_DRIVER} <= drivers(any_image)


def test_nobody_but_its_owner_can_read_or_change_an_image(any_image: Made) -> None:
    assert stat.S_IMODE(any_image.file.stat().st_mode) == 0o600


def test_nothing_in_an_image_may_be_changed_by_everybody(any_image: Made) -> None:
    assert not [path for path in any_image.files() if path.stat().st_mode & stat.S_IWOTH]
    assert oct((any_image.root / "usr/sbin/osr").stat().st_mode) == "0o100755"


@pytest.mark.parametrize(
    ("arguments", "conf"), [(project.FULL, cluster_conf()), (project.STATIC, "")], ids=["full", "static"]
)
def test_an_image_is_generic_whatever_the_builders_configuration_says(arguments: tuple[str, ...], conf: str) -> None:
    image = made.make(arguments, conf, HOST_ONLY)
    assert drivers(image) >= drivers(made.make(arguments, conf))
    assert not [name for name in image.names() if name.startswith("/etc/cmdline.d/")]
    assert "host-only image" not in image.log


def test_the_builders_configuration_does_make_other_images_host_only() -> None:
    plain = made.make(("-a", "nfs"), "", HOST_ONLY)
    assert FOREIGN_DRIVER not in drivers(plain)
    assert [name for name in plain.names() if name.startswith("/etc/cmdline.d/")] != []


def test_host_only_by_hand_is_obeyed_with_a_warning_and_keeps_the_roots_drivers() -> None:
    image = made.make(("-H", *project.FULL), cluster_conf())
    assert "host-only image: it boots machines like this one only" in image.log
    assert FOREIGN_DRIVER not in drivers(image)
    assert {"nfs.ko", "nfsv4.ko"} <= drivers(image)
