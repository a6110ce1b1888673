"""The order of writes and flushes at each step, held to one table of cases.

The table and what its lines mean are in the guest's `flush_test.zig`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.power_cut_fake import DirectStore

SOURCE: Final = Path(__file__).parents[5] / "src/guest/lib/statefs/flush_test.zig"
LINES: Final = re.findall(r"^ +\\\\(.+)$", SOURCE.read_text(), re.MULTILINE)


class NotingDevice(MemoryDevice):
    """Notes what is done to it, in the table's words."""

    def __init__(self) -> None:
        super().__init__(bytes(72 * SECTOR_BYTES))
        self.events: list[str] = []

    def write(self, sector: int, data: bytes) -> None:
        super().write(sector, data)
        if not any(data):
            return
        first, last = sector, sector + len(data) // SECTOR_BYTES - 1
        if self.events and self.events[-1].split("-")[-1] == f"{first - 1}":
            first = int(self.events.pop().split("-")[0])
        self.events.append(f"{first}" if last == first else f"{first}-{last}")

    def flush(self) -> None:
        self.events.append("F")

    def taken(self) -> str:
        said = " ".join(self.events) or "-"
        self.events.clear()
        return said


def run(store: DirectStore, step: str) -> None:
    verb, *words = step.split()
    pairs = zip(words[::2], words[1::2], strict=False)  # One key alone is to be deleted.
    puts = [(f"/state/{key}", key.encode() * int(size)) for key, size in pairs]
    match verb:
        case "sync":
            store.sync()
        case "compact":
            assert store.compact()
        case "delete":
            assert store.delete(f"/state/{words[0]}")
        case "put":
            store.put(*puts[0])
        case "txn":
            txn = store.begin()
            for key, chunk in puts:
                store.put_chunk(txn, key, chunk)
            store.commit(txn)


def play(store: DirectStore, device: NotingDevice, step: str) -> DirectStore:
    """Do a step of a line; return the store that the next one is done to."""
    if step == "open":
        return DirectStore(device)
    run(store, step)
    return store


@pytest.mark.parametrize("line", LINES)
def test_what_reaches_the_disk_and_where_a_flush_stands(line: str) -> None:
    steps, _, events = line.partition(" | ")
    device = NotingDevice()
    store = DirectStore(device)
    assert device.taken() == "-"
    found = []
    for step in steps.split("; "):
        store = play(store, device, step)
        found.append(device.taken())
    assert "; ".join(found) == events
