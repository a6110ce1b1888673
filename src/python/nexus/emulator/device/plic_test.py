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
