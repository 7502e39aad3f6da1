"""Ethernet frames that ask who has an address, and what an answer says: pure, bytes in and out.

Sources: RFC 826 and 5227 (ARP, address conflict detection), RFC 4861 and 4862 (neighbour discovery of IPv6).
"""

from __future__ import annotations

from osr_boot.layers import number

_ARP, _IPV6 = b"\x08\x06", b"\x86\xdd"
_BROADCAST = b"\xff" * 6
_SOLICITATION, _ADVERTISEMENT = 135, 136


def who_has(address: str, mac: str, sender: str = "") -> bytes:
    """Return a frame that asks who has an address; without `sender`, an address of ours, nobody notes us down."""
    target, own = number(address), bytes.fromhex(mac.replace(":", ""))
    if len(target) == 4:
        body = b"\x00\x01\x08\x00\x06\x04\x00\x01" + own + (number(sender) if sender else bytes(4)) + bytes(6) + target
        return _BROADCAST + own + _ARP + body
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + target[-3:]
    source = number(sender) if sender else bytes(16)
    # A question without sender may not say where an answer goes to; source: RFC 4861, 4.3.
    option = b"\x01\x01" + own if sender else b""
    message = bytes([_SOLICITATION, 0, 0, 0]) + bytes(4) + target + option
    head = source + group + len(message).to_bytes(4, "big") + b"\x00\x00\x00\x3a"
    message = message[:2] + _checksum(head + message) + message[4:]
    packet = b"\x60\x00\x00\x00" + len(message).to_bytes(2, "big") + b"\x3a\xff" + source + group + message
    return b"\x33\x33" + group[-4:] + own + _IPV6 + packet


def holder(frame: bytes, address: str, mac: str) -> str:
    """Return the MAC address of another that has an address, or asks for it as we do; nothing if that is not said."""
    target, own = number(address), bytes.fromhex(mac.replace(":", ""))
    other = b""
    if len(target) == 4 and frame[12:14] == _ARP and frame[14:20] == b"\x00\x01\x08\x00\x06\x04" and len(frame) >= 42:
        sender, its, asked = frame[22:28], frame[28:32], frame[38:42]
        if its == target or (its == bytes(4) and asked == target):
            other = sender
    elif len(target) == 16 and frame[12:14] == _IPV6 and frame[20:21] == b"\x3a" and len(frame) >= 78:
        kind, asked = frame[54], frame[62:78]
        if asked == target and (kind == _ADVERTISEMENT or (kind == _SOLICITATION and frame[22:38] == bytes(16))):
            other = frame[6:12]
            if kind == _ADVERTISEMENT and frame[78:80] == b"\x02\x01" and len(frame) >= 86:
                other = frame[80:86]
    return other.hex(":") if other and other != own else ""


def _checksum(data: bytes) -> bytes:
    """Return the checksum of the internet; source: RFC 1071."""
    total = sum(int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")
