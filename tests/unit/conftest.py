"""A unit test that starts a program nobody planned for fails, and so does one that waits."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, however slow the machine is: what only chance finds is for `make fuzz`.
settings.register_profile(
    "unit", max_examples=100, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_programs(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("programs"):
        return

    def refuse(argv: Any, *_: Any, **__: Any) -> None:
        pytest.fail(f"started a program: {argv}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"slept {seconds} s"))


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root changes a shared root; for one's own files anybody will do."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
