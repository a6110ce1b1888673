"""The places where faults can be done in a world, written as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from nexus.core.errors import NexusError, did_you_mean
from nexus.simulation.faults.kinds import Place

ARROW: Final = ">"
PLUS: Final = "+"

_FORMS: Final = {
    Place.PATH: "a path, such as {0}>{1}",
    Place.GROUP: "a group of machines, such as {0} or {0}+{1}, that is not all of them",
    Place.MACHINE: "a machine, such as {0}",
    Place.DISK: "a writable disk, such as {0}/2",
}


class PlaceError(NexusError):
    """A text that is not a place of this world; the message names it and what is accepted."""


def places_of(
    place: Place, given: Sequence[str] | None, machines: Sequence[str], disks: Sequence[str]
) -> tuple[str, ...]:
    """The places of one kind: those given, or all.

    Groups that were not given are drawn later, so all of them are none.

    Raises:
        PlaceError: one of the given is not there, or there is none at all.
    """
    if given is not None:
        for text in given:
            _check(place, text, machines, disks)
        return tuple(given)
    if place is Place.PATH:
        return tuple(ARROW.join(pair) for pair in permutations(machines, 2))
    if place is Place.MACHINE:
        return tuple(machines)
    if place is Place.GROUP:
        return ()
    if not disks:
        raise PlaceError("no machine of this world has a writable disk; give one [state]")
    return tuple(disks)


def _check(place: Place, text: str, machines: Sequence[str], disks: Sequence[str]) -> None:
    if place is Place.DISK:
        is_known = text in disks
    elif place is Place.MACHINE:
        is_known = text in machines
    else:
        parts = text.split(ARROW if place is Place.PATH else PLUS)
        is_known = set(parts) <= set(machines) and len(set(parts)) == len(parts)
        is_known &= len(parts) == 2 if place is Place.PATH else len(parts) < len(machines)
    if not is_known:
        known = disks if place is Place.DISK else machines
        form = _FORMS[place].format(*machines, "B") if machines else ""
        raise PlaceError(
            f"{text!r} is not {form}; there are {', '.join(known) or 'none'}"
            + did_you_mean(text, known)
        )
