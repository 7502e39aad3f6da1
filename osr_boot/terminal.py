"""Text on its way to a terminal: what a file, a kernel command line or a firmware says may hold anything. Pure."""

from __future__ import annotations


def line(text: str) -> str:
    """Return the text as one line: whatever a terminal might obey, and the end of a line too, is written as \\u001b."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def lines(text: str) -> str:
    """Return the text with its lines and tabs as they are, and nothing else that a terminal might obey."""
    return "\n".join("\t".join(map(line, part.split("\t"))) for part in text.split("\n"))
