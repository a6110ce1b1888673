"""The gate: which callers it lets in, which it refuses, and what the audit says of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any  # Any: claims of a token, and a fake of gRPC.

import jwt
import pytest

from nexus.remotecache import credentials
from nexus.remotecache.audit import NOBODY, Audit, Caller, caller
from nexus.remotecache.authorization import Gate
from nexus.remotecache.credentials import Credentials
from nexus.remotecache.settings import AUDIENCE, INSTANCE, READER, WRITER

DAY = timedelta(days=1)
PEER = "ipv4:10.0.0.9:1234"


class Context:
    """The context of a call, as grpc gives it."""

    def __init__(self, token: str | None = None, name: bytes | None = None) -> None:
        self.metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        self.channel = {} if name is None else {"x509_common_name": [name]}

    def peer(self) -> str:
        return PEER

    def invocation_metadata(self) -> list[tuple[str, str]]:
        return self.metadata

    def auth_context(self) -> dict[str, list[bytes]]:
        return self.channel


class Place:
    """A gate over keys in a folder."""

    def __init__(self, folder: Path) -> None:
        self.made = credentials.create(folder / "keys", lifetime=DAY)
        self.counted: list[str] = []
        self.folder = folder
        self.now = datetime.now(UTC)
        secret = self.made.token_secret.read_text(encoding="ascii")
        self.audit = Audit(folder / "audit")
        self.gate = Gate(
            self.made.register,
            secret,
            self.audit,
            self.counted.append,
            lambda: self.now,
        )

    def token(self, name: str) -> str:
        return self.made.token(name).read_text(encoding="ascii")

    def asks(self, context: Any, call: str = "GetActionResult", instance: str = INSTANCE) -> bool:
        return self.gate.authorize(context, instance, call)

    def refusals(self) -> list[dict[str, str]]:
        text = (self.folder / "audit" / "refused.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(name="place")
def gate_place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.audit.close()


def test_whoever_has_the_scope_is_let_in_and_known(place: Place) -> None:
    assert place.asks(Context(place.token(WRITER)), "UpdateActionResult")
    who = caller.get()
    assert (who.name, who.peer, who.call) == (WRITER, PEER, "UpdateActionResult")
    assert place.refusals() == []


def test_a_reader_is_refused_whatever_writes(place: Place) -> None:
    reader = Context(place.token(READER))
    assert place.asks(reader)
    assert not place.asks(reader, "UpdateActionResult")
    assert not place.asks(reader, "Execute")
    assert not place.asks(reader, "CreateBotSession")
    assert place.counted == ["UpdateActionResult", "Execute", "CreateBotSession"]
    assert {line["by"] for line in place.refusals()} == {READER}


def forged(made: Credentials, **changes: Any) -> str:
    secret = made.token_secret.read_text(encoding="ascii")
    number = next(iter(made.register.grants()))
    claims = {"sub": WRITER, "aud": AUDIENCE, "jti": number, "exp": 2**31, **changes}
    key = changes.pop("key", secret)
    claims = {name: value for name, value in claims.items() if value is not None}
    claims.pop("key", None)
    return jwt.encode(claims, key, algorithm="HS256")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": "x" * 64}, "not a token of this server"),
        ({"aud": "other"}, "not a token of this server"),
        ({"jti": None}, "not a token of this server"),
        ({"sub": None}, "not a token of this server"),
        ({"exp": None}, "not a token of this server"),
        ({"exp": 1}, "expired token"),
        ({"jti": "f" * 16}, "a token that the register does not list"),
        # The name of another, with a number of one's own.
        ({"sub": READER}, "a token that the register does not list"),
    ],
)
def test_a_token_that_proves_nothing_is_refused(
    changes: dict[str, Any], reason: str, place: Place
) -> None:
    assert not place.asks(Context(forged(place.made, **changes)))
    assert place.refusals()[-1]["reason"].startswith(reason)
    assert place.refusals()[-1]["by"] == ""


def test_the_forgeries_above_differ_from_a_good_token_in_that_alone(place: Place) -> None:
    assert place.asks(Context(forged(place.made)))


@pytest.mark.parametrize("metadata", [[], [("authorization", "Basic eA==")]])
def test_whoever_has_no_token_is_refused(metadata: list[tuple[str, str]], place: Place) -> None:
    context = Context()
    context.metadata = metadata
    assert not place.asks(context)
    assert place.refusals()[-1]["reason"] == "no token"


def test_a_name_in_a_message_proves_nothing(place: Place) -> None:
    context = Context(place.token(READER))
    context.metadata += [("x-request-subject", WRITER), ("x-request-actor", WRITER)]
    assert not place.asks(context, "UpdateActionResult")
    assert place.asks(context)
    assert caller.get().name == READER


def test_a_token_is_revoked_without_a_restart(place: Place) -> None:
    context = Context(place.token(WRITER))
    assert place.asks(context)
    place.made.register.revoke(WRITER, place.now)
    assert not place.asks(context)
    assert place.refusals()[-1]["reason"].startswith("revoked")


def test_the_register_ends_a_token_too(place: Place) -> None:
    context = Context(place.token(WRITER))
    place.now += 2 * DAY
    assert not place.asks(context)
    assert place.refusals()[-1]["reason"].startswith("expired")


def test_a_client_with_a_certificate_is_who_that_says(place: Place) -> None:
    assert place.asks(Context(name=WRITER.encode()), "UpdateActionResult")
    assert caller.get().name == WRITER
    assert not place.asks(Context(name=READER.encode()), "UpdateActionResult")
    assert not place.asks(Context(name=b"stranger"))
    assert "'stranger'" in place.refusals()[-1]["reason"]


def test_a_certificate_does_not_outlive_its_grant(place: Place) -> None:
    number = next(n for n, g in place.made.register.grants().items() if g.name == WRITER)
    context = Context(name=f"{WRITER}:{number}".encode())
    assert place.asks(context)
    place.made.register.revoke(WRITER, place.now)
    credentials.grant(place.made, WRITER, ["write"], lifetime=DAY)
    assert not place.asks(context)
    assert place.refusals()[-1]["reason"].startswith("revoked")


def test_without_a_register_nobody_is_let_in(place: Place) -> None:
    context = Context(place.token(WRITER))
    place.made.register.path.write_text("damaged")
    assert not place.asks(context)


def test_another_instance_is_refused_by_its_name(place: Place) -> None:
    assert not place.asks(Context(place.token(WRITER)), instance="nope\n{}")
    assert place.refusals()[-1]["reason"] == "no instance 'nope\\n{}'"


def test_no_token_is_in_the_audit(place: Place) -> None:
    tokens = [place.token(name) for name in (WRITER, READER)]
    for token in tokens:
        place.asks(Context(token), "Whatever")
    place.gate.audit.result("a/1", "b/2", "written")
    text = "".join(path.read_text() for path in (place.folder / "audit").iterdir())
    assert not any(part in text for token in tokens for part in token.split("."))


def test_the_audit_of_a_result_names_caller_and_digests(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit")
    reset = caller.set(Caller("ci", "7", PEER, "UpdateActionResult"))
    audit.result("a/1", "b/2", "written")
    caller.reset(reset)
    audit.close()
    line = json.loads((tmp_path / "audit" / "results.jsonl").read_text())
    del line["time"]
    assert line == {
        "by": "ci",
        "token": "7",
        "peer": PEER,
        "call": "UpdateActionResult",
        "action": "a/1",
        "result": "b/2",
        "outcome": "written",
    }
    assert NOBODY.name == ""
