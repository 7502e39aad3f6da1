"""Wait for an address that routers announce (SLAAC)."""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

_TENTATIVE, _FAILED = 0x40, 0x08  # source: the kernel's include/uapi/linux/if_addr.h


class WaitAnnounced(Operation):
    """Wait until a link has an address that a router's announcement gave it. The kernel takes it by itself."""

    link: str

    def describe(self) -> str:
        """See Operation."""
        return f"wait for an IPv6 address on {self.link}, as routers announce it"

    def execute(self, system: System) -> str:
        """See Operation. Returns the address."""
        begin = spoken = system.uptime()
        while True:
            # source: the kernel's net/ipv6/addrconf.c, if6_seq_show: address, index, length, scope, flags, name
            for line in system.read("/proc/net/if_inet6").split("\n"):
                words = line.split()
                ours = len(words) == 6 and words[5] == self.link and words[3] == "00"
                if ours and not int(words[4], 16) & (_TENTATIVE | _FAILED):
                    text = ":".join(words[0][place : place + 4] for place in range(0, 32, 4))
                    return f"{text} after {system.uptime() - begin:.1f} s"
            now = system.uptime()
            if now >= system.deadline:
                hint = 'is there a router that announces a network, or does ip6="dhcp" fit better?'
                raise OsrError(f"no router announced an IPv6 network on {self.link} in {now - begin:.0f} s", hint=hint)
            if now - spoken >= 5:
                system.say(f"waiting for a router's announcement on {self.link}, {now - begin:.0f} s so far")
                spoken = now
            system.pause(0.1)
