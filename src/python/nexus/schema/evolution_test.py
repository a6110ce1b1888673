"""Changes that are free between releases of the contract, and refused ones: one row each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from nexus.core.commandline import EXIT_CONFIG
from nexus.schema.evolution import find_breaches, main
from nexus.schema.model import Module
from nexus.schema.reading import read_modules

ROOT = Path(__file__).parents[4]
RELEASE = ROOT / "schemas/released"

RELEASED = """\
@0xd2c5a1f0b3e49871;
using A = import "annotations.capnp";
const sizeMax :UInt16 = 256;
const sizeLeast :UInt16 = 16;
const port :UInt16 = 37020;
const magic :Data = "SM";
enum Op $A.bits(8) $A.open { get @0 $A.code(2); put @1 $A.code(3) $A.changes; }
enum End { ok @0; cut @1 $A.word("cut-off"); }
struct Ping $A.frame {
  kind @0 :UInt8 = 3 $A.always;
  count @1 :UInt16;
  name @2 :Text $A.lengthIn("count") $A.bytesMax(64);
}
struct Up $A.line("up {name}") { name @0 :Text; }
struct Call {
  id @0 :UInt64;
  key @1 :Text $A.bytesMax(64);
  union { one @2 :UInt16; two @3 :Text; }
}
interface Store $A.serves("x") {
  get @0 (key :Text $A.bytesMax(64)) -> (size :UInt32 = 1);
  put @1 (key :Text) -> ();
}
"""

# A text of the release, what takes its place, and what is said: nothing of what is free.
CHANGES = [
    ("const port :UInt16 = 37020;", "const port :UInt16 = 37021;", "port: 37021, released as"),
    ("const port :UInt16 = 37020;", "", "port: the constant is gone"),
    ("sizeMax :UInt16 = 256", "sizeMax :UInt16 = 255", "255 is below the released 256"),
    ("sizeMax :UInt16 = 256", "sizeMax :UInt16 = 257", None),
    ("sizeMax :UInt16 = 256", "sizeMax :UInt32 = 256", None),
    ("sizeLeast :UInt16 = 16", "sizeLeast :UInt16 = 17", "17 is above the released 16"),
    ("sizeLeast :UInt16 = 16", "sizeLeast :UInt16 = 8", None),
    ('Data = "SM"', 'Data = "SN"', "magic: b'SN', released as b'SM'"),
    ("A.code(2)", "A.code(4)", "Op.get: number 4, released as 2"),
    ("put @1 $A.code(3) $A.changes;", "put @1 $A.code(3);", "`changes` was True"),
    ("put @1 $A.code(3) $A.changes;", "set @1 $A.code(3) $A.changes;", "Op.put: the member is"),
    ("put @1 $A.code(3) $A.changes;", "put @1 $A.code(3) $A.changes; more @2 $A.code(9);", None),
    ("$A.bits(8) $A.open", "$A.bits(16) $A.open", "Op: 16 bits, released with 8"),
    ("$A.bits(8) $A.open", "$A.bits(8)", "Op: no longer open"),
    ('A.word("cut-off")', 'A.word("cut")', "End.cut: text 'cut', released as 'cut-off'"),
    ("count @1 :UInt16", "count @1 :UInt32", "Ping: the layout of its bytes"),
    ("count @1 :UInt16", "count @1 :UInt16 $A.bigEndian", "Ping: the layout of its bytes"),
    ("= 3 $A.always", "= 4 $A.always", "Ping: the layout of its bytes"),
    ("(64);\n}\nstruct Up", "(63);\n}\nstruct Up", "Ping.name: 63 is below the released 64"),
    ("(64);\n}\nstruct Up", "(65);\n}\nstruct Up", None),
    (" $A.bytesMax(64);\n}\nstruct Up", ";\n}\nstruct Up", None),
    ('"up {name}"', '"is up {name}"', "Up: 'is up {name}', released as"),
    ("id @0 :UInt64", "id @0 :UInt32", "Call.id: UInt32, released as UInt64"),
    ("id @0 :UInt64", "id @0 :Int64", "Call.id: Int64, released as UInt64"),
    ("id @0 :UInt64", "name @0 :UInt64", "Call.id: the field is gone"),
    ("id @0 :UInt64;\n  key @1", "id @1 :UInt64;\n  key @0", "Call.id: number 1, released as 0"),
    ("one @2 :UInt16; two @3 :Text", "two @2 :Text; one @3 :UInt16", "Call.one: number 3"),
    ("two @3 :Text; }", "two @3 :Text; three @4 :UInt8; } four @5 :Data;", None),
    ("key @1 :Text $A.bytesMax(64)", "key @1 :Text $A.bytesMax(63)", "bytesMax 63, released with"),
    ("key @1 :Text $A.bytesMax(64)", "key @1 :Text $A.bytesMax(65)", None),
    ("key @1 :Text $A.bytesMax(64)", "key @1 :Text", None),
    ("put @1 (key :Text)", "put @1 (key :Text $A.bytesMax(9))", "bytesMax 9, released with none"),
    ("size :UInt32 = 1", "size :UInt32 = 2", "default 2, released as 1"),
    ("size :UInt32 = 1", "size :UInt32 = 1, more :Bool", None),
    ("  put @1 (key :Text) -> ();\n", "", "Store.put: the method is gone"),
    ("  put @1 (key", "  set @1 (key", "Store.put: the method is gone"),
    ("-> ();\n}", "-> ();\n  more @2 () -> ();\n}", None),
    ('serves("x")', 'serves("y")', "serves 'y', released as 'x'"),
    ("struct Call", "struct Cull", "Call: the struct is gone"),
    ("enum End", "enum Ending", "End: the enumeration is gone"),
    ("interface Store", "interface Shop", "Store: the interface is gone"),
]


def read(folder: Path, text: str) -> tuple[Module, ...]:
    folder.mkdir(exist_ok=True)
    (folder / "annotations.capnp").write_text((ROOT / "schemas/annotations.capnp").read_text())
    (folder / "x.capnp").write_text(text)
    return read_modules([folder / "x.capnp"])


def breaches_of(folder: Path, old: str, new: str) -> list[str]:
    """Change a text of the release; return what is said to that."""
    assert old in RELEASED
    released = read(folder / "old", RELEASED)
    return find_breaches(released, read(folder / "new", RELEASED.replace(old, new)))


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, new, said in CHANGES if not said])
def test_a_change_that_is_free(tmp_path: Path, old: str, new: str) -> None:
    assert breaches_of(tmp_path, old, new) == []


@pytest.mark.parametrize(("old", "new", "said"), [change for change in CHANGES if change[2]])
def test_a_change_that_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    breaches = breaches_of(tmp_path, old, new)
    assert any(said in breach for breach in breaches)
    assert all(breach.startswith("x.capnp: ") for breach in breaches)


def test_what_no_peer_could_ask_may_change_something_when_it_can(tmp_path: Path) -> None:
    without_method = RELEASED.replace("  put @1 (key :Text) -> ();\n", "")
    released = without_method.replace("$A.code(3) $A.changes", "$A.code(3)")
    before = read(tmp_path / "old", released)
    assert find_breaches(before, read(tmp_path / "new", RELEASED)) == []
    # Without its method, services of a node may know it as it was.
    (breach,) = find_breaches(before, read(tmp_path / "newer", without_method))
    assert "Op.put: `changes` was False" in breach


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    assert find_breaches(read(tmp_path, RELEASED), []) == ["x: the file is gone; keep it"]


def test_the_contract_holds_to_its_release(capsys: pytest.CaptureFixture[str]) -> None:
    released = sorted(map(str, RELEASE.glob("*.capnp")))
    current = sorted(map(str, (ROOT / "schemas").glob("*.capnp")))
    assert main(["--released", *released, "--current", *current]) == 0
    assert capsys.readouterr().err == ""


# Every frame that nodes of the last release send.
FRAMES = [
    ("announce", "Announce"),
    ("gateway", "Request"),
    ("gateway", "Response"),
    ("gateway", "Keepalive"),
    ("mux", "SettingsFrame"),
    ("mux", "OpenFrame"),
    ("mux", "OpenAckFrame"),
    ("mux", "DataFrame"),
    ("mux", "CreditFrame"),
    ("mux", "CloseFrame"),
    ("mux", "ResetFrame"),
    ("state", "TransferRequest"),
    ("state", "TransferReply"),
]


def with_swapped_fields(text: str, frame: str) -> str:
    """Let the first field of a frame and the one behind it change places."""
    head, body = re.split(rf"(?<=struct {frame} )", text)
    first, second = re.findall(r"^  \w+ @\d+[^;]*;\n", body, re.MULTILINE)[:2]
    before, between, after = re.split(f"{re.escape(first)}|{re.escape(second)}", body, maxsplit=2)
    return f"{head}{before}{second}{between}{first}{after}"


@pytest.mark.parametrize(("name", "frame"), FRAMES)
def test_fields_of_a_released_frame_that_change_places_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, frame: str
) -> None:
    shutil.copytree(ROOT / "schemas", tmp_path, dirs_exist_ok=True)
    schema = tmp_path / f"{name}.capnp"
    schema.write_text(with_swapped_fields(schema.read_text(), frame))
    released, current = (sorted(map(str, at.glob("*.capnp"))) for at in (RELEASE, tmp_path))
    assert main(["--released", *released, "--current", *current]) == EXIT_CONFIG
    assert capsys.readouterr().err.splitlines() == [
        f"error: {name}.capnp: {frame}: the layout of its bytes is another than the released one; "
        "it must stay"
    ]
