"""`nexus bus call` as far as it needs no peer: what is asked, and how an answer is shown."""

from __future__ import annotations

import json

import pytest

from nexus.cli.bus.call import find, parse, plain
from nexus.cli.main import main
from nexus.contract import log, packagefs, state
from nexus.core.errors import UsageError

PARSED: list[tuple[str, str, list[str], object]] = [
    ("statefsd", "put", ["key=/k", "value=a=b"], state.PutParams("/k", b"a=b")),
    ("statefsd", "put", ["value=hex:00ff", "key=/k"], state.PutParams("/k", b"\0\xff")),
    ("statefsd", "list", ["prefix=", "limit=0x10"], state.ListParams("", 16)),
    ("statefsd", "sync", [], state.SyncParams()),
    ("packagefsd", "read", ["handle=1", "offset=2", "length=3"], packagefs.ReadParams(1, 2, 3)),
]


@pytest.mark.parametrize(("service", "name", "values", "params"), PARSED)
def test_parameters_are_read(service: str, name: str, values: list[str], params: object) -> None:
    assert parse(find(service, name), values) == params


MISTAKES = [
    ("statefs", "get", [], "service: 'statefs' is not one of samgrd"),
    ("statefs", "get", [], "did you mean 'statefsd'"),
    ("statefsd", "got", [], "method: 'got' is not one of put, get, delete"),
    ("statefsd", "get", ["kee=1"], "get takes key=...; did you mean 'key'"),
    ("statefsd", "get", ["key"], "'key': get takes key=..."),
    ("statefsd", "get", ["key=a", "key=b"], "key: given twice"),
    ("statefsd", "put", ["key=a"], "put needs value=..."),
    ("statefsd", "sync", ["a=b"], "sync takes no parameters"),
    ("statefsd", "get", ["key=" + "k" * 97], "key: 97 bytes; expected at most 96"),
    (
        "statefsd",
        "put",
        ["key=a", "value=hex:0"],
        "value: 'hex:0'; expected hex: and pairs of digits",
    ),
    ("statefsd", "list", ["prefix=", "limit=-1"], "limit: '-1'; expected a number from 0 to 65535"),
    ("statefsd", "list", ["prefix=", "limit=x"], "limit: 'x'; expected a number from 0 to 65535"),
    ("statefsd", "list", ["prefix=", "limit= 7"], "limit: ' 7'; expected a number from 0 to 65535"),
]


@pytest.mark.parametrize(("service", "name", "values", "said"), MISTAKES)
def test_a_mistake_names_what_is_accepted(
    service: str, name: str, values: list[str], said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parse(find(service, name), values)
    assert said in str(caught.value)


def test_an_answer_is_shown_as_what_json_has() -> None:
    record = log.Record(1, 2, log.Level.WARN, 3, "s", "m", "f")
    assert plain(log.QueryResults(log.Status.RATE_LIMITED, 4, 5, (record,))) == {
        "status": "rate-limited",
        "total": 4,
        "dropped": 5,
        "records": [
            {
                "id": 1,
                "time_ns": 2,
                "level": "warn",
                "service": 3,
                "scope": "s",
                "message": "m",
                "fields": "f",
            }
        ],
    }
    assert plain(state.GetResults(None, b"\0")) == {"status": None, "value": "hex:00"}
    assert plain(state.GetResults(value=b"text"))["value"] == "text"
    assert plain(state.GetResults(value=b"hex:00"))["value"] == "hex:6865783a3030"


def test_a_mistake_ends_with_20(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus", "call", "node-b", "statefsd", "gett"]) == 20
    assert "did you mean 'get'?" in capsys.readouterr().err


def test_the_schema_lists_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus", "schema", "methods"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["statefsd get"]["parameters"] == {"key": "text, at most 96 bytes"}
