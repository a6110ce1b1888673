//! The attacker: tries, one after the other, what a stranger and what an enrolled but untrusted
//! peer could try on a node, and says of each attempt what it saw of its refusal.
//!
//! A line `ATTACK: <name> refused` is printed only if the refusal was observed here (the connection
//! was closed, the request was answered with status refused). `SUCCEEDED` means that the attack
//! did, `BROKEN` that it could not be carried out.

const std = @import("std");
const os = @import("os");
const svc = @import("svc");
const self = @import("self.zig");
const air = @import("air.zig");
const crowd = @import("crowd.zig");
const stranger = @import("stranger.zig");
const enrolled = @import("enrolled.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const Verdict = @import("verdict.zig").Verdict;
const Attack = struct { name: []const u8, run: *const fn () anyerror!Verdict };

/// Between two attacks: logd takes 24 records a second of one sender, and each attack makes two.
const pause_ns: u64 = 200 * std.time.ns_per_ms;

/// In this order: what a stranger may try, what needs an enrolled key, and what lives by number.
const attacks = [_]Attack{
    .{ .name = "forged-announce", .run = stranger.forgeAnnounce },
    .{ .name = "unknown-key", .run = stranger.useUnknownKey },
    .{ .name = "garbage-first", .run = stranger.sendGarbage },
    .{ .name = "data-before-auth", .run = stranger.sendEarlyData },
    .{ .name = "replay", .run = enrolled.replay },
    .{ .name = "oversized-message", .run = enrolled.sendOversizedMessage },
    .{ .name = "oversized-request", .run = enrolled.sendOversizedRequest },
    .{ .name = "malformed-request", .run = enrolled.sendMalformedRequest },
    .{ .name = "service-off-allowlist", .run = enrolled.callOtherService },
    .{ .name = "unknown-service", .run = enrolled.callUnknownService },
    .{ .name = "opcode-off-allowlist", .run = enrolled.registerName },
    .{ .name = "unknown-stream", .run = enrolled.useUnknownStream },
    .{ .name = "credit-overdraft", .run = enrolled.overdrawCredit },
    .{ .name = "duplicate-stream", .run = enrolled.duplicateName },
    .{ .name = "direct-request", .run = enrolled.callDirectly },
    .{ .name = "flood", .run = enrolled.flood },
    .{ .name = "redirect", .run = crowd.redirect },
    .{ .name = "slots", .run = crowd.holdSlots },
    .{ .name = "log-flood", .run = crowd.floodLog },
};

pub fn main() !void {
    try self.load();
    try air.open();
    svc.ready();
    try air.awaitTarget();
    os.print("ATTACK: target heard", .{});
    try air.awaitWitness();
    os.print("ATTACK: honest session seen", .{});
    for (attacks) |attack| {
        if (attack.run()) |verdict| {
            os.print("ATTACK: {s} {t}", .{ attack.name, verdict });
        } else |err| os.print("ATTACK: {s} BROKEN: {s}", .{ attack.name, @errorName(err) });
        try self.rest(pause_ns);
    }
    os.print("ATTACK: end", .{});
    try air.tellWitnesses();
}
