"""The reading of files: bytes, pipes and devices, and keys that stand in files of their own."""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from nexus.config import files
from nexus.config.config_cases import NODE_A, load_world, write_node
from nexus.config.error import ConfigError
from nexus.config.keys import derive_test_secret
from nexus.config.load import load_any, load_node
from nexus.entry import reading


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[node", "is not TOML: Expected ']' at the end of a table declaration at the end"),
        (b"\xfe\xfd", "is not UTF-8 text: byte 0xfe; save the file as UTF-8"),
        (b"\xff\xfen\0", "is UTF-16 text; expected UTF-8"),
        (b"\xfe\xff\0n", "is UTF-16 text; expected UTF-8"),
        (b"\xff\xfe\0\0n\0\0\0", "is UTF-32 text; expected UTF-8"),
        (b"\0\0\xfe\xff\0\0\0n", "is UTF-32 text; expected UTF-8"),
        (b"", "node: is missing"),
        (b"node = 3", "node: 3; expected a table"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{re.escape(str(path))}(:1)?: {said}"):
        load_node(path)


def test_a_pipe_that_keeps_quiet_is_refused_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "QUIET_SECONDS_MAX", 0.01)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    said = "pipe: cannot read: nothing came out of this pipe for 0.01 s"
    with pytest.raises(ConfigError, match=said):
        load_any(path)
    # Nor does one that a writer holds open without a word.
    holder = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(ConfigError, match=said):
            load_any(path)
    finally:
        os.close(holder)


def test_what_comes_out_of_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(NODE_A)
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("w") as pipe:
            for line in NODE_A.splitlines(keepends=True):
                pipe.write(line)
                pipe.flush()

    writer = threading.Thread(target=write)
    writer.start()
    assert load_any(path) == load_any(tmp_path / "a.toml")
    writer.join()


def test_of_too_many_mistakes_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("".join(f"k{number} = 1\n" for number in range(5000)) + NODE_A)
    with pytest.raises(ConfigError) as caught:
        load_any(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 101
    assert lines[-1].endswith("x.toml: has 4900 more mistakes; mend these first")


def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"larger than {files.FILE_BYTES_MAX} bytes"):
        load_any("/dev/zero")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read: No such file"):
        load_node(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is a folder; expected a file"):
        load_world(tmp_path)


SECRET = derive_test_secret("in a file").hex()
KEY_IN_FILE = NODE_A.replace('{ test_seed = "node-a" }', '{ file = "node.key" }')


def write_key(folder: Path, content: str, mode: int) -> Path:
    key = folder / "node.key"
    key.write_text(content)
    key.chmod(mode)
    return write_node(folder, KEY_IN_FILE)


def test_a_key_in_a_file_is_read_and_never_printed(tmp_path: Path) -> None:
    node = load_node(write_key(tmp_path, SECRET + "\n", 0o600))
    assert node.dsoftbus is not None
    assert node.dsoftbus.static_key.secret().hex() == SECRET
    for printed in (repr(node), str(node), node.model_dump_json()):
        assert SECRET not in printed


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (SECRET, 0o644, "mode 0644; expected a file of its owner only"),
        (SECRET, 0o640, "mode 0640"),
        (SECRET[:-1], 0o600, "64 hexadecimal digits"),
        (SECRET + "00", 0o600, "64 hexadecimal digits"),
        ("", 0o600, "64 hexadecimal digits"),
    ],
)
def test_a_bad_key_file_is_refused_without_showing_it(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_node(write_key(tmp_path, content, mode))
    assert SECRET[:16] not in str(caught.value)
    assert "dsoftbus.static_key.file" in str(caught.value)


def test_a_pipe_instead_of_a_key_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "node.key", 0o600)
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        load_node(write_node(tmp_path, KEY_IN_FILE))


@pytest.mark.parametrize("content", [SECRET, "no key"])
def test_a_key_file_is_closed_however_it_was(tmp_path: Path, content: str) -> None:
    path = write_key(tmp_path, content, 0o600)
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with suppress(ConfigError):
            load_node(path)
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(
    "inline",
    [f'"{SECRET}"', f'{{ secret = "{SECRET}" }}', f'{{ test_seed = ["{SECRET}"] }}'],
)
def test_a_key_written_inline_is_refused_without_repeating_it(tmp_path: Path, inline: str) -> None:
    text = NODE_A.replace('{ test_seed = "node-a" }', inline, 1)
    with pytest.raises(ConfigError, match="static_key") as caught:
        load_node(write_node(tmp_path, text))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
