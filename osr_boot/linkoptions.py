"""The options of bonds and bridges: which there are, what values they have, and which of them refuse each other. Pure.

Source: `man ip-link`; the tables of iproute2's ip/iplink_bond.c and ip/iplink_bridge.c; the kernel's
Documentation/networking/bonding.rst, drivers/net/bonding/bond_options.c (`unsuppmodes`) and bond_netlink.c.
What one of them refuses ends a boot, so it is said before.
"""

from __future__ import annotations

import re

from osr_boot import values
from osr_boot.values import Unfit, shown
from osr_boot.words import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
# Each word may be written as its number, which is its place here.
_WORDS = {
    "mode": MODES,
    "arp_validate": ("none", "active", "backup", "all", "filter", "filter_active", "filter_backup"),
    "arp_all_targets": ("any", "all"),
    "primary_reselect": ("always", "better", "failure"),
    "fail_over_mac": ("none", "active", "follow"),
    "xmit_hash_policy": ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"),
    "lacp_rate": ("slow", "fast"),
    "lacp_active": ("off", "on"),
    "ad_select": ("stable", "bandwidth", "count"),
}
_MOST = 2**31 - 1
# From, to.
_NUMBERS = {
    "miimon": (0, _MOST), "updelay": (0, _MOST), "downdelay": (0, _MOST), "peer_notify_delay": (0, 300_000),
    "use_carrier": (0, 1), "arp_interval": (0, _MOST), "resend_igmp": (0, 255), "num_grat_arp": (0, 255),
    "num_unsol_na": (0, 255), "all_slaves_active": (0, 1), "min_links": (0, _MOST), "lp_interval": (1, _MOST),
    "packets_per_slave": (0, 65535), "ad_user_port_key": (0, 1023), "ad_actor_sys_prio": (1, 65535),
    "tlb_dynamic_lb": (0, 1),
    "stp_state": (0, 1), "ageing_time": (0, 2**32 - 1), "priority": (0, 65535), "vlan_filtering": (0, 1),
    "vlan_default_pvid": (0, 4094), "mcast_snooping": (0, 1), "mcast_querier": (0, 1),
}  # fmt: skip
# 1/100 s (USER_HZ), where brctl and ifcfg files had seconds; source: the kernel's BR_MIN_... and BR_MAX_...
_TIMES = {"hello_time": (100, 1000), "max_age": (600, 4000), "forward_delay": (200, 3000)}
KNOWN = {
    "bond": (
        "mode", "miimon", "updelay", "downdelay", "peer_notify_delay", "use_carrier", "arp_interval", "arp_validate",
        "arp_all_targets", "arp_ip_target", "primary", "primary_reselect", "fail_over_mac", "xmit_hash_policy",
        "resend_igmp", "num_grat_arp", "num_unsol_na", "all_slaves_active", "min_links", "lp_interval",
        "packets_per_slave", "lacp_rate", "lacp_active", "ad_select", "ad_user_port_key", "ad_actor_sys_prio",
        "ad_actor_system", "tlb_dynamic_lb",
    ),
    "bridge": (
        "stp_state", "forward_delay", "hello_time", "max_age", "ageing_time", "priority", "vlan_filtering",
        "vlan_default_pvid", "mcast_snooping", "mcast_querier",
    ),
}  # fmt: skip
# Names of old: those of ifcfg files, brctl and module parameters.
_OLD_NAMES = {"stp": "stp_state", "max_bonds": ""}
_OLD_VALUES = {"stp_state": {"on": "1", "yes": "1", "off": "0", "no": "0"}}
_ONE_ACTIVE = ("active-backup", "balance-tlb", "balance-alb")
_NO_PROTOCOL = ("balance-rr", "active-backup", "balance-xor", "broadcast")
_MODES_OF = {
    "primary": _ONE_ACTIVE,
    "packets_per_slave": ("balance-rr",),
    "arp_interval": _NO_PROTOCOL,
    "arp_validate": _NO_PROTOCOL,
    "tlb_dynamic_lb": ("balance-tlb", "balance-alb"),
    **dict.fromkeys(
        ("lacp_rate", "lacp_active", "ad_actor_sys_prio", "ad_actor_system", "ad_user_port_key"), ("802.3ad",)
    ),
}


def read(word: str, kind: str) -> dict[str, str]:
    """Return `KEY=value` of a bond or bridge as `ip link add` takes it; nothing of what has no meaning any more.

    Raises Unfit, whose message names the option.
    """
    key, equals, value = word.partition("=")
    key = _OLD_NAMES.get(key.lower(), key.lower())
    if not key:
        return {}
    if not equals or key not in KNOWN[kind]:
        raise Unfit(f"option {shown(word)} is none of a {kind}", hint=_among(key, KNOWN[kind]))
    value = _OLD_VALUES.get(key, {}).get(value, value)
    if key in _WORDS:
        return {key: _word(key, value, kind)}
    if not re.fullmatch(r"[A-Za-z0-9_.,:+-]{1,200}", value) or value.startswith("-"):
        raise Unfit(f"option {shown(word)} has a value that nobody means", hint="write KEY=value")
    try:
        return {key: _value(key, value)}
    except Unfit as unfit:
        raise Unfit(f"option {key} {shown(value)} {unfit.message}", hint=unfit.hint) from None


def refused(options: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (message, hint) of the options of a bond that the kernel refuses beside its mode and the others."""
    mode = options.get("mode", MODES[0])
    for key in options:
        if mode not in _MODES_OF.get(key, MODES):
            hint = f"remove it, or choose mode={', mode='.join(_MODES_OF[key])}"
            yield f"option {key} is refused by a bond of mode {mode}", hint
    arp = options.get("arp_interval", "0") != "0"
    # A bond that nothing is said of is watched by miimon=100: network.py.
    mii = options.get("miimon", "0" if "arp_interval" in options else "100") != "0"
    if arp and mii:
        yield "options arp_interval and miimon refuse each other", "keep one of them"
    elif mii and options.get("arp_validate", "none") != "none":
        yield "option arp_validate is refused by a bond that miimon watches", "give arp_interval instead of miimon"
    for key in ("updelay", "downdelay", "peer_notify_delay"):
        if key in options and not mii:
            yield f"option {key} is refused by a bond that miimon does not watch", "remove it, or give miimon=100"


def _word(key: str, value: str, kind: str) -> str:
    words = _WORDS[key]
    if value.isascii() and value.isdigit() and len(value) < 3 and int(value) < len(words):
        return words[int(value)]
    if value not in words:
        raise Unfit(f"{key} {shown(value)} is none of a {kind}", hint=_among(value, words))
    return value


def _value(key: str, text: str) -> str:
    """Return the value of an option that is no word out of a few. Raises Unfit about the value."""
    if key in _NUMBERS:
        return str(values.number(text, *_NUMBERS[key]))
    if key in _TIMES:
        low, high = _TIMES[key]
        try:
            # No delay: the port of a bridge that has no spanning tree forwards at once.
            return text if key == "forward_delay" and text == "0" else str(values.number(text, low, high))
        except Unfit as unfit:
            hint = f"the unit is 1/100 s: write {low} to {high} for {low // 100} to {high // 100} s"
            if text in map(str, range(low // 100, high // 100 + 1)):
                hint = f"the unit is 1/100 s: write {text}00 for {text} s"
            raise Unfit(unfit.message, hint=hint) from None
    if key == "arp_ip_target":
        targets = values.name_servers(text)
        if any(":" in target for target in targets):
            raise Unfit("has an IPv6 address in it", hint="write IPv4 addresses with commas between")
        return ",".join(targets)
    return values.hardware_address(text) if key == "ad_actor_system" else text


def _among(word: str, known: tuple[str, ...]) -> str:
    near = nearest(word, known)
    return f'did you mean "{near}"?' if near else f"known are {', '.join(known)}"
