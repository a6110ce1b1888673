"""The registers of the interrupt controller: thresholds, sources, claims, contexts, restoring."""

from __future__ import annotations

from nexus.emulator.device.plic import WORDS, Plic


def plic_of(harts: int = 1) -> tuple[Plic, list[bool]]:
    lines = [False] * (2 * harts)

    def set_line(context: int, is_high: bool) -> None:
        lines[context] = is_high

    return Plic(set_line, harts), lines


def test_a_threshold_hides_its_own_priority_and_shows_the_next() -> None:
    plic, lines = plic_of()
    plic.write(4 * 5, 4, 3)
    plic.write(0x2080, 4, 1 << 5)
    plic.set_source(5, True)
    for threshold, is_high in ((2, True), (3, False), (4, False), (0xFA, True), (7, False)):
        plic.write(0x20_1000, 4, threshold)
        assert lines == [False, is_high], threshold
    assert plic.read(0x20_1000, 4) == 7
    assert plic.read(0x20_0000, 4) == 0
    assert [plic.read(0x2080 + offset, 4) for offset in (0, 4, 8)] == [1 << 5, 0, 0]


def test_source_zero_does_not_exist_and_the_last_is_95() -> None:
    plic, lines = plic_of()
    for source in (0, 95, 96):
        plic.write(4 * source, 4, 7)
    assert [plic.read(4 * source, 4) for source in (0, 95, 96)] == [0, 7, 0]
    plic.write(0x2000, 4, 0xFFFF_FFFF)
    assert plic.read(0x2000, 4) == 0xFFFF_FFFE
    plic.write(0x2008, 4, 1 << 31)
    plic.set_source(95, True)
    assert lines[0]
    assert plic.read(0x1008, 4) == 1 << 31
    assert plic.read(0x1000, 4) == 0
    assert plic.read(0x20_0004, 4) == 95
    for nothing in (0, 96):
        plic.write(0x20_0004, 4, nothing)
    assert not lines[0], "still being served"
    plic.write(0x20_0004, 4, 95)
    assert lines[0]


def test_a_source_that_is_served_does_not_become_pending_and_one_whose_line_fell_is_not_again() -> (
    None
):
    plic, lines = plic_of()
    plic.write(4 * 5, 4, 1)
    plic.write(0x2000, 4, 1 << 5)
    plic.set_source(5, True)
    assert plic.read(0x20_0004, 4) == 5
    plic.set_source(5, False)
    plic.set_source(5, True)
    assert plic.read(0x1000, 4) == 0
    plic.set_source(5, False)
    plic.write(0x20_0004, 4, 5)
    assert plic.read(0x1000, 4) == 0
    assert not lines[0]


def test_two_sources_at_once_are_claimed_one_after_the_other() -> None:
    plic, lines = plic_of()
    plic.write(0x2000, 4, 1 << 5 | 1 << 6)
    for source in (5, 6):
        plic.write(4 * source, 4, 2)
        plic.set_source(source, True)
    assert plic.read(0x20_0004, 4) == 5
    assert lines[0], "the other one still waits"
    assert plic.read(0x20_0004, 4) == 6
    assert not lines[0]
    plic.write(0x20_0004, 4, 6)
    assert lines[0]
    assert plic.read(0x20_0004, 4) == 6, "five is still being served"


def test_contexts_of_two_harts_are_apart_and_there_is_no_fifth() -> None:
    plic, lines = plic_of(harts=2)
    plic.write(4 * 5, 4, 1)
    plic.set_source(5, True)
    for context in range(4):
        plic.write(0x2000 + 0x80 * context, 4, 1 << 5)
        assert lines == [at == context for at in range(4)]
        plic.write(0x20_0000 + 0x1000 * context, 4, 2)
        assert plic.read(0x20_0000 + 0x1000 * context, 4) == 2
        assert not any(lines)
        plic.write(0x2000 + 0x80 * context, 4, 0)
    for offset in (0x2200, 0x20_4000, 0x20_4004):
        plic.write(offset, 4, 0xFFFF_FFFF)
        assert plic.read(offset, 4) == 0
    assert plic.read(0x20_0008, 4) == 0


def test_what_an_engine_takes_over_is_what_was_there() -> None:
    plic, lines = plic_of()
    plic.write(4 * 5, 4, 3)
    plic.write(0x2000, 4, 1 << 5)
    plic.set_source(5, True)
    words = [7] * WORDS
    plic.share(words)
    assert plic.words is words
    assert (plic.read(4 * 5, 4), plic.read(0x2000, 4), plic.read(0x1000, 4)) == (3, 32, 32)
    assert plic.read(4 * 6, 4) == 0
    assert plic.read(0x20_0004, 4) == 5
    assert not lines[0]


def test_a_controller_that_is_restored_is_the_one_that_was_saved() -> None:
    plic, _ = plic_of(harts=2)
    for context in range(4):
        plic.write(0x2000 + 0x80 * context, 4, 2 << context)
        plic.write(0x20_0000 + 0x1000 * context, 4, context + 1)
    plic.write(4 * 3, 4, 6)
    plic.set_source(3, True)
    again, _ = plic_of(harts=2)
    for name in Plic.SAVED:
        setattr(again, name, getattr(plic, name))
    assert list(again.words) == list(plic.words)  # type: ignore[call-overload]  # They are lists.
    assert again.read(0x2180, 4) == 16
    assert again.read(0x20_3000, 4) == 4
