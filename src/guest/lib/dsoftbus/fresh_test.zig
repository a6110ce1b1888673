//! What places hold before anything has used them: nothing, except for what is named here.

const std = @import("std");
const testing = std.testing;
const calls = @import("node/calls.zig");
const config = @import("config.zig");
const denials = @import("node/denials.zig");
const gateway = @import("gateway.zig");
const loss = @import("loss.zig");
const strangers = @import("node/strangers.zig");
const talk = @import("node/talk.zig");
const transactions = @import("node/transactions.zig");

const never = std.math.maxInt(u64);
const ms = std.time.ns_per_ms;

/// Every number is 0, every flag down, and nothing is there, except for these fields.
fn expectNothing(comptime T: type, comptime but: []const []const u8) !void {
    const value: T = .{};
    inline for (@typeInfo(T).@"struct".fields) |field| {
        const is_other = comptime for (but) |name| {
            if (std.mem.eql(u8, name, field.name)) break true;
        } else false;
        if (is_other) continue;
        errdefer std.debug.print("{s}\n", .{field.name});
        const found = @field(value, field.name);
        switch (@typeInfo(field.type)) {
            .int => try testing.expectEqual(0, found),
            .bool => try testing.expect(!found),
            .optional => try testing.expect(found == null),
            else => {},
        }
    }
}

test "a place of a call waits for nothing and owes nothing" {
    try expectNothing(calls.Call, &.{ "deadline_ns", "give_up_ns" });
    const call: calls.Call = .{};
    try testing.expectEqual(never, call.deadline_ns);
    try testing.expectEqual(never, call.give_up_ns);
    try testing.expectEqual(.plain, call.kind);
    try testing.expectEqual(.frames, call.encoding);
    try testing.expectEqual(.sync, call.op);
    try testing.expectEqual(.ok, call.status);
    try expectNothing(calls.Calls, &.{});
    try testing.expectEqual(24, (calls.Calls{}).all.len);
    try expectNothing(gateway.Subject, &.{});
    try expectNothing(gateway.Asked, &.{});
}

test "without a section there are no peers, no rights, and the times of the specification" {
    try expectNothing(config.Config, &.{ "announce_ns", "ttl_ns" });
    const none: config.Config = .{};
    try testing.expectEqual(250 * ms, none.announce_ns);
    try testing.expectEqual(1500 * ms, none.ttl_ns);
    try testing.expectEqual(0, none.limit.burst + none.limit.per_second);
    try testing.expectEqual(.frames, none.rpc);
    try testing.expect(std.mem.allEqual(u8, &none.secret, 0));
    try testing.expectEqual(0, none.id.len);
}

test "nothing was refused, denied or lost yet" {
    try expectNothing(strangers.Strangers, &.{"until_ns"});
    try testing.expectEqual(never, (strangers.Strangers{}).until_ns);
    const source: strangers.Source = .{ .ip = null };
    try testing.expectEqual(0, source.records);
    for (source.counts) |count| try testing.expectEqual(0, count);
    try expectNothing(denials.Denials, &.{"until_ns"});
    try testing.expectEqual(never, (denials.Denials{}).until_ns);
    try testing.expectEqual(0, (loss.Loss{}).count);
    try testing.expectEqual(never, (loss.Loss{}).deadline());
}

test "no transaction is open, and no value is on its way" {
    try expectNothing(transactions.Open, &.{});
    try testing.expectEqual(.none, (transactions.Open{}).stage);
    try expectNothing(talk.Moving, &.{});
    try testing.expectEqual(.idle, (talk.Moving{}).machine.stage);
    try testing.expectEqual(.none, (talk.Moving{}).machine.asked);
}
