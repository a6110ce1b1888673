//! Attacks of a peer that is enrolled (its key is pinned, its session is honest) and may resolve
//! names, nothing else.

const std = @import("std");
const os = @import("os");
const dsoftbus = @import("dsoftbus");
const self = @import("self.zig");
const air = @import("air.zig");
const streams = @import("streams.zig");
const Line = @import("line.zig").Line;
const Verdict = @import("verdict.zig").Verdict;
const frames = dsoftbus.frames;

/// Permitted, and answered by samgrd.
const resolve = "SM\x01\x06\x06samgrd";
/// More than any burst that a test world configures.
const flood_requests = 48;

/// One session for all that must be refused without ending it; a new one when it has ended.
var line: Line = undefined;
var is_connected = false;

/// A ready session, proven by a permitted call that works: what is refused later isn't refused for
/// being broken.
fn connect() !void {
    errdefer if (is_connected) hangUp();
    if (!is_connected) {
        try air.send(self.id.slice(), self.static.public);
        try line.startSession(&self.id, self.static);
        is_connected = true;
        try expectEvent(.proven);
        try line.session.admit(os.nsec());
        try expectEvent(.ready);
        try streams.start(&line);
    }
    try askHonestly();
    if (try streams.nextStatus(&line) != .ok) return error.HonestCallRefused;
}

/// A new session, and a permitted call in it.
pub fn callOnce() !void {
    if (is_connected) hangUp();
    try connect();
    hangUp();
}

fn askHonestly() !void {
    var frame: [frames.request_head + resolve.len]u8 = @splat(0);
    head(&frame, 1);
    std.mem.writeInt(u16, frame[2..4], resolve.len, .little);
    @memcpy(frame[frames.request_head..], resolve);
    try streams.ask(&line, &frame);
}

fn hangUp() void {
    line.hangUp();
    is_connected = false;
}

fn expectEvent(want: std.meta.Tag(dsoftbus.session.Event)) !void {
    const event = try line.next() orelse return error.Refused;
    if (event != want) return error.Unexpected;
}

/// Send a gateway frame in a session of our own; what counts is the status of its answer.
fn sendFrame(frame: []const u8) !Verdict {
    try connect();
    errdefer hangUp();
    try streams.ask(&line, frame);
    return if (try streams.nextStatus(&line) == .refused) .refused else .SUCCEEDED;
}

/// Frames that no honest streams make. Refused: the session ends.
fn breakStreams(wrong: []const []const u8) !Verdict {
    try connect();
    defer hangUp();
    for (wrong) |frame| {
        try line.session.send(frame);
        try line.flush();
    }
    return if (try line.isRefused()) .refused else .SUCCEEDED;
}

/// Data for a stream that was never opened.
pub fn useUnknownStream() !Verdict {
    return breakStreams(&.{"\x13\x07\x00\x00\x00x"});
}

/// More data than a stream has credit for: on the one whose reader gives none back for a while.
pub fn overdrawCredit() !Verdict {
    try connect();
    defer hangUp();
    try line.session.send("\x11\x03\x00\x00\x00\x04\x0ccrossvm/bulk");
    var frame = "\x13\x03\x00\x00\x00".* ++ @as([1000]u8, undefined);
    for (0..5) |piece| {
        for (frame[5..], piece * 1000..) |*byte, i| {
            byte.* = dsoftbus.mux_ladder.patternAt(i, false, 4);
        }
        try line.session.send(&frame);
        try line.flush();
    }
    return if (try line.sawEnd()) .refused else .SUCCEEDED;
}

/// The name of a stream that is open.
pub fn duplicateName() !Verdict {
    return breakStreams(&.{"\x11\x03\x00\x00\x00\x00\x07gateway"});
}

/// As a peer that knows no streams, a service that is not ours to call.
pub fn callDirectly() !Verdict {
    if (is_connected) hangUp();
    try air.send(self.id.slice(), self.static.public);
    try line.startSession(&self.id, self.static);
    is_connected = true;
    defer hangUp();
    try expectEvent(.proven);
    try line.session.admit(os.nsec());
    try expectEvent(.ready);
    _ = try line.session.request(2, "BN\x01\x01", 1000);
    while (true) {
        const event = try line.next() orelse return error.Closed;
        if (event != .received) return error.Unexpected;
        // Its settings come first; they are of no interest to such a peer.
        const response = frames.decodeResponse(event.received) catch continue;
        return if (response.status == .refused) .refused else .SUCCEEDED;
    }
}

/// The bytes of a good request, twice. Refused: the session ends and the second is not answered.
pub fn replay() !Verdict {
    try connect();
    defer hangUp();
    var record: [512]u8 = undefined;
    line.recorded = &record;
    try askHonestly();
    const bytes = line.recorded.?;
    line.recorded = null;
    if (try streams.nextStatus(&line) != .ok) return error.HonestCallRefused;
    try line.write(bytes);
    return if (try line.isRefused()) .refused else .SUCCEEDED;
}

/// A message longer than a session's may be.
pub fn sendOversizedMessage() !Verdict {
    try connect();
    defer hangUp();
    const message: [2 + 1041]u8 = "\x04\x11".* ++ @as([1041]u8, @splat('x'));
    try line.write(&message);
    return if (try line.isRefused()) .refused else .SUCCEEDED;
}

/// A well-formed request whose payload is one byte too long.
pub fn sendOversizedRequest() !Verdict {
    var frame: [frames.request_head + 257]u8 = @splat(0);
    head(&frame, 1);
    std.mem.writeInt(u16, frame[2..4], 257, .little);
    @memcpy(frame[frames.request_head..][0..resolve.len], resolve);
    return sendFrame(&frame);
}

/// Bytes that must be 0 are not.
pub fn sendMalformedRequest() !Verdict {
    var frame: [frames.request_head + resolve.len]u8 = @splat(0);
    head(&frame, 1);
    std.mem.writeInt(u16, frame[2..4], resolve.len, .little);
    frame[16] = 1;
    @memcpy(frame[frames.request_head..], resolve);
    return sendFrame(&frame);
}

pub fn callOtherService() !Verdict {
    return call(2, "BN\x01\x01");
}

pub fn callUnknownService() !Verdict {
    return call(9, resolve);
}

/// Enter a name of ours in the target's registry.
pub fn registerName() !Verdict {
    return call(1, "SM\x01\x01\x06" ++ "\x00" ** 8 ++ "samgrd");
}

fn call(service: u8, payload: []const u8) !Verdict {
    var frame: [frames.request_head + 64]u8 = @splat(0);
    head(&frame, service);
    std.mem.writeInt(u16, frame[2..4], @intCast(payload.len), .little);
    @memcpy(frame[frames.request_head..][0..payload.len], payload);
    return sendFrame(frame[0 .. frames.request_head + payload.len]);
}

fn head(frame: []u8, service: u8) void {
    frame[0] = @intFromEnum(frames.Type.request);
    frame[1] = service;
    std.mem.writeInt(u64, frame[4..12], 2, .little);
    std.mem.writeInt(u32, frame[12..16], 1000, .little);
}

/// Permitted calls, as fast as they go. Refused: the bucket runs dry and says so.
pub fn flood() !Verdict {
    try connect();
    defer hangUp();
    for (0..flood_requests) |_| {
        try askHonestly();
        if (try streams.nextStatus(&line) == .refused) return .refused;
    }
    return .SUCCEEDED;
}
