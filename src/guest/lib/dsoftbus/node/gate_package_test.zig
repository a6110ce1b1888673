//! Remote files at a node by hand: what packagefsd is asked, how often, and what each of its
//! answers becomes for the peer and for the record.

const std = @import("std");
const testing = std.testing;
const fake = @import("hand_fake.zig");
const frames = @import("../frames.zig");
const packages = @import("wire").packages;

const ms = std.time.ns_per_ms;
const block_bytes = packages.read_bytes_max;

var hand: fake.Hand = undefined;
var answer_bytes: [block_bytes + 64]u8 = undefined;
var number: u64 = 0;

fn begin() !void {
    try hand.join(.{});
    const config = &hand.node.config;
    for (0..4) |n| {
        config.rule_list[n] = .{ .peer = 0, .service = 3, .opcode = @intCast(1 + n) };
    }
    config.rule_count = 4;
}

fn ask(frame: []const u8) !void {
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    number += 1;
    try hand.peer.send(try frames.encodeRequest(&buffer, .{
        .service = 3,
        .correlation = number,
        .deadline_ms = 500,
        .payload = frame,
    }));
    try hand.carry();
}

var kept: fake.Ask = undefined;

fn asked() ?packages.Request {
    kept = hand.outside.takeAsk() orelse return null;
    return packages.decodeRequest(kept.request()).request;
}

fn answer(frame: []const u8) !void {
    var bytes: [block_bytes + 64]u8 = undefined;
    @memcpy(bytes[0..frame.len], frame);
    hand.node.onReply(.packagefsd, kept.ticket, bytes[0..frame.len]);
    try hand.carry();
}

fn expectSaid(frame: []const u8) !void {
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(.ok, response.status);
    try testing.expectEqual(number, response.correlation);
    try testing.expectEqualSlices(u8, frame, response.payload);
}

fn expectRecords(ok: usize, failed: usize) !void {
    const of = " peer=node-b service=packagefsd";
    try testing.expectEqual(ok, hand.recorded("outcome=ok" ++ of));
    try testing.expectEqual(failed, hand.recorded("outcome=failed" ++ of));
}

const stat = "PK\x01\x01\x06\x00pkg:/a";
const open = "PK\x01\x02\x06\x00pkg:/a";

fn readOf(handle: u32, offset: u32, len: u16) [14]u8 {
    var frame: [14]u8 = "PK\x01\x03__________".*;
    std.mem.writeInt(u32, frame[4..8], handle, .little);
    std.mem.writeInt(u32, frame[8..12], offset, .little);
    std.mem.writeInt(u16, frame[12..14], len, .little);
    return frame;
}

/// A file of this size is open, under handle 1 and file 7.
fn opened(size: u64) !void {
    try begin();
    try ask(open);
    try testing.expectEqualStrings("a", asked().?.open);
    try answer(try packages.encodeOpenReply(&answer_bytes, 7, size));
    try expectSaid("PK\x01\x82\x00\x01\x00\x00\x00");
}

test "a file's size, or why there is none" {
    const Case = struct { said: []const u8, reply: []const u8, is_ok: bool = false };
    for ([_]Case{
        .{
            .said = "PF\x01\x81\x00" ++ "\x05\x00\x00\x00\x00\x00\x00\x00" ++ "\x00\x00",
            .reply = "PK\x01\x81\x00" ++ "\x05\x00\x00\x00\x00\x00\x00\x00" ++ "\x00\x00",
            .is_ok = true,
        },
        // A directory has nothing that could be read.
        .{
            .said = "PF\x01\x81\x00" ++ "\x05\x00\x00\x00\x00\x00\x00\x00" ++ "\x01\x00",
            .reply = "PK\x01\x81\x09" ++ "\x00" ** 10,
        },
        .{ .said = "PF\x01\x81\x01", .reply = "PK\x01\x81\x01" ++ "\x00" ** 10 },
        .{ .said = "PF\x01\x81\x05", .reply = "PK\x01\x81\x09" ++ "\x00" ** 10 },
        .{ .said = "PF\x01\x82\x00", .reply = "PK\x01\x81\x09" ++ "\x00" ** 10 },
        .{ .said = "PF\x01\x81\x00\x05", .reply = "PK\x01\x81\x09" ++ "\x00" ** 10 },
        .{ .said = "", .reply = "PK\x01\x81\x09" ++ "\x00" ** 10 },
    }) |case| {
        try begin();
        try ask(stat);
        try testing.expectEqualStrings("a", asked().?.stat);
        try answer(case.said);
        const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
        const is_same = std.mem.eql(u8, response.payload[0..4], case.reply[0..4]);
        try testing.expect(is_same and response.payload.len == case.reply.len);
        if (case.is_ok) try testing.expectEqualSlices(u8, case.reply, response.payload);
        try testing.expectEqual(case.is_ok, response.payload[4] == 0);
        try expectRecords(@intFromBool(case.is_ok), @intFromBool(!case.is_ok));
        try testing.expectEqual(@intFromBool(case.is_ok), hand.printed("remote packagefs served"));
        try testing.expectEqual(0, hand.node.calls.count(null, null));
    }
}

test "a file is taken piece by piece, and packagefsd is asked for a block" {
    try opened(2 * block_bytes);
    var words: [block_bytes]u8 = undefined;
    for (&words, 0..) |*byte, i| byte.* = @truncate(i * 3 + i / 256);
    try ask(&readOf(1, 0, 128));
    const wanted = asked().?.read;
    try testing.expectEqual(7, wanted.file);
    try testing.expectEqual(0, wanted.offset);
    try testing.expectEqual(block_bytes, wanted.len);
    try answer(try packages.encodeReadReply(&answer_bytes, &words));
    try expectSaid("PK\x01\x83\x00\x80\x00" ++ words[0..128].*);
    // What lies in it is not asked for again, to its last byte.
    for ([_]u32{ 128, 0, block_bytes - 128 }) |offset| {
        try ask(&readOf(1, offset, 128));
        try testing.expectEqual(null, asked());
        var want: [7 + 128]u8 = undefined;
        want[0..7].* = "PK\x01\x83\x00\x80\x00".*;
        @memcpy(want[7..], words[offset..][0..128]);
        try expectSaid(&want);
    }
    // One byte beyond it another one is asked for, from where the piece begins.
    try ask(&readOf(1, block_bytes - 127, 128));
    try testing.expectEqual(block_bytes - 127, asked().?.read.offset);
    try answer(try packages.encodeReadReply(&answer_bytes, &words));
    try expectSaid("PK\x01\x83\x00\x80\x00" ++ words[0..128].*);
    // Reading is part of what the opening was recorded as.
    try expectRecords(1, 0);
    try ask("PK\x01\x04\x01\x00\x00\x00");
    try testing.expectEqual(null, asked());
    try expectSaid("PK\x01\x84\x00");
    try expectRecords(1, 0);
}

test "a piece ends with the file, and one that is short, long or none is an error" {
    try opened(10);
    try ask(&readOf(1, 8, 128));
    _ = asked().?.read;
    try answer(try packages.encodeReadReply(&answer_bytes, "xy"));
    try expectSaid("PK\x01\x83\x00\x02\x00xy");
    try ask(&readOf(1, 10, 128));
    try testing.expectEqual(null, asked());
    try expectSaid("PK\x01\x83\x00\x00\x00");
    const long: [block_bytes + 1]u8 = @splat('x');
    for ([_][]const u8{ "x", &long, "" }) |said| {
        try opened(10);
        hand.node.block.len = 0;
        try ask(&readOf(1, 0, 2));
        _ = asked().?.read;
        // A frame of packagefsd may be any bytes.
        var bytes: [block_bytes + 64]u8 = undefined;
        bytes[0..5].* = "PF\x01\x82\x00".*;
        bytes[3] = @intFromEnum(packages.Op.read) | 0x80;
        std.mem.writeInt(u16, bytes[5..7], @intCast(said.len), .little);
        @memcpy(bytes[7..][0..said.len], said);
        try answer(bytes[0 .. 7 + said.len]);
        const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
        try testing.expect(response.payload[4] != 0);
        try expectRecords(1, 1);
    }
}

test "a handle that is not open, and one of another session" {
    try opened(10);
    for ([_]u32{ 0, 2 }) |handle| {
        try ask(&readOf(handle, 0, 2));
        try testing.expectEqual(null, asked());
        const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
        try testing.expect(response.payload[4] != 0);
    }
    try expectRecords(1, 2);
    // The next session has none of the handles of this one.
    hand.node.onData(hand.node.lines.readyFor(0).?.serial, null);
    hand.run();
    try hand.dial();
    try hand.carry();
    while (hand.heard()) |_| {}
    try ask(&readOf(1, 0, 2));
    try testing.expectEqual(null, asked());
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expect(response.payload[4] != 0);
}

test "a packagefsd that does not answer in time, is full, or is not there" {
    try begin();
    try ask(stat);
    _ = asked().?.stat;
    hand.pass(500 * ms);
    try hand.carry();
    const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(.ok, response.status);
    try testing.expectEqualStrings("PK\x01\x81", response.payload[0..4]);
    try testing.expect(response.payload[4] != 0);
    try expectRecords(0, 1);
    try testing.expectEqual(1, hand.node.calls.count(0, 3));
    // A handle that came late would have no owner.
    try answer(try packages.encodeStatReply(&answer_bytes, 5, .file));
    try testing.expectEqual(null, hand.heard());
    try testing.expectEqual(0, hand.node.calls.count(null, null));
    try expectRecords(0, 1);
    hand.outside.verdict = .full;
    try ask(stat);
    const busy = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(.busy, busy.status);
    try testing.expectEqual(1, hand.recorded("denied-busy peer=node-b service=packagefsd"));
    hand.outside.verdict = .absent;
    try ask(stat);
    const absent = try frames.decodeResponse(hand.heard() orelse return error.Silent);
    try testing.expectEqual(.ok, absent.status);
    try testing.expect(absent.payload[4] != 0);
    try expectRecords(0, 2);
}

test "frames that are not requests are answered by five bytes, and recorded" {
    try begin();
    const path = "PK\x01\x01\x08\x00pkg:/../";
    for ([_][]const u8{ "PK\x01\x01\x05\x00nope:", path }) |bad| {
        try ask(bad);
        try testing.expectEqual(null, asked());
        const response = try frames.decodeResponse(hand.heard() orelse return error.Silent);
        try testing.expectEqual(5, response.payload.len);
        try testing.expectEqual(0x81, response.payload[3]);
        try testing.expect(response.payload[4] != 0);
    }
    try expectRecords(0, 2);
}
