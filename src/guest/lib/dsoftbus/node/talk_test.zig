//! What a session's streams are to a node, against a peer that is a bare core of streams.

const std = @import("std");
const frames = @import("../frames.zig");
const mux = @import("../mux.zig");
const Talk = @import("talk.zig").Talk;
const testing = std.testing;

var talk: Talk = undefined;
var peer: mux.Mux = undefined;

fn begin() !void {
    talk.begin(false, false, 0);
    peer.init(.dialler);
    peer.start();
    _ = try carry();
}

/// Carry frames both ways until there are none; what the peer was told last.
fn carry() !?mux.Event {
    var out: [mux.own.message_bytes_max]u8 = undefined;
    var last: ?mux.Event = null;
    while (true) {
        if (peer.poll(&out)) |frame| {
            _ = try talk.take(frame);
        } else if (talk.mux.poll(&out)) |frame| {
            last = try peer.receive(frame);
        } else return last;
    }
}

fn open() !u32 {
    const id = try peer.open("gateway", 0);
    try testing.expectEqual(id, (try carry()).?.acknowledged);
    return id;
}

fn requestOf(out: *[274]u8) []const u8 {
    const request: frames.Request =
        .{ .service = 1, .correlation = 7, .deadline_ms = 300, .payload = "SM\x01\x06" };
    return frames.encodeRequest(out, request) catch unreachable;
}

test "after a stream of calls has ended the next one is served, and not closed at once" {
    try begin();
    const first = try open();
    try peer.close(first);
    _ = try carry();
    talk.finishServing();
    try testing.expectEqual(first, (try carry()).?.closed);
    const second = try open();
    talk.finishServing();
    try testing.expectEqual(null, try carry());
    var out: [274]u8 = undefined;
    const request = requestOf(&out);
    try testing.expectEqual(request.len, peer.write(second, request));
    _ = try carry();
    try testing.expectEqualSlices(u8, request, (try talk.nextRequest()).?);
    // Only when all is answered and no more is asked is it closed.
    try peer.close(second);
    _ = try carry();
    talk.finishServing();
    try testing.expectEqual(null, try carry());
    talk.dropRequest(request);
    talk.finishServing();
    var is_closed = false;
    var frame: [mux.own.message_bytes_max]u8 = undefined;
    while (talk.mux.poll(&frame)) |bytes| {
        const event = try peer.receive(bytes) orelse continue;
        is_closed = is_closed or event == .closed;
    }
    try testing.expect(is_closed);
    try testing.expectEqual(@as(u32, 0), talk.serving);
}

test "half a request of a stream that was reset is no part of the next one's" {
    try begin();
    const first = try open();
    var out: [274]u8 = undefined;
    const request = requestOf(&out);
    _ = peer.write(first, request[0..5]);
    _ = try carry();
    try testing.expectEqual(null, try talk.nextRequest());
    peer.reset(first, .unwanted);
    _ = try carry();
    try testing.expectEqual(@as(u32, 0), talk.serving);
    const second = try open();
    _ = peer.write(second, request);
    _ = try carry();
    try testing.expectEqualSlices(u8, request, (try talk.nextRequest()).?);
}

test "a stream of another name is refused, and the calls go on" {
    try begin();
    const calls = try open();
    const other = try peer.open("other", 0);
    const told = (try carry()).?;
    try testing.expectEqual(other, told.reset.id);
    try testing.expectEqual(calls, talk.serving);
}
