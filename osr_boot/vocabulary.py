"""The words of cluster.conf that are ours: one table, from which comes whatever needs to know them.

The walk that finds misspelt words reads it; schema and manual are made from it. What others own (rm,
quorumd, fence devices, ...) is left alone: an element that is not `ours` is looked at only for words that are
nearly one of ours, and below an `opaque` one nothing is looked at, or even remembered: passwords stand there.
"""

from __future__ import annotations

from osr_boot.words import Attribute, Kind

# An attribute with nothing in it is as good as absent.
YES_NO = "([yY][eE][sS]|[nN][oO])?"
NUMBER = "[0-9]*"


def _foreign(name: str, meaning: str) -> Kind:
    return Kind(name, meaning, ours=False, opaque=True, many=True)


ETH = Kind(
    "eth",
    "a link of the node",
    (
        Attribute("name", "link name; `bondN` a bond, `DEV.N` a VLAN, a bridge by `type`", required=True),
        Attribute("mac", "hardware address, 6 or 20 bytes: identity, and which link it is; required for plain links"),
        Attribute("ip", "address, several with blanks between, or `dhcp`; empty for a member of a bond or bridge"),
        Attribute("mask", "netmask or prefix length of each address that has none behind a slash"),
        Attribute("gateway", "default gateway"),
        Attribute("ip6", "IPv6 addresses, `auto` (as routers announce) or `dhcp`", "none"),
        Attribute("gateway6", "default gateway of IPv6"),
        Attribute("routes", "`NETWORK via ROUTER`, or `NETWORK` alone for what is on the link, with commas between"),
        Attribute("dns", "addresses of name servers for the running system, with blanks between"),
        Attribute(
            "onlink", "`yes`: its routers are reached although they are in no subnet of the link", "no", form=YES_NO
        ),
        Attribute("master", "the bond this link is a member of"),
        Attribute("slave", "`yes` beside `master`", "no"),
        Attribute("type", "`BRIDGE` makes it a bridge", "Ethernet"),
        Attribute("bridge", "the bridge this link belongs to"),
        Attribute("driver", "kernel module to load first"),
        Attribute("onboot", "`no`: evidence of identity, but not brought up in the initrd", "yes", form=YES_NO),
        Attribute(
            "mtu",
            "largest packet in bytes; 1280 or more with IPv6, a VLAN's no more than that of what it is on",
            "the driver's",
            form=NUMBER,
        ),
        Attribute("options", "of a bond or a bridge: `KEY=value` with blanks between, such as `mode=active-backup`"),
        Attribute("linkdelay", "seconds to wait for a carrier", "as long as the boot may wait", form=NUMBER),
        Attribute("probe", "`no`: do not ask first whether somebody else has its addresses", "yes", form=YES_NO),
    ),
    (
        Kind(
            "properties",
            "options of the link",
            children=(
                Kind(
                    "property",
                    '`KEY=value`, such as `BONDING_OPTS="miimon=100 mode=1"`',
                    (Attribute("name", "key"), Attribute("value", "value")),
                    many=True,
                ),
            ),
        ),
    ),
    many=True,
)

_MOUNTING = (
    Attribute("shared", "`no`: every node has a disk of its own under this name", "yes", form=YES_NO),
    Attribute("mountopts", "mount options", "per filesystem"),
    Attribute("mounttimes", "how often mounting is tried", "as often as the deadline allows", form=NUMBER),
    Attribute("mountwait", "seconds between tries", "per filesystem", form=NUMBER),
)

COM_INFO = Kind(
    "com_info",
    "what Open Sharedroot knows of the node",
    children=(
        ETH,
        Kind(
            "rootvolume",
            "the root filesystem",
            (
                Attribute("name", "`server:/path`, `/dev/...`, `LABEL=...` or `UUID=...`", required=True),
                Attribute("fstype", "filesystem; `osr requires` knows which there are", required=True),
                Attribute("servers", "further servers of an NFS root that export the same path, tried in this order"),
                *_MOUNTING,
            ),
        ),
        Kind("hostname", "host name", (Attribute("name", "host name", "the node's name", required=True),)),
        Kind(
            "dmi",
            "what the firmware says about the machine, as evidence of identity",
            (
                Attribute("system_uuid", "as in /sys/class/dmi/id/product_uuid"),
                Attribute("serial", "as in /sys/class/dmi/id/product_serial"),
                Attribute("asset_tag", "as in /sys/class/dmi/id/chassis_asset_tag"),
            ),
        ),
        Kind(
            "syslog",
            "where boot messages go",
            tuple(Attribute(name, "") for name in ("name", "level", "subsys", "type", "filter")),
            effect=False,
        ),
        Kind(
            "scsi",
            "multipathing",
            (
                Attribute("failover", "`mapper`: the root's disk is a map of multipath; `driver`: it is not", "driver"),
                Attribute("driver", "kernel module of the adapter, to load first"),
            ),
        ),
        Kind(
            "rootsource",
            "how the root's disk is reached",
            (
                Attribute("name", "`scsi`, or `iscsi://server[:port][/initiator]`", "scsi"),
                Attribute("target", "the server's name of what is logged in to", "all that it offers"),
            ),
        ),
        Kind(
            "chrootenv",
            "where cluster services live after switch_root",
            tuple(Attribute(name, "") for name in ("mountpoint", "fstype", "device", "chrootdir", "mountopts")),
            effect=False,
        ),
        Kind(
            "filesystems",
            "further filesystems mounted below the root in the initrd",
            children=(
                Kind(
                    "filesystem",
                    "one of them",
                    (
                        Attribute(
                            "source",
                            "device, export, or directory of the root; `%(param0)s` is the node id",
                            required=True,
                        ),
                        Attribute("dest", "directory of the root; `%(param0)s` is the node id", required=True),
                        Attribute("fstype", "filesystem of a root, `tmpfs`, `bind` or `rbind`", required=True),
                        *_MOUNTING,
                    ),
                    many=True,
                ),
            ),
        ),
        # Historical, with attributes (users, passwords, ports) that only the old tools knew.
        Kind("fenceackserver", "an emergency shell of old", opaque=True, many=True, effect=False),
        Kind("fenceacksv", "an emergency shell of old", opaque=True, many=True, effect=False),
    ),
)

# What may stand in an image that anybody can fetch, of what fence agents know. All else may be a secret.
# Source: fence-agents' library.
HARMLESS = frozenset(
    (
        "name", "agent",
        "action", "cipher", "debug", "delay", "disable_timeout", "hypervisor", "inet4_only", "inet6_only", "ip",
        "ipaddr", "ipport", "lanplus", "login_timeout", "method", "module", "node", "nodename", "plug",
        "plug_separator", "port", "power_timeout", "power_wait", "privlvl", "retry_on", "secure", "separator",
        "shell_timeout", "ssh", "ssl", "ssl_insecure", "ssl_secure", "switch", "timeout", "vmware_datacenter",
    )
)  # fmt: skip
_DEVICE = Attribute("name", "name of the fence device")

CLUSTERNODE = Kind(
    "clusternode",
    "a node",
    (
        Attribute("name", "name of the node, unique", required=True),
        Attribute("nodeid", "positive integer, unique", required=True, form=NUMBER),
        Attribute("votes", "quorum votes", "1", form=NUMBER),
        Attribute("tcp_port", "port of o2cb", "7777", form=NUMBER),
    ),
    (
        COM_INFO,
        Kind(
            "fence",
            "how the node is fenced",
            children=(
                Kind(
                    "method",
                    "one way to fence it",
                    children=(
                        Kind("device", "one of its devices", (_DEVICE,), ours=False, many=True, harmless=HARMLESS),
                    ),
                    ours=False,
                    many=True,
                    harmless=HARMLESS,
                ),
            ),
            ours=False,
        ),
        _foreign("unfence", ""),
        _foreign("altname", ""),
    ),
    ours=False,
    many=True,
)

CLUSTER = Kind(
    "cluster",
    "the cluster",
    (
        Attribute("name", "name of the cluster; OCFS2's too, and the first half of a GFS2 lock table"),
        Attribute("config_version", "integer, raised with every change", form=NUMBER),
        Attribute("type", "historical (`gfs`, `ocfs2`, `osr`), not needed"),
    ),
    (
        Kind("clusternodes", "the nodes", children=(CLUSTERNODE,), ours=False),
        Kind(
            "cman",
            "quorum",
            (
                Attribute("two_node", "`1`: of two nodes, one alone has the quorum", "0", form=NUMBER),
                Attribute("expected_votes", "cman's figure, never corosync's", form=NUMBER),
            ),
            (_foreign("multicast", ""), _foreign("altmulticast", "")),
            ours=False,
        ),
        Kind(
            "o2cb",
            "the cluster stack of OCFS2",
            (
                Attribute("regions", "UUIDs of the disks of a global heartbeat, blanks between", "a local heartbeat"),
                Attribute("dead_threshold", "heartbeats of 2 s after which a node is dead", "31", form=NUMBER),
                Attribute("idle_timeout_ms", "silence after which a connection is dead", "30000", form=NUMBER),
                Attribute("keepalive_delay_ms", "silence after which a sign of life is sent", "2000", form=NUMBER),
                Attribute("reconnect_delay_ms", "pause between two attempts to connect", "2000", form=NUMBER),
            ),
        ),
        Kind(
            "totem",
            "transport and timeouts of corosync",
            (
                Attribute("transport", "`knet` or `udpu`", "knet"),
                Attribute("crypto_cipher", "`aes128`, `aes192` or `aes256`, with crypto_hash", "none"),
                Attribute("crypto_hash", "`md5`, `sha1`, `sha256`, `sha384` or `sha512`", "none"),
                Attribute("token", "milliseconds of silence after which a node is lost", "corosync's", form=NUMBER),
                Attribute("token_coefficient", "milliseconds more for each node", "corosync's", form=NUMBER),
                Attribute("consensus", "milliseconds until a new membership is tried", "corosync's", form=NUMBER),
                Attribute("join", "milliseconds that answers to a join are waited for", "corosync's", form=NUMBER),
            ),
            ours=False,
        ),
        Kind(
            "fencedevices",
            "fence devices",
            children=(
                Kind(
                    "fencedevice",
                    "one of them, and what its agent wants to know",
                    (_DEVICE, Attribute("agent", "the program that ends a node: `fence_...`")),
                    ours=False,
                    many=True,
                    harmless=HARMLESS,
                ),
            ),
            ours=False,
        ),
        # The other children of /cluster; source: cluster.rng of Red Hat's cluster-3.
        *(
            _foreign(name, "")
            for name in (
                "quorumd", "fence_daemon", "fence_xvmd", "dlm", "gfs_controld", "group", "logging", "clvmd", "rm",
                "uidgid",
            )
        ),
    ),
    ours=False,
)  # fmt: skip


def _homes(element: Kind) -> dict[str, str]:
    """Return where each of our elements belongs: its name to its parent's."""
    homes: dict[str, str] = {}
    for child in element.children:
        if (not child.opaque or child.ours) and child.harmless is None:
            homes.setdefault(child.name, element.name)
        homes.update({name: home for name, home in _homes(child).items() if name not in homes})
    return homes


HOMES = _homes(CLUSTER)
"""Where each element that we read belongs: name to name of the element around it."""
