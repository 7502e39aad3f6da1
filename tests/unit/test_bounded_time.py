"""No input of a megabyte takes minutes, whoever thought it out. Larger files: test_clusterconf.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from osr_boot import cmdline, compiled, plan
from osr_boot.model import Dmi
from tests.hostile import MACS
from tests.hostile import with_length as lines
from tests.properties import LIMIT, processor_time, refused, speakable
from tests.unit.command import GOOD, osr

MB = 1_000_000


def many(template: str) -> str:
    """Return a megabyte of a text with a number in it, each time another."""
    return "".join(template % number for number in range(MB // len(template % 50_000)))


def times(text: str) -> str:
    return text * (MB // len(text))


def refused_or_not(call: Callable[[], object]) -> float:
    """Return how long a call takes that may end with an error of osr's."""

    def ended() -> None:
        with refused():
            call()

    return processor_time(ended)


COMMAND_LINES: dict[str, Callable[[], str]] = {
    "words": lambda: times("a= "),
    "unknown words of ours": lambda: many("rd.osr.x%d "),
    "quotes": lambda: times('"'),
    "quotes without blanks": lambda: times('="'),
    "quotes in words": lambda: times('a"b" '),
    "equals signs": lambda: times("="),
    "stages": lambda: "rd.osr.break=" + times("x,"),
    "path": lambda: "cdsltree=" + times("/."),
    "path upwards": lambda: "cdsltree=" + times("/.."),
    "digits": lambda: "nodeid=" + times("9"),
    "surrogates": lambda: times("\ud800 "),
    "wide letters": lambda: times("\U0001f427="),
    "control characters": lambda: times("rd.osr.\x1b "),
}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_kernel_command_line(name: str) -> None:
    text = COMMAND_LINES[name]()
    assert refused_or_not(lambda: cmdline.parse(text)) < LIMIT


def node(filling: str, attributes: str = "") -> str:
    """Return a cluster.conf of one node with something in its com_info."""
    return (
        '<cluster name="a" config_version="1"><clusternodes>'
        f'<clusternode name="n" nodeid="1"{attributes}><com_info>{filling}</com_info></clusternode>'
        "</clusternodes></cluster>"
    )


def nodes(template: str) -> str:
    return f'<cluster name="a" config_version="1"><clusternodes>{many(template)}</clusternodes></cluster>'


def cluster(filling: str, attributes: str = "") -> str:
    return f'<cluster name="a" config_version="1"{attributes}>{filling}</cluster>'


EXTERNAL = '<!DOCTYPE cluster SYSTEM "x">'
ETH = '<eth name="e%d" mac="52:54:00:12:34:56" ip="10.0.0.1" mask="24" gateway="10.0.0.254"/>'
CONFS: dict[str, Callable[[], str | bytes]] = {
    "attribute": lambda: node(f'<eth name="{times("x")}"/>'),
    "attribute of 10 MB": lambda: node(f'<eth name="{10 * times("x")}"/>'),
    "attribute of control characters": lambda: node(f'<eth name="{times("&#x85;")}"/>'),
    "attribute of line ends": lambda: node(f'<eth name="{times(chr(10))}"/>'),
    "attribute of wide letters": lambda: node(f'<eth name="{times(chr(0x1F427))}"/>'),
    "attributes of ours": lambda: node(f'<eth {many("nx%d=" + chr(34) * 2 + " ")}/>'),
    "attributes of others": lambda: cluster("", many(' nx%d=""')),
    "namespaces": lambda: cluster("", many(' xmlns:n%d="x"')),
    "elements unknown": lambda: node(many("<x%d/>")),
    "elements nearly ours": lambda: node(many("<rootvolum%d/>")),
    "elements of others": lambda: cluster(many("<x%d/>")),
    "elements of others that share our letters": lambda: cluster(many("<clndusteo%d/>")),
    "elements misplaced": lambda: cluster(times("<eth/>")),
    "elements without effect": lambda: node(times("<syslog/>")),
    "links without anything": lambda: node(times("<eth/>")),
    "links": lambda: node(many(ETH)),
    "masks": lambda: node(many('<eth ip="10.0.0.1" mask="%d.2.3.4"/>')),
    "nodes of one name": lambda: nodes('<clusternode name="n" nodeid="1" votes="%d"/>'),
    "nodes": lambda: nodes(
        '<clusternode name="n%d"><com_info><rootvolume name="10.0.0.1:/r" fstype="nfs"/></com_info></clusternode>'
    ),
    "filesystems unknown": lambda: nodes(
        '<clusternode name="n" nodeid="1"><com_info><rootvolume name="x" fstype="nqs%d"/></com_info></clusternode>'
    ),
    "mount options": lambda: node(f'<rootvolume name="10.0.0.1:/r" fstype="nfs" mountopts="{times(",")}"/>'),
    "digits": lambda: node("", f' votes="{times("9")}"'),
    "address of digits": lambda: node(f'<eth ip="10.0.0.{times("1")}" mask="24"/>'),
    "address of dots": lambda: node(f'<eth ip="{times("1.")}" mask="24"/>'),
    "address of colons": lambda: node(f'<eth ip="{times(":")}" mask="64"/>'),
    "references to characters": lambda: node(f'<eth name="{times("&amp;")}"/>'),
    "reference without end": lambda: f'{EXTERNAL}<cluster name="&{times("a")}"/>',
    "references without end": lambda: f'{EXTERNAL}<cluster name="{times("&a")}"/>',
    "references to nothing": lambda: f'{EXTERNAL}<cluster name="{times("&a;")}"/>',
    "quotes": lambda: f"<cluster a={times(chr(34))}",
    "attribute without end": lambda: f'<cluster a="{times("&lt;")}',
    "name of an element": lambda: f"<{times('a')}",
    "name of colons": lambda: f"<{times('a:')}/>",
    "comment": lambda: f"<!--{times('- ')}",
    "instructions": lambda: node(times("<?a b?>")),
    "text": lambda: node(times("x\n")),
    "CDATA": lambda: node(f"<![CDATA[{times(']')}"),
    "UTF-16": lambda: node(f'<eth name="{times("x")}"/>').encode("utf-16"),
    "UTF-16 without mark": lambda: node(f'<eth name="{times("x")}"/>').encode("utf-16-le"),
    "UTF-16 of half letters": lambda: ("\ufeff" + node(times("\ud800"))).encode("utf-16-le", "surrogatepass"),
    "UTF-16 that says UTF-8": lambda: f'<?xml version="1.0" encoding="utf-8"?>{node(times("x"))}'.encode("utf-16"),
    "UTF-8 that says UTF-16": lambda: f'<?xml version="1.0" encoding="utf-16"?>{node(times("x"))}'.encode(),
    "UTF-8 that says EBCDIC": lambda: f'<?xml version="1.0" encoding="cp037"?>{node(times("x"))}'.encode(),
    "UTF-32": lambda: node(times("x")).encode("utf-32"),
    "surrogates in UTF-8": lambda: node(times("\ud800")).encode(errors="surrogatepass"),
    "overlong letters": lambda: node("").encode().replace(b"n", MB // 2 * b"\xc0\xae"),
    "marks": lambda: times("\ufeff"),
    "NULs": lambda: node("") + times("\0"),
    "NULs in front": lambda: times("\0") + node(""),
    "controls": lambda: node(times("\x01")),
    "name of an encoding": lambda: f'<?xml version="1.0" encoding="{times("x")}"?><cluster/>',
}


@pytest.mark.parametrize("name", CONFS)
def test_cluster_conf(name: str, tmp_path: Path) -> None:
    data = CONFS[name]()
    file = tmp_path / "cluster.conf"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    said: list[str] = []
    seconds = processor_time(lambda: said.append(osr("check", str(file)).out))
    assert seconds < LIMIT * max(1, file.stat().st_size // MB / 4)
    assert said[0].startswith(f"{file}:1")
    speakable(said[0])


DOCUMENTS: dict[str, Callable[[], str]] = {
    "lists": lambda: times("["),
    "lists in a plan": lambda: f'{{"format":1,"stages":{{"root":{times("[")}',
    "objects": lambda: times('{"nodes":'),
    "quotes": lambda: times('"'),
    "text": lambda: f'"{times("x")}',
    "escapes": lambda: f'{{"format":1,"name":"{times(chr(92) + "ud800")}","nodes":[]}}',
    "number": lambda: f'{{"format":{times("9")}}}',
    "keys": lambda: f'{{{many(chr(34) + "k%d" + chr(34) + ":1,")}"nodes":[]}}',
    "one key": lambda: f'{{{times(chr(34) + "format" + chr(34) + ":1,")}"nodes":[]}}',
    "nodes of nothing": lambda: lines(f"{times('{},' + chr(10))}{{}}\n]}}\n"),
    "links": lambda: lines('{"name":"a","nodeid":1,"nics":[' + times('{"name":"a"},')[:-1] + "]}\n]}\n"),
    "lines of nothing": lambda: lines(times("\n")),
    "one MAC in every node": lambda: lines(times(f'{{"name":"{MACS[0]}","nodeid":1}},\n')[:-2] + "\n]}\n"),
    "MACs in one line": lambda: lines(f'{{"name":"{times(MACS[0])}","nodeid":1}}\n]}}\n'),
    "operations": lambda: f'{{"format":1,"stages":{{"root":[{times("{},")}{{}}]}}}}',
    "operations unknown": lambda: '{"format":1,"stages":{"root":[' + times('{"op":"ops.x.Y"},') + "{}]}}",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_compiled_cluster_and_plan(name: str) -> None:
    text = DOCUMENTS[name]()
    dmi = Dmi("x", "y", "z")
    assert refused_or_not(lambda: compiled.load(text)) < LIMIT
    assert refused_or_not(lambda: compiled.select(text, macs=MACS, nodeid=1, name="a", dmi=dmi)) < LIMIT
    assert refused_or_not(lambda: plan.loads(text)) < LIMIT


MACHINES: dict[str, Callable[[], str]] = {
    "lists": lambda: times("["),
    "number": lambda: f'{{"nics":{times("9")}}}',
    "a name": lambda: f'{{"nics":[{{"name":"{times("x")}","mac":"{MACS[0]}"}}]}}',
    "a name of escapes": lambda: f'{{"nics":[{{"name":"{times(chr(92) + "u001b")}","mac":"{MACS[0]}"}}]}}',
    "a MAC": lambda: f'{{"nics":[{{"name":"x","mac":"{times("52:")}"}}]}}',
    "links": lambda: '{"nics":[' + times('{"name":"x","mac":"52:54:00:00:00:99"},')[:-1] + "]}",
    "links of a node": lambda: '{"nics":[' + times('{"name":"x","mac":"52:54:00:00:00:01"},')[:-1] + "]}",
    "serial": lambda: f'{{"dmi":{{"product_serial":"{times("x")}"}}}}',
}


@pytest.mark.parametrize("name", MACHINES)
def test_facts(name: str, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(MACHINES[name]())
    said: list[str] = []
    assert processor_time(lambda: said.append(osr("explain", GOOD, "--facts", str(file)).err)) < LIMIT
    assert "a defect" not in said[0]
