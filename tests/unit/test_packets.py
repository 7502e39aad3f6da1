"""Frames that ask who has an address, byte by byte, and whatever may be heard."""

from __future__ import annotations

import pytest

from osr_boot.packets import groups, holder, parse, rival, who_has, who_has_aloud

OURS, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:99"


def test_an_arp_probe_tells_nobody_our_address() -> None:
    """RFC 5227: the sender's address is all zero."""
    frame = who_has("10.0.0.11", OURS).hex()
    assert frame == (
        "ffffffffffff" "525400000001" "0806" "0001" "0800" "06" "04" "0001"
        "525400000001" "00000000" "000000000000" "0a00000b"
    )  # fmt: skip
    assert groups(who_has("10.0.0.11", OURS)) == ()


def test_a_question_aloud_is_ours_and_answered_to_everybody() -> None:
    (frame,) = who_has_aloud("10.0.0.11", OURS)
    plain = who_has("10.0.0.11", OURS)
    assert frame[:22] + frame[28:] == plain[:22] + plain[28:]  # the Ethernet header is the same
    assert frame[22:28] == b"\xff" * 6
    # Sent back by a switch it is an echo; from another machine it is a rival by its Ethernet source.
    assert rival(frame, "10.0.0.11", OURS) == ""
    assert rival(who_has_aloud("10.0.0.11", OTHER)[0], "10.0.0.11", OURS) == OTHER
    assert who_has_aloud("fd00::1", OURS) == ()


def test_a_neighbour_solicitation_goes_to_the_group_of_the_address() -> None:
    """RFC 4861, 4862: from the unspecified address, hop limit 255; the checksum is that of RFC 1071."""
    frame = who_has("fd00::11:2233", OURS)
    assert frame[:14].hex() == "3333ff112233" + "525400000001" + "86dd"
    assert frame[14:22].hex() == "60000000" "0018" "3a" "ff"
    assert frame[22:54].hex() == "00" * 16 + "ff0200000000000000000001ff112233"
    assert frame[54:56].hex() == "8700"
    assert groups(frame) == (frame[:6], bytes.fromhex("333300000001"))
    assert frame[62:].hex() == "fd000000000000000000000000112233"
    pseudo = frame[22:54] + (24).to_bytes(4, "big") + b"\x00\x00\x00\x3a" + frame[54:]
    total = sum(int.from_bytes(pseudo[place : place + 2], "big") for place in range(0, len(pseudo), 2))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def arp(mac: str, operation: int, sender: str, target: str) -> bytes:
    own = bytes.fromhex(mac.replace(":", ""))
    one, other = (bytes(map(int, text.split("."))) for text in (sender, target))
    head = b"\xff" * 6 + own + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00" + bytes([operation])
    return head + own + one + bytes(6) + other + bytes(18)


def advertisement(mac: str, address: bytes, *, option: bool = True) -> bytes:
    own = bytes.fromhex(mac.replace(":", ""))
    body = b"\x88\x00\x00\x00\x20\x00\x00\x00" + address + (b"\x02\x01" + own if option else b"")
    return bytes(6) + own + b"\x86\xdd\x60\x00\x00\x00\x00\x20\x3a\xff" + bytes(32) + body


V6 = bytes.fromhex("fd000000000000000000000000000011")
LOOKED_FOR = who_has("fd00::11", OTHER)[:22] + V6[:15] + b"\x12" + who_has("fd00::11", OTHER)[38:]
ROUTED = advertisement(OTHER, V6)[:21] + b"\xfe" + advertisement(OTHER, V6)[22:]


@pytest.mark.parametrize(
    ("frame", "address", "rivals", "holds"),
    [
        (arp(OTHER, 2, "10.0.0.11", "0.0.0.0"), "10.0.0.11", OTHER, OTHER),
        (arp(OTHER, 1, "10.0.0.11", "10.0.0.1"), "10.0.0.11", OTHER, OTHER),
        (arp(OTHER, 1, "0.0.0.0", "10.0.0.11"), "10.0.0.11", OTHER, ""),  # asks for it in the same moment
        (arp(OURS, 1, "0.0.0.0", "10.0.0.11"), "10.0.0.11", "", ""),  # our own question comes back
        (arp(OURS, 1, "10.0.0.11", "10.0.0.1"), "10.0.0.11", "", OURS),
        (arp(OURS, 2, "10.0.0.11", "0.0.0.0"), "10.0.0.11", OURS, OURS),  # a copy of this machine
        (arp(OTHER, 1, "10.0.0.1", "10.0.0.11"), "10.0.0.11", "", ""),  # somebody looks for it
        (arp(OTHER, 2, "10.0.0.12", "0.0.0.0"), "10.0.0.11", "", ""),
        (arp(OTHER, 3, "10.0.0.11", "0.0.0.0"), "0.0.0.0", "", ""),
        (arp(OTHER, 2, "0.0.0.0", "10.0.0.11"), "10.0.0.11", "", ""),
        (advertisement(OTHER, V6), "fd00::11", OTHER, OTHER),
        (advertisement(OTHER, V6, option=False), "fd00::11", OTHER, OTHER),
        (advertisement(OURS, V6), "fd00::11", OURS, OURS),
        (advertisement(OTHER, V6), "fd00::12", "", ""),
        (ROUTED, "fd00::11", "", ""),  # RFC 4861, 7.1.2: it has come through a router
        (who_has("fd00::11", OTHER), "fd00::11", OTHER, ""),
        (who_has("fd00::11", OURS), "fd00::11", "", ""),
        (LOOKED_FOR, "fd00::11", "", ""),
        (advertisement(OTHER, V6), "10.0.0.11", "", ""),
        (b"", "10.0.0.11", "", ""),
    ],
)
def test_what_a_frame_says(frame: bytes, address: str, rivals: str, holds: str) -> None:
    assert rival(frame, address, OURS) == rivals
    assert holder(frame, address) == holds


@pytest.mark.parametrize("address", ["10.0.0.11", "fd00::11"])
@pytest.mark.parametrize("frame", [arp(OTHER, 2, "10.0.0.11", "0.0.0.0"), advertisement(OTHER, V6)])
def test_a_frame_that_is_cut_off_says_nothing_and_breaks_nothing(frame: bytes, address: str) -> None:
    for length in range(42):
        assert rival(frame[:length], address, OURS) == ""
        assert parse(frame[:length]) == (b"", "", "")
    for length in range(len(frame)):
        holder(frame[:length], address)
