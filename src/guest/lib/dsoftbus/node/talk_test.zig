//! The streams of a session at a node, against a peer that is a bare core of streams.

const std = @import("std");
const frames = @import("../frames.zig");
const mux = @import("../mux.zig");
const Encoding = @import("../gateway.zig").Encoding;
const Talk = @import("talk.zig").Talk;
const testing = std.testing;

const encodings = std.enums.values(Encoding);

var talk: Talk = undefined;
var peer: mux.Mux = undefined;

fn begin() !void {
    talk.begin(false, false, .auto, 0);
    peer.init(.dialler);
    peer.start();
    _ = try carry();
}

/// Carry frames both ways until there are none; returns the last event of the peer.
fn carry() !?mux.Event {
    var out: [mux.own.message_bytes_max]u8 = undefined;
    var last: ?mux.Event = null;
    while (true) {
        if (peer.nextFrame(&out)) |frame| {
            _ = try talk.take(frame);
        } else if (talk.mux.nextFrame(&out)) |frame| {
            last = try peer.receive(frame);
        } else return last;
    }
}

fn open(encoding: Encoding) !u32 {
    const id = try peer.open(if (encoding == .frames) "gateway" else "rpc/2", 0);
    try testing.expectEqual(id, (try carry()).?.acknowledged);
    return id;
}

fn next(encoding: Encoding) !?[]const u8 {
    return talk.calls.nextRequest(&talk.mux, encoding);
}

fn servingId(encoding: Encoding) u32 {
    return talk.calls.serving.getPtr(encoding).id;
}

fn requestOf(out: *[274]u8, encoding: Encoding) []const u8 {
    if (encoding == .schema) return "\x00\x00\x00\x00\x01\x00\x00\x00" ++ "\x00" ** 8;
    const request: frames.Request =
        .{ .service = 1, .correlation = 7, .deadline_ms = 300, .payload = "SM\x01\x06" };
    return frames.encodeRequest(out, request) catch unreachable;
}

test "after a stream of calls has ended the next one is served, and not closed at once" {
    for (encodings) |encoding| {
        try begin();
        const first = try open(encoding);
        try peer.close(first);
        _ = try carry();
        talk.calls.finishServing(&talk.mux, encoding);
        try testing.expectEqual(first, (try carry()).?.half_closed);
        const second = try open(encoding);
        talk.calls.finishServing(&talk.mux, encoding);
        try testing.expectEqual(null, try carry());
        var out: [274]u8 = undefined;
        const request = requestOf(&out, encoding);
        try testing.expectEqual(request.len, peer.send(second, request));
        _ = try carry();
        try testing.expectEqualSlices(u8, request, (try next(encoding)).?);
        // Only when all is answered and no more is asked is it closed.
        try peer.close(second);
        _ = try carry();
        talk.calls.finishServing(&talk.mux, encoding);
        try testing.expectEqual(null, try carry());
        talk.calls.dropRequest(&talk.mux, encoding, request.len);
        talk.calls.finishServing(&talk.mux, encoding);
        var is_closed = false;
        var frame: [mux.own.message_bytes_max]u8 = undefined;
        while (talk.mux.nextFrame(&frame)) |bytes| {
            const event = try peer.receive(bytes) orelse continue;
            is_closed = is_closed or event == .half_closed;
        }
        try testing.expect(is_closed);
        try testing.expectEqual(@as(u32, 0), servingId(encoding));
    }
}

test "half a request of a stream that was reset is not part of the next one's" {
    for (encodings) |encoding| {
        try begin();
        const first = try open(encoding);
        var out: [274]u8 = undefined;
        const request = requestOf(&out, encoding);
        _ = peer.send(first, request[0..5]);
        _ = try carry();
        try testing.expectEqual(null, try next(encoding));
        peer.reset(first, .unwanted);
        _ = try carry();
        try testing.expectEqual(@as(u32, 0), servingId(encoding));
        const second = try open(encoding);
        _ = peer.send(second, request);
        _ = try carry();
        try testing.expectEqualSlices(u8, request, (try next(encoding)).?);
    }
}

test "a stream of another name is refused, and the calls go on" {
    for (encodings) |encoding| {
        try begin();
        const calls = try open(encoding);
        const other = try peer.open("other", 0);
        const told = (try carry()).?;
        try testing.expectEqual(other, told.was_reset.id);
        try testing.expectEqual(calls, servingId(encoding));
    }
}
