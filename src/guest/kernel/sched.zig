//! Which task runs: round-robin over ready tasks, a fixed slice each, and `wfi` when none is ready.
//!
//! A task that must wait blocks inside its system call, and repeats that call when it is woken. So
//! the kernel keeps nothing of a call, and the call itself checks its deadline.
//!
//! How it works:
//!
//!     suspended ──resume──▶ ready ──next──▶ current ──slice over, yield──▶ ready, at the end
//!                             ▲                └── block ──▶ blocked, in one queue
//!                             └── wakeAll, or its deadline has passed ──────┘
//!
//! - A task is in at most one queue, and the current one is in none.
//! - One timer serves all: it is armed for the earliest deadline, or for the end of the slice if
//!   another task is ready. Nothing ticks while no task waits for time.
//! - `earliest_ns` may be too early, never too late: a woken task leaves its instant behind, and
//!   idling computes it anew. Too early costs one look at the table of tasks.

const std = @import("std");
const csr = @import("csr.zig");
const irq = @import("irq.zig");
const task = @import("task.zig");
const timer = @import("timer.zig");

const Task = task.Task;

/// Long enough to matter little, short enough that a spinning task delays the others by
/// milliseconds only.
const slice_ns: u64 = 5_000_000;

pub var current: ?*Task = null;
var ready: task.Queue = .{};
var slice_end_ns: u64 = 0;
/// Not later than the earliest deadline of a blocked task; made exact before idling.
var earliest_ns: u64 = timer.never;

/// The invariants that hold between any two calls.
fn check() void {
    std.debug.assert((ready.head == null) == (ready.tail == null));
    const running = current orelse return;
    std.debug.assert(running.state == .ready and running.queue == null);
}

pub fn makeReady(runnable: *Task) void {
    std.debug.assert(runnable.state != .free and runnable.queue == null);
    std.debug.assert(runnable != current);
    runnable.state = .ready;
    runnable.deadline_ns = 0;
    ready.push(runnable);
}

/// The current task waits in `queue`; deadline 0 waits for ever.
pub fn block(queue: *task.Queue, deadline_ns: u64) void {
    const waiting = current.?;
    std.debug.assert(queue != &ready);
    check();
    waiting.state = .blocked;
    waiting.deadline_ns = deadline_ns;
    if (deadline_ns != 0) earliest_ns = @min(earliest_ns, deadline_ns);
    queue.push(waiting);
    current = null;
}

/// Every waiting task tries again, in the order of arrival.
pub fn wakeAll(queue: *task.Queue) void {
    std.debug.assert(queue != &ready); // it would never be empty
    while (queue.pop()) |waiting| {
        std.debug.assert(waiting.state == .blocked);
        makeReady(waiting);
    }
}

/// The current task stays ready but goes to the end of the line.
pub fn yield() void {
    const yielding = current orelse return;
    check();
    current = null;
    makeReady(yielding);
}

/// A timer interrupt: a deadline passed, or the slice is over.
pub fn tick() void {
    const now = timer.now();
    if (now >= earliest_ns) expire(now);
    if (now >= slice_end_ns and ready.head != null) yield();
}

/// Choose the next task, waiting for an interrupt if no task can run, and load its address space.
pub fn next() *Task {
    while (current == null) {
        if (ready.pop()) |chosen| {
            current = chosen;
            slice_end_ns = timer.now() + slice_ns;
        } else idle();
    }
    timer.arm(@min(earliest_ns, if (ready.head != null) slice_end_ns else timer.never));
    check();
    current.?.space.activate();
    return current.?;
}

fn idle() void {
    const earliest = earliestDeadline();
    std.debug.assert(earliest_ns <= earliest);
    earliest_ns = earliest;
    timer.arm(earliest_ns);
    csr.waitForInterrupt();
    const pending = csr.read("sip");
    if (pending & csr.Interrupt.timer != 0) expire(timer.now());
    if (pending & csr.Interrupt.external != 0) irq.dispatch();
}

fn expire(now: u64) void {
    for (&task.all) |*waiting| {
        if (waiting.state != .blocked or waiting.deadline_ns == 0 or waiting.deadline_ns > now) {
            continue;
        }
        waiting.queue.?.remove(waiting);
        makeReady(waiting);
    }
    earliest_ns = earliestDeadline();
}

fn earliestDeadline() u64 {
    var earliest = timer.never;
    for (&task.all) |*waiting| {
        if (waiting.state == .blocked and waiting.deadline_ns != 0) {
            earliest = @min(earliest, waiting.deadline_ns);
        }
    }
    return earliest;
}
