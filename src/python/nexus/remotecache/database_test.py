"""A database that will not do, and messages that come when a change is there to be seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy  # pants: no-infer-dep; it comes with BuildGrid
from buildgrid.server.scheduler.impl import Scheduler
from buildgrid.server.scheduler.notifier import BotNotifier, Notifier
from buildgrid.server.sql.provider import SqlProvider

from nexus.remotecache import database
from nexus.remotecache.database import DatabaseError
from nexus.remotecache.settings import LOOKING

PATIENCE_SECONDS = 60.0


@pytest.fixture(name="url")
def database_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for owner, name in (
        (SqlProvider, "__init__"),
        (SqlProvider, "_create_sqlalchemy_engine"),
        (SqlProvider, "session"),
        (Notifier, "_listen_for_updates"),
        (Scheduler, "_insert_on_conflict_do_nothing"),
    ):
        # Put back what `install` changes.
        monkeypatch.setattr(owner, name, getattr(owner, name))
    database.install()
    url = f"{database.SQLITE}{tmp_path / 'jobs.sqlite'}"
    database.prepare(url)
    return url


def test_what_was_made_is_taken_again_as_it_is(tmp_path: Path, url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as held:
        held.execute("PRAGMA application_id = 7")
        before = held.execute("PRAGMA schema_version").fetchone()
    database.prepare(url)
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as held:
        assert held.execute("PRAGMA application_id").fetchone() == (7,), "it is the same file"
        assert held.execute("PRAGMA schema_version").fetchone() == before, "with the same tables"


def test_one_of_another_schema_is_refused(tmp_path: Path, url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA user_version = 7")
    with pytest.raises(
        DatabaseError, match=f"tables of schema 7; this version has {database.SCHEMA}"
    ):
        database.prepare(url)


def test_tables_of_somebody_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(DatabaseError, match="tables of schema 0"):
        database.prepare(f"{database.SQLITE}{path}")


def test_one_that_is_locked_is_refused(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "OPEN_SECONDS_MAX", 0)
    holder = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="database is locked; another program has it open"):
        database.prepare(url)
    holder.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("hello " * 100)
    with pytest.raises(DatabaseError, match="file is not a database; move it away"):
        database.prepare(f"{database.SQLITE}{path}")


@pytest.mark.parametrize("url", ["", "mysql://u:secret@h/d", "postgres", "/a/path"])
def test_another_kind_is_refused_and_no_password_is_shown(url: str) -> None:
    with pytest.raises(
        DatabaseError, match="is not a kind of database; expected postgresql"
    ) as got:
        database.prepare(url)
    assert "secret" not in str(got.value)


def test_a_server_that_does_not_answer_is_refused_without_its_password() -> None:
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1/d: ") as caught:
        database.prepare("postgresql+psycopg2://u:secret@127.0.0.1:1/d")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2"])
def test_a_url_of_postgresql_gets_the_driver_that_is_installed(scheme: str) -> None:
    complete = database.complete_url(f"{scheme}://u@h:5/d?sslmode=require")
    assert complete == "postgresql+psycopg2://u@h:5/d?sslmode=require"


@pytest.fixture
def providers(url: str) -> Iterator[tuple[SqlProvider, SqlProvider]]:
    """A provider that writes and one that looks; the connections of both are closed at the end."""
    made = SqlProvider(connection_string=url), SqlProvider(connection_string=url, name=LOOKING)
    yield made
    for provider in made:
        with provider.session() as session:
            engine = session.get_bind()
        engine.dispose()


def take_back(provider: SqlProvider) -> None:
    with provider.session() as session:
        session.execute(sqlalchemy.text("NOTIFY job_assigned, 'bot';"))
        raise ZeroDivisionError


def test_a_message_comes_after_the_change_and_not_at_all_if_that_is_taken_back(
    providers: tuple[SqlProvider, SqlProvider],
) -> None:
    provider, looking = providers
    notifier = BotNotifier(provider)
    bot = "INSERT INTO instance_quotas (bot_cohort, instance_name) VALUES ('a', :name)"
    with notifier, notifier.subscription("bot") as told:
        while not database.MESSAGES.listeners:
            pass
        with pytest.raises(ZeroDivisionError):
            take_back(provider)
        assert not told.is_set()
        with provider.session() as session:
            session.execute(sqlalchemy.text(bot), {"name": "i"})
            session.execute(sqlalchemy.text("NOTIFY job_assigned, 'bot';"))
            # A reader looks in the middle, on the same thread.
            with looking.session() as other:
                count = sqlalchemy.text("SELECT count(*) FROM instance_quotas")
                assert other.execute(count).scalar() == 0
            assert not told.is_set()
        assert told.wait(PATIENCE_SECONDS)
        with looking.session() as other:
            assert other.execute(count).scalar() == 1
