"""Value is to be as strict as the frozen dataclass that it replaces."""

from __future__ import annotations

import pytest

from osr_boot.value import Value, replace


class Point(Value):
    """Two fields, one with a default."""

    x: int
    y: int = 7

    def x_and_y(self) -> tuple[int, int]:
        return self.x, self.y


class Named(Point):
    """A third field, after those of its parent."""

    name: str = ""


class Same(Point):
    """No field of its own."""


def test_fields_in_order_by_place_or_name() -> None:
    assert (Point(1).x_and_y(), Point(1, 2).x_and_y(), Point(y=2, x=1).x_and_y()) == ((1, 7), (1, 2), (1, 2))
    assert vars(Named(1, 2, "n")) == {"x": 1, "y": 2, "name": "n"}
    assert list(vars(Named(name="n", y=2, x=1))) == ["x", "y", "name"]


def test_equal_and_hashed_by_kind_and_fields() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Same(1, 2)
    assert len({Point(1, 2), Point(1, 2), Point(1, 3)}) == 2
    assert Same.__fields__ == Point.__fields__


def test_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.x
    assert point == Point(1)


@pytest.mark.parametrize(("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 3}), ((), {"y": 1})])
def test_missing_or_unknown_fields_are_refused(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point has the fields x, y"):
        Point(*values, **named)


def test_shown_and_changed() -> None:
    assert repr(Named(1, name="n")) == "Named(x=1, y=7, name='n')"
    assert replace(Named(1), y=2) == Named(1, 2)
