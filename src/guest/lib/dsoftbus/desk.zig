//! Requests of the node's own services. Each waits for a session, travels, and is answered once.
//!
//!     waiting ──sent──▶ travelling ──settle──▶ answered
//!        ▲                  │
//!        └──── forsake ─────┘        expire: answered as failed, from either
//!
//! The desk does not know what a session or a client is: a link is a number to it, and clients
//! belong to its owner.

const std = @import("std");
const Ask = @import("front.zig").Ask;

/// This is more than the services of a node have outstanding at a time.
pub const entries_max = 8;
pub const patience_ns: u64 = 4 * std.time.ns_per_s;
/// The remote side's share of the patience.
const remote_ms_max = 1000;

pub fn Desk(comptime Client: type) type {
    return struct {
        const Self = @This();

        pub const Entry = struct {
            ask: Ask,
            client: Client,
            deadline_ns: u64,
            /// The id under which the request is asked, also when it is repeated. It gets one when
            /// it is first sent, and that is not 0.
            id: u64 = 0,
            /// The link on which it travels; null while it waits.
            sent: ?struct { link: u8, correlation: u64 } = null,

            /// The deadline that travels with the request.
            pub fn remoteMs(self: *const Entry, now_ns: u64) u32 {
                const left_ms = (self.deadline_ns -| now_ns) / std.time.ns_per_ms;
                return @intCast(std.math.clamp(left_ms, 1, remote_ms_max));
            }
        };

        entries: [entries_max]?Entry = @splat(null),

        /// The invariants that hold between any two calls.
        fn check(self: *const Self) void {
            // A response is for one request.
            for (&self.entries, 1..) |*slot, after| {
                const one = if (slot.*) |*entry| entry.sent orelse continue else continue;
                for (self.entries[after..]) |*later| {
                    const other = if (later.*) |*entry| entry.sent orelse continue else continue;
                    std.debug.assert(!std.meta.eql(one, other));
                }
            }
        }

        /// False if there is no room.
        pub fn take(self: *Self, ask: Ask, client: Client, now_ns: u64) bool {
            self.check();
            for (&self.entries) |*slot| {
                if (slot.* != null) continue;
                slot.* = .{ .ask = ask, .client = client, .deadline_ns = now_ns + patience_ns };
                return true;
            }
            return false;
        }

        pub fn isEmpty(self: *const Self) bool {
            for (&self.entries) |*slot| if (slot.* != null) return false;
            return true;
        }

        /// A request that waits for a session with this peer.
        pub fn waiting(self: *Self, peer: u8) ?*Entry {
            for (&self.entries) |*slot| {
                const entry = if (slot.*) |*entry| entry else continue;
                if (entry.sent == null and entry.ask.peer == peer) return entry;
            }
            return null;
        }

        /// Take back a request that cannot be sent.
        pub fn withdraw(self: *Self, waiting_entry: *Entry) Entry {
            const slot = for (&self.entries) |*slot| {
                if (slot.*) |*entry| if (entry == waiting_entry) break slot;
            } else unreachable; // it came from `waiting`
            std.debug.assert(waiting_entry.sent == null);
            defer slot.* = null;
            return waiting_entry.*;
        }

        /// A response came. Null: no call waits for it, or none waits any more.
        pub fn settle(self: *Self, link: u8, correlation: u64) ?Entry {
            self.check();
            for (&self.entries) |*slot| {
                const entry = if (slot.*) |*entry| entry else continue;
                const sent = entry.sent orelse continue;
                if (sent.link != link or sent.correlation != correlation) continue;
                defer slot.* = null;
                return entry.*;
            }
            return null;
        }

        /// The link is gone: what it carried waits again. Every ask may be repeated (`front`).
        pub fn forsake(self: *Self, link: u8) void {
            for (&self.entries) |*slot| {
                const entry = if (slot.*) |*entry| entry else continue;
                const sent = entry.sent orelse continue;
                if (sent.link == link) entry.sent = null;
            }
        }

        /// A request whose patience is over; call this until it returns null.
        pub fn expire(self: *Self, now_ns: u64) ?Entry {
            self.check();
            for (&self.entries) |*slot| {
                const entry = if (slot.*) |*entry| entry else continue;
                if (now_ns < entry.deadline_ns) continue;
                defer slot.* = null;
                return entry.*;
            }
            return null;
        }

        pub fn deadline(self: *const Self) u64 {
            var at: u64 = std.math.maxInt(u64);
            for (&self.entries) |*slot| {
                if (slot.*) |*entry| at = @min(at, entry.deadline_ns);
            }
            return at;
        }
    };
}

const testing = std.testing;
const list: Ask = .{ .op = .bundle_list };

test "an ask waits, travels, and is answered once" {
    var desk: Desk(u32) = .{};
    try testing.expect(desk.take(list, 7, 0));
    desk.waiting(0).?.sent = .{ .link = 1, .correlation = 5 };
    try testing.expect(desk.waiting(0) == null);
    try testing.expect(desk.settle(1, 4) == null);
    try testing.expect(desk.settle(2, 5) == null);
    try testing.expectEqual(@as(u32, 7), desk.settle(1, 5).?.client);
    try testing.expect(desk.settle(1, 5) == null);
    try testing.expectEqual(std.math.maxInt(u64), desk.deadline());
}

test "what a lost link carried travels again, and its late answer has no receiver" {
    var desk: Desk(u32) = .{};
    _ = desk.take(list, 1, 0);
    desk.waiting(0).?.sent = .{ .link = 0, .correlation = 1 };
    _ = desk.take(list, 2, 0);
    desk.waiting(0).?.sent = .{ .link = 3, .correlation = 1 };
    desk.forsake(0);
    const again = desk.waiting(0).?;
    try testing.expectEqual(@as(u32, 1), again.client);
    try testing.expect(desk.settle(0, 1) == null);
    again.sent = .{ .link = 3, .correlation = 2 };
    try testing.expectEqual(@as(u32, 1), desk.settle(3, 2).?.client);
    try testing.expectEqual(@as(u32, 2), desk.settle(3, 1).?.client);
}

test "what waits for one peer does not wait for another" {
    var desk: Desk(u32) = .{};
    _ = desk.take(.{ .op = .bundle_list, .peer = 1 }, 1, 0);
    try testing.expect(desk.waiting(0) == null);
    try testing.expectEqual(@as(u32, 1), desk.waiting(1).?.client);
    _ = desk.take(list, 2, 0);
    try testing.expectEqual(@as(u32, 2), desk.waiting(0).?.client);
}

test "what cannot be sent is taken back" {
    var desk: Desk(u32) = .{};
    _ = desk.take(list, 1, 0);
    _ = desk.take(list, 2, 0);
    try testing.expectEqual(@as(u32, 1), desk.withdraw(desk.waiting(0).?).client);
    try testing.expectEqual(@as(u32, 2), desk.waiting(0).?.client);
}

test "patience ends for what waits and for what travels" {
    var desk: Desk(u32) = .{};
    _ = desk.take(list, 1, 10);
    desk.waiting(0).?.sent = .{ .link = 0, .correlation = 1 };
    _ = desk.take(list, 2, 20);
    try testing.expectEqual(10 + patience_ns, desk.deadline());
    try testing.expect(desk.expire(9 + patience_ns) == null);
    try testing.expectEqual(@as(u32, 1), desk.expire(10 + patience_ns).?.client);
    try testing.expect(desk.expire(10 + patience_ns) == null);
    try testing.expectEqual(@as(u32, 2), desk.expire(20 + patience_ns).?.client);
}

test "a full desk takes nothing more" {
    var desk: Desk(u32) = .{};
    for (0..entries_max) |_| try testing.expect(desk.take(list, 0, 0));
    try testing.expect(!desk.take(list, 0, 0));
}

test "the remote deadline is what is left, within its bounds" {
    var desk: Desk(u32) = .{};
    _ = desk.take(list, 0, 0);
    const entry = desk.waiting(0).?;
    try testing.expectEqual(@as(u32, 1000), entry.remoteMs(0));
    try testing.expectEqual(@as(u32, 500), entry.remoteMs(patience_ns - 500 * std.time.ns_per_ms));
    try testing.expectEqual(@as(u32, 1), entry.remoteMs(patience_ns + 1));
}
