"""o2cb, the stack of OCFS2: it lives in the kernel, and has its nodes and timeouts from configfs.

Source: o2cb(7), ocfs2.cluster.conf(5) of ocfs2-tools, fs/ocfs2/cluster of the kernel. A node that fails fences itself.
"""

from __future__ import annotations

from osr_boot.cluster import Needs, static_addresses
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.handover import hostname_of
from osr_boot.ops import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Node
    from osr_boot.system import System

MODULES = ("configfs", "ocfs2_nodemanager", "ocfs2_dlm", "ocfs2_stack_o2cb")
PROGRAMS = ("modprobe", "mount", "o2cb")
CONFIGFS = "/sys/kernel/config"
CONFIG = "/etc/ocfs2/cluster.conf"
_UNITS = ("o2cb.service", "ocfs2.service")
_NO_STOP = "[Service]\nExecStop=\n"
_UUID = 32
"""letters of a heartbeat region's name"""
LARGEST_ID = 254
"""source: O2NM_MAX_NODES in fs/ocfs2/cluster/ocfs2_nodemanager.h of the kernel: numbers 0 to 254"""


class StartO2cb(Operation):
    """Tell the kernel which nodes there are, and start the heartbeat where it does not begin with a mount."""

    name: str
    """of the cluster, as the disk has it"""
    nodes: tuple[tuple[str, int, str, int], ...]
    """(name, number, IPv4 address, port) of every node"""
    regions: tuple[str, ...]
    """UUIDs of the disks for the heartbeat; none: each mounted disk has its own"""
    settings: tuple[tuple[str, int], ...]
    """(file of the cluster's directory in configfs, value)"""

    def describe(self) -> str:
        """See Operation."""
        how = f"with the heartbeat on {len(self.regions)} disks" if self.regions else "with the root's own heartbeat"
        return f'start o2cb of cluster "{self.name}" with {len(self.nodes)} nodes, {how}'

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        beat = (("o2cb", "start-heartbeat", self.name),) if self.regions else ()
        return (("modprobe", "-a", *MODULES), ("o2cb", "register-cluster", self.name), *beat)

    def files(self) -> tuple[tuple[str, str], ...]:
        """See Operation."""
        below = f"{CONFIGFS}/cluster/{self.name}"
        return (
            (CONFIG, configuration(self.name, self.nodes, self.regions)),
            *((f"{below}/{file}", f"{value}\n") for file, value in self.settings),
        )

    def execute(self, system: System) -> str:
        """See Operation."""
        (config, text), *settings = self.files()
        load, register, *beat = self.commands()
        self._run(system, load)
        if not system.exists(f"{CONFIGFS}/cluster"):
            system.run(("mount", "-t", "configfs", "configfs", CONFIGFS))
        system.write(config, text)
        self._run(system, register)
        for path, value in settings:
            try:
                system.write(path, value)
            except OSError as error:
                reason = f"o2cb does not take {value.strip()} for {path.rpartition('/')[2]}: {error.strerror or error}"
                raise OsrError(reason, hint="see <o2cb> in cluster.conf") from None
        for command in beat:
            self._run(system, command)
        return ""

    def _run(self, system: System, command: tuple[str, ...]) -> None:
        try:
            system.run(command)
        except CommandFailed as error:
            said = (error.output or error.message).split("\n")[0]
            hint = error.hint or "is the image made for this kernel, with ocfs2-tools?"
            raise OsrError(f"{' '.join(command[:2])}: {said}", hint=hint) from None


def plan(cluster: Cluster, cmdline: Cmdline) -> Iterator[Operation]:
    """Yield what starts o2cb on a node."""
    # o2cb finds out by the host name which of them it is.
    nodes = tuple((hostname_of(one), one.nodeid, address, one.tcp_port) for one, address in members(cluster))
    wanted = {
        "heartbeat/dead_threshold": cluster.o2cb.dead_threshold,
        "idle_timeout_ms": cluster.o2cb.idle_timeout_ms,
        "keepalive_delay_ms": cluster.o2cb.keepalive_delay_ms,
        "reconnect_delay_ms": cluster.o2cb.reconnect_delay_ms,
    }
    settings = tuple((file, value) for file, value in wanted.items() if value)
    yield StartO2cb(cluster.name, nodes, cluster.o2cb.regions, settings)


def needs(cluster: Cluster) -> Needs:
    """Return nothing: what the stack needs is the same for every cluster."""
    return Needs()


def warnings(cluster: Cluster) -> Iterator[str]:
    """Yield nothing: a node that fails resets itself."""
    return iter(())


def peers(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Return the addresses of the other nodes."""
    return tuple(address for one, address in members(cluster) if one.nodeid != node.nodeid)


def stand_ins() -> tuple[tuple[str, str], ...]:
    """Return drop-ins for the running system's own units: at shutdown they leave the root alone.

    `ocfs2 stop` kills every process that has a file open on an OCFS2 (`fuser -km`, twice), and `o2cb stop` fails while
    one is mounted. Registering the same cluster again at their start changes nothing.
    """
    return tuple((f"/run/systemd/system/{unit}.d/00-osr.conf", _NO_STOP) for unit in _UNITS)


def status(system: System) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of the running stack: (word, text)."""
    for name in system.names(f"{CONFIGFS}/cluster"):
        nodes = ", ".join(system.names(f"{CONFIGFS}/cluster/{name}/node"))
        beats = [one for one in system.names(f"{CONFIGFS}/cluster/{name}/heartbeat") if len(one) == _UUID]
        yield "o2cb", f"cluster {name}: nodes {nodes}; heartbeat on {len(beats)} disks"


def members(cluster: Cluster) -> Iterator[tuple[Node, str]]:
    """Yield each node that o2cb can know, with its address there: the first IPv4 address that is written down."""
    for node in cluster.nodes:
        address = address_of(node)
        if address and node.nodeid <= LARGEST_ID:
            yield node, address


def address_of(node: Node) -> str:
    """Return the address by which o2cb knows a node, empty if it has none that is always the same."""
    return next((one for one in static_addresses(node) if ":" not in one), "")


def configuration(
    name: str, nodes: tuple[tuple[str, int | str, str, int | str], ...], regions: tuple[str, ...] = ()
) -> str:
    """Return OCFS2's own cluster.conf; source: ocfs2.cluster.conf(5)."""
    mode = (("heartbeat_mode", "global"),) if regions else ()
    stanzas = [_stanza("cluster", ("node_count", len(nodes)), *mode, ("name", name))]
    for host, number, address, port in nodes:
        words = (("ip_port", port), ("ip_address", address), ("number", number), ("name", host), ("cluster", name))
        stanzas.append(_stanza("node", *words))
    stanzas += [_stanza("heartbeat", ("cluster", name), ("region", region)) for region in regions]
    return "\n".join(stanzas)


def _stanza(kind: str, *words: tuple[str, object]) -> str:
    return "".join((f"{kind}:\n", *(f"\t{key} = {value}\n" for key, value in words)))
