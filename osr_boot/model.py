"""The values that everything else is a function of: frozen, made of text, numbers and tuples.

MAC addresses are normalised by the parsers (`52:54:00:00:00:01`: lower case, colons); IP addresses are text that
`ipaddress` has accepted, so that a boot stage need not import it.
"""

from __future__ import annotations

from osr_boot.value import Value


class Nic(Value):
    """One link of a node as cluster.conf wants it (`com_info/eth`)."""

    name: str
    mac: str = ""
    """normalised; empty for a bond, a VLAN or a bridge"""
    address: str = ""
    """`10.0.0.1/24`, `dhcp`, or empty for a link without address"""
    gateway: str = ""
    onboot: bool = True
    driver: str = ""
    """kernel module to load before the link is looked for"""
    mtu: int = 0
    """bytes; 0 leaves the driver's"""
    onlink: bool = False
    """True: the gateway is reached directly although it is in no subnet of the link"""
    kind: str = ""
    """`bond`, `vlan` or `bridge`; empty for a plain link"""
    master: str = ""
    """name of the bond that it is a member of"""
    bridge: str = ""
    """name of the bridge that it is a port of"""
    more: tuple[str, ...] = ()
    """further addresses: also `fd00::1/64`, `auto6` (as routers announce), `dhcp6`"""
    gateway6: str = ""
    routes: tuple[str, ...] = ()
    """`10.1.0.0/16 via 10.0.0.254`, `10.1.0.0/16`"""
    dns: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """of a bond or a bridge, as `ip link add` takes them: `mode active-backup`"""
    wait: int = 0
    """seconds for a carrier; 0: as long as the boot may wait"""
    probe: bool = True
    """False: its addresses are used unasked"""
    line: int = 0
    """where it begins in cluster.conf, 0 if that is unknown"""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address, the first one first."""
        return (*((self.address,) if self.address else ()), *self.more)


class Volume(Value):
    """A filesystem of a node: its root (`com_info/rootvolume`), or a further one (`filesystems/filesystem`)."""

    name: str
    """`server:/path`, `/dev/...`, `LABEL=...` or `UUID=...`; of a bind the directory below the root"""
    fstype: str
    """`nfs`, `nfs3`, `nfs4`, ...: a name that a file in osr_boot/filesystems registers"""
    mountopts: str = ""
    attempts: int = 0
    """`mounttimes`; 0: as often as the boot's deadline allows"""
    pause: int = 0
    """`mountwait`, seconds between attempts; 0: the filesystem's own"""
    shared: bool = True
    """False: every node has a disk of its own under this name"""
    servers: tuple[str, ...] = ()
    """further servers that export the same, in the order in which they are tried"""
    path: str = ""
    """where below the root it is mounted: `/data`; empty for the root itself"""
    line: int = 0
    """where it begins in cluster.conf, 0 if that is unknown"""


class Storage(Value):
    """How a node's disks are reached (`com_info/scsi`, `com_info/rootsource`); empty: they are in the machine."""

    driver: str = ""
    """kernel module of the adapter"""
    multipath: bool = False
    """True: the root's disk is reached by several ways, and only a map over all of them is used"""
    server: str = ""
    """address of an iSCSI server"""
    port: int = 3260
    target: str = ""
    """its name there; empty: all that the server offers"""
    initiator: str = ""
    """the node's name there; empty: made of the names of cluster and node"""
    line: int = 0


class Dmi(Value):
    """The machine's own words about itself, or a node's expectation of them; empty is unknown."""

    product_uuid: str = ""
    product_serial: str = ""
    chassis_asset_tag: str = ""


class Fence(Value):
    """A fence device that ends a node (`fence/method/device`, with its `fencedevice`)."""

    name: str
    agent: str = ""
    """the program"""
    method: int = 1
    """number of the method that it belongs to; all devices of a method must succeed"""
    options: tuple[str, ...] = ()
    """`ipaddr=10.0.0.5`"""
    left_out: tuple[str, ...] = ()
    """names of attributes that may be secrets, and have not come along"""


class Node(Value):
    """One `clusternode`. `line` is where it begins in cluster.conf, 0 if that is unknown."""

    name: str
    nodeid: int
    nics: tuple[Nic, ...] = ()
    rootvolume: Volume | None = None
    further: tuple[Volume, ...] = ()
    """filesystems that are mounted below the root in the initrd, in this order"""
    storage: Storage = Storage()
    hostname: str = ""
    """the host name if it is not the node's name"""
    votes: int = 1
    """of quorum"""
    tcp_port: int = 7777
    """of o2cb"""
    fences: tuple[Fence, ...] = ()
    """how the others make sure that it is dead"""
    dmi: Dmi = Dmi()
    line: int = 0

    @property
    def macs(self) -> tuple[str, ...]:
        """Every MAC address that is evidence of this node."""
        return tuple(nic.mac for nic in self.nics if nic.mac)

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The root, if there is one, and the further filesystems."""
        return (*((self.rootvolume,) if self.rootvolume else ()), *self.further)


class O2cb(Value):
    """What cluster.conf says of OCFS2's stack; 0 and nothing leave the kernel's own."""

    regions: tuple[str, ...] = ()
    """UUIDs of the disks for a global heartbeat; none: each mounted disk has its own"""
    dead_threshold: int = 0
    """heartbeats of 2 s until a node is dead, and one more"""
    idle_timeout_ms: int = 0
    keepalive_delay_ms: int = 0
    reconnect_delay_ms: int = 0


class Cluster(Value):
    """A cluster.conf, or the part of it that a boot needs: `nodes` may then be a selection."""

    name: str = ""
    config_version: int = 0
    nodes: tuple[Node, ...] = ()
    source: str = ""
    """the file it came from, for messages"""
    size: int = 0
    """of that file in bytes; with the digest it tells a stale image"""
    digest: str = ""
    """of that file, as digest.py makes it"""
    appended: bool = False
    """True: it travels in an archive of its own behind the image"""
    two_node: bool = False
    """True: of two nodes, one alone has the quorum"""
    expected_votes: int = 0
    """cman's figure, 0 if there is none; never given to corosync"""
    line: int = 0
    """where it begins in cluster.conf, 0 if that is unknown"""
    totem: tuple[str, ...] = ()
    """of corosync, `token 3000`: transport and timeouts"""
    o2cb: O2cb = O2cb()


class Selection(Value):
    """What is known of a machine before its node is: of a large cluster only the nodes that it may mean are read."""

    macs: tuple[str, ...] = ()
    """normalised"""
    nodeid: int | None = None
    name: str = ""
    dmi: Dmi = Dmi()


class Link(Value):
    """A network link that this machine really has."""

    name: str
    """the kernel's; empty where only the hardware address is known"""
    mac: str


class Facts(Value):
    """What is known of the machine: links in the kernel's order, and DMI."""

    nics: tuple[Link, ...] = ()
    dmi: Dmi = Dmi()


class Cmdline(Value):
    """Our part of the kernel command line, and dracut's where we need it."""

    nodeid: int | None = None
    node: str = ""
    bootif: str = ""
    """MAC address of the link that the boot loader used"""
    root: str = ""
    rootfstype: str = ""
    rootflags: str = ""
    readonly: bool = False
    fsck: str = "auto"
    """`auto`: a local filesystem is checked before it is mounted, `force`: needed or not, `skip`: never"""
    cdsltree: str = "/cluster/cdsl"
    cdsllink: str = "/cdsl.local"
    cdslsharedtree: str = "/cluster/shared"
    enabled: bool = True
    probe: bool = True
    """False: addresses are used without asking the network first"""
    timeout: int = 150
    """seconds"""
    quorum_timeout: int = 0
    """seconds; 0: the quorum is waited for as long as it takes"""
    breaks: tuple[str, ...] = ()
    """stages before which a shell is wanted"""
    debug: bool = False
    warnings: tuple[str, ...] = ()


class Finding(Value):
    """Something to say about a cluster.conf. Sorts by line.

    `severity` is `error` (the boot of some node would be wrong or impossible) or `warning`.
    `place` is where in the document, in words: `node "node1", eth "eth0"`.
    """

    line: int
    severity: str
    place: str
    message: str
    hint: str = ""
