"""The state of a device, as a snapshot holds it."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

Value = None | bool | int | bytes | bytearray | list["Value"]


@runtime_checkable
class Stateful(Protocol):
    """A device with state: the attributes named hold all of it, as plain values."""

    SAVED: ClassVar[tuple[str, ...]]

    def restored(self) -> None:
        """The attributes have been replaced: bring what hangs on them into line."""
