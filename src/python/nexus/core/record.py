"""`dataclass` and `field` for what every start of a program imports.

They mean what those of `dataclasses` mean, and type checkers take them for these.  The library's
import takes 5 ms, half of it for `inspect`, and each class 0.4 ms, because it compiles the
methods of each; here they are shared closures, and a class takes 0.03 ms.  An instance takes a
microsecond longer to make.  Functions of `dataclasses`, such as `replace`, work on both kinds; a
class of one kind cannot derive from one of the other.  Why: ADR 22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import Field
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from typing import Protocol

    class _Checked(Protocol):
        """A record; only one that checks its values has the method."""

        def __post_init__(self) -> None: ...

else:

    def dataclass(
        cls: type | None = None,
        /,
        *,
        frozen: bool = False,
        slots: bool = False,
        kw_only: bool = False,
    ) -> type | Callable[[type], type]:
        """Make a record of a class; its annotations are strings, as the future import has them."""
        if cls is None:
            return lambda cls: _make(cls, frozen=frozen, slots=slots, kw_only=kw_only)
        return _make(cls, frozen=frozen, slots=slots, kw_only=kw_only)

    def field(*, default_factory: Callable[[], object]) -> _Factory:
        """Give a field a fresh default for each instance."""
        return _Factory(default_factory)


_FIELDS: Final = "__record_fields__"


class _Factory:
    """A default that is made for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], object]) -> None:
        self.make = make


class _Field:
    """A field: its annotation, whether it is given by name alone, and its default, if any."""

    __slots__ = ("annotation", "default", "has_default", "is_kw_only")

    def __init__(self, annotation: str, *, is_kw_only: bool) -> None:
        self.annotation = annotation
        self.is_kw_only = is_kw_only
        self.has_default = False
        self.default: object = None


class _LibraryFields:
    """The fields as `dataclasses` has them, made when one of its functions asks."""

    def __get__(self, instance: object, owner: type) -> Mapping[str, Field[object]]:
        import dataclasses  # Slow, and seldom needed.

        fields = _fields_of(owner)
        body: dict[str, object] = {
            "__annotations__": {name: it.annotation for name, it in fields.items()},
            "__module__": owner.__module__,
        }
        for name, it in fields.items():
            if isinstance(it.default, _Factory):
                body[name] = dataclasses.field(
                    kw_only=it.is_kw_only, default_factory=it.default.make
                )
            elif it.has_default:
                body[name] = dataclasses.field(kw_only=it.is_kw_only, default=it.default)
            else:
                body[name] = dataclasses.field(kw_only=it.is_kw_only)
        made: type = dataclasses.dataclass(type(owner.__name__, (), body))
        found: Mapping[str, Field[object]] = vars(made)["__dataclass_fields__"]
        return found


def _fields_of(kind: type) -> Mapping[str, _Field]:
    return cast("Mapping[str, _Field]", getattr(kind, _FIELDS))


def _make(cls: type, *, frozen: bool, slots: bool, kw_only: bool) -> type:
    fields = {}
    for base in reversed(cls.__mro__[1:]):
        if hasattr(base, "__dataclass_params__"):
            raise TypeError(
                f"{cls.__name__}: {base.__name__} is of `dataclasses`; expected a record"
            )
        fields.update(base.__dict__.get(_FIELDS, {}))
    body = dict(cls.__dict__)
    own = []
    for name, annotation in cls.__annotations__.items():
        if annotation.startswith("ClassVar"):
            continue
        if annotation.startswith(("InitVar", "KW_ONLY")):
            raise TypeError(f"{cls.__name__}.{name}: {annotation} is of `dataclasses` alone")
        own.append(name)
        fields[name] = it = _Field(annotation, is_kw_only=kw_only)
        if name in body:
            it.has_default, it.default = True, body[name]
            if type(it.default).__hash__ is None:
                raise ValueError(f"{cls.__name__}.{name}: instances would share it; use `field`")
            if slots or isinstance(it.default, _Factory):
                del body[name]
    body[_FIELDS] = fields
    body["__dataclass_fields__"] = _LibraryFields()
    added = _methods(fields, is_checked=hasattr(cls, "__post_init__"))
    if frozen:
        added |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    if frozen and slots:
        added |= {"__getstate__": _get_state, "__setstate__": _set_state}
    # A class with an `__eq__` of its own has a `__hash__` of None there.
    if body.get("__hash__") is None:
        body["__hash__"] = added.pop("__hash__") if frozen else None
    else:
        del added["__hash__"]
    body = added | body
    for name in ("__dict__", "__weakref__"):
        body.pop(name, None)
    if slots:
        body["__slots__"] = tuple(own)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _methods(fields: dict[str, _Field], *, is_checked: bool) -> dict[str, object]:
    """Make the methods that every record has."""
    names = tuple(fields)
    positional = tuple(name for name, it in fields.items() if not it.is_kw_only)
    ordered = (*positional, *(name for name, it in fields.items() if it.is_kw_only))
    put = object.__setattr__

    def initialize(self: _Checked, /, *given: object, **named: object) -> None:
        for name, value in zip(positional, given, strict=False):
            put(self, name, value)
        for name in ordered[len(given) :] if given else ordered:
            if name in named:
                put(self, name, named.pop(name))
                continue
            it = fields[name]
            if not it.has_default:
                raise TypeError(f"{type(self).__name__}: {name!r} is not given")
            put(self, name, it.default.make() if isinstance(it.default, _Factory) else it.default)
        if named or len(given) > len(positional):
            raise TypeError(f"{type(self).__name__}: too many arguments: {given}, {list(named)}")
        if is_checked:
            self.__post_init__()

    def values(self: object) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in names])

    def equal(self: object, other: object) -> bool:
        return (
            values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented
        )

    def show(self: object) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    def number(self: object) -> int:
        return hash(values(self))

    return {
        "__init__": initialize,
        "__eq__": equal,
        "__hash__": number,
        "__repr__": show,
        "__match_args__": positional,
    }


def _refuse_to_set(self: object, name: str, value: object) -> None:
    from dataclasses import FrozenInstanceError  # Slow, and a mistake.

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    from dataclasses import FrozenInstanceError  # Slow, and a mistake.

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _get_state(self: object) -> list[object]:
    return [getattr(self, name) for name in _fields_of(type(self))]


def _set_state(self: object, state: list[object]) -> None:
    for name, value in zip(_fields_of(type(self)), state, strict=True):
        object.__setattr__(self, name, value)
