"""The kernel command line: our part of it, and dracut's where we need it.

    nodeid=N, rd.osr.nodeid=N       this machine is node N
    rd.osr.node=NAME                this machine is node NAME
    BOOTIF=01-xx-xx-xx-xx-xx-xx     the link that the boot loader used
    root=, rootfstype=, rootflags=, ro, rw
    fsck.mode=auto|force|skip, fastboot, forcefsck, rd.skipfsck
    cdsltree=, cdsllink=, cdslsharedtree=
    rd.osr=0, rd.osr.timeout=SECONDS, rd.osr.quorum_timeout=SECONDS, rd.osr.break=STAGE, rd.osr.debug

The last one wins; what is not ours is never looked at. A word of ours that is wrong stops the boot where going on
could make this machine another node, or bind another node's files. Elsewhere the default is as safe, and somebody
who mistyped a timeout would rather have a machine with a warning than none.
"""

from __future__ import annotations

from osr_boot import mac
from osr_boot.errors import ConfigError
from osr_boot.model import Cmdline

STAGES = ("plan", "network", "root", "cdsl", "handover", "shutdown")
_NO = ("0", "no", "off")
_YES = ("", "1", "yes", "on")
_LONGEST_TIMEOUT = 7 * 86400
_FSCK = {"fastboot": "skip", "forcefsck": "force", "rd.skipfsck": "skip"}
"""older words of systemd, and dracut's; source: man systemd-fsck@.service, dracut.cmdline"""
_ONCE = ("root", "rootfstype", "rootflags")
_OURS = frozenset(
    (
        "nodeid", "rd.osr.nodeid", "rd.osr.node", "BOOTIF", *_ONCE, "ro", "rw", "cdsltree", "cdsllink",
        "cdslsharedtree", "fsck.mode", *_FSCK, "rd.osr", "rd.osr.timeout", "rd.osr.quorum_timeout", "rd.osr.break",
        "rd.osr.probe", "rd.osr.debug",
    )
)  # fmt: skip


def parse(text: str) -> Cmdline:
    """Return the arguments. Raises ConfigError for a word of ours that nobody could go on with."""
    words: dict[str, str] = {}
    breaks: list[str] = []
    warnings: list[str] = []
    for key, value in _split(text):
        if key == "rd.osr.break":
            breaks += value.split(",")
        elif key in ("nodeid", "rd.osr.nodeid"):
            words["nodeid"] = value
        elif key in ("ro", "rw"):
            words["ro"] = key
        elif key in _FSCK:
            words["fsck.mode"] = _FSCK[key] if value not in _NO else "auto"
        elif key in _OURS:
            words[key] = value
        elif key.startswith("rd.osr."):
            warnings.append(f'unknown kernel argument "{_shown(key)}"')
    if not _flag("rd.osr", words, True, warnings):
        return Cmdline(enabled=False)
    for stage in breaks:
        if stage not in STAGES:
            warnings.append(f'rd.osr.break: no stage "{_shown(stage)}"; there are {", ".join(STAGES)}')
    if "rd.osr.node" in words and not words["rd.osr.node"]:
        raise ConfigError("rd.osr.node= is empty", hint="name a node of cluster.conf, or remove it")
    return Cmdline(
        nodeid=_nodeid(words.get("nodeid")),
        node=words.get("rd.osr.node", ""),
        bootif=_bootif(words.get("BOOTIF"), warnings),
        root=words.get("root", ""),
        rootfstype=words.get("rootfstype", ""),
        rootflags=words.get("rootflags", ""),
        readonly=words.get("ro") == "ro",
        fsck=_fsck(words.get("fsck.mode"), warnings),
        cdsltree=_path("cdsltree", words, Cmdline.cdsltree),
        cdsllink=_path("cdsllink", words, Cmdline.cdsllink),
        cdslsharedtree=_path("cdslsharedtree", words, Cmdline.cdslsharedtree),
        timeout=_seconds("rd.osr.timeout", words, Cmdline.timeout, warnings, least=1),
        quorum_timeout=_seconds("rd.osr.quorum_timeout", words, Cmdline.quorum_timeout, warnings),
        breaks=tuple(dict.fromkeys(stage for stage in breaks if stage in STAGES)),
        debug=_flag("rd.osr.debug", words, False, warnings),
        probe=_flag("rd.osr.probe", words, True, warnings),
        warnings=tuple(warnings),
    )


def _split(text: str) -> list[tuple[str, str]]:
    """Return keys and values as the kernel takes them apart; source: next_arg() in its lib/cmdline.c.

    Quotes keep blanks together wherever they stand; a pair around a value, or a whole word, is taken off.
    """
    # As bytes: str.split() would also split at blanks that only Unicode knows. A kernel's text ends at a NUL.
    data = text.partition("\0")[0].encode("utf-8", "surrogatepass")
    words: list[bytes] = []
    unfinished: list[bytes] = []  # parts of the word that goes on behind the next quote
    for number, part in enumerate(data.split(b'"')):
        if number:
            unfinished.append(b'"')
        if number % 2:
            unfinished.append(part)
            continue
        pieces = part.split()
        if part[:1].isspace() and unfinished:
            words.append(b"".join(unfinished))
            unfinished.clear()
        if not pieces:
            continue
        unfinished.append(pieces[0])
        if len(pieces) > 1 or part[-1:].isspace():
            words.append(b"".join(unfinished))
            words += pieces[1:]
            unfinished = [] if part[-1:].isspace() else [words.pop()]
    words.append(b"".join(unfinished))
    return [_pair(word.decode("utf-8", "replace")) for word in words if word]


def _pair(word: str) -> tuple[str, str]:
    if word.startswith('"'):
        word = word[1:-1] if word.endswith('"') else word[1:]
    key, _, value = word.partition("=")
    if value.startswith('"'):
        value = value[1:-1] if value.endswith('"') and len(value) > 1 else value[1:]
    return key, value


def _nodeid(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) > 0):
        raise ConfigError(
            f'kernel argument nodeid="{_shown(text)}" is not a positive number',
            hint="give the nodeid of a clusternode of cluster.conf, or remove it and let the MAC address decide",
        )
    return int(text)


def _bootif(text: str | None, warnings: list[str]) -> str:
    """Return the MAC address that BOOTIF= has, after the hardware type that pxelinux writes in front (`01-`)."""
    if not text:
        return ""
    for candidate in (text, text[3:] if text[2:3] in ("-", ":") else ""):
        address = mac.normalised(candidate)
        if address and not mac.is_group(address) and not mac.is_zero(address):
            return address
    # The links' own addresses are evidence enough; one witness less cannot make another node of us.
    warnings.append(f'kernel argument BOOTIF="{_shown(text)}" has no MAC address and is not considered')
    return ""


def _path(key: str, words: dict[str, str], default: str) -> str:
    """Return a path below the shared root, absolute."""
    if key not in words:
        return default
    parts = [part for part in words[key].split("/") if part not in ("", ".")]
    if not parts or ".." in parts or not words[key].isprintable():
        # The wrong directory would be another node's files.
        raise ConfigError(
            f'kernel argument {key}="{_shown(words[key])}" is no path below the root',
            hint=f"write it as {key}={default}, or remove it",
        )
    return "/" + "/".join(parts)


def _seconds(key: str, words: dict[str, str], default: int, warnings: list[str], *, least: int = 0) -> int:
    text = words.get(key)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 6 and least <= int(text) <= _LONGEST_TIMEOUT:
        return int(text)
    warnings.append(f'{key}="{_shown(text)}" is not a number of seconds; it stays {default}')
    return default


def _fsck(text: str | None, warnings: list[str]) -> str:
    if text in (None, "auto", "force", "skip"):
        return text or Cmdline.fsck
    said = _shown(text or "")
    warnings.append(f'kernel argument fsck.mode="{said}" is none of auto, force and skip; it counts as auto')
    return Cmdline.fsck


def _flag(key: str, words: dict[str, str], default: bool, warnings: list[str]) -> bool:
    if key not in words:
        return default
    value = words[key].lower()
    if value not in _NO + _YES:
        warnings.append(f'kernel argument {key}="{_shown(words[key])}" is neither 0 nor 1; it counts as 1')
    return value not in _NO


def _shown(text: str) -> str:
    """Return a text fit for a console."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:60])
