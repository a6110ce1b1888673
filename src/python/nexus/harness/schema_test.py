"""The schema of a run's summary is printed whole, and nothing else is taken."""

from __future__ import annotations

import json

import pytest

from nexus.harness.schema import main
from nexus.harness.summary import json_schema


def test_the_schema_is_printed_in_a_fixed_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    captured = capsys.readouterr()
    assert captured.out == json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
    assert json.loads(captured.out)["properties"]["deterministic"]
    assert captured.err == ""


@pytest.mark.parametrize("argument", ["--more", "file.json"])
def test_an_argument_is_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([argument]) == 20
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert argument in captured.err
    assert captured.err.count("\n") == 1
