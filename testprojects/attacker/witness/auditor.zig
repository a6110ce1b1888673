//! Reads the log of the attacked node: each refusal must be there, written by dsoftbusd itself.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");

const call_ns: u64 = std.time.ns_per_s;
const author = os.serviceId("dsoftbusd");
/// The whole ring of logd, in answers of at least one record.
const pages_max = 128;

/// One a line of the attacks, in the order in which they are made; a star is any rest. They are
/// read after the last attack, which is to push out all of them.
const expected = [_][]const u8{
    "audit remote call outcome=ok peer=node-a service=samgrd op=6",
    "audit remote call outcome=denied-unauthenticated peer=node-a service=- op=-",
    "audit remote call outcome=denied-unauthenticated peer=node-x service=- op=-",
    "audit remote call outcome=denied-unauthenticated peer=- service=- op=-",
    "audit remote call outcome=ok peer=node-c service=samgrd op=6",
    "audit remote call outcome=denied-decrypt peer=node-c service=- op=-",
    "audit remote call outcome=denied-oversized peer=node-c service=- op=-",
    "audit remote call outcome=denied-oversized peer=node-c service=samgrd op=6",
    "audit remote call outcome=denied-malformed peer=node-c service=samgrd op=6",
    "audit remote call outcome=denied-service peer=node-c service=bundlemgrd op=1",
    "audit remote call outcome=denied-service peer=node-c service=#9 op=6",
    "audit remote call outcome=denied-service peer=node-c service=samgrd op=1",
    "audit mux outcome=mux.reject.unknown_stream_frame peer=node-c",
    "audit mux outcome=mux.reject.window_credit_overflow_or_underflow peer=node-c",
    "audit mux outcome=mux.reject.duplicate_stream_name peer=node-c",
    "audit remote call outcome=denied-rate peer=node-c service=samgrd op=6",
    "audit strangers source=10.42.0.12 refused=*",
};

pub fn testify() !void {
    var found: [expected.len]bool = @splat(false);
    try readLog(&found);
    for (expected, found) |message, is_there| {
        os.print("WITNESS: record {s} ({s})", .{ if (is_there) "ok" else "FAIL", message });
    }
}

var reply_buffer: [wire.log.reply_bytes_max]u8 = undefined;

fn readLog(found: *[expected.len]bool) !void {
    const logd = try os.route("logd");
    var since_ns: u64 = 0;
    for (0..pages_max) |_| {
        var request: [32]u8 = undefined;
        const body: wire.log.Body = .{ .query = .{ .since_ns = since_ns, .max = 64 } };
        const frame = try wire.log.encodeRequest(&request, null, body);
        const reply = try os.call(logd, frame, &reply_buffer, call_ns);
        var records = wire.log.decodeQueryReply(reply, null) orelse return error.Unexpected;
        if (records.left == 0) return;
        while (try records.next()) |record| {
            since_ns = record.time_ns + 1;
            note(record, found);
        }
    }
}

fn note(record: wire.log.Record, found: *[expected.len]bool) void {
    if (record.service != author) return;
    for (expected, found) |message, *is_there| {
        if (isLike(message, record.message)) is_there.* = true;
    }
}

fn isLike(pattern: []const u8, message: []const u8) bool {
    if (!std.mem.endsWith(u8, pattern, "*")) return std.mem.eql(u8, pattern, message);
    return std.mem.startsWith(u8, message, pattern[0 .. pattern.len - 1]);
}
