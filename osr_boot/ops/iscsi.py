"""Operations that bring disks of an iSCSI server.

The sessions are the kernel's own and outlive the programs here. iscsid of the running system takes them over, and mends
a connection that breaks then; here it runs only while the server is asked what it offers.
Source: iscsistart(8), iscsiadm(8), open-iscsi's README, "iSCSI settings for iSCSI root".
"""

from __future__ import annotations

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

INITIATOR_FILE = "/etc/iscsi/initiatorname.iscsi"
SETTINGS_FILE = "/etc/iscsi/iscsid.conf"
PID_FILE = "/run/osr/iscsid.pid"
SESSIONS = "/sys/class/iscsi_session"
_SECONDS = 3.0
"""for a server to take a connection"""
# A root that stops to answer must not become an error: the one way to its disk is waited for as long as it takes.
_PATIENT = (
    "node.conn[0].timeo.noop_out_interval=0",
    "node.conn[0].timeo.noop_out_timeout=0",
    "node.session.timeo.replacement_timeout=86400",
)
_DAEMON = ("iscsid", "--pid", PID_FILE)


class LoginIscsi(Operation):
    """Log in to an iSCSI server, trying again while it is not there yet."""

    server: str
    port: int
    target: str
    """empty: all that it offers"""
    initiator: str
    """the name that this node has there"""
    ways: bool
    """True: by every address that a target has, for multipath; an error of one way is told at once then"""

    def describe(self) -> str:
        """See Operation."""
        return f"log in to {self.target or 'every target'} of the iSCSI server {self._portal()} as {self.initiator}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        load = ("modprobe", "iscsi_tcp")
        if not self._asks():
            return (load, self._login(self.server, self.port, "1", self.target))
        return (load, _DAEMON, self._ask(), self._login(self.server, self.port, "1", self.target or "TARGET"))

    def files(self) -> tuple[tuple[str, str], ...]:
        """See Operation."""
        return ((INITIATOR_FILE, f"InitiatorName={self.initiator}\n"), (SETTINGS_FILE, "node.startup = manual\n"))

    def execute(self, system: System) -> str:
        """See Operation."""
        for path, text in self.files():
            system.write(path, text)
        system.run(self.commands()[0])
        self._wait(system)
        offered = [(self.server, self.port, "1", self.target)]
        if self._asks():
            offered = [one for one in self._offered(system) if self.target in ("", one[3])]
            here = [one for one in offered if one[:2] == (self.server, self.port)]
            offered = offered if self.ways else here or offered[:1]
        if not offered:
            what = f"not {self.target}" if self.target else "nothing"
            hint = f"allow {self.initiator} there, or name it as the server knows it"
            raise OsrError(f"the iSCSI server {self._portal()} offers this node {what}", hint=hint)
        sessions = {system.read(f"{SESSIONS}/{name}/targetname").strip() for name in system.names(SESSIONS)}
        for address, port, group, target in offered:
            if target not in sessions or self.ways:
                self._run(system, self._login(address, port, group, target))
        return ", ".join(dict.fromkeys(target for *_, target in offered))

    def _asks(self) -> bool:
        return self.ways or not self.target

    def _portal(self) -> str:
        return f"[{self.server}]:{self.port}" if ":" in self.server else f"{self.server}:{self.port}"

    def _ask(self) -> tuple[str, ...]:
        return ("iscsiadm", "--mode", "discovery", "--type", "sendtargets", "--portal", self._portal())

    def _login(self, address: str, port: int, group: str, target: str) -> tuple[str, ...]:
        settings = () if self.ways else tuple(f"--param={one}" for one in _PATIENT)
        return (
            "iscsistart",
            "-i",
            self.initiator,
            "-t",
            target,
            "-g",
            group,
            "-a",
            address,
            "-p",
            str(port),
            *settings,
        )

    def _offered(self, system: System) -> list[tuple[str, int, str, str]]:
        """Ask what the server offers."""
        self._run(system, _DAEMON)
        try:
            return portals(self._run(system, self._ask()))
        finally:
            if system.exists(PID_FILE) and (pid := system.read(PID_FILE).strip()).isdigit():
                system.end(int(pid))

    def _wait(self, system: System) -> None:
        """Wait until the server takes connections. Raises OsrError."""
        attempt, pause = 1, 1
        while reason := system.reach(self.server, self.port, _SECONDS):
            if system.uptime() + pause >= system.deadline:
                hint = "is the server on, does its iSCSI target run, does a firewall drop the port?"
                raise OsrError(f"the iSCSI server {self._portal()} is not reached: {reason}", hint=hint)
            system.say(f"iSCSI server {self._portal()}: attempt {attempt}: {reason}; next in {pause} s")
            system.pause(pause)
            attempt, pause = attempt + 1, min(2 * pause, 8)

    def _run(self, system: System, command: tuple[str, ...]) -> str:
        try:
            return system.run(command, timeout=60)
        except CommandFailed as error:
            lines = (error.output or error.message).split("\n")
            said = next((line for line in reversed(lines) if line), "")
            hint = error.hint or f"does the server allow {self.initiator}? a name and a password it must not ask for"
            raise OsrError(f"iSCSI server {self._portal()}: {said}", hint=hint) from None


def portals(text: str) -> list[tuple[str, int, str, str]]:
    """Return (address, port, group, target) of what iscsiadm lists: `10.0.0.1:3260,1 iqn...`."""
    found = []
    for line in text.splitlines():
        portal, _, target = line.partition(" ")
        address, _, rest = portal.rpartition(":")
        port, _, group = rest.partition(",")
        if target and port.isdigit():
            found.append((address.strip("[]"), int(port), group, target))
    return found
