"""What cluster.conf may ask for and this version cannot do yet. Each function goes when its wish comes true."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HINT = 'use a plain link with a static address for the root, and onboot="no" for what the running system brings up'


def link(attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield message and hint for what a link that is to be brought up asks too much of this version."""
    kind = kind_of(attributes)
    if kind:
        yield f"is {kind}, and this version brings up plain links only", _HINT
    if attributes.get("ip", "").lower() == "dhcp":
        yield 'ip "dhcp" is not known to this version', "give the node its address and mask"
    elif ":" in attributes.get("ip", ""):
        yield "an IPv6 address is not known to this version", "give the node an IPv4 address and mask"


def kind_of(attributes: Mapping[str, str]) -> str:
    """Return what kind of link this is in words, empty for a plain one."""
    name = attributes.get("name", "")
    if attributes.get("type", "").lower() == "bridge":
        return "a bridge"
    if name.startswith("bond") and "." not in name and name != "bond":
        return "a bond"
    if "." in name.strip("."):
        return "a VLAN"
    if attributes.get("master") or attributes.get("slave", "").lower() == "yes":
        return "a member of a bond"
    if attributes.get("bridge"):
        return "a port of a bridge"
    return ""


def rootsource(name: str) -> Iterator[tuple[str, str]]:
    """Yield message and hint for a root disk that this version cannot reach."""
    if name and name != "scsi":
        yield "a root disk by iSCSI is not known to this version", 'leave out the rootsource, or write name="scsi"'


def filesystems() -> tuple[str, str]:
    """Return message and hint about further filesystems."""
    return (
        "further filesystems in the initrd are not known to this version",
        "mount them from the root's /etc/fstab, and leave out <filesystems>",
    )
