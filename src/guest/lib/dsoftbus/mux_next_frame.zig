//! The next frame of one side of the streams: SETTINGS first, then frames about streams, then their
//! data by priority, and CLOSE behind the data.

const std = @import("std");
const frames = @import("mux_frames.zig");
const mux = @import("mux.zig");
const Mux = mux.Mux;
const Stream = mux.Stream;

/// The next frame for the peer, in `out`, which holds at least `message_bytes_least`.
pub fn nextFrame(self: *Mux, out: []u8) ?[]u8 {
    std.debug.assert(out.len >= frames.message_bytes_least);
    if (!self.authenticated or self.is_quiet) return null;
    const frame = next(self, out);
    self.is_quiet = frame == null;
    // The peer has said how long a frame may be. A longer one would make it end the session.
    if (self.peer) |peer| if (frame) |said| std.debug.assert(said.len <= peer.message_bytes_max);
    self.check();
    return frame;
}

fn next(self: *Mux, out: []u8) ?[]u8 {
    if (!self.said_settings) {
        self.said_settings = true;
        return frames.encode(out, .{ .settings = mux.own });
    }
    const peer = self.peer orelse return null;
    if (nextReset(self, out) orelse nextOpen(self, out)) |frame| return frame;
    for (self.used()) |*stream| {
        if (stream.id == 0 or stream.say_reset != null) continue;
        if (nextOfStream(stream, out)) |frame| return frame;
    }
    const stream = self.schedule.next(self.used()) orelse return null;
    const longest = @min(out.len, peer.message_bytes_max) - frames.data_head;
    const data = stream.take(out[frames.data_head..][0..@min(longest, stream.data_max)]);
    const id = stream.id;
    out[0] = @intFromEnum(frames.Type.data);
    std.mem.writeInt(u32, out[1..5], id, .little);
    return out[0 .. frames.data_head + data.len];
}

fn nextReset(self: *Mux, out: []u8) ?[]u8 {
    for (self.used()) |*stream| {
        if (stream.id == 0) continue;
        const reason = stream.say_reset orelse continue;
        defer stream.release();
        return frames.encode(out, .{ .reset = .{ .id = stream.id, .reason = reason } });
    }
    return null;
}

/// Ids must increase on the wire, whatever places the streams have.
fn nextOpen(self: *Mux, out: []u8) ?[]u8 {
    var first: ?*Stream = null;
    for (self.used()) |*stream| {
        if (stream.id == 0 or !stream.say_open) continue;
        if (first == null or stream.id < first.?.id) first = stream;
    }
    const stream = first orelse return null;
    stream.say_open = false;
    self.mine_known = stream.id;
    return frames.encode(out, .{ .open = .{
        .id = stream.id,
        .priority = stream.priority,
        .name = stream.name(),
    } });
}

fn nextOfStream(stream: *Stream, out: []u8) ?[]u8 {
    if (stream.say_acknowledge) {
        stream.say_acknowledge = false;
        return frames.encode(out, .{ .open_ack = stream.id });
    }
    // Credit does not go back for every byte: with half of it left, the peer does not stand still.
    const spoken_of = stream.mine or stream.acknowledged;
    if (spoken_of and stream.owed >= mux.own.initial_credit / 2) {
        const bytes = stream.owed;
        stream.window += bytes;
        stream.owed = 0;
        return frames.encode(out, .{ .credit = .{ .id = stream.id, .bytes = bytes } });
    }
    if (stream.closing and !stream.close_sent and stream.len == 0) {
        stream.close_sent = true;
        const frame = frames.encode(out, .{ .close = stream.id });
        if (stream.isOver()) stream.release();
        return frame;
    }
    return null;
}
