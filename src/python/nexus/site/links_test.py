"""Every link of every document leads somewhere, and one that does not is named."""

from __future__ import annotations

import pytest

from nexus.site.links import Link, anchors_of, broken, links_of, without_links


def test_links_are_found_with_their_lines() -> None:
    text = "see [a](a.md) and\n[b](b/c.md#d-e), not [x](https://x.example)\n"
    assert list(links_of(text)) == [Link(1, "a.md"), Link(2, "b/c.md#d-e")]


@pytest.mark.parametrize(
    "text",
    ["![a\nb](a.png)", "![a\n`b` c](a.png)", "[`a`\n`b`](a.png)", "`x\ny`\n[b](a.png) `c`"],
)
def test_a_link_may_go_on_in_the_next_line(text: str) -> None:
    assert list(links_of(text)) == [Link(text.count("\n") + 1, "a.png")]
    assert list(broken({"docs/a.md": text}, frozenset({"docs/a.png"}))) == []


@pytest.mark.parametrize("text", ["[a\n\nb](a.md)", "[a\n    b](a.md)", "[a\n```\n```\nb](a.md)"])
def test_the_end_of_a_paragraph_ends_a_link(text: str) -> None:
    assert list(links_of(text)) == []


@pytest.mark.parametrize(
    "text", ["`[a](a.md)`", "```\n[a](a.md)\n```", "~~~\n```\n[a](a.md)\n~~~", "    [a](a.md)"]
)
def test_code_has_no_links(text: str) -> None:
    assert list(links_of(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "- a\n    - [b](a.md)",
        "- a\n  - b\n    - c\n      - [d](a.md)",
        "1. a\n\n   - b\n     [c](a.md)",
        "10. a\n\n    [b](a.md)",
        "- a\n\n  ```\n  [b](b.md)\n  ```\n    - [c](a.md)",
    ],
)
def test_a_link_in_a_nested_list_is_a_link(text: str) -> None:
    assert [link.target for link in links_of(text)] == ["a.md"]
    assert "](a.md)" not in without_links(text, lambda _: "docs/a.md")


@pytest.mark.parametrize(
    "text",
    [
        "- a\n\n      [b](a.md)",
        "1. a\n\n       [b](a.md)",
        "- a\n  ```\n  [b](a.md)\n  ```",
        "- a\n\n  ~~~\n- [b](a.md)\n  ~~~",
        "- a\n\nb\n\n    [c](a.md)",
    ],
)
def test_code_in_a_list_and_behind_it_has_no_links(text: str) -> None:
    assert list(links_of(text)) == []


def test_anchors_are_those_of_code_hosts() -> None:
    text = "# A `b` c\n## Files, over files\n## Same\n## Same\n# See [x](y.md) too\n"
    assert anchors_of(text) == {
        "a-b-c",
        "files-over-files",
        "same",
        "same-1",
        "see-x-too",
    }


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("gone.md", "docs/a.md:1: the link 'gone.md' names no file or folder"),
        ("b.md#nowhere", "docs/a.md:1: docs/b.md has no heading for '#nowhere'"),
        ("#nowhere", "docs/a.md:1: docs/a.md has no heading for '#nowhere'"),
        ("../src/gone.py", "docs/a.md:1: the link '../src/gone.py' names no file or folder"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(link: str, complaint: str) -> None:
    documents = {"docs/a.md": f"[x]({link})", "docs/b.md": "# Here"}
    assert list(broken(documents, frozenset({"src/a.py"}))) == [complaint]


@pytest.mark.parametrize("link", ["b.md", "b.md#here", "../src/a.py", "../src/", "../README.md"])
def test_a_link_that_leads_somewhere_is_silent(link: str) -> None:
    documents = {"docs/a.md": f"[x]({link})", "docs/b.md": "# Here", "README.md": ""}
    assert list(broken(documents, frozenset({"src/a.py", "src"}))) == []


def source_of(target: str) -> str | None:
    """Pages are the site's own; everything else is a file below `src`."""
    return None if target.endswith(".md") else f"src/{target}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see [`a`](a.md), [b](c.py)", "see [`a`](a.md), b (`src/c.py`)"),
        ("[x](https://x.example)\n    [b](c.py)\n", "[x](https://x.example)\n    [b](c.py)\n"),
        ("see [`a` and\nb](c.py), [d](d.py)\n", "see `a` and\nb (`src/c.py`), d (`src/d.py`)\n"),
        ("[c.py](c.py), [`b/c.py`](b/c.py), [`b/`](b)", "`src/c.py`, `src/b/c.py`, `src/b`"),
        ("[y](c.py)", "y (`src/c.py`)"),
    ],
)
def test_a_link_that_is_not_kept_becomes_its_text_and_its_path(text: str, shown: str) -> None:
    assert without_links(text, source_of) == shown


@pytest.mark.parametrize("text", ["![a](b.png)\n", "![a\n`b`](b.png)\n", "| ![a](b.svg) |\n"])
def test_an_image_is_kept(text: str) -> None:
    assert without_links(text, source_of) == text
