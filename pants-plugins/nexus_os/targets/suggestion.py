"""Suggestions for the author of a BUILD file whose word is not known."""

from __future__ import annotations

import difflib
from typing import Iterable, List, Optional

from pants.engine.addresses import Address
from pants.engine.target import InvalidFieldChoiceException, InvalidFieldException, StringField

# More than these are a list to read and no help.
_MOST = 3


def nearest(wrong: str, known: Iterable[str], likeness: float = 0.6) -> List[str]:
    """The known words that are like the wrong one, the nearest first; likeness goes up to 1."""
    return difflib.get_close_matches(wrong, list(known), n=_MOST, cutoff=likeness)


def offer(words: Iterable[str]) -> str:
    """A sentence with a space before it, to put behind a complaint; empty if there is no word."""
    choices = " or ".join(map(repr, words))
    return f" Did you mean {choices}?" if choices else ""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The sentence that offers the nearest of the known words."""
    return offer(nearest(wrong, known))


class ChoiceField(StringField):
    """One of a few words; a wrong one is answered with the nearest right one."""

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        try:
            return super().compute_value(raw_value, address)
        except InvalidFieldChoiceException as exc:
            choices = [choice for choice in cls.valid_choices or () if isinstance(choice, str)]
            raise InvalidFieldException(f"{exc}{did_you_mean(str(raw_value), choices)}") from exc
