"""What the booted system must know so that it leaves the boot's links and the host name alone.

All of it lies in /run, which survives switch_root and which only this node sees: nothing on the shared root changes.
"""

from __future__ import annotations

from osr_boot.ops.files import KeepShutdown, LeaveAlone, WriteFiles
from osr_boot.ops.mounts import BindOver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.model import Nic, Node
    from osr_boot.ops import Operation

    Part = tuple[str, str, str]
    """(link, file, text): of a file, what is about one link, or about none"""

HOSTNAME_FILE = "/run/osr/hostname"
RESOLV_FILE = "/run/osr/resolv.conf"
SHUTDOWN_LIST = "/etc/osr/shutdown.list"
SHUTDOWN_ROOT = "/run/initramfs"


# A booting system empties /tmp, and takes from it what services of other boots had there: on a shared root they run.
# These files stand in for the system's own of the same names; source: tmpfiles.d(5), systemd's and Debian's files.
_TMPFILES = (
    ("tmp.conf", "d /tmp 1777 root root -\nd /var/tmp 1777 root root -\n"),
    ("x11.conf", "".join(f"d /tmp/.{name}-unix 1777 root root -\n" for name in ("X11", "ICE", "XIM", "font"))),
    (
        "systemd-tmp.conf",
        "".join(f"x {path}/systemd-private-*\nX {path}/systemd-private-*/tmp\n" for path in ("/tmp", "/var/tmp")),
    ),
)


def plan(
    hostname: str, nics: tuple[Nic, ...], cdsllink: str, root: str, *, shared_tmp: bool = False
) -> Iterator[Operation]:
    """Yield the operations of the hand-over, for a node that configured `nics` itself.

    `shared_tmp`: other nodes use the same /tmp.
    """
    kept = (cdsllink, "/etc/hostname", "/etc/resolv.conf")
    yield WriteFiles(f"keep {cdsllink} mounted until the root goes", tuple(mount_unit(path) for path in kept))
    mine = tuple(nic for nic in nics if nic.onboot)
    if mine:
        names = ", ".join(nic.name for nic in mine)
        parts = [part for nic in mine for part in (_udev(nic), _networkd(nic), _name(nic), _networkmanager(nic))]
        parts += [*_ifupdown(mine), *_netplan(mine)]
        yield LeaveAlone(f"tell the network managers to leave {names} alone", tuple(parts))
    if servers := tuple(dict.fromkeys(server for nic in mine for server in nic.dns)):
        yield WriteFiles("leave the name servers for the system", name_servers(servers))
    if hostname:
        yield WriteFiles(f'leave the host name "{hostname}" for the system', ((HOSTNAME_FILE, f"{hostname}\n"),))
        yield BindOver(root, HOSTNAME_FILE, "/etc/hostname")
    if shared_tmp:
        files = tuple((f"/run/tmpfiles.d/{name}", text) for name, text in _TMPFILES)
        yield WriteFiles("keep the system from emptying a /tmp that other nodes use", files)
    if any(nic.dns or "dhcp" in nic.addresses or "dhcp6" in nic.addresses for nic in mine):
        yield BindOver(root, RESOLV_FILE, "/etc/resolv.conf")


def plan_shutdown() -> Iterator[Operation]:
    """Yield the operations that make the shutdown independent of the root."""
    yield KeepShutdown(SHUTDOWN_LIST, SHUTDOWN_ROOT)


def hostname_of(node: Node) -> str:
    """Return the host name of a node."""
    return node.hostname or node.name


def mount_unit(path: str) -> tuple[str, str]:
    """Return a drop-in that keeps systemd from unmounting a path at shutdown; the shutdown initramfs does it.

    The journal and others hold the node's /var to the end: systemd's own attempt could only fail, loudly.
    """
    return f"/run/systemd/system/{unit_name(path)}.mount.d/50-osr.conf", "[Unit]\nDefaultDependencies=no\n"


def unit_name(path: str) -> str:
    """Return a path as systemd writes it in unit names; source: `man systemd.unit`, string escaping."""
    name = ""
    for character in path.strip("/"):
        leading_dot = character == "." and not name
        plain = character.isascii() and (character.isalnum() or character in ":_.") and not leading_dot
        escaped = "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))
        name += character if plain else "-" if character == "/" else escaped
    return name


def _name(nic: Nic) -> Part:
    """Return udev's rule that lets a link keep its name; source: `man udev`, `:=`.

    Everything below finds a link by its name, and since Linux 6.2 a rule of the shared /etc could rename one in use.
    """
    rule = f'SUBSYSTEM=="net", KERNEL=="{nic.name}", NAME:="{nic.name}"\n'
    return nic.name, "/run/udev/rules.d/00-osr.rules", rule


def _udev(nic: Nic) -> Part:
    """Return udev's file for a link, which keeps MTU and MAC address; source: `man systemd.link`."""
    text = f"[Match]\nOriginalName={nic.name}\n\n[Link]\nNamePolicy=keep\nMACAddressPolicy=none\n"
    return nic.name, f"/run/systemd/network/00-osr-{nic.name}.link", text


def _networkd(nic: Nic) -> Part:
    """Return systemd-networkd's file for a link; source: `man systemd.network`.

    Unmanaged=yes would be the plainer word, but systemd-networkd-wait-online then never sees a link come up.
    """
    # By its name alone: the members of a bond, and what stands on a link, share MAC addresses.
    lines = ["[Match]", f"Name={nic.name}", ""]
    lines += ["[Network]", "KeepConfiguration=yes", "DHCP=no"]
    # Whose router announcements it takes must have a link-local address too; source: man systemd.network.
    six = any(":" in one or one in ("auto6", "dhcp6") for one in nic.addresses)
    lines += [f"IPv6AcceptRA={'yes' if 'auto6' in nic.addresses else 'no'}"]
    lines += [f"LinkLocalAddressing={'ipv6' if six else 'no'}"]
    if nic.master or nic.bridge:
        lines.append("KeepMaster=yes")
    lines += [f"Address={one}" for one in nic.addresses if "/" in one]
    gateways = [gateway for gateway in (nic.gateway, nic.gateway6) if gateway]
    lines += [] if nic.onlink else [f"Gateway={gateway}" for gateway in gateways]
    lines += [f"DNS={server}" for server in nic.dns]
    for gateway in gateways if nic.onlink else ():
        lines += ["", "[Route]", f"Gateway={gateway}", "GatewayOnLink=yes"]
    for route in nic.routes:
        network, _, router = route.partition(" via ")
        lines += ["", "[Route]", f"Destination={network}", *([f"Gateway={router}"] if router else ["Scope=link"])]
        lines += ["GatewayOnLink=yes"] if router and nic.onlink else []
    # The number sorts before every profile of the shared /etc: the first file that matches a link wins.
    return nic.name, f"/run/systemd/network/00-osr-{nic.name}.network", "\n".join(lines) + "\n"


def _networkmanager(nic: Nic) -> Part:
    """Return a link's part of NetworkManager's file; source: `man NetworkManager.conf`, section device."""
    section = f"[device-osr-{nic.name}]\nmatch-device=interface-name:={nic.name}\nmanaged=0\n"
    return nic.name, "/run/NetworkManager/conf.d/00-osr.conf", section


def _netplan(nics: tuple[Nic, ...]) -> Iterator[Part]:
    """Yield netplan's file; source: netplan 0.106, `man netplan` (later files amend those before) and apply.py.

    `netplan apply` itself takes the addresses from links that NetworkManager has of it: ours are systemd-networkd's.
    """
    path = "/run/netplan/zz-osr.yaml"
    yield "", path, "network:\n  version: 2\n  ethernets:\n"
    for nic in nics:
        if not nic.kind:
            yield nic.name, path, f"    {nic.name}:\n      renderer: networkd\n      critical: true\n"


def name_servers(servers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the files that tell a node's name servers: for systemd-resolved, and for a plain /etc/resolv.conf."""
    return (
        ("/run/systemd/resolved.conf.d/50-osr.conf", f"[Resolve]\nDNS={' '.join(servers)}\n"),
        (RESOLV_FILE, "".join(f"nameserver {server}\n" for server in servers)),
    )


def _ifupdown(nics: tuple[Nic, ...]) -> Iterator[Part]:
    """Yield ifupdown's files; source: `man ifup` (--exclude), Debian's networking.service and ifup@.service.

    The links are left out when networking.service starts and when it stops; hot-plug events come by ifup@.
    """
    unit = "/run/systemd/system/networking.service.d/50-osr.conf"
    up, down = "/sbin/ifup -a --read-environment", "/sbin/ifdown -a --read-environment --exclude=lo"
    ours = [(nic.name, unit, f" --exclude={nic.name}") for nic in nics]
    yield "", unit, f"[Service]\nExecStart=\nExecStart={up}"
    yield from ours
    yield "", unit, f"\nExecStart=-/bin/sh -c 'if [ -f /run/network/restart-hotplug ]; then {up}"
    yield from ours
    yield "", unit, f" --allow=hotplug; fi'\nExecStop=\nExecStop={down}"
    yield from ours
    yield "", unit, "\n"
    for nic in nics:
        # Hot-plug events come under the name as `systemd-escape` writes it: source: Debian's ifupdown-hotplug.
        path = f"/run/systemd/system/ifup@{unit_name(nic.name)}.service.d/50-osr.conf"
        yield nic.name, path, "[Unit]\nConditionPathExists=!/run/osr/plan.json\n"
