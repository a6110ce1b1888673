//! Calls as messages, byte by byte: `rpc_cases.json` holds the cases, and the host's tests read the
//! same ones. What is written, what it stands for, and what is said of bytes that are not a call.

const std = @import("std");
const audit = @import("audit.zig");
const frames = @import("frames.zig");
const gateway = @import("gateway.zig");
const mux_frames = @import("mux_frames.zig");
const rate = @import("rate.zig");
const rpc = @import("rpc.zig");
const contract = @import("contract");
const Id = @import("id.zig").Id;
const testing = std.testing;

const Cases = struct {
    about: []const []const u8,
    negotiation: []const struct { name: []const u8, frame: []const u8 },
    heads: []const struct { name: []const u8, head: []const u8, verdict: []const u8 },
    methods: []const Method,
    refusals: []const struct {
        status: []const u8,
        number: u8,
        correlation: u64,
        answer: []const u8,
    },
    calls: []const Call,
    answers: []const struct {
        name: []const u8,
        message: []const u8,
        correlation: u64,
        verdict: []const u8,
        status: i16,
    },
};

const Method = struct {
    name: []const u8,
    service: u8,
    method: u16,
    op: u8,
    epoch: u32,
    correlation: u64,
    deadline_ms: u32,
    call: []const u8,
    request: []const u8,
    reply: []const u8,
    answer: []const u8,

    fn id(self: Method) u64 {
        return @as(u64, self.epoch) << 32 | self.correlation;
    }
};

const Call = struct {
    name: []const u8,
    message: []const u8,
    verdict: []const u8,
    service: i16,
    op: i16,
    correlation: u64,
    request: []const u8,
    record: []const u8,
};

const bytes_max = 4096;

/// Bytes of a case.
const Hex = struct {
    bytes: [bytes_max]u8 = undefined,

    fn of(self: *Hex, text: []const u8) ![]u8 {
        return std.fmt.hexToBytes(&self.bytes, text);
    }
};

fn load() !std.json.Parsed(Cases) {
    const text = @embedFile("rpc_cases.json");
    return std.json.parseFromSlice(Cases, testing.allocator, text, .{});
}

fn say(name: []const u8) void {
    std.debug.print("case: {s}\n", .{name});
}

test "the streams' frames that offer, take and decline" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    for (cases.value.negotiation) |case| {
        errdefer say(case.name);
        const frame = try mux_frames.decode(try hex.of(case.frame));
        switch (frame) {
            .open => |open| {
                try testing.expectEqualStrings(rpc.stream_name, open.name);
                try testing.expectEqual(0, open.priority);
            },
            .open_ack => {},
            .reset => |what| {
                try testing.expectEqual(contract.mux.ResetReason.unknown_stream, what.reason);
            },
            else => return error.AnotherFrame,
        }
    }
}

test "how long a message is, by its head" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    for (cases.value.heads) |case| {
        errdefer say(case.name);
        const head = try hex.of(case.head);
        for (0..head.len) |len| try testing.expectEqual(null, try rpc.lengthOf(head[0..len]));
        if (rpc.lengthOf(head)) |length| {
            try testing.expectEqual(try std.fmt.parseInt(usize, case.verdict, 10), length.?);
        } else |err| switch (err) {
            error.Malformed => try testing.expectEqualStrings("malformed", case.verdict),
            error.Oversized => try testing.expectEqualStrings("oversized", case.verdict),
        }
    }
}

test "each method, as a call and an answer, and as the frames they stand for: both ways" {
    const cases = try load();
    defer cases.deinit();
    var wanted: Hex = .{};
    var given: Hex = .{};
    for (cases.value.methods) |case| {
        errdefer say(case.name);
        const request = try given.of(case.request);
        var message: [rpc.message_bytes_max]u8 = undefined;
        const call = rpc.call(.{
            .service = case.service,
            .correlation = case.id(),
            .deadline_ms = case.deadline_ms,
            .payload = request,
        }, &message).?;
        try testing.expectEqualSlices(u8, try wanted.of(case.call), call);
        var payload: [frames.request_payload_max]u8 = undefined;
        const asked = rpc.asked(call, &payload);
        try testing.expectEqual(case.id(), asked.request.?.correlation);
        try testing.expectEqual(case.correlation, asked.correlation);
        try testing.expectEqual(case.deadline_ms, asked.request.?.deadline_ms);
        try testing.expectEqual(case.service, asked.request.?.service);
        try testing.expectEqualSlices(u8, request, asked.request.?.payload);
        try testing.expectEqual(@as(?u8, case.op), asked.subject.opcode);
        try testing.expectEqual(case.method, asked.method);
        try expectAnswer(case, request);
    }
}

fn expectAnswer(case: Method, request: []const u8) !void {
    var wanted: Hex = .{};
    var given: Hex = .{};
    const reply = try given.of(case.reply);
    var out: [rpc.answer_bytes_max]u8 = undefined;
    const answer = rpc.answer(case.service, case.method, .{
        .status = .ok,
        .correlation = case.correlation,
        .payload = reply,
    }, &out);
    try testing.expectEqualSlices(u8, try wanted.of(case.answer), answer);
    const read: rpc.Answer = .of(answer);
    try testing.expectEqual(case.correlation, read.correlation);
    var back: [frames.response_payload_max]u8 = undefined;
    const found = read.reply(case.service, request, &back);
    // No service here asks for another node's log.
    if (case.service == 5 and case.method == 0) return testing.expectEqual(null, found);
    try expectReply(reply, found.?);
}

fn expectReply(reply: []const u8, found: []const u8) !void {
    try testing.expectEqualSlices(u8, reply[0..5], found[0..5]);
    // A reply that is not ok may be longer than it was: zeros in its operation's shape.
    if (reply[4] == 0) try testing.expectEqualSlices(u8, reply, found);
}

test "a nonce is between a service and its node: it does not travel, and is there again" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    for (cases.value.methods) |case| {
        errdefer say(case.name);
        if (case.service != 4) continue;
        const request = try hex.of(case.request);
        var numbered: [300]u8 = undefined;
        const nonce = "\x01\x02\x03\x04\x05\x06\x07\x08";
        const parts = [_][]const u8{ request[0..2], "\x02", request[3..4], nonce, request[4..] };
        var len: usize = 0;
        for (parts) |part| {
            @memcpy(numbered[len..][0..part.len], part);
            len += part.len;
        }
        var message: [rpc.message_bytes_max]u8 = undefined;
        const call = rpc.call(.{
            .service = case.service,
            .correlation = case.id(),
            .deadline_ms = case.deadline_ms,
            .payload = numbered[0..len],
        }, &message).?;
        var wanted: Hex = .{};
        try testing.expectEqualSlices(u8, try wanted.of(case.call), call);
        const answer: rpc.Answer = .of(try wanted.of(case.answer));
        var back: [frames.response_payload_max]u8 = undefined;
        const reply = answer.reply(case.service, numbered[0..len], &back).?;
        try testing.expectEqual(2, reply[2]);
        try testing.expectEqualSlices(u8, nonce, reply[5..13]);
    }
}

test "refusals, as they are written" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    for (cases.value.refusals) |case| {
        errdefer say(case.status);
        var out: [rpc.answer_bytes_max]u8 = undefined;
        const answer = rpc.answer(1, 0, .{
            .status = @enumFromInt(case.number),
            .correlation = case.correlation,
            .payload = "",
        }, &out);
        try testing.expectEqualSlices(u8, try hex.of(case.answer), answer);
    }
}

/// What the gateway says of a message, as a case has it.
fn expectVerdict(case: Call, message: []const u8) !void {
    var payload: [frames.request_payload_max]u8 = undefined;
    const asked = rpc.asked(message, &payload);
    var rules: [contract.methods.methods.len]gateway.Rule = undefined;
    var count: usize = 0;
    inline for (contract.methods.methods) |method| {
        if (method.service != 4 or method.opcode != 3) {
            rules[count] = .{ .peer = 0, .service = method.service, .opcode = method.opcode };
            count += 1;
        }
    }
    var bucket: rate.Bucket = .init(.{ .burst = 1, .per_second = 0 }, 0);
    const decision = gateway.decide(0, asked, rules[0..count], &bucket, 0);
    try testing.expectEqual(case.service, number(asked.subject.service));
    try testing.expectEqual(case.op, number(asked.subject.opcode));
    // Whatever it is, it costs the token.
    try testing.expect(!bucket.take(0));
    switch (decision) {
        .forward => |accepted| {
            var hex: Hex = .{};
            try testing.expectEqualStrings("forward", case.verdict);
            const request = try hex.of(case.request);
            try testing.expectEqualSlices(u8, request, accepted.request.payload);
            try testing.expectEqual(case.correlation, accepted.request.correlation);
        },
        .deny => |reason| {
            try testing.expectEqualStrings(case.verdict, @tagName(reason));
            try testing.expectEqual(case.correlation, asked.correlation);
            var out: [audit.bytes_max]u8 = undefined;
            const peer = try Id.from("node-b");
            const record = audit.message(&out, audit.denied(reason), &peer, asked.subject);
            try testing.expectEqualStrings(case.record, record);
        },
    }
}

fn number(part: ?u8) i16 {
    return part orelse -1;
}

test "what the gateway says of a message: verdict, record, and under what it is answered" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    for (cases.value.calls) |case| {
        errdefer say(case.name);
        try expectVerdict(case, try hex.of(case.message));
    }
}

test "what a caller makes of an answer" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    for (cases.value.answers) |case| {
        errdefer say(case.name);
        const answer: rpc.Answer = .of(try hex.of(case.message));
        try testing.expectEqual(case.correlation, answer.correlation);
        var out: [frames.response_payload_max]u8 = undefined;
        const reply = answer.reply(1, "SM\x01\x06\x01x", &out);
        if (std.mem.eql(u8, case.verdict, "results")) {
            try testing.expectEqual(case.status, reply.?[4]);
        } else try testing.expectEqual(null, reply);
    }
}

test "no part of a message is a call, and no bytes stop a reader" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    var payload: [frames.request_payload_max]u8 = undefined;
    var out: [frames.response_payload_max]u8 = undefined;
    var random: std.Random.DefaultPrng = .init(1);
    for (cases.value.methods) |case| {
        errdefer say(case.name);
        for ([_][]const u8{ case.call, case.answer }) |text| {
            const whole = try hex.of(text);
            for (0..whole.len) |len| {
                try testing.expectEqual(null, rpc.asked(whole[0..len], &payload).request);
                try testing.expectEqual(null, rpc.Answer.of(whole[0..len]).results);
            }
            for (0..whole.len) |at| for (0..8) |_| {
                const kept = whole[at];
                defer whole[at] = kept;
                whole[at] = random.random().int(u8);
                _ = rpc.asked(whole, &payload);
                for (0..6) |service| {
                    _ = rpc.Answer.of(whole).reply(@intCast(service), "\x00\x00\x01\x02", &out);
                }
            };
        }
    }
}

test "a reply of another method is not an answer" {
    const cases = try load();
    defer cases.deinit();
    var hex: Hex = .{};
    var out: [rpc.answer_bytes_max]u8 = undefined;
    for (cases.value.methods) |case| {
        errdefer say(case.name);
        const reply = try hex.of(case.reply);
        hex.bytes[reply.len] = 0;
        for (0..reply.len + 2) |len| {
            // A failure may be bare.
            if (len == reply.len or (len == 5 and reply[4] != 0)) continue;
            const answer = rpc.answer(case.service, case.method, .{
                .status = .ok,
                .correlation = 7,
                .payload = hex.bytes[0..len],
            }, &out);
            try testing.expectEqual(null, rpc.Answer.of(answer).results);
        }
    }
}

test "of a log as many records go into an answer as have room, the oldest first" {
    var reply: [512]u8 = undefined;
    const head = "LO\x01\x82\x00" ++ "\x09" ++ "\x00" ** 15;
    @memcpy(reply[0..head.len], head);
    var len: usize = head.len + 2;
    var count: u16 = 0;
    while (len + 33 <= reply.len) : (count += 1) {
        @memset(reply[len..][0..33], 0);
        std.mem.writeInt(u64, reply[len..][0..8], count, .little);
        reply[len + 25] = 1;
        reply[len + 26] = 1;
        reply[len + 28] = 1;
        @memcpy(reply[len + 30 ..][0..3], "smf");
        len += 33;
    }
    std.mem.writeInt(u16, reply[head.len..][0..2], count, .little);
    var out: [rpc.answer_bytes_max]u8 = undefined;
    const answer = rpc.answer(5, 0, .{
        .status = .ok,
        .correlation = 1,
        .payload = reply[0..len],
    }, &out);
    var found: rpc.Answer = .of(answer);
    const results = try found.results.?[0].read(contract.log.QueryResults, found.results.?[1]);
    try testing.expectEqual(9, results.total);
    try testing.expect(results.records.len < count and results.records.len > 8);
    for (0..results.records.len) |index| {
        try testing.expectEqual(index, results.records.get(index).id);
    }
}
