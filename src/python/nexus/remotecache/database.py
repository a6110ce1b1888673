"""The scheduler's state in a database that lasts: SQLite for one server, PostgreSQL by URL.

BuildGrid 0.4.4 takes PostgreSQL alone.  What it uses of it that SQLite lacks is little, and is
given here.  Messages to clients that wait for a job (`NOTIFY` and `LISTEN`) go through this
process, which is the only one.  Rows that another transaction holds cannot be met, since a
transaction that may write has the database to itself; what only looks has a connection of its own.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final  # Any: gRPC and BuildGrid publish no types.

import sqlalchemy  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid.server.scheduler.impl import Scheduler
from buildgrid.server.scheduler.notifier import Notifier
from buildgrid.server.sql.models import Base
from buildgrid.server.sql.provider import SqlProvider
from sqlalchemy import event  # pants: no-infer-dep
from sqlalchemy.dialects import postgresql, sqlite  # pants: no-infer-dep
from sqlalchemy.engine import Engine  # pants: no-infer-dep

from nexus.remotecache import database_waits, outages
from nexus.remotecache.settings import LOOKING

SQLITE: Final = "sqlite:///"
POSTGRESQL: Final = ("postgresql://", "postgresql+psycopg2://")

# SQLAlchemy since 2.1 takes another driver for a URL that names none.
DRIVER: Final = "postgresql+psycopg2://"

# A transaction takes milliseconds; a call that waits longer than this for the database gets an
# error.
LOCK_SECONDS_MAX: Final = 30

# Which tables there are: raised with each version of BuildGrid that changes them.
SCHEMA: Final = 404_01

# For an answer from a database that is not ours.
OPEN_SECONDS_MAX: Final = 2

create_provider = SqlProvider.__init__
create_engine = SqlProvider._create_sqlalchemy_engine
listen = Notifier._listen_for_updates


class DatabaseError(Exception):
    """The database will not do; the text names it, what is wrong and what would do."""


def complete_url(url: str) -> str:
    """A URL of the kinds there are, with the driver that is installed.

    Raises:
        DatabaseError: it is of another kind, or is not a URL.
    """
    if not url.startswith((SQLITE, *POSTGRESQL)):
        # The rest is not shown: somewhere in it may be a password.
        kind, mark, _ = url.partition("://")
        shown = f"{kind}{mark}..." if mark else url and "..."
        raise DatabaseError(
            f"--database: {shown!r} is not a kind of database; "
            "expected postgresql://USER@HOST/NAME, or leave the option out for SQLite in the folder"
        )
    if url.startswith(SQLITE):
        return url
    complete = f"{DRIVER}{url.partition('://')[2]}"
    try:
        sqlalchemy.make_url(complete)
    except (sqlalchemy.exc.ArgumentError, ValueError) as exc:
        # The text is not shown: somewhere in it is a password.
        raise DatabaseError(
            "--database: cannot be read as a URL; expected postgresql://USER@HOST/NAME or "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME"
        ) from exc
    return complete


def prepare(url: str) -> None:
    """Look at a database, and make its tables if it is new.

    Raises:
        DatabaseError: it is locked, damaged, of another schema, or does not answer.
    """
    url = complete_url(url)
    if url.startswith(SQLITE):
        prepare_sqlite(Path(url.removeprefix(SQLITE)))
    else:
        prepare_postgresql(url)


def prepare_sqlite(path: Path) -> None:
    """Look at a file, and make its tables if it is new."""
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=OPEN_SECONDS_MAX, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            found = database.execute("PRAGMA user_version").fetchone()[0]
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            database.execute("ROLLBACK")
            if found == SCHEMA:
                return
            if found or tables:
                raise DatabaseError(
                    f"{path}: tables of schema {found}; this version has {SCHEMA}: use the version "
                    "that made it, or move the file away (jobs that wait are lost, results are not)"
                )
            database.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as exc:
        raise DatabaseError(f"{path}: {exc}; {hint_of(exc)}") from exc
    engine = sqlalchemy.create_engine(f"{SQLITE}{path}")
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")
    engine.dispose()
    path.chmod(0o600)


def hint_of(error: sqlite3.Error) -> str:
    """Say what to do about a file of SQLite."""
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_NOTADB) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another program has it open; end that"
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return "this user must own it, and its folder must be there and this user's"
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return "make room on its disk"
        case _:
            return "move it away"


def prepare_postgresql(url: str) -> None:
    """Look at a database on a server, and make its tables if it has none."""
    shown = sqlalchemy.make_url(url).render_as_string(hide_password=True)
    database_waits.install()
    engine = sqlalchemy.create_engine(url)
    try:
        tables = set(sqlalchemy.inspect(engine).get_table_names())
        if not tables:
            Base.metadata.create_all(engine)
            return
        wanted = {table.name: table for table in Base.metadata.sorted_tables}
        for name, table in wanted.items():
            columns = (
                {c["name"] for c in sqlalchemy.inspect(engine).get_columns(name)}
                if (name in tables)
                else set()
            )
            if missing := {column.name for column in table.columns} - columns:
                raise DatabaseError(
                    f"{shown}: of another schema: table {name!r} has no column "
                    f"{min(missing)!r}; give a database of its own"
                )
    except sqlalchemy.exc.SQLAlchemyError as exc:
        reason = str(exc.__cause__ or exc).strip().splitlines()[0]
        raise DatabaseError(f"--database: {shown}: {reason}") from exc
    finally:
        engine.dispose()


class Messages:
    """`NOTIFY` and `LISTEN` between threads of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.listeners: list[tuple[str, Any]] = []

    def listener(self, channel: str, notifier: Any) -> contextlib.AbstractContextManager[None]:
        """Let a notifier hear a channel for the time of a block."""
        return self._listening((channel, notifier))

    @contextlib.contextmanager
    def _listening(self, entry: tuple[str, Any]) -> Iterator[None]:
        with self.lock:
            self.listeners.append(entry)
        try:
            yield
        finally:
            with self.lock:
                self.listeners.remove(entry)

    def send(self, channel: str, payload: str) -> None:
        """Wake the clients that wait for it."""
        with self.lock:
            hearing = [notifier for name, notifier in self.listeners if name == channel]
        for notifier in hearing:
            notifier.notify(payload)


MESSAGES: Final = Messages()


class Pending(threading.local):
    """The messages that this thread's transaction sends once its changes are visible to others."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []


PENDING: Final = Pending()


def install() -> None:
    """Let BuildGrid take SQLite, too."""
    SqlProvider.__init__ = _create_provider
    SqlProvider._create_sqlalchemy_engine = _create_engine
    Notifier._listen_for_updates = _listen
    Scheduler._insert_on_conflict_do_nothing = _insert
    database_waits.install()
    outages.install()


def _create_provider(provider: SqlProvider, **options: Any) -> None:
    provider._is_looking = options.get("name") == LOOKING
    create_provider(provider, **options)


def _create_engine(provider: SqlProvider, url: str, *rest: Any, **options: Any) -> Engine:
    if not url.startswith(SQLITE):
        # The options in the URL come last, and so they win.
        asked_for = sqlalchemy.make_url(url).normalized_query.get("options", ())
        told = " ".join((database_waits.OPTIONS, *asked_for))
        # A connection that the database has closed meanwhile is made anew before it is used.
        asked = {
            **options,
            "pool_pre_ping": True,
            "connect_args": {**outages.CONNECTION, "options": told},
        }
        made: Engine = create_engine(provider, url, *rest, **asked)
        return made
    engine = sqlalchemy.create_engine(
        url, connect_args={"timeout": LOCK_SECONDS_MAX, "check_same_thread": False}
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begin_looking if provider._is_looking else _begin)
    event.listen(engine, "before_cursor_execute", _keep_messages, retval=True)
    if not provider._is_looking:
        # A session that only looks may do so in the middle of a change, whose messages must wait.
        event.listen(provider._session_factory, "after_commit", _send_messages)
        event.listen(provider._session_factory, "after_rollback", _forget_messages)
    provider._session_factory.configure(bind=engine)
    return engine


def _connected(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would begin transactions by itself, and too late.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # With a log of writes, a transaction is there after a crash of this process, and all but the
    # last are after a crash of the machine; jobs that are lost so are asked for again.
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_looking(connection: sqlalchemy.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _keep_messages(
    _connection: object,
    _cursor: object,
    statement: str,
    parameters: Any,
    _context: object,
    _many: bool,
) -> tuple[str, Any]:
    """Take a `NOTIFY channel, 'payload';` out; it is sent when the transaction is committed."""
    if statement.startswith("NOTIFY "):
        channel, _, payload = statement.removeprefix("NOTIFY ").rstrip(";").partition(", ")
        PENDING.messages.append((channel, payload.strip("'")))
        return "SELECT 1", ()
    return statement, parameters


def _send_messages(_session: object) -> None:
    messages, PENDING.messages = PENDING.messages, []
    for channel, payload in messages:
        MESSAGES.send(channel, payload)


def _forget_messages(_session: object) -> None:
    PENDING.messages = []


def _listen(notifier: Notifier, shutdown_requested: threading.Event, session: Any) -> None:
    if session.get_bind().dialect.name != "sqlite":
        # Messages of the time without a connection are lost.  Once there is one, all look what has
        # become of theirs.
        session.connection()
        for name in tuple(notifier._listeners):
            notifier.notify(name)
        listen(notifier, shutdown_requested, session)
        return
    with MESSAGES.listener(notifier._channel, notifier):
        shutdown_requested.wait()


def _insert(scheduler: Scheduler, model: Any) -> Any:
    dialect: Any = sqlite if scheduler._sql.dialect == "sqlite" else postgresql
    return dialect.insert(model).on_conflict_do_nothing()
