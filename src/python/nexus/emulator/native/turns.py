"""Generated code that gives the turn to the next hart: the rules of `emulator/turns.py`.

A stretch of steps ends with a turn, when a timer goes off, or because the hart waits.  What comes
next is found here, with the words of the other harts in the block of `emulator/turn_words.py`, as
long as the machine does not have to look: at its limit, when no hart has anything to do, and when
a hart is in a long chain of traps.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.native.constants import CONSTANTS
from nexus.emulator.native.ir import Function
from nexus.emulator.native.routine import handlers, routines
from nexus.emulator.reference import state as s

# Words that one instruction of the host or a few copy; the harts' words are not aligned to them.
_COPIED: Final = 8

_HANDLERS: Final = """
def slice_over():
    # No steps left; the state's pc is that of the next one.
    following = next_slice(left)
    if following:
        left = following
        become(attend)
    state[LEFT] = left
    state[WHY] = EXIT_BUDGET
    leave()

def do_wfi():
    if lts(left, 1):
        become(out_of_steps)
    privilege = state[PRIVILEGE]
    if privilege == USER or (privilege == SUPERVISOR and state[MSTATUS] & MSTATUS_TW):
        become(illegal)
    state[PC] = pc() + 4
    left -= 1
    if not state[TURNS] and pending():
        become(attend)  # There is nothing to wait for.
    state[WAITING] = 1
    following = next_slice(left)
    if following:
        left = following
        become(attend)
    state[LEFT] = left
    state[WHY] = EXIT_WAIT
    leave()
"""

_ROUTINES: Final = """
def next_slice(left):
    # Give the turn to the hart that has it now, this one or another; `left` steps remain.
    #
    # Returns for how many steps; 0 if the machine has to look, and then nothing has changed.
    turns = state[TURNS]
    if not turns:
        return 0
    now = state[TICKS_END] - left
    limit = u64[turns + 8 * TURN_LIMIT]
    time = clock(left)
    if now >= limit or time >= TIMER_NEVER - CLOCK_NEAR:
        return 0
    state[MIP_LINE] = timer_lines(time, state[MIP_LINE], state[MTIMECMP], supervisor_timer())
    ends = u64[turns + 8 * TURN_ENDS_AT]
    if now >= ends or (state[WAITING] and not pending()):
        number = next_ready(turns, time)
        if number == TURN_NOBODY:
            return 0
        ends = now + TURN_STEPS
        if number != state[HART]:
            if not switch_hart(turns, number, now - state[IDLE]):
                return 0
            lines = timer_lines(time, state[MIP_LINE], state[MTIMECMP], supervisor_timer())
            state[MIP_LINE] = lines
        u64[turns + 8 * TURN_ENDS_AT] = ends
    state[WAITING] = 0
    steps = min(ends, limit) - now
    wait = min(timer_wait(time, state[MTIMECMP]), timer_wait(time, supervisor_timer()))
    if wait < CLOCK_NEAR:
        steps = min(steps, (now // TICKS_PER_MTIME + wait) * TICKS_PER_MTIME - now)
    state[TICKS_END] = now + steps
    state[CUT] -= steps - left
    return steps

def supervisor_timer():
    # When the supervisor's timer goes off, if it has one.
    return state[STIMECMP] if state[MENVCFG] & MENVCFG_STCE else TIMER_NEVER

def timer_lines(time, lines, machine, supervisor):
    # Interrupt lines, with those of the timers.
    lines = lines & ~(MTIP | STIP)
    if time >= machine:
        lines |= MTIP
    if time >= supervisor:
        lines |= STIP
    return lines

def timer_wait(time, comparator):
    # How long a timer still waits; TIMER_NEVER if it has gone off, or never will.
    if time >= comparator or comparator == TIMER_NEVER:
        return TIMER_NEVER
    return comparator - time

def parked_words(turns, number):
    # Host address of the words of a hart in the block.
    return turns + 8 * (TURN_HEADER_WORDS + number * STATE_WORDS)

def next_ready(turns, time):
    # The hart with something to do that comes after the present one, which is the last to be asked.
    count = u64[turns + 8 * TURN_HARTS]
    present = state[HART]
    number = present
    step = 0
    while step < count:
        step += 1
        number = number + 1 if number + 1 < count else 0
        if number == present:
            if not state[WAITING] or pending():
                return number
        else:
            words = parked_words(turns, number)
            if not u64[words + 8 * WAITING]:
                return number
            timer = u64[words + 8 * STIMECMP]
            if not u64[words + 8 * MENVCFG] & MENVCFG_STCE:
                timer = TIMER_NEVER
            lines = u64[words + 8 * MIP_LINE]
            lines = timer_lines(time, lines, u64[words + 8 * MTIMECMP], timer)
            if (lines | u64[words + 8 * MIP_SOFT]) & u64[words + 8 * MIE]:
                return number
    return TURN_NOBODY

def switch_hart(turns, number, steps):
    # Park the present hart after so many steps of the machine, and take the place of another.
    #
    # Returns 0, and has changed nothing, if only Python can do it.
    leaving = parked_words(turns, state[HART])
    coming = parked_words(turns, number)
    hart = parked_words(turns, 0)
    end = parked_words(turns, u64[turns + 8 * TURN_HARTS])
    while hart < end:
        look = state[CHAIN_LOOK] if hart == leaving else u64[hart + 8 * CHAIN_LOOK]
        if look == 0 or look == CHAIN_DOUBTED:
            return 0
        hart += 8 * STATE_WORDS
    if u64[coming + 8 * CHAIN_COUNT] >= u64[coming + 8 * CHAIN_LOOK]:
        return 0
    protected_otherwise = 0
    word = PMPCFG0
    while word < PMPADDR0 + PMPADDR_COUNT:
        protected_otherwise |= u64[coming + 8 * word] ^ state[word]
        word += 1
    # Only its own steps count as its instructions; until it is back, these are of others.
    state[STEPS] = steps
    own = state[INSTRET_OFFSET]
    state[INSTRET_OFFSET] = own + steps
    copy_hart(state_address(), leaving)
    u64[coming + 8 * STEPS] = steps
    u64[coming + 8 * IDLE] = state[IDLE]
    u64[coming + 8 * MTIME_OFFSET] = state[MTIME_OFFSET]
    u64[coming + 8 * INSTRET_OFFSET] -= steps
    copy_hart(coming, state_address())
    if protected_otherwise:
        take_over()
    return 1
"""


def _copy_hart() -> str:
    """Copy all words of a hart: a loop would become a call of a function that is not here."""
    function = Function("i64 @copy_hart(ptr %st, i64 %from, i64 %to)")
    source, target = function.pointer("%from"), function.pointer("%to")
    for start in range(0, s.STATE_WORDS, _COPIED):
        count = min(_COPIED, s.STATE_WORDS - start)
        words = function.load(f"<{count} x i64>", function.at(source, 8 * start))
        function.store(f"<{count} x i64>", words, function.at(target, 8 * start))
    function.emit("ret i64 0")
    return function.text()


def _state_address() -> str:
    """The host address of the present hart's words."""
    function = Function("i64 @state_address(ptr %st)")
    function.emit(f"ret i64 {function.value('ptrtoint ptr %st to i64')}")
    return function.text()


def turn_handlers() -> dict[str, str]:
    """Name and text of every handler here."""
    return handlers(_HANDLERS, CONSTANTS)


def turn_routines() -> list[str]:
    """Return the routines that the turns of harts call."""
    return [_copy_hart(), _state_address(), *routines(_ROUTINES, CONSTANTS)]
