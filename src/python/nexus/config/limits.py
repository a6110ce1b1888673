"""Limits of the values in configuration files: a range, a count, a choice, an expression.

Each limit is said once and used twice, by pydantic and in the JSON Schema.  A check raises
`ValueError` with the accepted values; `nexus.config.explain` adds file, field and the bad value.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from nexus.core.errors import did_you_mean

T = TypeVar("T")


class Limit(ABC, Generic[T]):
    """An annotation: values of a type, of which a check and JSON Schema say what is accepted."""

    __slots__ = ()

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the type, and the entries of a list, before this."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Say the same in JSON Schema."""
        return {**handler(schema), **self._keywords()}

    @abstractmethod
    def _check(self, value: T) -> T:
        """Return the value.

        Raises:
            ValueError: It is not accepted; the text says what is.
        """

    @abstractmethod
    def _keywords(self) -> dict[str, JsonValue]:
        """Return the keywords by which JSON Schema says the same."""


@dataclass(frozen=True, slots=True)
class Within(Limit[int]):
    """An annotation: an integer of this range, both ends included."""

    low: int
    high: int

    def _keywords(self) -> dict[str, JsonValue]:
        return {"minimum": self.low, "maximum": self.high}

    def _check(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise ValueError(f"expected {self.low}..{self.high}")
        return value


class CountError(ValueError):
    """Too few or too many entries: the entries themselves say nothing about it."""


@dataclass(frozen=True, slots=True)
class Count(Limit[tuple[object, ...]]):
    """An annotation: a list of so many entries, both ends included."""

    low: int
    high: int

    def _keywords(self) -> dict[str, JsonValue]:
        return {**({"minItems": self.low} if self.low else {}), "maxItems": self.high}

    def _check(self, value: tuple[object, ...]) -> tuple[object, ...]:
        if not self.low <= len(value) <= self.high:
            found = (
                f"{len(value)} {'entry' if len(value) == 1 else 'entries'}" if value else "is empty"
            )
            wanted = str(self.low) if self.low == self.high else f"{self.low}..{self.high}"
            raise CountError(f"{found}; expected {wanted} entries")
        return value


@dataclass(frozen=True, slots=True)
class Choice(Limit[str]):
    """An annotation: one word of a table."""

    accepted: tuple[str, ...]

    def _keywords(self) -> dict[str, JsonValue]:
        return {"enum": list(self.accepted)}

    def _check(self, value: str) -> str:
        if value not in self.accepted:
            hint = did_you_mean(value, self.accepted)
            raise ValueError(f"expected {', '.join(self.accepted)}{hint}")
        return value


def form(pattern: str, refused: str | None = None) -> WithJsonSchema:
    """Describe a text by an expression for all of it, and one text that it is not."""
    no = {"not": {"const": refused}} if refused is not None else {}
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **no})


def matching(pattern: str, accepted: str) -> Callable[[str], str]:
    """Make a check that an expression fits all of a text; `accepted` says what does."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"expected {accepted}")
        return value

    return check
