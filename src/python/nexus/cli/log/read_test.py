"""`nexus log` against nodes that serve as processes of their own."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.cli.bus.bus_scene import ALLOW, Files, serving, write_files
from nexus.cli.log import read
from nexus.cli.main import COMMANDS, main
from nexus.core.identity import service_id
from nexus.dsoftbus.log_reader import LogReader
from nexus.wire.log import Level, Record

PERMITTED = f"""
[rate]
burst = 65535
per_second = 65535
{ALLOW}
[[allow]]
peer = "host-1"
service = "logd"
operations = ["query"]
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Two nodes' files in the current folder; host-1 may read node-b's log."""
    monkeypatch.chdir(tmp_path)
    return write_files(tmp_path, PERMITTED)


@pytest.fixture
def node(files: Files) -> Iterator[None]:
    """Run node-b; host-1 had an answer of it and a refusal."""
    with serving(files.folder, "bus", "serve", "--bundles=1"):
        assert main(["bus", "resolve", "node-b", "samgrd"]) == 70
        assert main(["bus", "query", "node-b"]) == 0
        yield


@pytest.mark.usefixtures("node")
def test_a_line_for_every_record(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["log", "node-b"]) == 0
    message = capsys.readouterr()
    assert message.err == ""
    when, *rest = zip(*(line.split(maxsplit=4) for line in message.out.splitlines()), strict=True)
    assert list(when) == sorted(when, key=float)
    assert rest == [
        ("info", "info"),
        ("dsoftbusd", "dsoftbusd"),
        ("dsoftbusd", "dsoftbusd"),
        (
            "audit remote call outcome=ok peer=host-1 service=samgrd op=6",
            "audit remote call outcome=ok peer=host-1 service=bundlemgrd op=1",
        ),
    ]


@pytest.mark.usefixtures("node")
def test_json_and_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    def told(*options: str) -> tuple[list[dict[str, object]], dict[str, object]]:
        capsys.readouterr()
        assert main(["log", "node-b", "--json", *options]) == 0
        *records, end = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert (end["outcome"], end["records"]) == ("ok", len(records))
        return records, end

    records, end = told()
    assert end == {"outcome": "ok", "records": 2, "dropped": 0, "missed": 0}
    first = records[0]
    assert {**first, "time_ns": 0} == {
        "event": "log-record",
        "id": 1,
        "time_ns": 0,
        "level": "info",
        "service": "dsoftbusd",
        "scope": "dsoftbusd",
        "text": "audit remote call outcome=ok peer=host-1 service=samgrd op=6",
        "fields": "",
    }
    assert told("--limit=1")[0] == [first]
    assert [record["id"] for record in told(f"--since={records[1]['time_ns']}")[0]][:1] == [2]
    assert told("--level=warn")[0] == []
    assert told("--level=info", "--limit=2")[0] == records
    assert told("--scope=dsoftbusd", "--limit=2")[0] == records
    assert told("--scope=logd")[0] == []


def test_a_peer_that_does_not_permit_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    with serving(tmp_path, "bus", "serve"):
        assert main(["log", "node-b"]) == 71
        words = capsys.readouterr()
        assert main(["log", "node-b", "--json"]) == 71
        values = capsys.readouterr()
    assert words.err.startswith("error: node-b refused the call")
    assert (words.err + words.out).count("\n") == 1
    assert json.loads(values.out)["outcome"] == "refused"
    assert (values.err + values.out).count("\n") == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 74),
        (["--config=none.toml"], 20),
        (["--level=loud"], 20),
        (["--limit=0"], 20),
        (["--since=-1"], 20),
        (["more"], 20),
    ],
)
@pytest.mark.usefixtures("files")
def test_a_failure_is_one_line_and_its_exit_code(
    options: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["log", "node-b", "--timeout=0.2", *options]) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert "log" in COMMANDS
    with pytest.raises(SystemExit) as ended:
        main(["log", "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Example: nexus log node-b --level warn" in shown
    assert "Exit codes" in shown


def test_a_text_from_elsewhere_does_not_reach_the_terminal_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = ("s\x1b[2J", "a\nb é", "k=v")
    read._show(Record(1, 1_000_000_002, Level.WARN, 7, *text), is_json=False)
    read._show(Record(2, 3, Level.ERROR, service_id("logd"), "", "x", ""), is_json=False)
    assert capsys.readouterr().out == (
        "1.000000002 warn 0x0000000000000007 s?[2J a?b ? k=v\n0.000000003 error logd x\n"
    )


@pytest.mark.parametrize(
    ("dropped", "missed", "said"),
    [
        (0, 0, ""),
        (5, 0, "note: node-b dropped 5 records\n"),
        (5, 2, "note: node-b dropped 5 records, 2 of them while it was read\n"),
    ],
)
def test_what_is_not_there_is_told(
    dropped: int, missed: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = LogReader()
    reader.dropped, reader.missed = dropped, missed
    read._tell_end(reader, 1, Namespace(json=False, peer="node-b"))
    assert capsys.readouterr() == ("", said)
