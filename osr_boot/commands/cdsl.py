"""`osr cdsl`: what is not the same for all nodes on a shared root. The old programs for it are other names of it.

What its words do is in osr_boot/cdsl/words.py and reports.py.
"""

from __future__ import annotations

import argparse

from osr_boot import commands
from osr_boot.errors import CommandFailed, OsrError

HELP = "make paths of a shared root host-dependent, or shared again"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command accepts, or what an old program accepts."""
    program = parser.get_default("program")
    if program in commands.OLD_NAMES:
        from osr_boot.cdsl import old

        old.arguments(parser, program)
        return
    words = _Words(parser)
    init = words.change("init", "make the directories for CDSLs, and a tree for each node")
    init.add_argument("--nodes", type=int, metavar="N", help="nodes 1 to N (default: those of cluster.conf)")
    init.add_argument("--names", action="store_true", help="name the trees by the nodes' names, not by their ids")
    init.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as `set` does (repeat)")
    init.add_argument("--clusterconf", metavar="FILE", help="the nodes' cluster.conf (default: the root's)")
    init.add_argument("--delete", action="store_true", help="take the directories away again, where nothing is in them")
    init.add_argument("--force", action="store_true", help="with --delete: though there are CDSLs, which stay as links")
    create = words.change("create", "make paths host-dependent, or shared again, in the order given")
    wanted(create)
    text = "links to each node's copy, or its copy bound over the path by the boot (default: as what it is in, or link)"
    create.add_argument("--style", choices=("link", "bind"), help=text)
    create.add_argument("--optional", action="store_true", help="bind style: a node boots without its copy, too")
    create.add_argument("-b", "--backup", action="store_true", help="keep what other nodes had as NAME.orig")
    create.add_argument("--force", action="store_true", help="throw away what other nodes had")
    create.add_argument("--node", metavar="ID", help="whose content it is, where no node's tree is mounted")
    create.add_argument("path", nargs="*", help=argparse.SUPPRESS)  # forgotten: what it is to be
    remove = words.change("remove", "make CDSLs plain paths again")
    remove.add_argument("--from", dest="node", metavar="NODE", help="whose content stays (default: this node's)")
    remove.add_argument("-R", "--recursive", action="store_true", help="the CDSLs in them too")
    remove.add_argument("--force", action="store_true", help="broken ones too: with whatever copy there is, or none")
    remove.add_argument("--delete", action="store_true", help="throw away the copies of the other nodes")
    remove.add_argument("path", nargs="+", metavar="PATH")
    for one in (create, remove):
        _resolved(one)
    add = words.change("node-add", "give a node a tree, a copy of the template")
    add.add_argument("node", metavar="ID")
    add.add_argument("--clusterconf", metavar="FILE", help="the cluster.conf that should know it (default: the root's)")
    take = words.change("node-remove", "take a node out of the inventory, and keep what it has")
    take.add_argument("node", metavar="ID")
    take.add_argument("--delete", action="store_true", help="delete the node's tree")
    own = words.change("identity", "make what must not be the same on two nodes host-dependent: machine id, keys, ...")
    own.add_argument("--node", metavar="ID", help="who keeps what all have now (default: this node, if it has a tree)")
    own.add_argument("--ssh-keys", choices=("own", "shared"), default="own", help="SSH host keys (default: own)")
    own.add_argument(
        "--style", choices=("link", "bind"), help="of all but the machine id, which is bound (default: link)"
    )
    own.add_argument("--clusterconf", metavar="FILE", help="the nodes' cluster.conf (default: the root's)")
    view = words.change("mount", "make a node's view: its tree on the link directory, and its paths in bind style")
    view.add_argument("--node", metavar="ID", help="whose (default: the node's whose tree is mounted)")
    view.add_argument("--chroot", action="store_true", help="proc, sys and dev too, for a chroot")
    apart = words.change("umount", "take a node's view apart, or paths in bind style")
    apart.add_argument("path", nargs="*", metavar="PATH", help="paths in bind style (default: everything)")
    words.change("recover", "finish or undo a change that was interrupted")
    setting = words.change("set", "change a setting, as long as there are no CDSLs that go by it")
    setting.add_argument("key", metavar="KEY")
    setting.add_argument("value", metavar="VALUE")
    words.add("get", "print settings").add_argument("key", nargs="*", metavar="KEY")
    migrate = words.change("migrate", "take over the inventory of the old tools")
    migrate.add_argument("--source", metavar="FILE", help="that inventory (default: where the old tools had it)")
    migrate.add_argument("--force", action="store_true", help="though there is a new inventory, which is replaced")
    listing = words.add("list", "list all CDSLs")
    listing.add_argument("--long", action="store_true", help="with what `show` says of each")
    listing.add_argument("--xml", action="store_true", help="as the inventory of the old tools")
    show = words.add("show", "show where a CDSL lies, where its links stand, and what they say")
    show.add_argument("path", metavar="PATH")
    check = words.change("check", "compare the inventory with what is on disk")
    check.add_argument("--repair", action="store_true", help="mend what can be mended")
    check.add_argument("--node", metavar="ID", help="whose content a plain file in place of a link is")
    check.add_argument("--quick", action="store_true", help="without a walk through the whole root for unknown links")
    check.add_argument("--norecursive", action="store_true", help="of the PATHs, not what is in them")
    check.add_argument("path", nargs="*", metavar="PATH", help="these CDSLs, and what is in them (default: all)")
    for one in (show, check, apart):
        _resolved(one)


def run(options: argparse.Namespace) -> int:
    """Do what a word says, or an old program. Raises OsrError."""
    if options.program in commands.OLD_NAMES:
        return _old(options)
    from osr_boot.cdsl import reports, views, words

    telling = options.word in ("list", "show", "get", "check")
    module = reports if telling else views if options.word in ("mount", "umount") else words
    name = options.word.replace("-", "_")
    status: int = getattr(module, f"{name}_" if name in ("set", "list") else name)(options)
    return status


class _Wanted(argparse.Action):
    """-a and -s in one list, as pairs of the option and its words: their order is that of the changes."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*before, (self.option_strings[0], values)])


def wanted(parser: argparse.ArgumentParser) -> None:
    """Let `osr cdsl create`, and com-mkcdsl, take `-a PATH [NODE...] -s PATH [NODE...] ...`."""
    for short, long, text in (
        ("-a", "--hostdependent", "a copy for each node, or for these"),
        ("-s", "--shared", "one for all, inside a host-dependent path"),
    ):
        parser.add_argument(
            short, long, dest="wanted", action=_Wanted, nargs="+", metavar=("PATH", "NODE"), help=f"{text} (repeat)"
        )


def _old(options: argparse.Namespace) -> int:
    """Do what an old program means. Returns its exit status. Raises OsrError."""
    from osr_boot.cdsl import old
    from osr_boot.cdsl.words import NoNodes

    if options.program == old.FOR_CDSLS:
        return _for_cdsls(options)
    parser = argparse.ArgumentParser(options.program)
    arguments(parser)
    parser.set_defaults(program="osr")
    words = old.words(options)
    try:
        return run(parser.parse_args(words))
    except OsrError as error:
        if isinstance(error, NoNodes):
            error.exit_status = old.NO_NODES.get(options.program, error.exit_status)
        error.hint = old.retold(error.hint, options.program, words[0])
        if error.message.startswith("--"):
            error.message = old.retold(error.message, options.program, words[0])
        raise


def _for_cdsls(options: argparse.Namespace) -> int:
    """Run a command with paths replaced. Returns its exit status. Raises OsrError."""
    from osr_boot.cdsl import old, session
    from osr_boot.cdsl.disk import Disk
    from osr_boot.linux import Linux

    disk = Disk(session.root(options))
    inventory = session.read(disk)
    given = options.command[1:] if options.command[0] == "--" else options.command
    argv: list[str] = []
    for number, word in enumerate(given):
        path = session.path(options, word, inventory) if number and "/" in word else ""
        if not inventory.find(path):
            argv.append(word)
            continue
        there = old.in_all_trees(path, options, inventory)
        argv += [disk.full(one) for one in there if options.notexists or disk.exists(one)]
    try:
        return Linux().attached(argv)
    except CommandFailed as error:
        error.exit_status = error.status
        raise


def _resolved(parser: argparse.ArgumentParser) -> None:
    text = "take PATH as it is, not as the CDSL that lies there, and not from the current directory"
    parser.add_argument("-S", "--resolved", action="store_true", help=text)


class _Words:
    """The words, and what each of them takes."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._words = parser.add_subparsers(title="words", metavar="WORD", required=True, dest="word")

    def add(self, name: str, text: str) -> argparse.ArgumentParser:
        """Return a new word that only tells something."""
        one = self._words.add_parser(name, help=text, description=text)
        commands.root_argument(one)
        text = "a filesystem in it that has CDSLs of its own; PATH is in it"
        one.add_argument("--mountpoint", default="", metavar="DIR", help=text)
        one.add_argument("--json", action="store_true", help="one JSON document instead of lines")
        return one

    def change(self, name: str, text: str) -> argparse.ArgumentParser:
        """Return a new word that changes something."""
        one = self.add(name, text)
        one.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
        one.add_argument("--quiet", action="store_true", help="say nothing of what is done")
        one.add_argument("--verbose", action="store_true", help="print each step of what is done")
        return one
