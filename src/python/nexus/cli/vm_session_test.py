"""A text is found however the stream that holds it is cut into pieces."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from nexus.cli.vm_session import Search

STREAM = b"hehello\n"


def shown(pieces: list[bytes], text: bytes) -> bytes | None:
    """All that is printed up to the end of the text; None if it is never found."""
    search, before = Search(text), b""
    for piece in pieces:
        found = search.cut(piece)
        if found is not None:
            return before + found
        before += piece
    return None


@pytest.mark.parametrize("text", [b"hello", b"h", b"lo\n", STREAM])
def test_a_text_is_found_in_any_pieces(text: bytes) -> None:
    expected = STREAM[: STREAM.index(text) + len(text)]
    for count in range(len(STREAM)):
        for cuts in combinations(range(1, len(STREAM)), count):
            places = [0, *cuts, len(STREAM)]
            pieces = [STREAM[a:b] for a, b in pairwise(places)]
            assert shown(pieces, text) == expected, pieces


def test_what_does_not_come_is_not_found() -> None:
    assert shown([STREAM, STREAM], b"hellohe") is None
