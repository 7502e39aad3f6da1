"""Operations on network links."""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

_NET = "/sys/class/net"


class LoadDriver(Operation):
    """Load the kernel module that `eth/@driver` names, before its link is looked for."""

    module: str

    def describe(self) -> str:
        """See Operation."""
        return f'load driver "{self.module}"'

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("modprobe", "--", self.module),)

    def execute(self, system: System) -> str:
        """See Operation."""
        system.run(self.commands()[0])
        return ""


class SetUp(Operation):
    """Find a link by its MAC address, give it its name, address and gateway, and take it up.

    Plans name links by MAC; what the kernel calls the link is looked up when this runs. A link that is not there yet
    is waited for, as far as the boot's deadline allows.
    """

    name: str
    mac: str
    address: str
    gateway: str
    mtu: int
    onlink: bool
    """the gateway is on the link although no address of the link reaches it"""

    def describe(self) -> str:
        """See Operation."""
        what = f" with {self.address}" if self.address else " without address"
        return f'set up link "{self.name}" (MAC {self.mac}){what}{f", gateway {self.gateway}" if self.gateway else ""}'

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("ip", "-batch", "-"),)

    def input(self) -> str:
        """Return the batch as it is for a link that has its name already."""
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        lines = [f"link set dev {self.name}{mtu} up"]
        if self.address:
            lines.append(f"address replace {self.address} dev {self.name}")
        if self.gateway:
            onlink = " onlink" if self.onlink else ""
            lines.append(f"route replace default via {self.gateway} dev {self.name}{onlink}")
        return "".join(f"{line}\n" for line in lines)

    def execute(self, system: System) -> str:
        """See Operation. Returns the kernel's name of the link where that was another."""
        kernel = self._wait(system)
        rename = ""
        if kernel != self.name:
            if system.exists(f"{_NET}/{self.name}"):  # another link has our name: it steps aside
                rename += f"link set dev {self.name} down\nlink set dev {self.name} name osr-{self.name[:11]}\n"
            rename += f"link set dev {kernel} down\nlink set dev {kernel} name {self.name}\n"
        system.run(self.commands()[0], input=rename + self.input())
        return f'kernel name "{kernel}"' if rename else ""

    def _wait(self, system: System) -> str:
        spoken = False
        while not (kernel := link_name(system, self.mac)):
            if system.uptime() >= system.deadline:
                raise OsrError(
                    f'link "{self.name}": no link with MAC {self.mac} appeared',
                    hint=f"links here: {seen(system) or 'none'}; is its driver in the image, is the card in its slot?",
                )
            if not spoken:
                system.say(f'waiting for link "{self.name}" with MAC {self.mac}')
                spoken = True
            system.pause(0.2)
        return kernel


class WaitCarrier(Operation):
    """Wait until one of the links has a carrier."""

    any_of: tuple[str, ...]

    def describe(self) -> str:
        """See Operation."""
        return f"wait for carrier on {' or '.join(self.any_of)}"

    def execute(self, system: System) -> str:
        """See Operation."""
        begin = system.uptime()
        spoken = begin
        while True:
            for name in self.any_of:
                if _read(system, f"{_NET}/{name}/carrier") == "1":
                    return f"{name} after {system.uptime() - begin:.1f} s"
            now = system.uptime()
            if now >= system.deadline:
                raise OsrError(
                    f"no carrier on {' or '.join(self.any_of)} after {now - begin:.0f} s",
                    hint="check the cable and the switch port",
                )
            if now - spoken >= 5:
                system.say(f"waiting for carrier on {' or '.join(self.any_of)}, {now - begin:.0f} s so far")
                spoken = now
            system.pause(0.05)


def link_name(system: System, mac: str) -> str:
    """Return the kernel's name of the link with that MAC address, empty if there is none.

    A bond or VLAN carries the address of the link below it: the one with a device behind it is meant.
    """
    found = [name for name in system.names(_NET) if _read(system, f"{_NET}/{name}/address") == mac]
    hardware = [name for name in found if system.exists(f"{_NET}/{name}/device")]
    return (hardware or found or [""])[0]


def seen(system: System) -> str:
    """Return the links that are there, for a message."""
    links = [(name, _read(system, f"{_NET}/{name}/address")) for name in system.names(_NET) if name != "lo"]
    return ", ".join(f"{name} {mac}" for name, mac in links)


def _read(system: System, path: str) -> str:
    """Return the text of a /sys file without its newline; empty while the link is down or gone."""
    try:
        return system.read(path).strip()
    except OSError:
        return ""
