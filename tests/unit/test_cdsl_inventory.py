"""The inventory: written and read, and whatever else may stand in its place."""

from __future__ import annotations

import json

import pytest

from osr_boot.cdsl import inventory
from osr_boot.cdsl.inventory import Inventory, dumps, loads, normal
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, SHARED, Cdsl, Layout
from osr_boot.errors import ConfigError

FULL = Inventory(
    Layout(tree="c/t", shared="c/s", link="here", default="model", expand=".x"),
    ("1", "2", "ten"),
    (
        Cdsl("etc/a b\n\udcff", HOSTDEPENDENT, BIND, ("1",), 12.5, optional=True),
        Cdsl("var", HOSTDEPENDENT),
        Cdsl("var/lib", SHARED),
    ),
)
OLD_1 = """<?xml version="1.0" encoding="UTF-8"?>
<cdsls config_version="1">
	<cdsl src="var" timestamp="1248336000.12" type="hostdependent">
		<nodes><noderef ref="id_1"/><noderef ref="id_2"/></nodes>
	</cdsl>
	<cdsl src="/var/lib" timestamp="1248336010.5" type="shared">
		<nodes><noderef ref="id_1"/><noderef ref="id_2"/></nodes>
	</cdsl>
	<defaults cdsl_link="cdsl.local" cdsltree="cluster/cdsl" cdsltree_shared="cluster/shared" expandstring=".cdsl"
		maxnodeidnum="0" use_nodeids="True">
		<nodesdefault><nodedefault id="id_1"/><nodedefault id="id_2"/></nodesdefault>
	</defaults>
</cdsls>
"""
OLD_2 = """<cdsls config_version="2.0" default_dir="default" expandstring=".cdsl" link=".cdsl.local" maxnodeidnum="2"
  mountpoint="" node_prefix="" sharedtree=".cluster/shared" tree=".cluster/cdsl" use_nodeids="True">
	<repositories/>
	<cdsl src="var" timestamp="1378809600.37" type="hostdependent"><nodes/></cdsl>
</cdsls>
"""


def test_round_trip() -> None:
    assert loads(dumps(FULL)) == FULL
    assert loads(dumps(Inventory())) == Inventory()
    assert dumps(loads(dumps(FULL))) == dumps(FULL)
    assert json.loads(dumps(FULL))["format"] == 1


def test_one_cdsl_on_each_line() -> None:
    lines = dumps(FULL).splitlines()
    assert len([line for line in lines if '"path"' in line]) == 3


def test_old_format_1() -> None:
    made = loads(OLD_1)
    assert made.layout == Layout()
    assert made.nodes == ("1", "2")
    assert made.cdsls == (
        Cdsl("var", HOSTDEPENDENT, time=1248336000.12),
        Cdsl("var/lib", SHARED, time=1248336010.5),
    )


def test_old_format_2() -> None:
    made = loads(OLD_2)
    assert made.layout == Layout(tree=".cluster/cdsl", shared=".cluster/shared", link=".cdsl.local")
    assert made.nodes == ("1", "2")
    assert [cdsl.path for cdsl in made.cdsls] == ["var"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (dumps(FULL)[:-20], "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": 2}', "has format 2"),
        (dumps(FULL).replace('"var/lib"', '"../lib"'), "is no path below the root"),
        (dumps(FULL).replace('"var/lib"', '"/lib"'), "is no path below the root"),
        (dumps(FULL).replace('"var/lib"', '""'), "is no path below the root"),
        (dumps(FULL).replace('"var/lib"', '"var"'), "stands twice"),
        (dumps(FULL).replace('"shared", "style"', '"odd", "style"'), "of no kind"),
        (dumps(FULL).replace('"time": 0.0', '"time": NaN'), "of no time"),
        (dumps(FULL).replace('"time": 0.0', '"time": 1e999'), "of no time"),
        (dumps(FULL).replace('"time": 0.0', '"time": -1'), "of no time"),
        (dumps(FULL).replace('"ten"', '"../x"'), "is no name of a directory"),
        (dumps(FULL).replace('"ten"', "10"), "cannot be read"),
        (dumps(FULL).replace("12.5", '"x"'), "cannot be read"),
        (dumps(FULL).replace('"tree": "c/t"', '"tree": 5'), "cannot be read"),
        (dumps(FULL).replace('"tree": "c/t"', '"unknown": "c/t"'), "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("<cdsls>", "no element found"),
        ("<html/>", "is no inventory of CDSLs"),
        ('<!DOCTYPE cdsls [<!ENTITY a "b">]><cdsls/>', "declares entities"),
    ],
)
def test_what_is_no_inventory(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text)
    assert words in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("/var/lib/", "var/lib"), ("./var//lib", "var/lib"), ("../../etc", "etc"), ("var/../etc", "etc"), ("/", "")],
)
def test_normal_paths(path: str, wanted: str) -> None:
    assert normal(path) == wanted


def test_lookups() -> None:
    assert FULL.find("var/lib") == FULL.cdsls[2]
    assert FULL.find("var/lib/x") is None
    assert FULL.trees == ("1", "2", "ten", "model")
    assert FULL.trees_of(FULL.cdsls[0]) == ("1", "model")
    assert FULL.trees_of(FULL.cdsls[1]) == FULL.trees
    assert FULL.without("var").find("var") is None
    assert FULL.without("var").having(FULL.cdsls[1]) == FULL
    assert inventory.PATH == "cluster/cdsl_inventory.json"
