"""What a terminal gets of a text from elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.core.text import mask, show


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
def test_what_is_shown(text: str, shown: str) -> None:
    assert show(text) == shown


@given(st.text(), st.text())
def test_nothing_is_hidden_and_no_two_texts_look_alike(one: str, other: str) -> None:
    assert show(one).isprintable()
    assert show(one).encode() is not None
    assert (show(one) == show(other)) == (one == other)


def test_a_mask_has_one_sign_for_all_that_is_not_shown() -> None:
    assert mask("größe\x1b\n\u202e") == "größe???"
