"""Binds and checks on a mounted root, which may hold anything."""

from __future__ import annotations

import pytest

from osr_boot.cdsl import boot
from osr_boot.dry import Dry
from osr_boot.errors import OsrError
from osr_boot.model import Cmdline
from osr_boot.ops.mounts import Bind, BindOver, CheckRoot, ReportRoot, mounted, resolve

ROOT = "/sysroot"
BIND = Bind(ROOT, "/cluster/cdsl/1", "/cdsl.local", "make it")


def root(*paths: str, **links: str) -> Dry:
    return Dry({f"{ROOT}/{path}": "" for path in paths}, links={f"{ROOT}/{name}": to for name, to in links.items()})


def test_plan_uses_the_directories_of_the_command_line() -> None:
    operations = list(boot.plan(7, "", Cmdline(cdsltree="/c", cdsllink="/l"), ROOT))
    bind = ("mount", "--bind", "/sysroot/c/7", "/sysroot/l")
    assert [operation.commands() for operation in operations] == [(bind,), ()]


def test_bind() -> None:
    system = root("cluster/cdsl/1/", "cdsl.local/")
    assert BIND.execute(system) == ""
    assert system.ran == [("mount", "--bind", "/sysroot/cluster/cdsl/1", "/sysroot/cdsl.local")]


@pytest.mark.parametrize(("there", "missing"), [("cdsl.local/", "/cluster/cdsl/1"), ("cluster/cdsl/1/", "/cdsl.local")])
def test_bind_names_what_is_missing_and_mounts_nothing(there: str, missing: str) -> None:
    system = root(there)
    with pytest.raises(OsrError, match=missing) as caught:
        BIND.execute(system)
    assert caught.value.hint
    assert system.ran == []


def test_a_tree_that_is_called_by_the_nodes_name() -> None:
    bind, paths = boot.plan(1, "alpha", Cmdline(), ROOT)
    system = root("cluster/cdsl/alpha/", "cdsl.local/")
    assert bind.execute(system) == "from /cluster/cdsl/alpha"
    assert system.ran == [("mount", "--bind", "/sysroot/cluster/cdsl/alpha", "/sysroot/cdsl.local")]
    assert next(boot.plan(1, "../alpha", Cmdline(), ROOT)).instead == ""  # type: ignore[attr-defined]


def test_a_link_on_the_root_does_not_lead_out_of_it() -> None:
    system = root("etc/", "cdsl.local/", **{"cluster": "/../../etc"})
    system.files["/sysroot/etc/cdsl/1/"] = ""
    BIND.execute(system)
    assert system.ran == [("mount", "--bind", "/sysroot/etc/cdsl/1", "/sysroot/cdsl.local")]


def test_resolve() -> None:
    system = root(**{"sbin": "usr/sbin", "usr/sbin/init": "/lib/systemd/systemd", "lib": "usr/lib"})
    assert resolve(system, ROOT, "/sbin/init") == "/sysroot/usr/lib/systemd/systemd"


def test_resolve_ends_on_a_loop() -> None:
    with pytest.raises(OsrError, match="too many symbolic links"):
        resolve(root(a="b", b="a"), ROOT, "/a")


def test_check_root_names_everything_that_is_missing() -> None:
    system = root("proc/", "dev/", "etc/")
    with pytest.raises(OsrError, match="no sys, no run, no sbin/init"):
        CheckRoot(ROOT, "10.0.0.1:/r").execute(system)


def test_check_root_accepts_an_absolute_init_inside_the_root() -> None:
    system = root("proc/", "sys/", "dev/", "run/", "etc/", "lib/systemd", **{"sbin/init": "/lib/systemd"})
    assert CheckRoot(ROOT, "x").execute(system) == ""


@pytest.mark.parametrize(
    ("system", "note"),
    [
        (root("etc/"), "none: nothing to hide"),
        (root("etc/hostname"), "mounted over"),
        (root("etc/", **{"etc/hostname": "../cdsl.local/etc/hostname"}), "a link: left alone"),
    ],
)
def test_hostname(system: Dry, note: str) -> None:
    system.files["/run/osr/hostname"] = "node1\n"
    assert BindOver(ROOT, "/run/osr/hostname", "/etc/hostname").execute(system) == note
    bound = [("mount", "--bind", "/run/osr/hostname", "/sysroot/etc/hostname")]
    assert system.ran == (bound if note == "mounted over" else [])


def test_mounted_is_the_last_on_that_directory() -> None:
    system = Dry({"/proc/self/mounts": "a / ext4 rw 0 0\nb / nfs4 rw,vers=4.1 0 0\nc /x tmpfs rw 0 0\n"})
    assert mounted(system, "/") == ("b", "nfs4", "rw,vers=4.1")
    assert ReportRoot("/").execute(system) == "b nfs4 vers=4.1"
    assert ReportRoot("/none").execute(system) == "not mounted yet"
