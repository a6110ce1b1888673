"""The most of each thing that a file may have, as the numbers that docs and schemas promise.

Other tests reach these bounds, and take them from the code.
"""

from __future__ import annotations

import pytest

from nexus.config import bounds, error, explain, fields, files, held_file, inherit, keys, settings


@pytest.mark.parametrize(
    ("what", "limit", "promised"),
    [
        ("peers of a node", bounds.PEERS_MAX, 8),
        ("rules of a node", bounds.ALLOW_MAX, 64),
        ("services that a node announces", bounds.ANNOUNCE_MAX, 16),
        ("grants of a node", bounds.GRANTS_MAX, 64),
        ("grants of a file", bounds.GRANTS_OWN_MAX, 64 - 8),
        ("routes of a node", bounds.ROUTES_MAX, 64),
        ("routes of a file", bounds.ROUTES_OWN_MAX, 64 - 32),
        ("services of a node", bounds.START_MAX, 24),
        ("KiB of state", bounds.STATE_KIB_MAX, 512),
        ("machines of a world", bounds.MACHINES_MAX, 32),
        ("markers of a world", bounds.EXPECT_MAX, 256),
        ("forbidden texts", bounds.FORBID_MAX, 64),
        ("cuts of a link", bounds.CUTS_MAX, 64),
        ("power cuts of a world", bounds.REBOOTS_MAX, 16),
        ("drives of a kernel", bounds.DRIVES_MAX, 6),
        ("options --set", settings.SETTINGS_MAX, 64),
        ("bytes of a file", files.FILE_BYTES_MAX, 131_072),
        ("bytes of a key's file", files._KEY_FILE_BYTES_MAX, 66),
        ("bytes of a file that is given to a guest", held_file.FILE_BYTES_MAX, 256 << 20),
        ("characters of a file's text that are shown", held_file._SHOWN_CHARACTERS, 60),
        ("files that one extends", fields.BASES_MAX, 8),
        ("and how deep", inherit.DEPTH_MAX, 8),
        ("and how many in all", inherit.FILES_MAX, 32),
        ("characters of a text", fields._TEXT_CHARS_MAX, 1000),
        ("mistakes that are shown", error.PROBLEMS_MAX, 100),
        ("places that are hinted at", explain._PLACES_MAX, 2),
        ("bits of a number that is shown", error._INTEGER_BITS_MAX, 256),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_is_what_is_promised(what: str, limit: int, promised: int) -> None:
    assert limit == promised, what


def test_a_key_in_a_file_has_64_digits_and_at_most_a_line_end() -> None:
    digits = b"0123456789abcdefABCDEF".ljust(64, b"0")
    for content, is_key in (
        (digits, True),
        (digits + b"\n", True),
        (digits[:-1], False),
        (digits + b"0", False),
        (digits + b"\n\n", False),
        (digits + b"\r\n", False),
        (b" " + digits, False),
        (digits[:-1] + b"g", False),
    ):
        assert bool(keys._FILE_FORM.fullmatch(content)) is is_key, content
