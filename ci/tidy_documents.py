"""Claims of documents and lists that the tree can check: files, lines, targets and options.

Rules of `tidy.py` that look at all files at once.  A document says more than they can judge; these
are what goes stale first, when a file is renamed or an option goes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Final

from ci.tidy_source import Finding, Source

# Documents of their day: decisions and news name what there was.
_OF_THEIR_DAY: Final = ("CHANGELOG.md", "docs/adr/", "docs/news/")

_SPAN: Final = re.compile(r"`([^`]+)`")
_FILE: Final = re.compile(r"[\w.*/-]+\.(?:py|zig|capnp|md|lua)")
_TARGET: Final = re.compile(r"(?<![\w./:-])((?://|[a-z])[\w/-]*):([a-z_][\w-]*)")
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z0-9]+(?:-[a-z0-9]+)*(?![\w-])")
# A name in the first column of a table of modules, files or folders.
_MODULE: Final = re.compile(r"`([a-z_][\w*]*)/?`")
_PLACEHOLDER: Final = re.compile(r"[A-Z]{2,}")

# The planted faults that no test can notice, each by its file and the text of its line.
MUTANTS: Final = "src/python/nexus/mutation/equivalent.toml"

# The parts of a decision, in this order.
DECISIONS: Final = "docs/adr/"
_PARTS: Final = ("Status", "Context", "Decision", "Consequences")

# Options that no Python of this project reads, by the program that does.
_FOREIGN: Final = frozenset(
    {
        # Pants.
        "--check",
        "--force",
        "--keep-sandboxes",
        "--output",
        # pip and uv, which lock the launcher's requirements.
        "--generate-hashes",
        "--no-annotate",
        "--no-config",
        "--only-binary",
        "--python-platform",
        "--python-version",
        "--require-hashes",
        "--universal",
        # towncrier, apt-get, debootstrap, systemd-nspawn and docker.
        "--draft",
        "--no-install-recommends",
        "--variant",
        "--isolation",
        "--privileged",
        "--security-opt",
        # Chromium, which takes the pictures.
        "--headless",
        "--hide-scrollbars",
        "--no-sandbox",
        "--screenshot",
        "--window-size",
        # Shell scripts: .ci/hosts.
        "--edge",
        "--full",
        "--quick",
        # Options that our programs build from a name.
        "--no-decrypt",
        "--pinpoint",
        "--replay",
        "--shrink",
    }
)

Lines = Iterable[tuple[str, int, str]]


def find_missing_parts(source: Source) -> Iterator[Finding]:
    """Find the parts that a decision lacks, or has in another order."""
    names = re.findall(r"^\*\*(\w+)\.\*\*", source.text, re.MULTILINE)
    found = [name for name in names if name in _PARTS]
    if tuple(found) != _PARTS:
        wanted = ", ".join(_PARTS)
        yield Finding(
            source.path, 1, f"a decision has the parts {wanted}; here: {', '.join(found)}"
        )


def lines_of(documents: Mapping[str, str]) -> Lines:
    """Give every line of the documents that describe the tree as it is, with path and number."""
    for path, text in documents.items():
        if not path.startswith(_OF_THEIR_DAY):
            for number, line in enumerate(text.splitlines(), 1):
                yield path, number, line


def find_missing_files(documents: Mapping[str, str], paths: Iterable[str]) -> Iterator[Finding]:
    """Find sources and documents that a page names and the tree does not have.

    A name may be the end of a path, have `*`, or a word in capitals for the reader to fill in.
    """
    names = sorted(paths)
    known = set(names) | {PurePosixPath(path).name for path in names}
    for path, number, line in lines_of(documents):
        for span in _SPAN.findall(line):
            if not _FILE.fullmatch(span) or span in known or span.startswith("/"):
                continue
            pattern = "*" + _PLACEHOLDER.sub("*", span)
            if not any(fnmatchcase(name, pattern) for name in names):
                yield Finding(path, number, f"no file is called {span!r}; name one that is there")


def find_missing_modules(documents: Mapping[str, str], paths: Iterable[str]) -> Iterator[Finding]:
    """Find rows of a README's table of modules, files or folders that nothing below it has."""
    names = list(paths)
    for path, text in documents.items():
        if PurePosixPath(path).name != "README.md" or "/" not in path:
            continue
        folder = path.removesuffix("README.md")
        below = [name.removeprefix(folder) for name in names if name.startswith(folder)]
        stems = {part.partition(".")[0] for name in below for part in name.split("/")}
        for number, cell in _rows_of_modules(text):
            for name in _MODULE.findall(cell):
                if not any(fnmatchcase(stem, name) for stem in stems):
                    yield Finding(path, number, f"nothing beside this page is called {name!r}")


def _rows_of_modules(text: str) -> Iterator[tuple[int, str]]:
    """Give the first cells of tables whose first column has modules, files or folders."""
    header = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            header = ""
            continue
        cell = line.split("|")[1]
        header = header or cell
        if re.search(r"\b(?:module|file|folder)", header):
            yield number, cell


def find_missing_targets(
    documents: Mapping[str, str], builds: Mapping[str, str]
) -> Iterator[Finding]:
    """Find targets that a page names and no BUILD file has.

    Args:
        documents: The pages, by their paths.
        builds: The BUILD files, by their folders.
    """
    for path, number, line in lines_of(documents):
        for folder, name in _TARGET.findall(line):
            build = builds.get(folder.removeprefix("//"))
            if build is None or name == PurePosixPath(folder).name:
                continue
            if f'name="{name}"' not in build:
                yield Finding(path, number, f"{folder}/BUILD has no target {name!r}")


def find_missing_options(
    documents: Mapping[str, str], programs: Iterable[str]
) -> Iterator[Finding]:
    """Find options that a page names and no program has."""
    known = {option for text in programs for option in _OPTION.findall(text)} | _FOREIGN
    for path, number, line in lines_of(documents):
        for option in _OPTION.findall(line):
            if option not in known:
                yield Finding(path, number, f"no program has the option {option!r}")


def find_stale_mutants(source: Source, texts: Mapping[str, str]) -> Iterator[Finding]:
    """Find entries of `MUTANTS` whose line is not in their file: none of them excuses a fault.

    Args:
        source: The list.
        texts: The files, by their paths.
    """
    starts = [number for number, line in enumerate(source.lines, 1) if line == "[[mutant]]"]
    for number, entry in zip(starts, tomllib.loads(source.text)["mutant"], strict=True):
        path, before = entry["path"], entry["before"]
        if before not in map(str.strip, texts.get(path, "").splitlines()):
            yield Finding(source.path, number, f"{path} has no line {before!r}; remove the entry")
