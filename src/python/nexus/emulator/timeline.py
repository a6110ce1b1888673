"""A run that can be walked in both directions.

A run is determined by its inputs, so any earlier instant can be had again: restore the last
snapshot before it, and run up to it.  A *position* is a number of executed instructions; at a
position the machine is about to execute the next one: it has slept what there was to sleep, and
taken the interrupt that was due.  Output that was seen once is not shown again.

Rules of this file: a snapshot is only taken at a position; a caller that changes the machine
calls `edited`, and history begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nexus.emulator.board import NS_PER_TICK
from nexus.emulator.machine import Machine, MachineOptions, Stop
from nexus.emulator.observe import Hit, Observer
from nexus.emulator.reference import state as s
from nexus.emulator.snapshot import restore, save
from nexus.emulator.spacing import Spacing

# A tenth of a second of the slowest engine: what a step backwards takes at most, at first.
INTERVAL_STEPS: Final = 100_000
# When there are more, every other one goes and the interval doubles.
CHECKPOINTS_MAX: Final = 32
CHECKPOINT_BYTES_MAX: Final = 1 << 29


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A position to start from."""

    position: int
    snapshot: bytes
    typed_count: int  # How many entries of the input log it has seen.
    printed: int  # Bytes of console output up to here.


class Timeline:
    """One machine, its past, and its future."""

    is_alone = True

    def __init__(
        self,
        make_options: Callable[[Observer], MachineOptions],
        interval_steps: int = INTERVAL_STEPS,
        stopwatch: Callable[[], float] | None = None,
    ) -> None:
        """Power a machine on.  `make_options` is called for every new one, with fresh sources.

        `stopwatch` gives the seconds that the process has worked.  How far checkpoints lie apart
        follows it (`spacing.py`), and nothing else: the same positions can be gone to without it.
        """
        self._make_options = make_options
        self._spacing = Spacing(interval_steps, stopwatch)
        self.observer = Observer()
        self.machine = Machine(make_options(self.observer))
        self._log: list[tuple[int, bytes]] = []  # The typed bytes, and when, in ns.
        self._typed_count = 0
        self._pending = b""
        self._printed = self._shown = 0
        self._output = bytearray()
        self._stopped_at = -1  # Where a watched access stopped us.
        self.machine.settle()
        self._checkpoints = [self._checkpoint()]

    @property
    def position(self) -> int:
        """Instructions executed."""
        return self.machine.instructions

    @property
    def beginning(self) -> int:
        """The first position that can be gone back to."""
        return self._checkpoints[0].position

    @property
    def is_over(self) -> bool:
        """Whether the guest has ended the run."""
        finisher = self.machine.devices.finisher
        return finisher.exit_code is not None or finisher.is_reset

    def take_output(self) -> bytes:
        """Console output that has not been seen yet."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def type(self, data: bytes) -> None:
        """Type on the console, as soon as there is room."""
        self._pending += data

    @property
    def untyped(self) -> bytes:
        """Input that had no room yet, or is to be typed again."""
        rest = b"".join(data for _, data in self._log[self._typed_count :])
        return rest + self._pending

    def release(self) -> None:
        """Look at nothing any more: the machine will be run by another owner."""
        self.observer.breakpoints.clear()
        self.observer.watches.clear()
        self.observer.hit = self.observer.awaited = None

    def rejoin(self, untyped: bytes) -> None:
        """Another owner has run the machine for a while: history begins where it is now.

        They have shown what the guest printed, and leave what they were to type.
        """
        self._log.clear()
        self._typed_count = 0
        self._pending = untyped
        self._stopped_at = -1
        self.machine.settle()
        self._checkpoints = [self._checkpoint()]

    def edited(self) -> None:
        """Registers or memory were changed by hand: forget the past and the input to come."""
        del self._log[self._typed_count :]
        self._checkpoints = [self._checkpoint()]

    # -- Forwards --------------------------------------------------------------------------------

    def advance(self, limit: int, *, is_resumed: bool = True) -> Hit | None:
        """Go on up to position `limit`; return what was hit on the way there, if anything.

        A watched access stops before its instruction, as RISC-V debuggers expect.  Returns early,
        at no hit, when the guest ended the run or waits for ever.  A breakpoint at the present
        position counts unless the run is resumed there.
        """
        if is_resumed:
            self.observer.resumed_at = self.position
        self.observer.accessed_at, self._stopped_at = self._stopped_at, -1
        while self.position < limit and not self.is_over:
            self._offer()
            room = self._checkpoints[-1].position + self._spacing.steps - self.position
            before = self.position
            hit = self._run(min(limit, self.position + max(room, 1)))
            if hit is not None:
                if hit.watch is not None:
                    self.go_to(self.position - 1)
                    self._stopped_at = self.position
                return hit
            if self.position == before:
                break  # Asleep for ever.
            if self.position - self._checkpoints[-1].position >= self._spacing.steps:
                self._remember()
        return None

    def _run(self, limit: int) -> Hit | None:
        """Run up to a position with whatever the log has to type on the way."""
        machine = self.machine
        self.observer.hit = None
        while machine.instructions < limit:
            until = self._until(limit)
            if until is None:
                break
            stop = machine.run(until)
            if stop in (Stop.OBSERVED, Stop.FINISHED, Stop.RESET):
                break
            self._type_logged()
        hit, self.observer.hit = self.observer.hit, None
        if hit is None or hit.watch is not None or hit.is_turn:
            self._arrive()
        self._take_console()
        return hit

    def _until(self, limit: int) -> int | None:
        """Return how far the machine can run before a position is passed or something is typed."""
        machine = self.machine
        event = machine.next_event_ns()
        typed = self._log[self._typed_count][0] if self._typed_count < len(self._log) else None
        if event is not None and event <= machine.now_ns:
            event = machine.now_ns + NS_PER_TICK * (limit - machine.instructions)
        return min((instant for instant in (event, typed) if instant is not None), default=None)

    def _arrive(self) -> None:
        """Sleep what there is to sleep, and take the interrupt that is due."""
        machine = self.machine
        while not self.is_over:
            self._type_logged()
            machine.settle()
            if not machine.hart.state[s.WAITING]:
                return
            until = self._until(machine.instructions + 1)
            if until is None:
                return
            machine.run(until)

    def _offer(self) -> None:
        """Type what there is room for, and remember when that was."""
        if self._pending and self._typed_count == len(self._log):
            count = self.machine.offer_console(self._pending)
            if count:
                self._log.append((self.machine.now_ns, self._pending[:count]))
                self._typed_count += 1
                self._pending = self._pending[count:]

    def _type_logged(self) -> None:
        while self._typed_count < len(self._log):
            instant, data = self._log[self._typed_count]
            if instant > self.machine.now_ns:
                return
            self.machine.offer_console(data)
            self._typed_count += 1

    def _take_console(self) -> None:
        data = self.machine.take_console()
        new = self._printed + len(data) - self._shown
        if new > 0:
            self._output += data[len(data) - new :]
            self._shown += new
        self._printed += len(data)

    # -- Backwards -------------------------------------------------------------------------------

    def go_to(self, position: int) -> None:
        """Go to a position between the beginning and the present one."""
        self._stopped_at = -1
        self._restore(next(c for c in reversed(self._checkpoints) if c.position <= position))
        self._replay(position)

    def step_back(self) -> bool:
        """Undo one instruction; False at the beginning."""
        if self.position <= self.beginning:
            return False
        self.go_to(self.position - 1)
        return True

    def run_back(self) -> Hit | None:
        """Go back to the last hit before now; with none, to the beginning.

        At a watched access that is the position after the instruction, which would be undone next.
        """
        end, stopped_at = self.position, self._stopped_at
        for checkpoint in reversed(self._checkpoints):
            if checkpoint.position >= end:
                continue
            found = self._last_hit(checkpoint, end, stopped_at)
            if found is not None:
                self.go_to(found[0])
                if found[1].watch is not None:
                    self._stopped_at = self.position
                return found[1]
            end = checkpoint.position
        self.go_to(self.beginning)
        return None

    def _last_hit(
        self, checkpoint: Checkpoint, end: int, stopped_at: int
    ) -> tuple[int, Hit] | None:
        """Run from a checkpoint up to `end`; the last hit on the way, before its very end."""
        self._restore(checkpoint)
        self.observer.resumed_at = self.observer.accessed_at = -1
        last = None
        while True:
            hit = self._run(end)
            if hit is None:
                return last
            position = self.position
            if hit.watch is None and position >= end:
                return last
            if hit.watch is None or position != stopped_at:
                last = (position, hit)
            self.observer.resumed_at = self.position

    def _replay(self, position: int) -> None:
        """Run up to a position, and look at nothing on the way."""
        observer = self.observer
        breakpoints, watches = observer.breakpoints, observer.watches
        observer.breakpoints, observer.watches = set(), []
        try:
            self._run(position)
        finally:
            observer.breakpoints, observer.watches = breakpoints, watches

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.machine = restore(self._make_options(self.observer), checkpoint.snapshot)
        self._typed_count = checkpoint.typed_count
        self._printed = checkpoint.printed

    def _checkpoint(self) -> Checkpoint:
        self._take_console()
        snapshot = self._spacing.take(lambda: save(self.machine))
        return Checkpoint(self.position, snapshot, self._typed_count, self._printed)

    def _remember(self) -> None:
        """Take a checkpoint here, unless there is a later one from before we went back."""
        if self._checkpoints[-1].position >= self.position or not self._spacing.is_worth_it():
            return
        self._checkpoints.append(self._checkpoint())
        size = sum(len(checkpoint.snapshot) for checkpoint in self._checkpoints)
        if len(self._checkpoints) > CHECKPOINTS_MAX or size > CHECKPOINT_BYTES_MAX:
            self._spacing.widen()
            del self._checkpoints[1::2]
