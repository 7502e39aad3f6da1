"""Which node is this machine? Pure: a function of kernel arguments, facts and cluster. Never a guess.

1. An explicit word (`nodeid=`, `rd.osr.node=`) wins, with a warning if the hardware is another node's.
2. BOOTIF, the MAC addresses of all links, and DMI where cluster.conf names it: all must point to one node.
3. Nothing matches: not yet; a link may still appear.
"""

from __future__ import annotations

from osr_boot.errors import ConfigError, IdentityError, NotYet
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.model import Cluster, Cmdline, Facts, Link, Nic, Node

_HINT = "correct cluster.conf and make the image again; until then rd.osr.node=NAME on the kernel command line decides"
_MOST_NODES = 10
_DMI = {"product_uuid": "system UUID", "product_serial": "serial number", "chassis_asset_tag": "asset tag"}


class Identity(Value):
    """The node that this machine is, why, and what spoke against it."""

    node: Node
    because: str
    """`MAC 52:54:00:77:00:01 of link "eth0" is eth0 of node "node1"`"""
    warnings: tuple[str, ...] = ()


class Evidence(Value):
    """One thing that points to a node, in words."""

    node: Node
    text: str


def identify(cmdline: Cmdline, facts: Facts, cluster: Cluster) -> Identity:
    """Return who this machine is; `cluster` has at least all nodes that the evidence may mean.

    Raises IdentityError where the evidence is contradictory, NotYet where there is none.
    """
    word = _explicit(cmdline, cluster)
    if word:
        return Identity(word.node, word.text, tuple(_objections(word.node, cmdline, facts, cluster)))
    evidence = _hardware(cmdline, facts, cluster)
    if not evidence:
        seen = ", ".join(_seen(link) for link in facts.nics if link.name != "lo")
        raise NotYet(f"no link of this machine is in cluster.conf (links: {seen})" if seen else "no link was found")
    first = evidence[0]
    for other in evidence[1:]:
        if other.node != first.node:
            raise IdentityError(f"this machine is two nodes: {first.text}, but {other.text}", hint=_HINT)
    for objection in _dmi_objections(first.node, facts):
        raise IdentityError(f"{first.text}, but {objection}", hint=_HINT)
    return Identity(first.node, first.text + (f" (as say {len(evidence) - 1} more)" if len(evidence) > 1 else ""))


def by_word(word: str, cluster: Cluster) -> Identity:
    """Return the node of that name, else of that number, for a person who asks. Raises IdentityError."""
    if any(node.name == word for node in cluster.nodes) or not (word.isascii() and word.isdigit()):
        return Identity(_named(word, cluster), f'"{word}" was asked for')
    return Identity(_numbered(int(word[:20]), cluster), f"node id {word} was asked for")


def unknown_machine(facts: Facts, cluster: Cluster, *, bootif: str = "") -> str:
    """Return what to tell about a machine that no node matches: its links, the nodes, a stanza ready to paste."""
    links = [link for link in facts.nics if link.name != "lo" and link.mac]
    lines = ["links of this machine:"] if links else ["no link was found: is the driver in the image?"]
    lines += [f"  {_seen(link)}" for link in links]
    lines.append(f'nodes of cluster "{cluster.name}" (config_version {cluster.config_version}):')
    lines += [f'  {node.nodeid} "{node.name}" {" ".join(node.macs)}' for node in cluster.nodes[:_MOST_NODES]]
    if len(cluster.nodes) > _MOST_NODES:
        lines.append(f"  ... and {len(cluster.nodes) - _MOST_NODES:,} more")
    link = next((link for link in links if link.mac == bootif), links[0] if links else None)
    source = cluster.source or "/etc/cluster/cluster.conf"
    lines.append(f"if it takes the place of one of them, write its MAC address there in {source};")
    lines.append("if it is a new node, paste this into <clusternodes> and fill in ADDRESS:")
    lines += _stanza((link.name if link else "") or "eth0", link.mac if link else bootif or "MAC", cluster)
    lines.append("then raise config_version and make the image again; or boot it once with rd.osr.node=NAME")
    return "\n".join(lines)


def _seen(link: Link) -> str:
    return f"{link.name} {link.mac}" if link.name else link.mac


def _explicit(cmdline: Cmdline, cluster: Cluster) -> Evidence | None:
    numbered = _numbered(cmdline.nodeid, cluster) if cmdline.nodeid is not None else None
    named = _named(cmdline.node, cluster) if cmdline.node else None
    if numbered and named and numbered != named:
        raise IdentityError(
            f'kernel argument nodeid={cmdline.nodeid} is node "{numbered.name}", but rd.osr.node={cmdline.node} is not',
            hint=f"remove one of them; rd.osr.node={cmdline.node} has nodeid {named.nodeid}",
        )
    if named:
        return Evidence(named, f"kernel argument rd.osr.node={cmdline.node}")
    if numbered:
        whom = f' is node "{numbered.name}"' if numbered.name else ""
        return Evidence(numbered, f"kernel argument nodeid={cmdline.nodeid}{whom}")
    return None


def _numbered(nodeid: int, cluster: Cluster) -> Node:
    return _only([node for node in cluster.nodes if node.nodeid == nodeid], f"nodeid {nodeid}")


def _named(name: str, cluster: Cluster) -> Node:
    return _only([node for node in cluster.nodes if node.name == name], f'name "{name[:80]}"')


def _only(nodes: list[Node], what: str) -> Node:
    if not nodes:
        raise IdentityError(f"no node of cluster.conf has {what}", hint="name one that it has")
    if len(nodes) > 1:
        places = " and ".join(_place(node) for node in nodes[:2])
        raise IdentityError(f"{what} is that of {places}", hint="correct cluster.conf and make the image again")
    return nodes[0]


def _objections(node: Node, cmdline: Cmdline, facts: Facts, cluster: Cluster) -> list[str]:
    """Return what the hardware says against a node that an explicit word chose."""
    said: dict[str, None] = {}
    try:
        for evidence in _hardware(cmdline, facts, cluster):
            if evidence.node != node:
                said[f'told to be node "{node.name}", but {evidence.text}'] = None
    except ConfigError as error:
        said[f'told to be node "{node.name}"; {error.message}'] = None
    said.update({f'told to be node "{node.name}", but {text}': None for text in _dmi_objections(node, facts)})
    return list(said)


def _hardware(cmdline: Cmdline, facts: Facts, cluster: Cluster) -> list[Evidence]:
    """Return what the hardware says, strongest first. Raises IdentityError if one MAC is in two nodes."""
    owners: dict[str, list[tuple[Node, Nic]]] = {}
    for node in cluster.nodes:
        for nic in node.nics:
            if nic.mac:
                owners.setdefault(nic.mac, []).append((node, nic))
    evidence = []
    names = {link.mac: link.name for link in reversed(facts.nics)}
    for mac in dict.fromkeys((cmdline.bootif, *(link.mac for link in facts.nics))):
        found = owners.get(mac, [])
        if not found:
            continue
        if len({id(node) for node, _ in found}) > 1:
            places = " and ".join(f"{nic.name} of {_place(node, nic)}" for node, nic in found[:2])
            raise IdentityError(f"MAC {mac} is both {places}", hint=_HINT)
        node, nic = found[0]
        of = f' of link "{names[mac]}"' if names.get(mac) else ""
        booted = ", which the boot loader used," if mac == cmdline.bootif else ""
        evidence.append(Evidence(node, f'MAC {mac}{of}{booted} is {nic.name} of node "{node.name}"'))
    for field, words in _DMI.items():
        value = getattr(facts.dmi, field)
        for node in cluster.nodes if value else ():
            if getattr(node.dmi, field) == value:
                evidence.append(Evidence(node, f'{words} "{value}" is that of node "{node.name}"'))
    return evidence


def _dmi_objections(node: Node, facts: Facts) -> list[str]:
    """Return where the firmware is known to be another than cluster.conf names for the node."""
    return [
        f'its {words} is "{here}", and node "{node.name}" has "{wanted}"'
        for field, words in _DMI.items()
        if (wanted := getattr(node.dmi, field)) and (here := getattr(facts.dmi, field)) and here != wanted
    ]


def _place(node: Node, nic: Nic | None = None) -> str:
    line = (nic.line if nic else 0) or node.line
    return f'node "{node.name}"' + (f" (line {line})" if line else "")


def _stanza(link: str, mac: str, cluster: Cluster) -> list[str]:
    """Return a clusternode for a new machine, modelled on a node that is there."""
    ids = {node.nodeid for node in cluster.nodes}
    names = {name.lower() for node in cluster.nodes for name in (node.name, node.hostname)}
    # Of so many numbers at most one per node is taken as an id, and two as names: one is left.
    numbers = range(1, 3 * len(cluster.nodes) + 2)
    nodeid = next(number for number in numbers if number not in ids and f"node{number}" not in names)
    volume = next((node.rootvolume for node in cluster.nodes if node.rootvolume), None)
    like = next((nic for node in cluster.nodes for nic in node.nics if "/" in nic.address and nic.onboot), None)
    root = f'name="{_quoted(volume.name if volume else "SERVER:/PATH")}"'
    root += f' fstype="{_quoted(volume.fstype if volume else "FSTYPE")}"'
    if volume and volume.mountopts:
        root += f' mountopts="{_quoted(volume.mountopts)}"'
    if volume and not volume.shared:
        root += ' shared="no"'
    mask = like.address.partition("/")[2] if like else "MASK"
    gateway = f' gateway="{like.gateway}"' if like and like.gateway else ""
    return [
        f'  <clusternode name="node{nodeid}" nodeid="{nodeid}">',
        "    <com_info>",
        f"      <rootvolume {root}/>",
        f'      <eth name="{_quoted(link)}" mac="{mac}" ip="ADDRESS" mask="{mask}"{gateway}/>',
        "    </com_info>",
        "  </clusternode>",
    ]


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
