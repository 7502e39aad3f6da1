"""The network, as the boot asks it: raw frames for who has an address, and whether a server answers at a port.

`_socket` and `select` are C, and load in a millisecond; `socket` would bring enum and selectors with it.
"""

from __future__ import annotations

import os
import select
import time
from _socket import AF_INET, AF_INET6, AF_PACKET, SO_ERROR, SOCK_RAW, SOCK_STREAM, SOL_SOCKET, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_EVERYTHING = 0x0300  # ETH_P_ALL, in network order
_ROUNDS = 2
_EINPROGRESS = 115


def exchange(frames: Sequence[tuple[str, bytes]], seconds: float) -> list[tuple[str, bytes]]:
    """Send frames, each on its link and each twice, and return all that was heard there meanwhile, as (link, frame)."""
    sockets: dict[int, tuple[str, socket]] = {}
    heard: list[tuple[str, bytes]] = []
    try:
        for link in dict.fromkeys(link for link, _ in frames):
            one = socket(AF_PACKET, SOCK_RAW, _EVERYTHING)
            sockets[one.fileno()] = (link, one)
            one.bind((link, _EVERYTHING))
        begin = time.monotonic()
        for number in range(_ROUNDS):
            for link, frame in frames:
                next(one for name, one in sockets.values() if name == link).send(frame)
            end = begin + seconds * (number + 1) / _ROUNDS
            while (left := end - time.monotonic()) > 0:
                for descriptor in select.select(list(sockets), [], [], left)[0]:
                    link, one = sockets[descriptor]
                    heard.append((link, one.recv(2048)))
    finally:
        for _, one in sockets.values():
            one.close()
    return heard


def reach(address: str, port: int, seconds: float) -> str:
    """Return nothing if a TCP server answers there, else why not, in the kernel's words."""
    one = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
    try:
        one.setblocking(False)
        error = one.connect_ex((address, port))
        if error == _EINPROGRESS:
            if not select.select([], [one], [], seconds)[1]:
                return "Connection timed out"
            error = one.getsockopt(SOL_SOCKET, SO_ERROR)
        return os.strerror(error) if error else ""
    finally:
        one.close()
