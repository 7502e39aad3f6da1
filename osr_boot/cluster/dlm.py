"""dlm, the stack of GFS2: corosync knows the members, dlm_controld tells the kernel's lock manager.

Both run in a root of their own below /run, which outlives the initrd; see ops/services.py. Source: dlm_controld(8),
dlm.conf(5).
"""

from __future__ import annotations

from osr_boot.cluster import Needs, corosync
from osr_boot.errors import CommandFailed
from osr_boot.ops.services import MakeServiceRoot, StartService

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Cmdline, Node
    from osr_boot.ops import Operation
    from osr_boot.system import System

MODULES = ("configfs", "dlm")
PROGRAMS = ("modprobe", "mount", "chroot", "unshare", "corosync-quorumtool")
SERVICES = ("corosync", "dlm_controld", "corosync-quorumtool", "corosync-cfgtool", "dlm_tool")
ROOT = "/run/osr/services"
CONFIG = "/etc/dlm/dlm.conf"
_DELAY = 5
"""seconds"""
_OPTIONS = "mode=0755,size=128m"
# The running system's own units: started, without a second daemon.
_UNITS = ("corosync.service", "dlm.service")
_STAND_IN = """[Service]
Type=oneshot
RemainAfterExit=yes
Restart=no
ExecStartPre=
ExecStart=
ExecStart=/bin/true
ExecStop=
"""


def plan(cluster: Cluster, cmdline: Cmdline) -> Iterator[Operation]:
    """Yield what starts the cluster services on a node, and waits for the quorum."""
    members = tuple(corosync.members(cluster))
    texts = ((corosync.CONFIG, corosync.configuration(cluster, members)), (CONFIG, configuration(cluster)))
    keys = (corosync.KEY,) if corosync.is_secret(cluster) else ()
    yield MakeServiceRoot(ROOT, _OPTIONS, ("corosync", "dlm_controld"), texts, keys)
    yield StartService(ROOT, "corosync", (), "/run/corosync.pid", "")
    yield corosync.WaitQuorum(tuple((one.name, one.nodeid) for one, _ in members), cmdline.quorum_timeout)
    yield StartService(ROOT, "dlm_controld", (), "/run/dlm_controld/dlm_controld.pid", "dlm")


def needs(cluster: Cluster) -> Needs:
    """Return what only some clusters need: fence agents, and what corosync encrypts with."""
    agents = tuple(fence.agent for node in cluster.nodes for fence in node.fences)
    return Needs(agents, (corosync.PLUGIN,), (corosync.KEY,)) if corosync.is_secret(cluster) else Needs(agents)


def warnings(cluster: Cluster) -> Iterator[str]:
    """Yield a line about nodes that nobody can end: when one of them fails, all others wait."""
    if unfenced := [node.name for node in cluster.nodes if not node.fences]:
        yield f"no fencing of {_some(unfenced)}: one that fails is waited for until `dlm_tool fence_ack ID`"
    lacking = [node.name for node in cluster.nodes if any(fence.left_out for fence in node.fences)]
    if lacking:
        yield f"this image lacks what ends {_some(lacking)}: fencing fails, unless it is built with osr_secrets"


def _some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def peers(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Return the addresses of the other nodes."""
    return tuple(address for one, address in corosync.members(cluster) if one.nodeid != node.nodeid)


def stand_ins() -> tuple[tuple[str, str], ...]:
    """Return drop-ins with which the running system takes its own units for started."""
    return tuple((f"/run/systemd/system/{unit}.d/00-osr.conf", _STAND_IN) for unit in _UNITS)


def status(system: System) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of the running services: (word, text)."""
    quorate, there = corosync.ask(system)
    members = f"nodes {', '.join(map(str, sorted(there)))}" if there else "corosync does not answer"
    yield "quorum", f"{'yes' if quorate else 'no'}: {members}"
    try:
        for name, nodes in lockspaces(system.run(("dlm_tool", "ls"))):
            yield "locks", f"lockspace {name}: nodes {nodes}"
    except CommandFailed:  # it ends with corosync
        yield "locks", "dlm_controld does not answer"
    for name in system.names("/sys/fs/gfs2"):
        journal = system.read(f"/sys/fs/gfs2/{name}/lock_module/jid").strip()
        yield "journal", f"{journal} of {name}"


def lockspaces(text: str) -> Iterator[tuple[str, str]]:
    """Yield (name, ids of its nodes) of what `dlm_tool ls` lists."""
    name = ""
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "name":
            name = rest.strip()
        elif word == "members":
            yield name, ", ".join(rest.split())


def configuration(cluster: Cluster) -> str:
    """Return dlm.conf.

    Without a fence device a dead node is waited for, until somebody says that it is dead (`dlm_tool fence_ack ID`);
    a node that was never there is not, for it holds no lock.
    """
    if not all(node.fences for node in cluster.nodes):
        return "enable_startup_fencing=0\n"
    return "".join(f"{line}\n" for node in cluster.nodes for line in _devices(node, cluster))


def _devices(node: Node, cluster: Cluster) -> Iterator[str]:
    """Yield what ends a node, in the order in which it is tried.

    Two nodes that have lost each other must not both end the other: the end of the first is delayed where no delay is
    given, so that it ends the second before.
    """
    first = cluster.two_node and node.nodeid == min(one.nodeid for one in cluster.nodes)
    for number in dict.fromkeys(fence.method for fence in node.fences):
        together = [fence for fence in node.fences if fence.method == number]
        for part, fence in enumerate(together, 1):
            name = f"node{node.nodeid}-{number}" + (f":{part}" if len(together) > 1 else "")
            given = any(one.startswith("delay=") for one in fence.options)
            delay = (f"delay={_DELAY}",) if first and not given else ()
            yield " ".join(("device", name, fence.agent, *fence.options, *delay))
            yield f"connect {name} node={node.nodeid}"
            yield ""
