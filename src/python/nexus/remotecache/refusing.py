"""The checks of a server or a worker before it starts anything: addresses and files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from nexus.remotecache.folders import ENDS_A_NAME
from nexus.remotecache.processes import ServerError, SettingError, family_of, free_port
from nexus.remotecache.settings import QUOTA_BYTES_MIN, STORE_RESERVED_BYTES


def refuse_taken(address: str, port: int, option: str = "--port") -> None:
    """Look whether another program listens there already.

    Raises:
        ServerError: it does, this user may not listen there, or the address is not this machine's.
    """
    with socket.socket(family_of(address)) as probe:
        # Connections that ended a moment ago do not hold a port; what listens does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as exc:
            raise ServerError(
                f"{option} {port}: {os.strerror(exc.errno or 0)} on {address}; name a port that no "
                "other program uses and an address of this machine"
            ) from exc


def refuse_strange(address: str) -> None:
    """Look whether an address is one of this machine.

    Raises:
        ServerError: it is not.
    """
    try:
        free_port(address)
    except OSError as exc:
        raise ServerError(
            f"--listen: {address}: {os.strerror(exc.errno or 0)}; expected an address of this "
            "machine, or 0.0.0.0 or :: for all of them"
        ) from exc


def refuse_unwritable(path: Path | None) -> None:
    """Look whether the file of `--settings` can be written, before anything has started.

    Raises:
        SettingError: it cannot.
    """
    if path is None:
        return
    try:
        parent = path.resolve().parent
        place = path if path.exists() else parent
        # A pipe would hold the server, which has started by then, until somebody reads it.
        is_file = not path.is_dir() and not path.is_fifo()
        can_be = parent.is_dir() and is_file and os.access(place, os.W_OK)
    except (OSError, RuntimeError):  # The latter is a loop of links.
        can_be = False
    if not can_be:
        raise SettingError(
            f"--settings: {path} cannot be written; expected a file in a folder that is there, and "
            "where this user may write"
        )


def refuse_small(folder: Path) -> None:
    """Look whether a store could take anything on the disk of its folder.

    A store that is new has only what is free there.  One that holds something can make room, so
    its disk must be too small as a whole.

    Raises:
        SettingError: it could not.
    """
    disk = os.statvfs(folder)
    is_new = not (folder / "store").exists()
    room = (disk.f_bavail if is_new else disk.f_blocks) * disk.f_frsize
    needed = STORE_RESERVED_BYTES + QUOTA_BYTES_MIN
    if room < needed:
        raise SettingError(
            f"--folder: {folder}: its disk has {room} bytes {'free' if is_new else 'in all'}; the "
            f"store keeps {STORE_RESERVED_BYTES} of them free and needs {QUOTA_BYTES_MIN}; give a "
            f"folder on a disk with at least {needed}"
        )


def refuse_missing(folders: Iterable[Path]) -> None:
    """Look whether the folders of `--mount` are there.

    Raises:
        SettingError: one is not.
    """
    for folder in folders:
        if not is_folder(folder):
            raise SettingError(
                f"--mount: {folder} is not a folder of this machine, or not in this user's reach"
            )
        if ENDS_A_NAME in os.fspath(folder.absolute()):
            raise SettingError(f"--mount: {folder}: must not have ':' in its path")


def is_folder(path: Path) -> bool:
    """Whether it is a folder, as far as this user may know."""
    try:
        return path.is_dir()
    except OSError:
        return False


def refuse_passwords(network: Mapping[str, str]) -> None:
    """Look whether an address of a proxy names a user, with a password or without.

    Processes are given these addresses, and the store keeps what they are given.

    Raises:
        SettingError: one does.
    """
    for name, address in network.items():
        if "@" in address:
            raise SettingError(
                f"{name}: the address names a user, and every client of this server could read it; "
                "expected a proxy that asks for none, such as http://HOST:PORT"
            )
