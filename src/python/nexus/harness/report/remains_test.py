"""The remains of a run are shown; each file that is gone, damaged or another's is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nexus.config.held_file import ReadingError
from nexus.harness.pcapng import Capture
from nexus.harness.report import event, keys
from nexus.harness.report.event import Event
from nexus.harness.report.page_test import summary
from nexus.harness.report.reading import read_frames, read_keys
from nexus.harness.report.remains import read_remains
from nexus.harness.report.story_test import PUBLIC_A, Wire
from nexus.harness.summary import digest

CONSOLE = b"init: ready\n"
EVENTS = [Event(ns=number, machine="A", kind="console", text=str(number)) for number in range(3)]
WIRE = Wire()
ANOTHER = (
    " is not the file that this run has written: its SHA-256 differs from the one in "
    "summary.json. It is of another run, or it was changed."
)


def capture() -> bytes:
    file = Capture({"A": bytes(6), "B": bytes(6)})
    for frame in WIRE.frames:
        file.add(frame.machine, frame.sent_ns, frame.data)
    return file.content()


def digests(**changed: object) -> dict[str, object]:
    none: dict[str, str] = {}
    given: dict[str, object] = {
        "images": none,
        "configs": none,
        "drives": none,
        "logs": {"A": digest(CONSOLE)},
        "capture": digest(capture()),
        "trace": "",
    }
    return given | changed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with all that a run leaves."""
    folder = tmp_path / "os2vm"
    folder.mkdir()
    (folder / "summary.json").write_text(summary(digests=digests()).to_json())
    (folder / "timeline.jsonl").write_text(event.render(EVENTS))
    (folder / "capture.pcapng").write_bytes(capture())
    (folder / "session-keys.log").write_text(keys.render({PUBLIC_A: WIRE.keys}))
    (folder / "uart-A.log").write_bytes(CONSOLE)
    (folder / "activity.json").write_bytes(b"{}")
    (folder / "result.txt").write_bytes(b"passed\n")
    return folder


def test_a_whole_run_needs_no_notes(run: Path) -> None:
    for name in ("report.html", ".hidden"):
        (run / name).write_bytes(b"x")
    (run / "folder").mkdir()
    found = read_remains(run)
    assert found.notes == []
    assert found.summary == summary(digests=digests())
    assert found.events == EVENTS
    assert found.files == {
        "activity.json": b"{}",
        "capture.pcapng": b"",
        "result.txt": b"",
        "session-keys.log": b"",
        "summary.json": b"",
        "timeline.jsonl": b"",
        "uart-A.log": CONSOLE,
    }


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def keep(**changed: object) -> Callable[[Path], None]:
    return write("summary.json", summary(**changed).to_json().encode())


GONE = "; without it, outcome, markers and machines are not known."


@pytest.mark.parametrize(
    ("change", "notes"),
    [
        (remove("summary.json"), [f"cannot read summary.json: No such file or directory{GONE}"]),
        (write("summary.json", b"\xff"), [f"summary.json: byte 0: not UTF-8{GONE}"]),
        (
            write("timeline.jsonl", event.render(EVENTS[:1]).encode() + b"{\n"),
            ["timeline.jsonl: line 2: the line: ", "; the page has the events before it."],
        ),
        (
            write("timeline.jsonl", b"\xff"),
            ["timeline.jsonl: byte 0: not UTF-8; the page has the events before it."],
        ),
        (
            remove("timeline.jsonl"),
            ["timeline.jsonl is not there, so the page has the frames of capture.pcapng alone."],
        ),
        (remove("uart-A.log"), ["The log of machine A is not there."]),
        (write("uart-A.log", b"other\n"), [f"uart-A.log{ANOTHER}"]),
        (
            write("capture.pcapng", capture()[:-4]),
            ["capture.pcapng: ", "what is behind it is lost"],
        ),
        (write("capture.pcapng", capture() + capture()), [f"capture.pcapng{ANOTHER}"]),
        (keep(digests=digests(capture="0" * 64)), [f"capture.pcapng{ANOTHER}"]),
        (keep(instructions={"A": 1, "B": 1}), ["The log of machine B is not there."]),
    ],
)
def test_one_thing_amiss_is_one_note(
    run: Path, change: Callable[[Path], None], notes: list[str]
) -> None:
    change(run)
    (note,) = read_remains(run).notes
    assert note.startswith(notes[0])
    assert notes[-1] in note


@pytest.mark.parametrize(
    "change",
    [
        remove("capture.pcapng"),
        remove("session-keys.log"),
        remove("activity.json"),
        # An empty log is what a machine leaves that never said anything.
        write("uart-A.log", b""),
        keep(),
        keep(digests=digests(logs={"A": digest(CONSOLE), "B": "0" * 64})),
    ],
)
def test_what_the_page_can_do_without_is_not_named(
    run: Path, change: Callable[[Path], None]
) -> None:
    change(run)
    assert read_remains(run).notes == []


def test_without_a_summary_nothing_is_known_of_the_outcome(run: Path) -> None:
    (run / "summary.json").unlink()
    found = read_remains(run).summary
    assert (found.outcome, found.exit_code, found.engine) == ("unknown", -1, "unknown")
    assert (found.expected_outcome, found.is_reproducible) == ("passed", False)
    assert found.wall.total_ms == 0
    assert found.deterministic.world == "os2vm"
    assert (found.deterministic.seed, found.deterministic.until) == (0, "end")
    said = "The run has left no summary.json that can be read."
    assert found.deterministic.message == said


def test_a_damaged_timeline_is_shown_up_to_the_damage(run: Path) -> None:
    write("timeline.jsonl", event.render(EVENTS[:2]).encode() + b"{}\n")(run)
    assert read_remains(run).events == EVENTS[:2]


def test_without_a_timeline_the_capture_is_read_with_its_keys(run: Path) -> None:
    (run / "timeline.jsonl").unlink()
    opened = read_remains(run)
    assert [e.kind for e in opened.events if e.kind != "frame"] == ["handshake"] * 3 + ["session"]
    (run / "session-keys.log").write_bytes(b"no keys")
    sealed = read_remains(run)
    assert [e.kind for e in sealed.events if e.kind != "frame"] == ["handshake"] * 3
    assert "; sessions stay sealed." in sealed.notes[-1]
    (run / "session-keys.log").unlink()
    assert read_remains(run).notes == opened.notes
    (run / "capture.pcapng").unlink()
    nothing = read_remains(run)
    assert nothing.events == []
    assert nothing.notes[-1] == "capture.pcapng is not there, either."


def test_a_damaged_capture_gives_its_frames_and_one_note(run: Path) -> None:
    (run / "timeline.jsonl").unlink()
    (run / "capture.pcapng").write_bytes(capture()[:-4])
    found = read_remains(run)
    frames = [each for each in found.events if each.kind == "frame"]
    assert len(frames) == len(WIRE.frames) - 1
    assert len(found.notes) == 2


@pytest.mark.parametrize("name", ["summary.json", "timeline.jsonl", "capture.pcapng", "uart-A.log"])
def test_one_artifact_is_enough(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert name in read_remains(tmp_path).files


@pytest.mark.parametrize("name", ["uart-A", "A.log", "report.html", "notes.txt"])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ReadingError, match="it has no artifacts of a run; expected at least one"):
        read_remains(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match=r"cannot read .*none: No such file or directory"):
        read_remains(tmp_path / "none")


def test_frames_and_keys_that_cannot_be_read_are_named(run: Path) -> None:
    assert read_keys(run / "session-keys.log") == {PUBLIC_A: WIRE.keys}
    with pytest.raises(ReadingError, match=r"summary\.json: line 1: not a session"):
        read_keys(run / "summary.json")
    with pytest.raises(ReadingError, match=r"summary\.json: byte 0: not a pcapng file"):
        list(read_frames(run / "summary.json"))
