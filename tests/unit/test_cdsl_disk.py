"""What a node looks at is as the server has it now, not as this node's NFS client remembers it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from osr_boot.cdsl.disk import Disk


def test_each_directory_above_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "srv/data").mkdir(parents=True)
    asked: list[str] = []
    really = os.open

    def noted(path: str, *rest: Any, **more: Any) -> int:
        asked.append(path)
        return really(path, *rest, **more)

    monkeypatch.setattr(os, "open", noted)
    disk = Disk(str(tmp_path))
    assert disk.exists("srv/data")
    assert asked == [str(tmp_path), str(tmp_path / "srv")]
    assert disk.kind("srv/data/file") == ""
    assert disk.says("srv/gone/file") == ""
    assert disk.kind("srv") == "directory"
    assert disk.kind("") == "directory"
    assert asked[2:] == [str(tmp_path / "srv/data"), str(tmp_path / "srv/gone")]


def test_a_path_of_any_depth(tmp_path: Path) -> None:
    assert not Disk(str(tmp_path)).exists("/".join("a" * 1500))
