"""What cases do with `osr cdsl` and the programs of old on machines: two nodes at once, a dead one, the HowTo."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

from osr_boot.cdsl import inventory as inventories
from osr_boot.cdsl.change import JOURNAL
from osr_boot.cdsl.layout import BIND, HOSTDEPENDENT, SHARED, Cdsl
from osr_boot.cdsl.lock import NAME as LOCK
from tests import project
from tests.lab import server as servers
from tests.lab.lab import cluster_conf
from tests.lab.machine import Machine
from tests.lab.server import SHARED_ROOT, Server
from tests.vm.case import UP, Booted, must_power_off
from tests.vm.checks import IDS, healthy, status

ROOT = SHARED_ROOT
LOOKING = 400.0
"""seconds that a look through the whole root may take, of 15,000 names: milliseconds of an emulated server"""

# --- two nodes that change CDSLs at the same time

LEASE = 20
"""seconds after which the server forgets a node that has died; its default is 90"""
FILES = 30
LARGE = 1500
"""files of a directory whose copying takes long enough for a node to die in it"""
ROUNDS = 3
REFUSED = r"osr: CDSLs are being changed by process \d+ on node[12] \(.*\)"
TOO_LATE = r"osr: /srv/lock/\w+ (is host-dependent already|is no CDSL)"
"""the other node, or a refusal before, has had it"""


def inventoried(server: Server) -> None:
    """The CDSLs that were made by hand have an inventory, and the links that osr makes."""
    _write_inventory(server, Cdsl("var", HOSTDEPENDENT), Cdsl("var/lib", SHARED))
    server.run(f"chroot {ROOT} osr cdsl check --repair")


def short_lease(server: Server) -> None:
    """The server forgets a dead node after LEASE seconds; it takes that number when it starts."""
    server.write("/etc/nfs.conf.d/lease.conf", f"[nfsd]\nlease-time={LEASE}\n")
    server.run("systemctl restart nfs-server; until grep -q Y /proc/fs/nfsd/v4_end_grace; do sleep 0.2; done")
    assert server.run("cat /proc/fs/nfsd/nfsv4leasetime") == f"{LEASE}\n"


def plain_directories(server: Server) -> None:
    """/srv/lock has a directory for each node, one for both, and a large one."""
    server.run(
        f"mkdir -p {ROOT}/srv/lock && cd {ROOT}/srv/lock && mkdir 1 2 both after large && for path in 1 2 both; do "
        f"for file in $(seq {FILES}); do echo $file > $path/$file; done; done; "
        f"for file in $(seq {LARGE}); do echo $file > large/$file; done"
    )


def against_each_other(booted: Booted) -> None:
    """Each change is done, or refused with a reason; afterwards all is well, and the nodes agree about it."""
    names = list(booted.nodes)
    with ThreadPoolExecutor(len(names)) as pool:
        said = dict(zip(names, pool.map(lambda name: _operations(booted.nodes[name], IDS[name]), names)))
    shown = "\n".join(f"{name}: {line}" for name in names for line in said[name])
    kinds = {name: [_kind(line) for line in said[name]] for name in names}
    assert all(len(kinds[name]) == 4 * ROUNDS and "" not in kinds[name] for name in names), shown
    assert all("done" in kinds[name] for name in names), shown
    assert any("refused" in kinds[name] for name in names), shown
    print(f"cdsl-lock: {'; '.join(f'{name}: {_counted(kinds[name])}' for name in names)}", flush=True)
    with ThreadPoolExecutor(len(names)) as pool:
        lists = list(pool.map(lambda name: _all_is_well(booted.nodes[name]), names))
    assert lists[0] == lists[1], "the nodes do not see the same CDSLs"
    for path in ("1", "2", "both"):
        assert booted.node.run(f"ls /srv/lock/{path} | wc -l") == f"{FILES}\n"


def _operations(node: Machine, nodeid: int) -> list[str]:
    """Create and remove on a node what is its own and what both want; a line for each: status, words, what it said."""
    return node.run(
        f"""for round in $(seq {ROUNDS}); do
              for words in "create -a /srv/lock/{nodeid}" "create -a /srv/lock/both" \
                           "remove --delete /srv/lock/{nodeid}" "remove --delete /srv/lock/both"; do
                osr cdsl $words > /dev/null 2> /run/said
                echo "$? $words: $(tr '\\n' ' ' < /run/said)"
              done
            done""",
        timeout=400,
    ).splitlines()


def _kind(line: str) -> str:
    """Return how an operation ended; nothing if not in one of the ways in which it may."""
    said = re.fullmatch(r"(\d+) \w+ [^:]*: (.*)", line)
    if said and said[1] == "0" and not said[2]:
        return "done"
    if said and said[1] == "1":
        return "refused" if re.match(REFUSED, said[2]) else "too late" if re.match(TOO_LATE, said[2]) else ""
    return ""


def _counted(kinds: list[str]) -> str:
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def _all_is_well(node: Machine) -> str:
    """Return the list of CDSLs of a node where check finds nothing."""
    assert node.run("osr cdsl check", timeout=LOOKING) == ""
    return node.run("osr cdsl list --json")


def seen_at_once(booted: Booted) -> None:
    """What another node has just changed is seen, though an NFS client believes in names for half a minute."""
    one, two = booted.nodes.values()
    for first, second in ((one, two), (two, one)):
        first.try_run("osr cdsl remove --delete /srv/lock/both; ls -lR /srv/lock/both /cluster/cdsl/*/srv/lock/both")
        second.run("osr cdsl create -a /srv/lock/both && echo mine > /srv/lock/both/1")
        assert first.run("osr cdsl check /srv/lock/both") == ""
        first.run("osr cdsl remove --delete /srv/lock/both")
        assert first.run("cat /srv/lock/both/1") == "1\n", "another node's content stayed"
        assert second.try_run("osr cdsl show /srv/lock/both")[0] == 1


def lock_of_a_dead_node(booted: Booted) -> None:
    """The lock of a node that lost power in a change holds for the lease; then the next command tidies up."""
    one, two = booted.nodes["node1"], booted.nodes["node2"]
    two.run("systemd-run --unit=large osr cdsl create -a /srv/lock/large")
    # `ls /` lets the client ask the server for the names in it, and not its own memory
    one.run(f"until ls -A / > /dev/null; grep -q preparing /{JOURNAL} 2> /dev/null; do sleep 0.5; done; sleep 2")
    held = re.compile(r"osr: CDSLs are being changed by process \d+ on node2 \(create /srv/lock/large, since 20")
    code, said = one.try_run("osr cdsl create -a /srv/lock/after")
    assert (code, bool(held.match(said))) == (1, True), said
    words = one.run(f"cat /{LOCK}")
    assert json.loads(words)["host"] == "node2", words
    two.kill()
    killed = time.monotonic()
    refusals = 0
    while True:
        code, said = one.try_run("osr cdsl create -a /srv/lock/after", timeout=200)
        if code == 0:
            break
        assert (code, bool(held.match(said))) == (1, True), said
        refusals += 1
        assert time.monotonic() - killed < 6 * LEASE, "the lock is never given back"
        time.sleep(1)
    waited = time.monotonic() - killed
    assert refusals, "the lock did not outlive its node"
    print(f"cdsl-lock: free {waited:.0f} s after the death of its holder, after {refusals} refusals", flush=True)
    assert re.search(r"a lock was left behind by process \d+ on node2 \(create /srv/lock/large, since 20", said), said
    assert "an interrupted change was undone: make /srv/lock/large host-dependent" in said, said
    assert one.run("osr cdsl check --quick") == ""
    paths = [cdsl["path"] for cdsl in json.loads(one.run("osr cdsl list --json"))["cdsls"]]
    assert "srv/lock/after" in paths, paths
    assert "srv/lock/large" not in paths, paths
    assert one.run("find /cluster /srv -name '.osr-*'") == ""
    assert one.run("ls /srv/lock/large | wc -l") == f"{LARGE}\n"


# --- the HowTo, on a root that was never one for two

HOWTO = "/srv/howto"
HOWTO_CONF = cluster_conf(root=f"{servers.ADDRESS}:{HOWTO}")
# As the administrator of a plain system has it: one address, one name.
NETWORK = "NETWORKING=yes\nHOSTNAME=localhost\nHWADDR=52:54:00:77:00:01\n"
# source: the HowTo, "com-mkcdslinfrastructure -r /mnt/newroot" and what follows it, to the letter
BEFORE_CHROOT = """
com-mkcdslinfrastructure -r /mnt/newroot
mount --bind /mnt/newroot/cluster/cdsl/1/ /mnt/newroot/cdsl.local/
mount -t proc proc /mnt/newroot/proc
mount -t sysfs none /mnt/newroot/sys
mount --bind /mnt/newroot/dev /mnt/newroot/dev
"""
IN_CHROOT = """
com-mkcdsl -a /var
com-mkcdsl -s /var/lib
com-mkcdsl -a /etc/sysconfig/network
"""


def plain_system(server: Server) -> None:
    """A second export has a system without any CDSL.

    To save minutes, what nobody writes to is hard-linked, and a thousand small files of dpkg's, which would be copied
    for two trees over the emulated network, are left out.
    """
    server.run(
        f"""set -e
        mkdir {ROOT}/.howto {HOWTO} {ROOT}/mnt/newroot
        mount --bind {ROOT}/.howto {HOWTO}
        cd {ROOT}
        cp -al usr .howto/
        cp -a $(ls -A | grep -vxE 'usr|boot|lost.found|[.]howto|cluster|cdsl.local|var') .howto/
        cp -a cluster/cdsl/default/var .howto/var
        rm .howto/var/lib
        cp -a cluster/shared/var/lib .howto/var/lib
        rm -r .howto/var/lib/dpkg/info
        mkdir .howto/etc/sysconfig
        exportfs -o rw,no_root_squash,no_subtree_check,async,fsid=78 10.77.0.0/24:{HOWTO}""",
        timeout=200,
    )
    server.write(f"{HOWTO}/etc/sysconfig/network", NETWORK.rstrip("\n"))
    server.write(f"{HOWTO}/{project.CLUSTER_CONF}", HOWTO_CONF)


def howto_by_hand(booted: Booted) -> None:
    """The HowTo's commands as printed; only its vi is a sed, since the lab's system has no editor."""
    node = booted.node
    node.run(f"mount -t nfs4 {servers.ADDRESS}:{HOWTO} /mnt/newroot")
    for line in BEFORE_CHROOT.strip().splitlines():
        node.run(line)
    for line in IN_CHROOT.strip().splitlines():
        begin = time.monotonic()
        said = node.run(f"chroot /mnt/newroot {line}", timeout=400)
        print(f"cdsl-howto: {time.monotonic() - begin:.0f} s for {line}: {said.splitlines()}", flush=True)
    edit = "for file in /cluster/cdsl/?/etc/sysconfig/network; do id=${file#/cluster/cdsl/}; id=${id%%/*}; "
    edit += 'sed -i -e "s/^HOSTNAME=.*/HOSTNAME=node$id/" -e /^HWADDR=/d "$file"; done'
    node.run(f"chroot /mnt/newroot sh -c '{edit}'")
    # one node edits the files of all
    assert node.run("cat /mnt/newroot/cluster/cdsl/2/etc/sysconfig/network") == "NETWORKING=yes\nHOSTNAME=node2\n"
    assert node.run("chroot /mnt/newroot cat /etc/sysconfig/network") == "NETWORKING=yes\nHOSTNAME=node1\n"
    assert node.run("chroot /mnt/newroot com-cdslinvchk", timeout=LOOKING) == ""
    node.run("cd /mnt/newroot && umount dev sys proc cdsl.local && cd / && umount /mnt/newroot")


def boots_from_it(booted: Booted) -> None:
    """Node 2 boots from what the HowTo made, as itself, with every service, and powers off in order."""
    image = project.build(project.tree(booted.case.suite), cluster_conf=HOWTO_CONF)
    node = booted.lab.node("node2", image)
    node.wait_up(UP)
    print(f"cdsl-howto: node 2 up after {node.age:.0f} s", flush=True)
    second = Booted(booted.lab, booted.case, {"node2": node})
    healthy(second)
    assert node.run("findmnt -n -o SOURCE /").strip() == f"{servers.ADDRESS}:{HOWTO}"
    assert node.run("cat /etc/sysconfig/network") == "NETWORKING=yes\nHOSTNAME=node2\n"
    says = node.run("readlink /var /etc/sysconfig/network").split()
    assert says == ["cdsl.local/var", "../../cdsl.local/etc/sysconfig/network"], says
    assert node.run("readlink -f /var/lib/dpkg/status") == "/cluster/shared/var/lib/dpkg/status\n"
    assert node.run("systemctl is-active systemd-logind") == "active\n"
    assert node.run("osr cdsl check", timeout=LOOKING) == ""
    print(f"cdsl-howto: node 2 off in {must_power_off(second, 'node2'):.0f} s", flush=True)


# --- bind style


def in_bind_style(server: Server, *, optional: bool = False) -> None:
    """/srv/data is each node's own, and /srv/data/all in it is everybody's again, without any link."""
    _write_inventory(
        server,
        Cdsl("srv/data", HOSTDEPENDENT, BIND, optional=optional),
        Cdsl("srv/data/all", SHARED, BIND, optional=optional),
    )
    server.run(
        f"cd {ROOT} && mkdir -p srv/data cluster/shared/srv/data/all && for node in 1 2; do "
        "mkdir -p cluster/cdsl/$node/srv/data/all && echo node $node > cluster/cdsl/$node/srv/data/who; done && "
        "echo everybody > cluster/shared/srv/data/all/who"
    )


def in_bind_style_optional(server: Server) -> None:
    """The same, and a node may boot without its copy."""
    in_bind_style(server, optional=True)


def copy_lost(server: Server) -> None:
    """Node 1's copy is gone."""
    server.run(f"rm -r {ROOT}/cluster/cdsl/1/srv/data")


def are_bound(booted: Booted) -> None:
    """Each node has its own copy at the path, and what is shared in it; findmnt and osr status show where from."""
    for name, node in booted.nodes.items():
        wanted = {
            "/cdsl.local": f"/cluster/cdsl/{IDS[name]}",
            "/srv/data": f"/cluster/cdsl/{IDS[name]}/srv/data",
            "/srv/data/all": "/cluster/shared/srv/data/all",
        }
        assert node.run("cat /srv/data/who /srv/data/all/who") == f"node {IDS[name]}\neverybody\n"
        shown = node.run("osr status")
        for target, source in wanted.items():
            assert node.run(f"findmnt -n -o SOURCE {target}").strip().rstrip("]").endswith(source)
            assert f"bound    {target} from {source}\n" in shown, shown
            # a private mount would hide from services what is mounted in it later
            assert node.run(f"findmnt -n -o PROPAGATION {target}") == "shared\n"
        bound = {one["target"]: one["source"] for one in status(booted, name)["bound"]}
        assert bound == wanted, "there is more bound, or less"


def boots_without_them(booted: Booted) -> None:
    """What may be missing is said, and the plain path stays."""
    assert [one["target"] for one in status(booted, "node1")["bound"]] == ["/cdsl.local"]
    assert booted.node.run("ls -A /srv/data") == ""


def _write_inventory(server: Server, *cdsls: Cdsl) -> None:
    inventory = inventories.Inventory(nodes=("1", "2"), cdsls=cdsls)
    server.write(f"{ROOT}/{inventories.PATH}", inventories.dumps(inventory))
