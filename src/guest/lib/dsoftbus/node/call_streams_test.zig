//! The streams of calls by themselves: how a call is said to each kind of peer, when a request is
//! read and an answer written, and what each end of a stream says about the encoding.

const std = @import("std");
const testing = std.testing;
const call_streams = @import("call_streams.zig");
const frames = @import("../frames.zig");
const mux_file = @import("../mux.zig");
const rpc = @import("../rpc.zig");
const Encoding = @import("../gateway.zig").Encoding;
const CallStreams = call_streams.CallStreams;
const Happening = call_streams.Happening;
const Mux = mux_file.Mux;

var calls: CallStreams = undefined;
var mux: Mux = undefined;
var peer: Mux = undefined;
var happened: Happening = .nothing;
var peer_event: ?mux_file.Event = null;

fn begin(mode: rpc.Mode, streams_max: u16) !void {
    calls.begin(mode);
    mux.init(.acceptor);
    peer.init(.dialler);
    mux.start();
    peer.start();
    try carry();
    mux.peer.?.streams_max = streams_max;
}

/// All that both have to say, and what was made of the last of it.
fn carry() !void {
    var out: [mux_file.own.message_bytes_max]u8 = undefined;
    happened = .nothing;
    peer_event = null;
    while (true) {
        if (mux.nextFrame(&out)) |frame| {
            peer_event = try peer.receive(frame) orelse continue;
        } else if (peer.nextFrame(&out)) |frame| {
            happened = calls.take(&mux, try mux.receive(frame) orelse continue);
        } else return;
    }
}

test "how a call is said depends on the mode, and on what the peer takes" {
    const Case = struct { mode: rpc.Mode, streams_max: u16 = 16, manner: call_streams.Manner };
    for ([_]Case{
        .{ .mode = .frames, .manner = .frames },
        .{ .mode = .auto, .manner = .unknown },
        .{ .mode = .messages, .manner = .unknown },
        // A peer that takes one stream takes the one of frames.
        .{ .mode = .auto, .streams_max = 1, .manner = .frames },
        .{ .mode = .messages, .streams_max = 1, .manner = .never },
        .{ .mode = .auto, .streams_max = 2, .manner = .unknown },
    }) |case| {
        try begin(case.mode, case.streams_max);
        try testing.expectEqual(case.manner, calls.manner(&mux));
        try testing.expectEqual(case.manner, calls.manner(&mux));
        // It is offered once, if at all.
        const is_offered = case.manner == .unknown;
        try testing.expectEqual(@intFromBool(is_offered), mux.used().len);
        try carry();
        if (!is_offered) continue;
        try testing.expectEqualStrings("rpc/2", peer_event.?.opened.name);
        try testing.expectEqual(0, peer_event.?.opened.priority);
        const id = peer_event.?.opened.id;
        peer.accept(id);
        try carry();
        try testing.expectEqual(.taken, happened);
        try testing.expectEqual(.schema, calls.manner(&mux));
        // It ends, and is offered anew, since the peer has taken it before.
        peer.reset(id, .unwanted);
        try carry();
        try testing.expectEqual(Encoding.schema, happened.unheard);
        try testing.expectEqual(.unknown, calls.manner(&mux));
    }
}

test "a peer that does not know the stream of messages is never offered it again" {
    for ([_]rpc.Mode{ .auto, .messages }) |mode| for ([_]bool{ false, true }) |is_reset| {
        try begin(mode, 16);
        _ = calls.manner(&mux);
        try carry();
        const id = peer_event.?.opened.id;
        if (is_reset) {
            peer.reset(id, .unknown_stream);
            try carry();
            try testing.expectEqual(Encoding.schema, happened.unheard);
        } else _ = calls.abandon(&mux, .schema, .nonsense);
        try carry();
        const manner: call_streams.Manner = if (mode == .auto) .frames else .never;
        try testing.expectEqual(manner, calls.manner(&mux));
        try testing.expectEqual(0, mux.used().len);
        // Of frames that says nothing.
        try testing.expect(calls.ask(&mux, .frames, "\x01"));
    };
}

test "a request goes on a stream that is opened for it, and waits where there is no room" {
    try begin(.frames, 16);
    try testing.expect(calls.ask(&mux, .frames, "first"));
    try carry();
    try testing.expectEqualStrings("first", peer_event.?.arrived.bytes);
    const id = peer_event.?.arrived.id;
    try testing.expectEqualStrings("gateway", peer.find(id).?.name());
    peer.accept(id);
    try carry();
    // Agreeing to frames is nothing new.
    try testing.expectEqual(.nothing, happened);
    const words: [1024]u8 = @splat('w');
    try testing.expect(calls.ask(&mux, .frames, words[0..1000]));
    try testing.expect(!calls.ask(&mux, .frames, words[0..25]));
    try testing.expect(calls.ask(&mux, .frames, words[0..24]));
    try testing.expect(!calls.ask(&mux, .frames, "x"));
    try carry();
    try testing.expect(calls.ask(&mux, .frames, "x"));
    // The peer's end of it ends it for us, and what was asked is asked again elsewhere.
    try peer.close(id);
    try carry();
    try testing.expectEqual(Encoding.frames, happened.unheard);
    try testing.expect(calls.ask(&mux, .frames, "again"));
    try carry();
    try testing.expectEqualStrings("again", peer_event.?.arrived.bytes);
}

const response = "\x02\x00\x01\x00" ++ "\x07" ++ "\x00" ** 7 ++ "\x00" ** 4 ++ "r";

test "responses are taken one by one, each given back to its sender's credit" {
    try begin(.frames, 16);
    try testing.expectEqual(null, try calls.nextResponse(.frames));
    try testing.expect(calls.ask(&mux, .frames, "x"));
    try carry();
    const id = peer_event.?.arrived.id;
    peer.accept(id);
    var words: [2 * response.len + 3]u8 = undefined;
    @memcpy(words[0 .. 2 * response.len], response ** 2);
    @memcpy(words[2 * response.len ..], response[0..3]);
    _ = peer.send(id, &words);
    try carry();
    try testing.expectEqual(Encoding.frames, happened.responses);
    for (0..2) |n| {
        const said = (try calls.nextResponse(.frames)).?.frames;
        try testing.expectEqual(7, said.correlation);
        try testing.expectEqualStrings("r", said.payload);
        calls.dropResponse(&mux, .frames);
        try testing.expectEqual((n + 1) * response.len, mux.find(id).?.owed);
    }
    try testing.expectEqual(null, try calls.nextResponse(.frames));
    // A frame of another kind is not a response, and where the next begins is unknown.
    _ = peer.send(id, response[3..]);
    _ = peer.send(id, "\x01");
    try carry();
    _ = (try calls.nextResponse(.frames)).?;
    calls.dropResponse(&mux, .frames);
    try testing.expectError(error.Senseless, calls.nextResponse(.frames));
}

fn serving(encoding: Encoding) !u32 {
    const id = try peer.open(if (encoding == .frames) "gateway" else "rpc/2", 0);
    try carry();
    return id;
}

test "which streams of the peer are served depends on the mode" {
    for ([_]rpc.Mode{ .frames, .auto, .messages }) |mode| {
        for ([_]Encoding{ .frames, .schema }) |encoding| {
            try begin(mode, 16);
            const id = try serving(encoding);
            const is_served = encoding == .frames or mode != .frames;
            if (is_served) {
                try testing.expectEqual(.serving, happened);
                try testing.expectEqual(id, peer_event.?.acknowledged);
            } else try testing.expectEqual(.unknown_stream, peer_event.?.was_reset.reason);
        }
    }
}

test "a request is read when its answer has room, and what is cut at the end is all there will be" {
    try begin(.frames, 16);
    try testing.expectEqual(null, try calls.nextRequest(&mux, .frames));
    const id = try serving(.frames);
    var buffer: [frames.request_head + frames.request_payload_max]u8 = undefined;
    const request = try frames.encodeRequest(&buffer, .{
        .service = 1,
        .correlation = 7,
        .deadline_ms = 300,
        .payload = "p",
    });
    _ = peer.send(id, request);
    _ = peer.send(id, request[0..5]);
    try carry();
    const longest = frames.response_head + frames.response_payload_max;
    const words: [1024]u8 = @splat('w');
    // One byte less than the longest answer is not enough.
    try testing.expect(calls.answer(&mux, .frames, words[0 .. 1024 - longest + 1]));
    try testing.expectEqual(null, try calls.nextRequest(&mux, .frames));
    try testing.expect(!calls.answer(&mux, .frames, words[0..longest]));
    try testing.expect(calls.answer(&mux, .frames, words[0 .. longest - 1]));
    try testing.expect(!calls.hasLeft(&mux));
    try carry();
    try testing.expect(calls.hasLeft(&mux));
    try testing.expectEqualStrings(request, (try calls.nextRequest(&mux, .frames)).?);
    calls.dropRequest(&mux, .frames, request.len);
    try testing.expectEqual(request.len, mux.find(id).?.owed);
    try testing.expectEqual(null, try calls.nextRequest(&mux, .frames));
    calls.finishServing(&mux, .frames);
    try peer.close(id);
    try carry();
    try testing.expectEqualStrings(request[0..5], (try calls.nextRequest(&mux, .frames)).?);
    calls.finishServing(&mux, .frames);
    try testing.expect(!mux.find(id).?.closing);
    calls.dropRequest(&mux, .frames, 5);
    calls.finishServing(&mux, .frames);
    try carry();
    try testing.expectEqual(null, mux.find(id));
    // No call waits for an answer any more.
    try testing.expect(calls.answer(&mux, .frames, &words));
    try testing.expect(calls.hasLeft(&mux));
}

test "bytes that are not requests end their stream, and the next one begins anew" {
    try begin(.frames, 16);
    const id = try serving(.frames);
    _ = peer.send(id, "\x09");
    try carry();
    try testing.expectError(error.Malformed, calls.nextRequest(&mux, .frames));
    calls.refuseRequests(&mux, .frames);
    try testing.expectEqual(null, try calls.nextRequest(&mux, .frames));
    try carry();
    try testing.expectEqual(id, peer_event.?.was_reset.id);
    try testing.expectEqual(.nonsense, peer_event.?.was_reset.reason);
    const again = try serving(.frames);
    try testing.expect(again != id);
    try testing.expectEqual(null, try calls.nextRequest(&mux, .frames));
    try testing.expectEqual(.serving, happened);
}
