import struct
from collections.abc import Iterator

import pytest

from nexus.emulator.native.build import compile_object
from nexus.emulator.native.flatten import Flat, flatten
from nexus.emulator.native.processor import AARCH64, PROCESSORS, X86_64, Processor

# So many bytes before the last function that a distance is more than a page, and not a whole one.
_TEXT = """
@filler = internal constant [5000 x i8] c"{}", align 1
@word = internal constant i64 81985529216486895, align 8
define dso_local ptr @where() {{ ret ptr @after }}
define dso_local i64 @constant() {{
  %w = load volatile i64, ptr @word
  %b = load volatile i8, ptr @filler
  ret i64 %w
}}
define dso_local void @jump(ptr %p) {{
  tail call void @after(ptr %p)
  ret void
}}
define dso_local void @after(ptr %p) noinline {{
  store volatile i64 1, ptr %p
  ret void
}}
""".format("\\07" * 5000)


def _words(flat: Flat, name: str) -> Iterator[tuple[int, int]]:
    """Each instruction of a function of AArch64 and where it is, up to its last."""
    for place in range(flat.symbols[name], len(flat.code), 4):
        (word,) = struct.unpack_from("<I", flat.code, place)
        yield place, word
        if word == 0xD65F03C0 or word >> 26 == 0b000101:  # `ret` and `b`.
            return


def _pages(place: int, word: int) -> int:
    """The page that `adrp` gives."""
    distance = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
    return (place & ~4095) + ((distance ^ 1 << 20) - (1 << 20) << 12)


def test_an_address_on_aarch64_is_a_page_and_an_offset() -> None:
    flat = flatten(compile_object(_TEXT, AARCH64))
    (place, page), (_, offset), _ = _words(flat, "where")
    assert page >> 24 & 0x9F == 0x90, "adrp"
    assert offset >> 22 == 0b1001000100, "add of 64 bits"
    assert _pages(place, page) + (offset >> 10 & 0xFFF) == flat.symbols["after"]


def _loads(flat: Flat) -> dict[int, int]:
    """Return the places from which loads of `constant` read, by their size in bytes."""
    found = {}
    pages: dict[int, int] = {}
    for place, word in _words(flat, "constant"):
        if word >> 24 & 0x9F == 0x90:
            pages[word & 31] = _pages(place, word)
        for size, opcode in ((8, 0b1111100101), (1, 0b0011100101)):
            if word >> 22 == opcode:
                found[size] = pages[word >> 5 & 31] + (word >> 10 & 0xFFF) * size
    return found


def test_a_load_on_aarch64_counts_in_units_of_its_size() -> None:
    flat = flatten(compile_object(_TEXT, AARCH64))
    found = _loads(flat)
    assert flat.code[found[8] : found[8] + 8] == (81985529216486895).to_bytes(8, "little")
    assert flat.code[found[1]] == 7


def test_a_jump_on_aarch64_counts_in_words() -> None:
    flat = flatten(compile_object(_TEXT, AARCH64))
    *_, (place, word) = _words(flat, "jump")
    assert word >> 26 == 0b000101, "b"
    assert place + 4 * (word & (1 << 26) - 1) == flat.symbols["after"]


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_same_object_gives_the_same_code(processor: Processor) -> None:
    image = compile_object(_TEXT, processor)
    assert flatten(image) == flatten(image)
    assert {"where", "constant", "jump", "after"} <= flatten(image).symbols.keys()


def test_processors_have_different_code() -> None:
    assert flatten(compile_object(_TEXT, X86_64)) != flatten(compile_object(_TEXT, AARCH64))
