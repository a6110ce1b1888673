"""`python -m nexus.emulator.native.translate --elf ELF... --out FILE`: translate guest code.

Takes every executable page of the ELFs, and of ELFs that lie inside them page by page, as a boot
archive has them.  Needs LLVM, like `build`; what it makes is used without.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Final

import llvmlite.binding as llvm

from nexus.emulator.memory import PAGE_BYTES
from nexus.emulator.native import layout
from nexus.emulator.native.build import add_processor, compiler
from nexus.emulator.native.flatten import flatten
from nexus.emulator.native.guarded import forms
from nexus.emulator.native.page_source import page_module
from nexus.emulator.native.processor import Processor, named
from nexus.emulator.native.region import Region, regions, straddles
from nexus.emulator.native.target import parse, target_machine
from nexus.emulator.native.translation import Entry, Page, key_of, pack
from nexus.emulator.reference.state import SINK
from nexus.entry.arguments import ArgumentParser
from nexus.entry.options import whole
from nexus.entry.program import EXIT_CONFIG, run_program
from nexus.entry.reading import read_bounded

# The largest image that a machine boots.
_IMAGE_BYTES_MAX: Final = 64 << 20
_PROCESSES_MAX: Final = 256

_MAGIC: Final = b"\x7fELF\x02\x01\x01"
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_PT_LOAD, _EXECUTE = 1, 1

Piece = tuple[bytes, int]  # A page and where its first instruction begins.


def _segments(image: bytes) -> list[tuple[int, int, int, int]]:
    """The loaded segments of an ELF: flags, offset, address, length."""
    (table,) = struct.unpack_from("<Q", image, 32)
    (count,) = struct.unpack_from("<H", image, 56)
    found = []
    for number in range(count):
        kind, flags, offset, _, address, length, _, _ = _SEGMENT.unpack_from(
            image, table + number * _SEGMENT.size
        )
        if kind == _PT_LOAD:
            found.append((flags, offset, address, length))
    return found


def pages_of(image: bytes, *, is_nested: bool = False) -> Iterator[Piece]:
    """The executable pages, as they will lie in memory.

    What a loader copies begins on a page with the segment's address; what stays where it is, in
    an archive, has the pages of the file.
    """
    for flags, offset, address, length in _segments(image):
        if flags & _EXECUTE:
            before = address % PAGE_BYTES
            first = offset - before if is_nested else offset
            data = (
                image[first : offset + length]
                if is_nested
                else bytes(before) + image[offset : offset + length]
            )
            if is_nested:  # The rest of the last page is the file's too.
                data += image[offset + length :][: -len(data) % PAGE_BYTES]
            yield from _pieces(data, 0 if is_nested else before)
        if not is_nested:
            for place in range(offset + -address % PAGE_BYTES, offset + length, PAGE_BYTES):
                if image[place : place + len(_MAGIC)] == _MAGIC:
                    yield from pages_of(image[place : offset + length], is_nested=True)


def _pieces(data: bytes, start: int) -> Iterator[Piece]:
    first = start % PAGE_BYTES
    for place in range(0, len(data), PAGE_BYTES):
        content = data[place : place + PAGE_BYTES].ljust(PAGE_BYTES, b"\0")
        yield content, first & ~1
        first = 2 if straddles(content, first & ~1) else 0


def translate_page(piece: Piece, processor: Processor) -> Page:
    """Compile one page."""
    content, start = piece
    found = forms(list(regions(content, start)))
    if not found:
        return Page((), b"")
    flat = flatten(_compile(page_module(found), processor))
    entries = [
        Entry(
            layout.SLOT_BYTES // 2 * offset,
            flat.symbols[form.symbol],
            _operands(form.region, offset),
            form.region.extents,
            form.guarded,
            form.is_spare,
        )
        for form in found
        for offset in form.region.entries
    ]
    return Page(tuple(sorted(entries)), flat.code)


def _operands(region: Region, offset: int) -> bytes:
    """The operands as the decoder would leave them in the slot."""
    it = next(it for b in region.blocks.values() for at, it in b.body if at == offset)
    return struct.pack("<BBBxi", it.rd or SINK, it.rs1, it.rs2, it.imm)


def _compile(text: str, processor: Processor) -> bytes:
    """Compile with the few passes that pay: registers, peepholes, simpler branches."""
    machine = target_machine(processor, 1)
    module = parse(text, processor)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    for function in module.functions:
        passes.run(function, builder)
    image: bytes = machine.emit_object(module)
    return image


def translate(images: Sequence[bytes], processor: Processor, processes: int = 1) -> bytes:
    """Translate all executable pages of these ELFs; the same bytes however many processes."""
    pieces = {key_of(piece[0]): piece for image in images for piece in pages_of(image)}
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            pages = list(pool.map(translate_page, pieces.values(), repeat(processor)))
    else:
        pages = [translate_page(piece, processor) for piece in pieces.values()]
    return pack(dict(zip(pieces, pages, strict=True)), compiler(), processor)


def _read(parser: ArgumentParser, path: Path) -> bytes:
    try:
        content = read_bounded(path, _IMAGE_BYTES_MAX)
    except OSError as error:
        parser.exit(EXIT_CONFIG, f"translate: --elf {path}: {error.strerror}\n")
    if len(content) > _IMAGE_BYTES_MAX:
        said = f"larger than {_IMAGE_BYTES_MAX} bytes; expected a guest's image"
        parser.exit(EXIT_CONFIG, f"translate: --elf {path}: {said}\n")
    return content


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = ArgumentParser("native:translate", "Translate the code of guest images.")
    parser.add_argument("--elf", type=Path, nargs="+", required=True, help="guest images")
    parser.add_argument("--out", type=Path, required=True, help="where to write the translations")
    parser.add_argument(
        "--processes",
        type=whole(1, _PROCESSES_MAX),
        default=min(os.cpu_count() or 1, _PROCESSES_MAX),
    )
    add_processor(parser)
    options = parser.parse_args(argv)
    images = [_read(parser, path) for path in options.elf]
    for path, image in zip(options.elf, images, strict=True):
        if not any(pages_of(image)):
            parser.exit(
                EXIT_CONFIG,
                f"translate: --elf {path}: no segment is executable, so there is nothing to"
                " translate; expected a kernel as a linker makes it\n",
            )
    data = translate(images, named(options.processor), options.processes)
    options.out.write_bytes(data)
    kib = len({key_of(page) for image in images for page, _ in pages_of(image)}) * PAGE_BYTES >> 10
    spent = sum(os.times()[:4])  # By this process and its children.
    print(
        f"{kib} KiB of guest code, {len(data) >> 10} KiB of translations,"
        f" {1000 * spent / max(kib, 1):.0f} ms of processor time a KiB"
    )
    return 0


if __name__ == "__main__":
    run_program(main)
