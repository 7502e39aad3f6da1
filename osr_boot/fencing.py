"""Fence devices of cluster.conf: which agent ends which node, and with which words.

Source: Red Hat's cluster.rng, dlm.conf(5).
What is wrong with them is told where they are used, with the filesystem.
"""

from __future__ import annotations

from osr_boot.model import Fence
from osr_boot.vocabulary import HARMLESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osr_boot.document import Element


def devices(root: Element) -> dict[str, Element]:
    """Return the fence devices by their names."""
    groups = root.all("fencedevices")
    return {one.attributes.get("name", ""): one for group in groups for one in group.all("fencedevice")}


def fences(node: Element, known: Mapping[str, Element]) -> Iterator[Fence]:
    """Yield what ends a node: the devices of each method, in their order; without agent where none is known.

    What may be a secret is empty where the document was read without secrets.
    """
    methods = (method for fence in node.all("fence") for method in fence.all("method"))
    for number, method in enumerate(methods, 1):
        for device in method.all("device"):
            name = device.attributes.get("name", "")
            words = {**(known[name].attributes if name in known else {}), **device.attributes}
            agent = words.pop("agent", "")
            words.pop("name", "")
            options = tuple(f"{key}={value}" for key, value in words.items() if value)
            left_out = tuple(sorted(key for key, value in words.items() if not value and key not in HARMLESS))
            yield Fence(name, agent, number, options, left_out)
