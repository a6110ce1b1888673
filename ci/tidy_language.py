"""Turns of phrase at which a reader stumbles, and documents' pictures: rules of `tidy.py`.

Each row of `STUMBLES` is a shape that has been English nowhere in this project, so it may be
refused without asking what a sentence means.  A shape that is sometimes right is not a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from ci.tidy_source import Finding, Source

# The picture of the whole, which shows every service of the guest by its name.
PICTURE: Final = "docs/images/architecture.svg"
_SERVICES: Final = "src/guest/services/"
_IMAGES: Final = "docs/images/"
# Schemas as they were released: they stay as they are.  A lock names an installed Pants by all of
# its bytes, so another word in it would install Pants again.
_KEPT: Final = ("schemas/released/", "build-support/pants/tools.lock.txt")

# A pattern, and what says the same.  "There is no" is English, and so are the comparisons; a
# question may begin with "who", and a clause behind "and", "by" and "than".
STUMBLES: Final = (
    (
        re.compile(r"\b(?:told of|tells? of|telling of)\b", re.IGNORECASE),
        "use `report`, `say` or `show`",
    ),
    (
        re.compile(
            r"\b(?:is|are|was|were|be|been) told"
            r"(?=[.,:;)\"]|$| (?:again|apart from|by|here|in|next|now|once|or|so|there|with)\b)",
            re.IGNORECASE,
        ),
        "use `is reported`, or say what somebody learns",
    ),
    (
        re.compile(
            r"(?<!\bthere )\b(?:is|are|was|were|be) no "
            r"(?!(?:longer|more|less|fewer|later|worse|one|other|such|need)\b)[a-z]",
            re.IGNORECASE,
        ),
        "use `is not a`",
    ),
    (
        re.compile(r"\b(?:that|which|it|they|bytes|these|this) (?:is|are|was|were) none\b"),
        "name what it is not: `a malformed frame`",
    ),
    (
        re.compile(r"\bnever no\b|\b(?:needed|accepted) (?:is|are) (?!not\b)[a-z0-9{]"),
        "use `always` or a verb: `it needs`",
    ),
    (
        re.compile(r"\b(?:for|to|of|from|with) who\b", re.IGNORECASE),
        "name the subject: `for a sender that`",
    ),
    (
        # A sentence that begins so, in prose and behind the sign of a comment; not a question.
        re.compile(r"(?:^|[#/!.|\"] +|\"\"\")Who (?![^.]*\?)"),
        "name the subject: `a sender that`",
    ),
    (
        re.compile(r"\b(?:those|he|they) who\b|\b(?:to|of|for|from|by) whom\b", re.IGNORECASE),
        "name them: `clients that`, `the peer that`",
    ),
    (
        # A comment that begins so, in languages whose comments begin with this sign.
        re.compile(r"(?:^|\s)# Of "),
        "name the subject: `The rule's name`",
    ),
    (
        # A docstring that begins so.
        re.compile(r"\"\"\"(?:What|How|Where|Which|Why) (?![^.]*\?)"),
        "a class is a noun phrase, a function a verb: `The answers of`, `Return the`",
    ),
    (
        re.compile(r"\bbut for\b", re.IGNORECASE),
        "use `except`",
    ),
    (
        re.compile(
            r"\b(?:hereby|therein|thereof|thereto|wherein|whereof|whosoever)\b", re.IGNORECASE
        ),
        "use a shorter word: `in it`, `of it`",
    ),
)
_HEADLESS: Final = re.compile(r"(?:^|\s)# What (?![^.]*\?)")
# These hold the phrases themselves, to find them.
_HOLDS_STUMBLES: Final = (
    "ci/tidy_language.py",
    "ci/tidy_test.py",
    "src/python/nexus/config/language_test.py",
)


def find_stumbles(source: Source) -> Iterator[Finding]:
    """Find turns of phrase that are not plain English, in prose, comments and messages."""
    if source.path in _HOLDS_STUMBLES or source.path.startswith(_KEPT):
        return
    for number, line in enumerate(source.lines, 1):
        for pattern, instead in STUMBLES:
            found = pattern.search(line)
            if found:
                text = found[0].strip(' "#/!|.')
                yield Finding(source.path, number, f"{text!r} is hard to read; {instead}")


def find_headless_comments(source: Source) -> Iterator[Finding]:
    """Find comments of Python that begin with "What": clauses without a subject, not questions."""
    for number, line in enumerate(source.lines, 1):
        if _HEADLESS.search(line) and source.path not in _HOLDS_STUMBLES:
            said = "'# What' is hard to read; name the subject: `The files that`"
            yield Finding(source.path, number, said)


def find_missing_services(picture: Source, paths: Iterable[str]) -> Iterator[Finding]:
    """Find services of the guest that the picture of the architecture does not show."""
    services = {path.split("/")[3] for path in paths if path.startswith(_SERVICES)}
    for name in sorted(services):
        if f">{name}<" not in picture.text:
            yield Finding(picture.path, 1, f"the picture does not show the service {name}")


def find_unshown_images(documents: Mapping[str, str], paths: Iterable[str]) -> Iterator[Finding]:
    """Find images of the documents that no document shows; `docs:site` finds missing ones."""
    for path in paths:
        if path.startswith(_IMAGES):
            name = f"images/{PurePosixPath(path).name})"
            if not any(name in text for text in documents.values()):
                yield Finding(path, 1, "no document shows this image")
