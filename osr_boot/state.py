"""What a boot leaves in /run/osr: its beginning, its plan, its report. JSON and numbers, parsed, never sourced."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osr_boot.system import System

DIRECTORY = "/run/osr"
FORMAT = 1


class State:
    """The files of one boot below `directory`."""

    def __init__(self, system: System, directory: str = DIRECTORY) -> None:
        self._system = system
        self._directory = directory
        self.plan_file = f"{directory}/plan.json"
        self.report_file = f"{directory}/report.json"

    def began(self) -> float:
        """Return the uptime at which this boot's agent was first called; the deadline counts from there."""
        path = f"{self._directory}/began"
        try:
            return float(self._system.read(path))
        except (OSError, ValueError):
            now = round(self._system.uptime(), 2)
            self._system.write(path, f"{now}\n")
            return now

    def done(self, stage: str) -> None:
        """Mark a stage as done, for the hooks' guards."""
        self._system.write(f"{self._directory}/done/{stage}", "")

    def report(self) -> dict[str, Any]:
        """Return the report so far; a new one if there is none or it cannot be read."""
        try:
            value = json.loads(self._system.read(self.report_file))
            return value if isinstance(value, dict) else {}
        except (OSError, ValueError, RecursionError):
            return {"format": FORMAT, "stages": {}}

    def write_report(self, report: dict[str, Any]) -> None:
        """Write the report."""
        self._system.write(self.report_file, json.dumps(report, indent=1) + "\n")
