"""corosync: who is in the cluster, and whether those that are have the quorum.

Source: corosync.conf(5), votequorum(5), corosync-quorumtool(8). cman's expected_votes is never given to it: there it
overrides the list of nodes, and makes one node alone quorate.
"""

from __future__ import annotations

from osr_boot.cluster import static_addresses
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops import Operation
from osr_boot.ops.services import last_words, must_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Cluster, Node
    from osr_boot.system import System

CONFIG = "/etc/corosync/corosync.conf"
KEY = "/etc/corosync/authkey"
PLUGIN = "kronosnet/crypto_openssl.so"
"""what knet encrypts with"""
NOT_QUORATE = 2
"""exit status of corosync-quorumtool -s; source: its manual"""
_STATUS = ("corosync-quorumtool", "-s", "-p", "-i")
_WORD = 10.0
"""seconds between two words about what is waited for"""


class WaitQuorum(Operation):
    """Wait until enough nodes are there, and say which are not."""

    nodes: tuple[tuple[str, int], ...]
    """(name, id) of all"""
    timeout: int
    """seconds; 0: as long as it takes"""

    def describe(self) -> str:
        """See Operation."""
        return f"wait for the quorum of {len(self.nodes)} nodes" + (f", {self.timeout} s" if self.timeout else "")

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """See Operation."""
        return (_STATUS,)

    def execute(self, system: System) -> str:
        """See Operation. Raises OsrError where there is a timeout, and where corosync has ended."""
        begin = system.uptime()
        word = begin
        while True:
            quorate, there = ask(system)
            if quorate:
                # Others may have come late, and the disk is not to be given up for that.
                system.deadline += system.uptime() - begin
                return f"{len(there)} of {len(self.nodes)} nodes"
            if not there:
                must_run(system, "corosync")
            now = system.uptime()
            missing = ", ".join(name for name, nodeid in self.nodes if nodeid not in there)
            if self.timeout and now - begin >= self.timeout:
                hint = "start them; is the network between them whole? rd.osr.quorum_timeout=0 waits for them"
                raise OsrError(f"no quorum after {self.timeout} s; missing: {missing}", hint=hint)
            if now >= word:
                why = f"missing: {missing}" if there else "corosync does not answer yet"
                fault = last_words(system, "corosync")  # a port in use is one, and it goes on without
                why += f"; corosync says: {fault}" if fault else ""
                system.say(f"waiting for the quorum since {now - begin:.0f} s; {why}")
                word += _WORD
            system.pause(0.5)


def ask(system: System) -> tuple[bool, set[int]]:
    """Return whether there is a quorum, and the ids of the nodes that are there. Raises CommandFailed."""
    try:
        return True, present(system.run(_STATUS))
    except CommandFailed as error:
        if error.status == NOT_QUORATE:
            return False, present(error.output)
        if error.status == 1:  # corosync has only begun, or has ended
            return False, set()
        raise


def present(text: str) -> set[int]:
    """Return the ids of the nodes that corosync-quorumtool lists."""
    rows = text.partition("Membership information")[2].splitlines()
    firsts = (row.split()[0] for row in rows if row.split())
    return {int(first) for first in firsts if first.isdigit()}


def configuration(cluster: Cluster, nodes: tuple[tuple[Node, str], ...]) -> str:
    """Return corosync.conf for nodes with their addresses."""
    totem = {"version": "2", "cluster_name": cluster.name, "transport": "knet"}
    for option in cluster.totem:
        key, _, value = option.partition(" ")
        totem[key] = value
    if is_secret(cluster):
        totem["crypto_model"] = "openssl"  # nss wants databases and modules of its own
    parts = [_section("totem", *totem.items())]
    parts += ["nodelist {\n", *(_member(node, address) for node, address in nodes), "}\n"]
    two = (("two_node", "1"), ("wait_for_all", "1")) if cluster.two_node else ()
    parts.append(_section("quorum", ("provider", "corosync_votequorum"), *two))
    parts.append(_section("logging", ("to_stderr", "yes"), ("to_logfile", "no"), ("to_syslog", "yes")))
    return "".join(parts)


def is_secret(cluster: Cluster) -> bool:
    """Say whether the nodes talk with encryption or signatures, which need a key."""
    return any(option.startswith("crypto_") for option in cluster.totem)


def _member(node: Node, address: str) -> str:
    votes = (("quorum_votes", str(node.votes)),) if node.votes != 1 else ()
    words = (("ring0_addr", address), ("name", node.name), ("nodeid", str(node.nodeid)), *votes)
    return "".join(f"    {line}\n" for line in _section("node", *words).splitlines())


def _section(name: str, *words: tuple[str, str]) -> str:
    return "".join((f"{name} {{\n", *(f"    {key}: {value}\n" for key, value in words), "}\n"))


def members(cluster: Cluster) -> Iterator[tuple[Node, str]]:
    """Yield each node that corosync can know, with its address there: the first of IPv4, where all have one."""
    found = [(node, tuple(static_addresses(node))) for node in cluster.nodes]
    families = [{":" in address for address in written} for _, written in found if written]
    six = not all(False in family for family in families)
    for node, written in found:
        if address := next((one for one in written if (":" in one) is six), ""):
            yield node, address
