"""Each habit: what breaks it is found, what keeps it is not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ci import tidy
from ci.tidy_documents import MUTANTS
from ci.tidy_python import find_circles
from ci.tidy_source import Source

LONG = "word " * 21
HASH = "#"  # So that no line here silences a checker itself.


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("a.md", LONG, "105 columns"),
        ("a.md", f"```\n{LONG}\n```\n", None),
        ("a.md", f"| {LONG} |", None),
        ("a.md", f"    {LONG}", None),
        ("a.md", f"`{LONG}`:", None),
        ("a.md", f"```\n```\n{LONG}", "a.md:3: "),
        ("CHANGELOG.md", LONG, None),
        ("a.zig", f"// {LONG}", "108 columns"),
        ("a.zig", f"    \\\\{LONG}", None),
        ("src/python/nexus/x.py", "from nexus.core.y_fake import Z", "imports nexus.core.y_fake"),
        ("src/python/nexus/x.py", "import nexus.core.y_cases", "imports nexus.core.y_cases"),
        ("src/python/nexus/x_test.py", "from nexus.core.y_fake import Z", None),
        ("src/python/nexus/x_fake.py", "from nexus.core.y_fake import Z", None),
        ("src/python/nexus/fuzz/x.py", "from nexus.core.y_fake import Z", None),
        ("x.py", f"a = b  {HASH} type: ignore[misc]", "'type: ignore[misc]' needs its reason"),
        ("x.py", f"a = b  {HASH} type: ignore", "'type: ignore' needs its reason"),
        ("x.py", f"a = b  {HASH} type: ignore[misc]  # No type fits.", None),
        ("x.py", f"a = b  {HASH} noqa: B009", "'noqa: B009' needs its reason"),
        ("x.py", f"a = b  {HASH} noqa: B009, E501 - private", None),
        ("x.py", "from typing import Any\na: Any = 1", "x.py:2: `Any` needs its reason"),
        ("x.py", f"from typing import Any\na: Any = 1  {HASH} From capnp.", None),
        ("x.py", f"from typing import Any  {HASH} Any: from capnp.\na: Any = 1", None),
        ("x.py", f"from typing import Any  {HASH} of capnp\na: Any = 1", "`Any` needs its reason"),
        ("x.py", '"""Any one."""\nfrom typing import Any', None),
        ("x.py", 'a = ["b",\n *("-M", "virt")]', "x.py:2: a splat of written items"),
        ("x.py", "f(*[1, 2])", "x.py:1: a splat of written items"),
        ("x.py", "f(*(a for a in b), *[a] * 2, *(a or b))", None),
        ("x.py", "*(a, b), c = d", None),
        ("src/guest/services/logd/core.zig", "var x: u8 = 0;", "`var x` is state"),
        ("src/guest/services/logd/core.zig", "pub var x: u8 = 0;", "`var x` is state"),
        ("src/guest/services/logd/core.zig", "    var x: u8 = 0;", None),
        ("src/guest/services/logd/main.zig", "var x: u8 = 0;", None),
        ("src/guest/services/logd/core_test.zig", "var x: u8 = 0;", None),
        ("src/guest/kernel/sched.zig", "var x: u8 = 0;", None),
        ("a.md", "A torn tail is told of.", "'told of' is hard to read; use `report`"),
        ("a.zig", "// These bytes are no call.", "'are no c' is hard to read; use `is not a`"),
        ("a.py", 'raise X(f"{x} is no phase")', "'is no p' is hard to read"),
        (
            "a.zig",
            "/// Null if these bytes are none.",
            "'bytes are none' is hard to read; name what",
        ),
        ("a.md", "An answer has never no bytes.", "'never no' is hard to read; use `always`"),
        ("a.py", 'raise X("needed is 8.0")', "'needed is 8' is hard to read"),
        ("a.md", "A loss is told. It", "'is told' is hard to read; use `is reported`"),
        ("a.zig", "/// It was told by the log.", "'was told' is hard to read"),
        ("a.py", "    # Wake those who wait.", "'those who' is hard to read; name them"),
        ("a.md", "It knows to whom it talks.", "'to whom' is hard to read; name them"),
        ("a.zig", "/// Who asks, as the kernel says.", "'Who' is hard to read; name the subject"),
        ("a.md", "All is kept. Who asks has it.", "'Who' is hard to read; name the subject"),
        ("a.py", '    """Who may call what."""', "'Who' is hard to read; name the subject"),
        ("a.py", '    """What a call needs."""', "'What' is hard to read; a class is a noun"),
        ("a.py", '    """How many there are."""', "'How' is hard to read; a class is a noun"),
        ("a.py", '    """What is asked?  Nothing."""', None),
        ("a.py", "number: int  # Of the frame.", "'Of' is hard to read; name the subject"),
        ("a.py", "# What may wait.\nA = 1", "'# What' is hard to read; name the subject"),
        ("a/BUILD", "    # What others get.", "a/BUILD:1: '# What' is hard to read"),
        ("a.py", "a = 1  # What for?", None),
        ("BUILD", "    # Of the lock, two.", "'Of' is hard to read; name the subject"),
        ("a.md", "All is zero, but for one bit.", "'but for' is hard to read; use `except`"),
        ("a.md", "The rule and the limit therein.", "'therein' is hard to read"),
        ("a.toml", "# For who transfers it.", "'For who' is hard to read; name the subject"),
        ("x_test.py", "def test_a():\n    if b:\n        c", "x_test.py:2: `if` in a test"),
        (
            "x_test.py",
            "async def test_a():\n    for b in c:\n        if b: d",
            "`if` in a test",
        ),
        ("x_test.py", "class A:\n    def test_a():\n        if b: c", "`if` in a test"),
        ("x_test.py", "def test_a():\n    match b:\n        case 1: c", "`match` in a test"),
        ("x_test.py", "def test_a():\n    try: b\n    except C: d", "`except` in a test"),
        ("x_test.py", "\ndef test_a(:\n    b", "x_test.py:2: this is not Python"),
        ("x_test.py", "def test_a():\n    '\0'", "this is not Python: source code string cannot"),
        ("x_test.py", "def test_a():\n    try: b\n    finally: c", None),
        ("x_test.py", "def test_a():\n    while b: c(d if e else f)", None),
        ("x_test.py", "def test_a():\n    def b():\n        if c: d", None),
        ("x_test.py", "def helper():\n    if b: c", None),
        ("x.py", "def test_a():\n    if b: c", None),
        ("a.md", "There is no key, and it is no longer kept. It is no worse.", None),
        ("a.md", "Nobody knows who called, and who waits. For whoever asks.", None),
        ("a.md", "Who may call? It was told to wait, and is told why.", None),
        ("schemas/released/a.capnp", "# A record, and of whom it is.", None),
    ],
)
def test_a_broken_habit_is_found_and_a_kept_one_is_not(
    path: str, text: str, found: str | None
) -> None:
    source = Source(path, text)
    lines = [str(finding) for rule in tidy.rules_of(path) for finding in rule(source)]
    assert (found is None) == (lines == [])
    assert found is None or found in lines[0]


def test_every_folder_has_its_line_in_the_readme() -> None:
    readme = Source("README.md", "| `docs/` | all |\n| `src/python/nexus/core/`, `wire/` | |\n")
    paths = ["README.md", "docs/a.md", "new/a.md", ".ci/run"]
    paths += [f"src/python/nexus/{name}/a.py" for name in ("core", "wire", "other")]

    lines = [str(finding) for finding in tidy.find_unlisted_folders(readme, paths)]

    assert lines == [
        "README.md:1: no line of the table is about `new/`",
        "README.md:1: no line is about `src/python/nexus/other/`",
    ]


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("guest: say why\n\nBecause.", None),
        ("guest, docs: say why\n\nBecause.", None),
        ("guest: say why", "has no body"),
        ("Say why\n\nBecause.", "is not `component: verb object`"),
        ("guest: Say why\n\nBecause.", "is not `component: verb object`"),
        (f"guest: {'x' * 70}\n\nBecause.", "77 columns; at most 72"),
    ],
)
def test_message_of_a_commit(message: str, found: str | None) -> None:
    lines = [str(finding) for finding in tidy.check_message("abc", message)]
    assert (found is None) == (lines == [])
    assert found is None or found in lines[0]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"a": "import nexus.b", "b": "import nexus.c", "c": ""}, None),
        ({"a": "import nexus.b", "b": "from nexus.a import X"}, "nexus.a, nexus.b"),
        ({"a": "from nexus import b", "b": "from nexus import (\n    a,\n)"}, "nexus.a, nexus.b"),
        ({"a": "import nexus.b", "b": "def f():\n    from nexus.a import X"}, "nexus.a, nexus.b"),
        ({"a/x": "import nexus.b.x", "b/x": "", "b/y": "import nexus.c", "c": ""}, None),
        ({"a/x": "import nexus.b.x", "b/x": "", "b/y": "import nexus.a.y", "a/y": ""}, "packages"),
        ({"a/x": "import nexus.b.x", "b/x": "", "b/y_test": "import nexus.a.y", "a/y": ""}, None),
    ],
)
def test_circles_of_modules_and_packages_are_found(
    texts: dict[str, str], found: str | None
) -> None:
    sources = [Source(f"src/python/nexus/{name}.py", text) for name, text in texts.items()]

    lines = [str(finding) for finding in find_circles(sources)]

    assert (found is None) == (lines == [])
    assert found is None or found in lines[0] or "nexus.b, nexus.a" in lines[0]


def test_program_prints_each_finding_and_says_how_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.md").write_text(f"# A\n\n{LONG}\n")
    Path("b.md").write_text("short\n")

    assert tidy.main(["b.md"]) == 0
    assert tidy.main(["a.md", "b.md"]) == 1
    assert capsys.readouterr().out == "a.md:3: this line has 105 columns; at most 100\n"
    assert tidy.main(["none.md"]) == 2
    assert "none.md: No such file or directory" in capsys.readouterr().err
    assert tidy.main(["--all"]) == 2
    assert "expected [--part] FILE... or --commits BASE..HEAD" in capsys.readouterr().err


def test_range_that_git_does_not_know_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(128, command, stderr="fatal: bad revision 'x..y'\n")

    monkeypatch.setattr(subprocess, "run", run)

    assert tidy.main(["--commits", "x..y"]) == 2
    assert capsys.readouterr().err == "tidy: git: fatal: bad revision 'x..y'\n"


def _tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return [str(finding) for finding in tidy.check_files(list(files))]


README = "`docs/`\n![a](docs/images/a.png)\n"
SERVICE = "src/guest/services/logd/main.zig"


def test_an_image_that_no_document_shows_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"README.md": README, "docs/images/a.png": "", "docs/images/b.png": ""}
    found = _tree(tmp_path, monkeypatch, files)
    assert found == ["docs/images/b.png:1: no document shows this image"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<text>logd</text>", []),
        (
            "<text>logdx</text>",
            ["docs/images/architecture.svg:1: the picture does not show the service logd"],
        ),
    ],
)
def test_the_picture_shows_every_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, found: list[str]
) -> None:
    page = "![how it fits](images/architecture.svg)\n"
    files = {"docs/a.md": page, "docs/images/architecture.svg": text, SERVICE: ""}
    assert _tree(tmp_path, monkeypatch, files) == found


def test_a_mutant_whose_line_is_gone_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [("a.py", "x = 1"), ("a.py", "x = 2"), ("gone.py", "x = 1")]
    mutants = "".join(f'[[mutant]]\npath = "{p}"\nbefore = "{b}"\n' for p, b in entries)
    found = _tree(tmp_path, monkeypatch, {"a.py": "if y:\n    x = 1\n", MUTANTS: mutants})
    assert found == [
        f"{MUTANTS}:4: a.py has no line 'x = 2'; remove the entry",
        f"{MUTANTS}:7: gone.py has no line 'x = 1'; remove the entry",
    ]


DECISION = "**Status.** A.\n**Context.** B.\n**Decision.** C.\n**Consequences.** D.\n"
CLAIMS = {
    "README.md": "`docs/`\n`ci/`\n",
    "ci/BUILD": 'guest_run(name="os2vm")\n',
    "ci/run.py": 'add("--seed")\n',
    "ci/run_test.py": 'add("--unused")\n',
}


@pytest.mark.parametrize(
    ("page", "text", "found"),
    [
        ("docs/a.md", "`run.py`, `ci/run_test.py`, `ci/*.py`, `ci/NAME.py`, `_test.py`", None),
        ("docs/a.md", "`gone.py`", "docs/a.md:1: no file is called 'gone.py'; name one"),
        ("docs/a.md", "`docs/run.py`", "no file is called 'docs/run.py'"),
        ("docs/adr/1.md", f"{DECISION}`gone.py`, ci:gone, --gone", None),
        ("docs/adr/1.md", DECISION.replace("Status", "Date"), "here: Context, Decision, Conseq"),
        ("docs/a.md", "./pants run ci:os2vm, //ci:os2vm, ci:ci and elsewhere:any", None),
        ("docs/a.md", "./pants run ci:gone", "docs/a.md:1: ci/BUILD has no target 'gone'"),
        ("docs/a.md", "grpcs://ci:gone", None),
        ("docs/a.md", "    run --seed 7 -- --check, a --> b, x --a-- y", None),
        ("docs/a.md", "    run --gone", "docs/a.md:1: no program has the option '--gone'"),
        ("docs/a.md", "    run --unused", "no program has the option '--unused'"),
        ("ci/README.md", "| module | |\n|---|---|\n| `run`, `r*` | |", None),
        ("ci/README.md", "| word | |\n|---|---|\n| `gone` | |", None),
        ("ci/README.md", "| module | |\n|---|---|\n| `gone/` | |", "README.md:3: nothing beside"),
    ],
)
def test_what_a_document_names_is_there(
    page: str, text: str, found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = _tree(tmp_path, monkeypatch, {**CLAIMS, page: f"{text}\n"})
    assert len(findings) == (found is not None)
    assert found is None or found in findings[0]
