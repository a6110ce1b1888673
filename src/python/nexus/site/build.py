"""`./pants run docs:site`: the documents as a static site with search; every link is checked.

Sphinx makes the pages and the search index; nothing of the site is fetched from a network
when it is read.  A link to a file that is not a page becomes its text and the path of the file: the
site has no such page, and its reader a clone.

Exit codes: 0 the site is there and no link is broken; 19 a link leads nowhere or Sphinx warned; 20
wrong arguments; 21 the site cannot be written.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from nexus.entry.arguments import ArgumentParser
from nexus.entry.program import EXIT_HOST, run_program
from nexus.site.links import broken, without_links

EXIT_WRONG: Final = 19

# The folder of the pages, in the repository.
DOCUMENTS: Final = "docs"

COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")

SETTINGS: Final[dict[str, object]] = {
    "project": "Nexus",
    "html_title": "Nexus",
    "html_theme": "furo",
    "extensions": ["myst_parser"],
    "exclude_patterns": ["schema/*", "news/*"],
    "myst_heading_anchors": 6,
    "html_copy_source": False,
    "html_show_sphinx": False,
    # The schemas' files are shown as they are; the diagrams of sessions are text that GitHub draws.
    "suppress_warnings": ["misc.highlighting_failure"],
}


def main(argv: Sequence[str]) -> int:
    """Check the links, then build the pages."""
    parser = ArgumentParser("docs:site", __doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("dist/site"), metavar="DIR")
    parser.add_argument("--root", type=Path, default=Path(), help="this repository")
    options = parser.parse_args(argv)
    try:
        complaints = list(check(options.root))
        if not complaints:
            complaints = build(options.root / DOCUMENTS, options.out)
    except (OSError, SphinxError, subprocess.CalledProcessError) as exc:
        print(f"docs:site: {exc}", file=sys.stderr)
        return EXIT_HOST
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if complaints:
        return EXIT_WRONG
    print(f"docs:site: {options.out / 'index.html'}")
    return 0


def check(root: Path) -> Iterator[str]:
    """Yield one line for every broken link of a tracked Markdown file below `root`."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
    present = [name for name in names if (root / name).is_file()]
    others = set(present)
    for name in present:
        while name := posixpath.dirname(name):
            others.add(name)
    documents = {
        name: (root / name).read_text(encoding="utf-8") for name in present if name.endswith(".md")
    }
    return broken(documents, frozenset(others))


def build(source: Path, out: Path) -> list[str]:
    """Build the pages of `source` into `out`; return Sphinx's warnings, one a line.

    Raises:
        SphinxError: a document cannot be read at all.
        OSError: `out` cannot be written.
    """
    warnings = _Lines()
    application = Sphinx(
        srcdir=source,
        confdir=None,
        outdir=out,
        doctreedir=out / ".doctrees",
        buildername="html",
        confoverrides=SETTINGS,
        status=None,
        warning=warnings,  # type: ignore[arg-type]  # Only `write` and `flush` of it are called.
        freshenv=True,
    )
    application.connect("source-read", _keep_pages)
    application.build(force_all=True)
    return warnings.lines


class _Lines:
    """A stream that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        """Keep what is new; Sphinx repeats a warning for each page that shows its cause."""
        for line in COLOUR.sub("", text).split("\n"):
            if line.strip() and line not in self.lines:
                self.lines.append(line)

    def flush(self) -> None:
        """Do nothing: lines are kept, not passed on."""


def _keep_pages(application: Sphinx, page: str, source: list[str]) -> None:
    """Show the path in place of a link to what is not a page: `check` has seen that it exists."""
    folder = posixpath.dirname(page)

    def path_of(target: str) -> str | None:
        name = target.partition("#")[0]
        path = posixpath.normpath(posixpath.join(folder, name))
        is_page = not name or posixpath.splitext(path)[0] in application.project.docnames
        return None if is_page else posixpath.normpath(posixpath.join(DOCUMENTS, path))

    source[0] = without_links(source[0], path_of)


if __name__ == "__main__":
    run_program(main)
