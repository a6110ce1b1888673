"""Texts from elsewhere, as a terminal gets them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.core.text import mask, printable, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/state/shared/größe 値", "/state/shared/größe 値"),
        ("a\nb\x1b[2J\x7f", r"a\x0ab\x1b[2J\x7f"),
        ("\x85\u2028\u202e\udcff\U000e0001", r"\x85\u2028\u202e\udcff\U000e0001"),
        ("a\\x0a", r"a\\x0a"),
        ("", ""),
    ],
)
def test_a_shown_text_has_quotes_and_escapes(text: str, shown: str) -> None:
    assert show(text) == shown


@given(st.text(), st.text())
def test_nothing_is_hidden_and_no_two_texts_look_alike(one: str, other: str) -> None:
    assert show(one).isprintable()
    assert show(one).encode() is not None
    assert (show(one) == show(other)) == (one == other)


def test_a_mask_has_one_sign_for_all_that_is_not_shown() -> None:
    assert mask("größe\x1b\n\u202e") == "größe???"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"C:\größe 値 \U0001f600 😀", r"C:\größe 値 \U0001f600 😀"),
        ("a\tb\x1b]0;title\x07\x9b2J\x00", r"a\x09b\x1b]0;title\x07\x9b2J\x00"),
        ("\u2028\u202e\ufffe\udcff", r"\u2028\u202e\ufffe\udcff"),
        ("x ##[error]no ##vso[task.x] ## [fine]", r"x \x23#[error]no \x23#vso[task.x] ## [fine]"),
    ],
)
def test_a_printable_text_has_no_controls(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_wanted_is_kept() -> None:
    assert printable("a\n\tb\r\n", keep="\n\t") == "a\n\tb\\x0d\n"


@given(st.text())
def test_what_is_printable_fits_into_xml_and_a_line(text: str) -> None:
    root = ElementTree.Element("a", b=printable(text))
    root.text = printable(text, keep="\n\t")
    read = ElementTree.fromstring(ElementTree.tostring(root, encoding="utf-8"))
    assert read.get("b") == printable(text)
    assert (read.text or "") == printable(text, keep="\n\t")
