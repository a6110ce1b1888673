"""Possible ephemeral secrets of a machine by their public keys, worked out when first asked for.

A key takes some fifty microseconds, and most runs are never opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from nexus.harness.report.keys import publics_of


class Publics(Mapping[bytes, bytes]):
    """A mapping from public keys to secrets."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """Hold the secrets; their number is what the mapping's will be."""
        self._secrets = tuple(secrets)

    @cached_property
    def _known(self) -> dict[bytes, bytes]:
        return publics_of(self._secrets)

    def __getitem__(self, public: bytes) -> bytes:
        """The secret of a public key."""
        return self._known[public]

    def __iter__(self) -> Iterator[bytes]:
        """The public keys."""
        return iter(self._known)

    def __len__(self) -> int:
        """The number of machines."""
        return len(self._known)
