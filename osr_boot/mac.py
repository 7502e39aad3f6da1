"""Hardware addresses: one spelling for all of them."""

from __future__ import annotations

from osr_boot.errors import ConfigError

_DIGITS = frozenset("0123456789abcdef")


def normalised(text: str) -> str:
    """Return the address as `52:54:00:00:00:01`, empty if it is not 6 or 20 bytes (Ethernet, InfiniBand).

    Takes any case, and `:` or `-` between the bytes, but not both in one address.
    """
    if len(text) not in (17, 59):
        return ""
    parts = text.lower().split("-" if "-" in text else ":")
    if len(parts) not in (6, 20):
        return ""
    if any(len(part) != 2 or part[0] not in _DIGITS or part[1] not in _DIGITS for part in parts):
        return ""
    return ":".join(parts)


def is_group(mac: str) -> bool:
    """Say whether a normalised address is a multicast or broadcast one. InfiniBand has no such bit in its 20 bytes."""
    return len(mac) == 17 and int(mac[1], 16) & 1 == 1


def is_zero(mac: str) -> bool:
    """Say whether a normalised address is all zeros: a card that nobody programmed."""
    return not mac.strip("0:")


def parse(text: str) -> str:
    """Return a normalised address. Raises ConfigError."""
    mac = normalised(text)
    if not mac:
        raise ConfigError(f'"{text[:80]}" is not a MAC address', hint="write it as 52:54:00:12:34:56")
    return mac
