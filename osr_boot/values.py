"""The texts of cluster.conf's attributes as values: each function takes a text and returns what the model holds.

What is wrong with a text is a predicate (`is the network address of 10.0.0.0/24`): the caller knows attribute, text
and place.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from osr_boot import mac, terminal

_ALPHANUMERIC = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

_BROADCAST = "255.255.255.255"


class Unfit(Exception):
    """The text is no such value. `message` is a predicate."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def shown(text: str) -> str:
    """Return a text in quotes, fit for a terminal: no control characters, not endless."""
    return f'"{terminal.line(text if len(text) <= 80 else f"{text[:77]}...")}"'


def yes_no(text: str) -> bool:
    """Return the truth value of `yes` or `no`, in any case."""
    word = text.lower()
    if word not in ("yes", "no"):
        raise Unfit("is neither yes nor no", hint='write "yes" or "no"')
    return word == "yes"


def number(text: str, low: int, high: int) -> int:
    """Return a decimal number from `low` to `high`."""
    if not (text.isascii() and text.isdigit()):
        raise Unfit(f"is not a whole number from {low} to {high}", hint="write digits only")
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(high)) or not low <= int(digits) <= high:
        raise Unfit(f"is not a whole number from {low} to {high}", hint=f"choose one from {low} to {high}")
    return int(digits)


def hardware_address(text: str) -> str:
    """Return a MAC address normalised: lower case, colons."""
    address = mac.normalised(text)
    if not address:
        hint = "write 6 bytes (InfiniBand: 20) in hexadecimal, as `ip link` shows them: 52:54:00:12:34:56"
        raise Unfit("is not a MAC address", hint=hint)
    if mac.is_zero(address):
        raise Unfit("is all zeros, which no card has for its own", hint="take it from `ip link` on the node")
    if mac.is_group(address):
        raise Unfit("is a multicast address, which no card has for its own", hint="take it from `ip link` on the node")
    return address


def address(text: str, mask: str) -> str:
    """Return address and mask (netmask or prefix length) as `10.0.0.1/24`. Raises Unfit about the address."""
    plain = _ip(text.partition("/")[0])
    if plain.is_unspecified or plain.is_multicast or plain.is_loopback or plain.is_reserved:
        kinds = ("unspecified", "multicast", "loopback", "reserved")
        kind = next(kind for kind in kinds if getattr(plain, f"is_{kind}"))
        raise Unfit(f"is an address that no link can have ({kind})", hint="give the node an address of its network")
    length = prefix_length(mask, plain.version)
    host_bits = plain.max_prefixlen - length
    host = int(plain) & ((1 << host_bits) - 1)
    # The two addresses of a point-to-point /31 are both the nodes' own; source: RFC 3021.
    if plain.version == 4 and host_bits > 1:
        network = f"{ipaddress.IPv4Address(int(plain) - host)}/{length}" if host + 1 in (1, 1 << host_bits) else ""
        if host == 0:
            raise Unfit(f"is the network address of {network}", hint="give the node an address of its own in there")
        if network:
            raise Unfit(f"is the broadcast address of {network}", hint="give the node an address of its own in there")
    return f"{plain}/{length}"


@lru_cache(maxsize=1024)
def prefix_length(mask: str, version: int = 4) -> int:
    """Return the length of a netmask (`255.255.255.0`) or prefix (`24`). Raises Unfit about the mask."""
    hint = 'write it as "255.255.255.0" or "24"' if version == 4 else 'write it as "64"'
    digits = mask.removeprefix("/")
    if digits.isascii() and digits.isdigit():
        limit = 32 if version == 4 else 128
        if len(digits) > 3 or not 1 <= int(digits) <= limit:
            raise Unfit(f"is not a prefix length from 1 to {limit}", hint=hint)
        return int(digits)
    try:
        bits = int(ipaddress.IPv4Address(mask))
    except ValueError:
        raise Unfit("is neither a netmask nor a prefix length", hint=hint) from None
    holes = bits ^ 0xFFFFFFFF
    if version != 4 or holes & (holes + 1) or not bits:
        raise Unfit("is not a netmask: its ones are not all in front", hint=hint)
    return bin(bits).count("1")


def addresses6(text: str) -> tuple[str, ...]:
    """Return `auto` as `auto6`, `dhcp` as `dhcp6`, and IPv6 addresses with their lengths (64 if there is none)."""
    if text.lower() in ("auto", "dhcp"):
        return (f"{text.lower()}6",)
    found = []
    for word in text.split():
        plain, _, length = word.partition("/")
        if ":" not in plain:
            raise Unfit("is not an IPv6 address", hint='write it as "fd00::1/64", "auto" or "dhcp"')
        found.append(address(plain, length or "64"))
    return tuple(found)


def gateway(text: str, links: tuple[str, ...], *, onlink: bool, further: tuple[str, ...] = ()) -> str:
    """Return a router of a link that has the addresses `links` (`10.0.0.1/24`, `dhcp`) and reaches `further` networks.

    On a link that asks for its address it cannot be told whether the router is in its network.
    """
    plain = _ip(text)
    if plain.is_unspecified or plain.is_multicast or plain.is_loopback or text == _BROADCAST:
        raise Unfit("is an address that no gateway can have", hint="give the router's address in this link's network")
    own = [ipaddress.ip_interface(link) for link in links if "/" in link]
    if any(plain == interface.ip for interface in own):
        raise Unfit("is the link's own address", hint="give the router's address, or none")
    # The kernel refuses the broadcast address ("Nexthop has invalid gateway"), onlink or not; the other is nobody's.
    for network in (interface.network for interface in own):
        if plain.version == network.version == 4 and network.prefixlen < 31:
            for edge, what in ((network.network_address, "network"), (network.broadcast_address, "broadcast")):
                if plain == edge:
                    raise Unfit(f"is the {what} address of {network}", hint="give the router's own address in there")
    asking = ("dhcp",) if plain.version == 4 else ("auto6", "dhcp6")
    # Routers of IPv6 are known by their link-local addresses.
    if onlink or any(link in asking for link in links) or (plain.version == 6 and plain.is_link_local):
        return str(plain)
    known = [interface.network for interface in own] + [ipaddress.ip_network(network) for network in further]
    networks = [network for network in known if network.version == plain.version]
    hint = 'onlink="yes" if the router is reached without being in a network of the link'
    if not networks:
        raise Unfit(f"is in no network: the link has no address of IPv{plain.version}", hint=f"add one; {hint}")
    if not any(plain in network for network in networks):
        message = f"is outside the network {networks[0]} of the link"
        raise Unfit(message, hint=f"correct router, ip or mask; {hint}")
    return str(plain)


def gateway6(text: str, links: tuple[str, ...], *, onlink: bool) -> str:
    """Return the IPv6 gateway of a link."""
    if ":" not in text:
        raise Unfit("is not an IPv6 address", hint="write it as gateway=")
    return gateway(text, links, onlink=onlink)


def no_host(text: str) -> str:
    """Return what is wrong with an address if no other machine can be reached by it alone, else nothing."""
    plain = _ip(text)
    if plain.version == 6 and plain.is_link_local:
        return "link-local"  # it leads nowhere without the name of a link
    kinds = ("unspecified", "multicast", "loopback")
    kind = next((kind for kind in kinds if getattr(plain, f"is_{kind}")), "")
    return kind or ("broadcast" if text == _BROADCAST else "")


def routes(text: str, links: tuple[str, ...], *, onlink: bool) -> tuple[str, ...]:
    """Return `10.1.0.0/16 via 10.0.0.254` or `10.1.0.0/16` for each of several with commas between.

    Their routers are in the networks of the link, or in one that a route before makes known.
    """
    found: list[str] = []
    for part in text.replace(";", ",").split(","):
        words = part.split()
        if not words:
            continue
        if len(words) not in (1, 3) or (len(words) == 3 and words[1] != "via"):
            raise Unfit(f"has {shown(part.strip())} in it", hint='write "10.1.0.0/16 via 10.0.0.254, 10.2.0.0/16"')
        network = _network(words[0])
        if len(words) == 1:
            found.append(str(network))
            continue
        router = _ip(words[2])
        if router.version != network.version:
            raise Unfit(f"leads to {network} by {router}, of the other kind of addresses", hint="correct one of them")
        try:
            gateway(words[2], links, onlink=onlink, further=tuple(one for one in found if " " not in one))
        except Unfit as unfit:
            raise Unfit(f"leads to {network} by {router}, which {unfit.message}", hint=unfit.hint) from None
        found.append(f"{network} via {router}")
    return tuple(found)


def name_servers(text: str) -> tuple[str, ...]:
    """Return addresses of name servers."""
    return tuple(str(_ip(word)) for word in text.replace(",", " ").split())


def heartbeat_regions(text: str) -> tuple[str, ...]:
    """Return the UUIDs of OCFS2's heartbeat regions, as o2cb writes them. Raises Unfit."""
    found = tuple(word.replace("-", "").upper() for word in text.split())
    for region in found:
        if len(region) != 32 or set(region) - set("0123456789ABCDEF"):
            raise Unfit(f"has something else than UUIDs: {shown(region)}", hint="`mounted.ocfs2 -d` shows them")
    if len(set(found)) < len(found) or len(found) > 32:
        raise Unfit("has one twice, or more than 32", hint="name up to 32 disks, each once")
    return found


def transport(text: str) -> str:
    """Return corosync's transport. Raises Unfit."""
    if text not in ("knet", "udpu"):
        raise Unfit("is no transport that can be used here", hint='write "knet" or "udpu", or leave it out: knet')
    return text


def cipher(text: str) -> str:
    """Return how corosync encrypts, empty for not at all. Raises Unfit."""
    return _one_of(text, ("aes128", "aes192", "aes256"))


def crypto_hash(text: str) -> str:
    """Return how corosync signs, empty for not at all. Raises Unfit."""
    return _one_of(text, ("md5", "sha1", "sha256", "sha384", "sha512"))


def _one_of(text: str, known: tuple[str, ...]) -> str:
    if text not in ("none", *known):
        raise Unfit("is unknown to corosync", hint=f"known are none, {', '.join(known)}")
    return "" if text == "none" else text


def link_name(text: str) -> str:
    """Return the name of a link that Linux, and the batch language of `ip`, can bear."""
    hint = "choose 1 to 15 letters, digits, '-', '_' and '.', such as \"eth0\""
    if not 1 <= len(text) <= 15:
        raise Unfit(f"has {len(text)} characters, and a link's name has 1 to 15", hint=hint)
    if text in (".", "..", "lo") or text[0] == "-":
        raise Unfit("is no name that a link can have", hint=hint)
    # The kernel refuses blanks, `/`, `:`, and takes % for a template (dev_valid_name, __dev_alloc_name);
    # the rest has a meaning of its own in `ip -batch`.
    if wrong := sorted({letter for letter in text if not "!" <= letter <= "~" or letter in "/:%\"'#\\"}):
        raise Unfit(f"has {shown(wrong[0])} in it, which a link's name cannot have", hint=hint)
    return text


def host_name(text: str) -> str:
    """Return a host name: labels of letters, digits and inner hyphens, with dots; source: RFC 1123, gethostname(2)."""
    hint = "use letters, digits and hyphens, and dots between parts; 64 characters at most"
    if not 1 <= len(text) <= 64:
        raise Unfit(f"has {len(text)} characters, and a host name has 1 to 64", hint=hint)
    for label in text.split("."):
        if not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-":
            raise Unfit("is not a host name", hint=hint)
        if not _ALPHANUMERIC.issuperset(label.replace("-", "")):
            raise Unfit("is not a host name", hint=hint)
    return text


def module_name(text: str) -> str:
    """Return the name of a kernel module."""
    letters = text.replace("-", "").replace("_", "")
    # 55: what the kernel's module table has room for (MODULE_NAME_LEN).
    if not letters or len(text) > 55 or text[0] == "-" or not _ALPHANUMERIC.issuperset(letters):
        raise Unfit("is not the name of a kernel module", hint="take it from `ethtool -i LINK`, without .ko")
    return text


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    _refuse_zone(text)
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Unfit(f"has a network that is none: {error}", hint='write "10.1.0.0/16 via 10.0.0.254"') from None


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    _refuse_zone(text)
    try:
        return ipaddress.IPv6Address(text) if ":" in text else ipaddress.IPv4Address(text)
    except ValueError:
        raise Unfit("is not an IP address", hint='write it as "192.168.122.171"') from None


def _refuse_zone(text: str) -> None:
    # ipaddress takes whatever is behind it, also a new line, which `ip -batch` would carry out.
    if "%" in text:
        raise Unfit("has a zone in it", hint="leave out %LINK: the link is this one")
