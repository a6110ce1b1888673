"""Hold the habits of this project that no other linter knows.

    python3 ci/tidy.py FILE...                 all files, by their paths from the project's root
    python3 ci/tidy.py --part FILE...          some files: without the rules that compare files
    python3 ci/tidy.py --commits BASE..HEAD    subjects and bodies of commits

`./pants lint` runs the first form over all files and the second over some.  Each finding is one
line, `PATH:LINE: message`.
Exit codes: 0 nothing was found, 1 something was, 2 wrong arguments.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

# Python finds what is beside a program that it is given by its path, but not the package it is in.
sys.path.append(str(Path(__file__).parent.parent))

from ci.tidy_documents import (
    DECISIONS,
    MUTANTS,
    find_missing_files,
    find_missing_modules,
    find_missing_options,
    find_missing_parts,
    find_missing_targets,
    find_stale_mutants,
)
from ci.tidy_language import (
    PICTURE,
    find_headless_comments,
    find_missing_services,
    find_stumbles,
    find_unshown_images,
)
from ci.tidy_python import find_circles, find_open_types, find_splats, find_test_branches
from ci.tidy_source import TEST_SUPPORT, Finding, Source
from ci.tidy_zig import find_unasserted

COLUMNS_MAX: Final = 100
SUBJECT_COLUMNS_MAX: Final = 72

# Folders whose programs are tests themselves: a fuzzer begins with the cases that tests know.
TEST_PROGRAMS: Final = ("src/python/nexus/fuzz/",)

# Documents whose lines are made by a tool or printed by a program.
MADE: Final = ("CHANGELOG.md",)

_IMPORT: Final = re.compile(r"\s*(?:from\s+([\w.]+)\s+import\s|import\s+([\w.]+))")
_IGNORE: Final = re.compile(
    r"#\s*(type:\s*ignore(\[[\w\-, ]*\])?|noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?)(?P<rest>.*)$"
)
_REASON: Final = re.compile(r"\s*[#(-]\s*\w")
_VARIABLE: Final = re.compile(r"(pub\s+)?(threadlocal\s+)?var\s+(\w+)")
_SUBJECT: Final = re.compile(r"[a-z0-9][\w./ ,-]*: [a-z]")
# The parts of a line that wrapping cannot break: a span of code, a link, an address.
_UNBREAKABLE: Final = re.compile(r"`[^`]*`|\[[^\]]*\]\([^)]*\)|https?://\S+")


def too_wide(source: Source, number: int, line: str) -> Finding:
    """Say of a line that it has too many columns."""
    return Finding(source.path, number, f"this line has {len(line)} columns; at most {COLUMNS_MAX}")


def find_wide_prose(source: Source) -> Iterator[Finding]:
    """Find lines of prose that are too wide; tables, code and headings are as wide as they are."""
    in_code = False
    for number, line in enumerate(source.lines, 1):
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
            continue
        is_prose = not in_code and not line.startswith(("|", "#", "    ", "\t"))
        if not is_prose or len(line) <= COLUMNS_MAX:
            continue
        if len(_UNBREAKABLE.sub("", line).strip()) <= 1:
            continue  # One span of code, or one link, with what ends the sentence.
        yield too_wide(source, number, line)


def find_wide_zig(source: Source) -> Iterator[Finding]:
    """Find lines of zig that are too wide; `zig fmt` does not wrap."""
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX and not line.lstrip().startswith("\\\\"):
            yield too_wide(source, number, line)


def find_test_support(source: Source) -> Iterator[Finding]:
    """Find imports of test support in the product."""
    if source.is_test or source.path.startswith(TEST_PROGRAMS):
        return
    for number, line in enumerate(source.lines, 1):
        found = _IMPORT.match(line)
        name = (found[1] or found[2]) if found else ""
        if name.split(".")[-1].endswith(TEST_SUPPORT):
            yield Finding(
                source.path, number, f"the product imports {name}, which only tests may import"
            )


def find_bare_ignores(source: Source) -> Iterator[Finding]:
    """Find places where a checker is silenced and the line does not say why."""
    for number, line in enumerate(source.lines, 1):
        found = _IGNORE.search(line)
        if found and not _REASON.match(found["rest"]):
            yield Finding(
                source.path, number, f"{found[1]!r} needs its reason behind it, on this line"
            )


def find_hidden_state(source: Source) -> Iterator[Finding]:
    """Find variables of a service outside its `main.zig`, the edge that owns the memory."""
    path = PurePosixPath(source.path)
    if source.is_test or path.name == "main.zig":
        return
    for number, line in enumerate(source.lines, 1):
        found = _VARIABLE.match(line)
        if found:
            yield Finding(
                source.path,
                number,
                f"`var {found[3]}` is state that no caller sees; a field or main.zig can hold it",
            )


def find_unlisted_folders(source: Source, paths: Iterable[str]) -> Iterator[Finding]:
    """Find folders of the root, and packages of Python, that README.md does not name."""
    folders = {path.split("/")[0] for path in paths if "/" in path}
    parts = [path.split("/") for path in paths if path.startswith("src/python/nexus/")]
    packages = {part[3] for part in parts if len(part) > 4}
    for folder in sorted(folders - {"src"}):
        if not folder.startswith(".") and f"`{folder}/`" not in source.text:
            yield Finding(source.path, 1, f"no line of the table is about `{folder}/`")
    for name in sorted(packages):
        if f"`src/python/nexus/{name}/`" not in source.text and f"`{name}/`" not in source.text:
            yield Finding(source.path, 1, f"no line is about `src/python/nexus/{name}/`")


Rule = Callable[[Source], Iterator[Finding]]


def rules_of(path: str) -> tuple[Rule, ...]:
    """Return the rules for a file, by its path."""
    if path.endswith(".md"):
        if path in MADE:
            return ()
        prose = (find_wide_prose, find_stumbles)
        return (*prose, find_missing_parts) if path.startswith(DECISIONS) else prose
    if path.endswith((".py", ".pyi")):
        return (
            find_test_support,
            find_bare_ignores,
            find_test_branches,
            find_open_types,
            find_splats,
            find_stumbles,
            find_headless_comments,
        )
    if path.endswith(".zig"):
        in_services = path.startswith("src/guest/services/")
        everywhere = (find_wide_zig, find_stumbles, find_unasserted)
        return (*everywhere, find_hidden_state) if in_services else everywhere
    if path.endswith("BUILD"):
        return find_stumbles, find_headless_comments
    if path.endswith((".toml", ".capnp")):
        return (find_stumbles,)
    return ()


def check_files(paths: Sequence[str], *, is_whole: bool = True) -> list[Finding]:
    """Apply to each file its rules, and to the whole tree the rules that compare files.

    Raises:
        OSError: a file cannot be read.
    """
    findings: list[Finding] = []
    modules: list[Source] = []
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    builds: dict[str, str] = {}
    for path in paths:
        rules = rules_of(path)
        if not rules and path != PICTURE:
            continue
        source = Source(path, Path(path).read_text(encoding="utf-8", errors="replace"))
        texts[path] = source.text
        for rule in rules:
            findings.extend(rule(source))
        if path == "README.md" and is_whole:
            findings.extend(find_unlisted_folders(source, paths))
        if path == PICTURE and is_whole:
            findings.extend(find_missing_services(source, paths))
        if path.endswith(".md"):
            documents[path] = source.text
        if path.endswith(".py"):
            modules.append(source)
        if PurePosixPath(path).name == "BUILD":
            builds[path.removesuffix("BUILD").rstrip("/")] = source.text
    if is_whole:
        programs = [module.text for module in modules if not module.is_test]
        findings.extend(find_unshown_images(documents, paths))
        findings.extend(find_missing_files(documents, paths))
        findings.extend(find_missing_modules(documents, paths))
        findings.extend(find_missing_targets(documents, builds))
        findings.extend(find_missing_options(documents, [*programs, *builds.values()]))
        if MUTANTS in texts:
            findings.extend(find_stale_mutants(Source(MUTANTS, texts[MUTANTS]), texts))
    return [*findings, *find_circles(modules)]


def check_message(name: str, message: str) -> Iterator[Finding]:
    """Check the message of one commit: `component: verb object`, and a body that says why."""
    subject, _, body = message.strip().partition("\n")
    if len(subject) > SUBJECT_COLUMNS_MAX:
        yield Finding(
            name, 1, f"the subject has {len(subject)} columns; at most {SUBJECT_COLUMNS_MAX}"
        )
    if not _SUBJECT.match(subject):
        yield Finding(name, 1, f"the subject {subject!r} is not `component: verb object`")
    if not body.strip():
        yield Finding(name, 2, "the commit has no body; it says why the change is made")


def check_commits(span: str) -> list[Finding]:
    """Check the messages of a range of commits, merges left out.

    Raises:
        subprocess.CalledProcessError: git does not know the range.
    """
    listing = subprocess.run(
        ["git", "log", "--no-merges", "--format=%h%x00%B%x01", span],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    ).stdout
    findings: list[Finding] = []
    for entry in filter(str.strip, listing.split("\x01")):
        name, _, message = entry.strip().partition("\0")
        findings.extend(check_message(name, message))
    return findings


def main(arguments: Sequence[str]) -> int:
    """Run one of the three forms."""
    try:
        if arguments[:1] == ["--commits"] and len(arguments) == 2:
            findings = check_commits(arguments[1])
        elif arguments[:1] == ["--part"] and len(arguments) > 1:
            findings = check_files(arguments[1:], is_whole=False)
        elif arguments and not arguments[0].startswith("-"):
            findings = check_files(arguments)
        else:
            sys.stderr.write("tidy: expected [--part] FILE... or --commits BASE..HEAD\n")
            return 2
    except OSError as exc:
        sys.stderr.write(f"tidy: {exc.filename}: {exc.strerror}\n")
        return 2
    except subprocess.CalledProcessError as exc:
        sys.stderr.write(f"tidy: git: {exc.stderr.strip()}\n")
        return 2
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
