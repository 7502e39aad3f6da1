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
# What each client calls it; source: man dhclient-script, man dhcpcd-run-hooks, busybox's udhcpc.
_NAMES = {
    "address": ("new_ip_address", "ip"),
    "mask": ("new_subnet_mask", "subnet"),
    "routers": ("new_routers", "router"),
    "dns": ("new_domain_name_servers", "dns"),
    "seconds": ("new_dhcp_lease_time", "lease"),
    "address6": ("new_ip6_address", "new_dhcp6_ia_na1_ia_addr1"),
    "dns6": ("new_dhcp6_name_servers",),
    "root": ("new_root_path", "rootpath"),
}
_GOOD = {"BOUND", "RENEW", "REBIND", "REBOOT", "BOUND6", "RENEW6", "REBIND6", "bound", "renew"}


def main(words: list[str], environment: Mapping[str, str]) -> int:
    """Write DIRECTORY/LINK.json if there is an answer. Returns 0."""
    reason = environment.get("reason", words[0] if words else "")
    link = environment.get("interface", "")
    if reason not in _GOOD or not re.fullmatch(r"[A-Za-z0-9_.@-]{1,15}", link) or link.startswith("."):
        return 0
    found = {name: environment[one][:_LONGEST] for name, ones in _NAMES.items() for one in ones if environment.get(one)}
    family = "6" if "address6" in found else "4"
    os.makedirs(DIRECTORY, exist_ok=True)
    path = f"{DIRECTORY}/{link}-{family}.json"
    with open(f"{path}.new", "w", encoding="utf-8", errors="replace") as file:
        json.dump(found, file)
    os.replace(f"{path}.new", path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
