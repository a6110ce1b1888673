"""Key files to the bound: whose they may be, what an id may hold, and what each refusal says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nexus.dsoftbus.io.keyfile import (
    KEY_BYTES,
    KeyFileError,
    NodeKey,
    make_key,
    read_key,
    write_key,
)

SECRET = "5e" * 32
GOOD = f'device_id = "host-1"\nsecret_key = "{SECRET}"\n'


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def written(folder: Path, content: str = GOOD) -> Path:
    path = folder / "host.key"
    path.write_text(content)
    path.chmod(0o600)
    return path


def as_user(monkeypatch: pytest.MonkeyPatch, owner: int, reader: int) -> None:
    """Let files be of one user, and this process another's."""
    status = os.fstat

    def other(descriptor: int) -> os.stat_result:
        values = list(status(descriptor))
        values[4] = owner
        return os.stat_result(values)

    monkeypatch.setattr(os, "fstat", other)
    monkeypatch.setattr(os, "geteuid", lambda: reader)


@pytest.mark.parametrize("owner", [1000, 0])
def test_a_key_is_the_readers_own_or_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    path = written(tmp_path)
    as_user(monkeypatch, owner, 1000)
    assert read_key(path) == NodeKey("host-1", bytes.fromhex(SECRET))


@pytest.mark.parametrize("owner", [1, 999, 1001])
def test_a_key_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    path = written(tmp_path)
    as_user(monkeypatch, owner, 1000)
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    assert (
        str(caught.value)
        == f"{path} belongs to user {owner}; expected a file of this user or of root"
    )


ID_RULE = "; expected 1..64 visible ASCII characters without quotes and backslashes"

TOO_LONG = " is longer than 512 bytes; expected a key file, as `nexus bus keygen` makes it"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("junk", " is not TOML; expected a key file, as `nexus bus keygen` makes it"),
        (GOOD.replace("secret_key", "other"), ": expected exactly device_id and secret_key"),
        (GOOD + 'more = "x"\n', ": expected exactly device_id and secret_key"),
        (GOOD.ljust(513, "#"), TOO_LONG),
        # Cut off after 513 bytes, this would not even be TOML.
        (GOOD + 'more = "'.ljust(513 - len(GOOD), "x") + '"', TOO_LONG),
        (GOOD.replace('"host-1"', "7"), ": expected strings as device_id and secret_key"),
        (GOOD.replace(f'"{SECRET}"', "7"), ": expected strings as device_id and secret_key"),
        (GOOD.replace(SECRET, SECRET[2:]), ": secret_key: expected 64 hexadecimal digits"),
        (GOOD.replace(SECRET, SECRET + "00"), ": secret_key: expected 64 hexadecimal digits"),
        (GOOD.replace(SECRET, "zz" * 32), ": secret_key: expected 64 hexadecimal digits"),
    ],
)
def test_each_refusal_is_one_line_and_leaves_nothing_open(
    tmp_path: Path, content: str, said: str
) -> None:
    path = written(tmp_path, content)
    before = open_files()
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    assert str(caught.value) == f"{path}{said}"
    assert open_files() == before


def _open_to_all(path: Path) -> None:
    path.chmod(0o644)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir(0o700)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_open_to_all, "{path} has mode 0644; expected 0600: chmod 600 {path}"),
        (_folder, "{path} is not a regular file; `nexus bus keygen` makes one"),
        (Path.unlink, "{path}: No such file or directory; `nexus bus keygen` makes one"),
    ],
)
def test_a_file_that_is_refused_for_what_it_is_leaves_nothing_open(
    tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    path = written(tmp_path)
    change(path)
    before = open_files()
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    assert str(caught.value) == said.format(path=path)
    assert open_files() == before


def test_reading_leaves_nothing_open(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = open_files()
    assert read_key(path).secret == bytes.fromhex(SECRET)
    assert open_files() == before


@pytest.mark.parametrize("device_id", ["!", "~", "!~", "x" * 64, "host-1"])
def test_an_id_of_any_visible_characters_survives_its_file(tmp_path: Path, device_id: str) -> None:
    key = make_key(device_id)
    assert len(key.secret) == KEY_BYTES == 32
    write_key(tmp_path / "k", key)
    assert read_key(tmp_path / "k") == key


@pytest.mark.parametrize("device_id", ["", "x" * 65, "\x20", "\x7f", '"', "\\"])
def test_an_id_that_is_none_is_named_with_what_is_accepted(tmp_path: Path, device_id: str) -> None:
    with pytest.raises(KeyFileError) as caught:
        make_key(device_id)
    assert str(caught.value) == f"device_id: {device_id!r}{ID_RULE}"
    path = written(tmp_path, f"device_id = '{device_id}'\nsecret_key = '{SECRET}'\n")
    with pytest.raises(KeyFileError):
        read_key(path)


def test_what_cannot_be_written_is_one_line_each(tmp_path: Path) -> None:
    key = make_key("host-1")
    path = tmp_path / "k"
    write_key(path, key)
    with pytest.raises(KeyFileError) as caught:
        write_key(path, make_key("host-2"))
    assert str(caught.value) == f"{path} exists; a key is never replaced, remove it first"
    assert read_key(path) == key
    nowhere = tmp_path / "none/k"
    with pytest.raises(KeyFileError) as caught:
        write_key(nowhere, key)
    assert str(caught.value) == f"{nowhere}: No such file or directory"
