"""What a server or a worker looks at before it starts anything: addresses, folders, files."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from nexus.remotecache.processes import ServerError, SettingError, family_of, free_port


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


def make_private(folder: Path) -> Path:
    """Make a folder that only its owner may look into, unless it is there; its full path.

    Raises:
        SettingError: it cannot be one.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as exc:
        reason = "it is a file" if folder.is_file() else os.strerror(exc.errno or 0)
        raise SettingError(
            f"--folder: {folder}: {reason}; expected a folder of this user, or a place where this "
            "user may make one"
        ) from exc
    return folder.resolve()


def refuse_unwritable(path: Path | None) -> None:
    """Look whether the file of `--settings` can be written, before anything has started.

    Raises:
        SettingError: it cannot.
    """
    if path is None:
        return
    place = path if path.exists() else path.parent
    if path.is_dir() or not os.access(place, os.W_OK):
        raise SettingError(
            f"--settings: {path} cannot be written; expected a file in a folder that is there, and "
            "where this user may write"
        )


def refuse_missing(folders: Iterable[Path]) -> None:
    """Look whether the folders of `--mount` are there.

    Raises:
        SettingError: one is not.
    """
    for folder in folders:
        if not folder.is_dir():
            raise SettingError(f"--mount: {folder} is not a folder of this machine")


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


def lock(folder: Path, stack: ExitStack) -> None:
    """Keep others out of a folder: two stores on the same files would evict what the other has.

    Raises:
        SettingError: another process has it.
    """
    file = stack.enter_context((folder / "lock").open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise SettingError(
            f"--folder: {folder}: another remote_cache uses it; give each a folder of its own"
        ) from exc


def refuse_servers(folder: Path) -> None:
    """Look whether a folder, which a worker was given, is that of a server.

    Raises:
        SettingError: it is.
    """
    if (folder / "keys").exists():
        raise SettingError(f"--folder: {folder} is a server's; give the worker a folder of its own")
