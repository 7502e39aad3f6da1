"""The compiled cluster.conf: the JSON that an image carries and a boot reads.

One valid document. Its first line is a header, then comes one node per line, its keys and theirs as in model.py with
defaults left out, and always `name` first:

    {"format":1,"name":"demo","config_version":3,"source":"/etc/cluster.conf",...,"bytes":250,"nodes":[
    {"name":"node1","nodeid":1,"nics":[{"name":"eth0","mac":"52:54:00:00:00:01","address":"10.0.0.1/24"}],...},
    {"name":"node2",...}
    ]}

A boot looks for its MAC addresses in the text and decodes only the lines that have one. That makes an index needless:
measured with 10,000 nodes of 4 links (4.5 MB), each word looked for takes 1 ms, decoding the whole 500 ms, and the
index would be another megabyte in the image. `bytes` is how many follow the header: where it is wrong, somebody
rewrote the document (`jq .`), its lines may be arranged in any way, and it is decoded whole.

Only the fields of the model travel, so nothing secret can.
"""

from __future__ import annotations

import json

from osr_boot.errors import ConfigError
from osr_boot.model import Cluster, Dmi, Fence, Nic, Node, O2cb, Storage, Volume
from osr_boot.value import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

FORMAT = 1
_HINT = "make it again with `osr compile`, and the image with dracut"
_TYPES: dict[str, Any] = {"str": str, "int": int, "bool": bool}
_VALUES: dict[str, Any] = {
    "tuple[Nic, ...]": Nic,
    "tuple[Fence, ...]": Fence,
    "Volume | None": Volume,
    "tuple[Volume, ...]": Volume,
    "Storage": Storage,
    "Dmi": Dmi,
    "O2cb": O2cb,
}


def dump(cluster: Cluster) -> str:
    """Return the document. The same cluster gives the same text."""
    header = {"format": FORMAT, **{key: value for key, value in vars(cluster).items() if key not in ("nodes", "o2cb")}}
    header |= {"o2cb": _plain(cluster.o2cb)} if cluster.o2cb != O2cb() else {}
    lines = "".join(f"{_text(_plain(node))},\n" for node in cluster.nodes)
    body = f"{lines[:-2]}\n]}}\n" if lines else "]}\n"
    return f'{_text(header)[:-1]},"bytes":{len(body)},"nodes":[\n{body}'


def load(text: str) -> Cluster:
    """Return the whole cluster. Raises ConfigError."""
    value = _decode(text)
    nodes = value.get("nodes")
    if not isinstance(nodes, list):
        raise ConfigError("the compiled cluster has no list of nodes", hint=_HINT)
    return _cluster(value, tuple(_value(Node, node) for node in nodes))


def select(
    text: str,
    *,
    macs: Iterable[str] = (),
    nodeid: int | None = None,
    name: str = "",
    dmi: Dmi | None = None,
) -> Cluster:
    """Return the cluster with those nodes only that any of the evidence may mean, in their order.

    Nodes are not chosen here: all that have one of the MACs are there, so that identity can refuse. MACs are
    normalised. Raises ConfigError.
    """
    begin = text.find("\n") + 1
    if not text.endswith("]}\n") or not text[:begin].endswith(f',"bytes":{len(text) - begin},"nodes":[\n'):
        return _chosen(load(text), frozenset(macs), nodeid, name, dmi or Dmi())
    header = _decode(f"{text[:begin]}]}}")
    # Bare addresses: a needle that begins with a rare letter is found in half the time.
    words = [mac for mac in macs if mac]
    words += [f'"nodeid":{nodeid}{end}' for end in ",}"] if nodeid is not None else []
    words += [f'\n{{"name":{_text(name)}'] if name else []
    words += [f'"{key}":{_text(known)}' for key, known in vars(dmi or Dmi()).items() if known]
    starts = {start for word in words for start in _lines_with(text, word, begin - 1)}
    lines = [text[start : text.index("\n", start)].rstrip(",") for start in sorted(starts)]
    return _cluster(header, tuple(_value(Node, _decode(line)) for line in lines))


def _lines_with(text: str, word: str, begin: int) -> Iterator[int]:
    """Yield where each line begins that the word is in, the last first; a word may begin with the end of a line."""
    place = text.rfind(word, begin)
    while place >= 0:
        start = text.rfind("\n", 0, place + 1) + 1
        yield start
        place = text.rfind(word, begin, min(place, start) + (word[0] == "\n"))


def _chosen(cluster: Cluster, macs: frozenset[str], nodeid: int | None, name: str, dmi: Dmi) -> Cluster:
    """Return the cluster with the nodes that any of the evidence may mean, looked for one by one."""
    known = {(key, value) for key, value in vars(dmi).items() if value}
    nodes = (
        node
        for node in cluster.nodes
        if node.nodeid == nodeid
        or (name and node.name == name)
        or not macs.isdisjoint(node.macs)
        or not known.isdisjoint(vars(node.dmi).items())
    )
    return replace(cluster, nodes=tuple(nodes))


def _cluster(header: dict[str, Any], nodes: tuple[Node, ...]) -> Cluster:
    version = header.get("format")
    if type(version) is not int or version < 1:
        raise ConfigError("the compiled cluster has no format number", hint=_HINT)
    if version > FORMAT:
        raise ConfigError(
            f"the compiled cluster has format {str(version)[:60]}, and this version knows {FORMAT}",
            hint="make the image with the version of osr that compiled it",
        )
    known = {key: value for key, value in header.items() if key not in ("format", "bytes", "nodes")}
    cluster: Cluster = _value(Cluster, known)
    return replace(cluster, nodes=nodes)


def _decode(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the compiled cluster is no JSON: {error}", hint=_HINT) from None
    except RecursionError:
        raise ConfigError("the compiled cluster is no JSON: it is nested too deep", hint=_HINT) from None
    if not isinstance(value, dict):
        raise ConfigError("the compiled cluster is not a JSON object", hint=_HINT)
    return value


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _plain(value: object) -> dict[str, Any]:
    """Return a value as JSON values, without the fields that have their defaults."""
    plain: dict[str, Any] = {}
    for field, item in vars(value).items():
        if item == _DEFAULTS[type(value)].get(field, _DEFAULTS):
            continue
        if type(item) is tuple:
            plain[field] = [one if type(one) is str else _plain(one) for one in item]
        else:
            plain[field] = item if type(item) in (str, int, bool) else _plain(item)
    return plain


def _value(kind: type, plain: object) -> Any:
    """Return the value of JSON values. Raises ConfigError on whatever `_plain` cannot have made."""
    if not isinstance(plain, dict):
        raise ConfigError(f"the compiled cluster has something else where a {kind.__name__} belongs", hint=_HINT)
    known = {}
    for field, item in plain.items():
        wanted = _KINDS[kind].get(field)
        if wanted is None:
            raise ConfigError(f'the compiled cluster has an unknown key "{field[:60]}"', hint=_HINT)
        if wanted in _TYPES:
            good = type(item) is _TYPES[wanted]
            known[field] = item
        elif wanted == "tuple[str, ...]":
            good = type(item) is list and {type(one) for one in item} <= {str}
            known[field] = tuple(item) if good else ()
        elif wanted.startswith("tuple"):
            good = type(item) is list
            known[field] = tuple(_value(_VALUES[wanted], one) for one in item) if good else ()
        else:
            good = True
            known[field] = _value(_VALUES[wanted], item)
        if not good:
            raise ConfigError(f'the compiled cluster has a wrong value for "{field}"', hint=_HINT)
    try:
        return kind(**known)
    except TypeError:
        raise ConfigError(f"the compiled cluster lacks a value in a {kind.__name__}", hint=_HINT) from None


_KINDS: dict[type, dict[str, str]] = {
    kind: kind.__fields__ for kind in (Cluster, Node, Nic, Fence, Volume, Storage, Dmi, O2cb)
}
# What has no default is always written, even where it is empty.
_DEFAULTS: dict[type, dict[str, Any]] = {
    type(value): {field: item for field, item in vars(value).items() if field not in ("name", "nodeid", "fstype")}
    for value in (Node("", 0), Nic(""), Fence(""), Volume("", ""))
}
_DEFAULTS |= {type(value): dict(vars(value)) for value in (Dmi(), O2cb(), Storage())}
