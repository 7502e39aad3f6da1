"""Frozen values, as frozen dataclasses are, for the part of the project that runs in a boot.

Why not dataclasses: importing that module, and `inspect` which it imports, takes twice the time in which a bare Python
starts, and generating the methods of one class takes another millisecond. Six stages would pay for it on every boot.
To type checkers a Value is a dataclass.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, NoReturn, TypeVar

    from typing_extensions import dataclass_transform

    _Kind = TypeVar("_Kind", bound="Value")
else:

    def dataclass_transform(**_):
        """Tell type checkers, and nobody else."""
        return lambda kind: kind


@dataclass_transform(frozen_default=True)
class Value:
    """A value whose annotated attributes are its fields, in order; equal, hashed and shown by them."""

    if TYPE_CHECKING:
        __fields__: ClassVar[dict[str, str]]
        """name of each field to its type, as written"""
        __defaults__: ClassVar[dict[str, Any]]
    __fields__ = {}  # noqa: RUF012 - not annotated at run time: a subclass of Python 3.9 would take it for a field
    __defaults__ = {}  # noqa: RUF012

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Up to Python 3.9 a class without annotations shows its parent's: the same names once more.
        own = dict(getattr(cls, "__annotations__", {}))
        cls.__fields__ = {**cls.__fields__, **own}
        cls.__defaults__ = {**cls.__defaults__, **{name: vars(cls)[name] for name in own if name in vars(cls)}}

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self.__fields__
        if len(values) == len(fields) and not named:  # a third of the time, for who makes ten thousand of them
            vars(self).update(zip(fields, values))
            return
        known = {**self.__defaults__, **dict(zip(fields, values)), **named}
        if len(values) > len(fields) or known.keys() != fields.keys():
            raise TypeError(f"{type(self).__name__} has the fields {', '.join(fields)}")
        vars(self).update((name, known[name]) for name in fields)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def replace(value: _Kind, **fields: Any) -> _Kind:
    """Return the value with some fields changed."""
    return type(value)(**{**vars(value), **fields})
