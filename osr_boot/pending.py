"""What cluster.conf may ask for and this version cannot do yet. Each function goes when its wish comes true."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HINT = 'use a plain link with a static address for the root, and onboot="no" for what the running system brings up'


def link(kind: str, attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield message and hint for what a link that is to be brought up asks too much of this version."""
    role = {"bond": "a bond", "vlan": "a VLAN", "bridge": "a bridge"}.get(kind, "")
    if attributes.get("master"):
        role = role or "a member of a bond"
    if attributes.get("bridge"):
        role = role or "a port of a bridge"
    if role:
        yield f"is {role}, and this version brings up plain links only", _HINT
    if attributes.get("ip", "").lower() == "dhcp":
        yield 'ip "dhcp" is not known to this version', "give the node its address and mask"
    elif ":" in attributes.get("ip", ""):
        yield "an IPv6 address is not known to this version", "give the node an IPv4 address and mask"


def rootsource(name: str) -> Iterator[tuple[str, str]]:
    """Yield message and hint for a root disk that this version cannot reach."""
    if name and name != "scsi":
        yield "a root disk by iSCSI is not known to this version", 'leave out the rootsource, or write name="scsi"'


def root(fstype: str, stack: str) -> Iterator[tuple[str, str]]:
    """Yield message and hint for a root filesystem that is checked, and not mounted yet."""
    what = f"starts no cluster stack ({stack}) in the initrd" if stack else "mounts no disks"
    yield f"a root of type {fstype} cannot be booted by this version, which {what}", 'use fstype="nfs4"'


def filesystems() -> tuple[str, str]:
    """Return message and hint about further filesystems."""
    return (
        "further filesystems in the initrd are not known to this version",
        "mount them from the root's /etc/fstab, and leave out <filesystems>",
    )
