"""`rootvolume`, `filesystem`, `rootsource` and `scsi` read: a node's filesystems, and how their disks are reached."""

from __future__ import annotations

import re

from osr_boot import values
from osr_boot.model import Storage, Volume
from osr_boot.spelling import place_of
from osr_boot.value import replace
from osr_boot.values import Unfit, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osr_boot.clusterconf import Reader
    from osr_boot.document import Element

_NONE: tuple[str, ...] = ()
NODE_ID = "%(param0)s"
"""what stands for the node's id in a further filesystem"""
ISCSI = "iscsi://"
_PORTAL = re.compile(r"\[([0-9a-fA-F:.]*)\](?::(\d*))?|([^:\s,\[\]]*)(?::(\d*))?", re.ASCII)


def root(reader: Reader, info: Element, around: str) -> Volume | None:
    """Return the root of a com_info, if there is one."""
    element = info.first("rootvolume")
    if element is None:
        hint = "add <rootvolume name= fstype=/>"
        reader.error(info, around, "has no rootvolume: nothing to boot from", hint)
        return None
    place = place_of(element, around)
    found = _volume(reader, element, place, reader.value(element, place, "name", str, ""))
    if not (found.name and found.fstype):
        return None
    return replace(found, servers=reader.value(element, place, "servers", values.name_servers, _NONE))


def further(reader: Reader, info: Element, around: str, nodeid: int) -> Iterator[Volume]:
    """Yield the further filesystems of a com_info, those that can be told."""
    seen: dict[str, int] = {}
    for element in (one for group in info.all("filesystems") for one in group.all("filesystem")):
        place = place_of(element, around)

        def of_node(text: str) -> str:
            return text.replace(NODE_ID, str(nodeid))

        source = reader.value(element, place, "source", of_node, "")
        path = reader.value(element, place, "dest", lambda text: directory(of_node(text)), "")
        found = replace(_volume(reader, element, place, source), path=path)
        if path in seen:
            message = f"dest {shown(path)} is given twice: in line {seen[path]} too"
            reader.error(element, place, message, "mount each directory once")
        elif path:
            seen[path] = element.line
        if found.name and found.fstype and path:
            yield found


def directory(text: str) -> str:
    """Return a directory below the root, without needless slashes. Raises Unfit."""
    names = [name for name in text.split("/") if name not in ("", ".")]
    if not text.startswith("/") or not names or ".." in names:
        raise Unfit("is no directory below the root", hint='write it as the node will see it: "/srv/data"')
    return f"/{'/'.join(names)}"


def _volume(reader: Reader, element: Element, place: str, name: str) -> Volume:
    """Return what a root and a further filesystem have in common."""
    return Volume(
        name,
        reader.value(element, place, "fstype", str, ""),
        element.attributes.get("mountopts", ""),
        reader.value(element, place, "mounttimes", lambda text: values.number(text, 0, 1_000_000), 0),
        reader.value(element, place, "mountwait", lambda text: values.number(text, 0, 86_400), 0),
        reader.value(element, place, "shared", values.yes_no, True),
        line=element.line,
    )


def storage(reader: Reader, info: Element, around: str) -> Storage:
    """Return how the disks of a com_info are reached."""
    found = Storage()
    if (scsi := info.first("scsi")) is not None:
        place = place_of(scsi, around)
        multipath = reader.value(scsi, place, "failover", _failover, False)
        found = replace(found, multipath=multipath, driver=reader.value(scsi, place, "driver", values.module_name, ""))
    if (source := info.first("rootsource")) is not None:
        place = place_of(source, around)
        server, port, initiator = reader.value(source, place, "name", iscsi, ("", 0, ""))
        target = reader.value(source, place, "target", str, "")
        if server:
            found = replace(found, server=server, port=port, initiator=initiator, target=target, line=source.line)
        elif target and source.attributes.get("name", "scsi") == "scsi":
            hint = f'add name="{ISCSI}SERVER", or remove target='
            reader.error(source, place, "has a target, but no iSCSI server", hint)
    return found


def _failover(text: str) -> bool:
    if text not in ("driver", "mapper"):
        raise Unfit("is no way that is known", hint='write "mapper" for a map of multipath, or "driver"')
    return text == "mapper"


def iscsi(text: str) -> tuple[str, int, str]:
    """Return server, port and initiator of `iscsi://server[:port][/initiator]`; an empty server for `scsi`."""
    hint = f'write "scsi", or "{ISCSI}192.168.122.1:3260", with the node\'s own name as initiator behind a slash'
    if text == "scsi":
        return "", 0, ""
    if not text.startswith(ISCSI):
        raise Unfit("is no source that is known", hint=hint)
    portal, _, initiator = text[len(ISCSI) :].partition("/")
    found = _PORTAL.fullmatch(portal)
    if not found:
        raise Unfit("has no server that can be read", hint=hint)
    address, port = (found[1] or found[3], found[2] or found[4] or str(Storage.port))
    if address:
        (address,) = values.name_servers(address)
    if kind := values.no_host(address) if address else "missing":
        raise Unfit(f"has a server that no disk can come from ({kind})", hint=hint)
    return address, values.number(port, 1, 65535), initiator
