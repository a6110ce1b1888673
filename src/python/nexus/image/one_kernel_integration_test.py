"""There is one kernel: every image, honest, hostile or faulty, boots the same kernel bytes.

Needs packaged images, which Pants puts beside the test (see BUILD).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import pytest

from nexus.image.elf import Segment, read_segments

SYSTEM: Final = Path("src.guest/system.elf")
OTHERS: Final = ("attacker", "deadlock", "guest_panic", "hello", "service_crash")


def _kernel_segments(image: Path) -> list[tuple[Segment, str]]:
    """Return each loadable segment before the boot archive, with the digest of its bytes."""
    data = image.read_bytes()
    loads = [segment for segment in read_segments(data, str(image)) if segment.kind == 1]
    kernel, archive = loads[:-1], loads[-1]
    assert data[archive.offset : archive.offset + 4] == b"NXBF", "the last segment is the archive"
    return [
        (segment, hashlib.sha256(data[segment.offset :][: segment.file_bytes]).hexdigest())
        for segment in kernel
    ]


@pytest.mark.parametrize("project", OTHERS)
def test_every_image_boots_the_same_kernel(project: str) -> None:
    other = Path(f"testprojects.{project}/system.elf")
    assert other.read_bytes() != SYSTEM.read_bytes(), "images differ in what they start"
    kernel = _kernel_segments(SYSTEM)
    assert len(kernel) >= 3, "text, rodata and data at least"
    assert _kernel_segments(other) == kernel
