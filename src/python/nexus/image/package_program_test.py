"""The programs that look at images: outputs, exit codes, one line for each mistake."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from nexus.image import package_extract, package_inspect, package_schema, package_verify
from nexus.image.package import build, contents_line
from nexus.image.package_image import PackageFile, build_image
from nexus.image.package_image_fake import FIELDS, bend_superblock
from nexus.image.package_manifest import parse_manifest

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
    assert lines[0].startswith("error: demo@0.9: listed, but not so in the image")
    assert lines[1].startswith("error: demo@0.9: in the image, but not so listed")


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
        assert message.err.startswith("error: package image: ")
        assert message.err.count("\n") == 1
        assert message.out == ""
        assert fault.value
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
