import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.emulator.isa.assemble import AssemblyError, assemble, assemble_with_symbols
from nexus.emulator.isa.decode import decode
from nexus.emulator.isa.disassemble import disassemble


@given(st.integers(0, (1 << 32) - 1).map(lambda word: word | 3))
def test_disassembly_assembles_to_an_equal_instruction(word: int) -> None:
    text = disassemble(word, 0x8000_0000)
    assert text.startswith(".word") is (decode(word) is None)
    again = int.from_bytes(assemble(text), "little")
    assert decode(again) == decode(word), text


def test_labels_reach_both_ways() -> None:
    code, symbols = assemble_with_symbols("a: j b\n nop\nb: beqz a0, a\n")
    assert symbols == {"a": 0x8000_0000, "b": 0x8000_0008}
    words = [int.from_bytes(code[i : i + 4], "little") for i in range(0, 12, 4)]
    assert [disassemble(w, 0x8000_0000 + 4 * i) for i, w in enumerate(words)] == [
        "jal zero, 0x80000008",
        "addi zero, zero, 0",
        "beq a0, zero, 0x80000000",
    ]


def test_data_and_directives_become_bytes() -> None:
    assert assemble(".byte 1, 2\n.align 4\n.half 3\n.org 8\n.word -1 # tail\n") == (
        b"\1\2\0\0\3\0\0\0\xff\xff\xff\xff"
    )


@pytest.mark.parametrize(
    "line",
    ["frob a0", "addi a0, a1", "addi a0, a1, 5000", "lw a0, a1", "j nowhere", "li q7, 1", "x: x:"],
)
def test_a_bad_line_is_quoted(line: str) -> None:
    with pytest.raises(AssemblyError, match=line.split()[0]):
        assemble(line)
