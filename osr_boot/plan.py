"""The plan of a boot: pure, a function of command line, node and nothing else."""

from __future__ import annotations

import json

from osr_boot.errors import ConfigError
from osr_boot.ops import Operation, from_json, to_json
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from osr_boot.model import Cluster, Cmdline, Node, Volume

FORMAT = 1
_HINT = "was /run/osr/plan.json edited?"
STAGES = ("network", "root", "cdsl", "handover", "shutdown")
NEWROOT = "/sysroot"


class Plan(Value):
    """Who we are, why, and every operation of the boot by stage."""

    node: str
    nodeid: int
    because: str
    warnings: tuple[str, ...]
    stages: Mapping[str, tuple[Operation, ...]]


def make(
    node: Node,
    cmdline: Cmdline,
    *,
    because: str,
    warnings: tuple[str, ...] = (),
    cluster: Cluster | None = None,
    static: bool = False,
    root: str = NEWROOT,
) -> Plan:
    """Return the plan for a node. In a static initrd links and root are dracut's. Raises ConfigError.

    With the cluster that the node is from, the boot looks whether the root's cluster.conf is still the same; where
    it must know the other nodes (see `needs_cluster`), that is the whole cluster.
    """
    from osr_boot import filesystems, handover
    from osr_boot.cdsl import boot as cdsl
    from osr_boot.model import Cluster
    from osr_boot.value import replace

    hostname = handover.hostname_of(node)
    stages = dict.fromkeys(STAGES, ())  # type: dict[str, tuple[Operation, ...]]
    if not static:
        node = replace(node, rootvolume=volume_of(node, cmdline))
    volume = None if static else node.rootvolume
    known = cluster or Cluster()
    if not static:
        _refuse_two_owners(node, known)
    if not static:
        from osr_boot import network

        stages["network"] = tuple(network.plan(node, _servers(node, known), probe=cmdline.probe))
    stages["root"] = tuple(_root(volume, cmdline, root, node, known))
    if volume and known.digest:
        from osr_boot.ops.configuration import CompareConfiguration

        stages["root"] += (CompareConfiguration(root, known.config_version, known.size, known.digest),)
    # What the CDSL trees lie on comes before them, and what may lie in them after them.
    before, after = [], []  # type: tuple[list[Operation], list[Operation]]
    for further in () if static else node.further:
        steps = filesystems.find(further.fstype).plan(further, root, replace(cmdline, readonly=False), known)
        some = before if _holds(further.path, cmdline.cdsltree, cmdline.cdslsharedtree) else after
        # What the root has brought, such as a cluster stack, is there.
        some += [step for step in steps if step not in (*stages["root"], *before, *after)]
    stages["cdsl"] = (*before, *cdsl.plan(node.nodeid, node.name, cmdline, root), *after)
    nics = () if static else node.nics
    shared_tmp = _is_shared(volume, cmdline) and not any(one.path == "/tmp" for one in node.further)
    stages["handover"] = tuple(handover.plan(hostname, nics, cmdline.cdsllink, root, shared_tmp=shared_tmp))
    for stack in () if static else _stacks(node):
        from osr_boot.cluster import find

        warnings = (*warnings, *find(stack).warnings(known))
        if files := find(stack).stand_ins():
            from osr_boot.ops.files import WriteFiles

            told = WriteFiles("leave the cluster services to this boot, not to the running system", files)
            stages["handover"] += (told,)
    if volume or filesystems.from_root(cmdline.root)[0]:  # the way to a disk of its own is known to dracut's image
        stages["shutdown"] = tuple(handover.plan_shutdown())
    return Plan(node.name, node.nodeid, because, warnings, stages)


def _is_shared(volume: Volume | None, cmdline: Cmdline) -> bool:
    """Say whether other nodes have the same root; of one that dracut mounts, as `root=` says what it is."""
    from osr_boot import filesystems

    if volume:
        return volume.shared and filesystems.find(volume.fstype).shared
    kind = cmdline.rootfstype or filesystems.from_root(cmdline.root)[0]
    try:
        return bool(kind) and filesystems.find(kind).shared
    except ConfigError:
        return False


def _holds(path: str, *trees: str) -> bool:
    return any(f"{tree}/".startswith(f"{path}/") for tree in trees)


def _servers(node: Node, cluster: Cluster) -> tuple[str, ...] | None:
    """Return the addresses that the root, and what is below it, need; None if they need no network."""
    from osr_boot import filesystems

    kinds = [(filesystems.find(volume.fstype), volume) for volume in node.volumes]
    servers = [one for kind, volume in kinds if kind.network for one in kind.servers(volume)]
    for stack in _stacks(node):
        from osr_boot.cluster import find

        servers += find(stack).peers(cluster, node)
    servers += [node.storage.server] if node.storage.server else []
    needed = servers or any(kind.network or kind.stack for kind, _ in kinds)
    return tuple(dict.fromkeys(servers)) if needed else None


def _root(volume: Volume | None, cmdline: Cmdline, root: str, node: Node, cluster: Cluster) -> Iterator[Operation]:
    from osr_boot import filesystems, handover
    from osr_boot.ops.files import SetHostname
    from osr_boot.ops.mounts import CheckRoot, ReportRoot

    if hostname := handover.hostname_of(node):
        yield SetHostname(hostname)
    if not volume:
        yield ReportRoot(root)
        return
    if node.storage.server or node.storage.multipath:
        from osr_boot import storage

        yield from storage.plan(node, cluster)
    yield from filesystems.find(volume.fstype).plan(volume, root, cmdline, cluster)
    yield CheckRoot(root, volume.name)


def needs_cluster(node: Node, cmdline: Cmdline) -> bool:
    """Say whether `make` needs the whole cluster: for a cluster stack, or for a disk that is to have one owner."""
    from osr_boot.value import replace

    node = replace(node, rootvolume=volume_of(node, cmdline))
    return bool(_stacks(node)) or any(_is_for_one(volume) for volume in node.volumes)


def _is_for_one(volume: Volume) -> bool:
    """Say whether two nodes that mount a disk of that name destroy it."""
    from osr_boot import filesystems

    return volume.shared and not filesystems.find(volume.fstype).shared


def _refuse_two_owners(node: Node, cluster: Cluster) -> None:
    """Raise ConfigError if another node has a disk that can have one owner; `osr check` says so before."""
    mine = {volume.name: volume for volume in node.volumes if _is_for_one(volume)}
    for other in cluster.nodes if mine else ():
        for volume in other.volumes if other.nodeid != node.nodeid else ():
            if volume.shared and volume.name in mine:
                what = f"{mine[volume.name].fstype} on {volume.name}"
                text = f'node "{other.name}" has the same {what}, and mounting it on both at once destroys it'
                raise ConfigError(text, hint='add shared="no" to both in cluster.conf if each has a disk of its own')


def _stacks(node: Node) -> tuple[str, ...]:
    from osr_boot import filesystems

    found = (filesystems.find(volume.fstype).stack for volume in node.volumes)
    return tuple(dict.fromkeys(filter(None, found)))


def volume_of(node: Node, cmdline: Cmdline) -> Volume | None:
    """Return the root volume: `root=` if the administrator gave one, else cluster.conf's.

    None if dracut mounts what `root=` says (a disk of its own). Raises ConfigError.
    """
    from osr_boot import filesystems
    from osr_boot.model import Volume

    if not cmdline.root:
        if node.rootvolume is None:
            raise ConfigError(
                f'node "{node.name}" has no root volume', hint="add <rootvolume name= fstype=/> to its com_info"
            )
        return node.rootvolume
    fstype, name = filesystems.from_root(cmdline.root)
    return Volume(name, cmdline.rootfstype or fstype, cmdline.rootflags) if fstype else None


def dumps(plan: Plan) -> str:
    """Return the plan as the JSON document that `osr explain --json` prints and /run/osr/plan.json is."""
    document = {
        "format": FORMAT,
        "node": {"name": plan.node, "id": plan.nodeid},
        "because": plan.because,
        "warnings": plan.warnings,
        "stages": {stage: [to_json(operation) for operation in plan.stages[stage]] for stage in STAGES},
    }
    return json.dumps(document, indent=1) + "\n"


def loads(text: str, *, stages: tuple[str, ...] = STAGES) -> Plan:
    """Return the plan of a document, with only the stages that are asked for. Raises ConfigError."""
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            said = str(value["format"])[:60]
            raise ConfigError(f"the plan has format {said}, this version knows {FORMAT}", hint=_HINT)
        operations = {stage: tuple(from_json(item) for item in value["stages"].get(stage, ())) for stage in stages}
        node, because, warnings = value["node"], value["because"], tuple(value["warnings"])
        if type(node["id"]) is not int or {type(text) for text in (node["name"], because, *warnings)} != {str}:
            raise TypeError("node, because or warnings")
        return Plan(node["name"], node["id"], because, warnings, operations)
    except (ValueError, KeyError, TypeError, AttributeError, ImportError, RecursionError) as error:
        raise ConfigError(f"the plan cannot be read: {repr(error)[:200]}", hint=_HINT) from None
