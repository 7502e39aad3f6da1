"""`ip -batch`: a line that failed is told with the kernel's answer; a link that nobody needs stops nothing."""

from __future__ import annotations

from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops.cards import NET, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from osr_boot.system import System

    Line = tuple[str, str]
    """(link that a line is about, line)"""

ARGV = ("ip", "-batch", "-")
# What the kernel says, and what helps. Source: strerror(3) as `ip` prints it.
_ANSWERS = {
    "Unknown device type": "the image has no driver for that kind of link: make it again with osr-cluster",
    "Operation not supported": "the image has no driver for that kind of link, or the card cannot do it",
    "File exists": "something made it before: rd.osr.break=network gives a shell to look",
    "Invalid argument": "the option or its value does not fit the link: correct it in cluster.conf",
    "Nexthop has invalid gateway": "the gateway is in no network of the link: correct it, or add onlink",
    "Network is down": "the link, or what it stands on, is not up: is there a warning about it before this?",
    "Network is unreachable": "the gateway is in no network of the link: correct it, or add onlink",
    "No route to host": "the gateway is in no network of the link: correct it, or add onlink",
    "Numerical result out of range": "the number is too large for this card: correct it in cluster.conf",
    "mtu greater than device maximum": "the card cannot do that mtu: take a smaller one",
    "Cannot find device": "the link has gone again: is its cable, card or driver loose?",
}
_HINT = "look with `ip address` in the shell of rd.osr.break=network"


def run(system: System, lines: Sequence[Line], needed: Collection[str]) -> list[str]:
    """Carry out lines in order; links that are not needed are given up, with a warning, when a line of theirs fails.

    Returns the links that were given up. Raises OsrError of a needed one.
    """
    left = list(lines)
    given_up: list[str] = []
    while left:
        try:
            system.run(ARGV, input="".join(f"{line}\n" for _, line in left))
            break
        except CommandFailed as error:
            told, number = failure(system, error, [line for _, line in left]), _number(error)
            link, line = left[number - 1] if 0 < number <= len(left) else ("", "")
            if freed := _free(system, line, error):
                left = [(link, freed), *left[number - 1 :]]
                continue
            if not link or link in needed:
                raise told from None
            lost = [link, *hollow(lines, (*given_up, link))]
            system.say(f"warning: {told.message}; going on without {', '.join(lost)}")
            given_up += lost
            left = without(left[number:], set(lost))
    return given_up


def without(lines: Iterable[Line], gone: set[str]) -> list[Line]:
    """Return lines without those of links that are not there; a VLAN goes with its link, a bond stays with the rest."""
    gone = set(gone)
    left = []
    for link, line in lines:
        words = line.split()
        if link in gone or set(words) & gone:
            if words[:3] == ["link", "add", "link"]:
                gone.add(link)
            continue
        left.append((link, line))
    return left


def hollow(lines: Iterable[Line], gone: Iterable[str]) -> list[str]:
    """Return the links that are made and stand on none but those that are not there, in the order of their lines."""
    under: dict[str, list[str]] = {}
    for link, line in lines:
        words = line.split()
        if words[:3] == ["link", "add", "link"]:
            under[link] = [words[3]]
        elif words[4:5] == ["master"]:
            under.setdefault(words[5], []).append(words[3])
    lost = set(gone)
    found = []
    for link, below in under.items():  # what a link stands on comes before it
        if link not in lost and lost.issuperset(below):
            lost.add(link)
            found.append(link)
    return found


def failure(system: System, error: CommandFailed, lines: Sequence[str]) -> OsrError:
    """Return what to say of a batch that failed: the line, the kernel's answer, its links' MACs, what helps."""
    number, answer = _number(error), _answer(error)
    hint = next((hint for text, hint in _ANSWERS.items() if text in answer), error.hint or _HINT)
    if not 0 < number <= len(lines):
        return OsrError(f"ip: {answer}", hint=hint)
    line = lines[number - 1]
    macs = [f"{word} has MAC {mac}" for word in dict.fromkeys(line.split())
            if "/" not in word and (mac := read(system, f"{NET}/{word}/address"))]  # fmt: skip
    whose = f" ({', '.join(macs)})" if macs else ""
    return OsrError(f"ip {line}: {answer}{whose}", hint=hint)


def _free(system: System, line: str, error: CommandFailed) -> str:
    """Return the line that takes a name from a link that has it beside its own, if that is why a renaming failed."""
    words = line.split()
    # Which link has it, is nowhere in /sys; `ip` finds a link by any of its names.
    if words[:2] != ["link", "set"] or words[4:5] != ["name"] or "File exists" not in _answer(error):
        return ""
    return "" if system.exists(f"{NET}/{words[5]}") else f"link property del dev {words[5]} altname {words[5]}"


def _number(error: CommandFailed) -> int:
    """Return the number of the line that failed, the first is 1; 0 if `ip` does not say."""
    for line in error.output.split("\n"):
        word = line.strip().rpartition(":")[2]
        if line.startswith("Command failed -:") and word.isdigit():
            return int(word)
    return 0


def _answer(error: CommandFailed) -> str:
    said = [line.strip() for line in error.output.split("\n") if line.strip()]
    return next((line for line in said if not line.startswith("Command failed")), error.message)
