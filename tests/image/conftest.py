"""Unpacked images take 150 MB each: they go when the tests have ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.image import made


@pytest.fixture(scope="session", autouse=True)
def _tidy() -> Iterator[None]:
    yield
    made.tidy()
