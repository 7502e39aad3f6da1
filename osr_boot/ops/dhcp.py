"""Ask for an address by DHCP, with whichever client the image has."""

from __future__ import annotations

import json

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.lease import DIRECTORY
from osr_boot.ops import Operation, batch
from osr_boot.ops.clients import CLIENTS, argv, find, renewing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

    Answer = dict[str, str]
    """what `lease.py` wrote down: name to text, of which nothing is believed"""

_SPARE = 10.0
"""seconds for a link that the root does not need"""
_SETTLE = 3.0
"""seconds for a link-local address; finding out that nobody else has it takes one (source: RFC 4862, RetransTimer)"""
_LATE = 1.0
"""seconds at most until a client in the background has written down its number"""
_MOST = 3
"""name servers; source: man resolv.conf, MAXNS"""
_NO_CLIENT = (126, 127)
"""exit status of a program that is not there or cannot be started: another attempt would not help"""


class AskAddress(Operation):
    """Ask for an address, and give it to the link."""

    link: str
    mac: str
    """of the link; servers that know their machines know them by it"""
    family: int
    """4 or 6"""
    gateway: bool
    """True: cluster.conf has a default gateway, and the answer's is not used"""
    needed: bool
    """False: one attempt, and the boot goes on without an answer"""
    probe: bool
    """ask the network whether somebody else has the address, before it is used"""
    lines: tuple[str, ...]
    """of `ip -batch`, after the address: what makes sense only with it"""

    def describe(self) -> str:
        """See Operation."""
        return f"ask for an IPv{self.family} address on {self._where} by DHCP"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation. The first client's, or what the image has; `ip` gets the address and then `lines`."""
        return (argv(CLIENTS[self.family][0], self.link, self.family, self._path, self.mac), batch.ARGV)

    def input(self) -> str:
        """Return what is known beforehand of the batch."""
        return "".join(f"{line}\n" for line in self.lines)

    def execute(self, system: System) -> str:
        """See Operation. Returns what was answered."""
        try:
            client, answer, lines, note = self._ask(system)
            try:
                system.run(batch.ARGV, input="".join(f"{line}\n" for line in lines))
            except CommandFailed as error:
                raise batch.failure(system, error, lines) from None
        except OsrError as error:
            if self.needed:
                raise
            system.say(f"warning: {error.message}; going on without it")
            return f"none: {error.message}"
        self._name_servers(system, answer)
        for path, text in renewing(client, self.link, self.family, self._path, self.mac):
            system.write(path, text)
        return note

    @property
    def _where(self) -> str:
        return f"{self.link} (MAC {self.mac})" if self.mac else self.link

    @property
    def _path(self) -> str:
        return f"{DIRECTORY}/{self.link}-{self.family}"

    def _ask(self, system: System) -> tuple[str, Answer, list[str], str]:
        """Return the client's path, its answer, the batch and a note. Raises OsrError when the time is over."""
        client = find(system, self.family)
        place, _, name = client.rpartition("/")
        if not place:
            names = ", ".join(CLIENTS[self.family])
            hint = f"install one of {names} where the image is made, or give the node its address"
            raise OsrError(f"the image has no DHCP client for IPv{self.family} on {self._where}", hint=hint)
        words = argv(name, self.link, self.family, self._path, self.mac)
        system.mkdir(DIRECTORY)
        if self.family == 6:
            self._settle(system)
        attempt = 0
        while True:
            attempt += 1
            left = max(_SPARE, min(60.0, system.deadline - system.uptime())) if self.needed else _SPARE
            last = False
            try:
                answer = self._attempt(system, words, left)
                return (client, answer, *self._batch(system, answer))
            except CommandFailed as error:
                why, hint, last = error.message, error.hint, error.status in _NO_CLIENT
            except OsrError as error:
                why, hint = error.message, error.hint
            if last or not self.needed or system.uptime() + 5 >= system.deadline:
                import shlex  # only a failure needs it

                tries = f"after {attempt} attempt{'s' if attempt > 1 else ''}"
                raise OsrError(
                    f"no address by DHCP on {self._where} {tries}: {why}; asked by: {shlex.join(words)}",
                    hint=hint or f"is the server on, in this network, and does it know the MAC address {self.mac}?",
                )
            system.say(f"DHCP on {self._where}: attempt {attempt}: {why}; again")
            system.pause(2)

    def _attempt(self, system: System, words: tuple[str, ...], seconds: float) -> Answer:
        """Let the client ask once. Raises OsrError if there is no answer, in the client's last words."""
        # An answer or a process number of an attempt before, or of this stage's last run, is none of this one.
        for kind in ("json", "pid"):
            system.remove(f"{self._path}.{kind}")
        why = "nobody answered"
        try:
            system.run(words, timeout=seconds)
        except CommandFailed as error:
            if error.status in _NO_CLIENT:
                raise
            said = _last(error.output) if error.status != 124 else ""
            why = f"{words[0]}: {said}" if said else why
        finally:
            self._end(system, words[0])
        if system.exists(f"{self._path}.json"):
            try:
                value = json.loads(system.read(f"{self._path}.json"))
            except ValueError:
                value = None
            if isinstance(value, dict):
                return {name: text for name, text in value.items() if type(text) is str}
            why = f"{self._path}.json cannot be read"
        raise OsrError(why)

    def _settle(self, system: System) -> None:
        """Wait until the link can send: a client of IPv6 ends at once while its link-local address is tentative."""
        from osr_boot.ops.announced import LINK, settled

        end = min(system.uptime() + _SETTLE, system.deadline)
        while not settled(system, (self.link,), LINK) and system.uptime() < end:
            system.pause(0.1)

    def _end(self, system: System, client: str) -> None:
        """End a client that went into the background: who renews the lease is the running system's to say."""
        from osr_boot.ops.cards import read

        # dhclient goes there once it has a lease, and its number is written after the one we started has ended.
        end = system.uptime() + (_LATE if client == "dhclient" and system.exists(f"{self._path}.json") else 0)
        while not (number := read(system, f"{self._path}.pid")) and system.uptime() < end:
            system.pause(0.02)
        if number.isascii() and number.isdigit():
            system.end(int(number))

    def _batch(self, system: System, answer: Answer) -> tuple[list[str], str]:
        """Return the lines for `ip`, and what to tell. Raises OsrError if the address is nonsense, or taken."""
        lines, note = self._lines(answer)
        if self.probe:
            from osr_boot.ops.probe import duplicates

            address = lines[0].split()[2]
            for _, plain, other in duplicates(system, [(self.link, address)]):
                # Whoever has a lease asks for the same address again: dhclient's file, dhcpcd's.
                end = "6" if self.family == 6 else ""
                for path in (f"{self._path}.leases", f"/var/lib/dhcpcd/{self.link}.lease{end}"):
                    system.remove(path)
                hint = "take that machine out of the network, or its address out of the DHCP server's range"
                message = f"the DHCP server offers the address {plain}, which is used by {other} already"
                raise OsrError(message, hint=f'{hint}; probe="no" for the link uses it unasked')
        return lines, note

    def _lines(self, answer: Answer) -> tuple[list[str], str]:
        """Return the lines that give the link its address, and what to tell. Raises OsrError on nonsense."""
        from osr_boot import values

        given, router = answer.get("address6" if self.family == 6 else "address", ""), ""
        try:
            plain = _plain(given.partition("/")[0], self.family)
            mask = "128" if self.family == 6 else answer.get("mask", "")
            address = values.address(plain, mask)
        except values.Unfit as unfit:
            hint = "who answers there? look on the server"
            message = f"the DHCP server offers the address {values.shown(given)}, which {unfit.message}"
            raise OsrError(message, hint=hint) from None
        words = answer.get("routers", "").split()
        if self.family == 4 and words and not self.gateway:
            try:
                router = values.gateway(_plain(words[0], 4), (address,), onlink=False)
            except values.Unfit:
                router = ""
        lines = [f"address replace {address} dev {self.link}{' nodad' if self.family == 6 else ''}"]
        lines += [f"route replace default via {router} dev {self.link}"] if router else []
        note = f"{address}{f', gateway {router}' if router else ''}"
        if answer.get("root"):
            note += "; a root path in the answer is not for us"
        return [*lines, *self.lines], note

    def _name_servers(self, system: System, answer: Answer) -> None:
        """Leave the answer's name servers for the running system; those of cluster.conf take their place."""
        from osr_boot import values
        from osr_boot.handover import RESOLV_FILE, name_servers

        known = system.read(RESOLV_FILE).split() if system.exists(RESOLV_FILE) else []
        given = (answer.get("dns6" if self.family == 6 else "dns") or "").replace(",", " ").split()
        found: list[str] = []
        for text in (*(word for word in known if word != "nameserver"), *given):
            try:
                found += values.name_servers(_plain(text, 6 if ":" in text else 4))
            except values.Unfit:
                continue
        if found:
            for path, text in name_servers(tuple(dict.fromkeys(found))[:_MOST]):
                system.write(path, text)


def _plain(text: str, family: int) -> str:
    """Return what may be an address of IPv4, or of IPv6. Raises Unfit."""
    from osr_boot import values

    if (":" in text) != (family == 6):
        raise values.Unfit(f"is not an address of IPv{family}", hint="look on the server")
    return text


def _last(output: str) -> str:
    """Return what a client said last, fit for a message: servers have a say in it."""
    from osr_boot import terminal

    lines = output.strip().split("\n")
    # dhclient ends what is fatal with where to report bugs, and then this.
    return terminal.line(lines[0 if lines[-1] == "exiting." else -1][:200])
