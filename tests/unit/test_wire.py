"""Real frames between real links, in a network namespace of their own, and what is made of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from osr_boot import wire

TOP = Path(__file__).parents[2]
OURS, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:99"
# Processes and mounts of their own too: /sys shows the links of who mounted it, and nothing may be left behind.
UNSHARE = ("unshare", "-nmpf", "--mount-proc", "--kill-child", "sh", "-ec")
LINKS = f"""
mount -t sysfs sysfs /sys
ip link set lo up
ip link add eth0 address {OURS} type veth peer name there address {OTHER}
ip link set eth0 up
ip link set there up
"""
APART = """
unshare -n sleep 60 &
while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done
peer="nsenter -t $! -n"
there=$!
apart() { ip link set $1 netns $there; $peer ip link set $1 up; }
apart there
"""
"""the other end of the cable goes to another kernel's network, as it were"""
SEND = """
import os, subprocess, sys, time
from _socket import AF_PACKET, SOCK_RAW, socket
from osr_boot import wire
from osr_boot.linux import Linux
from osr_boot.ops import probe
from osr_boot.packets import who_has
OURS, OTHER = %r, %r
out = []
def mac(text): return bytes.fromhex(text.replace(":", ""))
def arp(sender, *, tag=b"", kind=2, address=(10, 0, 0, 11), to=b"\\xff" * 6):
    body = b"\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04\\x00" + bytes([kind]) + mac(sender)
    return to + mac(sender) + tag + body + bytes(address) + bytes(10)
def other(*frames, after=0.1, times=1):
    # Somebody at the other end of the cable who sends while we listen.
    if not (pid := os.fork()):
        one = socket(AF_PACKET, SOCK_RAW, 0)
        one.bind(("there", 0))
        time.sleep(after)
        for _ in range(times):
            for frame in frames:
                one.send(frame)
        os._exit(0)
    return pid
"""


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*UNSHARE, LINKS + script, *words], cwd=TOP, capture_output=True, text=True, check=False, timeout=60
    )


def inside(code: str, setup: str = "") -> Any:
    """Run code beside two links with a cable between them, eth0 being ours. Returns what it puts into `out`."""
    try:
        why = run("").stderr
    except OSError as error:
        why = str(error)
    if why:
        pytest.skip(f"needs root and namespaces: {why.strip()}")
    program = f"{SEND % (OURS, OTHER)}\n{code}\nimport json; print(json.dumps(out))"
    done = run(f'{setup}\n"$0" -c "$1"', sys.executable, program)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


SURVEY = """
found = probe.survey(Linux(), %r, %r)
out = [found.taken, found.silent, found.unasked]
"""


@pytest.mark.programs
def test_an_address_that_another_kernel_has_is_found_and_a_gateway_that_is_not_there() -> None:
    """The kernel at the other end answers by itself, to ARP and to neighbour discovery."""
    asked = [("eth0", "10.0.0.11/24"), ("eth0", "fd00::11/64"), ("eth0", "10.0.0.12"), ("eth0", "fd00::12")]
    gateways = [("eth0", "10.0.0.1"), ("eth0", "10.0.0.254"), ("eth0", "fd00::fe"), ("eth0", "fe80::1")]
    setup = """
    for one in 10.0.0.11/24 10.0.0.1/24; do $peer ip address add $one dev there; done
    for one in fd00::11/64 fe80::1/64; do $peer ip -6 address add $one dev there nodad; done
    """
    taken, silent, unasked = inside(SURVEY % (asked, gateways), APART + setup)
    assert sorted(taken) == [["eth0", "10.0.0.11", OTHER], ["eth0", "fd00::11", OTHER]]
    assert silent == [["eth0", "10.0.0.254"], ["eth0", "fd00::fe"]]
    assert unasked == []


@pytest.mark.programs
def test_our_own_questions_are_not_heard_and_a_copy_of_this_machine_is() -> None:
    code = "other(arp(OURS, to=mac(OURS)), arp(OURS, kind=1, address=(0, 0, 0, 0)))\n"
    asked = [("eth0", "10.0.0.11")]
    assert inside(SURVEY % (asked, []))[0] == []
    assert inside(code + SURVEY % (asked, []))[0] == [["eth0", "10.0.0.11", OURS]]
    looped = "other(who_has('10.0.0.11', OURS))\n"
    assert inside(looped + SURVEY % (asked, []))[0] == []


@pytest.mark.programs
@pytest.mark.parametrize(("tag", "found"), [("81000005", 0), ("81000000", 1), ("", 1)])
def test_frames_of_a_vlan_on_the_same_card_are_somebody_elses(tag: str, found: int) -> None:
    """Tag 0 is a priority and no VLAN."""
    code = f"other(arp('52:54:00:00:00:77', tag=bytes.fromhex({tag!r})))\n"
    assert len(inside(code + SURVEY % ([("eth0", "10.0.0.11")], []))[0]) == found


@pytest.mark.programs
def test_who_asks_for_the_same_ipv6_address_at_the_same_time_is_heard() -> None:
    """Its question goes to a group that the card lets through only if somebody has joined it."""
    code = """
other(who_has("fd00::11:2233", OTHER), after=0.2)
def joined(): return "3333ff112233" in open("/proc/net/dev_mcast").read()
out.append(joined())
heard, _ = None, None
if not (pid := os.fork()):
    time.sleep(0.3)
    os._exit(joined())
heard, faults = wire.exchange([("eth0", who_has("fd00::11:2233", OURS))], 0.5)
out += [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), joined(), [link for link, _ in heard], faults]
"""
    assert inside(code) == [False, 1, False, ["eth0"], []]


@pytest.mark.programs
def test_a_flood_fills_neither_memory_nor_time() -> None:
    code = """
flood = other(*(arp(OTHER, address=(10, 0, 1, n)) for n in range(200)), after=0, times=100000)
answers = other(*([arp(OTHER)] * 9 + [arp("52:54:00:00:%02x:%02x" % (n >> 8, n & 255)) for n in range(9000)]))
begin = time.monotonic()
heard, _ = wire.exchange([("eth0", who_has("10.0.0.11", OURS))], 0.5)
out = [len(heard), time.monotonic() - begin]
os.kill(flood, 9)
"""
    count, seconds = inside(code)
    assert count <= 4096  # it may be none: what the flood has pushed out of the socket is lost
    assert seconds < 1


@pytest.mark.programs
def test_a_link_on_which_nothing_can_be_asked_is_told_and_the_others_are_asked() -> None:
    """It is down, it goes down meanwhile, it is not there."""
    setup = f"{APART}ip link add eth1 type veth peer name there1\n$peer ip address add 10.0.0.11/24 dev there"
    asked = [("eth1", "10.1.0.11"), ("eth0", "10.0.0.11"), ("eth9", "10.9.0.11")]
    taken, _, unasked = inside(SURVEY % (asked, []), setup)
    assert taken == [["eth0", "10.0.0.11", OTHER]]
    assert unasked == [["eth1", "Network is down"]]
    code = """
if not os.fork():
    time.sleep(0.1)
    subprocess.call(["ip", "link", "set", "eth0", "down"])
    os._exit(0)
out = wire.exchange([("eth0", who_has("10.0.0.11", OURS)), ("eth9", who_has("10.9.0.11", OURS))], 0.5)
"""
    assert inside(code) == [[], [["eth9", "No such device"], ["eth0", "Network is down"]]]


DIAGNOSE = """
class Cards(Linux):
    # Links of a namespace have no cards behind them.
    def exists(self, path): return path == "/sys/class/net/eth1/device" or super().exists(path)
    def say(self, text): out.append(text)
found = probe.diagnose(Cards(), "10.0.0.1")
out += [found.link, found.gateway, found.mac, found.elsewhere, open("/sys/class/net/eth1/flags").read().strip()]
out.append(probe.carriers(Cards(), ["eth0"]))
"""


@pytest.mark.programs
@pytest.mark.parametrize("right", [True, False])
def test_a_server_is_looked_for_on_cards_that_are_down_and_they_are_down_afterwards(right: bool) -> None:
    peer = "there" if right else "there1"
    setup = f"""{APART}
    ip link add eth1 type veth peer name there1 address {OTHER}
    apart there1
    ip address add 10.0.0.11/24 dev eth0
    $peer sysctl -qw net.ipv4.conf.all.arp_ignore=1
    $peer ip address add 10.0.0.1/24 dev {peer}
    """
    said, link, gateway, mac, elsewhere, flags, _, carriers = inside(DIAGNOSE, setup)
    assert said == "looking for the network on eth1 too"
    assert (link, gateway) == ("eth0", "")
    assert (mac, elsewhere) == ((OTHER, []) if right else ("", [["eth1", OTHER]]))
    assert int(flags, 16) & 1 == 0
    assert "eth1" in carriers


def test_a_server_is_reached_or_not() -> None:
    assert wire.reach("127.0.0.1", 1, 3) == "Connection refused"
