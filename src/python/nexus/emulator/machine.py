"""One virtual machine: the board, wired, and the loop that lets virtual time pass.

A machine is a value of its inputs: the same kernel, files, drives, frames and keystrokes at the
same virtual instants give the same bytes, however `run` calls slice the time.  Time is counted in
ticks of 10 ns: an instruction takes one, and a hart in wfi jumps ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from nexus.emulator import reset
from nexus.emulator.board import NS_PER_TICK, AttachedDrive, Devices, attach_devices
from nexus.emulator.bus import Bus
from nexus.emulator.engines import hart_of
from nexus.emulator.loading import load, prepare
from nexus.emulator.machine_options import ENGINES as ENGINES
from nexus.emulator.machine_options import RAM_BYTES_MAX as RAM_BYTES_MAX
from nexus.emulator.machine_options import MachineOptions as MachineOptions
from nexus.emulator.memory import Ram
from nexus.emulator.reference import state as s
from nexus.emulator.reference.core import Core
from nexus.emulator.reference.hart import Hart
from nexus.emulator.turns import Turns

if TYPE_CHECKING:
    from nexus.emulator.reference.chain import TrapLoop


class Stop(Enum):
    """The reason why `run` returned."""

    REACHED = "reached"  # until_ns, while running.
    IDLE = "idle"  # until_ns, in wfi with nothing pending.
    FINISHED = "finished"  # The guest wrote to the finisher; see exit_code.
    RESET = "reset"  # The guest asked for a reset.
    STUCK = "stuck"  # In a loop of traps without a way out; see `trap_loop`.
    OBSERVED = "observed"  # The observer's breakpoint or watchpoint; see its `hit`.


class Machine:
    """A board with its harts."""

    def __init__(self, options: MachineOptions) -> None:
        """Load the kernel and reset.

        Raises:
            ImageError: One of the files to boot is not one that this board can.
            BlobError: The native blob is not one for this version.
        """
        self._ram = Ram(options.ram_bytes)
        self._observer = options.observer
        self._options = options
        boot = prepare(options.files, options.ram_bytes, options.board)
        load(self._ram, boot)
        bus = Bus()
        self._hart = hart_of(options, self._ram, bus, boot.start)
        for number, value in reset.registers(boot.tree, boot.start).items():
            self._hart.state[number] = value
        self._turns = Turns(self._hart, options.harts) if options.harts > 1 else None
        self._hart.stops_when_stuck = options.stops_when_stuck
        self._devices = attach_devices(
            bus,
            self._hart,
            self._ram,
            harts=self._turns,
            rom=reset.rom(boot.tree, boot.start, boot.next_stage),
            fw_cfg=options.fw_cfg,
            drives=options.drives,
            mac=options.mac,
            entropy=options.entropy,
            epoch_s=options.epoch_s,
        )
        if self._turns is not None:
            self._devices.stateful.append(self._turns)

    # -- Time ------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Virtual time since power-on."""
        return self._hart.ticks * NS_PER_TICK

    @property
    def instructions(self) -> int:
        """Instructions executed since power-on, trapped ones included."""
        return self._hart.steps

    @property
    def exit_code(self) -> int | None:
        """The finisher's code once the guest has ended the run, 0 for success."""
        return self._devices.finisher.exit_code

    def run(self, until_ns: int) -> Stop:
        """Let time pass until exactly `until_ns`, a multiple of 10, unless the guest ends the run.

        Raises:
            ValueError: `until_ns` is not a multiple of 10, or lies in the past.
        """
        until, remainder = divmod(until_ns, NS_PER_TICK)
        hart, rtc = self._hart, self._devices.rtc
        if remainder or until < hart.ticks:
            raise ValueError(f"until_ns={until_ns}: expected a multiple of 10 from {self.now_ns}")
        while (ended := self._ended()) is None:
            hart.update_timers()
            rtc.update()
            target = until if self._turns is None else self._turn_ends(self._turns, until)
            timer = hart.next_timer_ticks(enabled_only=False)
            target = target if timer is None else min(target, timer)
            limit = until
            if (alarm := rtc.alarm_in_ns) is not None:
                limit = min(limit, hart.ticks + -(-alarm // NS_PER_TICK))
            target = min(target, limit)
            if hart.state[s.WAITING] and hart.has_wakeup:
                hart.state[s.WAITING] = 0
            if hart.ticks >= until:
                return Stop.IDLE if hart.state[s.WAITING] else Stop.REACHED
            if hart.state[s.WAITING]:
                hart.state[s.IDLE] += target - hart.ticks
            else:
                self._execute(target - hart.ticks, limit)
        return ended

    def _execute(self, budget: int, limit: int) -> None:
        """Let the hart work; an engine that can may change turns before the tick `limit`."""
        sampler, turns, observer = self._options.profile, self._turns, self._observer
        if sampler is not None:
            sampler.run(self._hart, budget, self._ram)
        elif turns is None or (observer is not None and observer.awaited is not None):
            self._hart.run(budget)
        else:
            turns.set_limit(limit)
            self._hart.run(budget)
            turns.set_limit(0)

    def _turn_ends(self, turns: Turns, until: int) -> int:
        """Let the hart run whose turn it is; return the tick at which to look again."""
        ends_at = turns.choose()
        if turns.is_present_ready:
            return min(until, ends_at)
        wakes_at = turns.next_timer_ticks(enabled_only=True)
        return until if wakes_at is None else min(until, wakes_at)

    def next_event_ns(self) -> int | None:
        """When the machine has something to do: now, at a timer, or (None) not by itself."""
        hart, rtc = self._hart, self._devices.rtc
        hart.update_timers()
        rtc.update()
        turns = self._turns
        is_ready = not hart.state[s.WAITING] or hart.has_wakeup
        if is_ready or (turns is not None and turns.is_anybody_ready):
            return self.now_ns
        waiting = hart if turns is None else turns
        ticks = waiting.next_timer_ticks(enabled_only=True)
        events = [] if ticks is None else [ticks * NS_PER_TICK]
        if rtc.is_enabled and (alarm := rtc.alarm_in_ns) is not None:
            events.append(self.now_ns + -(-alarm // NS_PER_TICK) * NS_PER_TICK)
        return min(events, default=None)

    def settle(self) -> None:
        """Take the interrupt that is due now, if any: the first thing that `run` would do."""
        hart = self._hart
        hart.update_timers()
        self._devices.rtc.update()
        if self._turns is not None:
            self._turns.choose()
        if hart.has_wakeup:
            hart.state[s.WAITING] = 0
        if not hart.state[s.WAITING]:
            hart.run(0)

    def _ended(self) -> Stop | None:
        finisher = self._devices.finisher
        if finisher.exit_code is not None:
            return Stop.FINISHED
        if self._observer is not None and self._observer.hit is not None:
            return Stop.OBSERVED
        if finisher.is_reset:
            return Stop.RESET
        return Stop.STUCK if self._hart.is_to_stop else None

    # -- The outside world -----------------------------------------------------------------------

    def take_console(self) -> bytes:
        """UART output since the last call."""
        return self._devices.uart.take_output()

    def offer_console(self, data: bytes) -> int:
        """Type on the console as much as the UART can hold unread; return how many bytes."""
        return self._devices.uart.receive(data)

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Ethernet frames sent since the last call, with their virtual time in ns."""
        net = self._devices.net
        return net.take_frames() if net else []

    def deliver(self, frame: bytes) -> bool:
        """Hand a frame to the network device now; False if it had to drop it."""
        net = self._devices.net
        return net is not None and net.deliver(frame)

    @property
    def hart(self) -> Hart:
        """The hart whose turn it is, for debuggers, traces and snapshots."""
        return self._hart

    @property
    def harts(self) -> int:
        """The number of harts."""
        return self._options.harts

    @property
    def turn(self) -> int:
        """The number of the hart whose turn it is."""
        return 0 if self._turns is None else self._turns.current

    def core(self, number: int) -> Core:
        """A hart by its number, to look at and to change by hand."""
        return self._hart if self._turns is None else self._turns.core(number)

    def stop_when_stuck(self, is_wanted: bool = True) -> None:
        """From now on a loop of traps ends the run, unless another hart has something to do."""
        self._hart.stops_when_stuck = is_wanted

    @property
    def ram(self) -> Ram:
        """Memory, for the same."""
        return self._ram

    @property
    def devices(self) -> Devices:
        """The devices, for the same."""
        return self._devices

    @property
    def drives(self) -> Sequence[AttachedDrive]:
        """The disks, as they were attached."""
        return self._options.drives

    @property
    def kernel(self) -> bytes:
        """The booted image, for its symbols."""
        return self._options.kernel or self._options.firmware

    @property
    def identity(self) -> bytes:
        """SHA-256 over the options that do not show in the state."""
        return self._options.identity

    @property
    def trap_loop(self) -> TrapLoop | None:
        """The loop of traps that the guest is stuck in, if it is."""
        return self._hart.trap_loop

    def register(self, number: int) -> int:
        """The value of x0..x31, for tests and post-mortems."""
        return 0 if number == 0 else self._hart.state[number]

    def _visible_words(self, state: s.State | Sequence[int]) -> list[int]:
        words = [state[index] for index in range(s.VISIBLE_WORDS)]
        words[s.SINK] = 0  # Written at the engine's discretion, never read.
        if self._options.cpu.has_float:
            words += [state[s.F0 + index] for index in range(s.FLOAT_WORDS)]
        return words

    def state_digest(self) -> str:
        """SHA-256 over registers, CSRs and RAM."""
        from hashlib import sha256  # Loads OpenSSL: 2 ms.

        digest = sha256()
        words = self._visible_words(self._hart.state)
        if self._turns is not None:
            words = [
                word
                for number in range(self._options.harts)
                for word in self._visible_words(self._turns.words_of(number))
            ]
        digest.update(b"".join(word.to_bytes(8, "little") for word in words))
        digest.update(self._ram.buffer)
        return digest.hexdigest()
