"""Every seed and every input that once failed, replayed without the fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus.fuzz.catalogue import GROUPS, TARGETS
from nexus.fuzz.corpus import CorpusError, keep, load, load_all
from nexus.fuzz.target import Input, Target, packed

CORPUS = Path(__file__).parent / "corpus"
KEPT = sorted(CORPUS.glob("*/*.hex"))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_seeds_and_kept_inputs_pass(target: Target) -> None:
    assert target.seeds, "a search needs something to begin from"
    for data in (b"", *target.seeds, *load_all(CORPUS, target.name)):
        target.run(data)


def test_every_kept_input_is_of_a_target() -> None:
    assert {path.parent.name for path in KEPT} <= set(TARGETS)


def test_names_tell_targets_and_groups_apart() -> None:
    assert sum(len(group) for group in GROUPS.values()) == len(TARGETS)
    assert not set(GROUPS) & set(TARGETS)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_bent_seeds_pass(target: Target) -> None:
    """A short walk in every direction, also where the fuzzer does not run."""
    for seed in target.seeds:
        for at in range(min(len(seed), 48)):
            target.run(seed[:at])
            target.run(seed[:at] + bytes([seed[at] ^ 0xFF]) + seed[at + 1 :])


@pytest.mark.parametrize("data", [b"", b"\0", bytes(range(200))])
def test_an_input_is_kept_as_text(tmp_path: Path, data: bytes) -> None:
    path = keep(tmp_path, "mux", data)
    assert load_all(tmp_path, "mux") == [data]
    assert keep(tmp_path, "mux", data) == path
    assert path.read_text().isascii()


@pytest.mark.parametrize("text", ["zz\n", "00\n"])
def test_a_kept_input_that_was_changed_is_refused(tmp_path: Path, text: str) -> None:
    path = keep(tmp_path, "mux", b"\1\2")
    path.write_text(text)
    with pytest.raises(CorpusError, match=path.name):
        load(path)


def test_input_reads_what_packed_wrote() -> None:
    source = Input(packed(7, b"abc") + packed(8, b"") + b"\1")
    assert [(step, source.piece()) for step in source.steps(9)] == [
        (7, b"abc"),
        (8, b""),
        (1, b""),
    ]
