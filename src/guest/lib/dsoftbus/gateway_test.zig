//! The gateway's policy: the whole matrix of a small configuration, and the order of the checks.

const std = @import("std");
const frames = @import("frames.zig");
const gateway = @import("gateway.zig");
const rate = @import("rate.zig");
const Rule = gateway.Rule;

const rules = [_]Rule{
    .{ .peer = 0, .service = 1, .opcode = 6 },
    .{ .peer = 0, .service = 2, .opcode = 1 },
    .{ .peer = 1, .service = 4, .opcode = 2 },
};

fn open() rate.Bucket {
    return rate.Bucket.init(.{ .burst = 65535, .per_second = 1 }, 0);
}

fn frameOf(out: *[274]u8, service: u8, payload: []const u8) []const u8 {
    return frames.encodeRequest(
        out,
        .{ .service = service, .correlation = 1, .deadline_ms = 300, .payload = payload },
    ) catch unreachable;
}

fn expectDeny(want: gateway.Reason, decision: gateway.Decision) !void {
    try std.testing.expectEqual(want, decision.deny);
}

test "only what a rule names is forwarded: every peer, service and opcode" {
    var bucket = open();
    var out: [274]u8 = undefined;
    for (0..3) |peer| for (0..6) |service_id| for (0..256) |opcode| {
        const known = gateway.serviceOf(@intCast(service_id));
        var payload = [_]u8{ 'S', 'M', 1, @intCast(opcode), 1, 'x' };
        if (known) |service| payload[0..2].* = service.magic.*;
        const frame = frameOf(&out, @intCast(service_id), &payload);
        const allowed = for (rules) |rule| {
            const same_call = rule.service == service_id and rule.opcode == opcode;
            if (rule.peer == peer and same_call) break true;
        } else false;
        switch (gateway.decide(@intCast(peer), .ofFrame(frame), &rules, &bucket, 0)) {
            .forward => |accepted| {
                try std.testing.expect(allowed);
                try std.testing.expectEqual(service_id, accepted.service.id);
                try std.testing.expectEqualSlices(u8, &payload, accepted.request.payload);
            },
            .deny => |reason| {
                try std.testing.expect(!allowed);
                try std.testing.expectEqual(gateway.Reason.service, reason);
            },
        }
        try expectDeny(.service, gateway.decide(@intCast(peer), .ofFrame(frame), &.{}, &bucket, 0));
    };
}

test "an append to the log is refused whatever the rules say, and the rest of it is not" {
    var bucket = open();
    var out: [274]u8 = undefined;
    for (0..256) |opcode| {
        const rule: Rule = .{ .peer = 0, .service = 5, .opcode = @intCast(opcode) };
        const payload = [_]u8{ 'L', 'O', 1, @intCast(opcode) };
        const frame = frameOf(&out, 5, &payload);
        const decision = gateway.decide(0, .ofFrame(frame), &.{rule}, &bucket, 0);
        if (opcode == 1) {
            try expectDeny(.service, decision);
        } else try std.testing.expectEqualStrings("logd", decision.forward.service.name);
    }
}

test "what must not be run twice" {
    const changes = [_]struct { u8, []const u8 }{
        .{ 1, "SM\x01\x01" }, .{ 4, "SF\x01\x01" }, .{ 4, "SF\x02\x03" },
        // What is unknown is taken for one.
        .{ 4, "SF\x03\x02" }, .{ 2, "SF\x01\x01" }, .{ 4, "SF\x01" },
    };
    for (changes) |row| {
        try std.testing.expect(gateway.isChange(gateway.serviceOf(row[0]).?, row[1]));
    }
    const others = [_]struct { u8, []const u8 }{
        .{ 1, "SM\x01\x06" }, .{ 2, "BN\x01\x01" }, .{ 3, "PK\x01\x02" },
        .{ 4, "SF\x01\x02" }, .{ 4, "SF\x02\x05" }, .{ 5, "LO\x02\x02" },
    };
    for (others) |row| {
        try std.testing.expect(!gateway.isChange(gateway.serviceOf(row[0]).?, row[1]));
    }
}

test "a permitted opcode under another magic or version is refused" {
    var bucket = open();
    var out: [274]u8 = undefined;
    for ([_][]const u8{
        "",           "SM",         "SM\x01",     "BN\x01\x06",
        "SM\x00\x06", "SM\x02\x06", "sm\x01\x06",
    }) |payload| {
        const frame = frameOf(&out, 1, payload);
        try expectDeny(.service, gateway.decide(0, .ofFrame(frame), &rules, &bucket, 0));
    }
    const both = [_]Rule{.{ .peer = 0, .service = 4, .opcode = 2 }};
    for (1..3) |version| {
        const payload = [_]u8{ 'S', 'F', @intCast(version), 2 };
        const decision = gateway.decide(0, .ofFrame(frameOf(&out, 4, &payload)), &both, &bucket, 0);
        try std.testing.expect(decision == .forward);
    }
}

test "reasons come in the order of the contract" {
    var out: [274]u8 = undefined;
    var empty = rate.Bucket.init(.{ .burst = 0, .per_second = 0 }, 0);
    // A frame that is wrong in every respect has the first reason; mended one by one, the next.
    var oversized: [frames.request_head + 257]u8 = @splat(0);
    oversized[0] = 1;
    oversized[1] = 9;
    try expectDeny(.unauthenticated, gateway.decide(null, .ofFrame(&oversized), &.{}, &empty, 0));
    try expectDeny(.malformed, gateway.decide(0, .ofFrame(&oversized), &.{}, &empty, 0));
    std.mem.writeInt(u16, oversized[2..4], 257, .little);
    std.mem.writeInt(u32, oversized[12..16], 300, .little);
    try expectDeny(.oversized, gateway.decide(0, .ofFrame(&oversized), &.{}, &empty, 0));
    const unknown = frameOf(&out, 9, "SM\x01\x06");
    try expectDeny(.rate, gateway.decide(0, .ofFrame(unknown), &.{}, &empty, 0));
    var bucket = open();
    try expectDeny(.service, gateway.decide(0, .ofFrame(unknown), &.{}, &bucket, 0));
}

test "each request costs a token, whatever comes of it; a reason does not depend on tokens left" {
    var out: [frames.request_head + frames.request_payload_max]u8 = undefined;
    const frame = frameOf(&out, 1, "SM\x01\x06\x01x");
    var bucket = rate.Bucket.init(.{ .burst = 2, .per_second = 0 }, 0);
    try expectDeny(.unauthenticated, gateway.decide(null, .ofFrame(frame), &rules, &bucket, 0));
    try expectDeny(.malformed, gateway.decide(0, .ofFrame(frame[0..17]), &rules, &bucket, 0));
    try std.testing.expect(gateway.decide(0, .ofFrame(frame), &rules, &bucket, 0) == .forward);
    try expectDeny(.rate, gateway.decide(0, .ofFrame(frame), &rules, &bucket, 0));
    try expectDeny(.malformed, gateway.decide(0, .ofFrame(frame[0..17]), &rules, &bucket, 0));
}

test "the largest payload passes, one byte more does not" {
    var bucket = open();
    var out: [274]u8 = undefined;
    var payload: [256]u8 = @splat('x');
    payload[0..4].* = "SM\x01\x06".*;
    try std.testing.expect(
        gateway.decide(0, .ofFrame(frameOf(&out, 1, &payload)), &rules, &bucket, 0) == .forward,
    );
}

test "what a refusal was about" {
    var out: [274]u8 = undefined;
    const subject = gateway.Subject.of(frameOf(&out, 1, "SM\x01\x01"));
    try std.testing.expectEqualStrings("samgrd", subject.serviceName());
    try std.testing.expectEqual(@as(?u8, 1), subject.opcode);
    try std.testing.expectEqualStrings("unknown", gateway.Subject.of("\x01").serviceName());
    try std.testing.expectEqualStrings(
        "unknown",
        gateway.Subject.of(frameOf(&out, 77, "")).serviceName(),
    );
    for ([_][]const u8{ "", "SM\x01", "SM\x01\x06", "SM\x01\x06\x01" }) |payload| {
        const frame = frameOf(&out, 1, payload);
        const opcode: ?u8 = if (payload.len < 4) null else 6;
        const known: gateway.Subject = .{ .service = 1, .opcode = opcode };
        try std.testing.expectEqual(known, gateway.Subject.of(frame));
        const cut = gateway.Subject.of(frame[0 .. frames.request_head - 1]);
        try std.testing.expectEqual(gateway.Subject{}, cut);
    }
}
