"""Operations on network links."""

from __future__ import annotations

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops import Operation, batch
from osr_boot.ops.cards import MISSING, NET, absent, is_card, link_name, read, renames, seen, settled, with_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from osr_boot.system import System

_CONF = "/proc/sys/net/ipv6/conf"
_GRACE = 5.0
"""seconds for the other links that lead to the root, once one is there, and for the other end of an aggregate"""
_UDEV = 2.0
"""seconds for udev to have done with a link that has appeared"""


class LoadDriver(Operation):
    """Load the kernel module that `eth/@driver` names, before its link is looked for."""

    module: str
    links: tuple[str, ...]
    """whose driver it is"""

    def describe(self) -> str:
        """See Operation."""
        return f'load driver "{self.module}" of {", ".join(self.links)}'

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (("modprobe", "--", self.module),)

    def execute(self, system: System) -> str:
        """See Operation. Without it the links may be there all the same; whoever waits for them names them."""
        try:
            system.run(self.commands()[0])
        except CommandFailed as error:
            said = (error.output or error.message).strip().split("\n")[-1]
            text = f'the driver "{self.module}" of {", ".join(self.links)} cannot be loaded: {said}'
            system.say(f"warning: {text}; is it in the image, made for this kernel?")
            return text
        return ""


class BringUp(Operation):
    """Find the node's links by their MAC addresses, give them their names, make what stands on them, take all up.

    Plans name links by MAC; what the kernel calls a link is looked up when this runs. What leads to the root is waited
    for, as far as the boot's deadline allows; any other link that is not there is left out, and said. It can be done
    again: what it made before goes first. The names of what is left out are noted: another card may have one of them.
    """

    hardware: tuple[tuple[str, str, str], ...]
    """(name, MAC, name of the link toward the root that stands on it, if one does): one of each such is enough"""
    steps: tuple[tuple[str, str], ...]
    """(link that a line is about, line of `ip -batch`)"""
    needed: tuple[str, ...]
    """links toward the root, and those they stand on"""
    announced: tuple[str, ...]
    """links that listen to what routers announce; no other does"""

    def describe(self) -> str:
        """See Operation."""
        cards = ", ".join(f"{name} (MAC {mac})" for name, mac, _ in self.hardware)
        made = ", ".join(self._made())
        return f"bring up {cards}" + (f", and on them {made}" if made else "")

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (batch.ARGV,)

    def input(self) -> str:
        """Return the batch as it is where every link is there and has its name already."""
        return "".join(f"{line}\n" for _, line in self.steps)

    def execute(self, system: System) -> str:
        """See Operation. Returns the kernel's names of links that had other ones, and what is missing."""
        there = self._wait(system)
        missing = self._missing(system, there)
        made = self._made()
        old = [name for name in reversed(made) if system.exists(f"{NET}/{name}")]
        # A card may have the name by which we call a bridge on it.
        gone = [(name, f"link del dev {name}") for name in old
                if name not in there.values() and not is_card(system, name)]  # fmt: skip
        names = renames(system, there, [name for name in made if name not in missing])
        lines = [*gone, *names, *batch.without(self.steps, set(missing))]
        if any(" type bond " in line for _, line in lines) and not system.exists(f"{NET}/bonding_masters"):
            self._load_bonding(system)
        with _Announcements(system, there.values(), self.announced):
            _note(system, missing)
            given_up = batch.run(system, lines, self.needed)
            _note(system, [*missing, *(name for name in given_up if not self._has(system, name))])
        notes = [f'kernel name "{kernel}"' for name, kernel in there.items() if kernel != name]
        return ", ".join((*notes, *(f"no {name}" for name in (*missing, *given_up))))

    def _missing(self, system: System, there: Mapping[str, str]) -> list[str]:
        """Return, and say, which links are not here, with those that would stand on nothing else."""
        cards = [(name, mac) for name, mac, _ in self.hardware if name not in there]
        for name, mac in cards:
            system.say(f'warning: link "{name}": no link with MAC {mac} is here; going on without it')
        missing = [name for name, _ in cards]
        standing = batch.hollow(self.steps, missing)
        if standing:
            system.say(f"warning: {', '.join(standing)} would stand on nothing that is here; going on without")
        return [*missing, *standing]

    def _has(self, system: System, name: str) -> bool:
        """Say whether a link that was given up is there, and not another one under its name."""
        mac = next((mac for card, mac, _ in self.hardware if card == name), "")
        return link_name(system, mac) == name if mac else system.exists(f"{NET}/{name}")

    def _made(self) -> tuple[str, ...]:
        """Return what is made on the cards, in this order."""
        cards = {name for name, *_ in self.hardware}
        return tuple(dict.fromkeys(name for name, _ in self.steps if name not in cards))

    def _load_bonding(self, system: System) -> None:
        """Load the driver without the bond that it makes by itself, which may have our name."""
        try:
            system.run(("modprobe", "bonding", "max_bonds=0"))
        except CommandFailed:  # it is in the kernel, or nowhere: the batch will tell
            return

    def _wait(self, system: System) -> dict[str, str]:
        """Return the kernel's name of each link that is there."""
        spoken, complete_by = 0.0, 0.0
        begun: dict[str, float] = {}
        while True:
            now = system.uptime()
            there = {name: kernel for name, mac, _ in self.hardware if (kernel := link_name(system, mac))}
            # A link that has just appeared may still be renamed under our hands.
            there = {name: kernel for name, kernel in there.items()
                     if settled(system, kernel) or now >= begun.setdefault(name, now) + _UDEV}  # fmt: skip
            late = [(name, mac) for name, mac, road in self.hardware if road and name not in there]
            if not late and not begun.keys() - there.keys():
                return there
            if any(road and name in there for name, _, road in self.hardware):
                # One is enough to go on; the others get a moment, being plugged beside it.
                complete_by = complete_by or now + _GRACE
                if now >= complete_by:
                    return there
            elif now >= system.deadline:
                lost = ", ".join(f"{mac} ({name})" for name, mac in late)
                raise OsrError(
                    f"no link with MAC {lost} appeared",
                    hint=f"links here: {seen(system) or 'none'}; is its driver in the image, is the card in its slot?",
                )
            if late and now - spoken >= 10:
                names = ", ".join(f'"{name}" with MAC {mac}' for name, mac in late)
                system.say(f"waiting for link {names}")
                spoken = now
            system.pause(0.2)


class _Announcements:
    """While links are made: none listens to routers but those that shall, from their first moment on.

    Whoever can send a packet to a link could otherwise give it an address, and a default route beside ours.
    """

    def __init__(self, system: System, cards: Iterable[str], listening: tuple[str, ...]) -> None:
        self._system, self._cards, self._listening = system, tuple(cards), listening
        self._was = ""

    def __enter__(self) -> None:
        self._was = read(self._system, f"{_CONF}/default/accept_ra")
        if self._was:  # there is IPv6
            for name in ("default", *self._cards):
                self._system.write(f"{_CONF}/{name}/accept_ra", "0\n")

    def __exit__(self, *_: object) -> None:
        if not self._was:
            return
        # The kernel asks for an announcement when its own address has proven to be free, a second from now.
        ours = [name for name in self._listening if name not in absent(self._system)]
        listening = {name: "1" for name in ours if self._system.exists(f"{_CONF}/{name}")}
        for name, value in {"default": self._was, **listening}.items():
            self._system.write(f"{_CONF}/{name}/accept_ra", f"{value}\n")


def _note(system: System, missing: list[str]) -> None:
    """Leave for whoever comes later which links are not here."""
    if missing:
        system.write(MISSING, "".join(f"{name}\n" for name in missing))
    else:
        system.remove(MISSING)


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
        spoken, alone_until = begin, 0.0
        gone = absent(system)
        here = [name for name in self.any_of if name not in gone]
        while True:
            now = system.uptime()
            up = [name for name in here if read(system, f"{NET}/{name}/carrier") == "1"]
            for name in up:
                # An aggregate has a carrier before its other end has answered, and carries nothing till then.
                if read(system, f"{NET}/{name}/bonding/ad_partner_mac") != "00:00:00:00:00:00":
                    return f"{name} after {now - begin:.1f} s"
            if up:
                alone_until = alone_until or now + _GRACE
                if now >= alone_until:
                    return f"{up[0]} after {now - begin:.1f} s, and no answer by LACP"
            elif now >= end:
                from osr_boot.ops.probe import carriers

                names = " or ".join(with_mac(system, name) for name in here)
                others = ", ".join(carriers(system, here))
                hint = f"; {others} has one: is the cable in the wrong socket?" if others else ""
                raise OsrError(
                    f"no carrier on {names} after {now - begin:.0f} s",
                    hint=f"check the cable and the switch port{hint}",
                )
            if now - spoken >= 5:
                system.say(f"waiting for carrier on {' or '.join(here)}, {now - begin:.0f} s so far")
                spoken = now
            system.pause(0.05)


class SetAddresses(Operation):
    """Ask the network whether somebody else has our addresses, then give them to the links, with the routes."""

    lines: tuple[str, ...]
    """of `ip -batch`"""
    asked: tuple[tuple[str, str], ...]
    """(link, address) of each address that is asked about first"""
    gateways: tuple[tuple[str, str], ...]
    """(link, gateway) of each that should answer then"""
    needed: tuple[str, ...]
    """links toward the root"""

    def describe(self) -> str:
        """See Operation."""
        words = [line.split() for line in self.lines]
        given = [f"{line[2]} on {line[line.index('dev') + 1]}" for line in words if line[0] == "address"]
        given += [f"route {' '.join(line[2:])}" for line in words if line[0] == "route"]
        ask = f"ask the network who else has {', '.join(one.partition('/')[0] for _, one in self.asked)}; "
        return f"{ask if self.asked else ''}set {', '.join(given)}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (batch.ARGV,)

    def input(self) -> str:
        """Return the batch."""
        return "".join(f"{line}\n" for line in self.lines)

    def execute(self, system: System) -> str:
        """See Operation. What is about a link that is not there, or an address that is taken, is left out."""
        from osr_boot.ops.addresses import ask, in_order, prove

        gone = absent(system)
        asked = [one for one in self.asked if one[0] not in gone]
        taken, unasked, note = ask(system, asked, [one for one in self.gateways if one[0] not in gone], self.needed)
        lines = []
        for line in self.lines:
            words = line.split()
            link = words[words.index("dev") + 1]
            if link in gone or not system.exists(f"{NET}/{link}"):
                continue
            # Without its address a link may be in no network, and a route by it would only fail.
            without = any(link == on for on, _ in taken)
            if without and (words[0] == "route" or (link, words[2].partition("/")[0]) in taken):
                continue
            # What we could not ask, the kernel shall.
            lines.append((link, line.removesuffix(" nodad") if link in unasked else line))
        left_out = batch.run(system, in_order(system, lines), self.needed)
        prove(system, [one for one in lines if one[0] in unasked and one[0] in self.needed])
        return ", ".join(filter(None, (note, *(f"not all of {name}" for name in left_out))))
