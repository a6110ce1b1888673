//! Endpoints: bounded queues of messages with the tasks that wait for them. An endpoint lives as
//! long as a task can receive from it; then its messages are dropped and every sender learns
//! EPIPE.
//!
//! How IPC works:
//!
//!     send ── room? ──▶ message from the pool, payload copied in ──▶ post ──▶ wake receivers
//!       └── full ──▶ block in waiting_senders; the woken task repeats the whole call
//!     receive ── pop ──▶ payload copied out, capability moved in ──▶ wake senders
//!       └── empty ──▶ block in waiting_receivers; likewise
//!
//! - A message belongs to exactly one of: a system call that makes or takes it, a queue, the pool.
//! - Three counts say what tasks can still do. `receivers` at 0 ends the endpoint. `senders` at 0
//!   wakes the tasks that wait for messages in vain. `references` at 0 frees the place.
//! - Every waiting task is woken, and they race in the order of arrival. The kernel hands nothing
//!   from task to task, so a woken task that dies takes nothing with it.

const std = @import("std");
const abi = @import("abi");
const messages = @import("messages.zig");
const sched = @import("sched.zig");
const task = @import("task.zig");

/// init makes two a service and one for itself.
const endpoints_max = 96;

pub const Endpoint = struct {
    depth: u32,
    queued: u32,
    first: ?*messages.Message,
    last: ?*messages.Message,
    /// Capabilities with the right to receive, to send, and of any kind.
    receivers: u32,
    senders: u32,
    references: u32,
    waiting_receivers: task.Queue,
    waiting_senders: task.Queue,

    pub fn retain(self: *Endpoint, rights: u32) void {
        self.references += 1;
        if (rights & abi.Right.recv != 0) self.receivers += 1;
        if (rights & abi.Right.send != 0) self.senders += 1;
        self.check();
    }

    pub fn release(self: *Endpoint, rights: u32) void {
        if (rights & abi.Right.recv != 0) {
            self.receivers -= 1;
            if (self.receivers == 0) self.die();
        }
        if (rights & abi.Right.send != 0) {
            self.senders -= 1;
            if (self.senders == 0) sched.wakeAll(&self.waiting_receivers);
        }
        self.references -= 1;
        self.check();
    }

    /// The invariants that hold between any two calls.
    fn check(self: *const Endpoint) void {
        std.debug.assert(self.receivers <= self.references);
        std.debug.assert(self.senders <= self.references);
        std.debug.assert((self.first == null) == (self.queued == 0));
        std.debug.assert((self.first == null) == (self.last == null));
        if (self.receivers == 0) std.debug.assert(self.waiting_receivers.head == null);
        if (self.references != 0) return;
        // Another endpoint will get its place, so no message and no task may point there.
        std.debug.assert(self.queued == 0);
        std.debug.assert(self.waiting_receivers.head == null and self.waiting_senders.head == null);
    }

    /// No task can receive any more. Dropping a queued capability may end further endpoints: each
    /// loses its messages once, so this ends.
    fn die(self: *Endpoint) void {
        sched.wakeAll(&self.waiting_senders);
        while (self.pop()) |message| message.free();
    }

    pub fn isDead(self: *const Endpoint) bool {
        return self.receivers == 0;
    }

    pub fn isFull(self: *const Endpoint) bool {
        return self.queued >= self.depth;
    }

    /// Append and wake a receiver. The kernel's own messages may exceed the depth: they are bounded
    /// by the number of tasks and of interrupt lines, and must not be lost.
    pub fn post(self: *Endpoint, message: *messages.Message) void {
        std.debug.assert(message != self.last);
        message.next = null;
        if (self.last) |last| last.next = message else self.first = message;
        self.last = message;
        self.queued += 1;
        self.check();
        sched.wakeAll(&self.waiting_receivers);
    }

    /// Take the first message and let senders try again.
    pub fn pop(self: *Endpoint) ?*messages.Message {
        const message = self.first orelse return null;
        self.first = message.next;
        if (self.first == null) self.last = null;
        self.queued -= 1;
        self.check();
        sched.wakeAll(&self.waiting_senders);
        return message;
    }
};

var table: [endpoints_max]Endpoint = undefined;
var used: usize = 0;

/// A new endpoint without any capability to it: the caller makes the first one.
pub fn create(depth: u32) error{NoMemory}!*Endpoint {
    std.debug.assert(depth >= 1 and depth <= abi.endpoint_depth_max);
    const endpoint = for (table[0..used]) |*candidate| {
        if (candidate.references == 0) break candidate;
    } else blk: {
        if (used == endpoints_max) return error.NoMemory;
        used += 1;
        break :blk &table[used - 1];
    };
    endpoint.* = .{
        .depth = depth,
        .queued = 0,
        .first = null,
        .last = null,
        .receivers = 0,
        .senders = 0,
        .references = 0,
        .waiting_receivers = .{},
        .waiting_senders = .{},
    };
    return endpoint;
}
