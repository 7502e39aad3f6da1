"""`eth` elements read: each becomes a Nic, and what is wrong with one of its attributes becomes a finding."""

from __future__ import annotations

import shlex

from osr_boot import linkoptions, values, vocabulary
from osr_boot.model import Finding, Nic
from osr_boot.spelling import place_of
from osr_boot.values import Unfit, shown
from osr_boot.words import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.clusterconf import Reader
    from osr_boot.document import Element

_NONE: tuple[str, ...] = ()
_KNOWN = frozenset(attribute.name for attribute in vocabulary.ETH.attributes)
_PROPERTIES = ("BONDING_OPTS", "BRIDGING_OPTS")
# Words of ifcfg files that stood among the properties, and mean an attribute of another name.
_IFCFG = {
    "IPADDR": "ip", "NETMASK": "mask", "PREFIX": "mask", "HWADDR": "mac", "IPV6ADDR": "ip6",
    "IPV6_DEFAULTGW": "gateway6", "DNS1": "dns", "DNS2": "dns",
}  # fmt: skip


def nic(reader: Reader, eth: Element, around: str) -> Nic:
    """Return a link; findings go to the reader."""
    place = place_of(eth, around)
    texts = eth.attributes
    if not texts.keys() <= _KNOWN:
        reader.doubtful.add(eth.line)  # has been said; the word may be the gateway that is missed otherwise
    kind = kind_of(texts)
    mac = reader.value(eth, place, "mac", values.hardware_address, "")
    if not texts.get("mac") and not kind:
        reader.error(eth, place, "has no mac: nothing says which link it is", "add mac=, as `ip link` shows it")
    if texts.get("slave", "").lower() == "yes" and not texts.get("master"):
        reader.error(eth, place, 'has slave="yes", but no master', 'add master="bond0", or remove slave=')
    before = len(reader.found)
    addresses = (*_addresses(reader, eth, place), *reader.value(eth, place, "ip6", values.addresses6, _NONE))
    onlink = reader.value(eth, place, "onlink", values.yes_no, False)
    # Routers are looked for in the networks of good addresses; a gateway on a link without any is found below.
    anywhere = onlink or len(reader.found) > before
    far, far6 = anywhere or not texts.get("ip"), anywhere or not addresses
    for gateway, ip in (("gateway", "ip"), ("gateway6", "ip6")):
        if texts.get(gateway) and not texts.get("ip") and not texts.get(ip):
            reader.error(eth, place, f"has a {gateway}, but no {ip}", f"add {ip}=, or remove {gateway}=")
    return Nic(
        # The names of VLANs are DEV.N; whatever the kind, the kernel must bear the name.
        name=reader.value(eth, place, "name", values.link_name, ""),
        mac=mac,
        address=next(iter(addresses), ""),
        more=addresses[1:],
        gateway=reader.value(eth, place, "gateway", lambda text: values.gateway(text, addresses, onlink=far), ""),
        gateway6=reader.value(eth, place, "gateway6", lambda text: values.gateway6(text, addresses, onlink=far6), ""),
        routes=reader.value(eth, place, "routes", lambda text: values.routes(text, addresses, onlink=anywhere), _NONE),
        dns=reader.value(eth, place, "dns", values.name_servers, _NONE),
        onboot=reader.value(eth, place, "onboot", values.yes_no, True),
        driver=reader.value(eth, place, "driver", values.module_name, ""),
        # 68: the least that IPv4 must carry (RFC 791); 65535: the most that an IP packet can have.
        mtu=reader.value(eth, place, "mtu", lambda text: values.number(text, 68, 65535), 0),
        onlink=onlink,
        kind=kind,
        master=texts.get("master", ""),
        bridge=texts.get("bridge", ""),
        options=_options(reader, eth, place, kind),
        wait=reader.value(eth, place, "linkdelay", lambda text: values.number(text, 0, 86_400), 0),
        probe=reader.value(eth, place, "probe", values.yes_no, True),
        line=eth.line,
    )


def kind_of(attributes: dict[str, str]) -> str:
    """Return what kind of link this is, by its type and its name: `bond`, `vlan`, `bridge`, or nothing."""
    name = attributes.get("name", "")
    if attributes.get("type", "").lower() == "bridge":
        return "bridge"
    if "." in name.strip("."):
        return "vlan"
    return "bond" if name.startswith("bond") and name != "bond" else ""


def _addresses(reader: Reader, eth: Element, place: str) -> tuple[str, ...]:
    """Return ip and mask as `10.0.0.1/24` each, or `dhcp`."""
    text, mask = eth.attributes.get("ip", ""), eth.attributes.get("mask", "")
    if not text:
        if mask:
            reader.error(eth, place, "has a mask, but no ip", "add ip=, or remove mask=")
        return ()
    if text.lower() == "dhcp":
        return ("dhcp",)
    found = []
    used = False
    for word in text.split():
        plain, slash, length = word.partition("/")
        if slash and mask and len(text.split()) == 1:
            reader.error(eth, place, f"has two masks: {shown(length)} in ip, {shown(mask)} in mask", "keep one of them")
            return ()
        used = used or not slash
        whole = length if slash else mask
        if whole:
            try:
                values.prefix_length(whole, 6 if ":" in plain else 4)
            except Unfit as unfit:
                reader.error(eth, place, f"mask {shown(whole)} {unfit.message}", unfit.hint)
                whole = ""
        else:
            hint = 'add mask="255.255.255.0", or whatever its network has'
            reader.error(eth, place, "has an ip, but no mask", hint)
        # Without a good mask the address is still looked at, as a host of its own.
        host = "128" if ":" in plain else "32"
        try:
            address = values.address(plain, whole or host)
            found += [address] if whole else []
        except Unfit as unfit:
            reader.error(eth, place, f"ip {shown(plain)} {unfit.message}", unfit.hint)
    return tuple(found)


def _options(reader: Reader, eth: Element, place: str, kind: str) -> tuple[str, ...]:
    """Return the options of a bond or bridge, from `options` and from properties, as `ip link add` takes them."""
    text = eth.attributes.get("options", "")
    for one in (one for group in eth.all("properties") for one in group.all("property")):
        name = one.attributes.get("name", "")
        if name.upper() in _PROPERTIES:
            text += f" {one.attributes.get('value', '')}"
        elif not one.stray:  # that has been said
            hint = _other(name)
            # Old files have properties for other tools.
            severity = "error" if hint else "warning"
            hint = hint or f"remove it; known are {', '.join(_PROPERTIES)}"
            reader.extend((Finding(one.line, severity, place_of(one, place), "is no property that is read", hint),))
    words = _words(text)
    if words and kind not in linkoptions.KNOWN:
        reader.error(eth, place, "has options, and is neither a bond nor a bridge", "remove them")
        return ()
    found: dict[str, str] = {}
    before = len(reader.found)
    for word in words:
        try:
            found.update(linkoptions.read(word, kind))
        except Unfit as unfit:
            reader.error(eth, place, unfit.message, unfit.hint)
    if kind == "bond" and len(reader.found) == before:
        for message, hint in linkoptions.refused(found):
            reader.error(eth, place, message, hint)
    # The mode comes first: other options are refused where they do not fit the one that there is.
    return tuple(f"{key} {found[key]}" for key in sorted(found, key=lambda key: key != "mode"))


def _other(name: str) -> str:
    """Return what to write instead of a property that is not read; empty if it is like nothing that is."""
    attribute = _IFCFG.get(name.upper(), name.lower())
    if attribute in _KNOWN:
        return f'write {attribute}="..." into the eth instead'
    near = nearest(name, tuple(known.lower() for known in _PROPERTIES))
    return f'did you mean "{near.upper()}"?' if near else ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
