"""A mistake of TOML names its line, whichever layer finds it."""

from __future__ import annotations

import sys

import pytest

from nexus.core.toml import TomlError, decode, parse

LONG = "1" * (sys.get_int_max_str_digits() + 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = 1\nb = \n", "f.toml:2: is not TOML: Invalid value, column 5"),
        (b"\xef\xbb\xbfa = 1\r\nb = \r\n", "f.toml:2: is not TOML: Invalid value, column 5"),
        (b"a = [\n1,\n\n", "f.toml:2: is not TOML: Invalid value at the end of the file"),
        (b"a = 1\na = 2\n", "f.toml:2: is not TOML: Cannot overwrite a value, column 6"),
        (b"\n# caf\xe9\n", "f.toml:2: is not UTF-8 text: byte 0xe9; save the file as UTF-8"),
        (b"\xff\xfea\0", "f.toml: is UTF-16 text; expected UTF-8"),
        (b"\xff\xfe\0\0a\0\0\0", "f.toml: is UTF-32 text; expected UTF-8"),
        (b"a = " + b"[" * 100_000, "f.toml: is nested too deeply"),
        (
            b"a = 1\n\nb = -" + LONG.encode(),
            f"f.toml:3: an integer of {len(LONG)} digits; expected at most 19, as TOML has them",
        ),
    ],
)
def test_a_mistake_names_its_line(content: bytes, said: str) -> None:
    with pytest.raises(TomlError) as caught:
        parse(decode(content))
    assert caught.value.at("f.toml") == said


def test_what_is_toml_is_read() -> None:
    assert parse(decode(b"\xef\xbb\xbfa.b = 1\n")) == {"a": {"b": 1}}
