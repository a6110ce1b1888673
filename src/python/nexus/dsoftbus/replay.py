"""The memory of mutations: the same call, repeated after a reconnect, acts once.

A caller that repeats calls puts an *epoch* into the upper half of its correlation ids: 32 bits,
not zero, that no earlier start of it had.  The lower half counts its calls.  So (peer, epoch,
number) names a call across sessions.  Ids without an epoch name nothing beyond their session.

Rules of this file
------------------
1. A number is run at most once.  When its answer had to make room for newer ones, it is neither
   run nor answered again; that holds over the forgetting of its epoch, for the last 64 of those.
2. A number under which something else was asked before is refused.
3. At most 256 calls are remembered for each of a peer's last 4 epochs.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import Final

# Twice what a caller has in flight: nothing that it may still repeat is forgotten.
CALLS_MAX: Final = 256

# A peer that restarts has a new epoch; several programs may share its key.
EPOCHS_MAX: Final = 4

# So many epochs that had to make room are known by their highest number.
RETIRED_MAX: Final = 64

_NUMBER_BITS: Final = 32


class Verdict(Enum):
    """The decision about a call."""

    RUN = "run it, then call `finish`"
    RUNNING = "it runs: wait for its answer"
    DONE = "give the answer that it had"
    GONE = "it ran, and its answer is forgotten"
    CONFLICT = "something else was asked under this number"


@dataclass(slots=True)
class _Call:
    digest: bytes
    is_done: bool = False
    reply: bytes | None = None


@dataclass(slots=True)
class _Epoch:
    calls: OrderedDict[int, _Call] = field(default_factory=OrderedDict)
    forgotten_highest: int = 0

    @property
    def highest(self) -> int:
        """The highest number that was ever run."""
        return max((self.forgotten_highest, *self.calls))


@dataclass(slots=True)
class _Peer:
    epochs: OrderedDict[int, _Epoch] = field(default_factory=OrderedDict)
    retired: OrderedDict[int, int] = field(default_factory=OrderedDict)

    def use(self, number: int) -> _Epoch:
        """Find or begin an epoch; the one used longest ago makes room."""
        if number not in self.epochs:
            if len(self.epochs) == EPOCHS_MAX:
                oldest, epoch = self.epochs.popitem(last=False)
                self.retired[oldest] = epoch.highest
            self.epochs[number] = _Epoch(forgotten_highest=self.retired.pop(number, 0))
            if len(self.retired) > RETIRED_MAX:
                self.retired.popitem(last=False)
        self.epochs.move_to_end(number)
        return self.epochs[number]


class ReplayTable:
    """The memory of one node."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._peers: dict[str, _Peer] = {}

    def begin(
        self, peer: str, correlation: int, service: int, payload: bytes
    ) -> tuple[Verdict, bytes | None]:
        """Judge a mutation; with `DONE` comes the answer that it had."""
        assert has_epoch(correlation), "an id without an epoch"
        number = correlation & ((1 << _NUMBER_BITS) - 1)
        epoch = self._peers.setdefault(peer, _Peer()).use(correlation >> _NUMBER_BITS)
        call = epoch.calls.get(number)
        if call is not None:
            return _compare(call, service, payload)
        if number <= epoch.forgotten_highest or not self._make_room(epoch):
            return Verdict.GONE, None
        epoch.calls[number] = _Call(_digest(service, payload))
        return Verdict.RUN, None

    def look(
        self, peer: str, correlation: int, service: int, payload: bytes
    ) -> tuple[Verdict, bytes | None]:
        """Judge a mutation as `begin` would, and take note of nothing."""
        number = correlation & ((1 << _NUMBER_BITS) - 1)
        known = self._peers.get(peer, _Peer())
        epoch = known.epochs.get(correlation >> _NUMBER_BITS)
        if epoch is None:
            highest = known.retired.get(correlation >> _NUMBER_BITS, 0)
            return (Verdict.GONE if number <= highest else Verdict.RUN), None
        call = epoch.calls.get(number)
        if call is not None:
            return _compare(call, service, payload)
        return (Verdict.GONE if number <= epoch.forgotten_highest else Verdict.RUN), None

    def finish(self, peer: str, correlation: int, reply: bytes | None) -> None:
        """Remember the answer of a call that `begin` let run; None is `failed`."""
        epoch = self._peers.get(peer, _Peer()).epochs.get(correlation >> _NUMBER_BITS)
        call = None if epoch is None else epoch.calls.get(correlation & ((1 << _NUMBER_BITS) - 1))
        if call is None:
            return  # Its epoch was forgotten meanwhile.
        call.is_done = True
        call.reply = reply

    def _make_room(self, epoch: _Epoch) -> bool:
        if len(epoch.calls) < CALLS_MAX:
            return True
        number, call = next(iter(epoch.calls.items()))
        if not call.is_done:
            return False  # The oldest of 256 still runs: let no more in before it.
        del epoch.calls[number]
        epoch.forgotten_highest = max(epoch.forgotten_highest, number)
        return True


def _compare(call: _Call, service: int, payload: bytes) -> tuple[Verdict, bytes | None]:
    if call.digest != _digest(service, payload):
        return Verdict.CONFLICT, None
    return (Verdict.DONE, call.reply) if call.is_done else (Verdict.RUNNING, None)


def _digest(service: int, payload: bytes) -> bytes:
    return blake2b(bytes([service]) + payload, digest_size=16).digest()


def has_epoch(correlation: int) -> bool:
    """Say whether a call may be a repeated one."""
    return correlation >> _NUMBER_BITS != 0
