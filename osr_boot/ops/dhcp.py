"""Ask for addresses by DHCP: on which links, in which order, and for how long."""

from __future__ import annotations

from osr_boot.errors import OsrError
from osr_boot.ops import Operation, batch
from osr_boot.ops.cards import NET, absent, read
from osr_boot.ops.clients import CLIENTS, argv
from osr_boot.ops.request import Failed, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

_TURN = 10.0
"""seconds for an attempt, unless there is nothing else to try"""
_GRACE = 5.0
"""seconds for a carrier, where the boot can go on without"""
_MARGIN = 5.0
"""seconds before the deadline in which no further attempt is begun"""


class AskAddress(Operation):
    """Ask for addresses, and give them to their links. Each link with a carrier is asked once; then one is enough."""

    links: tuple[tuple[str, str, int, bool, bool], ...]
    """(link, its MAC, 4 or 6, ask the network whether somebody else has the address, routers may be in no network)"""
    lines: tuple[str, ...]
    """of `ip -batch`, each after its link's address: what makes sense only with it"""
    needed: bool
    """True: the links lead to the root, and the boot goes on when one has an address, or one of the following is ready.
    False: it goes on without an answer"""
    known: tuple[str, ...]
    """links that lead there with addresses of cluster.conf: ready with a carrier"""
    announced: tuple[str, ...]
    """links that lead there with what routers announce: ready with an address"""

    def describe(self) -> str:
        """See Operation."""
        word = " or " if self.needed else " and "
        links = {family: word.join(one.where for one in self._requests() if one.family == family) for family in (4, 6)}
        asked = [f"an IPv{family} address on {where}" for family, where in links.items() if where]
        return f"ask for {word.join(asked)} by DHCP"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation. The first client's, or what the image has; `ip` gets an address and then its `lines`."""
        first = [argv(CLIENTS[one.family][0], one.link, one.family, one.path, one.mac) for one in self._requests()]
        return (*first, batch.ARGV)

    def input(self) -> str:
        """Return what is known beforehand of the batches."""
        return "".join(f"{line}\n" for line in self.lines)

    def execute(self, system: System) -> str:
        """See Operation. Returns what was answered."""
        gone = absent(system)
        every = [one for one in self._requests() if one.link not in gone]
        others = [link for link in (*self.known, *self.announced) if link not in gone]
        waiting = list(every)
        attempts = dict.fromkeys(every, 0)
        notes: dict[Request, str] = {}
        failed: dict[Request, Failed] = {}
        begin = spoken = system.uptime()
        while True:
            # The turn of the others comes when they have a carrier.
            for one in [one for one in waiting if _may_send(system, one)]:
                ready = bool(notes) or self._is_ready(system, others)
                most = max(_TURN, min(60.0, system.deadline - system.uptime()))
                attempts[one] += 1
                try:
                    notes[one] = one.ask(system, attempts[one], _TURN if ready or len(waiting) > 1 else most)
                    waiting.remove(one)
                except Failed as error:
                    failed[one] = error
                    if error.last:
                        waiting.remove(one)
                    elif not ready and system.uptime() + _MARGIN < system.deadline:
                        system.say(f"DHCP on {one.where}: attempt {attempts[one]}: {error.why}; again")
                        spoken = system.uptime()
            if notes or self._is_ready(system, others):
                waiting = [one for one in waiting if one not in failed]
                if not waiting or system.uptime() >= begin + _GRACE:
                    return self._told(system, every, notes, failed)
                system.pause(0.2)
                continue
            if not (waiting or others) or system.uptime() + _MARGIN >= system.deadline:
                raise self._failure([failed.get(one) or _unasked(one) for one in every], others)
            if system.uptime() - spoken >= 10:
                links = " or ".join(dict.fromkeys((*(one.link for one in waiting), *others)))
                system.say(f"waiting for {links}, {system.uptime() - begin:.0f} s so far")
                spoken = system.uptime()
            system.pause(2)

    def _requests(self) -> tuple[Request, ...]:
        """Return each question with the lines that are about its link and its kind of address."""
        return tuple(
            Request(link, mac, family, probe, onlink, self.needed, tuple(
                line for line in self.lines if line.split()[line.split().index("dev") + 1] == link
                and (":" in line) == (family == 6)))
            for link, mac, family, probe, onlink in self.links
        )  # fmt: skip

    def _told(
        self, system: System, every: list[Request], notes: dict[Request, str], failed: dict[Request, Failed]
    ) -> str:
        """Warn of the links without an answer, and return what became of all."""
        told = [f"no {link}" for link, *_ in self.links if all(link != one.link for one in every)]
        several = len(self.links) > 1
        for one in every:
            if one in notes:
                told.append(f"{one.link}: {notes[one]}" if several else notes[one])
            else:
                message = (failed.get(one) or _unasked(one)).message
                system.say(f"warning: {message}; going on without it")
                told.append(message if several else f"none: {message}")
        return "; ".join(told)

    def _is_ready(self, system: System, others: list[str]) -> bool:
        """Say whether the boot can go on without any answer."""
        known = [link for link in self.known if link in others]
        if not self.needed or any(read(system, f"{NET}/{link}/carrier") == "1" for link in known):
            return True
        announced = [link for link in self.announced if link in others]
        if not announced:
            return False
        from osr_boot.ops.announced import GLOBAL, settled

        return settled(system, announced, GLOBAL) is not None

    def _failure(self, errors: list[Failed], others: list[str]) -> OsrError:
        """Return what to say when nothing is ready; the hint is about a link that was asked on, if there is one."""
        lines = [error.message for error in errors]
        lines += [f"no carrier on {link}" for link in self.known if link in others]
        lines += [f"no router announced an IPv6 network on {link}" for link in self.announced if link in others]
        hints = [error.hint for error in sorted(errors, key=lambda error: not (error.why or error.last))]
        return OsrError("; ".join(lines) or f"no card of {', '.join(link for link, *_ in self.links)} is here",
                        hint=hints[0] if hints else "is the cable in, and the switch port on?")  # fmt: skip


def _may_send(system: System, one: Request) -> bool:
    return read(system, f"{NET}/{one.link}/carrier") != "0"


def _unasked(one: Request) -> Failed:
    return Failed(f"no address by DHCP on {one.where}: no carrier", hint="check the cable and the switch port")
