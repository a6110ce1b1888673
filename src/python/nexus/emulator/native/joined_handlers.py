"""Handlers of two instructions, one after the other: see `joined.py`."""

from __future__ import annotations

from nexus.emulator.isa.decode import BY_NAME
from nexus.emulator.native.handlers import InstructionHandler
from nexus.emulator.native.ir import UNLIKELY
from nexus.emulator.native.joined import Pair, pairs
from nexus.emulator.native.slots import handler_name


class JoinedHandler(InstructionHandler):
    """The handler of a pair."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair.name)
        self._is_first = True
        alone = self.compare("slt", self.left, 2)
        self.branch(alone, "one_step", "both", UNLIKELY)
        self.label("one_step")
        self.tail(f"@{handler_name(*pair.first)}")
        self.label("both")
        self.after = self.op("sub", self.left, 1)
        name, length = pair.first
        self.instruction(BY_NAME[name], length)
        self._is_first = False
        known = {f"rs{pair.source}": self.result} if pair.source and self.result else {}
        self.slot, self.left = self.at(self.slot, 8 * length), self.after
        self.after = self.op("sub", self.left, 1)
        name, length = pair.second
        self.instruction(BY_NAME[name], length, known)

    def next(self) -> None:
        """The first goes on with the second right here."""
        if not self._is_first:
            super().next()


def joined_handlers() -> list[JoinedHandler]:
    """The handlers of all pairs."""
    return [JoinedHandler(pair) for pair in pairs()]
