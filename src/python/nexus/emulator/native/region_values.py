"""The values of a region's code: guest registers, and the interpreter's handlers."""

from __future__ import annotations

from typing import Final

from nexus.emulator.native import layout
from nexus.emulator.native.decoder import handler_table
from nexus.emulator.native.ir import Handler
from nexus.emulator.native.page_values import Way

_INDICES: Final = {name: index for index, name in enumerate(handler_table())}


class RegionValues(Handler):
    """A function that keeps guest registers in values, and can go on in the interpreter.

    Each register that it uses has a place `%xN`, which holds it between blocks.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._way = Way(frozenset())

    def tail(
        self,
        target: str,
        slot: str = "%slot",
        left: str = "%left",
        page: str = "%page",
        bank: str = "%bank",
    ) -> None:
        """Continue in another handler; those of the interpreter are found in its table."""
        if target.startswith("@"):
            target = self._interpreter(target[1:])
        super().tail(target, slot, left, page, bank)

    def _interpreter(self, name: str) -> str:
        table = self.pointer(self.word(layout.HANDLERS))
        return self.load("ptr", self.at(table, 8 * _INDICES[name]))

    def _call(self, name: str, kind: str, arguments: str) -> str:
        return self.value(f"call {kind} {self._interpreter(name)}({arguments})")

    def _write_back(self, way: Way) -> None:
        for number in sorted(way.changed):
            value = way.get(number) or self.load("i64", f"%x{number}")
            self.set_word(number, value)

    def get(self, number: int) -> str:
        """The value of a register."""
        if number == 0:
            return "0"
        if number not in self._way:
            self._way[number] = self.load("i64", f"%x{number}")
        return self._way[number]

    def _set(self, number: int, value: str) -> None:
        if number:
            self._way[number] = value
            self._way.changed.add(number)
