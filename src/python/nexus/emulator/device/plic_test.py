from nexus.emulator.device.plic import Plic

M_ENABLE, S_ENABLE, CLAIM_M, CLAIM_S = 0x2000, 0x2080, 0x20_0004, 0x20_1004


def make() -> tuple[Plic, list[bool]]:
    lines = [False, False]

    def set_line(context: int, level: bool) -> None:
        lines[context] = level

    plic = Plic(set_line)
    for source in (3, 7, 10):
        plic.write(4 * source, 4, 1)
    return plic, lines


def test_a_claim_takes_and_completion_looks_again() -> None:
    plic, lines = make()
    plic.write(S_ENABLE, 4, 1 << 10)
    plic.set_source(10, True)
    assert lines == [False, True]
    assert plic.read(CLAIM_S, 4) == 10
    assert lines == [False, False]
    assert plic.read(CLAIM_S, 4) == 0
    plic.write(CLAIM_S, 4, 10)
    assert lines == [False, True]  # The line is still high.
    plic.set_source(10, False)
    assert lines == [False, False]


def test_priority_then_number_decides() -> None:
    plic, _ = make()
    plic.write(M_ENABLE, 4, 0xFFFF)
    for source in (3, 7, 10):
        plic.set_source(source, True)
    plic.write(4 * 10, 4, 5)
    assert [plic.read(CLAIM_M, 4) for _ in range(4)] == [10, 3, 7, 0]


def test_threshold_and_zero_priority_mask() -> None:
    plic, lines = make()
    plic.write(M_ENABLE, 4, 0xFFFF)
    plic.set_source(3, True)
    plic.write(0x20_0000, 4, 1)
    assert not lines[0]
    plic.write(0x20_0000, 4, 0)
    assert lines[0]
    plic.write(4 * 3, 4, 0)
    assert not lines[0]


def test_a_claim_ignores_the_threshold() -> None:
    plic, lines = make()
    plic.write(M_ENABLE, 4, 0xFFFF)
    plic.write(0x20_0000, 4, 7)
    plic.set_source(3, True)
    assert not lines[0]
    assert plic.read(CLAIM_M, 4) == 3


def test_completion_of_a_disabled_source_is_ignored() -> None:
    plic, lines = make()
    plic.write(M_ENABLE, 4, 1 << 3)
    plic.set_source(3, True)
    plic.read(CLAIM_M, 4)
    plic.write(M_ENABLE, 4, 0)
    plic.write(CLAIM_M, 4, 3)
    plic.write(M_ENABLE, 4, 1 << 3)
    assert not lines[0]


def test_registers_read_back() -> None:
    plic, _ = make()
    plic.write(4 * 95, 4, 0xFF)
    assert plic.read(4 * 95, 4) == 7
    plic.write(S_ENABLE + 8, 4, 0xFFFF_FFFF)
    assert plic.read(S_ENABLE + 8, 4) == 0xFFFF_FFFF
    plic.write(S_ENABLE + 12, 4, 0xFFFF_FFFF)
    assert plic.read(S_ENABLE + 12, 4) == 0
    plic.set_source(95, True)
    assert plic.read(0x1008, 4) == 1 << 31


def test_each_word_of_enabled_sources_is_written_by_itself() -> None:
    plic, _ = make()
    places = [first + at for first in (M_ENABLE, S_ENABLE) for at in (0, 4, 8)]
    ones = dict.fromkeys(places, 0xFFFF_FFFF) | {M_ENABLE: 0xFFFF_FFFE, S_ENABLE: 0xFFFF_FFFE}
    for place in places:
        plic.write(place, 4, 0xFFFF_FFFF)
    assert {place: plic.read(place, 4) for place in places} == ones
    for place in places:
        plic.write(place, 4, 0)
        assert {at: plic.read(at, 4) for at in places} == ones | {place: 0}
        plic.write(place, 4, 0xFFFF_FFFF)
    for place in places:
        for bit in (1, 31):
            plic.write(place, 4, 1 << bit)
            assert {at: plic.read(at, 4) for at in places} == ones | {place: 1 << bit}
        plic.write(place, 4, 0xFFFF_FFFF)


def test_each_word_of_pending_sources_shows_its_own() -> None:
    plic, _ = make()
    for source in (1, 31, 32, 63, 64, 95):
        plic.set_source(source, True)
        found = [plic.read(0x1000 + at, 4) for at in (0, 4, 8, 12)]
        assert found == [1 << source % 32 if at == source // 32 else 0 for at in range(4)]
        plic.set_source(source, False)


def test_a_write_to_what_shows_pending_sources_changes_nothing() -> None:
    plic, lines = make()
    plic.write(M_ENABLE, 4, 0xFFFF_FFFE)
    plic.write(0x1000, 4, 1 << 3)
    assert (plic.read(0x1000, 4), lines) == (0, [False, False])
    plic.set_source(3, True)
    plic.write(0x1000, 4, 0)
    assert (plic.read(0x1000, 4), lines) == (1 << 3, [True, False])
