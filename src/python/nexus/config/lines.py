"""On which line of a TOML file each value stands.

`tomllib` gives values without places.  This scanner gives the places without values: it is run
only on text that `tomllib` has accepted, so it needs no checks of its own.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Final

Location = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:[^"\\]|\\.)*"|' r"'[^']*'",
    re.DOTALL,
)
_OTHER_VALUE: Final = re.compile(r"[^,\]}\n#]+")


def find_lines(text: str) -> dict[Location, int]:
    """Say for each value, table and list entry of an accepted file on which line it begins.

    A table that has several places, such as `[a.b]` and `[a.c]`, has the first one.
    """
    scanner = _Scanner(text)
    scanner.scan()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Location, int] = {(): 1}
        self._text = text
        self._position = 0
        self._line_ends = [at for at, character in enumerate(text) if character == "\n"]
        self._entries: dict[Location, int] = {}  # How many entries each array of tables has so far.

    def scan(self) -> None:
        table: Location = ()
        while self._skip_blank():
            if self._at("["):
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Location:
        is_entry = self._at("[[")
        line = self._line()
        self._position += 2 if is_entry else 1
        *outer, last = self._key()
        self._position += 2 if is_entry else 1
        place: Location = ()
        for part in outer:
            place = self._last_entry((*place, part))
            self.lines.setdefault(place, line)
        place = (*place, last)
        self.lines.setdefault(place, line)
        if not is_entry:
            return self._last_entry(place)
        self._entries[place] = self._entries.get(place, 0) + 1
        place = self._last_entry(place)
        self.lines[place] = line
        return place

    def _last_entry(self, place: Location) -> Location:
        count = self._entries.get(place, 0)
        return (*place, count - 1) if count else place

    def _pair(self, table: Location) -> None:
        line = self._line()
        place = table
        for part in self._key():
            place = (*place, part)
            self.lines.setdefault(place, line)
        self._position += 1  # The equals sign.
        self._value(place)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip_blank()
            quoted = _STRING.match(self._text, self._position)
            bare = _BARE_KEY.match(self._text, self._position)
            found = quoted or bare
            assert found is not None, "only accepted text is scanned"
            self._position = found.end()
            raw = found.group()
            parts.append(tomllib.loads(f"key = {raw}")["key"] if quoted else raw)
            self._skip_blank()
            if not self._at("."):
                return parts
            self._position += 1

    def _value(self, place: Location) -> None:
        self._skip_blank()
        if self._at("["):
            self._list(place)
        elif self._at("{"):
            self._table(place)
        else:
            pattern = _STRING if self._at('"') or self._at("'") else _OTHER_VALUE
            found = pattern.match(self._text, self._position)
            assert found is not None, "only accepted text is scanned"
            self._position = found.end()

    def _list(self, place: Location) -> None:
        self._position += 1
        index = 0
        while self._skip_blank() and not self._at("]"):
            self.lines[(*place, index)] = self._line()
            self._value((*place, index))
            self._skip_comma()
            index += 1
        self._position += 1

    def _table(self, place: Location) -> None:
        self._position += 1
        while self._skip_blank() and not self._at("}"):
            self._pair(place)
            self._skip_comma()
        self._position += 1

    def _skip_comma(self) -> None:
        self._skip_blank()
        if self._at(","):
            self._position += 1

    def _skip_blank(self) -> bool:
        """Skip what says nothing; whether anything is left."""
        found = _BLANK.match(self._text, self._position)
        assert found is not None, "it matches nothing, too"
        self._position = found.end()
        return self._position < len(self._text)

    def _at(self, text: str) -> bool:
        return self._text.startswith(text, self._position)

    def _line(self) -> int:
        return bisect_right(self._line_ends, self._position - 1) + 1
