"""A folder that fills by itself: the first run interprets, the next one is translated."""

from pathlib import Path

import pytest

from nexus.emulator.io.translation_cache import TranslationCache, path_of
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob import unpack
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translate_hot import main
from nexus.emulator.program_support import program

LOOP = """
    li s0, 3
again: addi s1, s1, 1
    add s2, s2, s0
    j again
"""
COMPILER = unpack(native_blob()).compiler


def run(cache: TranslationCache) -> str:
    machine = Machine(
        MachineOptions(
            kernel=program(LOOP),
            ram_bytes=1 << 20,
            engine="translated",
            native_blob=native_blob(),
            translation_source=cache,
        )
    )
    for instant in range(10_000, 60_000, 10_000):
        machine.run(instant)
    return machine.state_digest()


def test_what_was_hot_is_translated_in_the_next_run(tmp_path: Path) -> None:
    first = TranslationCache(tmp_path, COMPILER)
    digest = run(first)
    assert len(first.missing()) == 1
    work = first.write_work()
    assert work is not None
    assert main([str(work)]) == 0
    assert not work.exists()
    second = TranslationCache(tmp_path, COMPILER)
    assert run(second) == digest
    assert second.missing() == []
    assert second.write_work() is None
    (content, _), *_ = first.missing()
    assert second.find(content), "it has a translation"


@pytest.mark.parametrize("damage", [b"", b"NXTR", bytes(5000)])
def test_a_damaged_file_is_no_translation(tmp_path: Path, damage: bytes) -> None:
    cache = TranslationCache(tmp_path, COMPILER)
    path = path_of(cache.folder, bytes(4096))
    path.parent.mkdir(parents=True)
    path.write_bytes(damage)
    assert cache.find(bytes(4096)) == ()
    cache.sample(bytes(4096), 0)
    assert cache.missing() == [(bytes(4096), 0)]


def test_a_run_that_is_never_sampled_leaves_no_work(tmp_path: Path) -> None:
    cache = TranslationCache(tmp_path / "absent", COMPILER)
    assert cache.write_work() is None
    assert not (tmp_path / "absent").exists()
