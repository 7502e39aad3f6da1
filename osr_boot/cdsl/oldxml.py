"""An inventory as the old tools wrote it, format 2.0: for scripts that read their listing. Pure."""

from __future__ import annotations

from osr_boot.cdsl import upkeep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.cdsl.inventory import Inventory

_ATTRIBUTES = ("default_dir", "expandstring", "link", "maxnodeidnum", "sharedtree", "tree", "use_nodeids")


def text(inventory: Inventory) -> str:
    """Return the document, which `inventory.loads` reads."""
    return "\n".join(_lines(inventory))


def _lines(inventory: Inventory) -> Iterator[str]:
    settings = upkeep.settings(inventory)
    yield f'<cdsls config_version="2.0" {" ".join(f"{name}={_quoted(settings[name])}" for name in _ATTRIBUTES)}>'
    for cdsl in inventory.cdsls:
        yield f'  <cdsl src={_quoted(cdsl.path)} timestamp="{cdsl.time}" type="{cdsl.kind}">'
        nodes = "".join(f"<noderef ref={_quoted(node)}/>" for node in cdsl.nodes or inventory.nodes)
        yield f"    <nodes>{nodes}</nodes>"
        yield "  </cdsl>"
    yield "</cdsls>"


def _quoted(value: str) -> str:
    """Return an attribute's value. A byte that is no letter has no place in XML: it is shown as \\udcff."""
    from xml.sax.saxutils import quoteattr  # which imports ssl: a sixth of a command's time

    return quoteattr(value.encode("utf-8", "backslashreplace").decode())
