"""A disk whose medium is a file on the host.

The file is read whole, so that what a guest reads never depends on what else happens to the file
during the run.  Written sectors go back to the file when the guest flushes, and at the end.  Until
then the file is locked: another writer would lose what it wrote meanwhile, or we would.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from nexus.emulator.device.virtio_blk import SECTOR_BYTES, MemoryDrive
from nexus.emulator.io.lock import LockError, open_locked

# Read into memory; larger disks belong to an emulator for larger guests.
DRIVE_BYTES_MAX: Final = 1 << 30


class DriveError(ValueError):
    """The file cannot be a disk; the message names it and says why."""


class FileDrive(MemoryDrive):
    """A file's content, and which of its sectors have changed."""

    def __init__(self, path: Path, *, is_read_only: bool) -> None:
        """Read the file, and lock it until `close`.

        Raises:
            DriveError: It cannot be opened as asked, it is in use, or its size is not a disk's.
        """
        self._is_read_only = is_read_only
        self._dirty: set[int] = set()
        try:
            descriptor = open_locked(path, is_writable=not is_read_only)
            self._file = os.fdopen(descriptor, "rb" if is_read_only else "r+b")
        except OSError as error:
            raise DriveError(f"{path}: {error.strerror}") from error
        except LockError as error:
            raise DriveError(f"{path}: {error}") from error
        try:
            size = os.fstat(self._file.fileno()).st_size
            if not 0 < size <= DRIVE_BYTES_MAX or size % SECTOR_BYTES:
                raise DriveError(
                    f"{path}: {size} bytes; expected a multiple of {SECTOR_BYTES} "
                    f"in {SECTOR_BYTES}..{DRIVE_BYTES_MAX}"
                )
            super().__init__(self._file.read())
        except OSError as error:
            self._file.close()
            raise DriveError(f"{path}: {error.strerror}") from error
        except DriveError:
            self._file.close()
            raise

    def restored(self) -> None:
        """The file may have any of it, or not: at the next flush it gets everything."""
        self._dirty.update(range(len(self.content) // SECTOR_BYTES))

    def write(self, offset: int, data: bytes) -> None:
        """Write a range inside the device."""
        super().write(offset, data)
        last = offset + len(data) - 1
        self._dirty.update(range(offset // SECTOR_BYTES, last // SECTOR_BYTES + 1))

    def flush(self) -> None:
        """Bring everything written so far into the file, durably."""
        if not self._dirty or self._is_read_only:
            return
        file = self._file
        for sector in sorted(self._dirty):
            start = sector * SECTOR_BYTES
            file.seek(start)
            file.write(self.content[start : start + SECTOR_BYTES])
        file.flush()
        os.fsync(file.fileno())
        self._dirty.clear()

    def close(self) -> None:
        """Flush, and let others have the file."""
        try:
            self.flush()
        finally:
            self._file.close()
