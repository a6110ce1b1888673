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
# Said in full, since the host's configuration of mke2fs is not read, and without it `ext4` means a
# file system that has neither a journal nor extents, and that no loss of power spares.
_FEATURES: Final = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,"
    "large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
)
_BLOCK_BYTES: Final = 4096
_INODE_BYTES: Final = 256
_SECONDS_MAX: Final = 60
# All that decides what the file system is, beside the version of the host's program.
RECIPE: Final = f"{_BYTES} {_UUID} {_HASH_SEED} {_FEATURES} {_BLOCK_BYTES} {_INODE_BYTES}"


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
        [
            program,
            "-q",
            "-F",
            "-t",
            "ext4",
            "-U",
            _UUID,
            "-O",
            _FEATURES,
            "-E",
            extended,
            "-b",
            str(_BLOCK_BYTES),
            "-I",
            str(_INODE_BYTES),
            str(path),
        ],
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
