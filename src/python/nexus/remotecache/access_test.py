"""Scopes and the register: what each token may do, from its making to its revocation."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.remotecache import access
from nexus.remotecache.access import SCOPES, AccessError, Grant, Register

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = access.stamp(NOW + timedelta(hours=1))

WRITES = ("UpdateActionResult",)
EXECUTES = ("Execute", "WaitExecution")
WORKS = ("CreateBotSession", "UpdateBotSession")
READS = ("GetActionResult", "Read", "BatchReadBlobs")


def grant(name: str = "somebody", *scopes: str, number: str = "1") -> Grant:
    return Grant(number=number, name=name, scopes=scopes or ("read",), expires=LATER)


def render(**changes: object) -> str:
    """A register of one grant, changed by hand."""
    entry = {**asdict(grant()), **changes}
    return json.dumps({"format": access.FORMAT, "grants": [entry]})


@pytest.mark.parametrize(
    ("scope", "allowed", "refused"),
    [
        ("read", READS, (*WRITES, *EXECUTES, *WORKS, "ListWorkers", "Write", "BatchUpdateBlobs")),
        ("write", (*READS, *WRITES, "Write"), (*EXECUTES, *WORKS, "ListWorkers")),
        ("execute", (*READS, *EXECUTES, "Write"), (*WRITES, *WORKS, "ListOperations")),
        ("work", (*READS, *WORKS, "Write"), (*WRITES, *EXECUTES, "ListWorkers")),
        ("admin", ("ListWorkers", "CancelOperation"), (*WRITES, "Execute", *WORKS, "Write")),
    ],
)
def test_a_scope_allows_its_calls_and_no_others(
    scope: str, allowed: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    held = grant("somebody", scope)
    assert [held.refusal(call, NOW) for call in allowed] == [""] * len(allowed)
    assert all(held.refusal(call, NOW).startswith("needs scope") for call in refused)


@pytest.mark.parametrize("scope", SCOPES)
def test_no_scope_allows_a_call_that_nobody_thought_of(scope: str) -> None:
    assert grant("a", scope).refusal("Whatever", NOW) == "needs scope that does not exist"


def test_a_grant_ends() -> None:
    assert grant().refusal("Read", NOW + timedelta(hours=1)) == f"expired {LATER}"


def test_a_revoked_name_is_refused_at_the_next_look_and_may_be_granted_anew(tmp_path: Path) -> None:
    writing, reading = Register(tmp_path / "r.json"), Register(tmp_path / "r.json")
    writing.add(grant(number="1"))
    assert reading.grants()["1"].refusal("Read", NOW) == ""
    writing.revoke("somebody", NOW)
    assert reading.grants()["1"].refusal("Read", NOW) == f"revoked {access.stamp(NOW)}"
    writing.add(grant(number="2"))
    assert reading.grants()["2"].refusal("Read", NOW) == ""
    assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o600


def test_a_name_holds_once(tmp_path: Path) -> None:
    register = Register(tmp_path / "r.json")
    register.add(grant())
    with pytest.raises(AccessError, match="'somebody' has a token already"):
        register.add(grant(number="2"))


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a/b", "a" * 64, "ä", "a\n"])
def test_what_is_not_a_name_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="is not a name; expected 1 to 63"):
        Register(tmp_path / "r.json").add(grant(name))


def test_revoking_a_stranger_names_those_there_are(tmp_path: Path) -> None:
    register = Register(tmp_path / "r.json")
    register.add(grant("ci"))
    with pytest.raises(AccessError, match="--revoke: 'co' has no valid token; expected one of: ci"):
        register.revoke("co", NOW)


def test_scopes_are_read_and_a_wrong_one_is_named() -> None:
    assert access.parse_scopes("read, write,read") == ("read", "write")
    with pytest.raises(AccessError, match="'writ' is not a scope; expected one of read, write"):
        access.parse_scopes("read,writ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a register"),
        ("[]", "is not a register"),
        ("{}", "is not a register"),
        ('{"format": 2, "grants": []}', "format 2; this version reads 1"),
        ('{"format": 1, "grants": [{}]}', "is not a register"),
        ('{"format": 1, "grants": 3}', "is not a register"),
        ("[" * 100_000, "is not a register"),
        (render(expires="2026-01-02T03:04:05"), "has no time zone"),
        (render(expires=7), "is not a register"),
        (render(name="../x"), "'../x' is not a name"),
        (render(revoked=True), "must be text"),
        (render(number=1), "must be text"),
        (render(scopes="read"), "'r' is not a scope"),
        (render(more=1), "is not a register"),
    ],
)
def test_a_register_that_is_damaged_lets_nobody_in(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(AccessError, match=said):
        Register(path).grants()


def test_bytes_that_are_no_text_let_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(b"\xff")
    with pytest.raises(AccessError, match="is not a register"):
        Register(tmp_path / "r.json").grants()


def test_a_number_that_is_there_twice_lets_nobody_in() -> None:
    with pytest.raises(AccessError, match="a number is there twice"):
        access.parse_register(access.render_register([grant("a"), grant("b")]), "r")


def test_a_register_with_a_scope_of_another_version_is_refused() -> None:
    text = access.render_register([grant("a", "read")]).replace('"read"', '"fly"')
    with pytest.raises(AccessError, match="a: 'fly' is not a scope"):
        access.parse_register(text, "r")


@given(
    st.lists(
        st.builds(
            Grant,
            number=st.text("0123456789abcdef", min_size=16, max_size=16),
            name=st.from_regex(access.NAME, fullmatch=True),
            scopes=st.lists(st.sampled_from(sorted(SCOPES)), min_size=1).map(tuple),
            expires=st.just(LATER),
            revoked=st.sampled_from(["", LATER]),
        ),
        unique_by=lambda made: made.number,
    )
)
def test_a_register_is_read_as_it_was_written(grants: list[Grant]) -> None:
    read = access.parse_register(access.render_register(grants), "r")
    assert list(read.values()) == grants


def test_every_truncation_of_a_register_lets_nobody_in() -> None:
    text = access.render_register([grant()]).rstrip()
    for end in range(len(text)):
        with pytest.raises(AccessError):
            access.parse_register(text[:end], "r")
    assert json.loads(text)
