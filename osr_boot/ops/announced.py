"""Wait for an address that routers announce (SLAAC), and what the kernel has for addresses of IPv6."""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops import Operation
from osr_boot.ops.cards import absent, read, with_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from osr_boot.system import System

_FILE = "/proc/net/if_inet6"
_TENTATIVE, _FAILED = 0x40, 0x08  # source: the kernel's include/uapi/linux/if_addr.h
GLOBAL, LINK = "00", "20"
"""scopes of addresses; source: the kernel's include/net/ipv6.h, IPV6_ADDR_LINKLOCAL"""


class WaitAnnounced(Operation):
    """Wait until a link has an address that a router's announcement gave it. The kernel takes it by itself."""

    links: tuple[str, ...]
    """any of them will do"""

    def describe(self) -> str:
        """See Operation."""
        return f"wait for an IPv6 address on {' or '.join(self.links)}, as routers announce it"

    def execute(self, system: System) -> str:
        """See Operation. Returns the address."""
        gone = absent(system)
        links = [link for link in self.links if link not in gone]
        if not links:  # another link that may lead to the root is here
            return f"no {' or '.join(self.links)}"
        begin = spoken = system.uptime()
        while not (found := settled(system, links, GLOBAL)):
            now = system.uptime()
            if now >= system.deadline:
                hint = 'is there a router that announces a network, or does ip6="dhcp" fit better?'
                if not system.exists(_FILE):
                    hint = "the kernel has no IPv6: is ipv6.disable=1 on its command line?"
                where = " or ".join(with_mac(system, link) for link in links)
                raise OsrError(f"no router announced an IPv6 network on {where} in {now - begin:.0f} s", hint=hint)
            if now - spoken >= 5:
                where = " or ".join(with_mac(system, link) for link in links)
                system.say(f"waiting for a router's announcement on {where}, {now - begin:.0f} s so far")
                spoken = now
            system.pause(0.1)
        after = system.uptime() - begin
        return f"{found[1]}{f' on {found[0]}' if len(links) > 1 else ''} after {after:.1f} s"


def settled(system: System, links: Sequence[str], scope: str) -> tuple[str, str] | None:
    """Return (link, address) of the first address of a scope that is known to be nobody else's, if there is one."""
    # source: the kernel's net/ipv6/addrconf.c, if6_seq_show: address, index, length, scope, flags, name
    for line in read(system, _FILE).split("\n"):
        words = line.split()
        ours = len(words) == 6 and words[5] in links and words[3] == scope
        if ours and not int(words[4], 16) & (_TENTATIVE | _FAILED):
            from _socket import AF_INET6, inet_ntop

            return words[5], inet_ntop(AF_INET6, bytes.fromhex(words[0]))
    return None
