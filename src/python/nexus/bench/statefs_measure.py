"""The state store on a file, sqlite3 beside it doing the same work, and replay of a long journal.

Every function makes its files anew, does its work once, and returns how long the work took by the
wall clock: waiting for the disk is what is measured.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from nexus.remotefs.state.block import SECTOR_BYTES
from nexus.remotefs.state.record import Op, Record
from nexus.remotefs.state.store import Store
from nexus.remotefs.state.tool import FileDevice

# Puts of 100 bytes to 500 keys, so that most of them replace a value: what settings are like.
KEYS: Final = 500
VALUE: Final = bytes(range(100))
PUTS: Final = 5_000
SYNCED_PUTS: Final = 100
DISK_BYTES: Final = 8 << 20

JOURNAL_BYTES: Final = 64 << 20
# A replay takes at most 100,000 records, so a journal of this length has long ones.
JOURNAL_VALUE: Final = bytes(range(256)) * 4

_UPSERT: Final = "INSERT OR REPLACE INTO state VALUES (?, ?)"


def store_puts(folder: Path) -> float:
    """Put, and sync once at the end."""
    with _store(folder) as store:
        begun_s = time.perf_counter()
        for number in range(PUTS):
            store.put(_key(number), VALUE)
        store.sync()
        return time.perf_counter() - begun_s


def store_synced_puts(folder: Path) -> float:
    """Put and sync, each time."""
    with _store(folder) as store:
        begun_s = time.perf_counter()
        for number in range(SYNCED_PUTS):
            store.put(_key(number), VALUE)
            store.sync()
        return time.perf_counter() - begun_s


def sqlite_puts(folder: Path) -> float:
    """Insert or replace in one transaction."""
    with _database(folder) as database:
        begun_s = time.perf_counter()
        database.execute("BEGIN")
        for number in range(PUTS):
            database.execute(_UPSERT, (_key(number), VALUE))
        database.execute("COMMIT")
        return time.perf_counter() - begun_s


def sqlite_single_puts(folder: Path) -> float:
    """Insert or replace, each a transaction that outlives the process; power cuts only at last."""
    with _database(folder) as database:
        database.execute("PRAGMA synchronous=NORMAL")
        begun_s = time.perf_counter()
        for number in range(PUTS):
            database.execute(_UPSERT, (_key(number), VALUE))
        # NORMAL syncs when it checkpoints.
        database.execute("PRAGMA wal_checkpoint")
        return time.perf_counter() - begun_s


def sqlite_synced_puts(folder: Path) -> float:
    """Insert or replace, each a transaction of its own."""
    with _database(folder) as database:
        begun_s = time.perf_counter()
        for number in range(SYNCED_PUTS):
            database.execute(_UPSERT, (_key(number), VALUE))
        return time.perf_counter() - begun_s


def write_journal(folder: Path) -> tuple[Path, int]:
    """Write a disk whose one journal fills it; return how many records it has."""
    path = folder / "journal.img"
    written = records = 0
    with path.open("wb") as file:
        while True:
            data = Record(Op.PUT, _key(records), JOURNAL_VALUE).encode()
            if written + len(data) > JOURNAL_BYTES:
                break
            file.write(data)
            written += len(data)
            records += 1
        file.write(bytes(JOURNAL_BYTES - written))
    return path, records


def recover(path: Path) -> float:
    """Open a store of which all is to be replayed.  The file is in the page cache."""
    begun_s = time.perf_counter()
    with FileDevice(path, is_writable=False) as device:
        store = Store(device)
        took_s = time.perf_counter() - begun_s
        assert store.damage is None, store.damage
        assert len(store.snapshot()) == KEYS
    return took_s


@contextmanager
def _store(folder: Path) -> Iterator[Store]:
    path = folder / "state.img"
    with path.open("wb") as file:
        file.write(bytes(DISK_BYTES))
        file.flush()
        os.fsync(file.fileno())  # A disk is there before it is used; sqlite3's file is, too.
    assert DISK_BYTES % SECTOR_BYTES == 0
    try:
        with FileDevice(path, is_writable=True) as device:
            store = Store(device)
            yield store
            # The measured operations happened: another engine over the same file has them all.
            assert Store(device).snapshot() == store.snapshot() != {}
    finally:
        path.unlink()


@contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    path = folder / "state.db"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            mode = database.execute("PRAGMA journal_mode=WAL").fetchone()
            assert mode == ("wal",), f"journal_mode {mode}"
            database.execute("PRAGMA synchronous=FULL")
            database.execute("CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
            yield database
    finally:
        for file in folder.glob("state.db*"):
            file.unlink()


def _key(number: int) -> str:
    return f"/state/shared/bench/{number % KEYS:03}"
