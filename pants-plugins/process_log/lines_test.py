"""The work units that become lines; no line has the value of a variable."""

from __future__ import annotations

import json
from typing import Any, Dict  # Any: work units are JSON, as Pants has it.

import pytest

from process_log.lines import line_of

DIGEST = {"digest": {"fingerprint": "ab", "size_bytes": 7}}
DEFINITION: Dict[str, Any] = {
    "description": "Run Pytest - a",
    "argv": ["tool"],
    "env": {"TOKEN": "secret-value", "A": "1"},
    "input_digests": {"complete": DIGEST},
    "output_files": ["out"],
    "output_directories": ["tree"],
    "execution_environment": {"platform": "Linux_x86_64"},
}


def unit(**metadata: Any) -> Dict[str, Any]:
    return {"name": "process", "metadata": {"definition": json.dumps(DEFINITION), **metadata}}


def test_a_process_that_was_found_is_a_line() -> None:
    line = line_of(unit(source="HitRemotely", total_elapsed_ms=5, saved_by_cache_ms=900))
    assert line is not None
    entry = json.loads(line)
    assert (entry["description"], entry["source"]) == ("Run Pytest - a", "HitRemotely")
    assert (entry["elapsed_ms"], entry["saved_ms"]) == (5, 900)
    assert (entry["inputs"], entry["outputs"]) == ("ab/7", ["out", "tree"])


def test_no_value_of_a_variable_is_written() -> None:
    line = line_of(unit(source="Ran"))
    assert line is not None
    assert "secret-value" not in line
    assert list(json.loads(line)["env"]) == ["A", "TOKEN"]


@pytest.mark.parametrize(
    "workunit",
    [
        {"name": "scandir"},
        {"name": "process"},
        {"name": "process", "metadata": {"definition": json.dumps(DEFINITION)}},
        {"name": "other", "metadata": {"definition": json.dumps(DEFINITION), "source": "Ran"}},
    ],
)
def test_what_is_not_a_process_that_ended_is_no_line(workunit: Dict[str, Any]) -> None:
    assert line_of(workunit) is None
