"""The folders of servers and workers: their owners, and one program at a time in each.

A folder that is used begins with a mark.  One that holds anything else is refused, since a
server or a worker takes the rights of all other users away from its own.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.remotecache.processes import SettingError


@dataclass(frozen=True)
class Kind:
    """An owner of folders: its mark, the text of that, and what came before there were marks."""

    owner: str
    mark: str
    text: str
    unmarked: tuple[str, ...]


SERVER: Final = Kind("server", "nexus-remote-cache", "format 2\n", ("keys", "store"))
WORKER: Final = Kind("worker", "nexus-remote-cache-worker", "format 1\n", ("caches", "store"))

# A program takes the lock of a folder before it marks the folder, and may be ended in between.
LOCK: Final = "lock"

# Entries that say nothing of an owner: a file system of its own is not empty when it is new.
OF_NO_OWNER: Final = ("lost+found", LOCK)

# A store listens in its folder, and gRPC reads the address of that as a URL, or as several.
SPOIL_ADDRESSES: Final = "%#?,"

# A worker's folder is named in options of its runner, which end a name at a colon.
ENDS_A_NAME: Final = ":"


def is_of(folder: Path, kind: Kind) -> bool:
    """Whether a folder is of that kind."""
    return (folder / kind.mark).exists() or all((folder / name).is_dir() for name in kind.unmarked)


def take(folder: Path, kind: Kind, stack: ExitStack) -> Path:
    """Make a folder or take one of that kind, keep others out of it, and mark it; its full path.

    Raises:
        SettingError: it is another's, of another version, in use, or cannot be a folder.
    """
    try:
        refuse_others(folder, kind)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        folder = folder.resolve()
        lock(folder, stack)
        mark(folder, kind)
    except OSError as exc:
        raise SettingError(unusable(folder, exc)) from exc
    return folder


def refuse_others(folder: Path, kind: Kind) -> None:
    """Look whether a folder is another's.

    Raises:
        SettingError: it is.
    """
    try:
        os.fspath(folder).encode()
    except UnicodeEncodeError as exc:
        raise SettingError(f"--folder: {os.fspath(folder)!r} is not UTF-8 text") from exc
    if spoiling := [mark for mark in SPOIL_ADDRESSES if mark in os.fspath(folder.absolute())]:
        raise SettingError(f"--folder: {folder}: must not have {spoiling[0]!r} in its path")
    if kind is WORKER and ENDS_A_NAME in os.fspath(folder.absolute()):
        raise SettingError(f"--folder: {folder}: a worker's folder must not have ':' in its path")
    try:
        refuse_held(folder, kind)
    except OSError as exc:
        raise SettingError(unusable(folder, exc)) from exc


def refuse_held(folder: Path, kind: Kind) -> None:
    """Look whether a place holds what is another's."""
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"--folder: {folder}: it is a file; expected a folder of this user")
    if not folder.exists() or is_of(folder, kind):
        return
    if is_of(folder, SERVER):
        raise SettingError(f"--folder: {folder} is a server's; give the worker a folder of its own")
    if any(entry.name not in OF_NO_OWNER for entry in folder.iterdir()):
        raise SettingError(
            f"--folder: {folder} holds something else; give an empty folder, or a new one"
        )


def unusable(folder: Path, error: OSError) -> str:
    """Say what the system has against a folder, and what would do."""
    return (
        f"--folder: {folder}: {error.strerror}; expected a folder of this user with room on its "
        "disk, or a place where this user may make one"
    )


def lock(folder: Path, stack: ExitStack) -> None:
    """Keep others out of a folder: two stores on the same files would evict what the other has.

    Raises:
        SettingError: another program has it.
    """
    file = stack.enter_context((folder / LOCK).open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise SettingError(
            f"--folder: {folder}: another remote_cache uses it; give each a folder of its own"
        ) from exc


def mark(folder: Path, kind: Kind) -> None:
    """Say in a folder which owner it has.

    Raises:
        SettingError: it is of another version.
    """
    path = folder / kind.mark
    found = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if not found:  # Or a mark that a full disk did not take.
        if (folder / "keys").exists() and not (folder / "keys" / "tokens.json").exists():
            raise SettingError(
                f"--folder: {folder} is of an earlier version, whose keys know no scopes; delete "
                f"{folder / 'keys'} for new ones (blobs and results stay)"
            )
        path.write_text(kind.text, encoding="ascii")
    elif found != kind.text:
        raise SettingError(
            f"--folder: {folder} is a {kind.owner}'s of {found.strip()[:64]!r}; this version has "
            f"{kind.text.strip()!r}: use the version that made it, or another folder"
        )
