"""A cluster.conf of any size, and what is planted in it: for tests and for the benchmark."""

from __future__ import annotations

NODES, LINKS = 10_000, 4
_NODE = """    <clusternode name="node{n}" nodeid="{n}" votes="1">
      <com_info>
        <rootvolume fstype="nfs4" name="10.255.0.1:/srv/root"/>
{links}      </com_info>
    </clusternode>
"""
_LINK = '        <eth name="eth{k}" mac="{mac}" ' 'ip="10.{k}.{high}.{low}" mask="255.255.0.0"{more}/>\n'
# Each is (text, what stands there instead, words of the finding); {n} is the node's number.
MISTAKES = (
    (' mask="255.255.0.0" gateway=', ' mask="255.255.0.0" gatway=', 'unknown attribute "gatway"'),
    ('mac="52:54:01:', 'mac="53:54:01:', "is a multicast address"),
    ('ip="10.2.', 'ip="10.999.', "is not an IP address"),
    ('fstype="nfs4"', 'fstype="nsf4"', 'unknown fstype "nsf4"'),
    ('nodeid="{n}"', 'nodeid="0"', 'nodeid "0"'),
)


def conf(nodes: int, *, links: int = LINKS) -> str:
    """Return a good cluster.conf of so many nodes: 5.4 MB for 10,000."""
    head = '<?xml version="1.0"?>\n<cluster name="big" config_version="7">\n  <clusternodes>\n'
    return head + "".join(map(_node, range(1, nodes + 1), [links] * nodes)) + "  </clusternodes>\n</cluster>\n"


def mac(number: int, link: int = 0) -> str:
    """Return the MAC address of a node's link, as the file has it: in no order, so that nothing compresses it away."""
    odd = number * (0x9E3779 + 2 * link) % 2**24
    return f"52:54:{link:02x}:{odd >> 16:02x}:{odd >> 8 & 255:02x}:{odd & 255:02x}"


def _node(number: int, links: int) -> str:
    high, low = divmod(number, 250)
    lines = (
        _LINK.format(k=k, mac=mac(number, k), high=high, low=low + 1, more="" if k else ' gateway="10.0.255.254"')
        for k in range(links)
    )
    return _NODE.format(n=number, links="".join(lines))


def with_mistakes(nodes: int, count: int) -> tuple[str, list[tuple[int, str]]]:
    """Return a file with mistakes in `count` of its nodes, evenly spread, and (line, words) of each of them."""
    lines = conf(nodes).split("\n")
    length = _NODE.count("\n") + LINKS  # of a node
    planted = []
    for index in range(count):
        number = 1 + index * (nodes // count)
        right, wrong, words = MISTAKES[index % len(MISTAKES)]
        begin = 3 + (number - 1) * length
        right, wrong = right.format(n=number), wrong.format(n=number)
        (line,) = (line for line in range(begin, begin + length) if right in lines[line])
        lines[line] = lines[line].replace(right, wrong)
        planted.append((line + 1, words))
    return "\n".join(lines), planted
