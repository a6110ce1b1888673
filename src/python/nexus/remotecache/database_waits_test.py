"""A database that takes connections and answers nothing holds nothing up."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import extensions

from nexus.remotecache import database_waits
from nexus.remotecache.postgresql_fake import frozen


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Waits that are bounded, and short; both taken back at the end."""
    monkeypatch.setattr(database_waits, "ANSWER_SECONDS_MAX", 0.2)
    monkeypatch.setattr(database_waits, "CONNECT_SECONDS_MAX", 0.1)
    database_waits.install()
    yield
    extensions.set_wait_callback(None)


def connect(port: int) -> extensions.connection:
    return psycopg2.connect(host="127.0.0.1", port=port, user="u", dbname="jobs")


def test_a_connection_that_is_not_answered_is_given_up() -> None:
    with (
        frozen(lets_in=False) as port,
        pytest.raises(psycopg2.OperationalError, match=r"no answer to a connection within 0\.1 s"),
    ):
        connect(port)


def test_a_statement_that_is_not_answered_is_given_up_and_its_connection_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A machine with other work may need longer for an answer that does come.
    monkeypatch.setattr(database_waits, "CONNECT_SECONDS_MAX", 60)
    with frozen(lets_in=True) as port:
        connection = connect(port)
        with pytest.raises(
            psycopg2.OperationalError, match=r"no answer to a statement within 0\.2 s"
        ):
            connection.cursor().execute("SELECT 1")
        assert connection.closed
