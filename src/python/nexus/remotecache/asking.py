"""A foreign server: what is asked of it, and the lines that say what it does."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import grpc  # pants: no-infer-dep; it comes with BuildGrid
from google.protobuf.message import DecodeError  # pants: no-infer-dep; it comes with BuildGrid

from nexus.remotecache.client import Client, EndedError
from nexus.remotecache.connection import Remote, describe
from nexus.remotecache.processes import ServerError, SettingError
from nexus.remotecache.settings import INSTANCE

# The first answer, and codes that gRPC itself gives where there is none.
FIRST_SECONDS: Final = 20.0
SILENCES: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED")

REFUSALS: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class DifferentError(Exception):
    """The server does something else; the text says what."""


class NotAskedError(Exception):
    """The case needs something that is not there; the text says what."""


@dataclass
class Asked:
    """A server, and a salt that no earlier run has used."""

    remote: Remote
    instance: str = INSTANCE
    salt: str = field(default_factory=lambda: secrets.token_hex(8))

    @contextlib.contextmanager
    def client(self, remote: Remote | None = None, instance: str | None = None) -> Iterator[Client]:
        """A connection, with another token or instance if told."""
        with Client(
            remote or self.remote, self.instance if instance is None else instance
        ) as client:
            yield client

    def blob(self, text: str) -> bytes:
        """Bytes that no client has written before."""
        return f"{self.salt} {text}".encode()


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    verdict: str
    text: str = ""


def play(case: Callable[[Asked], None], asked: Asked) -> Row:
    """Play one."""
    name = case.__name__.replace("_", " ")
    try:
        case(asked)
    except NotAskedError as exc:
        return Row(name, "NOT TRIED", str(exc))
    except DifferentError as exc:
        return Row(name, "differs", str(exc))
    except grpc.RpcError as exc:
        return Row(name, "differs", describe(exc))
    except (IndexError, ValueError, DecodeError, EndedError) as exc:
        # Another server may answer anything.
        return Row(name, "differs", f"an answer that cannot be: {type(exc).__name__}: {exc}")
    return Row(name, "same")


def hold_answer(asked: Asked) -> None:
    """Ask a first question, so that a server that answers none is not asked them all.

    Raises:
        ServerError: nothing there answers, or it does not speak gRPC.
        SettingError: it does not take the token, or wants one.
    """
    try:
        with asked.client() as client:
            client.describe(FIRST_SECONDS)
    except grpc.RpcError as exc:
        code, address = exc.code().name, asked.remote.address
        if code in SILENCES:
            raise ServerError(
                f"{address}: does not answer as a server of the Remote Execution API would "
                f"({describe(exc)})"
            ) from exc
        if code in REFUSALS:
            given = asked.remote.token
            token = (
                f"--token: {given}: {address} does not take it"
                if given
                else (f"--token: is missing; {address} wants one")
            )
            raise SettingError(f"{token} ({describe(exc)})") from exc


def render(rows: Sequence[Row]) -> str:
    """The table."""
    width = max(len(row.name) for row in rows)
    return "".join(
        f"{row.name:{width}}  {row.verdict:9}  {row.text}".rstrip() + "\n" for row in rows
    )


def expect(what: str, seen: object, wanted: object) -> None:
    """Compare."""
    if seen != wanted:
        raise DifferentError(f"{what}: {seen!r}, ours {wanted!r}")


def code_of(call: Callable[[], object]) -> str:
    """The end of a call."""
    try:
        call()
    except grpc.RpcError as exc:
        return str(exc.code().name)
    return "OK"
