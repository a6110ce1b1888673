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
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final  # Any: BuildGrid publishes no types.

import psycopg2
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
    "buildgrid.server.server",
)

# Classes of PostgreSQL's states (appendix A of its manual) in which it could serve at another time:
# no connection; no connection, memory or disk left for one; told to end, or a statement took too
# long; a disk that fails.
PASSING: Final = ("08", "53", "57", "58")

# A database without room takes some statements and refuses others.  It has room again when it has
# refused none for so long: a worker writes more often than this.
ROOMLESS: Final = "53"
ROOM_SECONDS: Final = 20.0

open_session = SqlProvider.session


class Outage:
    """Whether the database is away: from a session that did not meet it until one that did.

    A session knows of the time since it began.  So one that ends well does not end an
    outage, since it may have asked before it, or not at all; one that began before the last answer
    does not begin one.  While the database is away, one call at a time finds out whether it is
    back, and all others end at once: each would wait as long as that one, with a thread and a place
    in the pool.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.lock = threading.Lock()
        self.asking = threading.Lock()
        self.reason = ""
        self.is_away = False
        self.answered = now()
        # Until then it may have no room, whatever it answers.
        self.doubted = now()

    def begin(self, reason: str, began: float, doubt: float = 0.0) -> None:
        """Take what a session has met that began then; doubt answers for some seconds."""
        with self.lock:
            if began >= self.answered:
                self.reason, self.is_away = reason, True
                self.doubted = self.now() + doubt

    def end(self) -> None:
        """The database has answered."""
        with self.lock:
            self.is_away = False
            self.answered = self.now()

    def complaint(self) -> str:
        """Say why nothing can be scheduled now; empty if it can."""
        with self.lock:
            is_so = self.is_away or self.now() < self.doubted
            return f"the database cannot be used: {self.reason}" if is_so else ""

    def ask(self, session: Any) -> None:
        """Find out whether it is back, unless another thread does.

        Raises:
            RetriableDatabaseError: another does.
        """
        if not self.asking.acquire(blocking=False):
            raise RetriableDatabaseError(MESSAGE, RETRY)
        try:
            # The pool makes a connection, or tries one that it has.
            session.connection()
            self.end()
        finally:
            self.asking.release()


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
    began = OUTAGE.now()
    try:
        with open_session(provider, **options) as session:
            if OUTAGE.is_away:
                OUTAGE.ask(session)
            yield session
    except Exception as exc:
        if (error := cause(exc)) is not None:
            OUTAGE.begin(words(error), began, ROOM_SECONDS if is_roomless(error) else 0.0)
            raise RetriableDatabaseError(MESSAGE, RETRY) from exc
        raise


def cause(error: BaseException | None) -> BaseException | None:
    """The error among one and those that led to it that is a database which is not there."""
    while error is not None and not is_outage(error):
        error = error.__cause__
    return error


def origin_of(error: BaseException) -> BaseException:
    """The driver's own error, where a session has wrapped it."""
    origin: BaseException = getattr(error, "orig", None) or error
    return origin


def words(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return str(origin_of(error)).strip().partition("\n")[0]


def state(error: BaseException) -> str:
    """The state that PostgreSQL has sent; empty if it has sent none."""
    return getattr(origin_of(error), "pgcode", None) or ""


def is_outage(error: BaseException) -> bool:
    """Whether an error is a database that is not there, or has no room.

    A connection that is refused or lost has no state of PostgreSQL, which would come from it.
    SQLite, whose database is a file, has a code for each reason, and its kind in the lowest byte;
    the first kind is a wrong statement.  Errors of Python's module itself have none.
    """
    match error:
        case sqlalchemy.exc.TimeoutError():
            return True
        case sqlalchemy.exc.OperationalError(orig=sqlite3.Error() as origin):
            code: int = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            return code & 0xFF != sqlite3.SQLITE_ERROR
        case sqlalchemy.exc.OperationalError() | psycopg2.OperationalError():
            return not state(error) or state(error).startswith(PASSING)
        case sqlalchemy.exc.DBAPIError():
            return bool(error.connection_invalidated)
    return False


def is_roomless(error: BaseException) -> bool:
    """Whether a database is there and has no room: what it answers next says little."""
    code = getattr(origin_of(error), "sqlite_errorcode", sqlite3.SQLITE_OK)
    return state(error).startswith(ROOMLESS) or code & 0xFF == sqlite3.SQLITE_FULL


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the log is worth one: the database is away for many lines.

    A worker gives a call up whenever it has news, and that is not an error.
    """
    error = record.exc_info[1] if record.exc_info else None
    is_known = isinstance(error, RetriableDatabaseError | BotSessionCancelledError)
    return not (is_known or cause(error) or MESSAGE in record.getMessage())
