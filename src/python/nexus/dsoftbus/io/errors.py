"""Errors that end calls, streams and nodes: leaves that differ in what their caller can do.

Each is also the built-in error that means the same, so that code which knows nothing of this
package does the right thing: `except TimeoutError` catches a deadline, `except OSError` all that
come from elsewhere, `except ValueError` a wrong argument.
"""

from __future__ import annotations

import errno

from nexus.core.errors import NexusError


class BusError(NexusError):
    """Base of what a call can end with; never raised itself."""


class MisuseError(BusError, ValueError):
    """An argument that cannot be, or an object that is used when it cannot be; correct the call."""


class MisuseTypeError(MisuseError, TypeError):
    """An argument of another type."""


class RefusedError(BusError, PermissionError):
    """The peer refused the call.  It says no more; asking again changes nothing."""

    def __init__(self, text: str) -> None:
        """Name the peer that refused."""
        super().__init__(text)
        self.errno = errno.EACCES


class FailedError(BusError):
    """The peer's service did not answer; the call may or may not have had its effect."""


class BusyError(FailedError):
    """The peer's service takes no more calls now.  Nothing was done: the call may be made again."""


class DeadlineError(BusError, TimeoutError):
    """No answer within the deadline; the call may or may not have had its effect."""

    def __init__(self, text: str) -> None:
        """Say what was waited for."""
        super().__init__(text)
        self.errno = errno.ETIMEDOUT


class UnavailableError(BusError, ConnectionError):
    """No session with the peer; the call was not sent, or was lost with its session."""

    def __init__(self, text: str) -> None:
        """Say what there is no session for."""
        super().__init__(text)
        self.errno = errno.ENOTCONN


class ClosedError(UnavailableError):
    """This node is closed; make another one."""


class NoStreamsError(UnavailableError):
    """The peer does not support streams; asking again changes nothing."""


class NoMessagesError(UnavailableError):
    """The peer does not take calls as messages, and this node makes no others."""


class SessionLostError(UnavailableError):
    """The stream's session ended; what was written on it may have arrived or not."""


class StreamResetError(UnavailableError):
    """One side gave the stream up; `reason` says why, if the peer did."""

    def __init__(self, text: str, reason: int | None) -> None:
        """Keep the reason as it came."""
        super().__init__(text)
        self.reason = reason
        self.errno = errno.ECONNRESET
