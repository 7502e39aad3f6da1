"""Ethernet frames that ask who has an address, and what others say about it: pure, bytes in and out.

Sources: RFC 826 and 5227 (ARP, address conflict detection), RFC 4861 and 4862 (neighbour discovery of IPv6).
"""

from __future__ import annotations

from osr_boot.layers import number

_ARP, _IPV6 = b"\x08\x06", b"\x86\xdd"
_BROADCAST = b"\xff" * 6
_ALL_NODES = b"\x33\x33\x00\x00\x00\x01"
_REQUEST, _REPLY = 1, 2
_SOLICITATION, _ADVERTISEMENT = 135, 136

ANSWERS, USES, ASKS = "answers", "uses", "asks"
"""what a frame says of an address: its sender answers that it has it, sends from it, or asks for it as we do"""


def who_has(address: str, mac: str) -> bytes:
    """Return a frame that asks who has an address. It names no address of ours, so that nobody notes us down."""
    target, own = number(address), bytes.fromhex(mac.replace(":", ""))
    if len(target) == 4:
        return _BROADCAST + own + _ARP + b"\x00\x01\x08\x00\x06\x04\x00\x01" + own + bytes(4) + bytes(6) + target
    source, group = bytes(16), b"\xff\x02" + bytes(9) + b"\x01\xff" + target[-3:]
    # A question without sender may not say where an answer goes to; source: RFC 4861, 4.3.
    message = bytes([_SOLICITATION, 0, 0, 0]) + bytes(4) + target
    head = source + group + len(message).to_bytes(4, "big") + b"\x00\x00\x00\x3a"
    message = message[:2] + _checksum(head + message) + message[4:]
    packet = b"\x60\x00\x00\x00" + len(message).to_bytes(2, "big") + b"\x3a\xff" + source + group + message
    return b"\x33\x33" + group[-4:] + own + _IPV6 + packet


def who_has_aloud(address: str, mac: str) -> tuple[bytes, ...]:
    """Return a question that everybody hears the answer to, where that of `who_has` is answered to its asker alone.

    A copy of this machine answers to the MAC address that both have, and a switch does not send that back to the port
    from which it comes: the answer would never arrive. Linux answers whoever the frame names as its sender; the
    Ethernet header is ours. Answers of IPv6 go to all anyway.
    """
    question = who_has(address, mac)
    return (question[:22] + _BROADCAST + question[28:],) if question[12:14] == _ARP else ()


def groups(question: bytes) -> tuple[bytes, ...]:
    """Return the groups that answers to a question of `who_has` go to, and the same question of a rival, as MACs."""
    return (question[:6], _ALL_NODES) if question[12:14] == _IPV6 else ()


def parse(frame: bytes) -> tuple[bytes, str, str]:
    """Return (address, MAC address of the sender, what it says of that address), of other frames three times nothing.

    The frame is as it was received: anything, of any length.
    """
    if frame[12:14] == _ARP and frame[14:21] == b"\x00\x01\x08\x00\x06\x04\x00" and len(frame) >= 42:
        kind, mac, sender, target = frame[21], frame[22:28].hex(":"), frame[28:32], frame[38:42]
        if kind in (_REQUEST, _REPLY) and sender != bytes(4):
            return sender, mac, ANSWERS if kind == _REPLY else USES
        if kind == _REQUEST:
            return target, frame[6:12].hex(":") if frame[22:28] == _BROADCAST else mac, ASKS
    elif frame[12:14] == _IPV6 and frame[20:22] == b"\x3a\xff" and len(frame) >= 78:
        kind, mac, target = frame[54], frame[6:12].hex(":"), frame[62:78]
        if kind == _ADVERTISEMENT:
            option = frame[78:86]
            return target, option[2:].hex(":") if option[:2] == b"\x02\x01" and len(option) == 8 else mac, ANSWERS
        if kind == _SOLICITATION and frame[22:38] == bytes(16):
            return target, mac, ASKS
    return b"", "", ""


def holder(frame: bytes, address: str) -> str:
    """Return the MAC address of who has an address; nothing if the frame does not say that."""
    about, mac, says = parse(frame)
    return mac if about == number(address) and says in (ANSWERS, USES) else ""


def rival(frame: bytes, address: str, own: str) -> str:
    """Return the MAC address of who has an address that we want, or asks for it as we do; nothing if nobody does.

    It may be our own MAC address: no answer that is heard is ours, so it is a copy of this machine that has answered.
    A question of our own MAC address is one of ours that a switch has sent back.
    """
    about, mac, says = parse(frame)
    return mac if about == number(address) and (says == ANSWERS or mac != own) else ""


def _checksum(data: bytes) -> bytes:
    """Return the checksum of the internet; source: RFC 1071."""
    total = sum(int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")
