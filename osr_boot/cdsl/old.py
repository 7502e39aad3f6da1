"""The old programs for CDSLs: their options, and the words of `osr cdsl` that they mean. Pure translation.

Where an old option did something else than its help said, it does what its help said.
"""

from __future__ import annotations

import argparse
import re

from osr_boot.cdsl.layout import HOSTDEPENDENT, data, places
from osr_boot.commands.cdsl import wanted
from osr_boot.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osr_boot.cdsl.inventory import Inventory

FOR_CDSLS = "com-forcdsls"
NO_NODES = {"com-cdslinvadm": 4}
"""exit status of a program where no nodes are known; 2 of the others"""

# Command of com-cdslinvadm: the letter that is another name of it, how many words it takes, and its help.
_ADMINISTRATION = {
    "create": ("e", 0, 0, "make the directories for CDSLs, and a tree for each node"),
    "delete": ("x", 0, 0, "take them away again; refused while there are CDSLs, unless -f leaves those as they are"),
    "get": ("p", 0, 99, "print settings: KEY..."),
    "set": ("T", 2, 2, "change a setting: KEY VALUE"),
    "list": ("l", 0, 0, "print all settings"),
    "migrate": ("g", 0, 0, "take over an inventory of older tools"),
    "getcdsl": ("G", 1, 1, "show a CDSL: PATH"),
    "listcdsls": ("I", 0, 0, "list all CDSLs"),
    "addnode": ("o", 1, 1, "give a node a tree: ID"),
    "deletenode": ("O", 1, 1, "take a node out of the inventory, and keep its tree: ID"),
}
# Option of directory name or number: what `osr cdsl init` calls it.
_DIRECTORIES = (
    ("-t", "--cdsltree", "directory of the nodes' trees"),
    ("-s", "--cdsltreeshared", "directory of the shared parts"),
    ("-L", "--cdsllink", "directory where each node sees its own tree"),
    ("-D", "--defaultdir", "name of the template beside the nodes' trees"),
)
# Option of `osr cdsl`: what the old programs that have it call it.
_RENAMED = {
    "--nodes": ("--maxnodeidnum",),
    "--dry-run": ("--noexecute",),
    "--source": ("--sourceinventory", "--inventoryfile"),
    "--repair": ("--update",),
}


def arguments(parser: argparse.ArgumentParser, program: str) -> None:
    """Add what an old program accepts."""
    if program == FOR_CDSLS:
        _for_cdsls(parser)
        return
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of what is done")
    parser.add_argument("-d", "--verbose", action="store_true", help="print each step of what is done")
    parser.add_argument("-n", "--noexecute", action="store_true", help="print what would be done, and do nothing")
    text = "the inventory to be migrated; without effect elsewhere: it is /cluster/cdsl_inventory.json of the root"
    parser.add_argument("-i", "--inventoryfile", metavar="FILE", help=text)
    text = "where the nodes come from (default: the root's cluster.conf); without effect where none are needed"
    parser.add_argument("-c", "--clusterconf", metavar="FILE", help=text)
    parser.add_argument("-r", "--root", default="", metavar="DIR", help="the shared root")
    parser.add_argument(
        "-m", "--mountpoint", default="", metavar="DIR", help="a filesystem with CDSLs of its own in it"
    )
    _PROGRAMS[program][0](parser)


def words(options: argparse.Namespace) -> list[str]:
    """Return the word of `osr cdsl` that an old program means, with its arguments. Raises ConfigError."""
    found: list[str] = _PROGRAMS[options.program][1](options)
    for name in ("root", "mountpoint"):
        if value := getattr(options, name):
            found[1:1] = [f"--{name}={value}"]
    if found[0] not in ("get", "list", "show"):
        flags = (("quiet", options.quiet), ("verbose", options.verbose), ("dry-run", options.noexecute))
        found[1:1] = [f"--{name}" for name, given in flags if given]
    if found[0] in ("init", "node-add") and options.clusterconf:
        found[1:1] = [f"--clusterconf={options.clusterconf}"]
    return found


def retold(text: str, program: str, word: str) -> str:
    """Return what `osr cdsl WORD` says to a person with the options that an old program has.

    One that it lacks is named as the option of the word: it helps there. What stands in `` is a command of its own.
    """
    parser = argparse.ArgumentParser()
    arguments(parser, program)
    has = {name for action in parser._actions for name in action.option_strings}

    def spelt(found: re.Match[str]) -> str:
        option = found[0]
        if option.startswith("`") or option in has:
            return option
        return next((name for name in _RENAMED.get(option, ()) if name in has), f"`osr cdsl {word} {option}`")

    return re.sub("`[^`]*`|(?<![^ (])--[a-z][a-z-]*", spelt, text)


# --- com-mkcdslinfrastructure, com-cdslinvadm


def _directories(parser: argparse.ArgumentParser) -> None:
    for short, long, text in _DIRECTORIES:
        parser.add_argument(short, long, metavar="DIR", help=f"{text}, for a new inventory")
    parser.add_argument("-M", "--maxnodeidnum", type=int, default=0, metavar="N", help="nodes 1 to N")
    parser.add_argument("-N", "--usenodenames", action="store_true", help="name the trees by the nodes' names")
    text = "accepted: what there is of the directories stays as it is, what is missing is made"
    parser.add_argument("-C", "--onlyinventory", action="store_true", help=text)
    text = "delete: though there are CDSLs; migrate: though there is a new inventory"
    parser.add_argument("-f", "--force", action="store_true", help=text)


def _infrastructure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(intermixed=True, command="create", sourceinventory="")
    for letter, name in (("e", "create"), ("g", "migrate"), ("x", "delete"), ("p", "get"), ("l", "list")):
        text = _ADMINISTRATION[name][3]
        parser.add_argument(f"-{letter}", f"--{name}", dest="command", action="store_const", const=name, help=text)
    _directories(parser)
    parser.add_argument("words", nargs="*", metavar="KEY", help="of --get")


def _administration(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(intermixed=True)
    for name, (letter, _, _, text) in _ADMINISTRATION.items():
        parser.add_argument(f"-{letter}", f"--{name}", dest="command", action="store_const", const=name, help=text)
    _directories(parser)
    parser.add_argument("-S", "--sourceinventory", default="", metavar="FILE", help="the inventory to be migrated")
    parser.add_argument("-E", "--detailed", action="store_true", help="listcdsls: everything about each")
    parser.add_argument("-X", "--xml", action="store_true", help="listcdsls: as XML")
    commands = ", ".join(_ADMINISTRATION)
    parser.add_argument("words", nargs="*", metavar="COMMAND", help=f"one of {commands}, and what it is about")


def _administer(options: argparse.Namespace) -> list[str]:
    given = list(options.words)
    if not options.command and given:
        options.command = given.pop(0)
    known = ", ".join(_ADMINISTRATION)
    if options.command not in _ADMINISTRATION:
        raise ConfigError(f'there is no command "{options.command or ""}"', hint=f"known are {known}")
    _, least, most, text = _ADMINISTRATION[options.command]
    if not least <= len(given) <= most:
        raise ConfigError(f"{options.command} with {len(given)} words", hint=text)
    return _MEANINGS[options.command](options, given)


def _init(options: argparse.Namespace, given: list[str]) -> list[str]:
    found = ["init"]
    names = (
        ("tree", options.cdsltree), ("shared", options.cdsltreeshared), ("link", options.cdsllink),
        ("default", options.defaultdir),
    )  # fmt: skip
    found += [f"--set={name}={value}" for name, value in names if value]
    found += [f"--nodes={options.maxnodeidnum}"] if options.maxnodeidnum else []
    return found + (["--names"] if options.usenodenames else [])


def _migrate(options: argparse.Namespace, given: list[str]) -> list[str]:
    source = options.sourceinventory or options.inventoryfile
    return ["migrate", *([f"--source={source}"] if source else []), *_forced(options)]


def _list(options: argparse.Namespace, given: list[str]) -> list[str]:
    return ["list", *(["--xml"] if options.xml else ["--long"] if options.detailed else [])]


def _forced(options: argparse.Namespace) -> list[str]:
    return ["--force"] if options.force else []


_MEANINGS: dict[str, Callable[[argparse.Namespace, list[str]], list[str]]] = {
    "create": _init,
    "delete": lambda options, given: ["init", "--delete", *_forced(options)],
    "get": lambda options, given: ["get", "--", *given],
    "set": lambda options, given: ["set", "--", *given],
    "list": lambda options, given: ["get"],
    "migrate": _migrate,
    "getcdsl": lambda options, given: ["show", "--", *given],
    "listcdsls": _list,
    "addnode": lambda options, given: ["node-add", "--", *given],
    "deletenode": lambda options, given: ["node-remove", "--", *given],
}


# --- com-mkcdsl, com-rmcdsl, com-cdslinvchk


def _make(parser: argparse.ArgumentParser) -> None:
    wanted(parser)
    parser.add_argument("-b", "--backup", action="store_true", help="keep what other nodes had as NAME.orig")
    text = "accepted: the inventory is written with every change"
    parser.add_argument("-u", "--updateinventory", action="store_true", help=text)
    _resolved(parser)


def _made(options: argparse.Namespace) -> list[str]:
    found = ["create", *(["--backup"] if options.backup else []), *(["--resolved"] if options.resolved else [])]
    for kind, given in options.wanted or ():
        found += [kind, *given]
    return found


def _remove(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(intermixed=True)
    parser.add_argument("-R", "--recursive", action="store_true", help="the CDSLs in it too")
    parser.add_argument("-f", "--force", action="store_true", help="broken ones too")
    text = "broken ones too, and throw the copies of the other nodes away; one stays as the plain path"
    parser.add_argument("-F", "--reallyforce", action="store_true", help=text)
    _resolved(parser)
    parser.add_argument("path", nargs="+", metavar="PATH")


def _removed(options: argparse.Namespace) -> list[str]:
    flags = (
        ("--recursive", options.recursive), ("--force", options.force or options.reallyforce),
        ("--delete", options.reallyforce), ("--resolved", options.resolved),
    )  # fmt: skip
    return ["remove", *(flag for flag, given in flags if given), "--", *options.path]


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-U", "--update", action="store_true", help="mend what can be mended")
    text = "accepted: what is on disk is always compared"
    parser.add_argument("-f", "--filesystem", action="store_true", help=text)
    parser.add_argument("-p", "--path", action="store_true", help=text)
    parser.add_argument(
        "-C", "--cdsl", action="append", default=[], metavar="PATH", help="this CDSL, and those in it (repeat)"
    )
    parser.add_argument("-R", "--norecursive", action="store_true", help="of -C, not those in it")


def _checked(options: argparse.Namespace) -> list[str]:
    flags = (("--repair", options.update), ("--norecursive", options.norecursive))
    return ["check", *(flag for flag, given in flags if given), "--", *options.cdsl]


def _resolved(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-S", "--resolved", action="store_true", help="take the path as it is")


_PROGRAMS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], list[str]]]] = {
    "com-mkcdslinfrastructure": (_infrastructure, _administer),
    "com-cdslinvadm": (_administration, _administer),
    "com-mkcdsl": (_make, _made),
    "com-rmcdsl": (_remove, _removed),
    "com-cdslinvchk": (_check, _checked),
}


# --- com-forcdsls


def _for_cdsls(parser: argparse.ArgumentParser) -> None:
    parser.description = "run a command with every path that is a CDSL replaced by its paths in all nodes' trees"
    parser.set_defaults(mountpoint="", resolved=False)
    parser.add_argument(
        "--nodeid", action="append", metavar="N", help="in the tree of this node (repeat; default: all)"
    )
    parser.add_argument("--nodefault", action="store_true", help="not in the template")
    parser.add_argument("--default", default="", metavar="DIR", help="name of the template beside the nodes' trees")
    parser.add_argument("--prefix", dest="root", default="", metavar="P", help="the shared root is mounted on P")
    parser.add_argument("--notexists", action="store_true", help="also where there is nothing")
    # Whatever stands behind the command is the command's, be it an option of ours.
    parser.add_argument("command", nargs=argparse.PARSER, metavar="CMD ARGS", help="a path has a slash in it")


def in_all_trees(path: str, options: argparse.Namespace, inventory: Inventory) -> Iterator[str]:
    """Yield the paths of a CDSL in the trees that com-forcdsls is asked for. Raises ConfigError."""
    layout, cdsls = inventory.layout, inventory.cdsls
    default = options.default or layout.default
    cdsl = inventory.find(path)
    unknown = [name for name in options.nodeid or () if name not in inventory.nodes]
    if unknown:
        raise ConfigError(f'no node "{unknown[0]}" has a tree', hint=f"known are {', '.join(inventory.nodes)}")
    chosen = [name for name in inventory.nodes if not options.nodeid or name in options.nodeid]
    for name in (*chosen, *(() if options.nodefault else (default,))):
        if cdsl is None or (cdsl.nodes and name not in (*cdsl.nodes, default)):
            continue
        if cdsl.kind == HOSTDEPENDENT:
            yield data(path, HOSTDEPENDENT, name, layout, cdsls)
        else:
            yield from (place for _, place in places(path, (name,), layout, cdsls))
