//! Places of calls: nothing of the last one is left in the next, tickets come round, and each
//! question finds its own call among others that are nearly so.

const std = @import("std");
const testing = std.testing;
const edge = @import("edge.zig");
const calls_file = @import("calls.zig");
const Call = calls_file.Call;
const Calls = calls_file.Calls;

var calls: Calls = undefined;

/// Whose they are, and what their lengths say is not in use.
const kept = [_][]const u8{ "is_used", "peer", "service", "request", "answer", "status" };

fn isKept(comptime name: []const u8) bool {
    for (kept) |each| if (std.mem.eql(u8, each, name)) return true;
    return false;
}

/// A value of this type that is not the default.
fn otherThan(comptime Value: type, default: Value) Value {
    return switch (@typeInfo(Value)) {
        .bool => !default,
        .int => default ^ 1,
        .@"enum" => for (std.enums.values(Value)) |value| {
            if (value != default) break value;
        } else unreachable,
        .optional => |info| @as(info.child, switch (info.child) {
            calls_file.Outcome => .{ .remote = true },
            u64 => 7,
            else => @splat(7), // a digest
        }),
        else => .{ .service = 7, .opcode = 7 }, // the subject
    };
}

test "a place that is taken again has nothing of the call before it" {
    calls = .{};
    const first = calls.take(1, 4).?;
    const default: Call = .{};
    inline for (@typeInfo(Call).@"struct".fields) |field| {
        if (comptime isKept(field.name)) continue;
        const value = @field(default, field.name);
        @field(first, field.name) = otherThan(field.type, value);
    }
    first.is_used = false;
    const second = calls.take(2, 5).?;
    try testing.expectEqual(first, second);
    inline for (@typeInfo(Call).@"struct".fields) |field| {
        if (comptime isKept(field.name)) continue;
        errdefer std.debug.print("{s}\n", .{field.name});
        try testing.expectEqual(@field(default, field.name), @field(second, field.name));
    }
    try testing.expect(second.is_used);
    try testing.expectEqual(2, second.peer);
    try testing.expectEqual(5, second.service);
    try testing.expectEqual(0, second.asked().len);
    try testing.expectEqual(0, second.key().len);
    try testing.expectEqual(0, second.response().payload.len);
}

test "a call is over when no peer waits, nothing is asked and no record is owed" {
    calls = .{};
    const call = calls.take(0, 4).?;
    try testing.expect(call.isOver());
    call.ticket = 1;
    try testing.expect(!call.isOver());
    call.ticket = 0;
    call.serial = 1;
    try testing.expect(!call.isOver());
    call.serial = 0;
    call.owes_record = true;
    try testing.expect(!call.isOver());
    calls.release(call);
    try testing.expect(call.is_used);
    call.owes_record = false;
    calls.release(call);
    try testing.expect(!call.is_used);
}

test "tickets count up, come round at their last one, and skip what is waited for" {
    calls = .{};
    try testing.expectEqual(1, calls.nextTicket());
    try testing.expectEqual(2, calls.nextTicket());
    const call = calls.take(0, 4).?;
    call.ticket = 4;
    try testing.expectEqual(3, calls.nextTicket());
    try testing.expectEqual(5, calls.nextTicket());
    calls.last_ticket = 0xFE00 - 1;
    try testing.expectEqual(0xFE00, calls.nextTicket());
    try testing.expectEqual(1, calls.nextTicket());
    calls.last_ticket = 0xFE00;
    call.ticket = 1;
    try testing.expectEqual(2, calls.nextTicket());
    // One that is over holds no number.
    calls.last_ticket = 0xFE00;
    call.is_used = false;
    try testing.expectEqual(1, calls.nextTicket());
}

test "an answer finds the call of its service and ticket, and 0 is none" {
    calls = .{};
    const first = calls.take(0, 4).?;
    first.ticket = 7;
    const second = calls.take(1, 5).?;
    second.ticket = 8;
    const waiting = calls.take(1, 4).?; // has not been asked
    try testing.expectEqual(first, calls.ofTicket(4, 7).?);
    try testing.expectEqual(second, calls.ofTicket(5, 8).?);
    for ([_][2]u16{ .{ 4, 8 }, .{ 5, 7 }, .{ 4, 9 }, .{ 4, 0 }, .{ 5, 0 } }) |other| {
        try testing.expectEqual(null, calls.ofTicket(@intCast(other[0]), other[1]));
    }
    first.is_used = false;
    try testing.expectEqual(null, calls.ofTicket(4, 7));
    try testing.expectEqual(0, waiting.ticket);
}

test "a call is running while the store owes an answer to it, under its name and its peer's" {
    calls = .{};
    const call = calls.take(1, 4).?;
    call.digest = @splat(1);
    call.ticket = 7;
    call.correlation = 9;
    try testing.expectEqual(call, calls.running(1, 9).?);
    try testing.expectEqual(null, calls.running(2, 9));
    try testing.expectEqual(null, calls.running(1, 8));
    call.ticket = 0;
    try testing.expectEqual(null, calls.running(1, 9));
    call.ticket = 7;
    call.digest = null;
    try testing.expectEqual(null, calls.running(1, 9));
    call.digest = @splat(1);
    call.is_used = false;
    try testing.expectEqual(null, calls.running(1, 9));
}

test "a session waits for its own answers, and for none of a transfer" {
    calls = .{};
    const call = calls.take(1, 4).?;
    call.serial = 3;
    call.ticket = 7;
    const transfer = calls.take(1, 4).?;
    transfer.kind = .transfer;
    transfer.serial = 5;
    try testing.expect(calls.waits(3));
    try testing.expect(!calls.waits(4));
    try testing.expect(!calls.waits(5));
    // Two sessions end: of one call only the answer is owed no more, of the other nothing is left.
    calls.forsake(3);
    try testing.expect(!calls.waits(3));
    try testing.expect(call.is_used);
    calls.forsake(5);
    try testing.expect(!transfer.is_used);
    call.ticket = 0;
    calls.release(call);
    try testing.expect(!call.is_used);
    try testing.expect(!calls.waits(0));
}

test "the first deadline is that of a call which owes something; a late one has another" {
    calls = .{};
    try testing.expectEqual(edge.never, calls.deadline());
    const first = calls.take(1, 4).?;
    first.ticket = 7;
    first.deadline_ns = 100;
    first.give_up_ns = 300;
    const second = calls.take(1, 5).?;
    second.deadline_ns = 50; // It has not been asked.
    try testing.expectEqual(100, calls.deadline());
    try testing.expectEqual(null, calls.expired(99));
    try testing.expectEqual(first, calls.expired(100).?);
    first.is_late = true;
    try testing.expectEqual(300, calls.deadline());
    try testing.expectEqual(null, calls.expired(299));
    try testing.expectEqual(first, calls.expired(300).?);
    // Two that expire together come one by one.
    second.ticket = 8;
    second.deadline_ns = 300;
    try testing.expectEqual(first, calls.expired(300).?);
    first.ticket = 0;
    try testing.expectEqual(second, calls.expired(300).?);
    second.is_used = false;
    try testing.expectEqual(null, calls.expired(300));
    try testing.expectEqual(edge.never, calls.deadline());
}

test "a peer has three calls, two of them at one service; a service has six" {
    calls = .{};
    try testing.expect(calls.hasRoom(0, null));
    _ = calls.take(0, 1).?;
    _ = calls.take(0, 2).?;
    try testing.expect(calls.hasRoom(0, null) and calls.hasRoom(0, 1));
    _ = calls.take(0, 3).?;
    try testing.expect(!calls.hasRoom(0, null) and !calls.hasRoom(0, 4));
    try testing.expect(calls.hasRoom(1, null) and calls.hasRoom(1, 1));
    for (0..2) |_| _ = calls.take(1, 1).?;
    try testing.expect(calls.hasRoom(1, null) and !calls.hasRoom(1, 1) and calls.hasRoom(1, 2));
    for (0..3) |peer| _ = calls.take(@intCast(2 + peer), 1).?;
    try testing.expectEqual(6, calls.count(null, 1));
    try testing.expectEqual(null, calls.take(7, 1));
    try testing.expectEqual(8, calls.used().len);
    try testing.expectEqual(2, calls.count(1, null));
    // A place in the middle is used again before one at the end.
    calls.all[2].is_used = false;
    try testing.expectEqual(&calls.all[2], calls.take(5, 2).?);
    for (&calls.all) |*call| call.is_used = false;
    try testing.expectEqual(0, calls.used().len);
}

test "as many calls as all peers may have, and not one more" {
    calls = .{};
    var taken: usize = 0;
    while (calls.take(@intCast(taken / 3), @intCast(taken))) |_| taken += 1;
    try testing.expectEqual(calls_file.calls_max, taken);
    try testing.expectEqual(taken, calls.used().len);
}
