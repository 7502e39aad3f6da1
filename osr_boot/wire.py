"""The network, as the boot asks it: raw frames for who has an address, and whether a server answers at a port.

`_socket` and `select` are C, and load in a millisecond; `socket` would bring enum and selectors with it.
"""

from __future__ import annotations

import os
import select
import time
from _socket import AF_INET, AF_INET6, AF_PACKET, SO_ERROR, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, if_nametoindex, socket
from struct import pack

from osr_boot.packets import groups, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ROUNDS = 2
_LONGEST = 128
"""bytes of a frame that are looked at; none that says who has an address needs more"""
_MOST = 4096
"""frames that are kept: a flood must not fill the memory of a machine that boots"""
_AT_ONCE = 256
"""frames between two looks at the clock"""
_EINPROGRESS = 115
# Source: linux/if_packet.h, man 7 packet.
_SOL_PACKET, _ADD_MEMBERSHIP, _MULTICAST = 263, 1, 0
_TO_US = (0, 1, 2)  # PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST; neither others' frames nor our own


def exchange(
    frames: Sequence[tuple[str, bytes]], seconds: float
) -> tuple[list[tuple[str, bytes]], list[tuple[str, str]]]:
    """Send questions of `packets.who_has`, each on its link and each twice, and listen there meanwhile.

    Returns (link, frame) of what others said about the addresses that were asked for on that link, each frame once,
    and (link, the kernel's words) of each link on which asking failed. Raises nothing.
    """
    heard: dict[tuple[str, bytes], None] = {}
    faults: dict[str, str] = {}
    asked = {(link, parse(frame)[0]) for link, frame in frames}
    sockets: dict[tuple[str, bytes], socket] = {}
    try:
        for link, frame in frames:
            try:
                _join(_listen(link, frame[12:14], sockets), link, frame)
            except OSError as error:
                faults.setdefault(link, error.strerror or str(error))
        begin = time.monotonic()
        for number in range(_ROUNDS):
            for link, frame in frames:
                if link not in faults:
                    try:
                        sockets[link, frame[12:14]].send(frame)
                    except OSError as error:
                        faults[link] = error.strerror or str(error)
            end = begin + seconds * (number + 1) / _ROUNDS
            while (left := end - time.monotonic()) > 0:
                listening = {one.fileno(): (link, one) for (link, _), one in sockets.items() if link not in faults}
                if not listening:
                    break
                for descriptor in select.select(list(listening), [], [], left)[0]:
                    link, one = listening[descriptor]
                    try:
                        for _ in range(_AT_ONCE):
                            frame, (device, _, kind, *_) = one.recvfrom(_LONGEST)
                            # A frame of a VLAN comes to its card's sockets too, and without its tag: as the VLAN's
                            # link's if there is one, else as somebody else's.
                            wanted = device == link and kind in _TO_US and (link, parse(frame)[0]) in asked
                            if wanted and len(heard) < _MOST:
                                heard[link, frame] = None
                    except BlockingIOError:
                        continue
                    except OSError as error:  # the link went down
                        faults[link] = error.strerror or str(error)
    finally:
        for one in sockets.values():
            one.close()
    return list(heard), list(faults.items())


def _listen(link: str, ethertype: bytes, sockets: dict[tuple[str, bytes], socket]) -> socket:
    """Return the socket of a link that hears frames of one type, and only they; made once. Raises OSError."""
    if (link, ethertype) not in sockets:
        # With protocol 0 it hears nothing until it is bound: what other links carry is not queued meanwhile.
        one = sockets[link, ethertype] = socket(AF_PACKET, SOCK_RAW, 0)
        one.setblocking(False)
        one.bind((link, int.from_bytes(ethertype, "big")))  # Python takes host order here, C would not
    return sockets[link, ethertype]


def _join(one: socket, link: str, frame: bytes) -> None:
    """Have the card let through what answers and rivals send to groups that the kernel has not joined yet."""
    for group in groups(frame):
        one.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, pack("iHH8s", if_nametoindex(link), _MULTICAST, 6, group))


def reach(address: str, port: int, seconds: float) -> str:
    """Return nothing if a TCP server answers there, else why not, in the kernel's words.

    `address` is an address: a name would have the resolver wait for name servers, for as long as it likes.
    """
    try:
        one = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
    except OSError as error:  # a kernel without IPv6
        return error.strerror or str(error)
    try:
        one.setblocking(False)
        number = one.connect_ex((address, port))
        if number == _EINPROGRESS:
            if not select.select([], [one], [], seconds)[1]:
                return "Connection timed out"
            number = one.getsockopt(SOL_SOCKET, SO_ERROR)
        return os.strerror(number) if number else ""
    finally:
        one.close()
