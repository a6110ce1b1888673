"""Key files: private, never replaced, and never repeated in a message."""

from __future__ import annotations

import os
import stat
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from nexus.dsoftbus.io.keyfile import KeyFileError, make_key, read_key, write_key

SECRET = "5e" * 32
GOOD = f'device_id = "host-1"\nsecret_key = "{SECRET}"\n'


def test_a_key_survives_the_file(tmp_path: Path) -> None:
    key = make_key("host-1")
    write_key(tmp_path / "k", key)
    assert read_key(tmp_path / "k") == key
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert key.secret.hex() not in repr(key)


def test_keys_differ() -> None:
    assert make_key("a").secret != make_key("a").secret


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    write_key(tmp_path / "k", make_key("a"))
    with pytest.raises(KeyFileError, match="exists"):
        write_key(tmp_path / "k", make_key("a"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_key_that_others_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "k"
    write_key(path, make_key("a"))
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key(path)


def test_what_is_not_a_regular_file_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "k", make_key("a"))
    (tmp_path / "link").symlink_to(tmp_path / "k")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe", "none", "."):
        with pytest.raises(KeyFileError):
            read_key(tmp_path / name)
    with pytest.raises(KeyFileError):
        write_key(tmp_path / "none" / "k", make_key("a"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk " + SECRET.encode(),
        b"\xff" + GOOD.encode(),
        GOOD.encode() + b'more = "x"\n',
        GOOD.replace(SECRET, SECRET[:-2]).encode(),
        GOOD.replace(SECRET, "zz" * 32).encode(),
        GOOD.replace('"host-1"', '""').encode(),
        GOOD.replace('"host-1"', f'"{"x" * 65}"').encode(),
        GOOD.replace('"host-1"', '"a b"').encode(),
        GOOD.replace('"host-1"', "7").encode(),
        GOOD.encode() + b"#" * 600,
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    assert "5e5e" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("length", "end"),
    [(511, nullcontext()), (512, nullcontext()), (513, pytest.raises(KeyFileError))],
)
def test_a_file_that_is_exactly_as_long_as_may_be(
    tmp_path: Path, length: int, end: AbstractContextManager[object]
) -> None:
    path = tmp_path / "k"
    path.write_text(GOOD.ljust(length - 1, "#") + "\n")
    path.chmod(0o600)
    with end:
        assert read_key(path).device_id == "host-1"


@pytest.mark.parametrize("device_id", ["", "x" * 65, 'a"b', "a\\b", "a b", "é", "\udcfc"])
def test_an_id_that_could_not_be_read_back_is_refused(device_id: str) -> None:
    with pytest.raises(KeyFileError, match="device_id"):
        make_key(device_id)
