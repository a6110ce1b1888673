"""Standard streams that cannot fail: what they do not take is dropped, and the loss is kept.

Python leaves three traps in a stream that is closed, full or without a reader: `sys.stdout` may be
None, any write may raise, and the flush at the end of the process turns every exit code into 120.
A stream of this module has none of them.
"""

from __future__ import annotations

import errno
import io
import os
import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

_STANDARD_DESCRIPTORS: Final = (0, 1, 2)
_ENCODING: Final = "utf-8"

OnLoss = Callable[[OSError], None]


class Sink(io.RawIOBase):
    """Writes to a descriptor until that fails; from then on it takes everything and keeps none."""

    def __init__(self, descriptor: int, on_loss: OnLoss | None = None) -> None:
        """Wrap a descriptor, which stays open.  `on_loss` is called once and may raise."""
        super().__init__()
        self.loss: OSError | None = None
        self.on_loss = on_loss
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: object) -> int:
        """Write some of the data, or drop all of it; return how many bytes that were."""
        view = memoryview(data)  # type: ignore[arg-type]  # A buffer; the base class says no more.
        if self.loss is not None:
            return view.nbytes
        while True:
            try:
                return os.write(self._descriptor, view)
            except BlockingIOError:
                # Another process made the shared descriptor non-blocking: wait for room.
                select.select([], [self._descriptor], [])
            except OSError as exc:
                self.loss = exc
                if self.on_loss is not None:
                    self.on_loss(exc)
                return view.nbytes


def is_unread(loss: OSError) -> bool:
    """Say whether the reader left, rather than that the host failed."""
    return loss.errno in (errno.EPIPE, errno.ECONNRESET)


def open_missing() -> None:
    """Open /dev/null in place of standard descriptors that are closed.

    Otherwise the next file that is opened gets such a number, and receives what is printed.
    """
    for descriptor in _STANDARD_DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one, because those below it are open by now.
            os.open(os.devnull, os.O_RDWR)


def guard(descriptor: int, present: TextIO | None, *, is_by_line: bool = False) -> TextIO:
    """Make the text stream of a standard descriptor, with the encoding of the one it replaces."""
    if present is not None:
        with suppress(OSError):  # The next write fails as well, and that one is kept.
            present.flush()
    sink = Sink(descriptor)
    is_direct = sink.isatty() or bool(getattr(present, "write_through", False))
    return io.TextIOWrapper(
        io.BufferedWriter(sink),
        encoding=getattr(present, "encoding", None) or _ENCODING,
        # Names and guests have bytes that are not text, and no encoding has every character.
        errors="backslashreplace",
        line_buffering=is_by_line or is_direct,
    )


def sink_of(stream: TextIO) -> Sink | None:
    """Return the sink below a stream that `guard` made, None for any other stream."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Sink) else None


def open_input() -> TextIO:
    """Make the standard input of a process that was started without one."""
    return open(0, encoding=_ENCODING, closefd=False)
