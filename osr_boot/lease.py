"""What a DHCP client calls when it has an answer: writes down the part of it that a boot may use, and does nothing.

The clients hand an answer over as environment variables. Whoever answered wrote them, so they are texts here and stay
texts: no shell sees them, and the agent takes nothing from them but addresses.
"""

from __future__ import annotations

import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DIRECTORY = "/run/osr/dhcp"
_LONGEST = 1000
# What each client calls it; source: man dhclient-script, man dhcpcd-run-hooks, busybox's networking/udhcp.
_NAMES = {
    "address": ("new_ip_address", "ip"),
    "mask": ("new_subnet_mask", "subnet"),
    "routers": ("new_routers", "router"),
    "dns": ("new_domain_name_servers", "dns"),
    "seconds": ("new_dhcp_lease_time", "lease"),
    "address6": ("new_ip6_address", "new_dhcp6_ia_na1_ia_addr1", "ipv6"),
    "dns6": ("new_dhcp6_name_servers",),
    "root": ("new_root_path", "rootpath"),
}
# Every name that `values.link_name` allows, and so no "/": the name becomes a file's. Not imported: this starts often.
_LINK = re.compile(r"[!$&(-.0-9;-\[\]-~]{1,15}")
_GOOD = {"BOUND", "RENEW", "REBIND", "REBOOT", "BOUND6", "RENEW6", "REBIND6", "REBOOT6", "bound", "renew"}


def main(words: list[str], environment: Mapping[str, str]) -> int:
    """Write DIRECTORY/LINK-FAMILY.json if there is an answer. Returns 0."""
    reason = environment.get("reason", words[0] if words else "")
    link = environment.get("interface", "")
    if reason not in _GOOD or not _LINK.fullmatch(link) or link in (".", "..") or link[0] == "-":
        return 0
    found = {name: _text(environment[one]) for name, ones in _NAMES.items() for one in ones if environment.get(one)}
    family = "6" if "address6" in found and "address" not in found else "4"
    if family == "6" and "dns" in found:  # udhcpc6 has one word for both kinds
        found.setdefault("dns6", found.pop("dns"))
    os.makedirs(DIRECTORY, exist_ok=True)
    path = f"{DIRECTORY}/{link}-{family}.json"
    with open(f"{path}.new", "w", encoding="utf-8", errors="replace") as file:
        json.dump(found, file)
    os.replace(f"{path}.new", path)
    return 0


def _text(text: str) -> str:
    """Return a text that is neither endless nor anything but ASCII: of what we take, everything is."""
    return text[:_LONGEST].encode("ascii", "replace").decode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
