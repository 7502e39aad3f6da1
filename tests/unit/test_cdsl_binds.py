"""Bind style in a boot: what the root's inventory says is bound, in order of depth, and nothing else."""

from __future__ import annotations

import pytest

from osr_boot.cdsl import inventory
from osr_boot.cdsl.binds import BindPaths
from osr_boot.cdsl.inventory import Inventory
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, SHARED, Cdsl
from osr_boot.dry import Dry
from osr_boot.errors import ConfigError, OsrError

INVENTORY = Inventory(
    nodes=("1", "2"),
    cdsls=(
        Cdsl("etc/fstab", HOSTDEPENDENT, BIND, ("2",)),
        Cdsl("etc/hosts", HOSTDEPENDENT),
        Cdsl("srv", HOSTDEPENDENT, BIND),
        Cdsl("srv/lib", SHARED, BIND),
        Cdsl("srv/lib/own", HOSTDEPENDENT, BIND),
    ),
)
PATHS = ("srv/lib/own/", "cluster/cdsl/1/srv/lib/", "cluster/shared/srv/lib/own/", "cluster/cdsl/1/srv/.cdsl.lib/own/")


def machine(text: str | None) -> Dry:
    files = {f"/sysroot/{path}": "" for path in PATHS}
    return Dry(files if text is None else {**files, f"/sysroot/{inventory.PATH}": text})


def test_every_path_of_the_node_in_order_of_depth() -> None:
    here = machine(inventory.dumps(INVENTORY))
    assert BindPaths("/sysroot", "1").execute(here) == "3 paths"
    assert here.ran == [
        ("mount", "--bind", "--make-private", "/sysroot/cluster/cdsl/1/srv", "/sysroot/srv"),
        ("mount", "--bind", "--make-private", "/sysroot/cluster/shared/srv/lib", "/sysroot/srv/lib"),
        ("mount", "--bind", "--make-private", "/sysroot/cluster/cdsl/1/srv/.cdsl.lib/own", "/sysroot/srv/lib/own"),
    ]
    assert "/run/systemd/system/srv-lib-own.mount.d/50-osr.conf" in here.files


@pytest.mark.parametrize(("text", "note"), [(None, "no inventory"), (inventory.dumps(Inventory()), "none")])
def test_nothing_to_bind(text: str | None, note: str) -> None:
    here = machine(text)
    assert BindPaths("/sysroot", "1").execute(here) == note
    assert here.ran == []


def test_trees_that_are_called_by_names() -> None:
    here = machine(inventory.dumps(Inventory(nodes=("alpha",), cdsls=(Cdsl("srv/lib", HOSTDEPENDENT, BIND),))))
    here.files["/sysroot/cluster/cdsl/alpha/srv/lib/"] = ""
    assert BindPaths("/sysroot", "1", "alpha").execute(here) == "1 paths"
    assert here.ran == [
        ("mount", "--bind", "--make-private", "/sysroot/cluster/cdsl/alpha/srv/lib", "/sysroot/srv/lib")
    ]


def test_a_copy_that_is_missing_is_named() -> None:
    here = machine(inventory.dumps(INVENTORY))
    with pytest.raises(OsrError, match="/cluster/cdsl/2/etc/fstab is missing on the shared root, for /etc/fstab"):
        BindPaths("/sysroot", "2").execute(here)


def test_a_copy_that_may_be_missing() -> None:
    here = machine(inventory.dumps(Inventory(cdsls=(Cdsl("etc/fstab", HOSTDEPENDENT, BIND, optional=True),))))
    said = BindPaths("/sysroot", "2").execute(here)
    assert said == "none, not /etc/fstab: /cluster/cdsl/2/etc/fstab is missing"
    assert here.ran == []


@pytest.mark.parametrize(
    ("outer", "said"),
    [
        (Cdsl("srv", HOSTDEPENDENT, BIND, optional=True),
         "1 paths, not /srv: /cluster/cdsl/2/srv is missing, not /srv/lib: /cluster/cdsl/2/srv is missing"),
        (Cdsl("srv", HOSTDEPENDENT, BIND, ("1",)), "1 paths"),
    ],
)  # fmt: skip
def test_what_lies_in_a_path_that_is_not_bound_has_no_place(outer: Cdsl, said: str) -> None:
    others = (Cdsl("srv/lib", SHARED, BIND), Cdsl("srv-2", HOSTDEPENDENT, BIND))
    here = machine(inventory.dumps(Inventory(nodes=("1", "2"), cdsls=(outer, *others))))
    there = ("srv-2/", "cluster/cdsl/2/srv-2/", "cluster/shared/srv/lib/")
    here.files.update({f"/sysroot/{path}": "" for path in there})
    assert BindPaths("/sysroot", "2").execute(here) == said
    assert here.ran == [("mount", "--bind", "--make-private", "/sysroot/cluster/cdsl/2/srv-2", "/sysroot/srv-2")]


def test_an_inventory_that_is_broken_is_an_error_of_ours() -> None:
    with pytest.raises(ConfigError, match="is empty"):
        BindPaths("/sysroot", "1").execute(machine(""))
