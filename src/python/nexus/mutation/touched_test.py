"""The tests that a change concerns: callers of its function, and those that hide their calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.mutation import judge
from nexus.mutation.job import Answer, Job
from nexus.mutation.touched import Measured, codes_at, measured_of

SOURCE = """\
LIMIT = 3


def near(n):
    def inner():
        return n

    return inner() < LIMIT


class Far:
    SIZE = 4

    @staticmethod
    def far(
        n,
    ):
        return [
            n,
            5,
        ]
"""
TESTS = """\
import subprocess
import sys
import threading

import pytest

from nexus.a.rate import Far, near

FIRST = near(1)


@pytest.fixture
def far():
    return Far.far(1)


def test_near():
    near(2)


def test_a_fixture(far):
    pass


def test_a_thread():
    thread = threading.Thread(target=Far.far, args=(1,))
    thread.start()
    thread.join()


def test_a_program():
    subprocess.run([sys.executable, "-c", ""], check=True)


def test_nothing():
    pass


def test_a_failure():
    assert near(5)
"""
PATH = "src/python/nexus/a/rate.py"
FILE = "src/python/nexus/a/rate_test.py"


@pytest.mark.parametrize(
    ("line", "functions"),
    [(1, []), (4, [4]), (5, [4, 5]), (6, [4, 5]), (8, [4]), (12, []), (14, [14]), (20, [14])],
)
def test_a_line_belongs_to_each_function_around_it(line: int, functions: list[int]) -> None:
    assert sorted(codes_at(PATH, SOURCE, line)) == [(PATH, first) for first in functions]


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    folder = tmp_path / "src/python/nexus/a"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "rate.py").write_text(SOURCE)
    (folder / "rate_test.py").write_text(TESTS)
    return measured_of(ask(tmp_path, {"measure": FILE}))


def ask(root: Path, job: Job) -> Answer:
    done = subprocess.run(
        [sys.executable, judge.__file__],
        cwd=root,
        env=dict(os.environ, PYTHONPATH=str(root / "src/python")),  # As PythonJudge gives it.
        input=json.dumps(job) + "\n",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: Answer = json.loads(done.stdout)
    return answer


def test_tests_that_call_a_function_are_found_also_by_fixture_thread_and_program(
    measured: Measured,
) -> None:
    def concerned(line: int) -> set[str]:
        found = measured.concerned(codes_at(PATH, SOURCE, line))
        return {test.removeprefix(f"{FILE}::test_") for test in found}

    assert concerned(8) == {"near", "a_program"}
    assert concerned(18) == {"a_fixture", "a_thread", "a_program"}
    assert f"{FILE}::test_a_failure" not in measured.cpu, "it says nothing of a change"
    assert measured.is_near(codes_at(PATH, SOURCE, 8))
    assert not measured.is_near(frozenset([(PATH, 99)]))


def test_a_file_that_cannot_be_imported_has_no_tests(tmp_path: Path) -> None:
    (tmp_path / "rate_test.py").write_text("import nothing_at_all\n\ndef test_a(): pass\n")
    assert measured_of(ask(tmp_path, {"measure": "rate_test.py"})).cpu == {}
