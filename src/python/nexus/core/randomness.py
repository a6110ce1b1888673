"""Keyed randomness: every chance event of a run is a pure function of (seed, its name).

There is no stream and no state: asking twice under one name gives one answer, and removing one
question never changes the answer to another.  That is what lets a replay switch a single fault
off and leave everything else alone.

Rules of this file
------------------
1. No hidden state, no `random`, no floats.  A draw is keyed BLAKE2b over the names given.
2. Names are encoded injectively (kind, length, value), so ("a", "b") and ("ab",) differ, and
   so do 1 and "1".
3. This is for simulations and test worlds.  It makes no secrets: a reader of the seed knows all.
"""

from __future__ import annotations

from typing import Final

from nexus.core.record import dataclass

# A draw below `n` is 128 bits modulo `n`; with `n` at most 2**64 the bias is under 2**-64.
BELOW_MAX: Final = 1 << 64

# A bound on one call, so that a mistaken length shows up here and not as an exhausted memory.
BYTES_MAX: Final = 1 << 20

_DRAW_BYTES: Final = 16
_BLOCK_BYTES: Final = 64
_SEED_LIMIT: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Ratio:
    """An exact probability, `numerator / denominator`."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if not 0 < self.denominator <= BELOW_MAX:
            raise ValueError(f"denominator: {self.denominator} is not in 1..2**64")
        if not 0 <= self.numerator <= self.denominator:
            raise ValueError(f"numerator: {self.numerator} is not in 0..{self.denominator}")

    @classmethod
    def parse(cls, text: str) -> Ratio:
        """Read `n/m` or the integers `0` and `1`."""
        numerator, slash, denominator = text.strip().partition("/")
        try:
            return cls(int(numerator), int(denominator) if slash else 1)
        except ValueError as exc:
            raise ValueError(f"{text!r} is not a ratio n/m between 0 and 1, such as 1/50") from exc

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


NEVER: Final = Ratio(0, 1)
ALWAYS: Final = Ratio(1, 1)

Name = str | int | bytes

# The method `bytes` hides the built-in name inside the class.
_Octets = bytes


class KeyedRandom:
    """All the chance of one run, derived from its seed."""

    __slots__ = ("seed",)

    def __init__(self, seed: int) -> None:
        """Take the run's seed, an integer of 64 bits without sign."""
        if not 0 <= seed < _SEED_LIMIT:
            raise ValueError(f"seed: {seed} is not in 0..2**64-1")
        self.seed = seed

    def below(self, n: int, *names: Name) -> int:
        """Draw an integer of 0..n-1."""
        if not 0 < n <= BELOW_MAX:
            raise ValueError(f"n: {n} is not in 1..2**64")
        return int.from_bytes(self._block(b"below", 0, names)[:_DRAW_BYTES], "big") % n

    def chance(self, ratio: Ratio, *names: Name) -> bool:
        """Say whether an event of this probability happens."""
        return self.below(ratio.denominator, "chance", *names) < ratio.numerator

    def bytes(self, n: int, *names: Name) -> _Octets:
        """Draw `n` bytes; a shorter draw under the same name is a prefix of a longer one."""
        if not 0 <= n <= BYTES_MAX:
            raise ValueError(f"n: {n} is not in 0..{BYTES_MAX}")
        blocks = -(-n // _BLOCK_BYTES)
        return b"".join(self._block(b"bytes", index, names) for index in range(blocks))[:n]

    def __repr__(self) -> str:
        return f"KeyedRandom({self.seed})"

    def _block(self, use: _Octets, index: int, names: tuple[Name, ...]) -> _Octets:
        from hashlib import blake2b  # Loads OpenSSL: 2 ms, which not every run draws for.

        state = blake2b(digest_size=_BLOCK_BYTES, key=self.seed.to_bytes(8, "big"), person=use)
        state.update(index.to_bytes(8, "big"))
        for name in names:
            state.update(_encode(name))
        return state.digest()


def _encode(name: Name) -> bytes:
    if isinstance(name, str):
        kind, value = b"s", name.encode()
    elif isinstance(name, bytes):
        kind, value = b"b", name
    else:
        kind, value = b"i", str(int(name)).encode()
    return kind + len(value).to_bytes(4, "big") + value
