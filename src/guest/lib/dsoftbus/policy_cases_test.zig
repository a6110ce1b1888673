//! One table of cases for the guest and the host, of what a peer may: the gateway's decision, what
//! counts as a change, and keys of remote state. The host's `policy_cases_test.py` and
//! `key_cases_test.py` read the same lines, so a case that is added here is asked of both.
//!
//! `gate BURST RULES | CALL; CALL`: rules are `PEER.SERVICE.OPCODE` with commas between, or `-`.
//! Each call is `PEER SERVICE PAYLOAD OUTCOME`, all at one instant; the peer `-` is a connection
//! that is not ready. A payload is `MAGIC.VERSION.OPCODE`, or a beginning of that, or `-` for none;
//! `+N` makes it N bytes long. `cut` is a frame that ends too soon.
//! `change SERVICE PAYLOAD ANSWER`: whether it must not be run twice.
//! `key KEY VERDICT`: `%` is a zero byte, `*N` stands for N letters k.

const std = @import("std");
const testing = std.testing;
const frames = @import("frames.zig");
const gateway = @import("gateway.zig");
const rate = @import("rate.zig");
const remote_state = @import("remote_state.zig");
const state = @import("wire").state;

const cases =
    \\gate 9 - | a 1 SM.1.6 service
    \\gate 9 a.1.6 | a 1 SM.1.6 forward; a 1 SM.1.5 service; a 1 SM.1.7 service; b 1 SM.1.6 service
    \\gate 9 a.1.6 | a 1 SM.0.6 service; a 1 SM.2.6 service; a 1 BN.1.6 service; a 2 BN.1.6 service
    \\gate 9 a.1.6 | a 1 - service; a 1 SM service
    \\gate 9 a.1.6 | a 1 SM.1 service; a 0 SM.1.6 service; a 6 SM.1.6 service
    \\gate 9 a.1.6,b.2.1 | b 2 BN.1.1 forward; b 1 SM.1.6 service
    \\gate 9 a.1.6,b.2.1 | a 2 BN.1.1 service; a 1 SM.1.6 forward
    \\gate 9 a.4.2 | a 4 SF.1.2 forward; a 4 SF.2.2 forward; a 4 SF.3.2 service; a 4 SF.0.2 service
    \\gate 9 a.5.1,a.5.3 | a 5 LO.1.1 service; a 5 LO.2.1 service
    \\gate 9 a.5.1,a.5.3 | a 5 LO.1.3 forward; a 5 LO.2.3 forward
    \\gate 9 a.1.6 | a 1 SM.1.6+255 forward; a 1 SM.1.6+256 forward; a 1 SM.1.6+257 oversized
    \\gate 9 a.1.6 | - 1 SM.1.6 unauthenticated; - 1 cut unauthenticated
    \\gate 9 a.1.6 | - 1 SM.1.6+257 unauthenticated
    \\gate 9 a.1.6 | a 9 cut malformed; a 9 SM.1.6+257 oversized; a 9 SM.1.6 service
    \\gate 1 a.1.6 | - 1 SM.1.6 unauthenticated; a 1 SM.1.6 forward; a 1 SM.1.6 rate
    \\gate 1 a.1.6,b.1.6 | a 1 SM.1.6 forward; a 9 SM.1.6 rate; b 9 SM.1.6 service; b 1 SM.1.6 rate
    \\gate 2 a.1.6 | a 1 cut malformed; a 1 SM.1.6+257 oversized; a 1 SM.1.6 rate; a 1 cut malformed
    \\gate 2 a.1.6 | a 9 SM.1.6 service; a 1 SM.1.6 forward
    \\gate 1 a.1.6 | a 1 SM.1.6+257 oversized; a 1 SM.1.6 rate
    \\gate 1 a.1.6 | a 1 SM.1.6 forward; a 1 SM.1.6+257 oversized; a 9 SM.1.6 rate
    \\change 1 SM.1.1 yes
    \\change 1 SM.1.6 no
    \\change 1 SM.2.6 yes
    \\change 1 SM.0.6 yes
    \\change 1 SM.1 yes
    \\change 2 BN.1.1 no
    \\change 2 SF.1.1 yes
    \\change 3 PK.1.2 no
    \\change 4 SF.1.1 yes
    \\change 4 SF.1.2 no
    \\change 4 SF.2.3 yes
    \\change 4 SF.2.5 no
    \\change 4 SF.3.2 yes
    \\change 4 - yes
    \\change 5 LO.2.2 no
    \\key /state/shared/a let
    \\key /state/shared/..a/b. let
    \\key /state/shared/... let
    \\key /state/shared/.a/..b let
    \\key /state/shared/a. let
    \\key /state/shared/*82 let
    \\key /state/shared/*83 oversized
    \\key /state/keystore/x outside_acl
    \\key /state/sharedx outside_acl
    \\key /state/shared outside_acl
    \\key /state/Shared/x outside_acl
    \\key x/state/shared/x outside_acl
    \\key /state/ outside_acl
    \\key x outside_acl
    \\key /state/shared/../keystore/x prefix_escape
    \\key /state/shared/./x prefix_escape
    \\key /state/shared//x prefix_escape
    \\key /state/shared/x// prefix_escape
    \\key /state/shared/x/. prefix_escape
    \\key /state/shared/x/.. prefix_escape
    \\key /state/shared/a\b prefix_escape
    \\key /state/shared/a% prefix_escape
    \\key /../x prefix_escape
    \\key /other/../x prefix_escape
    \\key /other/../*90 oversized
;

const Frame = struct {
    bytes: [frames.request_head + frames.request_payload_max + 1]u8 = undefined,
    len: usize = 0,

    fn of(service: u8, word: []const u8) !Frame {
        var frame: Frame = .{};
        const is_cut = std.mem.eql(u8, word, "cut");
        var payload: [frames.request_payload_max + 1]u8 = @splat(0);
        const len = try payloadOf(&payload, if (is_cut) "SM.1.6" else word);
        const most = @min(len, frames.request_payload_max);
        const encoded = try frames.encodeRequest(frame.bytes[0 .. frame.bytes.len - 1], .{
            .service = service,
            .correlation = 5,
            .deadline_ms = 1000,
            .payload = payload[0..most],
        });
        // The codec makes no frame that is too long: its length is a field of its own.
        frame.bytes[frame.bytes.len - 1] = 0;
        std.mem.writeInt(u16, frame.bytes[2..4], @intCast(len), .little);
        frame.len = encoded.len + len - most - @intFromBool(is_cut);
        return frame;
    }
};

fn payloadOf(out: []u8, word: []const u8) !usize {
    if (std.mem.eql(u8, word, "-")) return 0;
    var halves = std.mem.splitScalar(u8, word, '+');
    var parts = std.mem.splitScalar(u8, halves.next().?, '.');
    const magic = parts.next().?;
    @memcpy(out[0..magic.len], magic);
    var len = magic.len;
    while (parts.next()) |part| : (len += 1) out[len] = try std.fmt.parseInt(u8, part, 10);
    return if (halves.next()) |whole| std.fmt.parseInt(usize, whole, 10) else len;
}

/// The words behind the kind, where a line is of it.
fn rest(line: []const u8, comptime kind: []const u8) ?[]const u8 {
    return if (std.mem.startsWith(u8, line, kind ++ " ")) line[kind.len + 1 ..] else null;
}

test "what the gateway lets through, and the first reason why not" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        const case = rest(line, "gate") orelse continue;
        count += 1;
        const bar = std.mem.indexOf(u8, case, " | ").?;
        var head = std.mem.splitScalar(u8, case[0..bar], ' ');
        const burst = try std.fmt.parseInt(u16, head.next().?, 10);
        var rules: [4]gateway.Rule = undefined;
        const used = try rulesOf(&rules, head.next().?);
        const limit: rate.Limit = .{ .burst = burst, .per_second = 1 };
        var buckets: [2]rate.Bucket = @splat(.init(limit, 0));
        var calls = std.mem.splitSequence(u8, case[bar + 3 ..], "; ");
        while (calls.next()) |call| {
            errdefer std.debug.print("{s}: {s}\n", .{ line, call });
            var words = std.mem.splitScalar(u8, call, ' ');
            const letter = words.next().?[0];
            const peer: ?u8 = if (letter == '-') null else letter - 'a';
            const service = try std.fmt.parseInt(u8, words.next().?, 10);
            const frame: Frame = try .of(service, words.next().?);
            const bucket = &buckets[peer orelse 0];
            const asked: gateway.Asked = .ofFrame(frame.bytes[0..frame.len]);
            const found = gateway.decide(peer, asked, rules[0..used], bucket, 0);
            const name = if (found == .forward) "forward" else @tagName(found.deny);
            try testing.expectEqualStrings(words.next().?, name);
        }
    }
    try testing.expectEqual(20, count);
}

fn rulesOf(out: []gateway.Rule, text: []const u8) !usize {
    if (std.mem.eql(u8, text, "-")) return 0;
    var count: usize = 0;
    var each = std.mem.splitScalar(u8, text, ',');
    while (each.next()) |rule| : (count += 1) {
        var parts = std.mem.splitScalar(u8, rule, '.');
        out[count] = .{
            .peer = parts.next().?[0] - 'a',
            .service = try std.fmt.parseInt(u8, parts.next().?, 10),
            .opcode = try std.fmt.parseInt(u8, parts.next().?, 10),
        };
    }
    return count;
}

test "what counts as a change" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        var words = std.mem.splitScalar(u8, rest(line, "change") orelse continue, ' ');
        count += 1;
        errdefer std.debug.print("{s}\n", .{line});
        const service = gateway.serviceOf(try std.fmt.parseInt(u8, words.next().?, 10)).?;
        var payload: [8]u8 = undefined;
        const len = try payloadOf(&payload, words.next().?);
        const is_change = gateway.isChange(service, payload[0..len]);
        try testing.expectEqual(std.mem.eql(u8, words.next().?, "yes"), is_change);
    }
    try testing.expectEqual(15, count);
}

test "which keys a peer may name" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        var words = std.mem.tokenizeScalar(u8, rest(line, "key") orelse continue, ' ');
        count += 1;
        errdefer std.debug.print("{s}\n", .{line});
        var key: [128]u8 = undefined;
        const len = try keyOf(&key, words.next().?);
        const verdict = words.next().?;
        for ([_]state.Op{ .put, .get, .delete, .list, .txn_put }) |op| {
            var buffer: [256]u8 = undefined;
            const request: state.Request =
                .{ .op = op, .key = key[0..len], .value = "v", .limit = 1, .txn = 1 };
            const frame = try state.encodeRequest(&buffer, request);
            const found = remote_state.judge(true, frame);
            const name = if (found == .accept) "let" else @tagName(found.reject.why);
            try testing.expectEqualStrings(verdict, name);
        }
    }
    try testing.expectEqual(25, count);
}

fn keyOf(out: []u8, text: []const u8) !usize {
    const star = std.mem.indexOfScalar(u8, text, '*') orelse text.len;
    for (text[0..star], out[0..star]) |letter, *byte| byte.* = if (letter == '%') 0 else letter;
    if (star + 1 >= text.len) return star;
    const letters = try std.fmt.parseInt(usize, text[star + 1 ..], 10);
    @memset(out[star..][0..letters], 'k');
    return star + letters;
}
