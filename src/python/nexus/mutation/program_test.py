"""The program on a small repository: what is killed, what survives, what it exits with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nexus.entry.program import EXIT_CONFIG, EXIT_HOST
from nexus.mutation import judge
from nexus.mutation.program import EXIT_BELOW, main

HERE = Path(__file__).parent
RATE = "def is_open(n):\n    return n < 3\n\n\ndef spin(n):\n    while n > 0:\n        n = n - 1\n"
RATE_TEST = (
    "from nexus.a.rate import is_open, spin\n\n\ndef test_is_open():\n"
    "    assert is_open(2) and not is_open(3)\n\n\ndef test_spin():\n    spin(2)\n"
)


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "re po"
    folder = root / "src/python/nexus/a"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "rate.py").write_text(RATE)
    (folder / "rate_test.py").write_text(RATE_TEST)
    (root / "src/guest").mkdir()
    (root / "src/guest/BUILD").touch()
    tool = root / "src/python/nexus/mutation"
    tool.mkdir()
    for source in (Path(judge.__file__), HERE / "equivalent.toml"):
        shutil.copy(source, tool / source.name)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def run(root: Path, *arguments: str) -> int:
    options = ("--root", str(root), "--python", sys.executable, "--zig", "zig")
    folders = ("--out", str(root / "out"), "--measured", str(root / "measured"))
    return main([*options, *folders, *arguments])


def fates(root: Path) -> dict[int, str]:
    mutants = json.loads((root / "out/mutants.json").read_text())["mutants"]
    return {each["line"]: each["fate"] for each in mutants}


def test_a_bound_is_held_by_a_test_and_a_loop_without_end_is_stopped(root: Path) -> None:
    rate = root / "src/python/nexus/a/rate.py"
    before = rate.read_bytes()
    code = run(root, "src/python/nexus/a/rate.py", "--least", "100")
    found = fates(root)
    assert found[2] == "killed"
    assert set(found) == {2, 6, 7}
    assert code == (0 if "survived" not in found.values() else EXIT_BELOW)
    assert rate.read_bytes() == before, "the tree of the user is not touched"


def test_a_fault_that_no_test_meets_survives(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = root / "src/python/nexus/a/rate_test.py"
    test.write_text("from nexus.a.rate import is_open\n\n\ndef test_none():\n    is_open\n")
    assert run(root, "src/python/nexus/a", "--least", "50") == EXIT_BELOW
    assert set(fates(root).values()) == {"survived"}
    assert "nearest test: src/python/nexus/a/rate_test.py (1 of 1 ran)" in capsys.readouterr().out


def test_warnings_may_be_errors(root: Path) -> None:
    (root / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    run(root, "src/python/nexus/a/rate.py")
    assert fates(root)[2] == "killed"


def test_a_fault_whose_only_tests_cannot_run_is_not_called_a_survivor(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = "src/python/nexus/a/rate_test.py"
    (root / test).write_text("from nexus.a.rate import missing\n")
    assert run(root, "src/python/nexus/a") == EXIT_HOST
    said = capsys.readouterr()
    assert f"left out: {test} fails without a change" in said.out
    assert f"{test}: fails without a change, and nothing else tests" in said.err


def test_only_the_lines_of_a_change_are_tried(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "src/python", "--since", "HEAD") == 0
    assert "NOT TRIED" in capsys.readouterr().out
    assert run(root, "src/python", "--last-commit") == 0
    assert "NOT TRIED" in capsys.readouterr().out, "there is one commit"
    (root / "src/python/nexus/a/rate.py").write_text(RATE.replace("n < 3", "n < 1 + 2"))
    assert run(root, "src/python", "--since", "HEAD") == 0
    assert fates(root) == {2: "killed"}
    git(root, "commit", "-qam", "second")
    assert run(root, "src/python", "--last-commit") == 0
    assert fates(root) == {2: "killed"}


def test_a_run_that_is_interrupted_tries_no_more_and_keeps_what_it_found(root: Path) -> None:
    number = 40
    text = "".join(f"def low_{n}(n):\n    return n < {n}\n\n\n" for n in range(number))
    (root / "src/python/nexus/a/rate.py").write_text(text)
    (root / "src/python/nexus/a/rate_test.py").write_text("from nexus.a import rate\n")
    options = ["--root", str(root), "--python", sys.executable, "--zig", "zig"]
    folders = ("--out", str(root / "out"), "--measured", str(root / "measured"))
    words = [*options, *folders, "src/python/nexus/a"]
    with subprocess.Popen(
        [sys.executable, "-m", "nexus.mutation.program", *words],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert first.startswith("1/40 ")
    assert process.returncode not in (0, EXIT_BELOW)
    tried = 1 + rest.count("/40 ")
    assert tried < number
    assert len(fates(root)) == tried


def test_a_run_goes_on_where_an_earlier_one_ended(root: Path) -> None:
    rate, test = (root / f"src/python/nexus/a/{name}.py" for name in ("rate", "rate_test"))
    text = "def low(n):\n    return n < 3\n\n\ndef high(n):\n    return not n\n"
    rate.write_text(text)
    unaware = "from nexus.a.rate import low\n\n\ndef test_none():\n    low\n"
    aware = (
        "from nexus.a.rate import high, low\n\n\ndef test_both():\n"
        "    assert low(2) and not low(3) and not low(4) and high(0) and not high(1)\n"
    )
    test.write_text(unaware)
    run(root, "src/python/nexus/a", "--sample", "1")
    assert list(fates(root).values()) == ["survived"]
    test.write_text(aware)
    run(root, "src/python/nexus/a", "--sample", "2", "--resume")
    assert list(fates(root).values()) == ["survived", "killed"], "what is known is not tried again"
    run(root, "src/python/nexus/a", "--sample", "2", "--resume", "--again")
    assert list(fates(root).values()) == ["killed", "killed"]
    test.write_text(unaware)
    run(root, "src/python/nexus/a", "--sample", "2", "--resume", "--again")
    assert list(fates(root).values()) == ["killed", "killed"], "only survivors are tried again"
    rate.write_text("# One line further down.\n" + text)
    run(root, "src/python/nexus/a", "--resume")
    assert fates(root) == {3: "survived", 7: "survived"}, "elsewhere it is another fault"


def test_only_a_report_of_the_same_seed_is_gone_on_from(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "src/python/nexus/a", "--sample", "1") == 0
    assert run(root, "src/python/nexus/a", "--resume", "--seed", "2") == EXIT_CONFIG
    assert (
        "was drawn with seed 1, not 2; give --seed 1, or another --out" in capsys.readouterr().err
    )
    (root / "out/mutants.json").write_text("{}")
    assert run(root, "src/python/nexus/a", "--resume") == EXIT_CONFIG
    assert "mutants.json is not a report of this program" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("src/python/none",), "src/python/none: there is no such"),
        (("../",), "../: there is no such"),
        (("src/python/nexus/a/rate_test.py",), "has no Python or zig to change"),
        (
            ("src/python", "--since", "nothing"),
            "--since nothing: git knows no such commit in this clone",
        ),
    ],
)
def test_a_mistake_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], named: str
) -> None:
    assert run(root, *arguments) == EXIT_CONFIG
    shown = capsys.readouterr().err
    assert named in shown
    assert shown.count("\n") == 1


def test_a_test_that_fails_behind_another_without_a_change_says_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root / "src/python/nexus/a"
    (folder / "rate.py").write_text("def low(n):\n    return n < 3\n")
    (folder / "state.py").write_text("SEEN = []\n")
    # Each passes by itself; the last one fails where another ran in the same process before.
    texts = {
        "rate_test.py": "from nexus.a.rate import low\n\n\ndef test_low():\n    low\n",
        "one_test.py": (
            "from nexus.a import rate\nfrom nexus.a.state import SEEN\n\n\n"
            "def test_one():\n    SEEN.append(1)\n"
        ),
        "two_test.py": (
            "from nexus.a import rate\nfrom nexus.a.state import SEEN\n\n\n"
            "def test_two():\n    assert not SEEN\n"
        ),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    run(root, "src/python/nexus/a/rate.py")
    assert set(fates(root).values()) == {"survived"}
    assert "two_test.py::test_two fails without a change" in capsys.readouterr().out


def test_tests_that_a_fault_gives_other_names_run_under_these(root: Path) -> None:
    folder = root / "src/python/nexus/a"
    (folder / "rate.py").write_text("LIMIT = 3\n")
    (folder / "rate_test.py").write_text(
        "import pytest\n\nfrom nexus.a.rate import LIMIT\n\n\n"
        "@pytest.mark.parametrize('n', [LIMIT])\ndef test_limit(n):\n    assert n == 3\n"
    )
    run(root, "src/python/nexus/a/rate.py")
    assert fates(root) == {1: "killed"}


def test_a_test_that_failed_once_without_a_fault_is_measured_again(root: Path) -> None:
    busy = root / "busy"
    busy.touch()
    (root / "src/python/nexus/a/rate_test.py").write_text(
        "import os\n\nfrom nexus.a.rate import is_open\n\n\ndef test_is_open():\n"
        f"    assert not os.path.exists({str(busy)!r})\n"
        "    assert is_open(2) and not is_open(3)\n"
    )
    run(root, "src/python/nexus/a", "--sample", "1")
    assert list(fates(root).values()) == ["survived"]
    busy.unlink()
    run(root, "src/python/nexus/a")
    assert fates(root)[2] == "killed"
