"""The disks of `nexus vm run`: `--drive FILE[,readonly][,slot=N]`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.core.commandline import checked
from nexus.core.errors import UsageError
from nexus.core.record import dataclass
from nexus.core.text import quote
from nexus.emulator.board import DRIVE_SLOTS, drive_slots
from nexus.entry.options import file_name

FORM: Final = "FILE, FILE,readonly or FILE,slot=N"
_SLOT: Final = "slot="
# These machines have no network, so its slot is free.
_SLOTS: Final = drive_slots(has_network=False)


@dataclass(frozen=True, slots=True)
class DriveOption:
    """A disk as it was asked for."""

    path: Path
    is_read_only: bool
    slot: int


def parse_drives(texts: Sequence[str]) -> tuple[DriveOption, ...]:
    """Read the options; disks without a slot get the first free ones from 2 on.

    Raises:
        UsageError: One is written otherwise, or there is no slot for it.
    """
    split = [_split(text) for text in texts]
    taken: set[int] = set()
    for _, _, slot in split:
        if slot is not None and slot in taken:
            raise UsageError(f"--drive: slot {slot} is given twice")
        taken |= set() if slot is None else {slot}
    drives = []
    for path, is_read_only, wanted in split:
        slot = wanted
        if slot is None:
            slot = next((slot for slot in DRIVE_SLOTS if slot not in taken), None)
        if slot is None:
            raise UsageError(
                f"--drive: {len(texts)} given; the board has room for {len(DRIVE_SLOTS)}, and for"
                " one more with slot=0"
            )
        taken.add(slot)
        drives.append(DriveOption(path, is_read_only, slot))
    return tuple(drives)


def _split(text: str) -> tuple[Path, bool, int | None]:
    path, is_read_only, slot = text, False, None
    while True:
        rest, comma, flag = path.rpartition(",")
        if not comma:
            break
        if flag == "readonly":
            is_read_only = True
        elif flag.startswith(_SLOT):
            slot = _slot(text, flag.removeprefix(_SLOT))
        else:
            break
        path = rest
    if not path or comma:
        raise UsageError(f"--drive: {text!r} is not {FORM}")
    return Path(checked("--drive", file_name, path)), is_read_only, slot


def _slot(text: str, number: str) -> int:
    slots = {str(slot): slot for slot in sorted(_SLOTS)}
    if number not in slots:
        raise UsageError(
            f"--drive: {quote(text)}: slot {quote(number)} is not free; expected one of"
            f" {', '.join(slots)}"
        )
    return slots[number]
