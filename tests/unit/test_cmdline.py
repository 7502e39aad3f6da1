from __future__ import annotations

import time

import pytest

from osr_boot.cmdline import parse
from osr_boot.errors import ConfigError
from osr_boot.model import Cmdline
from osr_boot.value import replace

MAC = "52:54:00:12:34:56"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Cmdline()),
        ("BOOT_IMAGE=/vmlinuz quiet splash console=ttyS0 ip=dhcp rd.shell rd.break=mount", Cmdline()),
        ("nodeid=3", Cmdline(nodeid=3)),
        ("rd.osr.nodeid=3", Cmdline(nodeid=3)),
        ("nodeid=3 rd.osr.nodeid=4", Cmdline(nodeid=4)),
        ("rd.osr.nodeid=4 nodeid=3", Cmdline(nodeid=3)),
        ("nodeid=003", Cmdline(nodeid=3)),
        ("rd.osr.node=web1", Cmdline(node="web1")),
        ('rd.osr.node="web1"', Cmdline(node="web1")),
        ("root=nfs:10.0.0.1:/r rootfstype=nfs rootflags=vers=3,ro ro",
         Cmdline(root="nfs:10.0.0.1:/r", rootfstype="nfs", rootflags="vers=3,ro", readonly=True)),
        ("ro rw", Cmdline()),
        ("rw ro", Cmdline(readonly=True)),
        ("root=a root=b", Cmdline(root="b")),
        ("root=a root=", Cmdline()),
        ("cdsltree=/a/cdsl cdsllink=/b.local cdslsharedtree=/c",
         Cmdline(cdsltree="/a/cdsl", cdsllink="/b.local", cdslsharedtree="/c")),
        ("cdsltree=a//cdsl/./", Cmdline(cdsltree="/a/cdsl")),
        ("rd.osr.timeout=30", Cmdline(timeout=30)),
        ("fsck.mode=force", Cmdline(fsck="force")),
        ("fsck.mode=skip fsck.mode=auto", Cmdline()),
        ("fastboot", Cmdline(fsck="skip")),
        ("forcefsck", Cmdline(fsck="force")),
        ("rd.skipfsck", Cmdline(fsck="skip")),
        ("rd.skipfsck=0", Cmdline()),
        ("rd.osr.debug", Cmdline(debug=True)),
        ("rd.osr.debug=1", Cmdline(debug=True)),
        ("rd.osr.debug=0", Cmdline()),
        ("rd.osr.debug rd.osr.debug=off", Cmdline()),
        ("rd.osr", Cmdline()),
        ("rd.osr=1", Cmdline()),
        ("rd.osr=0", Cmdline(enabled=False)),
        ("rd.osr=no", Cmdline(enabled=False)),
        ("rd.osr=OFF", Cmdline(enabled=False)),
        ("rd.osr=0 rd.osr=1", Cmdline()),
        ("rd.osr.break=network", Cmdline(breaks=("network",))),
        ("rd.osr.break=root rd.osr.break=cdsl", Cmdline(breaks=("root", "cdsl"))),
        ("rd.osr.break=cdsl,network rd.osr.break=cdsl", Cmdline(breaks=("cdsl", "network"))),
        ("BOOTIF=01-52-54-00-12-34-56", Cmdline(bootif=MAC)),
        ("BOOTIF=52-54-00-12-34-56", Cmdline(bootif=MAC)),
        ("BOOTIF=01:52:54:00:12:34:56", Cmdline(bootif=MAC)),
        ("BOOTIF=52:54:00:AB:CD:EF", Cmdline(bootif="52:54:00:ab:cd:ef")),
        ("BOOTIF=20" + "-0a" * 20, Cmdline(bootif=":".join(["0a"] * 20))),
        ("BOOTIF=", Cmdline()),
        # Words of others that look like ours, and nonsense.
        ("xnodeid=3 bootif=x = =3 nodeid3= NODEID=4 rd.osrx=0 cdsltree2=..", Cmdline()),
        ("systemd.x=\ud800 \x01\x02 a\u2003nodeid=3", Cmdline()),
    ],
)  # fmt: skip
def test_parse(text: str, expected: Cmdline) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ('root="a b"', "a b"),
        ('"root=a b"', "a b"),
        ('root="a nodeid=x" quiet', "a nodeid=x"),
        ('root=a" "b', 'a" "b'),
        ('root="unfinished nodeid=x', "unfinished nodeid=x"),
        ('root=""', ""),
        ('root="', ""),
        ("root='a", "'a"),
        ("root=a\tquiet\nrw", "a"),
        ("root=a=b", "a=b"),
        ('x="root=no" root=yes', "yes"),
        ("root=$(reboot)`reboot`;reboot", "$(reboot)`reboot`;reboot"),
        ("root=a\0root=b", "a"),
    ],
)
def test_quotes_are_the_kernels(text: str, root: str) -> None:
    assert parse(text).root == root


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nodeid=abc", "nodeid"),
        ("nodeid=", "nodeid"),
        ("nodeid", "nodeid"),
        ("nodeid=0", "nodeid"),
        ("nodeid=-1", "nodeid"),
        ("nodeid=1.5", "nodeid"),
        ("nodeid=\u0663", "nodeid"),
        ("nodeid=" + "1" * 10_000, "nodeid"),
        ("rd.osr.node=", "rd.osr.node"),
        ("rd.osr.node", "rd.osr.node"),
        ("cdsltree=", "cdsltree"),
        ("cdsltree=/", "cdsltree"),
        ("cdsltree=/a/../../etc", "cdsltree"),
        ("cdsllink=..", "cdsllink"),
        ("cdslsharedtree=/a\x1b[31m", "cdslsharedtree"),
    ],
)
def test_what_could_make_another_node_of_us_stops(text: str, name: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        parse(f"quiet {text} rw")
    assert caught.value.hint
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()
    assert parse(f"{text} rd.osr=0") == Cmdline(enabled=False)


@pytest.mark.parametrize(
    "text",
    [
        "rd.osr.timeout=-3",
        "rd.osr.timeout=abc",
        "rd.osr.timeout=",
        "rd.osr.timeout=0",
        "rd.osr.timeout=1e9",
        "rd.osr.timeout=" + "9" * 10_000,
        "rd.osr=maybe",
        "rd.osr.debug=maybe",
        "rd.osr.break=lunch",
        "rd.osr.break",
        "rd.osr.tiemout=3",
        "BOOTIF=eth0",
        "BOOTIF=01-52-54-00-12-34",
        "BOOTIF=01-01-00-5e-00-00-01",
        "BOOTIF=01-00-00-00-00-00-00",
        "BOOTIF=\x1b[31m",
    ],
)
def test_what_can_do_no_harm_is_a_warning(text: str) -> None:
    cmdline = parse(f"quiet {text}")
    assert len(cmdline.warnings) == 1
    assert text.partition("=")[0] in cmdline.warnings[0]
    assert cmdline.warnings[0].isprintable()
    assert len(cmdline.warnings[0]) < 200
    assert replace(cmdline, warnings=(), debug=False) == Cmdline()


@pytest.mark.parametrize("word", ["x", "a ", '"', '" ', "nodeid=7 ", "="])
def test_ten_megabytes(word: str) -> None:
    filling = word * (10_000_000 // len(word))
    begin = time.process_time()
    assert parse(f"{filling} ").timeout == 150
    assert time.process_time() - begin < 20  # the slowest took 4 s where this was written


def test_asking_for_addresses_can_be_switched_off() -> None:
    assert parse("quiet").probe
    said = parse("rd.osr.probe=0")
    assert (said.probe, said.warnings) == (False, ())
