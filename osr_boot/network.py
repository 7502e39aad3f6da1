"""Which operations bring up a node's links: pure, a function of the node."""

from __future__ import annotations

from osr_boot.ops.links import LoadDriver, SetUp, WaitCarrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Node
    from osr_boot.ops import Operation


def plan(node: Node) -> Iterator[Operation]:
    """Yield the operations that configure the node's own links, and no others."""
    wanted = [nic for nic in node.nics if nic.onboot]
    for driver in dict.fromkeys(nic.driver for nic in wanted if nic.driver):
        yield LoadDriver(driver)
    for nic in wanted:
        yield SetUp(nic.name, nic.mac, nic.address, nic.gateway, nic.mtu, nic.onlink)
    addressed = tuple(nic.name for nic in wanted if nic.address)
    if addressed:
        yield WaitCarrier(addressed)
