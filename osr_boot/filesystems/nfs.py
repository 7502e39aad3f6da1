"""NFS roots: version 4 by default, version 3 where the file says so.

A version is always asked for by name: without `vers=` mount.nfs takes what the server offers, and a "v3" root may
silently be 4.2. Version 3 is mounted without locks, since its lock daemons do not run in the initrd.
"""

from __future__ import annotations

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.filesystems import Filesystem, Problem
from osr_boot.layers import number
from osr_boot.ops import Operation
from osr_boot.ops.mounts import mount_point, mounted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Node, Volume
    from osr_boot.system import System

# What mount.nfs says, and what helps. Source: the texts of nfs-utils' mount.nfs and strerror(3).
_REMEDIES = {
    "No such file or directory": "the server does not export that path: compare with `exportfs -v` on the server",
    "access denied": "the server refuses this client: add its address to /etc/exports, then `exportfs -ra`",
    "Permission denied": "the server refuses this client: add its address to /etc/exports, then `exportfs -ra`",
    "Operation not permitted": "the server refuses this client: add its address to /etc/exports, then `exportfs -ra`",
    "Connection refused": "the machine answers, but no NFS server runs on it: start nfs-server there",
    "No route to host": "nobody answers at that address: is the server on, is the address right, the cable in place?",
    "Network is unreachable": "no address or gateway of this node reaches the server: check eth/@ip, @mask, @gateway",
    "timed out": "the server does not answer: is it on, does a firewall drop port 2049?",
    "no end after": "the server does not answer: is it on, does a firewall drop port 2049?",
    "rpc.statd is not running": "locks over NFSv3 need rpc.statd, which no initrd runs: use NFSv4, or nolock",
    "Protocol not supported": "the server does not speak this NFS version: see its `cat /proc/fs/nfsd/versions`",
    "requested NFS version": "the server does not speak this NFS version: see its `cat /proc/fs/nfsd/versions`",
    "unknown filesystem": "the image has no nfs driver: rebuild it for this kernel",
    "No such device": "the image has no nfs driver: rebuild it for this kernel",
}


_SECONDS = 3.0
"""for a server to take a connection; a network of a cluster answers in milliseconds"""
_PORT, _PORT_MAPPER = 2049, 111
_FAR = ("timed out", "no end after", "No route to host", "unreachable", "Host is down")
"""what is said of a server that is not reached at all, as the kernel or `System.run` puts it"""


class MountNfs(Operation):
    """Mount an NFS export, trying again while the server is not there yet."""

    sources: tuple[str, ...]
    """the same export on one server after the other, in the order in which they are tried"""
    root: str
    path: str
    """where below it; empty for the root itself"""
    options: str
    attempts: int
    """0: as many as the boot's deadline allows"""
    pause: int
    """seconds between attempts; 0: 1, 2, 4, then every 8"""

    def describe(self) -> str:
        """See Operation."""
        return f"mount {', else '.join(self.sources)} ({self.options}) on {self.root}{self.path}"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return tuple(self._command(source, f"{self.root}{self.path}") for source in self.sources)

    def execute(self, system: System) -> str:
        """See Operation. Returns the version that was negotiated, and of several servers which one it was."""
        target = mount_point(system, self.root, self.path)
        attempt = 0
        while True:
            attempt += 1
            for source in self.sources:
                reason, hint, fatal = self._try(system, source, self._command(source, target))
                if not reason:
                    return self._note(system, target, source, attempt)
                pause = 0 if source != self.sources[-1] else self.pause or min(2 ** (attempt - 1), 8)
                last = source == self.sources[-1] and attempt == self.attempts
                if last or system.uptime() + pause >= system.deadline or fatal:
                    place, remedy = ("", "") if fatal else _where(system, source, reason)
                    text = f"cannot mount {source} after {attempt} attempts: {reason}{place}"
                    raise OsrError(text, hint=remedy or hint)
                then = f"next in {pause} s" if pause else "next is another server"
                system.say(f"mount {source}: attempt {attempt}: {reason}; {then}")
                if attempt == 1 and hint:
                    system.say(f"  hint: {hint}")
                if pause:
                    system.pause(pause)

    def _command(self, source: str, target: str) -> tuple[str, ...]:
        return ("mount", "-t", "nfs", "-o", self.options, source, target)

    def _try(self, system: System, source: str, command: tuple[str, ...]) -> tuple[str, str, bool]:
        """Mount once. Returns why it failed (nothing: it did not), what helps, and whether trying again is in vain."""
        server = _split(source)[0].strip("[]")
        port = port_of(self.options)
        # A server that is off would hold mount.nfs for minutes. A name is mount.nfs' to look up.
        reason = system.reach(server, port, _SECONDS) if port and number(server) else ""
        if reason == "Connection refused" and port == _PORT_MAPPER:
            reason = ""  # the machine is there: what mount.nfs says of it is more exact
        said, status, hint = reason, 0, ""
        if not reason:
            try:
                # mount.nfs in the foreground gives up by itself (retry=0); what drops packets holds it longer.
                system.run(command, timeout=max(5.0, min(30.0, system.deadline - system.uptime())))
                return "", "", False
            except CommandFailed as error:
                said, status, hint = error.output or error.message, error.status, error.hint
                reason = said.split("\n")[-1].removeprefix("mount.nfs: ").removeprefix("mount: ")
        hint = next((remedy for text, remedy in _REMEDIES.items() if text in said), "") or hint
        return reason, hint, status == 127

    def _note(self, system: System, target: str, source: str, attempt: int) -> str:
        _, fstype, options = mounted(system, target)
        version = next((word for word in options.split(",") if word.startswith("vers=")), fstype)
        note = f"{version}, attempt {attempt}" if attempt > 1 else version
        return f"{note}, from {source}" if len(self.sources) > 1 else note


def port_of(options: str) -> int:
    """Return the TCP port that mounting begins at; 0 where it is not TCP. Source: man nfs."""
    given = dict(word.partition("=")[::2] for word in options.split(","))  # of two the last one counts, as in mount.nfs
    ways = {given.get("proto", ""), given.get("mountproto", ""), *given}
    if ways & {"rdma", "rdma6", "udp", "udp6"}:
        return 0
    port = _number(given.get("port", ""))
    if not given.get("vers", "4").startswith("3"):
        return port or _PORT
    if {"mounthost", "mountaddr"} & set(given):
        return port
    # Version 3 asks the port mapper for what it was not told, then mountd.
    mountport = _number(given.get("mountport", ""))
    return mountport if port and mountport else _PORT_MAPPER


def _number(text: str) -> int:
    """Return a port; 0, which means "ask", for anything else."""
    return int(text) if text.isdecimal() and len(text) < 6 and int(text) < 65536 else 0


def _where(system: System, source: str, reason: str) -> tuple[str, str]:
    """Return in words where a server answers that was not reached, and what helps then; for a boot that fails."""
    server = _split(source)[0].strip("[]")
    if not number(server):
        return "", ""
    from osr_boot.ops.probe import diagnose, way

    if not any(text in reason for text in _FAR):
        link, _, mac = way(system, server)
        return f"; asked by {link} (MAC {mac})" if mac else "", ""
    found = diagnose(system, server)
    ours = f"{found.link} (MAC {found.own})" if found.own else found.link
    if found.elsewhere:
        names = " and ".join(f"{link} ({mac})" for link, mac in found.elsewhere)
        instead = f" It is not on {ours}" if ours else ""
        hint = "put the cable into the other socket, or the other socket's MAC address into cluster.conf"
        return f"; {server} answers on {names}: is a cable in the wrong socket?{instead}", hint
    if not found.own:
        return f"; it is sent to by {ours}, where nobody could be asked" if ours else "", ""
    if found.gateway and found.mac:
        hint = "is the server on, does its gateway know the way back, does a firewall between drop its NFS ports?"
        return f"; the gateway {found.gateway} ({found.mac}) answers on {ours}, and the server beyond it does not", hint
    if found.gateway:
        hint = "is the gateway on, is its address right, the cable in place, the switch port in the right VLAN?"
        return f"; the gateway {found.gateway} does not answer on {ours}", hint
    if found.mac:
        hint = "does a firewall drop its NFS ports, is nfs-server stuck? look there"
        return f"; {server} ({found.mac}) is there on {ours}, and its NFS port does not answer", hint
    return f"; nobody answers for {server} on {ours}", ""


class Nfs(Filesystem):
    """A root on an NFS server: `server:/path`, the server by address."""

    names = ("nfs", "nfs3", "nfs4")
    modules = ("nfs", "nfsv3", "nfsv4")
    programs = ("mount", "mount.nfs", "umount")
    network = True

    @classmethod
    def check(cls, volume: Volume) -> Iterator[Problem]:
        """See Filesystem."""
        from osr_boot import values  # not in a boot: it loads ipaddress

        server, path = _split(volume.name)
        if not server or not path:
            yield Problem("error", f'"{volume.name}" is not SERVER:/PATH', hint='write it as "192.168.122.1:/srv/root"')
        elif not path.startswith("/"):
            yield Problem("error", f'the path "{path}" is not absolute', hint=f'write "{server}:/{path}"')
        if "%" in server:
            hint = "give another address of it, which is not link-local"
            yield Problem("error", f'the server "{server}" has a zone, and no root can come from there', hint=hint)
        elif server.startswith("[") and not _is_ipv6(server):
            yield Problem("error", f'the server "{server}" is not an address', hint='write it as "[fd00::1]:/srv/root"')
        elif server and not server.startswith("[") and not _is_ipv4(server):
            hint = "give its address: an initrd has no name service"
            yield Problem("error", f'the server "{server}" is not an address', hint=hint)
        seen = set()
        for one in filter(number, cls.servers(volume)):
            if number(one) in seen:
                yield Problem("error", f"the server {one} is given again in servers", hint="name each server once")
            elif kind := values.no_host(one):
                hint = "give the address by which the nodes reach it"
                if kind == "link-local":
                    hint = "give another address of it: a link-local one does not say on which link it is"
                yield Problem("error", f"the server {one} is an address that no root can come from ({kind})", hint=hint)
            seen.add(number(one))
        words = volume.mountopts.split(",")
        asked = [word for word in words if word.startswith(("vers=", "nfsvers="))]
        if len(asked) > 1:
            yield Problem("error", f"two versions in mountopts: {' and '.join(asked)}", hint="keep one of them")
        if version_of(volume).startswith("2"):
            yield Problem("error", "NFS version 2 is gone from Linux", hint='use fstype="nfs4"')
        elif version_of(volume).startswith("3") and "lock" in words:
            hint = 'use fstype="nfs4", whose locks need no further service, or leave "lock" away'
            yield Problem("error", "locks over NFSv3 need rpc.statd, which no initrd runs", hint=hint)
        elif version_of(volume).startswith("3") and volume.shared and "ro" not in words:
            yield Problem(
                "warning",
                "NFSv3 is mounted without locks: two nodes that lock one file of the shared root both get the lock, "
                "so package databases and CDSL changes are not safe from each other",
                hint='use fstype="nfs4", whose locks need no further service',
            )

    @classmethod
    def check_cluster(cls, cluster: Cluster, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        """See Filesystem."""
        for node in nodes:
            own = {address.partition("/")[0] for nic in node.nics for address in nic.addresses}
            for volume in (one for one in node.volumes if one.fstype in cls.names):
                what = volume.path or "root"
                for server in own & set(map(_canonical, cls.servers(volume))):
                    message = f'the NFS server {server} is node "{node.name}", which has its own {what} from there'
                    hint = f"a node cannot serve its own {what}: give the server's address, or the node another"
                    yield Problem("error", message, hint=hint, node=node)

    @classmethod
    def servers(cls, volume: Volume) -> tuple[str, ...]:
        """See Filesystem."""
        return (_split(volume.name)[0].strip("[]"), *volume.servers)

    @classmethod
    def plan(cls, volume: Volume, root: str, cmdline: Cmdline, cluster: Cluster) -> Iterator[Operation]:
        """See Filesystem."""
        server, path = _split(volume.name)
        given = [word for word in volume.mountopts.split(",") if word]
        version = version_of(volume)
        words = ["ro" if cmdline.readonly else "rw"] if not {"ro", "rw"} & set(given) else []
        words += [f"vers={version}", "retry=0"]
        if version.startswith("3") and not {"lock", "nolock"} & set(given):
            words.append("nolock")
        words += [word for word in given if not word.startswith(("vers=", "nfsvers=", "retry="))]
        sources = tuple(f"{one}:{path}" for one in (server, *map(_bracketed, volume.servers)))
        yield MountNfs(sources, root, volume.path, ",".join(words), volume.attempts, volume.pause)


def version_of(volume: Volume) -> str:
    """Return the NFS version that a volume asks for: its options, else its type, else 4."""
    for word in volume.mountopts.split(","):
        key, _, value = word.partition("=")
        if key in ("vers", "nfsvers") and value:
            return value
    return volume.fstype.removeprefix("nfs") or "4"


def _split(name: str) -> tuple[str, str]:
    """Return server and path of `server:/path`; an IPv6 address stands in brackets."""
    if name.startswith("["):
        server, _, path = name.partition("]")
        return f"{server}]", path.removeprefix(":")
    server, _, path = name.partition(":")
    return server, path


def _canonical(server: str) -> str:
    """Return an address as those of links are written; what is none as it is."""
    from _socket import AF_INET, AF_INET6, inet_ntop

    raw = number(server)
    return inet_ntop(AF_INET if len(raw) == 4 else AF_INET6, raw) if raw else server


def _is_ipv6(text: str) -> bool:
    return ":" in text and bool(number(text.strip("[]")))


def _bracketed(server: str) -> str:
    return f"[{server}]" if ":" in server else server


def _is_ipv4(text: str) -> bool:
    return ":" not in text and bool(number(text))
