"""The addresses at which a peer may be dialled: few, and the trusted ones first.

An announce proves nothing, so it may add an address and never take one away from those that are
trusted: the configured one, the one at which the peer's key was proven last, and those heard from
the configured address.  The others have room of their own and are tried after all of these.

Rules of this file
------------------
1. Every round of dialling begins with the trusted addresses, whatever was heard in between.
2. Of the others one is tried a round, the one that failed least and then was heard last.
3. An address makes room when it failed or was not heard again.  Until then a newcomer finds none,
   so that no flood of announces pushes out what was heard before it.
4. A port of 0 is that of a node that only dials; it is not an address.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# Ports of the configured address: a peer that restarts may have another one.
HOME_MAX: Final = 2

# Addresses that are neither configured nor proven.
OTHERS_MAX: Final = 4

Address = tuple[str, int]


@dataclass(slots=True)
class _Heard:
    """An address that announces named."""

    heard_ns: int
    failures: int = 0


class Candidates:
    """The addresses of one peer."""

    def __init__(self, address: str, port: int | None, ttl_ns: int) -> None:
        """Know what the configuration says.

        Args:
            address: The configured address.
            port: The configured port; None leaves it to announces.
            ttl_ns: How long an address that was heard stays without being heard again.
        """
        self._home_address = address
        self._configured = (address, port) if port else None
        self._proven: Address | None = None
        self._ttl_ns = ttl_ns
        self._home: dict[Address, _Heard] = {}
        self._others: dict[Address, _Heard] = {}

    def hear(self, address: str, port: int, now_ns: int) -> None:
        """Take note of an announce's source and port."""
        if not port:
            return
        is_home = address == self._home_address
        heard, most = (self._home, HOME_MAX) if is_home else (self._others, OTHERS_MAX)
        found = heard.get((address, port))
        if found is not None:
            found.heard_ns = now_ns
            return
        self._expire(heard, now_ns)
        if len(heard) == most:
            worst = max(heard, key=lambda key: heard[key].failures)
            if not heard[worst].failures:
                return
            del heard[worst]
        heard[address, port] = _Heard(now_ns)

    def round(self, now_ns: int) -> list[Address]:
        """Return what to try, in order, until one of them proves the key."""
        trusted = [self._configured, self._proven, *self._live(self._home, now_ns)]
        others = [key for key in self._live(self._others, now_ns) if key != self._proven]
        unique = dict.fromkeys(key for key in trusted if key is not None)
        return [*unique, *others[:1]]

    def prove(self, address: Address) -> None:
        """Trust an address: the peer's key was proven there."""
        self._proven = address
        for heard in (self._home, self._others):
            if address in heard:
                heard[address].failures = 0

    def fail(self, address: Address) -> None:
        """Take note that the key was not proven at an address; it is tried after the others."""
        for heard in (self._home, self._others):
            if address in heard:
                heard[address].failures += 1

    def _live(self, heard: dict[Address, _Heard], now_ns: int) -> Iterable[Address]:
        self._expire(heard, now_ns)
        return sorted(heard, key=lambda key: (heard[key].failures, -heard[key].heard_ns))

    def _expire(self, heard: dict[Address, _Heard], now_ns: int) -> None:
        for key in [k for k, v in heard.items() if now_ns - v.heard_ns >= self._ttl_ns]:
            del heard[key]
