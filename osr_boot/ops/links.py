"""Operations on network links."""

from __future__ import annotations

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from osr_boot.system import System

_NET = "/sys/class/net"
_CLUSTER = "/etc/osr/cluster.json"
_GRACE = 5.0
"""seconds for the further members of a bond, once one is there"""


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


class BringUp(Operation):
    """Find the node's links by their MAC addresses, give them their names, make what stands on them, take all up.

    Plans name links by MAC; what the kernel calls a link is looked up when this runs. What leads to the root is waited
    for, as far as the boot's deadline allows; any other link that is not there is left out, and said.
    """

    hardware: tuple[tuple[str, str, str], ...]
    """(name, MAC, name of the link toward the root that stands on it, if one does): one of each such is enough"""
    steps: tuple[tuple[str, str], ...]
    """(link that a line is about, line of `ip -batch`)"""

    def describe(self) -> str:
        """See Operation."""
        made = tuple(dict.fromkeys(name for name, _ in self.steps if name not in {name for name, *_ in self.hardware}))
        cards = ", ".join(f"{name} (MAC {mac})" for name, mac, _ in self.hardware)
        return f"bring up {cards}" + (f", and on them {', '.join(made)}" if made else "")

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("ip", "-batch", "-"),)

    def input(self) -> str:
        """Return the batch as it is where every link is there and has its name already."""
        return "".join(f"{line}\n" for _, line in self.steps)

    def execute(self, system: System) -> str:
        """See Operation. Returns the kernel's names of links that had other ones, and what is missing."""
        there = self._wait(system)
        missing = [name for name, *_ in self.hardware if name not in there]
        for name, mac, _ in self.hardware:
            if name in missing:
                system.say(f'warning: link "{name}": no link with MAC {mac} is here; going on without it')
        left_out = set(missing)
        lines = []
        for name, line in self.steps:
            words = line.split()
            if name in left_out or set(words) & left_out:
                # A VLAN goes with the link it is on; a bond or bridge stays, with what is left of its members.
                if words[:3] == ["link", "add", "link"]:
                    left_out.add(name)
                continue
            lines.append(line)
        renames = _renames(system, there)
        try:
            system.run(self.commands()[0], input="".join(f"{line}\n" for line in (*renames, *lines)))
        except CommandFailed as error:
            raise batch_failed(system, error, (*renames, *lines)) from None
        notes = [f'kernel name "{kernel}"' for name, kernel in there.items() if kernel != name]
        return ", ".join((*notes, *(f"no {name}" for name in missing)))

    def _wait(self, system: System) -> dict[str, str]:
        """Return the kernel's name of each link that is there."""
        spoken, complete_by = 0.0, 0.0
        wanted = {road for *_, road in self.hardware if road}
        while True:
            there = {name: kernel for name, mac, _ in self.hardware if (kernel := link_name(system, mac))}
            now = system.uptime()
            have = {road for name, _, road in self.hardware if name in there}
            late = [(name, mac) for name, mac, road in self.hardware if road and name not in there]
            if not late:
                return there
            if wanted <= have:
                # One member of a bond is enough to go on; the others get a moment, being plugged beside it.
                complete_by = complete_by or now + _GRACE
                if now >= complete_by:
                    return there
            elif now >= system.deadline:
                lost = ", ".join(f"{mac} ({name})" for name, mac in late)
                raise OsrError(
                    f"no link with MAC {lost} appeared",
                    hint=f"links here: {seen(system) or 'none'}; is its driver in the image, is the card in its slot?",
                )
            if now - spoken >= 10:
                names = ", ".join(f'"{name}" with MAC {mac}' for name, mac in late)
                system.say(f"waiting for link {names}")
                spoken = now
            system.pause(0.2)


class WaitCarrier(Operation):
    """Wait until one of the links has a carrier."""

    any_of: tuple[str, ...]
    seconds: int = 0
    """at most; 0: as long as the boot's deadline allows"""

    def describe(self) -> str:
        """See Operation."""
        return f"wait for carrier on {' or '.join(self.any_of)}"

    def execute(self, system: System) -> str:
        """See Operation."""
        begin = system.uptime()
        end = min(system.deadline, begin + self.seconds) if self.seconds else system.deadline
        spoken = begin
        while True:
            for name in self.any_of:
                if _read(system, f"{_NET}/{name}/carrier") == "1":
                    return f"{name} after {system.uptime() - begin:.1f} s"
            now = system.uptime()
            if now >= end:
                raise OsrError(
                    f"no carrier on {' or '.join(self.any_of)} after {now - begin:.0f} s",
                    hint=f"check the cable and the switch port{_elsewhere(system, self.any_of)}",
                )
            if now - spoken >= 5:
                system.say(f"waiting for carrier on {' or '.join(self.any_of)}, {now - begin:.0f} s so far")
                spoken = now
            system.pause(0.05)


class SetAddresses(Operation):
    """Ask the network whether somebody else has our addresses, then give them to the links, with the routes."""

    lines: tuple[str, ...]
    """of `ip -batch`"""
    asked: tuple[tuple[str, str, bool], ...]
    """(link, address, whether the root needs it) of each address that is asked about first"""

    def describe(self) -> str:
        """See Operation."""
        words = [line.split() for line in self.lines]
        given = [f"{line[2]} on {line[line.index('dev') + 1]}" for line in words if line[0] == "address"]
        given += [f"route {' '.join(line[2:])}" for line in words if line[0] == "route"]
        ask = f"ask the network who else has {', '.join(one.partition('/')[0] for _, one, _ in self.asked)}; "
        return f"{ask if self.asked else ''}set {', '.join(given)}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("ip", "-batch", "-"),)

    def input(self) -> str:
        """Return the batch."""
        return "".join(f"{line}\n" for line in self.lines)

    def execute(self, system: System) -> str:
        """See Operation. What is about a link that is not there, or an address that is taken, is left out."""
        note = ""
        taken: set[str] = set()
        if self.asked:
            from osr_boot.ops.probe import SECONDS, duplicates

            needed = {(link, address.partition("/")[0]) for link, address, toward_root in self.asked if toward_root}
            for link, address, other in duplicates(system, [(link, address) for link, address, _ in self.asked]):
                text = f"{address}, the address of {link}, is used by {other} already{_whose(system, other)}"
                if (link, address) in needed:
                    hint = "take that machine out of the network, or give one of both another address"
                    raise OsrError(text, hint=f'{hint}; probe="no" for the link uses it unasked')
                system.say(f"warning: {text}; going on without it")
                taken.add(address)
            note = f"asked for {SECONDS} s" + (f", taken: {', '.join(sorted(taken))}" if taken else "")
        lines = []
        for line in self.lines:
            words = line.split()
            link = words[words.index("dev") + 1]
            if system.exists(f"{_NET}/{link}") and words[2].partition("/")[0] not in taken:
                lines.append(line)
        if lines:
            try:
                system.run(self.commands()[0], input="".join(f"{line}\n" for line in lines))
            except CommandFailed as error:
                raise batch_failed(system, error, lines) from None
        return note


def _whose(system: System, mac: str) -> str:
    """Return in words which node has a MAC address, if the image's cluster.conf knows it."""
    from osr_boot import compiled

    try:
        found = compiled.select(system.read(_CLUSTER), macs=(mac,)).nodes
    except (OSError, OsrError):
        return ""
    return f', which is node "{found[0].name}"' if found else ""


# What the kernel says, and what helps. Source: strerror(3) as `ip` prints it.
_ANSWERS = {
    "Unknown device type": "the image has no driver for that kind of link: make it again with osr-cluster",
    "Operation not supported": "the image has no driver for that kind of link, or the card cannot do it",
    "File exists": "something made it before: rd.osr.break=network gives a shell to look",
    "Invalid argument": "the option or its value does not fit the link: correct it in cluster.conf",
    "Nexthop has invalid gateway": "the gateway is in no network of the link: correct it, or add onlink",
    "Network is unreachable": "the gateway is in no network of the link: correct it, or add onlink",
    "Numerical result out of range": "the number is too large for this card: correct it in cluster.conf",
    "mtu greater than device maximum": "the card cannot do that mtu: take a smaller one",
    "Cannot find device": "the link has gone again: is its cable, card or driver loose?",
}


def batch_failed(system: System, error: CommandFailed, lines: Sequence[str]) -> OsrError:
    """Return what to say of a batch that failed: the line, the kernel's answer, its links' MACs, what helps."""
    said = [line.strip() for line in error.output.split("\n") if line.strip()]
    number = next((int(word) for line in said if line.startswith("Command failed -:")
                   for word in [line.rpartition(":")[2]] if word.isdigit()), 0)  # fmt: skip
    answer = next((line for line in said if not line.startswith("Command failed")), error.message)
    hint = next((hint for text, hint in _ANSWERS.items() if text in answer), error.hint)
    if 0 < number <= len(lines):
        line = lines[number - 1]
        macs = [f"{word} has MAC {mac}" for word in dict.fromkeys(line.split())
                if "/" not in word and (mac := _read(system, f"{_NET}/{word}/address"))]  # fmt: skip
        whose = f" ({', '.join(macs)})" if macs else ""
        return OsrError(f"ip {line}: {answer}{whose}", hint=hint)
    return OsrError(f"ip: {answer}", hint=hint)


def _renames(system: System, there: Mapping[str, str]) -> list[str]:
    """Return the lines that give links their names, whoever has them now; two may have each other's."""
    wrong = {name: kernel for name, kernel in there.items() if kernel != name}
    lines = []
    for kernel in dict.fromkeys((*wrong.values(), *(name for name in wrong if system.exists(f"{_NET}/{name}")))):
        lines += [f"link set dev {kernel} down", f"link set dev {kernel} name {_aside(kernel)}"]
    lines += [f"link set dev {_aside(kernel)} name {name}" for name, kernel in wrong.items()]
    return lines


def _aside(kernel: str) -> str:
    """Return a name that no link has, for one that must step aside; 15 characters is the kernel's limit."""
    return f"osr-{kernel[:11]}"


def _elsewhere(system: System, links: Sequence[str]) -> str:
    """Return in words which other links have a carrier: the cable may be in the wrong socket."""
    others = [name for name in system.names(_NET) if name != "lo" and name not in links
              and _read(system, f"{_NET}/{name}/carrier") == "1"]  # fmt: skip
    return f"; {', '.join(others)} has one: is the cable in the wrong socket?" if others else ""


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
