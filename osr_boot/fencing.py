"""Fence devices of cluster.conf: which agent ends which node, and with which words.

Source: Red Hat's cluster.rng, dlm.conf(5), the attributes that fence agents have in common (fence-agents' library).
What is wrong with them is told where they are used, with the filesystem.
"""

from __future__ import annotations

from osr_boot.model import Fence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osr_boot.document import Element

# What may stand in an image that anybody can fetch. All else may be a secret, and travels only where that is asked for.
HARMLESS = frozenset(
    (
        "action", "cipher", "debug", "delay", "disable_timeout", "hypervisor", "inet4_only", "inet6_only", "ip",
        "ipaddr", "ipport", "lanplus", "login_timeout", "method", "module", "node", "nodename", "plug",
        "plug_separator", "port", "power_timeout", "power_wait", "privlvl", "retry_on", "secure", "separator",
        "shell_timeout", "ssh", "ssl", "ssl_insecure", "ssl_secure", "switch", "timeout", "vmware_datacenter",
    )
)  # fmt: skip


def devices(root: Element) -> dict[str, Element]:
    """Return the fence devices by their names."""
    groups = root.all("fencedevices")
    return {one.attributes.get("name", ""): one for group in groups for one in group.all("fencedevice")}


def fences(node: Element, known: Mapping[str, Element], *, secrets: bool) -> Iterator[Fence]:
    """Yield what ends a node: the devices of each method, in their order; without agent where none is known."""
    methods = (method for fence in node.all("fence") for method in fence.all("method"))
    for number, method in enumerate(methods, 1):
        for device in method.all("device"):
            name = device.attributes.get("name", "")
            words = {**(known[name].attributes if name in known else {}), **device.attributes}
            agent = words.pop("agent", "")
            words.pop("name", "")
            kept = {key: value for key, value in words.items() if value and (secrets or key in HARMLESS)}
            left_out = tuple(sorted(key for key, value in words.items() if value and key not in kept))
            yield Fence(name, agent, number, tuple(f"{key}={value}" for key, value in kept.items()), left_out)
