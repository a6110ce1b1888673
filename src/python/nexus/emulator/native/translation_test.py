"""Translated pages against the reference, and the file they come in."""

import random
from pathlib import Path

import pytest

from nexus.emulator import random_program_cases
from nexus.emulator.guest_support import OPEN_PMP, PAGING, drop_to
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.native import layout
from nexus.emulator.native.blob import Blob, BlobError, unpack
from nexus.emulator.native.blob_support import HOST, native_blob
from nexus.emulator.native.hart import NativeHart
from nexus.emulator.native.translate import main, pages_of, translate
from nexus.emulator.native.translation import Entry, Page, Translations, key_of, pack
from nexus.emulator.native.translation_support import translated, translations_of
from nexus.emulator.program_support import build_elf, program
from nexus.emulator.random_program_cases import random_program

RAM_BYTES = 1 << 20

LOOP = """
    li s0, 3
again: addi s1, s1, 1
    add s2, s2, s0
    j again
"""


def both(kernel: bytes) -> tuple[Machine, Machine]:
    """The same machine on the reference and on translations."""
    reference = Machine(MachineOptions(kernel=kernel, ram_bytes=RAM_BYTES))
    return reference, Machine(translated(kernel, RAM_BYTES))


def pages_used(machine: Machine) -> int:
    """Count the different translated pages that a machine found."""
    hart = machine.hart
    assert isinstance(hart, NativeHart)
    assert isinstance(hart._translations, Translations)
    return len(hart._translations._ready)


@pytest.mark.parametrize("seed", range(100, 106))
def test_random_programs_leave_the_same_state(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In random slices, down to single steps, with interrupts, faults and rewritten code."""
    left_out = (None, random_program_cases._rewrite)[seed % 2]  # Without rewrites, code stays.
    kinds = tuple(kind for kind in random_program_cases._CHOICES if kind is not left_out)
    monkeypatch.setattr(random_program_cases, "_CHOICES", kinds)
    reference, fast = both(program(random_program(seed, 120)))
    chance = random.Random(seed)
    instant = 0
    for bound in (2, 30, 400, 3000, 12000):
        instant += 10 * chance.randrange(1, bound)
        reference.run(instant)
        while fast.now_ns < instant:
            fast.run(min(instant, fast.now_ns + 10 * chance.choice((1, 2, 7, 50, 100_000))))
        assert fast.state_digest() == reference.state_digest(), f"at {instant} ns"
    assert fast.instructions == reference.instructions
    assert pages_used(fast) > 0


def test_every_length_of_a_slice_ends_where_the_reference_does() -> None:
    reference, fast = both(program(LOOP))
    for instant in range(10, 1000, 10):
        reference.run(instant)
        fast.run(instant)
        assert fast.state_digest() == reference.state_digest(), instant


def test_code_that_rewrites_its_own_page_loses_its_translation() -> None:
    text = """
    la s0, patch
    li s1, 0x00140413
    li s2, 0
    addi s0, s0, 0
    again: addi s2, s2, 1
    patch: addi a0, a0, 7
    li t0, 50
    bne s2, t0, again
    la s0, patch
    li s1, 0x00150513
    sw s1, 0(s0)
    li s2, 0
    more: addi s2, s2, 1
    li t0, 60
    blt s2, t0, again
    stop: j stop
    """
    reference, fast = both(program(text))
    for instant in (500, 2_330, 9_000):
        reference.run(instant)
        fast.run(instant)
        assert fast.state_digest() == reference.state_digest()


def test_a_write_from_outside_into_running_code_is_seen() -> None:
    reference, fast = both(program(LOOP))
    for machine in (reference, fast):
        machine.run(1_000)
        machine.ram.write(0x8000_0004, (0x00248493).to_bytes(4, "little"))  # addi s1, s1, 2
        machine.run(2_000)
    assert fast.register(9) > 80
    assert fast.state_digest() == reference.state_digest()


def test_an_instruction_across_the_end_of_a_page() -> None:
    """Straight on from translated code, and as the target of a loop."""
    text = """
    j first
    .org 0xfec
    first: li a0, 0
    back: addi a0, a0, 1
    addi a1, a1, 2
    c.addi a2, 1
    addi a3, a3, 3
    li t0, 40
    bne a0, t0, back
    stop: j stop
    """
    reference, fast = both(program(text))
    for instant in (300, 1_110, 4_000):
        reference.run(instant)
        fast.run(instant)
        assert fast.state_digest() == reference.state_digest()
    assert fast.register(13) == 120


def test_faults_in_translated_code_are_precise() -> None:
    """A page that is mapped only after it faulted, in the midst of a block."""
    text = f"""{OPEN_PMP}{PAGING}
    ori t0, s3, 0xd7
    mv s4, t0
    la t0, repair
    csrw mtvec, t0
    {drop_to(1, "super")}
    super: li s5, 0x1ff8
    li s6, 0
    again: addi s6, s6, 1
    mv s7, s6
    sd s6, 0(s5)
    ld s8, 0(s5)
    add s9, s9, s8
    addi s5, s5, 8
    li t0, 0x5000
    bne s5, t0, again
    stop: j stop
    .align 4
    repair: csrr t1, mtval
    srli t1, t1, 12
    slli t1, t1, 3
    add t1, t1, s2
    sd s4, 0(t1)
    mret
    """
    reference, fast = both(program(text))
    for instant in range(400, 24_000, 790):
        reference.run(instant)
        fast.run(instant)
        assert fast.state_digest() == reference.state_digest(), instant


def test_running_out_of_decoded_pages_only_costs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "POOL_PAGES", 2)
    reference, fast = both(program(random_program(100, 120)))
    for instant in (10_000, 60_000):
        reference.run(instant)
        fast.run(instant)
        assert fast.state_digest() == reference.state_digest()


def test_translating_twice_gives_the_same_bytes() -> None:
    kernel = program(LOOP)
    assert translate([kernel], HOST) == translations_of(kernel)
    assert translate([kernel], HOST, processes=2) == translations_of(kernel)


def test_an_image_without_executable_segments_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = bytearray(program(LOOP))
    kernel[68] = 6  # Flags of its one segment: read and write.
    (tmp_path / "data.elf").write_bytes(kernel)
    with pytest.raises(SystemExit) as ended:
        main(["--elf", str(tmp_path / "data.elf"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 20
    assert "data.elf: no segment is executable" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_executables_inside_an_image_are_found_where_they_lie() -> None:
    inner = build_elf({0x10000: b"\x13" * 100})
    outer = build_elf({0x8000_0000: b"\x01" * 4096 + inner})
    found = [content for content, _ in pages_of(outer)]
    assert (inner.ljust(4096, b"\0")) in found


def test_a_machine_without_a_match_still_runs() -> None:
    options = translated(program(LOOP), RAM_BYTES)
    other = MachineOptions(
        kernel=program("li s0, 9\nstop: j stop"),
        ram_bytes=RAM_BYTES,
        engine="translated",
        native_blob=options.native_blob,
        translations=options.translations,
    )
    machine = Machine(other)
    assert machine.run(1_000) is Stop.REACHED
    assert machine.register(8) == 9


COMPILER = unpack(native_blob()).compiler
GOOD = pack(
    {key_of(bytes(4096)): Page((Entry(0, 0, bytes(8), ((0, 4),), (), False),), b"\xc3")},
    COMPILER,
    HOST,
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (b"ELF!" + GOOD[4:], "magic"),
        (GOOD[:4] + b"\x09" + GOOD[5:], "format"),
        (GOOD[:6] + b"\x09" + GOOD[7:], "processor 9; expected 1 .x86_64. or 2 .aarch64."),
        (GOOD[:8] + bytes([GOOD[8] ^ 1]) + GOOD[9:], "another version"),
        (GOOD[:41] + b"x" + GOOD[42:], "compiler"),
        (GOOD[:110] + bytes([GOOD[110] ^ 1]) + GOOD[111:], "checksum of the index"),
        (GOOD[:-30], "checksum of the index"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BlobError, match=message):
        Translations(data, COMPILER)


@pytest.mark.parametrize("data", [GOOD[:-1] + b"\xcc", GOOD[:-1]])
def test_a_damaged_page_is_refused_when_it_is_needed(data: bytes) -> None:
    assert Translations(GOOD, COMPILER).find(bytes(4096))
    translations = Translations(data, COMPILER)
    assert translations.find(b"\1" * 4096) == ()
    with pytest.raises(BlobError, match="damaged"):
        translations.find(bytes(4096))


def test_translations_need_the_blob_of_their_compiler() -> None:
    blob = unpack(native_blob())
    other = Blob(blob.enter, blob.fill, blob.handlers, blob.code, HOST, "llvm 1.0.0").pack()
    kernel = program(LOOP)
    with pytest.raises(BlobError, match="compiler"):
        Machine(
            MachineOptions(
                kernel=kernel,
                engine="translated",
                native_blob=other,
                translations=translations_of(kernel),
            )
        )
