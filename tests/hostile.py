"""Hostile input: strategies for it, from plain junk to what is nearly right. properties.py says what must hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

from osr_boot import cmdline, compiled, filesystems, plan, vocabulary
from osr_boot.model import Cluster, Cmdline, Dmi, Facts, Finding, Link, Nic, Node, Volume
from osr_boot.words import Attribute, Kind
from tests.unit.command import FINDINGS

Made = st.SearchStrategy[Any]

NASTY = (
    "", " ", "\0", "\n", "\t", "\x07", "\x1b[2J", "\x7f", "\x85", "\x9b31m", "\xa0", "\u2028", "\u202e", "\ufeff",
    "\ud800", "\udcff", "\U000e0001", "\uffff", "\u0663", "\u00b2", "\u0130", "\u00df", "a\u0301", "\U0001f427", "%n",
    "$(reboot)", "`", "'", '"', '="', "\\", "&", "&amp;", "&#27;", "&#x85;", "&a;", "<", "/>", "<!--", "]]>",
    "../..", "/", "//", "-", "--", ",", ":", "::", "[", "{", "}", "0", "-1", "00", "9" * 30, "9" * 4300, "9" * 4301,
    "1e999", "NaN", "null", "true", "0x1", "1_0", "yes", "no", "dhcp", "x" * 5000, "[" * 2000, '{"a":' * 2000,
)  # fmt: skip
TEXT: st.SearchStrategy[str] = st.text(st.characters(), max_size=20) | st.sampled_from(NASTY)
JUNK: Made = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MACS = tuple(f"52:54:00:00:00:{last:02x}" for last in range(1, 7))
WORDS = ("node1", "node2", "x", "X")


def mutated(samples: Sequence[Any], junk: Made) -> Made:
    """Return samples (all text, or all bytes) in which parts are missing, twice there, or replaced by junk."""
    place = st.integers(0, 10_000)
    edit = st.tuples(place, st.integers(0, 30), st.integers(0, 2), junk)
    return st.builds(_edited, st.sampled_from(samples), st.lists(edit, max_size=4))


def _edited(sample: Any, edits: list[tuple[int, int, int, Any]]) -> Any:
    for place, length, copies, junk in edits:
        begin = place % (len(sample) + 1)
        sample = sample[:begin] + sample[begin : begin + length] * copies + junk + sample[begin + length :]
    return sample


def documents(samples: Sequence[str]) -> Made:
    """Return JSON documents: samples with broken text, samples with other values in them, and others altogether."""
    cut = st.tuples(st.lists(st.integers(-1, 20), min_size=1, max_size=6), JUNK)
    cuts = st.lists(cut, min_size=1, max_size=3)
    values = st.builds(_replaced, st.sampled_from([json.loads(sample) for sample in samples]), cuts)
    return TEXT | JUNK.map(json.dumps) | mutated(samples, TEXT) | values.map(json.dumps)


def _replaced(value: Any, cuts: list[tuple[list[int], Any]]) -> Any:
    for path, junk in cuts:
        value = _with(value, path, junk)
    return value


def _with(value: Any, path: list[int], junk: Any) -> Any:
    """Return a JSON value with junk at a place in it; a negative number in the path adds to what is there."""
    if not path or not value or not isinstance(value, (dict, list)):
        return junk
    index = path[0] % len(value)
    if isinstance(value, list):
        return [*value[:index], _with(value[index], path[1:], junk), *value[index + (path[0] >= 0) :]]
    key = list(value)[index]
    return {**value, (key if path[0] >= 0 else str(junk)): _with(value[key], path[1:], junk)}


COMMAND_LINES = mutated(
    (
        "BOOT_IMAGE=/vmlinuz quiet nodeid=1 rd.osr.node=node1 BOOTIF=01-52-54-00-00-00-01 ro",
        'root=nfs:10.0.0.1:/r rootfstype=nfs4 rootflags="vers=3,a b" rd.osr.timeout=30 rd.osr.debug=1 rw',
        "cdsltree=/a cdsllink=/b cdslsharedtree=/c rd.osr.break=root,cdsl rd.osr.nodeid=2 rd.osr=1",
    ),
    TEXT,
) | st.lists(st.builds("{}={}".format, st.sampled_from(sorted(cmdline._OURS)), TEXT) | TEXT).map(" ".join)

# --- cluster.conf

# A letter that XML does not allow would be all that is seen of a document; mutated() brings them.
NASTY_IN_XML = tuple(text for text in NASTY if not set(text) & set("\0\x07\x1b\ud800\udcff\uffff"))
# What an attribute of that name probably takes.
LIKELY = {
    "name": ("node1", "node2", "eth0", "bond0", "eth0.5", "10.0.0.1:/r", "/dev/sda1", "LABEL=x", "a b"),
    "nodeid": ("1", "2", "3"),
    "mac": (*MACS, "52-54-00-00-00-0A"),
    "ip": ("10.0.0.1", "10.0.0.2/24", "dhcp", "fd00::1", "10.0.0.255"),
    "mask": ("24", "255.255.255.0", "64"),
    "gateway": ("10.0.0.254", "10.1.0.1", "fe80::1"),
    "mtu": ("1500", "9000"),
    "transport": ("knet", "udpu"),
    "agent": ("fence_lab", "fence_ipmilan"),
    "two_node": ("0", "1"),
    "mountopts": ("noatime", "vers=3,lock", "vers=4.2,vers=3", "ro,nolock"),
}


def values_of(attribute: Attribute) -> Made:
    name = attribute.name
    if name == "fstype":
        return st.sampled_from((*filesystems.known(), *NASTY_IN_XML))
    likely = LIKELY.get(name, ("1000", "60") if attribute.form == vocabulary.NUMBER else ("yes", "no", "1"))
    return st.sampled_from(likely) | st.sampled_from((*likely, *NASTY_IN_XML))


def attributes_of(kind: Kind) -> Iterator[tuple[str, Made]]:
    """Yield the strategies for the attributes of an element and of all below it: made once, since that takes time."""
    required = {one.name: values_of(one) for one in kind.attributes if one.required}
    optional = {one.name: values_of(one) for one in kind.attributes if not one.required}
    yield kind.name, st.fixed_dictionaries(required, optional=optional)
    for child in kind.children:
        yield from attributes_of(child)


ATTRIBUTES = dict(attributes_of(vocabulary.CLUSTER))
WAY = ("clusternodes", "clusternode", "com_info")
"""always there, since what matters is below them"""
MISSPELT = st.none() | st.sampled_from(("nmae", "Name", "xml:id", "a:b"))
ALIEN = st.sampled_from(("<eht/>", "<eth/>", "<com_info/>", "text", "<!-- -->", "<?x y?>", "&#x9b;", "<a:b/>"))


@st.composite
def elements(draw: st.DrawFn, kind: Kind) -> str:
    """Return an element of a kind with what may stand in it, some of it misspelt, misplaced or nonsense."""
    attributes = dict(draw(ATTRIBUTES[kind.name]))
    if wrong := draw(MISSPELT):
        attributes[wrong] = draw(st.sampled_from(NASTY_IN_XML))
    texts = "".join(f" {name}={quoteattr(text)}" for name, text in attributes.items())
    inside = [draw(elements(child)) for child in kind.children if child.name in WAY]
    for number in draw(st.lists(st.integers(-1, len(kind.children) - 1), max_size=4)) if kind.children else ():
        inside.append(draw(elements(kind.children[number]) if number >= 0 else ALIEN))
    return f"<{kind.name}{texts}>{''.join(inside)}</{kind.name}>\n"


def a_good_conf(name: str, fstype: str, nodes: list[dict[str, Any]]) -> bytes:
    """Return a cluster.conf that probably has no error: everything that must differ does."""
    lines = [f'<cluster name={quoteattr(name)} config_version="1"><clusternodes>']
    for number, node in enumerate(nodes, 1):
        nfs = fstype.startswith("nfs")
        root = f"10.255.0.1:/srv/{node['text']}" if nfs else f"/dev/disk/by-id/{number}"
        lines.append(f'<clusternode name="node{number}" nodeid="{number * 7}" votes="{node["votes"]}"><com_info>')
        lines.append(f'<rootvolume name={quoteattr(root)} fstype="{fstype}" mountopts={quoteattr(node["mountopts"])}/>')
        if node["text"].strip():
            lines.append(f"<dmi serial={quoteattr(node['text'] + str(number))}/>")
        for link, (text, mtu, onboot) in enumerate(node["links"]):
            ip = 'ip="dhcp"' if text == "dhcp" else f'ip="10.{link}.0.{number}" mask="{text}"'
            mac = f"52:54:{link:02x}:00:00:{number:02x}"
            onboot = onboot if link else "yes"
            lines.append(f'<eth name="e{link}" mac="{mac}" {ip} mtu="{mtu}" onboot="{onboot}"/>')
        lines.append('</com_info><fence><device passwd="s3cret"/></fence></clusternode>')
    return "\n".join([*lines, "</clusternodes></cluster>", ""]).encode()


HARMLESS = st.text(st.characters(blacklist_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=12)
GOOD_CONFS = st.builds(
    a_good_conf,
    HARMLESS,
    st.sampled_from(("nfs", "nfs3", "nfs4", *filesystems.known())),
    st.lists(
        st.fixed_dictionaries(
            {
                "text": HARMLESS,
                "votes": st.integers(0, 65535),
                "mountopts": st.sampled_from(("", "noatime", "ro", "a=b,c", "$(reboot)")),
                "links": st.lists(
                    st.tuples(
                        st.sampled_from(("24", "24", "16", "255.255.0.0", "dhcp")), st.integers(68, 65535),
                        st.sampled_from(("yes", "NO", "")),
                    ),
                    min_size=1, max_size=3,
                ),
            }
        ),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
SAMPLES = {path.name: path.read_bytes() for path in sorted(FINDINGS.glob("*.conf"))}
GOOD_SAMPLES = [data for name, data in SAMPLES.items() if name.startswith("good")]
JUNK_BYTES = st.binary(max_size=20) | TEXT.map(lambda text: text.encode("utf-8", "surrogatepass"))
ELEMENTS = elements(vocabulary.CLUSTER).map(lambda text: text.encode("utf-8", "surrogatepass"))
CONFS = JUNK_BYTES | mutated([*SAMPLES.values()], JUNK_BYTES) | mutated(GOOD_SAMPLES, JUNK_BYTES) | ELEMENTS

# --- values, few of each sort, so that they meet

NAMES = st.sampled_from(("", *WORDS))
DMIS = st.builds(Dmi, NAMES, NAMES, NAMES)
NICS = st.builds(Nic, NAMES, st.sampled_from(("", *MACS)), onboot=st.booleans(), line=st.integers(0, 9))
NODES = st.builds(
    Node,
    NAMES,
    st.integers(0, 4),
    st.lists(NICS, max_size=3).map(tuple),
    st.none() | st.builds(Volume, st.just("10.0.0.1:/r"), st.just("nfs")),
    hostname=NAMES,
    dmi=st.just(Dmi()) | DMIS,
    line=st.integers(0, 9),
)
CLUSTERS = st.builds(Cluster, NAMES, st.integers(0, 3), st.lists(NODES, max_size=4).map(tuple))
LINKS = st.builds(Link, NAMES, st.sampled_from(("", *MACS)))
FACTS = st.builds(Facts, st.lists(LINKS, max_size=4).map(tuple), DMIS)
CMDLINES = st.builds(Cmdline, nodeid=st.none() | st.integers(1, 5), node=NAMES, bootif=st.sampled_from(("", "", *MACS)))
FINDINGS_MADE = st.lists(
    st.builds(Finding, st.integers(1, 9), st.sampled_from(("error", "warning")), TEXT, TEXT, TEXT), max_size=3
)

# --- documents

NODE = Node(
    "node1",
    1,
    (Nic("eth0", MACS[0], "10.0.0.11/24", "10.0.0.1", driver="virtio_net", mtu=9000, line=3), Nic("eth1", MACS[1])),
    Volume("10.0.0.9:/r", "nfs4", "noatime", 5, 3),
    hostname="web1",
    dmi=Dmi("x", "x", "x"),
    line=2,
)
CLUSTER = Cluster("demo", 7, (NODE, Node("node2", 2, (Nic("eth0", MACS[2]),), NODE.rootvolume)), "cluster.conf")
DOCUMENT = compiled.dump(CLUSTER)


def with_length(body: str) -> str:
    """Return a compiled document whose header is right about its body, so that it is searched and not decoded."""
    head = compiled.dump(Cluster("demo", 7)).partition(',"bytes":')[0]
    return f'{head},"bytes":{len(body)},"nodes":[\n{body}'


COMPILED = documents([DOCUMENT]) | mutated([DOCUMENT.partition("\n")[2]], TEXT).map(with_length)
PLANS = documents([plan.dumps(plan.make(NODE, Cmdline(), because="MAC", warnings=("w",)))])
MACHINES = documents(
    [
        json.dumps({"nics": [{"name": "eth0", "mac": MACS[0]}, {"name": "x", "mac": MACS[5]}], "dmi": vars(NODE.dmi)}),
        json.dumps({"nics": [{"name": "\x1b[2J", "mac": MACS[1]}]}),
    ]
)
