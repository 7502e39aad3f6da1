"""Ask for an address by DHCP, with whichever client the image has."""

from __future__ import annotations

import json

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.lease import DIRECTORY
from osr_boot.ops import Operation
from osr_boot.ops.links import batch_failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osr_boot.system import System

SCRIPT = "/usr/lib/osr/lease"
CLIENTS = ("dhclient", "dhcpcd", "udhcpc")
_MOST = 3
"""name servers; source: man resolv.conf, MAXNS"""
SILENT = "/bin/true"
# How each client asks once, and what makes it stay in the foreground instead.
_ONCE = ("-1", "-n", "--oneshot")
_STAY = {"dhclient": ("-d",), "dhcpcd": ("--nohook", "*", "--noconfigure"), "udhcpc": ()}
PLACES = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")


class AskAddress(Operation):
    """Ask for an address, and give it to the link."""

    link: str
    family: int
    """4 or 6"""
    gateway: bool
    """True: cluster.conf has a default gateway, and the answer's is not used"""
    needed: bool
    """False: the boot goes on without an answer"""

    def describe(self) -> str:
        """See Operation."""
        return f"ask for an IPv{self.family} address on {self.link} by DHCP"

    def execute(self, system: System) -> str:
        """See Operation. Returns what was answered."""
        try:
            lease = self._ask(system)
            lines, note = self._lines(lease)
        except OsrError as error:
            if self.needed:
                raise
            system.say(f"warning: {self.link}: {error.message}")
            return f"none: {error.message}"
        try:
            system.run(("ip", "-batch", "-"), input="".join(f"{line}\n" for line in lines))
        except CommandFailed as error:
            raise batch_failed(system, error, lines) from None
        self._name_servers(system, lease)
        self._renew(system)
        return note

    def _ask(self, system: System) -> dict[str, Any]:
        client, _ = _client(system)
        if not client:
            hint = f"install one of {', '.join(CLIENTS)} where the image is made, or give the node its address"
            raise OsrError("the image has no DHCP client", hint=hint)
        system.mkdir(DIRECTORY)
        path = f"{DIRECTORY}/{self.link}-{self.family}"
        attempt = 0
        while True:
            attempt += 1
            left = system.deadline - system.uptime()
            why = "nobody answered"
            try:
                system.run(argv(client, self.link, self.family, path), timeout=max(10.0, min(60.0, left)))
            except CommandFailed as error:
                why = "nobody answered" if error.status == 124 else (error.output or error.message).split("\n")[-1]
            finally:
                self._end(system, path)
            if system.exists(f"{path}.json"):
                try:
                    value = json.loads(system.read(f"{path}.json"))
                except ValueError:
                    value = None
                if isinstance(value, dict):
                    return value
            if system.uptime() + 5 >= system.deadline:
                hint = "is the server on, in this network, and does it know the MAC address?"
                raise OsrError(f"no address by DHCP on {self.link} after {attempt} attempts: {why}", hint=hint)
            system.say(f"DHCP on {self.link}: attempt {attempt}: {why}; again")
            system.pause(2)

    def _name_servers(self, system: System, lease: dict[str, Any]) -> None:
        """Leave the answer's name servers for the running system; those of cluster.conf take their place."""
        from osr_boot import values
        from osr_boot.handover import RESOLV_FILE, name_servers

        known = system.read(RESOLV_FILE).split() if system.exists(RESOLV_FILE) else []
        given = str(lease.get("dns6" if self.family == 6 else "dns", "")).replace(",", " ").split()
        found: list[str] = []
        for text in (*(word for word in known if word != "nameserver"), *given):
            try:
                found += values.name_servers(text)
            except values.Unfit:
                continue
        if found:
            for path, text in name_servers(tuple(dict.fromkeys(found))[:_MOST]):
                system.write(path, text)

    def _renew(self, system: System) -> None:
        """Let the running system keep the lease: the same client, which changes nothing, whoever else manages links."""
        client, place = _client(system)
        path = f"{DIRECTORY}/{self.link}-{self.family}"
        words = [SILENT if word == SCRIPT else word for word in argv(client, self.link, self.family, path)]
        words = [word for word in words if word not in _ONCE] + list(_STAY[client])
        unit = f"osr-lease-{self.link}-{self.family}.service"
        text = f"[Unit]\nDescription=Lease of {self.link}, IPv{self.family}\n"
        text += f"ConditionFileIsExecutable={place}/{client}\nDefaultDependencies=no\n"
        text += f"[Service]\nExecStart={' '.join((f'{place}/{client}', *words[1:]))}\nRestart=on-failure\n"
        system.write(f"/run/systemd/system/{unit}", text)
        system.write(f"/run/systemd/system/sysinit.target.d/50-{unit}.conf", f"[Unit]\nWants={unit}\n")

    def _end(self, system: System, path: str) -> None:
        """End a client that went into the background: who renews the lease is the running system's to say."""
        if system.exists(f"{path}.pid"):
            number = system.read(f"{path}.pid").strip()
            if number.isdigit():
                system.end(int(number))

    def _lines(self, lease: dict[str, Any]) -> tuple[list[str], str]:
        """Return the lines that give the link its address, and what to tell. Raises OsrError on nonsense."""
        from osr_boot import values

        texts = {key: text for key, text in lease.items() if type(text) is str}
        given, router = texts.get("address6" if self.family == 6 else "address", ""), ""
        try:
            address = values.address(given.partition("/")[0], "128" if self.family == 6 else texts.get("mask", ""))
        except values.Unfit as unfit:
            shown = values.shown(given)
            hint = "who answers there? look on the server"
            raise OsrError(f"the DHCP server offers the address {shown}, which {unfit.message}", hint=hint) from None
        words = texts.get("routers", "").split()
        if self.family == 4 and words and not self.gateway:
            try:
                router = values.gateway(words[0], (address,), onlink=False)
            except values.Unfit:
                router = ""
        lines = [f"address replace {address} dev {self.link}{' nodad' if self.family == 6 else ''}"]
        lines += [f"route replace default via {router} dev {self.link}"] if router else []
        note = f"{address}{f', gateway {router}' if router else ''}"
        if texts.get("root"):
            note += "; a root path in the answer is not for us"
        return lines, note


def _client(system: System) -> tuple[str, str]:
    """Return the first client that is there, and where; empty texts if there is none."""
    found = ((name, place) for name in CLIENTS for place in PLACES if system.exists(f"{place}/{name}"))
    return next(found, ("", ""))


def argv(client: str, link: str, family: int, path: str) -> tuple[str, ...]:
    """Return the command of a client that asks once, and hands the answer to our script alone."""
    if client == "dhclient":  # source: man dhclient
        files = ("-lf", f"{path}.leases", "-pf", f"{path}.pid", "-cf", "/dev/null")
        return (client, f"-{family}", "-1", "-q", *files, "-sf", SCRIPT, link)
    if client == "dhcpcd":  # source: man dhcpcd
        return (client, f"-{family}", "--oneshot", "--nobackground", "--noarp", "--script", SCRIPT, link)
    name = "udhcpc6" if family == 6 else client
    return (name, "-i", link, "-n", "-q", "-f", "-t", "5", "-s", SCRIPT)  # source: busybox udhcpc --help
