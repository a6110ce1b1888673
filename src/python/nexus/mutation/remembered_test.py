"""An answer is found again until the tests, or something that they import, are others."""

from __future__ import annotations

from pathlib import Path

from nexus.mutation.job import Answer
from nexus.mutation.remembered import Remembered

TEST = "src/python/nexus/a/rate_test.py"
FILES = {
    TEST: "from nexus.a import rate\n",
    "src/python/nexus/a/rate.py": "from nexus.a import clock\n",
    "src/python/nexus/a/clock.py": "NOW = 1\n",
    "src/python/nexus/a/other.py": "from nexus.a import rate\n",
    "src/python/nexus/mutation/judge.py": "",
}
PASSED: Answer = {"how": "passed", "failed": [], "cpu": {}}
FAILED: Answer = {"how": "failed", "failed": [TEST], "cpu": {}}
PLACES = {"settings": "pytest.ini"}
IMPORTED_BY = {
    "src/python/nexus/a/rate.py": {TEST, "src/python/nexus/a/other.py"},
    "src/python/nexus/a/clock.py": {"src/python/nexus/a/rate.py"},
}


def test_an_answer_holds_for_these_very_texts(tmp_path: Path) -> None:
    def remembered(**changed: str) -> Remembered:
        texts = FILES | {
            PLACES.get(name, f"src/python/nexus/{name}.py"): text for name, text in changed.items()
        }
        return Remembered(tmp_path / "kept", texts, IMPORTED_BY)

    assert remembered().find(TEST) is None
    remembered().keep(TEST, PASSED)
    assert remembered().find(TEST) == PASSED
    assert remembered(**{"a/other": "x = 1\n"}).find(TEST) == PASSED
    for name in ("a/rate_test", "a/rate", "a/clock", "mutation/judge", "conftest", "settings"):
        assert remembered(**{name: "x = 1\n"}).find(TEST) is None, name


def test_a_newer_answer_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    Remembered(tmp_path, FILES, IMPORTED_BY).keep(TEST, PASSED)
    changed = FILES | {TEST: "import nothing\n"}
    Remembered(tmp_path, changed, IMPORTED_BY).keep(TEST, FAILED)
    assert len(list(tmp_path.iterdir())) == 1
    assert Remembered(tmp_path, changed, IMPORTED_BY).find(TEST) == FAILED


def test_a_damaged_answer_is_none(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path, FILES, IMPORTED_BY)
    remembered.keep(TEST, PASSED)
    next(tmp_path.iterdir()).write_text("{")
    assert remembered.find(TEST) is None
