"""One change of a shared root, as a value: what is prepared beside the tree, and the renames that make it true.

Preparing touches nothing that anybody sees. The commit record is written when all of it is on disk; from then on the
change is finished, however often somebody has to begin again. A rename is done when its target is there: no target is
there before its turn, which is why nothing is ever overwritten.
"""

from __future__ import annotations

import json
import shlex

from osr_boot.cdsl.inventory import PATH as INVENTORY
from osr_boot.errors import ConfigError
from osr_boot.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FORMAT = 1
JOURNAL = ".osr-cdsl-journal.json"
"""at the top of the root: the one directory that is always there"""
PREPARING, COMMITTED, CLEANING = "preparing", "committed", "cleaning"
NEW, OLD = ".osr-new.", ".osr-old."


class Change(Value):
    """A change. All paths are relative to the root; pairs are (from, to)."""

    what: str
    """in words: `create host-dependent /var`"""
    made: tuple[tuple[str, str], ...] = ()
    """directories to make, the outer before the inner: (like which, path); like nothing: mode 0755"""
    copies: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """(what the link says, where)"""
    points: tuple[tuple[str, str], ...] = ()
    """(like which, where): an empty directory or file"""
    texts: tuple[tuple[str, str, str], ...] = ()
    """(like which, where, text): a small file; in place of like which also its octal mode, such as 0600"""
    keys: tuple[tuple[str, str], ...] = ()
    """(kind, where): an SSH host key, and beside it NAME.pub; never in a journal"""
    moves: tuple[tuple[str, str], ...] = ()
    """renames, in this order"""
    trash: tuple[str, ...] = ()
    """what is removed at the end, with all that is in it"""
    emptied: tuple[str, ...] = ()
    """directories that are removed at the end if nothing is in them, the inner before the outer"""
    inventory: str = ""
    """the new document; it is prepared as a file, and never in a journal"""
    notes: tuple[str, ...] = ()
    """what a person should know"""
    unmounts: tuple[str, ...] = ()
    """where on this machine something was bound, and has been unmounted for this; never in a journal"""

    @property
    def prepared(self) -> tuple[str, ...]:
        """What has to go if the change is not to be."""
        made = (path for _, path in (*self.copies, *self.links, *self.points, *self.keys))
        return (*made, *(path for _, path, _ in self.texts), *(f"{path}.pub" for _, path in self.keys))

    def lines(self, top: str, kind: Callable[[str], str]) -> tuple[str, ...]:
        """Return the change as lines of a shell, for a person who wants to see them beforehand.

        `top` is where the root lies; `kind` says what is at a path, as Disk.kind does.
        """

        def full(path: str) -> str:
            return _quoted(f"{top.rstrip('/')}/{path}")

        def directory(path: str, like: str) -> str:
            wanted = (f" && {program} --reference={full(like)} {full(path)}" for program in ("chown", "chmod"))
            return f"mkdir {full(path)}{''.join(wanted) if like else ''}"

        def file(path: str, like: str, text: str) -> str:
            # cp would copy all that is in a directory, which is why that is made by mkdir.
            octal = f"install -m {like} /dev/null" if like.isdigit() else f"cp -a --attributes-only {full(like)}"
            body, end = (text[:-1], "\\n") if text.endswith("\n") else (text, "")
            return f"{octal} {full(path)}" + (f" && printf '%s{end}' {_quoted(body)} > {full(path)}" if text else "")

        return (
            *(f"umount {_quoted(place)}" for place in self.unmounts),
            *(directory(path, like) for like, path in self.made),
            *(f"cp -ax {full(source)} {full(path)}" for source, path in self.copies),
            *(f"ln -s {_quoted(says)} {full(path)}" for says, path in self.links),
            *(
                directory(path, like) if kind(like) == "directory" else file(path, like, "")
                for like, path in self.points
            ),
            *(file(path, like, text) for like, path, text in self.texts),
            *(f"ssh-keygen -q -N '' -C '' -t {name} -f {full(path)}" for name, path in self.keys),
            *(f"mv -n {full(source)} {full(path)}" for source, path in self.moves),
            *((f"# then the inventory is written: {full(INVENTORY)}",) if self.inventory else ()),
            *(f"rm -r {full(path)}" for path in self.trash),
            *(f"rmdir --ignore-fail-on-non-empty {full(path)}" for path in self.emptied if kind(path)),
        )


def _quoted(word: str) -> str:
    """Return a word as a shell has it, on one line and without anything that a terminal might obey."""
    if word.isprintable():
        return shlex.quote(word)
    letters = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\{byte:03o}"
               for byte in word.encode(errors="surrogateescape"))  # fmt: skip
    return f"$'{''.join(letters)}'"


def beside(path: str, mark: str) -> str:
    """Return the name beside a path under which it is prepared (NEW), or put away (OLD)."""
    directory, slash, name = path.rpartition("/")
    return f"{directory}{slash}{mark}{name}"


def dumps(change: Change, state: str) -> str:
    """Return the journal's document."""
    return json.dumps({"format": FORMAT, "state": state, **vars(change), "inventory": "", "unmounts": ()}) + "\n"


def loads(text: str) -> tuple[Change, str]:
    """Return the change of a journal and how far it has come. Raises ConfigError."""
    hint = f"/{JOURNAL} is written by osr alone: look into it, put the tree right by hand, and take it away"
    try:
        value = json.loads(text)
        if value["format"] != FORMAT or value["state"] not in (PREPARING, COMMITTED, CLEANING):
            raise ConfigError("the journal of CDSL changes is of another version", hint=hint)
        change = Change(**{field: _frozen(value[field]) for field in Change.__fields__ if field != "unmounts"})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"the journal of CDSL changes cannot be read: {str(error)[:200]}", hint=hint) from None
    paths = [path for pair in (*change.copies, *change.moves) for path in pair]
    paths += [path for _, path in (*change.made, *change.links, *change.points, *change.keys)]
    paths += [*(path for _, path, _ in change.texts), *change.trash, *change.emptied]
    for path in paths:
        if type(path) is not str or not path or path.startswith("/") or ".." in path.split("/"):
            raise ConfigError("the journal of CDSL changes names a path outside of the root", hint=hint)
    return change, value["state"]


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
