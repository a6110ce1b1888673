"""The text that is generated from a schema, and the messages for a schema with a mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nexus.schema import python_code, zig_code
from nexus.schema.comments import comments_of
from nexus.schema.generate import generate, main
from nexus.schema.model import SchemaError
from nexus.schema.python_structs import enumerations_of
from nexus.schema.reading import read_modules

ROOT = Path(__file__).parents[4]
SCHEMAS = sorted((ROOT / "schemas").glob("*.capnp"))
HEAD = "@0xd2c5a1f0b3e49871;\n# A test.\n"
USING = 'using A = import "annotations.capnp";\n'


def write(folder: Path, text: str, name: str = "x.capnp") -> Path:
    (folder / "annotations.capnp").write_text((ROOT / "schemas/annotations.capnp").read_text())
    path = folder / name
    path.write_text(HEAD + USING + text)
    return path


MISTAKES = [
    ("struct S { a @0 :Nope; }", 4, "Not defined: Nope"),
    ("struct S { a @0 :Text", 4, "Parse error"),
    ("const a :UInt8 = 300;", 4, "out of range"),
    ("const a :UInt8 = .b;", 4, "Not defined: b"),
    ("enum E { a @0; b @2; }", 4, "Skipped ordinal"),
    ("enum E { a @0; a @1; }", 4, "already defined"),
    ("\n\nenum E $A.nothing { a @0; }", 6, "nothing"),
    ("enum E $A.bits(8) { a @0 $A.code(1); b @1 $A.code(1); }", 0, "both are 1"),
    ("enum E $A.bits(8) { a @0 $A.code(256); }", 0, "more than 8 bits"),
    ("enum E $A.bits(7) { a @0; }", 0, "expected 8, 16, 32 or 64"),
    ("interface I { a @0 () -> (); }", 0, "which service answers"),
    ("struct F $A.frame { b @0 :UInt8; c @1 :List(UInt8); }", 0, "of texts with"),
    ('struct F $A.frame { a @0 :Text $A.lengthIn("b"); b @1 :UInt8; }', 0, "before it stand no"),
    ("struct F $A.frame { a @0 :Data; b @1 :UInt8; }", 0, "F.b: behind a, which goes on"),
    (
        'struct F $A.frame { n @0 :UInt8; a @1 :List(Text) $A.lengthIn("n") $A.prefix(8); }',
        0,
        "F.a: a list in bytes has",
    ),
    (
        'struct F $A.frame { n @0 :UInt8; a @1 :List(Text) = ["b"] $A.lengthIn("n"); }',
        0,
        "F.a: a default; only numbers, texts and data",
    ),
    ('struct L $A.line("{a}") { a @0 :List(UInt8) = [1]; }', 0, "L.a: a default; only numbers"),
    ("struct F { a @0 :List(UInt8) = [1]; }", 0, "F.a: a default; only numbers"),
    ("struct F $A.frame $A.headBytes(3) { a @0 :UInt16; }", 0, "headBytes 3; its fields take 2"),
    ("struct F $A.frame { a @0 :Int16; }", 0, "F.a: Int16; bytes are numbers without sign"),
    ('struct F $A.frame { a @0 :Data = "ab" $A.width(3) $A.always; }', 0, "2 bytes always"),
    ("enum E { a @0; } struct F $A.frame { a @0 :E; }", 0, "x.E has no numbers"),
    ('struct L $A.line("{b} {a}") { a @0 :Text; b @1 :Text; }', 0, "its line has b, a; the struct"),
    (
        'const up :Text = "x"; struct Up $A.line("x") {}',
        0,
        "Up is a line and a constant",
    ),
    ('struct L $A.line("{a}") { a @0 :Data; }', 0, "L.a: Data; a line has numbers"),
    ("const s :S = (a = 1); struct S { a @0 :UInt8; }", 0, "constants are numbers"),
]


@pytest.mark.parametrize(("text", "line", "part"), MISTAKES)
def test_a_mistake_is_one_line_that_says_where(
    tmp_path: Path, text: str, line: int, part: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SchemaError) as caught:
        read_modules([path])
    (said,) = str(caught.value).splitlines()
    assert part in said
    named = ("x.capnp", "enum", "interface", "F", "L")
    assert said.startswith(f"{path}:{line}: " if line else named)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"y\.capnp: no such file"):
        read_modules([tmp_path / "y.capnp"])


def test_nothing_is_written_of_a_schema_with_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "struct S {")
    assert main([str(path), "--python", str(tmp_path / "out")]) == 20
    assert not (tmp_path / "out").exists()
    assert "x.capnp:4: Parse error" in capsys.readouterr().err


# Names that objects of the reader's library have of their own.
HIDDEN = ("schema", "node", "name", "load", "import", "asInt", "raw", "class", "newMessage")


@pytest.mark.parametrize("name", HIDDEN)
def test_a_member_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = write(
        tmp_path,
        f"enum E $A.bits(8) {{ a @0; {name} @1; }}\nstruct S {{ {name} @0 :UInt8; e @1 :E; }}\n"
        f"const {name} :UInt8 = 3;\n",
    )
    (module,) = read_modules([path])
    assert [member.name for member in module.enumeration("E").members] == ["a", name]
    assert [field.name for field in module.structs[0].fields] == [name, "e"]
    assert module.constant(name) == 3


def test_one_schema_in_both_languages(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'const sizeMax :UInt16 = 300;\n# Of anything.\nconst magic :Data = "XY";\n'
        "const group :List(UInt8) = [1, 2];\n"
        "enum Op $A.bits(8) $A.open {\n  # The operation.\n  error @0 $A.code(7);\n"
        '  # It broke.\n  getAll @1;\n}\nenum End { badName @0; cut @1 $A.word("cut-off"); }\n',
    )
    (module,) = read_modules([path])
    python = python_code.write_module(module, {})
    assert "# Of anything.\nSIZE_MAX: Final = 300\n" in python
    assert 'MAGIC: Final = b"XY"\n' in python
    assert "GROUP: Final = (1, 2)\n" in python
    assert 'class Op(IntEnum):\n    """The operation."""\n\n    # It broke.\n' in python
    assert "    ERROR = 7\n    GET_ALL = 1\n" in python
    assert '    BAD_NAME = "bad-name"\n    CUT = "cut-off"\n' in python
    zig = zig_code.write_module(module, {})
    assert "/// Of anything.\npub const size_max = 300;\n" in zig
    assert 'pub const magic = "XY";\n' in zig
    assert "pub const group = [_]u8{ 1, 2 };\n" in zig
    assert "pub const Op = enum(u8) {\n    /// It broke.\n    err = 7,\n" in zig
    assert "    get_all = 1,\n    _,\n};\n" in zig
    assert 'pub const End = enum {\n    @"bad-name",\n    @"cut-off",\n};\n' in zig


def test_the_same_schemas_give_the_same_bytes(tmp_path: Path) -> None:
    for name, schemas in (("a", SCHEMAS), ("b", SCHEMAS[::-1])):
        generate(schemas, tmp_path / name / "py", tmp_path / name / "zig")
    one, other = (texts_below(tmp_path / name) for name in ("a", "b"))
    assert one == other
    assert {path.suffix for path in one} == {".py", ".zig"}
    assert not [path for path, text in one.items() if str(tmp_path) in text]


def texts_below(folder: Path) -> dict[Path, str]:
    """Every file of a folder, by its place in it."""
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*.*")}


def test_comments_stand_behind_what_they_are_about() -> None:
    text = (
        "@0x1;\n# The file,\n# in two lines.\n\n# Nobody's.\nconst a :UInt8 = 1; # Short.\n"
        "enum E {\n  # The E.\n  x @0;\n  # The x.\n  y @1;\n}\nconst b :UInt8 = 2;\n# The b.\n"
    )
    assert comments_of(text) == {
        "": "The file,\nin two lines.",
        "a": "Short.",
        "E": "The E.",
        "E.x": "The x.",
        "b": "The b.",
    }


def test_names_that_are_keywords_are_spelled_around(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "enum E $A.bits(8) { test @0; }\nstruct S { from @0 :Text; union { which @1 :E;"
        " error @2 :E; } }\n",
    )
    modules = read_modules([path])
    known = enumerations_of(modules)
    python = python_code.write_module(modules[0], known)
    compile(python, "x.py", "exec")
    assert '    from_: str = ""\n    which_: E = E.TEST\n' in python
    zig = zig_code.write_module(modules[0], known)
    assert '    @"test" = 0,\n' in zig
    assert "    which: enum(u16) { which_, err } = .which_,\n" in zig


def test_methods_are_a_table_with_their_messages() -> None:
    text = zig_code.write_methods(read_modules(SCHEMAS))
    # In the order of services, and of the methods in their interface.
    found = re.findall(
        r"service = (\d+),\n +.number = (\d+),\n +.opcode = (\d+),\n +.Params = (\S+),", text
    )
    assert found[0] == ("1", "0", "6", "samgr.ResolveStatusParams")
    assert ("4", "2", "3", "state.DeleteParams") in found
    places = [(int(service), int(number)) for service, number, _, _ in found]
    assert places == sorted(places)
    assert "        .Results = log.QueryResults,\n" in text
    assert 'const state = @import("state.zig");\n' in text
