"""Links between the project's documents: which file and heading each names, and which lead nowhere.

Text in, values out.  It knows the Markdown that the documents use: inline links, ATX headings,
lists and code, fenced or indented; not reference links, which they do not use.  A link may go on in
the next line, as the text of an image often does; a blank line ends it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

LINK: Final = re.compile(r"!?\[(?:[^\]\\\n]|\\.|\n(?! *\n))*\]\(([^()\s]+)\)")
HEADING: Final = re.compile(r"#{1,6} +(.*?) *#*$")
FENCE: Final = re.compile(r" {0,3}(```|~~~)")
ITEM: Final = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)]) {1,4}(?=\S)")
CODE_SPAN: Final = re.compile(r"`(?:[^`\n]|\n(?! *\n))*`")

# A link with one of these schemes leaves the repository; whether it works is not ours to say.
FOREIGN: Final = ("http:", "https:", "mailto:")


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a document, as it is written there."""

    line: int
    target: str


def links_of(text: str) -> Iterator[Link]:
    """Yield the links of a document that stay in the repository, with their lines from 1."""
    for match in _matches(text):
        yield Link(text.count("\n", 0, match.start(1)) + 1, match[1])


def anchors_of(text: str) -> frozenset[str]:
    """Return the anchors that a Markdown document's headings get, as code hosts name them."""
    found: set[str] = set()
    for _, line in _prose(text):
        if heading := HEADING.match(line):
            anchor = base = _slug(heading[1])
            repeated = 0
            while anchor in found:
                repeated += 1
                anchor = f"{base}-{repeated}"
            found.add(anchor)
    return frozenset(found)


def without_links(text: str, path_of: Callable[[str], str | None]) -> str:
    """Return a Markdown document in which a link to what is not a page is its text and the path.

    Images are always kept: their target is a file that is shown, never a page.

    Args:
        text: The document.
        path_of: The path to show for a target; None for that of a link that stays.
    """
    parts = []
    begin = 0
    for match in _matches(text):
        if match[0].startswith("!") or (path := path_of(match[1])) is None:
            continue
        words = _text_of(text[match.start() : match.end()])
        is_name = f"/{path}".endswith("/" + words.strip("`").rstrip("/"))
        parts += [text[begin : match.start()], f"`{path}`" if is_name else f"{words} (`{path}`)"]
        begin = match.end()
    return "".join([*parts, text[begin:]])


def broken(documents: Mapping[str, str], others: frozenset[str]) -> Iterator[str]:
    """Yield one line for every link that leads nowhere.

    Args:
        documents: the text of each Markdown file by its path in the repository, `/` between parts.
        others: the paths of all other files and of all folders that a link may name.
    """
    anchors = {path: anchors_of(text) for path, text in documents.items()}
    for path, text in documents.items():
        for link in links_of(text):
            name, _, anchor = link.target.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            if not name:
                target = path
            if target not in documents and target.rstrip("/") not in others:
                yield f"{path}:{link.line}: the link {link.target!r} names no file or folder"
            elif anchor and anchor not in anchors.get(target, frozenset()):
                yield f"{path}:{link.line}: {target} has no heading for '#{anchor}'"


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Yield what `LINK` finds in the prose of a document, without foreign links, at its places."""
    lines = [" " * len(line) for line in text.split("\n")]
    for number, line in _prose(text):
        lines[number - 1] = line
    prose = "\n".join(lines)
    for match in LINK.finditer(CODE_SPAN.sub(_blank, prose)):
        if not match[1].startswith(FOREIGN):
            yield match


def _blank(match: re.Match[str]) -> str:
    """Return as many characters that are not a link, and the same line ends."""
    return re.sub(r"[^\n]", "_", match[0])


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not code, with their numbers from 1.

    Code is what fences enclose, and what stands four columns to the right of the text around it:
    in a list that is the text of the item, so that an item of a nested list is not code.
    """
    fence = ""
    items: list[int] = []  # The column where the text of each open item begins, outermost first.
    for number, line in enumerate(text.split("\n"), start=1):
        indent = len(line) - len(line.lstrip(" "))
        while items and not fence and line.strip() and indent < items[-1]:
            items.pop()
        begin = items[-1] if items else 0
        own = line[begin:]
        if match := FENCE.match(own):
            if not fence:
                fence = match[1]
            elif match[1] == fence:
                fence = ""
        elif not fence and not own.startswith("    "):
            yield number, line
            if item := ITEM.match(own):
                items.append(begin + item.end())


def _slug(heading: str) -> str:
    plain = LINK.sub(lambda match: _text_of(match[0]), heading)
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def _text_of(link: str) -> str:
    return link[link.index("[") + 1 : link.rindex("](")]
