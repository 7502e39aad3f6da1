"""What a benchmark has measured: a value, its spread, its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """A measured value, its spread, and what it should be at most; no limit where it only explains another figure."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    limit: float | None

    def line(self) -> str:
        """Return the line for a person."""
        spread = f"{self.low:.2f} to {self.high:.2f}"
        line = f"{self.name:58} {self.value:7.2f} {self.unit:13} ({spread})"
        if self.limit is None:
            return line
        return f"{line:105} at most {self.limit:4.1f}  {'reached' if self.value <= self.limit else 'MISSED'}"

    def row(self) -> str:
        """Return the row of a Markdown table."""
        limit = "" if self.limit is None else f"{self.limit:g}"
        return f"| {self.name} | {self.value:.2f} {self.unit} | {self.low:.2f} to {self.high:.2f} | {limit} |"


def figure(name: str, values: Sequence[float], unit: str, limit: float | None) -> Figure:
    """Return the median of values with its spread."""
    return Figure(name, median(values), min(values), max(values), unit, limit)


@dataclass(frozen=True)
class Missing:
    """A figure that could not be measured on this machine, and why."""

    name: str
    reason: str

    def line(self) -> str:
        """Return the line for a person."""
        return f"{self.name:58} not available here: {self.reason}"

    def row(self) -> str:
        """Return the row of a Markdown table."""
        return f"| {self.name} | not available here | {self.reason} | |"
