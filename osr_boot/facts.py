"""What is known of this machine, read once: the only module that imports netifaces, the only reader of DMI."""

from __future__ import annotations

import os

import netifaces

from osr_boot.model import Dmi, Facts, Link

# Firmware that nobody filled in; source: strings seen in the DMI tables of mainboards and hypervisors.
_NOTHING = ("", "none", "not specified", "to be filled by o.e.m.", "default string", "no asset tag", "unknown")


def gather(*, sys_directory: str = "/sys") -> Facts:
    """Return the links of this machine in the kernel's order, and its DMI values."""
    net = f"{sys_directory}/class/net"
    names = sorted(netifaces.interfaces(), key=lambda name: _index(f"{net}/{name}"))
    # The members of a bond all carry its address, which dracut lets the kernel draw by lot.
    macs = ((name, _text(f"{net}/{name}/bonding_slave/perm_hwaddr").lower() or _mac(name)) for name in names)
    links = tuple(Link(name, mac) for name, mac in macs if mac)
    dmi = f"{sys_directory}/class/dmi/id"
    return Facts(
        links,
        Dmi(
            product_uuid=_dmi(f"{dmi}/product_uuid").lower(),
            product_serial=_dmi(f"{dmi}/product_serial"),
            chassis_asset_tag=_dmi(f"{dmi}/chassis_asset_tag"),
        ),
    )


def _mac(name: str) -> str:
    """Return the hardware address of a link, lower case; empty for the loopback and links without one."""
    try:
        found = netifaces.ifaddresses(name).get(netifaces.AF_LINK, [])
    except ValueError:  # the link went away between the two calls
        return ""
    mac = found[0].get("addr", "").lower() if found else ""
    return mac if mac.replace("0", "").strip(":") else ""


def _index(directory: str) -> int:
    text = _text(f"{directory}/ifindex")
    return int(text) if text.isdigit() else 0


def _dmi(path: str) -> str:
    value = _text(path)
    meaningless = value.lower() in _NOTHING or not value.strip("0-. fF")
    return "" if meaningless else value


def _text(path: str) -> str:
    """Return the first line of a file, empty if it cannot be read (product_uuid is root's own)."""
    try:
        with open(os.path.realpath(path), encoding="utf-8", errors="replace") as file:
            return file.readline().strip()
    except OSError:
        return ""
