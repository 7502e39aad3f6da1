"""The inventory: written and read, and whatever else may stand in its place."""

from __future__ import annotations

import json

import pytest

from osr_boot.cdsl import inventory
from osr_boot.cdsl.inventory import Inventory, dumps, loads, normal
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, SHARED, Cdsl, Layout
from osr_boot.digest import digest
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
    assert tuple(made.cdsls) == (
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
    assert FULL.find("var/lib") == tuple(FULL.cdsls)[2]
    assert FULL.find("var/lib/x") is None
    assert FULL.trees == ("1", "2", "ten", "model")
    assert FULL.trees_of(next(iter(FULL.cdsls))) == ("1", "model")
    assert FULL.trees_of(tuple(FULL.cdsls)[1]) == FULL.trees
    assert FULL.without("var").find("var") is None
    assert FULL.without("var").having(tuple(FULL.cdsls)[1]) == FULL
    assert inventory.PATH == "cluster/cdsl_inventory.json"


def plain(number: int = 3) -> Inventory:
    return Inventory(nodes=("1",), cdsls=(Cdsl(f"srv/{one}", HOSTDEPENDENT, time=5.0) for one in range(number)))


def test_lines_that_nobody_else_has_written_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = dumps(plain())
    read: list[object] = []
    make = inventory._cdsl

    def counted(value: dict[str, object]) -> Cdsl:
        read.append(value["path"])
        return make(value)

    monkeypatch.setattr(inventory, "_cdsl", counted)
    made = loads(text)
    assert made.find("srv/1") == Cdsl("srv/1", HOSTDEPENDENT, time=5.0)
    assert made.find("srv/9") is None
    after = made.having(Cdsl("etc/x", HOSTDEPENDENT)).without("srv/2")
    assert [line.split('"')[3] for line in dumps(after).splitlines() if '"path"' in line] == ["etc/x", "srv/0", "srv/1"]
    assert read == ["srv/1"]
    assert made == plain()
    assert sorted(map(str, read)) == ["srv/0", "srv/1", "srv/2"]


def test_a_line_that_somebody_has_edited_is_read_at_once() -> None:
    text = dumps(plain())
    assert loads(text.replace('"srv/1"', '"srv/one"')).find("srv/one")
    with pytest.raises(ConfigError, match='"../srv" is no path below the root'):
        loads(text.replace('"srv/1"', '"../srv"'))
    with pytest.raises(ConfigError, match="stands twice"):
        loads(text.replace('"srv/1"', '"srv/0"'))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            '{"path": "srv/1", "kind": "odd", "style": "link", "nodes": [], "time": 5.0, "optional": false}',
            "of no kind",
        ),
        ('{"path": "srv/1", "path": "../x", "kind": "shared"}', "is no path below the root"),
        ('{"path": "srv/1", "path": "x", "kind": "shared"}', "has two paths"),
        ('{"path": "srv/1"', "cannot be read"),
        ('{"path": "srv/1", "kind": "shared", "time": NaN}', "of no time"),
    ],
)
def test_a_digest_that_fits_does_not_make_a_line_true(line: str, words: str) -> None:
    head, begin, lines = dumps(plain()).partition(inventory._BEGIN)
    first, _, last = lines.removesuffix(inventory._END).split(",\n")
    forged = ",\n".join((first, f"  {line}", last))
    was, now = (digest(one.encode()) for one in (lines.removesuffix(inventory._END), forged))
    made = loads(head.replace(was, now) + begin + forged + inventory._END)
    with pytest.raises(ConfigError, match=words):
        made.find("srv/1")
    with pytest.raises(ConfigError):
        tuple(made.cdsls)
