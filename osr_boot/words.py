"""What a word of cluster.conf may be: kinds of elements and attributes, and which word another is nearly."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Attribute:
    """An attribute, and what it means in words for a manual page."""

    name: str
    meaning: str
    default: str = ""
    """the default in words; empty: none, or required"""
    required: bool = False
    form: str = ""
    """what its text looks like, as a pattern of XML Schema, never stricter than what reads it; empty: any text"""


@dataclass(frozen=True)
class Kind:
    """An element with what may stand in it. No name is reserved for two elements of different meaning."""

    name: str
    meaning: str
    attributes: tuple[Attribute, ...] = ()
    children: tuple[Kind, ...] = ()
    ours: bool = True
    """True: every word in it that is not listed is a mistake; False: Red Hat's, others may add to it"""
    opaque: bool = False
    """True: belongs to others, nothing below it is read"""
    harmless: frozenset[str] | None = None
    """names of the attributes whose values may be remembered; those of others may be secrets; None: of all"""
    many: bool = False
    """True: may stand more than once below its parent"""
    effect: bool = True
    """False: accepted, but this version does nothing with it, and says so"""

    def described(self, parent: str) -> str:
        """Return in words what it is, and what a manual adds to that; `parent` is the name of the element around it."""
        remarks = [f"may stand more than once below `{parent}`" if self.many else ""]
        remarks.append("" if self.effect else "accepted, without effect in this version")
        return "; ".join(filter(None, (self.meaning, *remarks))) + "."

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of that name, None if there is none."""
        return self._attributes.get(name)

    def child(self, name: str) -> Kind | None:
        """Return the element of that name that may stand below this one, None if there is none."""
        return self._children.get(name)

    @cached_property
    def _attributes(self) -> dict[str, Attribute]:
        return {attribute.name: attribute for attribute in self.attributes}

    @cached_property
    def _children(self) -> dict[str, Kind]:
        return {child.name: child for child in self.children}


@lru_cache(maxsize=1024)
def nearest(word: str, known: tuple[str, ...], *, strict: bool = False) -> str:
    """Return the known word that `word` is probably meant to be, empty if none is near.

    `strict` asks for more likeness: for words that may just as well be somebody else's.
    """
    if len(word) > 40:  # longer than any of ours: not worth the comparison
        return ""
    lowered = word.lower().replace("-", "_")
    if lowered in known:
        return lowered
    # 0.75: "nmae" is still "name"; 0.65: "nsf" is still "nfs".
    near = difflib.get_close_matches(lowered, known, n=1, cutoff=0.75 if strict else 0.65)
    return near[0] if near else ""
