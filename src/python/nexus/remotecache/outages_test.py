"""A database that goes away and comes back: the answers to clients, and the lines it costs."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any  # Any: BuildGrid publishes no types.

import grpc  # pants: no-infer-dep; it comes with BuildGrid
import psycopg2
import pytest
import sqlalchemy  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid.server.exceptions import BotSessionCancelledError, RetriableDatabaseError
from buildgrid.server.scheduler.impl import Scheduler
from buildgrid.server.scheduler.notifier import BotNotifier, Notifier
from buildgrid.server.sql import provider as providers
from buildgrid.server.sql.provider import SqlProvider
from sqlalchemy import event  # pants: no-infer-dep

from nexus.remotecache import database, database_waits, health, outages
from nexus.remotecache.postgresql_fake import frozen
from nexus.remotecache.processes import free_port

ONE = sqlalchemy.text("SELECT 1")


class Refused(Exception):
    """An error of PostgreSQL's driver; one that the database itself has sent has a code."""

    def __init__(self, text: str, pgcode: str | None = None) -> None:
        super().__init__(text)
        self.pgcode = pgcode


def sqlite_error(code: int) -> sqlite3.OperationalError:
    """An error of the library that has a code."""
    error = sqlite3.OperationalError("it said so")
    error.sqlite_errorcode = code
    return error


def met(origin: BaseException) -> sqlalchemy.exc.OperationalError:
    """The error that a session raises for one of its driver's."""
    return sqlalchemy.exc.OperationalError("SELECT 1", None, origin)


def said(error: BaseException) -> str:
    """The words of an error about a database that is not there; empty for another error."""
    found = outages.cause(error)
    return outages.words(found) if found else ""


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The changes of a server in BuildGrid, taken back at the end."""
    for owner, name in (
        (SqlProvider, "__init__"),
        (SqlProvider, "_create_sqlalchemy_engine"),
        (SqlProvider, "session"),
        (Notifier, "_listen_for_updates"),
        (Scheduler, "_insert_on_conflict_do_nothing"),
        (providers, "COOLDOWN_TIME_AFTER_POOL_DISPOSE_SECONDS"),
        (providers, "COOLDOWN_TIME_JITTER_BASE"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(outages, "OUTAGE", outages.Outage())
    database.install()


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (met(Refused("refused\n\tIs it running?")), "refused"),
        (met(Refused("it said so", "57P03")), "it said so"),
        (met(Refused("a statement took too long", "57014")), "a statement took too long"),
        (met(Refused("too many connections", "53300")), "too many connections"),
        (met(Refused("a disk is full", "53100")), "a disk is full"),
        (met(Refused("a disk fails", "58030")), "a disk fails"),
        (met(Refused("it said so", "08006")), "it said so"),
        (met(Refused("it said so", "55P03")), ""),
        (met(Refused("two wait for each other", "40P01")), ""),
        (psycopg2.OperationalError("while it listened"), "while it listened"),
        (met(sqlite_error(sqlite3.SQLITE_FULL)), "it said so"),
        (met(sqlite_error(sqlite3.SQLITE_BUSY)), "it said so"),
        (met(sqlite_error(sqlite3.SQLITE_ERROR)), ""),
        (met(sqlite_error(sqlite3.SQLITE_ERROR_SNAPSHOT)), ""),
        (met(sqlite3.OperationalError("could not decode a column")), ""),
        (sqlalchemy.exc.TimeoutError("no connection is free"), "no connection is free"),
        (sqlalchemy.exc.ProgrammingError("SELEC", None, Refused("no")), ""),
        (ValueError("a value"), ""),
    ],
)
def test_what_is_an_outage_and_what_is_a_mistake(error: Exception, wanted: str) -> None:
    assert said(error) == wanted


class Line:
    """A connection to a database that can be cut."""

    def __init__(self, folder: Path) -> None:
        self.is_cut = False
        url = f"{database.SQLITE}{folder / 'jobs.sqlite'}"
        database.prepare(url)
        self.provider = SqlProvider(connection_string=url)
        event.listen(self.provider._engine, "before_cursor_execute", self.pass_on)

    def pass_on(self, *_rest: object) -> None:
        if self.is_cut:
            raise met(Refused("connection refused"))

    def ask(self) -> int:
        with self.provider.session() as session:
            return int(session.execute(ONE).scalar())


@pytest.fixture(name="line")
def line_to_a_database(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.provider._engine.dispose()


def test_it_is_unavailable_while_it_is_away_and_serves_when_it_is_back(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert line.ask() == 1
    line.is_cut = True
    with pytest.raises(RetriableDatabaseError) as caught:
        line.ask()
    status = caught.value.error_status
    assert (status.code, status.details) == (grpc.StatusCode.UNAVAILABLE, outages.MESSAGE)
    assert outages.OUTAGE.complaint() == "the database cannot be used: connection refused"
    line.is_cut = False
    assert line.ask() == 1
    assert outages.OUTAGE.complaint() == ""
    # Each of thousands of statements would have a traceback there.
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


def cut(line: Line) -> None:
    """Take the database away, and let a session find out."""
    line.is_cut = True
    with pytest.raises(RetriableDatabaseError):
        line.ask()


def test_a_session_that_was_answered_before_does_not_end_an_outage(line: Line) -> None:
    with line.provider.session() as early:
        early.execute(ONE)
        with pytest.raises(RetriableDatabaseError), line.provider.session():
            raise met(Refused("connection refused"))
    assert outages.OUTAGE.complaint() == "the database cannot be used: connection refused"


def test_a_session_that_asks_nothing_does_not_end_an_outage(line: Line) -> None:
    cut(line)
    with pytest.raises(RetriableDatabaseError), line.provider.session():
        pytest.fail("it has begun")
    assert outages.OUTAGE.is_away


def test_while_it_is_away_one_call_asks_and_all_others_are_told_at_once(line: Line) -> None:
    cut(line)
    line.is_cut = False
    with outages.OUTAGE.asking, pytest.raises(RetriableDatabaseError):
        line.ask()
    assert outages.OUTAGE.is_away
    assert line.ask() == 1
    assert not outages.OUTAGE.is_away


def test_one_that_asks_in_vain_leaves_the_place_to_the_next(line: Line) -> None:
    cut(line)
    cut(line)
    line.is_cut = False
    assert line.ask() == 1


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_session_from_before_the_last_answer_does_not_begin_an_outage() -> None:
    clock = Clock()
    outage = outages.Outage(clock)
    outage.begin("refused", clock.seconds)
    clock.seconds = 110.0
    outage.end()
    outage.begin("a late one", 109.0)
    assert outage.complaint() == ""
    outage.begin("gone again", 110.0)
    assert outage.complaint() == "the database cannot be used: gone again"


@pytest.mark.parametrize(
    "error",
    [met(Refused("full", "53100")), met(sqlite_error(sqlite3.SQLITE_FULL))],
    ids=["postgresql", "sqlite"],
)
def test_one_without_room_is_doubted_though_it_answers(
    error: Exception, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(outages, "OUTAGE", outages.Outage(clock))
    with pytest.raises(RetriableDatabaseError), line.provider.session():
        raise error
    assert line.ask() == 1
    clock.seconds += outages.ROOM_SECONDS - 1
    assert outages.OUTAGE.complaint() == f"the database cannot be used: {said(error)}"
    clock.seconds += 1
    assert outages.OUTAGE.complaint() == ""


def test_a_mistake_in_a_statement_stays_one_and_is_in_the_log(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        pytest.raises(sqlalchemy.exc.OperationalError, match="no such table"),
        line.provider.session() as session,
    ):
        session.execute(sqlalchemy.text("SELECT * FROM nowhere"))
    assert outages.OUTAGE.complaint() == ""
    assert "Error committing database session" in caplog.text


@pytest.mark.parametrize("name", outages.LOUD)
def test_each_part_of_buildgrid_that_meets_it_keeps_its_traceback(name: str) -> None:
    logger = logging.getLogger(name)
    error = RetriableDatabaseError(outages.MESSAGE, outages.RETRY)
    seen = (type(error), error, None)
    assert not logger.filter(logger.makeRecord(name, 40, "f", 1, "no states", (), seen))
    assert logger.filter(logger.makeRecord(name, 40, "f", 1, "no states", (), None))


def give_up(line: Line) -> None:
    with line.provider.session():
        raise BotSessionCancelledError("the worker has news")


def test_a_call_that_a_worker_gives_up_costs_no_line(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BotSessionCancelledError):
        give_up(line)
    assert caplog.text == ""


def test_a_postgresql_that_does_not_listen_is_an_outage() -> None:
    provider = SqlProvider(connection_string=f"{database.DRIVER}u@127.0.0.1:{free_port()}/jobs")
    with pytest.raises(RetriableDatabaseError), provider.session() as session:
        session.execute(ONE)
    assert "Connection refused" in outages.OUTAGE.complaint()
    # One whose connections were closed meanwhile is asked by new ones.
    assert provider._engine.pool._pre_ping


def test_a_postgresql_that_is_frozen_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_waits, "ANSWER_SECONDS_MAX", 0.1)
    # A machine with other work may need longer for an answer that does come.
    monkeypatch.setattr(database_waits, "CONNECT_SECONDS_MAX", 60)
    with frozen(lets_in=True) as port:
        provider = SqlProvider(connection_string=f"{database.DRIVER}u@127.0.0.1:{port}/jobs")
        with pytest.raises(RetriableDatabaseError), provider.session() as session:
            session.execute(ONE)
        provider._engine.dispose()
    assert outages.OUTAGE.reason == "no answer to a statement within 0.1 s"


def test_a_session_is_bounded_by_the_server_too_and_as_the_url_says() -> None:
    url = f"{database.DRIVER}u@127.0.0.1:1/jobs?options=-csearch_path%3Dtheirs"
    asked: list[str] = []

    def connect(_dialect: object, _record: object, _args: object, given: dict[str, str]) -> None:
        asked.append(given["options"])

    provider = SqlProvider(connection_string=url)
    event.listen(provider._engine, "do_connect", connect)
    with pytest.raises(RetriableDatabaseError), provider.session() as session:
        session.execute(ONE)
    assert asked == [f"{database_waits.OPTIONS} -csearch_path=theirs"]


class Session:
    """A session of PostgreSQL, as far as a listener asks it."""

    def __init__(self, is_there: bool) -> None:
        self.is_there = is_there

    def get_bind(self) -> Any:
        return SimpleNamespace(dialect=SimpleNamespace(name="postgresql"))

    def connection(self) -> None:
        if not self.is_there:
            raise met(Refused("connection refused"))


@pytest.mark.parametrize("is_there", [True, False])
def test_messages_that_were_lost_are_made_up_for_once_it_is_back(
    is_there: bool, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    monkeypatch.setattr(database, "listen", lambda *_rest: heard.append(_rest))
    notifier = BotNotifier(line.provider)
    with notifier.subscription("bot") as told:
        with survived(is_there):
            notifier._listen_for_updates(threading.Event(), Session(is_there))
        assert told.is_set() is is_there
    assert bool(heard) is is_there


@contextmanager
def survived(is_there: bool) -> Iterator[None]:
    """A block that fails where no database is there."""
    seen = ""
    try:
        yield
    except sqlalchemy.exc.OperationalError as exc:
        seen = said(exc)
    assert bool(seen) is not is_there


class Sick:
    """A server's health that changes at each look."""

    def __init__(self, complaints: list[str]) -> None:
        self.complaints = complaints

    def complaint(self) -> str:
        return self.complaints.pop(0)


def test_the_operator_reads_once_that_it_is_away_and_once_that_it_is_back() -> None:
    said: list[str] = []
    sick = Sick(["", "3 bytes are free", "2 bytes are free", "", "", "away"])
    looked: Any = sick
    health.watch(looked, said.append, lambda _seconds: not sick.complaints)
    assert said == [
        "cannot serve now: 3 bytes are free",
        "can serve again",
        "cannot serve now: away",
    ]
