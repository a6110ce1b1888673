"""The state of a device as words: a list, or memory that an engine shares.

A device whose attributes are such words looks the same either way.
"""

from __future__ import annotations

from typing import Protocol


class Words(Protocol):
    """A list, or the memory that an engine shares."""

    def __getitem__(self, index: int, /) -> int:
        """Read a word."""

    def __setitem__(self, index: int, value: int, /) -> None:
        """Write a word, a number in 0..2**64-1."""


class Device(Protocol):
    """A device with such a state."""

    _words: Words


class WordAt:
    """An attribute that is one of the device's `_words`."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, device: Device, kind: type) -> int:
        return device._words[self._index]

    def __set__(self, device: Device, value: int) -> None:
        device._words[self._index] = value


class FlagAt:
    """An attribute that is true or false, and one of the device's `_words`."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __get__(self, device: Device, kind: type) -> bool:
        return bool(device._words[self._index])

    def __set__(self, device: Device, value: bool) -> None:
        device._words[self._index] = int(value)
