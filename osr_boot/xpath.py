"""An arbitrary XPath, evaluated on a cluster.conf by lxml.

Named queries do without: lxml takes as long to load as a small cluster.conf to read, and not every machine has it.
"""

from __future__ import annotations

from lxml import etree

from osr_boot.errors import ConfigError
from osr_boot.values import shown

_LARGE = 9_000_000
"""bytes; from 10,000,000 on libxml2 reads a file only without all of its limits (XML_MAX_LOOKUP_LIMIT)"""


class Document:
    """A cluster.conf that osr_boot.document has read without complaint: no entities, not endless, not too deep."""

    def __init__(self, data: bytes) -> None:
        # The limits stay where they can: libxml2 knows encodings (HZ, ISO 2022) that expat takes for ASCII, so it may
        # find a declaration of entities where expat has seen a comment.
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=len(data) > _LARGE
        )  # fmt: skip
        try:
            self._tree = etree.ElementTree(etree.fromstring(data, parser))
        except (etree.XMLSyntaxError, LookupError, ValueError) as error:
            raise ConfigError(f"the file cannot be read for an XPath: {error}", hint="save it as UTF-8") from None

    def evaluate(self, path: str) -> list[str]:
        """Return the text of what an XPath selects, elements as XML; nothing if it selects nothing.

        Raises ConfigError if it is no XPath. There are no variables, no documents to load and no functions beyond
        those of XPath 1.0.
        """
        try:
            found = self._evaluate(path)
            if isinstance(found, list):
                return [_text(one) for one in found]
            text = self._evaluate(f"string({path})")  # its way to write numbers and booleans
        except (etree.XPathError, ValueError) as error:
            hint = "write it as in /cluster/clusternodes/clusternode/@name, and in quotes for the shell"
            raise ConfigError(f"{shown(path)} is not an XPath: {error}", hint=hint) from None
        return [str(text)] if text else []

    def _evaluate(self, path: str) -> object:
        return etree.XPath(path, regexp=False, smart_strings=False)(self._tree)


def _text(found: object) -> str:
    """Return what stands in a node-set as text: an element or comment, an attribute, a text, or a namespace."""
    if isinstance(found, etree._Element):
        return etree.tostring(found, encoding="unicode", with_tail=False)
    return str(found[1]) if isinstance(found, tuple) else str(found)  # a namespace is (prefix, address)
