"""GDB's remote protocol over a timeline: packets in, packets out, and stretches of running.

A command table does the rest.  Unknown packets get the empty reply, as the protocol asks.  While
the guest runs, the owner calls `advance` and feeds what comes in, a Ctrl-C above all.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from nexus.emulator import gdb_target
from nexus.emulator.gdb_data import ERROR_ARGUMENT, GdbData
from nexus.emulator.gdb_monitor import GdbMonitor
from nexus.emulator.gdb_number import content, pair
from nexus.emulator.gdb_packet import PACKET_BYTES_MAX, Again, Bad, Break, Deframer, Packet, encode
from nexus.emulator.gdb_points import BREAKPOINTS_MAX as BREAKPOINTS_MAX  # A session's bound.
from nexus.emulator.gdb_points import GdbPoints
from nexus.emulator.gdb_resume import Resume, parse_actions, parse_resume
from nexus.emulator.gdb_threads import GdbThreads
from nexus.emulator.history import History
from nexus.emulator.observe import Hit

# Between two looks at the debugger, unless its owner knows better: some ten milliseconds on the
# reference engine.
SLICE_STEPS: Final = 20_000

_ERROR_ANNEX: Final = b"E00"
_TRAP: Final = b"05"
_INTERRUPTED: Final = b"02"
_BEGIN: Final = b"replaylog:begin;"

_FEATURES: Final = (
    b"PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;ReverseStep+;ReverseContinue+;"
    b"hwbreak+;swbreak+;vContSupported+" % PACKET_BYTES_MAX
)


class State(Enum):
    """The state of the session."""

    STOPPED = "stopped"
    RUNNING = "running"
    DETACHED = "detached"  # The debugger left; the guest goes on by itself.
    KILLED = "killed"


class GdbSession:
    """One debugger and its machine."""

    def __init__(self, timeline: History) -> None:
        self.state = State.STOPPED
        self._step_to: int | None = None  # The position at which a step is done ...
        self._stepped: int | None = None  # ... and of which hart it is.
        self._is_resumed = False
        self._timeline = timeline
        self._deframer = Deframer()
        self._acknowledges = True
        self._last = b""
        self._points = GdbPoints(timeline.observer)
        self._threads = GdbThreads(timeline)
        self._stop_reason = self._signal(_TRAP)
        self._monitor = GdbMonitor(timeline, self._threads)
        data = GdbData(timeline, self._threads)
        self._commands: dict[bytes, Callable[[bytes], bytes | None]] = {
            b"?": lambda rest: self._stop_reason,
            b"g": data.read_general,
            b"G": data.write_general,
            b"p": data.read_one,
            b"P": data.write_one,
            b"m": data.read_memory,
            b"M": data.write_memory_hex,
            b"X": data.write_memory_binary,
            b"Z": self._points.insert,
            b"z": self._points.remove,
            **{name: self._resuming(name) for name in (b"c", b"s", b"C", b"S")},
            b"b": self._backwards,
            b"v": self._verbose,
            b"q": self._query,
            b"Q": self._set,
            b"H": self._threads.choose,
            b"T": self._threads.is_alive,
            b"D": self._detach,
            b"k": self._kill,
        }

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the debugger; return the bytes to send."""
        output = b""
        for event in self._deframer.feed(data):
            if self.state in (State.DETACHED, State.KILLED):
                break  # A debugger that has left resumes nothing.
            if isinstance(event, Packet):
                output += b"+" if self._acknowledges else b""
                reply = self._execute(event.data)
                if reply is not None:
                    output += self._send(reply)
            elif isinstance(event, Break):
                if self.state is State.RUNNING:
                    output += self._stop(self._signal(_INTERRUPTED))
            elif isinstance(event, Again):
                output += self._last
            elif isinstance(event, Bad) and self._acknowledges:
                output += b"-"
        return output

    def advance(self, steps: int = SLICE_STEPS) -> bytes:
        """Run a stretch of at most so many steps; return the bytes to send, if it ended the run."""
        timeline = self._timeline
        limit = timeline.position + steps if self._step_to is None else self._step_to
        hit = timeline.advance(limit, is_resumed=self._is_resumed)
        self._is_resumed = False
        if hit is not None and hit.is_turn:
            self._step_to = timeline.position + 1
            return b""
        if hit is not None:
            return self._stop(self._describe(hit))
        if timeline.is_over:
            return self._stop(self._ending())
        if self._step_to is not None and timeline.position >= limit:
            return self._stop(self._signal(_TRAP, self._stepped))
        if timeline.position < limit and timeline.is_alone:
            # Asleep: nothing but the debugger can come.
            return self._stop(self._signal(_INTERRUPTED))
        return b""

    def _execute(self, packet: bytes) -> bytes | None:
        command = self._commands.get(packet[:1])
        if command is None:
            return b""
        try:
            return command(packet[1:])
        except ValueError:  # A number that cannot be read.
            return ERROR_ARGUMENT

    def _send(self, reply: bytes) -> bytes:
        self._last = encode(reply)
        return self._last

    def _stop(self, reason: bytes) -> bytes:
        self.state = State.STOPPED
        self._timeline.observer.awaited = None
        self._stop_reason = reason
        return self._send(reason)

    def _signal(self, signal: bytes, hart: int | None = None, reason: bytes = b"") -> bytes:
        """A stop reply, about a hart; without one, about the one whose turn it is."""
        said = self._threads.stopped(hart) + reason
        return b"T" + signal + said if said else b"S" + signal

    @property
    def position(self) -> int:
        """Instructions executed."""
        return self._timeline.position

    # -- Running ---------------------------------------------------------------------------------

    def _resuming(self, name: bytes) -> Callable[[bytes], bytes | None]:
        return lambda rest: self._go(parse_resume(name + rest))

    def _go(self, resume: Resume) -> bytes | None:
        if self._timeline.is_over:
            return self._ending()
        if resume.address is not None:
            gdb_target.write_register(self._threads.core, gdb_target.PC, resume.address)
            self._timeline.edited()
        hart = self._threads.current if resume.hart is None else resume.hart
        has_turn = hart == self._timeline.machine.turn
        if resume.is_step and has_turn and self._timeline.is_alone:
            return self._step(hart)
        self._stepped = hart if resume.is_step else None
        self._step_to = self._timeline.position + 1 if resume.is_step and has_turn else None
        self._timeline.observer.awaited = None if has_turn else self._stepped
        self._is_resumed = True
        self.state = State.RUNNING
        return None

    def _step(self, hart: int) -> bytes:
        hit = self._timeline.advance(self._timeline.position + 1)
        if self._timeline.is_over:
            return self._stopped(self._ending())
        return self._stopped(self._signal(_TRAP, hart) if hit is None else self._describe(hit))

    def _backwards(self, rest: bytes) -> bytes:
        if rest == b"s":
            moved = self._timeline.step_back()
            return self._stopped(self._signal(_TRAP, reason=b"" if moved else _BEGIN))
        if rest == b"c":
            hit = self._timeline.run_back()
            found = self._signal(_TRAP, reason=_BEGIN) if hit is None else self._describe(hit)
            return self._stopped(found)
        return b""

    def _stopped(self, reason: bytes) -> bytes:
        self._stop_reason = reason
        return reason

    def _describe(self, hit: Hit) -> bytes:
        return self._signal(_TRAP, reason=self._points.describe(hit))

    def _ending(self) -> bytes:
        code = self._timeline.machine.exit_code
        return b"W%02x" % min(0 if code is None else code, 0xFF)

    def _verbose(self, rest: bytes) -> bytes | None:
        if rest == b"Cont?":
            return b"vCont;c;C;s;S"
        if rest == b"Cont" or rest.startswith(b"Cont;"):
            resume = parse_actions(rest, self._threads.find)
            return ERROR_ARGUMENT if resume is None else self._go(resume)
        if rest.startswith(b"Kill"):
            self.state = State.KILLED
            return b"OK"
        return b""

    def _detach(self, rest: bytes) -> bytes:
        self._timeline.release()
        self._points.forget()
        self.state = State.DETACHED
        return b"OK"

    def _kill(self, rest: bytes) -> None:
        self.state = State.KILLED

    # -- Queries ---------------------------------------------------------------------------------

    def _query(self, rest: bytes) -> bytes:
        name, _, argument = rest.partition(b":")
        if name == b"Supported":
            self._points.negotiate(argument)
            return _FEATURES
        if name == b"Xfer" and argument.startswith(b"features:read:"):
            return self._description(*argument.split(b":")[2:])
        if rest.startswith(b"Rcmd,"):
            return self._monitor.answer(content(rest[5:])).encode().hex().encode()
        if rest == b"Attached":
            return b"1"
        return self._threads.query(rest) or b""

    def _set(self, rest: bytes) -> bytes:
        if rest == b"StartNoAckMode":
            self._acknowledges = False
            return b"OK"
        return b""

    def _description(self, *wanted: bytes) -> bytes:
        """A piece of the target's description: `target.xml` and `offset,length`."""
        offset, length = pair(wanted[-1])
        if wanted[:-1] != (b"target.xml",):
            return _ERROR_ANNEX
        text = gdb_target.target_xml()
        if offset > len(text):
            return ERROR_ARGUMENT
        more = offset + length < len(text)
        return (b"m" if more else b"l") + text[offset : offset + length]
