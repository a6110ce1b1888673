"""A folder that fills by itself: the first run interprets, the next one is translated."""

import fcntl
import os
from pathlib import Path

import pytest

from nexus.emulator.io.translation_cache import TranslationCache, path_of, trim
from nexus.emulator.machine import Machine, MachineOptions
from nexus.emulator.native.blob import unpack
from nexus.emulator.native.blob_support import native_blob
from nexus.emulator.native.translate_hot import main
from nexus.emulator.program_support import program
from nexus.entry.program import EXIT_CONFIG

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


def test_one_translator_works_at_a_time(tmp_path: Path) -> None:
    cache = TranslationCache(tmp_path, COMPILER)
    cache.sample(bytes(4096), 0)
    work = cache.write_work()
    assert work is not None
    with (cache.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert main([str(work)]) == 0
    assert not work.exists()
    assert not path_of(cache.folder, bytes(4096)).exists()


def test_work_that_a_translator_left_behind_goes_with_the_next(tmp_path: Path) -> None:
    cache = TranslationCache(tmp_path, COMPILER)
    cache.sample(bytes(4096), 0)
    left, work = cache.write_work(), cache.write_work()
    assert left is not None
    assert main([str(work)]) == 0
    assert not left.exists()


def test_another_compiler_makes_nothing(tmp_path: Path) -> None:
    cache = TranslationCache(tmp_path, "llvm 1.2.3")
    cache.sample(bytes(4096), 0)
    work = cache.write_work()
    assert main([str(work)]) == EXIT_CONFIG
    assert list(cache.folder.iterdir()) == []


def test_what_was_not_used_for_longest_goes_when_there_is_too_much(tmp_path: Path) -> None:
    cache = TranslationCache(tmp_path, COMPILER)
    pages = [bytes([number]) * 4096 for number in range(4)]
    for age, page in enumerate(pages):
        path = path_of(cache.folder, page)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
        os.utime(path, ns=(age, age))
    trim(tmp_path, 2500)
    assert [path_of(cache.folder, page).exists() for page in pages] == [False, False, True, True]


def test_files_that_are_not_translations_stay_whatever_their_size(tmp_path: Path) -> None:
    """The folder may be one that was used for other things before."""
    cache = TranslationCache(tmp_path, COMPILER)
    page = path_of(cache.folder, bytes(4096))
    others = [
        tmp_path / "letters/2026/mine",
        tmp_path / "letters" / page.parent.name / page.name,
        cache.folder / "ab" / page.name,
        page.with_name(f"{page.name}.txt"),
    ]
    for path in (page, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    assert page.parent.name != "ab"
    (tmp_path / "letters/2026/folder").mkdir()
    trim(tmp_path, 0)
    assert not page.exists()
    assert all(path.exists() for path in others)


def test_pages_that_are_hardly_ever_run_stay_as_they_are(tmp_path: Path) -> None:
    cache = TranslationCache(tmp_path, COMPILER)
    for _ in range(1000):
        cache.sample(bytes(4096), 0)
    cache.sample(b"\1" * 4096, 0)
    assert [content for content, _ in cache.missing()] == [bytes(4096)]
