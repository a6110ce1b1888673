"""An empty ext4 disk, made by the host's mke2fs; the same bytes every time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from nexus.emulator.board import EPOCH_S_DEFAULT
from nexus.linux.fetch import FetchError

_PROGRAM: Final = "mke2fs"
_BYTES: Final = 16 << 20
_UUID: Final = "6e657875-732d-4c69-6e75-780000000001"
_HASH_SEED: Final = "6e657875-732d-4c69-6e75-780000000002"
_SECONDS_MAX: Final = 60


def make_disk(path: Path) -> None:
    """Write an empty file system, with its journal, into a file.

    Raises:
        FetchError: There is no mke2fs on this host, or it fails.
    """
    # Debian keeps it where only root looks.
    program = shutil.which(_PROGRAM, path=f"{os.environ.get('PATH', os.defpath)}:/sbin:/usr/sbin")
    if program is None:
        raise FetchError(f"{_PROGRAM} is not on this host; install e2fsprogs")
    path.write_bytes(bytes(_BYTES))
    extended = f"hash_seed={_HASH_SEED},nodiscard,lazy_itable_init=0,lazy_journal_init=0"
    done = subprocess.run(
        [program, "-q", "-F", "-t", "ext4", "-U", _UUID, "-E", extended, str(path)],
        env={"E2FSPROGS_FAKE_TIME": str(EPOCH_S_DEFAULT), "MKE2FS_CONFIG": os.devnull},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()[:1]
        raise FetchError(f"{_PROGRAM} ended with {done.returncode}: {''.join(said)}")
