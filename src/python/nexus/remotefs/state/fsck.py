"""Check a disk: sound, sound except for leftovers, or beyond repair.

Repair does two things only: it writes ABORT for transactions a cut left open, in the order in
which they were begun, and it clears what never was acknowledged (a torn end, a torn superblock).
An entry is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from nexus.remotefs.state.block import BlockDevice, DeviceError
from nexus.remotefs.state.error import StateError
from nexus.remotefs.state.mount import mount
from nexus.remotefs.state.store import Store


class Verdict(IntEnum):
    """The state of a disk; the values are exit codes."""

    CLEAN = 0
    LEFTOVERS = 1
    UNRECOVERABLE = 2


@dataclass(frozen=True, slots=True)
class Report:
    """The findings.  `lines` are for people."""

    verdict: Verdict
    lines: tuple[str, ...]


def check(device: BlockDevice) -> Report:
    """Look at a disk, change nothing."""
    try:
        found = mount(device)
    except DeviceError as exc:
        return Report(Verdict.UNRECOVERABLE, (f"device: {exc}",))
    if found.damage is not None or found.contents is None:
        return Report(Verdict.UNRECOVERABLE, (found.damage or "",))
    kind = f"v2 generation {found.superblock.generation}" if found.superblock else "v1"
    entries = len(found.contents.entries)
    lines = [f"{kind}: {entries} entries, {found.records} records, {found.end} bytes"]
    orphans = tuple(found.contents.open)
    if found.is_superblock_lost:
        lines.append("superblock torn; the newest snapshot is complete and says the same")
    if found.has_residue:
        lines.append(f"torn tail at byte {found.end}: {found.fault.value}")
    lines += [f"transaction {txn} is open" for txn in orphans]
    has_leftovers = bool(orphans) or found.is_superblock_lost
    return Report(Verdict.LEFTOVERS if has_leftovers else Verdict.CLEAN, tuple(lines))


def repair(device: BlockDevice) -> Report:
    """Clear leftovers, then look again; LEFTOVERS says that there was something to clear."""
    before = check(device)
    if before.verdict is Verdict.UNRECOVERABLE:
        return before
    try:
        store = Store(device)
        store.settle()
        for txn in store.open_transactions:
            store.abort(txn)
        store.sync()
    except StateError as exc:
        return Report(Verdict.UNRECOVERABLE, (*before.lines, f"repair: {exc}"))
    after = check(device)
    if after.verdict is not Verdict.CLEAN:
        return Report(
            Verdict.UNRECOVERABLE,
            (*before.lines, "repair: the image is still damaged", *after.lines),
        )
    if before.verdict is Verdict.CLEAN:
        return before
    return Report(before.verdict, (*before.lines, "repaired", *after.lines))
