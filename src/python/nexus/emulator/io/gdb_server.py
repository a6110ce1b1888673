"""The address where debuggers connect: a port of the loopback interface, or a unix socket."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import stat
from pathlib import Path
from typing import Final

from nexus.core.text import quote

LOOPBACK: Final = "127.0.0.1"
PORT_MAX: Final = 65535

# A word that looks like a number is meant as a port.
_NUMBER: Final = re.compile(r"[+-]?\d+")


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
        if _NUMBER.fullmatch(where):
            return socket.create_server((LOOPBACK, _port(where)))
        if not where or not where.isprintable() or (":" in where and "/" not in where):
            raise ListenError(
                f"{quote(where)} is neither a port in 0..{PORT_MAX}, such as 1234, nor a path"
            )
        path = Path(where)
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            if _is_listening(path):
                raise ListenError(f"{where}: another program listens there; end that first")
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


def _port(text: str) -> int:
    digits = text.lstrip("0") or "0"
    is_port = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(PORT_MAX))
    if not is_port or int(digits) > PORT_MAX:
        raise ListenError(f"{quote(text)} is not a port in 0..{PORT_MAX}")
    return int(digits)


def _is_listening(path: Path) -> bool:
    """Whether a program has this socket.

    The program must not notice: a debugger that comes and goes would let its guest run on.

    Raises:
        OSError: It cannot be found out, so the socket has to stay.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:  # It takes connections, not datagrams.
                raise
    return True
