"""The judgement of runs of Pants; the runs themselves are the benchmark's."""

from __future__ import annotations

import json

import pytest

from nexus.bench.pipeline_judging import (
    Figure,
    WrongProcessesError,
    address_of,
    breakdown,
    require_all_found,
    require_dependents_only,
)
from nexus.bench.pipeline_run import (
    PipelineProcess,
    PipelineRun,
    parse_settings,
    parse_work_units,
)
from nexus.bench.pipeline_team import Turn, compare, span_of
from nexus.bench.started import RunFailedError

IMAGE = PipelineProcess("Build src/guest/services/policyd:policyd", "Ran", 400)
BOOT = PipelineProcess("Boot ci:os2vm_test", "Ran", 600)
SHELL = PipelineProcess("Test binary /bin/bash.", "Ran", 50)
FOUND = PipelineProcess("Boot ci:single_test", "HitLocally", 600)
CONCERNED = frozenset({"src/guest/services/policyd:policyd", "ci:os2vm_test"})


def unit(**values: object) -> dict[str, object]:
    return {"name": "process", "start_secs": 1, "start_nanos": 0, **values}


def test_work_units_of_processes_in_the_order_of_their_beginnings() -> None:
    units = [
        unit(
            description="Scheduling: Boot b:b",
            start_secs=2,
            duration_secs=3,
            duration_nanos=500_000_000,
            metadata={"source": "Ran", "total_elapsed_ms": 7},
        ),
        unit(name="setup_sandbox", description="other", metadata={}),
        unit(description="Scheduling: Boot a:a", metadata={"source": "HitRemotely"}),
        unit(description="Scheduling: Boot c:c", metadata={}),
    ]
    assert parse_work_units([json.dumps(units)]) == (
        PipelineProcess("Boot a:a", "HitRemotely", 0, began_s=1.0, ended_s=1.0),
        PipelineProcess("Boot b:b", "Ran", 7, began_s=2.0, ended_s=5.5),
    )


def test_settings_as_the_server_writes_them() -> None:
    text = "export PANTS_REMOTE_INSTANCE_NAME=main\nexport PANTS_X='a b'\n"
    assert parse_settings(text) == {"PANTS_REMOTE_INSTANCE_NAME": "main", "PANTS_X": "a b"}


@pytest.mark.parametrize(
    ("description", "address"),
    [
        (IMAGE.description, "src/guest/services/policyd:policyd"),
        ("Run Pytest for src/a_test.py:tests", "src/a_test.py:tests"),
        ("Test binary /bin/bash.", None),
        ("Building pytest_runner.pex", None),
        ("Find interpreter for constraints: CPython==3.11.*", None),
    ],
)
def test_address_of_a_process(description: str, address: str | None) -> None:
    assert address_of(description) == address


def test_breakdown_counts_only_what_ran() -> None:
    assert breakdown([IMAGE, BOOT, FOUND, SHELL]) == [
        "        0.6 s     1  boots of machines",
        "        0.4 s     1  images, libraries, machine code",
        "        0.1 s     1  else",
    ]


def test_what_depends_on_an_edit_may_run_and_must() -> None:
    assert require_dependents_only([IMAGE, BOOT, SHELL, FOUND], CONCERNED, 1) == 2


def test_a_process_that_need_not_run_is_named() -> None:
    stranger = PipelineProcess("Boot ci:single_test", "Ran", 1)
    with pytest.raises(WrongProcessesError, match="ran without need: Boot ci:single_test"):
        require_dependents_only([IMAGE, BOOT, stranger], CONCERNED, 1)


def test_a_test_that_was_left_out_is_noticed() -> None:
    old = PipelineProcess(BOOT.description, "HitLocally", 600)
    for processes in ([IMAGE], [IMAGE, old]):
        with pytest.raises(WrongProcessesError, match="1 tests depend on the edit, and 0 ran"):
            require_dependents_only(processes, CONCERNED, 1)


@pytest.mark.parametrize(("asked", "found"), [(0, 0), (3, 2)])
def test_a_shared_cache_that_has_not_all(asked: int, found: int) -> None:
    log = f"  remote_cache_requests: {asked}\n  remote_cache_requests_cached: {found}\n"
    with pytest.raises(WrongProcessesError, match=f"had {found} of {asked}"):
        require_all_found(PipelineRun(1.0, log, ()))


def test_workers_are_measured_from_the_first_process_to_the_last() -> None:
    processes = [
        PipelineProcess("Boot a:a", "Ran", 7, began_s=12.0, ended_s=15.0),
        PipelineProcess("Boot b:b", "Ran", 7, began_s=10.0, ended_s=11.0),
    ]
    assert span_of(processes) == 5.0
    with pytest.raises(RunFailedError):
        span_of([])


def test_two_workers_are_compared_with_one_by_the_middle_of_their_turns() -> None:
    turns = {1: [Turn(30.0, 5), Turn(90.0, 5), Turn(34.0, 5)], 2: [Turn(17.0, 5)] * 3}
    ratio, told = compare(turns)
    assert ratio == 2.0
    assert told == "34 s on one worker, 17 s on two, 3 turns each"


@pytest.mark.parametrize(
    ("is_least", "text"), [(True, "at least 1.6  ok"), (False, "at most 1.6  MISSED")]
)
def test_a_figure_is_held_to_its_side_of_the_target(is_least: bool, text: str) -> None:
    assert text in str(Figure("workers", 1.9, 1.6, "told", is_least=is_least))
