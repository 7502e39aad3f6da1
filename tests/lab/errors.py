"""What can go wrong in the lab, each with what to do about it.

    LabError
      Unready        this host lacks something; the hint is the line to paste
      BuildFailed    a tree, disk or image could not be made; carries the output's end
      GuestFailed    a command inside a guest ended with a status other than 0
      GuestSilent    a guest did not say in time what was waited for, or ended before; carries its last console lines
"""

from __future__ import annotations


class LabError(Exception):
    """Anything the lab itself reports; `hint` is what a person should do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}\n  hint: {hint}" if hint else message)
        self.hint = hint


class Unready(LabError):
    """The host cannot run the lab yet."""


class BuildFailed(LabError):
    """A program that builds something ended badly."""


class GuestFailed(LabError):
    """A script run in a guest ended with a status other than 0."""


class GuestSilent(LabError):
    """A guest did not do in time what was waited for."""
