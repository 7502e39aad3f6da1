"""One link's question for an address: how a client is let ask, and what of its answer is taken."""

from __future__ import annotations

import json

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.lease import DIRECTORY
from osr_boot.ops import batch
from osr_boot.ops.cards import NET, read
from osr_boot.ops.clients import CLIENTS, argv, find, renewing
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

    Answer = dict[str, str]
    """what `lease.py` wrote down: name to text, of which nothing is believed"""

_SETTLE = 3.0
"""seconds for a link-local address; finding out that nobody else has it takes one (source: RFC 4862, RetransTimer)"""
_LATE = 1.0
"""seconds at most until a client in the background has written down its number"""
_MOST = 3
"""name servers; source: man resolv.conf, MAXNS"""
_NO_CLIENT = (126, 127)
"""exit status of a program that is not there or cannot be started"""
_ROUTES = "/proc/net/route"


class Failed(OsrError):
    """An attempt failed. `why` says it in a few words; `last`: another one would not help."""

    def __init__(self, message: str, *, hint: str, why: str = "", last: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.why = why
        self.last = last


class Request(Value):
    """A link asks for an address."""

    link: str
    mac: str
    """of the link; servers that know their machines know them by it"""
    family: int
    """4 or 6"""
    probe: bool
    """ask the network whether somebody else has the address, before it is used"""
    onlink: bool
    """True: a router is reached although it is in no network of the link"""
    road: bool
    """True: the link may lead to the root"""
    lines: tuple[str, ...]
    """of `ip -batch`, after the address"""

    @property
    def where(self) -> str:
        """The link in words."""
        return f"{self.link} (MAC {self.mac})" if self.mac else self.link

    @property
    def path(self) -> str:
        """How the files of a client begin."""
        return f"{DIRECTORY}/{self.link}-{self.family}"

    def ask(self, system: System, attempt: int, seconds: float) -> str:
        """Ask once, and give the link what was answered. Returns what that is. Raises Failed."""
        client = find(system, self.family)
        place, _, name = client.rpartition("/")
        if not place:
            names = ", ".join(CLIENTS[self.family])
            hint = f"install one of {names} where the image is made, or give the node its address"
            raise Failed(f"the image has no DHCP client for IPv{self.family} on {self.where}", hint=hint, last=True)
        words = argv(name, self.link, self.family, self.path, self.mac)
        system.mkdir(DIRECTORY)
        if self.family == 6 and attempt == 1:
            self._settle(system)
        try:
            answer = self._attempt(system, words, seconds)
            lines, note = self._free(system, answer)
        except OsrError as error:
            import shlex  # only a failure needs it

            tries = f"after {attempt} attempt{'s' if attempt > 1 else ''}"
            raise Failed(
                f"no address by DHCP on {self.where} {tries}: {error.message}; asked by: {shlex.join(words)}",
                hint=error.hint or f"is the server on, in this network, and does it know the MAC address {self.mac}?",
                why=error.message,
                last=isinstance(error, CommandFailed) and error.status in _NO_CLIENT,
            ) from None
        try:
            system.run(batch.ARGV, input="".join(f"{line}\n" for line in lines))
        except CommandFailed as error:
            told = batch.failure(system, error, lines)
            raise Failed(told.message, hint=told.hint, last=True) from None
        self._name_servers(system, answer)
        for path, text in renewing(client, self.link, self.family, self.path, self.mac):
            system.write(path, text)
        return note

    def taken(self, system: System, answer: Answer) -> tuple[list[str], str]:
        """Return the lines that give the link its address, and what to tell. Raises OsrError on nonsense."""
        from osr_boot import values

        given = answer.get("address6" if self.family == 6 else "address", "")
        try:
            plain = _plain(given.partition("/")[0], self.family)
            mask = "128" if self.family == 6 else answer.get("mask", "")
            address = values.address(plain, mask)
        except values.Unfit as unfit:
            hint = "who answers there? look on the server"
            message = f"the DHCP server offers the address {values.shown(given)}, which {unfit.message}"
            raise OsrError(message, hint=hint) from None
        router, said = self._router(system, address, answer.get("routers", "").split())
        lines = [f"address replace {address} dev {self.link}{' nodad' if self.family == 6 else ''}"]
        if router:
            lines.append(f"route replace default via {router} dev {self.link}{' onlink' if self.onlink else ''}")
        note = f"{address}{f', gateway {router}' if router else ''}{said}"
        if answer.get("root"):
            note += "; a root path in the answer is not for us"
        return [*lines, *self.lines], note

    def _router(self, system: System, address: str, routers: list[str]) -> tuple[str, str]:
        """Return the router of the answer's that is taken for the default one, and why or why not."""
        from osr_boot import values

        # Routers of IPv6 announce themselves.
        if self.family == 6 or not routers or any(_network(line) in ("default", "0.0.0.0/0") for line in self.lines):
            return "", ""
        try:
            router = values.gateway(_plain(routers[0], 4), (address,), onlink=self.onlink)
        except values.Unfit as unfit:
            return "", f"; the router {values.shown(routers[0])} {unfit.message}: left out"
        for other in _defaults(system):
            if other == self.link:
                continue
            if not self.road or read(system, f"{NET}/{other}/carrier") != "0":
                return "", f"; the router {router} is left out: {other} has the default route"
            return router, f" in place of that on {other}, which has no carrier"
        return router, ""

    def _free(self, system: System, answer: Answer) -> tuple[list[str], str]:
        """Return what `taken` does. Raises OsrError if the address is nonsense, or somebody has it."""
        lines, note = self.taken(system, answer)
        if self.probe:
            from osr_boot.ops.probe import duplicates

            address = lines[0].split()[2]
            for _, plain, other in duplicates(system, [(self.link, address)]):
                # Whoever has a lease asks for the same address again: dhclient's file, dhcpcd's.
                end = "6" if self.family == 6 else ""
                for path in (f"{self.path}.leases", f"/var/lib/dhcpcd/{self.link}.lease{end}"):
                    system.remove(path)
                hint = "take that machine out of the network, or its address out of the DHCP server's range"
                message = f"the DHCP server offers the address {plain}, which is used by {other} already"
                raise OsrError(message, hint=f'{hint}; probe="no" for the link uses it unasked')
        return lines, note

    def _attempt(self, system: System, words: tuple[str, ...], seconds: float) -> Answer:
        """Let the client ask once. Raises OsrError if there is no answer, in the client's last words."""
        # An answer or a process number of an attempt before, or of this stage's last run, is none of this one.
        for kind in ("json", "pid"):
            system.remove(f"{self.path}.{kind}")
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
        if system.exists(f"{self.path}.json"):
            try:
                value = json.loads(system.read(f"{self.path}.json"))
            except ValueError:
                value = None
            if isinstance(value, dict):
                return {name: text for name, text in value.items() if type(text) is str}
            why = f"{self.path}.json cannot be read"
        raise OsrError(why)

    def _settle(self, system: System) -> None:
        """Wait until the link can send: a client of IPv6 ends at once while its link-local address is tentative."""
        from osr_boot.ops.announced import LINK, settled

        end = min(system.uptime() + _SETTLE, system.deadline)
        while not settled(system, (self.link,), LINK) and system.uptime() < end:
            system.pause(0.1)

    def _end(self, system: System, client: str) -> None:
        """End a client that went into the background: who renews the lease is the running system's to say."""
        # dhclient goes there once it has a lease, and its number is written after the one we started has ended.
        end = system.uptime() + (_LATE if client == "dhclient" and system.exists(f"{self.path}.json") else 0)
        while not (number := read(system, f"{self.path}.pid")) and system.uptime() < end:
            system.pause(0.02)
        if number.isascii() and number.isdigit():
            system.end(int(number))

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


def _network(line: str) -> str:
    """Return where the route of a line leads."""
    return line.split()[2]


def _defaults(system: System) -> list[str]:
    """Return the links that have a default route of IPv4."""
    # source: the kernel's net/ipv4/fib_trie.c, fib_route_seq_show: link, network, gateway, four numbers, mask
    routes = [line.split() for line in read(system, _ROUTES).split("\n")]
    return [words[0] for words in routes if len(words) > 7 and words[1] == words[7] == "00000000"]


def _last(output: str) -> str:
    """Return what a client said last, fit for a message: servers have a say in it."""
    from osr_boot import terminal

    lines = output.strip().split("\n")
    # dhclient ends what is fatal with where to report bugs, and then this.
    return terminal.line(lines[0 if lines[-1] == "exiting." else -1][:200])
