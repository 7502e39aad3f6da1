"""What cluster.conf may ask for and this version cannot do yet. Each function goes when its wish comes true."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


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
