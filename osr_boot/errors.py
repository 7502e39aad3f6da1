"""Every failure that a person sees, as one tree.

    OsrError             exit 1   something that was tried did not work
      CommandFailed      exit 1   a program ended with a bad status, did not end in time, or is not there
      OperationFailed    exit 1   an operation of the plan failed; carries its number
      NotYet             exit 75  nothing is wrong, but what is needed has not appeared (boot stages only)
      ConfigError        exit 2   usage, kernel argument or cluster.conf is wrong
        IdentityError    exit 2   the evidence does not point to exactly one node

An error is a message (what failed, where) and a hint (what to do), said in the same breath.
`--debug` and `rd.osr.debug` add the traceback; nothing else does.
"""

from __future__ import annotations


class OsrError(Exception):
    """A failure with a message for a person, a hint what to do, and the exit status of the command."""

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class CommandFailed(OsrError):
    """A program failed. `status` is its exit status: 127 not found, 124 ended by our timeout, -N by signal N."""

    def __init__(self, message: str, *, status: int, output: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.output = output


class OperationFailed(OsrError):
    """An operation of the plan failed; `number` is its place in its stage, from 1."""

    def __init__(self, message: str, *, number: int, describe: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.number = number
        self.describe = describe


class NotYet(OsrError):
    """What is needed has not appeared; the hook calls again until the boot's deadline."""

    exit_status = 75


class ConfigError(OsrError):
    """A usage, a kernel argument or a file that says something impossible; `place` is `file:line` where known."""

    exit_status = 2

    def __init__(self, message: str, *, hint: str = "", place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message, hint=hint)
        self.place = place


class IdentityError(ConfigError):
    """The evidence points to no node, or to more than one. Never guessed around."""
