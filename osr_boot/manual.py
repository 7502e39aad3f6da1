"""The manual page osr-cluster.conf(5), made from the vocabulary: `python3 -m osr_boot.manual` prints it. Pure."""

from __future__ import annotations

import sys

from osr_boot import __version__, vocabulary
from osr_boot.words import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = f""".TH OSR-CLUSTER.CONF 5 "2026-11-23" "osr {__version__}" "Open Sharedroot"
.SH NAME
osr-cluster.conf \\- what Open Sharedroot reads in /etc/cluster/cluster.conf
.SH DESCRIPTION
The file is Red Hat Cluster's. Open Sharedroot adds
.B com_info
to each node, and reads a few values of the cluster. What it does not know it leaves alone; a word that looks like one
of its own misspelt is an error of
.BR "osr check" .
An attribute with nothing in it is as good as absent.
.SH ELEMENTS AND ATTRIBUTES
"""
_TAIL = """.SH FILES
.TP
.I /usr/share/osr/cluster.rng
a RELAX NG schema, for editors
.SH SEE ALSO
.BR osr (8),
.BR dracut (8)
"""


def page() -> str:
    """Return the page as roff."""
    return _HEAD + "\n".join(_element(vocabulary.CLUSTER, ())) + "\n" + _TAIL


def _element(element: Kind, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines about an element and what may stand in it."""
    if element.opaque and not element.ours:
        return
    here = (*path, element.name)
    yield f'.SS "{"/".join(here)}"'
    yield _escaped(element.described(path[-1] if path else ""))
    for attribute in element.attributes:
        yield ".TP"
        yield f".B {attribute.name}"
        default = "required" if attribute.required else f"default: {attribute.default}" if attribute.default else ""
        yield _escaped(f"{attribute.meaning or 'as the old tools had it'}{f' ({default})' if default else ''}")
    for child in element.children:
        yield from _element(child, here)


def _escaped(text: str) -> str:
    """Return a text in which roff sees no request and no escape; what is between backticks becomes bold."""
    parts = text.replace("\\", "\\e").replace("-", "\\-").split("`")
    text = "".join(f"\\fB{part}\\fP" if number % 2 else part for number, part in enumerate(parts))
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    sys.stdout.write(page())
