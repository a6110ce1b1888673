"""The programs that look at images: outputs, exit codes, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from nexus.image import package, package_extract, package_inspect, package_schema, package_verify
from nexus.image.package import build, contents_line
from nexus.image.package_file import load_image
from nexus.image.package_image import PackageFile, build_image
from nexus.image.package_image_cases import FIELDS, bend_superblock
from nexus.image.package_manifest import parse_manifest
from nexus.remotefs.package.replies import parse_contents

_TOML = '[bundle]\nname = "{}"\nversion = "{}"\n[[file]]\npath = "etc/x"\n[[file]]\npath = "y"\n'
IMAGE = build(
    (parse_manifest(_TOML.format(name, version), "m"), lambda source: b"<" + source.encode() + b">")
    for name, version in (("demo", "0.9"), ("demo", "1.0"), ("system", "1.0"))
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "p.img"
    path.write_bytes(IMAGE)
    return path


def test_inspect_lists_files(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert package_inspect.main([str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:3]] == [
        "demo@0.9/contents.txt",
        "demo@0.9/etc/x",
        "demo@0.9/y",
    ]
    assert lines[2].split()[0] == "3"
    assert lines[-1].endswith("in 9 files of 3 bundles")
    assert package_inspect.main([str(path), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert files[2] == {
        "bundle": "demo",
        "version": "0.9",
        "path": "y",
        "offset": 8192,
        "size": 3,
    }


def test_inspect_does_not_obey_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.img"
    path.write_bytes(build_image([PackageFile("b", "1", "\x1b[2J\n", b"")]))
    assert package_inspect.main([str(path)]) == 0
    assert "b@1/\\u001b[2J\\u000a\n" in capsys.readouterr().out


def test_verify_compares_files_with_listings(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert package_verify.main([str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    path.write_bytes(IMAGE.replace(b"<y>", b"<z>", 1))
    assert package_verify.main([str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("error: demo@0.9: the listing has a line that the image contradicts")
    assert lines[1].startswith("error: demo@0.9: the image has a file that the listing lacks")


def test_verify_notices_what_is_not_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listing = contents_line("a", b"1") + contents_line("gone", b"2")
    files = [("a", b"1"), ("more", b"3"), ("contents.txt", listing.encode())]
    path.write_bytes(build_image(PackageFile("b", "1", name, data) for name, data in files))
    assert package_verify.main([str(path)]) == 1
    said = capsys.readouterr().err
    assert "gone" in said
    assert "more" in said


def test_extract_writes_each_file_by_its_name(tmp_path: Path, path: Path) -> None:
    out = tmp_path / "out"
    assert package_extract.main([str(path), "--out", str(out)]) == 0
    found = {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert found["demo@1.0/etc/x"] == b"<etc/x>"
    assert len(found) == 9
    one = tmp_path / "one"
    assert package_extract.main([str(path), "--out", str(one), "--bundle", "demo@1.0"]) == 0
    assert [p.name for p in one.iterdir()] == ["demo@1.0"]
    both = tmp_path / "both"
    assert package_extract.main([str(path), "--out", str(both), "--bundle", "demo"]) == 0
    assert sorted(p.name for p in both.iterdir()) == ["demo@0.9", "demo@1.0"]


def test_extract_writes_only_into_a_new_folder(
    tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    assert package_extract.main([str(path), "--out", str(tmp_path / "out")]) == 20
    assert "cannot write" in capsys.readouterr().err
    assert package_extract.main([str(path), "--out", "x", "--bundle", "dmo"]) == 20
    assert "did you mean 'demo'" in capsys.readouterr().err
    assert not Path("x").exists()


PROGRAMS = {
    "inspect": package_inspect.main,
    "verify": package_verify.main,
    "extract": package_extract.main,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_bad_image_is_one_line_and_nothing_is_written(
    program: str, tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    more = ["--out", str(out)] if program == "extract" else []
    for field, value, fault in FIELDS:
        path.write_bytes(bend_superblock(IMAGE, field, value))
        assert PROGRAMS[program]([str(path), *more]) == 1, field
        message = capsys.readouterr()
        assert message.err.startswith(f"error: {path}: package image: {fault.value}: ")
        assert message.err.count("\n") == 1
        assert message.out == ""
    assert not out.exists()


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("arguments", [[], ["none.img"], ["."], ["a", "b"]])
def test_a_mistake_is_one_line(
    program: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--out", "never"] if program == "extract" else []
    assert PROGRAMS[program]([*arguments, *more]) == 20
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("never").exists()


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert package_schema.main([]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))
    assert package_schema.main(["x"]) == 20


_ODD = """\
[bundle]
name = "b"
version = "1"
[[file]]
path = "{}"
generate = {{ bytes = 1, seed = "s" }}
"""


def _build(folder: Path, path: str) -> tuple[int, Path]:
    manifest, image = folder / "m.toml", folder / "p.img"
    manifest.write_text(_ODD.format(path))
    return package.main(["--manifest", str(manifest), "--out", str(image)]), image


@pytest.mark.parametrize("char", ["\\u2028", "\\u2029", "\\u00a0", "\\u202e", " ", "\\U0001F600"])
def test_a_path_with_an_odd_character_builds_and_verifies(char: str, tmp_path: Path) -> None:
    code, image = _build(tmp_path, f"a{char}b")
    assert code == 0
    assert package_verify.main([str(image)]) == 0
    (listing,) = (e for e in load_image(image).entries if e.path == "contents.txt")
    (listed,) = parse_contents(load_image(image).read(listing), "contents.txt")
    assert listed.path == f"a{char}b".encode().decode("unicode_escape")


@pytest.mark.parametrize(
    "char",
    ["\\n", "\\r", "\\f", "\\t", "\\u000b", "\\u001c", "\\u001e", "\\u0085", "\\u007f"],
)
def test_a_path_with_a_control_character_is_refused_by_name(
    char: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, image = _build(tmp_path, f"a{char}{'0' * 64} 4 ghost.txt")
    assert code == 20
    assert not image.exists()
    (line,) = capsys.readouterr().err.split("\n")[:-1]
    assert "file[0].path: 'a\\" in line
    assert "without control characters" in line


@pytest.mark.parametrize("path", ["a\u2028b", "a\x85b", "a\x0cb", "a\rb", "a\x1eb"])
def test_a_foreign_image_with_other_line_ends_in_its_listing_verifies(
    path: str, tmp_path: Path
) -> None:
    listing = contents_line(path, b"x").encode()
    image = tmp_path / "p.img"
    image.write_bytes(
        build_image(
            [PackageFile("b", "1", path, b"x"), PackageFile("b", "1", "contents.txt", listing)]
        )
    )
    assert package_verify.main([str(image)]) == 0
