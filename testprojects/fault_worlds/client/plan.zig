//! What the node configuration asks of the workload client: its peer, and its requests, step by
//! step. Pure: bytes in, values or a named refusal out.

const std = @import("std");
const records = @import("os").records;

pub const steps_max = 64;
const peer_bytes_max = 64;

pub const Op = enum(u8) {
    put = 1,
    get = 2,
    delete = 3,
    sync = 4,
    resolve = 5,
    query = 6,
    /// A package file: asked about, opened, read, closed.
    package = 7,
    /// This node's log is read and printed.
    audit = 8,
    /// What the other node has to refuse.
    abuse = 9,
    /// All of it once more, until it works: the network is well by now.
    alive = 10,
    /// As many files as a session may have open, and the one that makes room for another.
    handles = 11,
};

pub const Step = struct {
    op: Op,
    /// Which key of the state, or which abuse.
    key: u8,
    /// Not before this instant of the node's clock, in milliseconds.
    at_ms: u32,
    /// How often it is tried.
    tries: u8,
};

pub const Plan = struct {
    /// Device id of the node that is asked; borrowed from the section.
    peer: []const u8 = "",
    steps: [steps_max]Step = undefined,
    count: usize = 0,

    pub fn list(self: *const Plan) []const Step {
        return self.steps[0..self.count];
    }
};

const tag_peer = 1;
const tag_step = 2;
const step_bytes = 7;

pub fn parse(section: []const u8) error{ Malformed, UnknownTag, TooMany }!Plan {
    var plan: Plan = .{};
    var each = records.iterate(section);
    while (try each.next()) |record| switch (record.tag) {
        tag_peer => {
            if (record.value.len == 0 or record.value.len > peer_bytes_max) return error.Malformed;
            plan.peer = record.value;
        },
        tag_step => {
            if (plan.count == steps_max) return error.TooMany;
            plan.steps[plan.count] = try parseStep(record.value);
            plan.count += 1;
        },
        else => return error.UnknownTag,
    };
    return plan;
}

/// op u8, key u8, tries u8, at_ms u32.
fn parseStep(bytes: []const u8) error{Malformed}!Step {
    if (bytes.len != step_bytes or bytes[2] == 0) return error.Malformed;
    return .{
        .op = std.enums.fromInt(Op, bytes[0]) orelse return error.Malformed,
        .key = bytes[1],
        .tries = bytes[2],
        .at_ms = std.mem.readInt(u32, bytes[3..7], .little),
    };
}

const testing = std.testing;

test "a peer and steps are read" {
    const peer = "\x01\x00\x06\x00node-b";
    const plan = try parse(peer ++ "\x02\x00\x07\x00\x01\x03\x02\xe8\x03\x00\x00");
    try testing.expectEqualStrings("node-b", plan.peer);
    try testing.expectEqual(@as(usize, 1), plan.list().len);
    const step: Step = .{ .op = .put, .key = 3, .at_ms = 1000, .tries = 2 };
    try testing.expectEqual(step, plan.list()[0]);
}

test "what is not a plan" {
    try testing.expectError(error.UnknownTag, parse("\x03\x00\x00\x00"));
    try testing.expectError(error.Malformed, parse("\x01\x00\x00\x00"));
    try testing.expectError(error.Malformed, parse("\x02\x00\x01\x00\x01"));
    try testing.expectError(error.Malformed, parse("\x02\x00\x07\x00\x0c\x00\x01\x00\x00\x00\x00"));
    try testing.expectError(error.Malformed, parse("\x02\x00\x07\x00\x01\x00\x00\x00\x00\x00\x00"));
    const step = "\x02\x00\x07\x00\x01\x00\x01\x00\x00\x00\x00";
    try testing.expectError(error.TooMany, parse(step ** (steps_max + 1)));
}
