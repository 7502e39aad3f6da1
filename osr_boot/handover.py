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

HOSTNAME_FILE = "/run/osr/hostname"
RESOLV_FILE = "/run/osr/resolv.conf"
SHUTDOWN_LIST = "/etc/osr/shutdown.list"
SHUTDOWN_ROOT = "/run/initramfs"


def plan(hostname: str, nics: tuple[Nic, ...], cdsllink: str, root: str) -> Iterator[Operation]:
    """Yield the operations of the hand-over, for a node that configured `nics` itself."""
    kept = (cdsllink, "/etc/hostname", "/etc/resolv.conf")
    yield WriteFiles(f"keep {cdsllink} mounted until the root goes", tuple(mount_unit(path) for path in kept))
    mine = tuple(nic for nic in nics if nic.onboot)
    if mine:
        names = ", ".join(nic.name for nic in mine)
        files = [text for nic in mine for text in (_udev(nic), _networkd(nic))]
        files += [_names(mine), _networkmanager(mine), *_ifupdown(mine), *_netplan(mine)]
        servers = tuple(dict.fromkeys(server for nic in mine for server in nic.dns))
        files += name_servers(servers) if servers else ()
        yield LeaveAlone(f"tell the network managers to leave {names} alone", tuple(files))
    if hostname:
        yield WriteFiles(f'leave the host name "{hostname}" for the system', ((HOSTNAME_FILE, f"{hostname}\n"),))
        yield BindOver(root, HOSTNAME_FILE, "/etc/hostname")
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


def _names(nics: tuple[Nic, ...]) -> tuple[str, str]:
    """Return udev's rules that let our links keep their names; source: `man udev`, `:=`.

    Everything below finds a link by its name, and since Linux 6.2 a rule of the shared /etc could rename one in use.
    """
    rules = "".join(f'SUBSYSTEM=="net", KERNEL=="{nic.name}", NAME:="{nic.name}"\n' for nic in nics)
    return "/run/udev/rules.d/00-osr.rules", rules


def _udev(nic: Nic) -> tuple[str, str]:
    """Return udev's file for a link, which keeps MTU and MAC address; source: `man systemd.link`."""
    text = f"[Match]\nOriginalName={nic.name}\n\n[Link]\nNamePolicy=keep\nMACAddressPolicy=none\n"
    return f"/run/systemd/network/00-osr-{nic.name}.link", text


def _networkd(nic: Nic) -> tuple[str, str]:
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
    return f"/run/systemd/network/00-osr-{nic.name}.network", "\n".join(lines) + "\n"


def _networkmanager(nics: tuple[Nic, ...]) -> tuple[str, str]:
    """Return NetworkManager's file; source: `man NetworkManager.conf`, section device."""
    sections = (f"[device-osr-{nic.name}]\nmatch-device=interface-name:={nic.name}\nmanaged=0\n" for nic in nics)
    return "/run/NetworkManager/conf.d/00-osr.conf", "\n".join(sections)


def _netplan(nics: tuple[Nic, ...]) -> Iterator[tuple[str, str]]:
    """Yield netplan's file; source: netplan 0.106, `man netplan` (later files amend those before) and apply.py.

    `netplan apply` itself takes the addresses from links that NetworkManager has of it: ours are systemd-networkd's.
    """
    if names := [nic.name for nic in nics if not nic.kind]:
        links = "".join(f"    {name}:\n      renderer: networkd\n      critical: true\n" for name in names)
        yield "/run/netplan/zz-osr.yaml", f"network:\n  version: 2\n  ethernets:\n{links}"


def name_servers(servers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the files that tell a node's name servers: for systemd-resolved, and for a plain /etc/resolv.conf."""
    return (
        ("/run/systemd/resolved.conf.d/50-osr.conf", f"[Resolve]\nDNS={' '.join(servers)}\n"),
        (RESOLV_FILE, "".join(f"nameserver {server}\n" for server in servers)),
    )


def _ifupdown(nics: tuple[Nic, ...]) -> Iterator[tuple[str, str]]:
    """Yield the files for ifupdown; source: `man ifup` (--exclude), Debian's networking.service and ifup@.service.

    The links are left out when networking.service starts and when it stops; hot-plug events come by ifup@.
    """
    ours = "".join(f" --exclude={nic.name}" for nic in nics)
    up, down = f"/sbin/ifup -a --read-environment{ours}", f"/sbin/ifdown -a --read-environment --exclude=lo{ours}"
    hotplug = f"-/bin/sh -c 'if [ -f /run/network/restart-hotplug ]; then {up} --allow=hotplug; fi'"
    unit = f"[Service]\nExecStart=\nExecStart={up}\nExecStart={hotplug}\nExecStop=\nExecStop={down}\n"
    yield "/run/systemd/system/networking.service.d/50-osr.conf", unit
    for nic in nics:
        path = f"/run/systemd/system/ifup@{nic.name}.service.d/50-osr.conf"
        yield path, "[Unit]\nConditionPathExists=!/run/osr/plan.json\n"
