"""Bounds on how long this process waits for an answer of PostgreSQL.

A server that is stopped, or whose machine has no time left, keeps its connections: the kernel over
there goes on to confirm what arrives, so no timer of TCP ends them.  `connect_timeout` is heeded by
libpq alone, and `statement_timeout` by the server alone, which does not run.  Here each wait of the
driver has an end.  A connection that was given up is closed, and the pool makes another.
"""

from __future__ import annotations

import select
import time
from typing import Any, Final  # Any: the driver publishes no types.

import psycopg2
from psycopg2 import extensions

# For the answer to one statement: those of a scheduler take milliseconds, and wait for the rows of
# others for 5 s.  The server itself ends a statement earlier: none that was given up shall run on.
ANSWER_SECONDS_MAX: Final = 20
STATEMENT_SECONDS_MAX: Final = 15

# For a connection.
CONNECT_SECONDS_MAX: Final = 5

# A transaction whose client is gone without a word holds its rows no longer than this.
IDLE_SECONDS_MAX: Final = 60

# The server's own bounds, in milliseconds, as it reads them from a client.
OPTIONS: Final = (
    "-c lock_timeout=5000 "
    f"-c statement_timeout={STATEMENT_SECONDS_MAX * 1000} "
    f"-c idle_in_transaction_session_timeout={IDLE_SECONDS_MAX * 1000}"
)

# The conditions of the system for which the driver asks to wait.
EVENTS: Final = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


def install() -> None:
    """Bound every wait of the driver in this process."""
    extensions.set_wait_callback(wait)


def wait(connection: Any) -> None:
    """Wait until the driver has what it waits for; it closes the connection if this raises.

    Raises:
        psycopg2.OperationalError: the server took too long.
    """
    is_new = connection.status == extensions.STATUS_SETUP
    seconds = CONNECT_SECONDS_MAX if is_new else ANSWER_SECONDS_MAX
    deadline = time.monotonic() + seconds
    while (wanted := connection.poll()) != extensions.POLL_OK:
        ready = select.poll()
        ready.register(connection.fileno(), EVENTS[wanted])
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            asked = "connection" if is_new else "statement"
            raise psycopg2.OperationalError(f"no answer to a {asked} within {seconds} s")
