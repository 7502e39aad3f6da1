from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from osr_boot import clusterconf, document, findings
from osr_boot.clusterconf import parse
from osr_boot.errors import ConfigError
from osr_boot.model import Dmi, Finding, Nic, Node, Volume

WHOLE = b"""<?xml version="1.0"?>
<cluster name="demo" config_version="7" type="osr">
  <cman two_node="1" expected_votes="1"/>
  <clusternodes>
    <clusternode name="node1"
                 nodeid="1" votes="2">
      <com_info>
        <rootvolume name="10.0.0.1:/srv/root" fstype="nfs4" mountopts="noatime" mounttimes="5" mountwait="3"/>
        <eth
            name="eth0"
            mac="52-54-00-00-00-0A"
            ip="10.0.0.11" mask="255.255.255.0" gateway="10.0.0.1"
            driver="virtio_net" mtu="9000"/><eth name="eth1" mac="52:54:00:00:00:0b" onboot="No"/>
        <hostname name="web1"/>
        <dmi system_uuid="4C4C4544-0042" serial=" X1 " asset_tag="A 7"/>
      </com_info>
    </clusternode>
    <clusternode name="node2" nodeid="0002">
      <com_info>
        <rootvolume name="10.0.0.1:/srv/root" fstype="nfs4" shared="no"/>
        <eth name="ib0" mac="80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0E:8B:31" ip="10.0.9.2/32"
             gateway="10.0.0.1" onlink="yes"/>
      </com_info>
    </clusternode>
  </clusternodes>
</cluster>
"""


def errors(found: tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in found if finding.severity == "error"]


def test_everything_that_is_read() -> None:
    cluster, found = parse(WHOLE, source="cluster.conf")
    assert found == ()
    assert (cluster.name, cluster.config_version, cluster.source) == ("demo", 7, "cluster.conf")
    assert (cluster.size, cluster.digest) == (len(WHOLE), hashlib.blake2b(WHOLE, digest_size=32).hexdigest())
    assert cluster.nodes == (
        Node(
            "node1",
            1,
            nics=(
                Nic("eth0", "52:54:00:00:00:0a", "10.0.0.11/24", "10.0.0.1", True, "virtio_net", 9000, line=9),
                Nic("eth1", "52:54:00:00:00:0b", onboot=False, line=13),
            ),
            rootvolume=Volume("10.0.0.1:/srv/root", "nfs4", "noatime", 5, 3, line=8),
            hostname="web1",
            votes=2,
            dmi=Dmi("4c4c4544-0042", "X1", "A 7"),
            line=5,
        ),
        Node(
            "node2",
            2,
            nics=(
                Nic(
                    "ib0",
                    "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:0e:8b:31",
                    "10.0.9.2/32",
                    "10.0.0.1",
                    onlink=True,
                    line=21,
                ),
            ),
            rootvolume=Volume("10.0.0.1:/srv/root", "nfs4", shared=False, line=20),
            line=18,
        ),
    )


def test_lines_beyond_65535() -> None:
    data = WHOLE.replace(b"<clusternodes>", b"<clusternodes>" + b"\n" * 100_000)
    cluster, _ = parse(data.replace(b"10.0.9.2/32", b"10.0.9.2/99"))
    assert [node.line for node in cluster.nodes] == [100_005, 100_018]
    _, found = parse(data.replace(b"10.0.9.2/32", b"10.0.9.2/99"))
    assert [finding.line for finding in found] == [100_021]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-15"])
def test_encodings(encoding: str) -> None:
    text = WHOLE.decode().replace('version="1.0"', f'version="1.0" encoding="{encoding.removesuffix("-sig")}"')
    cluster, found = parse(text.encode(encoding))
    assert found == ()
    assert [node.name for node in cluster.nodes] == ["node1", "node2"]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file") as caught:
        clusterconf.read(str(tmp_path / "cluster.conf"))
    assert caught.value.hint
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("name", ["", "nul\0byte"])
def test_unreadable(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):  # a directory; no name of a file at all
        clusterconf.read(f"{tmp_path}/{name}")


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">%s]><cluster name="&m;"/>' % b"".join(
    b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in range(ord("b"), ord("n"))
)
HOSTILE = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "only NULs": (bytes(1000), "is empty"),
    "only a declaration": (b'<?xml version="1.0"?>\n', "no element"),
    "truncated": (WHOLE[: len(WHOLE) // 2], "ends"),
    "truncated before the last tag": (WHOLE[:-11], "ends before <cluster> of line 2 is closed"),
    "text": (b"Dear cluster,\nplease boot.\n", "is not XML"),
    "JSON": (b'{"nodes": []}', "is not XML"),
    "ELF": (b"\x7fELF\x02\x01\x01" + bytes(100), "is not XML"),
    "NUL in the middle": (WHOLE.replace(b"node2", b"no\0de"), "NUL"),
    "two documents": (WHOLE + WHOLE, "is not well-formed XML"),
    "Latin-1 that says it is UTF-8": (WHOLE.replace(b"demo", b"d\xe9mo"), "byte 0xe9"),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><cluster/>', "encoding"),
    "encoding that is none": (b'<?xml version="1.0" encoding="base64"?><cluster/>', "encoding"),
    "encoding of many bytes": (b'<?xml version="1.0" encoding="shift_jis"?><cluster/>', "encoding"),
    "billion laughs": (BOMB, "<!DOCTYPE [...]>"),
    "entity of a file": (
        b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><cluster name="&f;"/>',
        "<!DOCTYPE [...]>",
    ),
    "parameter entity": (
        b'<!DOCTYPE a [<!ENTITY % f SYSTEM "file:///etc/passwd"> %f;]><cluster/>',
        "<!DOCTYPE [...]>",
    ),
    "default attributes": (b'<!DOCTYPE a [<!ATTLIST eth x CDATA "1">]><cluster/>', "<!DOCTYPE [...]>"),
    "entity of an external DTD": (b'<!DOCTYPE cluster SYSTEM "c.dtd"><cluster>&f;</cluster>', "entit"),
    "entity of an external DTD in a value": (b'<!DOCTYPE cluster SYSTEM "c.dtd"><cluster name="&f;"/>', "entit"),
    "deep": (b"<cluster>" + b"<a>" * 1_000_000, "is nested deeper than 64"),
    "deep below what is not ours": (b"<cluster><rm>" + b"<a>" * 1_000_000, "is nested deeper than 64"),
    "many elements": (b"<cluster><rm>" + b"<a/>" * 2_000_000, "more than 500,000 elements"),
    "many of our elements": (
        b"<cluster><clusternodes>" + b"<clusternode/>" * 2_000_000,
        "more than 500,000 elements",
    ),
    "60 MB of junk": (bytes(range(256)) * 240_000, "is not XML"),
    "60 MB of <": (b"<" * 60_000_000, "is not well-formed XML"),
    "60 MB of text": (b"<cluster>" + b"x" * 60_000_000, "ends before <cluster>"),
    "too large": (b" " * (document.MAX_BYTES + 1), "is larger than 64 MiB"),
    "other root": (b"<kluster/>", 'the outermost element is "kluster"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_one_error_with_its_place(name: str, tmp_path: Path) -> None:
    data, message = HOSTILE[name]
    path = tmp_path / "cluster.conf"
    path.write_bytes(data)
    begin = time.process_time()
    cluster, found = clusterconf.read(str(path))
    assert time.process_time() - begin < 20  # the slowest took 2 s where this was written
    assert [finding.severity for finding in found] == ["error"]
    assert message in found[0].message
    assert found[0].line >= 1
    assert found[0].hint
    assert cluster.nodes == ()


END = b"</com_info></clusternode></clusternodes></cluster>"


@pytest.mark.programs
@pytest.mark.parametrize(
    "filling",
    [
        b'<eth name="e" mac="52:54:00:00:00:01" ip="10.0.0.1" mask="24" mtu="60" x="" y=""/>' * 480_000,
        b'<eth name="' + b"x" * 60_000_000 + b'"/>',
        b'<eth name="' + "\U0001f427".encode() * 15_000_000 + b'"/>',
        b"<eth/>" * 10_000_000,
    ],
    ids=["elements", "attribute", "wide attribute", "small elements"],
)
def test_memory_is_bounded(tmp_path: Path, filling: bytes) -> None:
    path = tmp_path / "cluster.conf"
    path.write_bytes(b"<cluster><clusternodes><clusternode><com_info>" + filling + END)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
        "from osr_boot import clusterconf; print(bool(clusterconf.read(sys.argv[1])[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_dtd_beside_the_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "c.dtd").write_text('<!ENTITY f "x">')
    path = tmp_path / "cluster.conf"
    path.write_bytes(WHOLE.replace(b"<cluster ", b'<!DOCTYPE cluster SYSTEM "c.dtd">\n<cluster ', 1))
    assert clusterconf.read(str(path))[1] == ()


def test_a_line_of_100_mb_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "cluster.conf"
    with path.open("wb") as file:
        file.truncate(10 * 1024 * 1024 * 1024)
    _, found = clusterconf.read(str(path))
    assert [finding.message for finding in found] == ["is larger than 64 MiB"]


VALUES = {
    "10 MB attribute": (b'name="eth0"', b'name="' + b"x" * 10_000_000 + b'"'),
    "10 MB number": (b'nodeid="0002"', b'nodeid="' + b"1" * 10_000_000 + b'"'),
    "10 MB address": (b'ip="10.0.0.11"', b'ip="' + b"1." * 5_000_000 + b'"'),
    "10 MB MAC": (b"52:54:00:00:00:0b", b"52:" * 3_000_000),
    "10 MB root": (b'name="10.0.0.1:/srv/root"', b'name="' + b"1." * 5_000_000 + b'"'),
    "escape sequence": (b'name="eth0"', 'name="eth\u009b31m"'.encode()),
    "right to left": (b'name="node1"', 'name="node\u202e1"'.encode()),
    "digits that are not ASCII": (b'nodeid="0002"', 'nodeid="\u0662"'.encode()),
}


@pytest.mark.parametrize("name", VALUES)
def test_hostile_value_is_an_error_that_a_terminal_bears(name: str) -> None:
    before, after = VALUES[name]
    assert before in WHOLE
    _, found = parse(WHOLE.replace(before, after, 1))
    assert errors(found)
    text = findings.as_text("cluster.conf", found)
    assert len(text) < 20_000
    assert text.replace("\n", "").isprintable()


def test_no_more_findings_than_anybody_reads() -> None:
    data = b"<cluster><clusternodes>" + b"<clusternode/>" * 70_000 + b"</clusternodes></cluster>"
    begin = time.process_time()
    _, found = parse(data)
    assert time.process_time() - begin < 5
    assert len(found) == clusterconf.MAX_FINDINGS + 1
    assert "only so many" in found[-1].message


def test_passwords_are_not_even_remembered() -> None:
    data = WHOLE.replace(
        b"<clusternodes>",
        b'<fencedevices passwd="s3cret"><fencedevice passwd="s3cret"/></fencedevices><clusternodes>',
    ).replace(b"<com_info>", b'<fence passwd="s3cret"><method name="s3cret"/></fence><com_info>')
    root = document.parse(data)

    def texts(element: document.Element) -> list[str]:
        return [*element.attributes.values(), *(text for child in element.children for text in texts(child))]

    assert "node1" in texts(root)
    assert "s3cret" not in texts(root)


def test_mac_of_a_link_that_is_not_brought_up_is_evidence() -> None:
    cluster, _ = parse(WHOLE)
    assert cluster.nodes[0].macs == ("52:54:00:00:00:0a", "52:54:00:00:00:0b")


def large(nodes: int) -> bytes:
    """Return a cluster.conf of so many nodes with 4 links each."""
    parts = ['<cluster name="large" config_version="1"><clusternodes>\n']
    for node in range(1, nodes + 1):
        parts.append(f'<clusternode name="node{node}" nodeid="{node}"><com_info>\n')
        parts.append('<rootvolume name="10.0.255.1:/srv/root" fstype="nfs4"/>\n')
        for link in range(4):
            high, low = divmod(node, 250)
            mac = f"52:54:{link:02x}:00:{node >> 8:02x}:{node & 255:02x}"
            parts.append(f'<eth name="eth{link}" mac="{mac}" ip="10.{link}.{high}.{low + 1}" mask="16"/>\n')
        parts.append("</com_info></clusternode>\n")
    return "".join([*parts, "</clusternodes></cluster>"]).encode()


def test_planted_mistakes_are_found_in_a_large_file() -> None:
    data = large(10_000).replace(b'nodeid="7000"', b'nodeid="6999"')
    data = data.replace(b'name="eth2" mac="52:54:02:00:13:88"', b'name="eth2" mac="52:54:02:00:00:01"')
    begin = time.process_time()
    cluster, found = parse(data)
    seconds = time.process_time() - begin
    assert len(cluster.nodes) == 10_000
    assert [(finding.line, finding.place) for finding in found] == [
        (2 + 7 * 4999 + 4, 'node "node5000", eth "eth2"'),
        (2 + 7 * 6999, 'node "node7000"'),
    ]
    assert "line 6" in found[0].message
    assert seconds < 20  # 1.5 s on the machine where this was written


def test_time_grows_with_the_file_and_not_faster() -> None:
    def seconds(nodes: int) -> float:
        data = large(nodes)
        begin = time.process_time()
        parse(data)
        return time.process_time() - begin

    seconds(100)
    small, ten_times = min(seconds(500) for _ in range(3)), min(seconds(5000) for _ in range(2))
    assert ten_times < 25 * small


@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\x85"])
def test_options_of_a_plain_link_that_look_like_none(blank: str) -> None:
    """What Python strips, and a shell does not split at, is a word."""
    link = f'<eth name="e1" mac="52:54:00:00:00:0c" ip="10.9.0.1" mask="24" options="{blank}"/></com_info>'
    _, found = parse(WHOLE.replace(b"</com_info>", link.encode(), 1))
    assert [one.message for one in found if one.severity == "error" and "neither a bond nor a bridge" in one.message]
