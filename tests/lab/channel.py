"""The host's end of a machine's command channel (its other end is guest/channel) and of QEMU's monitor.

Both are sockets that carry one JSON document per line.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

from .errors import GuestSilent, LabError


class Lines:
    """JSON documents, one per line, over a connected socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""

    def send(self, document: dict[str, Any]) -> None:
        """Write one document; gives up after a minute in which nobody reads."""
        self._connection.settimeout(60)
        self._connection.sendall(json.dumps(document).encode() + b"\n")

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next document; raises `TimeoutError` at `deadline` (time.monotonic), `EOFError` at the machine's end."""
        while b"\n" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            try:
                data = self._connection.recv(1 << 20)
            except socket.timeout as error:  # another class than TimeoutError up to Python 3.9
                raise TimeoutError from error
            except ConnectionError as error:
                raise EOFError from error
            if not data:
                raise EOFError
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        document: dict[str, Any] = json.loads(line)
        return document

    def close(self) -> None:
        """Let go of the socket."""
        self._connection.close()


class Channel:
    """Runs scripts in a guest. What is sent before the guest's end is up waits in the socket."""

    def __init__(self, connection: socket.socket, machine: str) -> None:
        self._lines = Lines(connection)
        self._machine = machine
        self._last = 0
        self._turn = threading.Lock()

    def call(self, script: str, *, timeout: float, patience: float = 15) -> tuple[int, str]:
        """Status and output of `script`; 124 if it was killed after `timeout` seconds.

        Raises `GuestSilent` when no answer has come `patience` seconds after that.
        """
        with self._turn:
            self._last += 1
            deadline = time.monotonic() + timeout + patience
            try:
                self._lines.send({"id": self._last, "script": script, "timeout": timeout})
                while True:
                    answer = self._lines.receive(deadline)
                    if answer["id"] == self._last:  # not the late answer to a call that was given up
                        return int(answer["status"]), str(answer["output"])
            except TimeoutError:
                raise GuestSilent(f"no answer from '{self._machine}' within {timeout + patience:.0f} s") from None
            except (EOFError, ConnectionError):
                raise GuestSilent(f"'{self._machine}' ended before it answered") from None

    def close(self) -> None:
        """Let go of the socket."""
        self._lines.close()


class Monitor:
    """QEMU's machine protocol. source: https://www.qemu.org/docs/master/interop/qmp-spec.html"""

    def __init__(self, connection: socket.socket) -> None:
        self._lines = Lines(connection)
        self._greeted = False

    def call(self, command: str, *, timeout: float = 30, **arguments: Any) -> Any:
        """The "return" of one command; raises `LabError` with QEMU's own words."""
        deadline = time.monotonic() + timeout
        if not self._greeted:
            self._lines.receive(deadline)
            self._greeted = True
            self.call("qmp_capabilities")
        self._lines.send({"execute": command, "arguments": arguments})
        while True:
            answer = self._lines.receive(deadline)
            if "error" in answer:
                raise LabError(f"qemu refuses '{command}': {answer['error']['desc']}")
            if "return" in answer:  # events come in between
                return answer["return"]

    def close(self) -> None:
        """Let go of the socket."""
        self._lines.close()
