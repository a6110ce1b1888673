"""The state that a disk's bytes alone show, held to one table of cases.

The table and what its lines mean are in the guest's `mount_test.zig`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from nexus.remotefs.state import mount as mounting
from nexus.remotefs.state.block import SECTOR_BYTES, MemoryDevice
from nexus.remotefs.state.checksum import crc32c
from nexus.remotefs.state.mount import mount, stale_sector
from nexus.remotefs.state.record import Op, Record, encode_checkpoint, encode_id
from nexus.remotefs.state.superblock import Superblock

SOURCE: Final = Path(__file__).parents[5] / "src/guest/lib/statefs/mount_test.zig"
LINES: Final = re.findall(r"^ +\\\\(.+)$", SOURCE.read_text(), re.MULTILINE)

DAMAGES: Final = {
    mounting.EMPTY_DEVICE: "no_device",
    mounting.NO_JOURNAL: "no_journal",
    mounting.BAD_SUPERBLOCK: "invalid_superblock",
    mounting.TOO_SMALL: "device_too_small",
    mounting.NO_CHECKPOINT: "no_checkpoint",
    mounting.BAD_GENERATION: "generation_mismatch",
    mounting.BAD_ENTRIES: "entries_mismatch",
    mounting.PARTIAL_SNAPSHOT: "partial_snapshot",
}
RECORDS: Final = {
    "put": Record(Op.PUT, "k", b"v"),
    "del": Record(Op.DELETE, "k"),
    "sync": Record(Op.SYNC),
}


def lay(sectors: int, words: Iterator[str]) -> MemoryDevice:
    device = MemoryDevice(bytes(sectors * SECTOR_BYTES))
    base = at = 0
    for word in words:
        data = b""
        match word:
            case "A" | "B":
                base = at = SECTOR_BYTES * (1 + (sectors - 1) // 2 * (word == "B"))
            case "at":
                at = base + int(next(words))
            case "hex":
                data = bytes.fromhex(next(words))
            case "text":
                data = next(words).encode()
            case "sum":
                data = crc32c(bytes(device.content[at - 16 : at])).to_bytes(4, "little")
            case "super":
                fields = [int(next(words)) for _ in range(3)]
                data = Superblock(*fields).encode().ljust(SECTOR_BYTES, b"\0")
            case "check":
                data = encode_checkpoint(int(next(words)), int(next(words))).encode()
            case "prepare" | "payload" | "commit" | "abort":
                op = Op.__members__[word.upper()]
                key = "k" if op is Op.PAYLOAD else ""
                data = Record(op, key, encode_id(int(next(words)))).encode()
            case _:
                data = RECORDS[word].encode()
        device.content[at : at + len(data)] = data
        at += len(data)
    return device


def found(device: MemoryDevice) -> str:
    seen = mount(device)
    if seen.contents is None:
        assert seen.damage is not None
        return DAMAGES[seen.damage]
    said = ["torn_journal" if seen.damage else "none"]
    said += ["lost"] * seen.is_superblock_lost
    said += [str(seen.region.start), str(seen.records)]
    if seen.damage is None:
        stale = stale_sector(device, seen.superblock, seen.end)
        said.append("-" if stale is None else str(stale))
    return " ".join(said)


@pytest.mark.parametrize("line", LINES)
def test_what_is_found_on_a_disk(line: str) -> None:
    sectors, words, expected = line.split("|")
    device = lay(int(sectors), iter(words.split()))
    before = bytes(device.content)
    assert found(device) == expected.strip()
    assert bytes(device.content) == before
