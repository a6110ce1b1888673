"""Where debuggers connect: a port of the loopback interface, or a unix socket."""

from __future__ import annotations

import contextlib
import socket
import stat
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
PORT_MAX: Final = 65535


class ListenError(ValueError):
    """No debugger can connect there; the message says why."""


class GdbServer:
    """A place where debuggers may connect; closed, it leaves no file behind."""

    def __init__(self, where: str) -> None:
        """Listen on a port (0: any that is free), or on a unix socket of this path.

        Raises:
            ListenError: It cannot be had.
        """
        self._file: tuple[Path, int] | None = None  # That of a unix socket, and its inode.
        try:
            self._socket = self._listen(where)
        except OSError as error:
            raise ListenError(f"{where}: {error.strerror or error}") from error

    def _listen(self, where: str) -> socket.socket:
        if where.isdecimal():
            if int(where) > PORT_MAX:
                raise ListenError(f"{where!r} is not a port in 0..{PORT_MAX}")
            return socket.create_server((LOOPBACK, int(where)))
        path = Path(where)
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # Left behind by a run that was killed.
        with contextlib.ExitStack() as unfinished:
            server = unfinished.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            server.bind(where)
            self._file = (path.absolute(), path.stat().st_ino)
            server.listen(1)
            unfinished.pop_all()
        return server

    @property
    def address(self) -> str:
        """The argument of a debugger's `target remote`."""
        name = self._socket.getsockname()
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)

    def fileno(self) -> int:
        """For `select`: readable when a debugger is waiting."""
        return self._socket.fileno()

    def accept(self) -> socket.socket:
        """Wait for the next debugger; others may connect, and wait for their turn."""
        connection, _ = self._socket.accept()
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self) -> None:
        """Listen no more, and remove the file, unless it belongs to another process by now."""
        self._socket.close()
        file, self._file = self._file, None
        if file is not None:
            path, inode = file
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_ino == inode:
                    path.unlink()
