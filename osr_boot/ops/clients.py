"""The DHCP clients that an image may have: how each asks once, and how it keeps a lease in the running system."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

SCRIPT = "/usr/lib/osr/lease"
_SILENT = "/bin/true"
CLIENTS = {4: ("dhclient", "dhcpcd", "udhcpc"), 6: ("dhclient", "dhcpcd", "udhcpc6")}
"""programs of which one is needed to ask for an address of IPv4, of IPv6"""
_PLACES = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
# What makes each client ask once and end, and what makes it keep a lease in the foreground instead.
_ONCE = {"dhclient": ("-1",), "dhcpcd": ("--oneshot",), "udhcpc": ("-n", "-q"), "udhcpc6": ("-n", "-q")}
_STAY = {"dhclient": ("-d",), "dhcpcd": ("--nohook", "*"), "udhcpc": (), "udhcpc6": ()}


def find(system: System, family: int) -> str:
    """Return the path of the first client that is there, empty if there is none."""
    paths = (f"{place}/{name}" for name in CLIENTS[family] for place in _PLACES)
    return next((path for path in paths if system.exists(path)), "")


def argv(client: str, link: str, family: int, path: str, mac: str) -> tuple[str, ...]:
    """Return the command of a client that asks once, and hands the answer to our script alone."""
    if client == "dhclient":  # source: man dhclient
        files = ("-lf", f"{path}.leases", "-pf", f"{path}.pid", "-cf", "/dev/null")
        return (client, f"-{family}", "-1", "-q", *files, "-sf", SCRIPT, link)
    if client == "dhcpcd":  # source: man dhcpcd, man dhcpcd.conf
        asks: tuple[str, ...] = ("--option", "domain_name_servers")
        if family == 6:
            # With router solicitation it takes announcements from the kernel (accept_ra=0), and with them the router.
            asks = ("--noipv6rs", "--ia_na", "--option", "dhcp6_name_servers")
            # What a disk has for a DUID is not in the image: the same one there and here, or the lease is another's.
            asks += (f"--duid=00:03:00:01:{mac}",) if len(mac) == 17 else ()
        stay = ("--nobackground", "--noarp", "--noconfigure", "--config", "/dev/null")
        return (client, f"-{family}", "--oneshot", *stay, *asks, "--script", SCRIPT, link)
    return (client, "-i", link, "-n", "-q", "-f", "-t", "5", "-s", SCRIPT)  # source: busybox udhcpc --help


def renewing(client: str, link: str, family: int, path: str, mac: str) -> tuple[tuple[str, str], ...]:
    """Return the files by which the running system keeps a lease: the same client, which changes nothing.

    `client` is its path; the root has it at the same place, or nothing is started.
    """
    name = client.rpartition("/")[2]
    words = [_SILENT if word == SCRIPT else word for word in argv(name, link, family, path, mac)[1:]]
    words = [client, *_STAY[name], *(word for word in words if word not in _ONCE[name])]
    unit = f"osr-lease-{_escaped(link)}-{family}.service"
    text = f"[Unit]\nDescription=Lease of {link}, IPv{family}\n"
    text += f"ConditionFileIsExecutable={client}\nDefaultDependencies=no\n"
    # Without a pause systemd gives up after five failures.
    text += f"[Service]\nExecStart={' '.join(map(_quoted, words))}\nRestart=on-failure\nRestartSec=10\n"
    return (
        (f"/run/systemd/system/{unit}", text),
        (f"/run/systemd/system/sysinit.target.d/50-{unit}.conf", f"[Unit]\nWants={unit}\n"),
    )


def _escaped(link: str) -> str:
    """Return a link's name as part of a unit's; source: man systemd.unit, string escaping, but "-" and "." stay."""
    return "".join(one if one.isalnum() or one in "_.-" else f"\\x{ord(one):02x}" for one in link)


def _quoted(word: str) -> str:
    """Return a word of ExecStart; a link's name has no quotes, "%" or "\\" in it. Source: man systemd.service."""
    plain = all(one.isalnum() or one in "/_.:=-" for one in word)
    return word if plain else f'"{word.replace("$", "$$")}"'
