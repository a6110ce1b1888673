"""Writes `coverage.info`, the trace file of lcov, which editors, forges and genhtml read.

Format: geninfo(1), section FILES.  The bitmap knows whether, not how often: every count is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from nexus.coverage.figures import Coverage, FileCoverage


def render(coverage: Coverage, test: str = "") -> str:
    """Write the file."""
    name = "".join(it if it.isascii() and it.isalnum() else "_" for it in test)
    lines = [f"TN:{name}"]
    for file in coverage.files.values():
        lines += _record(file)
    return "\n".join(lines) + "\n"


def _record(file: FileCoverage) -> Iterator[str]:
    yield f"SF:{file.path}"
    functions = sorted(file.functions.items())
    for (line, name), _ in functions:
        yield f"FN:{line},{name}"
    for (_, name), is_hit in functions:
        yield f"FNDA:{int(is_hit)},{name}"
    if functions:
        yield f"FNF:{len(functions)}"
        yield f"FNH:{sum(is_hit for _, is_hit in functions)}"
    yield from _branches(file)
    for line, is_hit in sorted(file.lines.items()):
        yield f"DA:{line},{int(is_hit)}"
    yield f"LF:{len(file.lines)}"
    yield f"LH:{file.hit}"
    yield "end_of_record"


def _branches(file: FileCoverage) -> Iterator[str]:
    hit = 0
    blocks: dict[int, int] = {}
    for (line, _, _), (taken, not_taken, was_executed) in sorted(file.branches.items()):
        block = blocks.get(line, 0)
        blocks[line] = block + 1
        for way, is_hit in enumerate((taken, not_taken)):
            count = str(int(is_hit)) if was_executed else "-"
            yield f"BRDA:{line},{block},{way},{count}"
            hit += is_hit
    if file.branches:
        yield f"BRF:{2 * len(file.branches)}"
        yield f"BRH:{hit}"
