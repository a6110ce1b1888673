"""The memory of peers' calls, and each peer's share of the store.

A call that is asked again takes effect once, also after the node was started again.

Rules of this file
------------------
1. It is a function of the records that were applied: both engines come to the same from the same
   journal, and a snapshot brings it back as it was.
2. Everything has its order of last use, and what was used longest ago makes room: of peers, of a
   peer's epochs, and of an epoch's calls the oldest.  Calls make room where there are most, so
   that no peer can have another's forgotten.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from nexus.contract import journal
from nexus.remotefs.state.call import ENTRY_BYTES, HEAD_BYTES, Call, CallValue, Kind

# Twice what a guest is configured with, for a node that is configured anew.
PEERS_MAX: Final = journal.CALLERS_MAX
# A peer that starts again has a new epoch, and may be late with something of its last ones.
EPOCHS_MAX: Final = journal.EPOCHS_MAX
# Calls of all peers together: each of eight peers has sixteen, one alone has all.
CALLS_MAX: Final = journal.CALLS_MAX

_ENTRY: Final = struct.Struct("<IB16s")


class Known(Enum):
    """Whether a call is to be run, where no first answer is known."""

    RUN = "not known: run it"
    FORGOTTEN = "it may have been run, or something else was asked under its name"


@dataclass(slots=True)
class Epoch:
    """A start of a peer: no number up to `forgotten` is run again; the rest is in `calls`."""

    forgotten: int = 0
    calls: list[tuple[int, int, bytes]] = field(default_factory=list)  # Number, status, digest.


@dataclass(slots=True)
class Account:
    """One peer: its epochs in the order of last use, and what of the entries is its own."""

    epochs: dict[int, Epoch] = field(default_factory=dict)
    keys: int = 0
    bytes: int = 0

    @property
    def calls(self) -> int:
        """The number of its calls that are remembered."""
        return sum(len(epoch.calls) for epoch in self.epochs.values())


class Calls:
    """The memory of one store."""

    def __init__(self) -> None:
        """Remember nothing."""
        self.peers: dict[str, Account] = {}  # In the order of last use.
        self._count = 0

    def copy(self) -> Calls:
        """Return what this is now, for a caller that may have to take a change back."""
        return deepcopy(self)

    def judge(self, call: Call) -> Known | int:
        """Say whether a call is to be run; a number is the status that it was answered with."""
        if not call.epoch:
            return Known.RUN
        if not call.number:
            return Known.FORGOTTEN
        account = self.peers.get(call.peer, Account())
        epoch = account.epochs.get(call.epoch, Epoch())
        for number, status, digest in epoch.calls:
            if number == call.number:
                return status if digest == call.digest else Known.FORGOTTEN
        return Known.FORGOTTEN if call.number <= epoch.forgotten else Known.RUN

    def displaced_by(self, peer: str) -> str | None:
        """Return the peer that has to make room for a new one, if one has."""
        if peer in self.peers or len(self.peers) < PEERS_MAX:
            return None
        return next(iter(self.peers))

    def admit(self, peer: str) -> Account:
        """Return a peer's account, the last used from now on.

        A peer that has to make room must own nothing any more.
        """
        displaced = self.displaced_by(peer)
        if displaced is not None:
            self._count -= self.peers.pop(displaced).calls
        account = self.peers.pop(peer, None) or Account()
        self.peers[peer] = account
        return account

    def remember(self, call: Call, status: int) -> None:
        """Note the answer of a call; one without a name leaves nothing to remember."""
        if call.epoch:
            self._admit_epoch(call)
            self._add(call, (call.number, status, call.digest))

    def restore(self, call: Call, rest: bytes) -> None:
        """Take in an epoch as a snapshot has it."""
        if not call.epoch:
            return
        epoch = self._admit_epoch(call)
        epoch.forgotten = max(epoch.forgotten, call.number)
        for entry in _ENTRY.iter_unpack(rest):
            self._add(call, entry)

    def snapshot(self, keys: list[str], owners: dict[str, str]) -> Iterator[bytes]:
        """Give the values of the records behind a snapshot's entries, which are in order."""
        places: dict[str, list[int]] = {}
        for place, key in enumerate(keys):
            if key in owners:
                places.setdefault(owners[key], []).append(place)
        for peer, account in self.peers.items():
            own = places.get(peer, [])
            if own:
                yield CallValue(
                    Kind.OWN, Call(peer), rest=struct.pack(f"<{len(own)}H", *own)
                ).encode()
            for number, epoch in account.epochs.items():
                rest = b"".join(_ENTRY.pack(*entry) for entry in epoch.calls)
                call = Call(peer, number << 32 | epoch.forgotten)
                yield CallValue(Kind.EPOCH, call, rest=rest).encode()

    def measure(self, overhead: int) -> tuple[int, int]:
        """Return how many records those are, and their bytes, each with this overhead."""
        records = size = 0
        for peer, account in self.peers.items():
            count = len(account.epochs) + bool(account.keys)
            records += count
            size += count * (overhead + HEAD_BYTES + len(peer.encode()))
            size += 2 * account.keys + ENTRY_BYTES * account.calls
        return records, size

    def _add(self, call: Call, entry: tuple[int, int, bytes]) -> None:
        if self._count == CALLS_MAX:
            self._drop_one()
        self.peers[call.peer].epochs[call.epoch].calls.append(entry)
        self._count += 1

    def _admit_epoch(self, call: Call) -> Epoch:
        epochs = self.peers[call.peer].epochs
        epoch = epochs.pop(call.epoch, None)
        if epoch is None:
            if len(epochs) == EPOCHS_MAX:
                self._count -= len(epochs.pop(next(iter(epochs))).calls)
            epoch = Epoch()
        epochs[call.epoch] = epoch
        return epoch

    def _drop_one(self) -> None:
        """Make room: the oldest call is forgotten where there are most."""
        fullest = max(self.peers.values(), key=lambda account: account.calls)
        epoch = next(epoch for epoch in fullest.epochs.values() if epoch.calls)
        number, _, _ = epoch.calls.pop(0)
        epoch.forgotten = max(epoch.forgotten, number)
        self._count -= 1
