"""The records of a run become files and notes, for each machine, if they were asked for."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from nexus.coverage.code import parts_of
from nexus.coverage.coverage_cases import SERVICE_AT, kernel_of, lines_of, page_of, system
from nexus.coverage.lines import PartLines
from nexus.emulator.coverage import CoveredPage, PageKey, Recorder
from nexus.emulator.profile import Sample, Sampler
from nexus.harness.instruments import Instruments
from nexus.harness.observed import Booted, observe

IMAGE = system(logd="li a0, 3\nli a1, 4\nret", policyd="li a0, 5\nret")
PARTS = {part.name: part for part in parts_of(IMAGE, "the image")}
LINES = [lines_of(part) for part in PARTS.values()]
A, B = Booted("A", "system", IMAGE), Booted("B", "system", IMAGE)
BAD = Booted("C", "other", b"no image")
UNKNOWN_PAGE = CoveredPage(PageKey(0, 0x5000_0000, 0, bytes(16)), b"\1" + bytes(2047))
WITHOUT_LINES = (
    "Coverage: no part of the image has debug information here, so coverage.json has addresses "
    "alone; `nexus coverage report --lines FILE` finds their lines."
)


class Recorded(Recorder):
    """A recorder that holds given pages."""

    def __init__(self, *pages: CoveredPage, lost: int = 0) -> None:
        super().__init__()
        self._given = list(pages)
        self.pages_lost = lost

    def pages(self) -> list[CoveredPage]:
        return self._given


def covered(**recorders: Recorder) -> Instruments:
    instruments = Instruments(covers=True)
    instruments.recorders.update(recorders)
    return instruments


def sampled(**samples: int) -> Instruments:
    """So many samples of each machine at the first instruction of logd."""
    instruments = Instruments(profile_every=1000)
    page = page_of(PARTS["logd"], 0)
    for label, count in samples.items():
        sampler = instruments.samplers[label] = Sampler(1000)
        sampler.samples = Counter({Sample(page.key, SERVICE_AT, 0, ()): count})
    return instruments


def test_nothing_is_written_of_what_was_not_asked_for() -> None:
    observed = observe("os2vm", [A, B], Instruments(), LINES)
    assert (observed.files, observed.notes) == ({}, [])


def test_the_coverage_of_two_machines_is_one_run() -> None:
    instruments = covered(
        A=Recorded(page_of(PARTS["logd"], 0)), B=Recorded(page_of(PARTS["policyd"], 0))
    )
    observed = observe("os2vm", [A, B], instruments, LINES)
    held = json.loads(observed.files["coverage.json"])
    assert held["runs"] == 1
    executed = {part["name"]: bool(part["pages"]) for part in held["parts"]}
    assert executed == {"kernel": False, "logd": True, "policyd": True}
    assert sorted(observed.files) == ["coverage.info", "coverage.json"]
    assert "TN:os2vm\n" in observed.files["coverage.info"]
    assert observed.notes == []


def test_a_machine_without_a_record_is_passed_over() -> None:
    one = covered(B=Recorded(page_of(PARTS["logd"], 0)))
    observed = observe("os2vm", [A, B], one, LINES)
    alone = observe("os2vm", [B], one, LINES)
    assert observed.files == alone.files
    assert observe("os2vm", [A, B], sampled(B=3), []).files["profile.folded"].endswith(" 3\n")


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_recorded() -> None:
    instruments = covered(A=Recorded(page_of(PARTS["logd"], 0)), C=Recorded())
    observed = observe("os2vm", [BAD, A], instruments, LINES)
    (note,) = observed.notes
    assert note.startswith("Nothing is recorded of machine C: ")
    assert observed.files == observe("os2vm", [A], instruments, LINES).files


@pytest.mark.parametrize(
    ("lines", "recorder", "notes"),
    [
        ([], Recorded(), [WITHOUT_LINES]),
        (LINES, Recorded(lost=3), ["Coverage: 3 pages of machine A were too many."]),
        (
            LINES,
            Recorded(UNKNOWN_PAGE),
            ["Coverage: 1 executed pages belong to no part of the image."],
        ),
    ],
)
def test_what_the_reader_must_know(
    lines: list[PartLines], recorder: Recorder, notes: list[str]
) -> None:
    observed = observe("os2vm", [A], covered(A=recorder), lines)
    assert observed.notes == notes
    assert ("coverage.info" in observed.files) == bool(lines)


def test_a_part_without_lines_is_named_where_others_have_some() -> None:
    observed = observe("os2vm", [A], covered(A=Recorded()), [lines_of(kernel_of(IMAGE))])
    assert [note.split(":")[1] for note in observed.notes] == [" logd", " policyd"]
    assert all(note.startswith("Coverage: ") and note.endswith(".") for note in observed.notes)


def test_samples_are_stacks_of_their_machine_and_a_drawing() -> None:
    observed = observe("os2vm", [A, B], sampled(A=2, B=5), LINES)
    assert sorted(observed.files) == ["profile.folded", "profile.svg"]
    stacks = observed.files["profile.folded"].splitlines()
    assert [(line.split(";")[0], line.rsplit(" ", 1)[1]) for line in stacks] == [
        ("A", "2"),
        ("B", "5"),
    ]
    assert all("logd" in line and "main" in line for line in stacks)
    assert observed.notes == []


def test_without_samples_there_is_no_drawing() -> None:
    observed = observe("os2vm", [A], sampled(A=0), [])
    assert "profile.svg" not in observed.files


def test_samples_that_were_too_different_are_counted() -> None:
    instruments = sampled(A=1)
    instruments.samplers["A"].samples_lost = 4
    observed = observe("os2vm", [A], instruments, LINES)
    assert observed.notes == ["Profile: 4 samples of A were too different."]
