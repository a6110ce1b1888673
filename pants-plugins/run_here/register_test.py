"""The variables of a program that starts here while workers execute everything else."""

from __future__ import annotations

import pytest  # pants: no-infer-dep
from pants.engine.platform import Platform

from run_here.register import parse_variables, place_of, variables_here

HERE = {"PATH": "/home/ann/bin:/usr/bin", "HOME": "/home/ann"}
THERE = {"PATH": "/usr/bin", "https_proxy": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (THERE, HERE),
        ({**THERE, "PEX_ROOT": ".cache"}, {**HERE, "PEX_ROOT": ".cache"}),
        ({**THERE, "PATH": "/opt"}, {**HERE, "PATH": "/opt"}),
        ({**THERE, "HOME": "/nonexistent"}, {"PATH": HERE["PATH"], "HOME": "/nonexistent"}),
        ({}, HERE),
    ],
    ids=["machine", "more", "instead-of-theirs", "instead-of-ours", "nothing"],
)
def test_a_program_has_the_variables_of_its_machine_and_what_its_rule_sets(
    asked: dict, given: dict
) -> None:
    assert variables_here(asked, THERE, HERE) == given


@pytest.mark.parametrize(
    ("said", "variables"),
    [
        (b"", {}),
        (b"PATH=/usr/bin\0", {"PATH": "/usr/bin"}),
        (b"A=b=c\0EMPTY=\0", {"A": "b=c", "EMPTY": ""}),
        (b"LINES=one\ntwo\0", {"LINES": "one\ntwo"}),
        (b"a word\0A=b", {"A": "b"}),
        (b"A=\xff\0", {"A": "\ufffd"}),
    ],
    ids=["none", "one", "equals-and-empty", "lines", "no-variable", "not-utf-8"],
)
def test_variables_of_a_worker_are_read(said: bytes, variables: dict) -> None:
    assert parse_variables(said) == variables


def test_a_program_starts_on_this_machine_and_processes_on_workers() -> None:
    here = place_of(remote=False)
    worker = place_of(remote=True, properties=("network=on", "note=a=b"))

    assert (here.remote_execution, here.platform) == (False, Platform.create_for_localhost().value)
    assert (worker.remote_execution, worker.platform) == (True, Platform.linux_x86_64.value)
    assert worker.remote_execution_extra_platform_properties == [("network", "on"), ("note", "a=b")]
