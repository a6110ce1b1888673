"""The checks of a server or a worker before it starts anything: addresses and files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from nexus.remotecache.folders import ENDS_A_NAME
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
        if ENDS_A_NAME in os.fspath(folder.absolute()):
            raise SettingError(f"--mount: {folder}: must not have ':' in its path")


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
