"""A window asks for each block once, gives what was demanded, and keeps a bounded amount."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.remotefs.package.window import BLOCK_BYTES, ChangedError, Piece, Window

DATA = bytes(i * 7 % 251 for i in range(1000))


def part(piece: Piece) -> bytes:
    return DATA[piece.offset : piece.offset + piece.length]


def ask_all(window: Window) -> list[Piece]:
    pieces = []
    while (piece := window.next_piece()) is not None:
        pieces.append(piece)
    return pieces


def test_what_is_demanded_is_asked_first_then_what_follows() -> None:
    window = Window(1000, 2)
    window.demand(0, 200)
    assert ask_all(window) == [Piece(0, 128), Piece(128, 128), Piece(256, 128), Piece(384, 128)]
    assert window.asked_count == 4
    window.arrived(Piece(0, 128), part(Piece(0, 128)))
    assert window.take() is None
    window.arrived(Piece(128, 128), part(Piece(128, 128)))
    assert window.take() == DATA[:200]


def test_a_jump_asks_for_nothing_ahead() -> None:
    window = Window(1000, 8)
    window.demand(500, 10)
    assert ask_all(window) == [Piece(384, 128)]
    window.demand(510, 10)
    assert ask_all(window)[0] == Piece(512, 128)


def test_the_last_piece_ends_with_the_file() -> None:
    window = Window(1000, 0)
    window.demand(999, 50)
    assert ask_all(window) == [Piece(896, 104)]
    window.arrived(Piece(896, 104), DATA[896:])
    assert window.take() == DATA[999:]


@pytest.mark.parametrize(("offset", "length"), [(1000, 5), (5000, 1), (3, 0), (0, 0), (1000, 0)])
def test_nothing_demanded_is_here_at_once(offset: int, length: int) -> None:
    window = Window(1000, 4)
    window.demand(offset, length)
    assert window.take() == b""
    assert ask_all(window) == []


def test_an_empty_file_asks_for_no_block() -> None:
    window = Window(0, 4)
    window.demand(0, 100)
    assert (window.take(), ask_all(window)) == (b"", [])


@pytest.mark.parametrize("data", [b"", DATA[:127], DATA[:129]])
def test_another_length_is_another_file(data: bytes) -> None:
    window = Window(1000, 0)
    window.demand(0, 10)
    (piece,) = ask_all(window)
    with pytest.raises(ChangedError, match="expected 128"):
        window.arrived(piece, data)
    assert window.take() is None
    assert ask_all(window) == [piece]


def test_what_was_given_up_is_asked_for_again() -> None:
    window = Window(1000, 4)
    window.demand(0, 400)
    pieces = ask_all(window)
    window.gave_up(pieces[1])
    assert ask_all(window) == [pieces[1]]


def test_late_answers_of_an_earlier_demand_are_dropped() -> None:
    window = Window(1000, 1)
    window.demand(0, 100)
    first = ask_all(window)
    window.demand(700, 10)
    for piece in first:
        window.arrived(piece, part(piece))
    assert window.kept_bytes == 0
    assert window.take() is None


@given(
    st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 400)), max_size=12),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_any_reads_in_any_order_of_answers(
    reads: list[tuple[int, int]], ahead: int, random: Random
) -> None:
    window = Window(len(DATA), ahead)
    flying: list[Piece] = []
    for offset, length in reads:
        window.demand(offset, length)
        while (data := window.take()) is None:
            new = ask_all(window)
            assert not set(new) & set(flying)
            flying += new
            piece = flying.pop(random.randrange(len(flying)))
            window.arrived(piece, part(piece))
            assert window.kept_bytes <= length + (ahead + 2) * BLOCK_BYTES
        assert data == DATA[offset : offset + length]
    assert window.asked_count == len(flying)


def test_a_large_read_is_not_slow() -> None:
    size = 1 << 22
    begun_s = time.process_time()
    window = Window(size, 32)
    window.demand(0, size)
    block = bytes(BLOCK_BYTES)
    count = 0
    while (piece := window.next_piece()) is not None:
        assert window.take() is None
        window.arrived(piece, block)
        count += 1
    assert count == size // BLOCK_BYTES
    assert len(window.take() or b"") == size
    # A cost that grows with the square of the blocks would be a minute here; this is half a second.
    assert time.process_time() - begun_s < 15
