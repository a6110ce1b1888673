"""A database that goes away while a server runs, and comes back.

BuildGrid 0.4.4 writes a traceback for each statement that meets no database, thousands of lines a
minute, and answers clients with an internal error, upon which they do not ask again.  Its pool
hands out connections that the database has closed.  Here an outage is a state that `/health` and
one line of the server tell, and clients and workers get `UNAVAILABLE`, upon which they ask again.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final  # Any: BuildGrid publishes no types.

import sqlalchemy  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid.server.exceptions import BotSessionCancelledError, RetriableDatabaseError
from buildgrid.server.sql import provider as providers
from buildgrid.server.sql.provider import SqlProvider

# After this a client may ask again.
RETRY: Final = timedelta(seconds=1)

# A database whose machine is gone does not close its connections.  Libpq gives one up this long
# after it has sent something, or has begun to wait for an answer.
SILENT_SECONDS_MAX: Final = 20
CONNECTION: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": SILENT_SECONDS_MAX * 1000,
    "keepalives_idle": SILENT_SECONDS_MAX // 2,
    "keepalives_interval": SILENT_SECONDS_MAX // 4,
    "keepalives_count": 2,
}

MESSAGE: Final = "the scheduler's database does not answer; ask again"

# Loggers of BuildGrid that would say so again and again.
LOUD: Final = (
    "buildgrid.server.sql.provider",
    "buildgrid.server.scheduler.assigner",
    "buildgrid.server.scheduler.impl",
    "buildgrid.server.scheduler.notifier",
    "buildgrid.server.decorators.errors",
)

# States of PostgreSQL that end a session, or begin none (appendix A of its manual).
SHUTTING: Final = ("57P01", "57P02", "57P03")

open_session = SqlProvider.session


class Outage:
    """Whether the database is away, as the last session has seen it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reason = ""

    def tell(self, reason: str) -> None:
        """Take what a session has met; nothing if all was well."""
        with self.lock:
            self.reason = reason

    def complaint(self) -> str:
        """Say why nothing can be scheduled now; empty if it can."""
        with self.lock:
            return f"the database does not answer: {self.reason}" if self.reason else ""


OUTAGE: Final = Outage()


def install() -> None:
    """Let BuildGrid take a database that is away for one that comes back."""
    SqlProvider.session = _session
    # Until then it would refuse all, also where the database is back.
    providers.COOLDOWN_TIME_AFTER_POOL_DISPOSE_SECONDS = RETRY.seconds
    providers.COOLDOWN_TIME_JITTER_BASE = 0
    for name in LOUD:
        logging.getLogger(name).addFilter(is_news)


@contextlib.contextmanager
def _session(provider: SqlProvider, **options: Any) -> Iterator[Any]:
    """A session, as before; one that meets no database says so as a server does that is away."""
    try:
        with open_session(provider, **options) as session:
            yield session
    except Exception as exc:
        if reason := outage(exc):
            OUTAGE.tell(reason)
            raise RetriableDatabaseError(MESSAGE, RETRY) from exc
        raise
    OUTAGE.tell("")


def outage(error: BaseException | None) -> str:
    """The words of an error, or of one that led to it, about a database that is not there."""
    while error is not None:
        if is_outage(error):
            origin = getattr(error, "orig", None) or error
            return str(origin).strip().partition("\n")[0]
        error = error.__cause__
    return ""


def is_outage(error: BaseException) -> bool:
    """Whether an error is a database that is not there, or has no room.

    A connection that is refused or lost has no code of PostgreSQL, which would come from it.
    SQLite, whose database is a file, has a code for each reason, and its kind in the lowest byte;
    the first kind is a wrong statement.  Errors of Python's module itself have none.
    """
    match error:
        case sqlalchemy.exc.TimeoutError():
            return True
        case sqlalchemy.exc.OperationalError(orig=sqlite3.Error() as origin):
            code: int = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            return code & 0xFF != sqlite3.SQLITE_ERROR
        case sqlalchemy.exc.OperationalError(orig=origin):
            return getattr(origin, "pgcode", None) in (None, *SHUTTING)
        case sqlalchemy.exc.DBAPIError():
            return bool(error.connection_invalidated)
    return False


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the log is worth one: the database is away for many lines.

    A worker gives a call up whenever it has news, and that is not an error.
    """
    error = record.exc_info[1] if record.exc_info else None
    is_known = isinstance(error, RetriableDatabaseError | BotSessionCancelledError)
    return not (is_known or outage(error) or MESSAGE in record.getMessage())
