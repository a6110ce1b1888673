//! Frames of the streams inside a session, as bytes. The schema has the places of their fields;
//! docs/spec/streams.md says what they mean.

const std = @import("std");
const layout = @import("contract").mux;

/// The bounds of every session; a side says in its SETTINGS what it really accepts.
pub const data_bytes_max = layout.data_bytes_max;
pub const name_bytes_max = layout.name_bytes_max;
pub const settings_bytes = layout.SettingsFrameHead.bytes;
pub const open_head = layout.OpenFrameHead.bytes;
pub const data_head = layout.DataFrameHead.bytes;
pub const message_bytes_least = layout.message_bytes_least;
pub const message_bytes_most = layout.message_bytes_most;
pub const priorities = layout.priority_max + 1;

pub const Type = layout.Type;

/// The reason for which a stream is reset.
pub const Reason = layout.ResetReason;

/// Every error by which streams end their session.
pub const Reject = layout.Reject;
pub const label = layout.rejectText;

pub const Settings = struct {
    /// Streams that the other side may have open.
    streams_max: u16,
    /// The longest plaintext that this side accepts.
    message_bytes_max: u32,
    /// The number of bytes that the other side may send on a new stream.
    initial_credit: u32,
};

pub const Open = struct { id: u32, priority: u3, name: []const u8 };

pub const Frame = union(enum) {
    settings: Settings,
    open: Open,
    open_ack: u32,
    data: struct { id: u32, bytes: []const u8 },
    credit: struct { id: u32, bytes: u32 },
    close: u32,
    reset: struct { id: u32, reason: Reason },
};

/// Judge shape and ranges; `mux` judges what a frame means for its stream.
pub fn decode(frame: []const u8) Reject!Frame {
    if (frame.len == 0) return error.MalformedFrame;
    return switch (@as(Type, @enumFromInt(frame[0]))) {
        .settings => .{ .settings = try decodeSettings(frame) },
        .open => .{ .open = try decodeOpen(frame) },
        .open_ack => .{ .open_ack = (try exactly(layout.OpenAckFrameHead, frame)).stream },
        .data => {
            if (frame.len <= data_head) return error.MalformedFrame;
            if (frame.len > data_head + data_bytes_max) return error.FrameOversize;
            return .{ .data = .{
                .id = layout.DataFrameHead.read(frame[0..data_head]).stream,
                .bytes = frame[data_head..],
            } };
        },
        .credit => {
            const head = try exactly(layout.CreditFrameHead, frame);
            return .{ .credit = .{ .id = head.stream, .bytes = head.count } };
        },
        .close => .{ .close = (try exactly(layout.CloseFrameHead, frame)).stream },
        .reset => {
            const head = try exactly(layout.ResetFrameHead, frame);
            return .{ .reset = .{ .reason = @enumFromInt(head.reason), .id = head.stream } };
        },
        _ => error.MalformedFrame,
    };
}

/// A frame that consists of a head alone.
fn exactly(Head: type, frame: []const u8) Reject!Head {
    if (frame.len != Head.bytes or !Head.holds(frame[0..Head.bytes])) return error.MalformedFrame;
    return Head.read(frame[0..Head.bytes]);
}

fn decodeSettings(frame: []const u8) Reject!Settings {
    const head = try exactly(layout.SettingsFrameHead, frame);
    const bytes = head.message_bytes_max;
    if (bytes < message_bytes_least or bytes > message_bytes_most) return error.MalformedFrame;
    return .{
        .streams_max = head.streams_max,
        .message_bytes_max = bytes,
        .initial_credit = head.initial_credit,
    };
}

fn decodeOpen(frame: []const u8) Reject!Open {
    if (frame.len < open_head) return error.MalformedFrame;
    const head = layout.OpenFrameHead.read(frame[0..open_head]);
    const name = frame[open_head..];
    if (head.priority >= priorities or name.len != head.name_length) return error.MalformedFrame;
    if (name.len == 0 or name.len > name_bytes_max) return error.InvalidStreamName;
    if (!std.unicode.utf8ValidateSlice(name)) return error.InvalidStreamName;
    return .{ .id = head.stream, .priority = @intCast(head.priority), .name = name };
}

/// `out` holds `data_head` and the data, and never less than `open_head + name_bytes_max`.
pub fn encode(out: []u8, frame: Frame) []u8 {
    switch (frame) {
        .settings => |settings| return write(out, layout.SettingsFrameHead{
            .streams_max = settings.streams_max,
            .message_bytes_max = settings.message_bytes_max,
            .initial_credit = settings.initial_credit,
        }, ""),
        .open => |open| return write(out, layout.OpenFrameHead{
            .stream = open.id,
            .priority = open.priority,
            .name_length = @intCast(open.name.len),
        }, open.name),
        .data => |data| return write(out, layout.DataFrameHead{ .stream = data.id }, data.bytes),
        .credit => |credit| return write(out, layout.CreditFrameHead{
            .stream = credit.id,
            .count = credit.bytes,
        }, ""),
        .open_ack => |id| return write(out, layout.OpenAckFrameHead{ .stream = id }, ""),
        .close => |id| return write(out, layout.CloseFrameHead{ .stream = id }, ""),
        .reset => |reset| return write(out, layout.ResetFrameHead{
            .stream = reset.id,
            .reason = @intFromEnum(reset.reason),
        }, ""),
    }
}

fn write(out: []u8, head: anytype, tail: []const u8) []u8 {
    const bytes = @TypeOf(head).bytes;
    head.write(out[0..bytes]);
    @memcpy(out[bytes..][0..tail.len], tail);
    return out[0 .. bytes + tail.len];
}

const golden = [_]struct { []const u8, Frame }{
    .{
        "\x10\x01\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00",
        .{ .settings = .{ .streams_max = 16, .message_bytes_max = 1024, .initial_credit = 4096 } },
    },
    .{
        "\x11\x01\x00\x00\x00\x04\x04bulk",
        .{ .open = .{ .id = 1, .priority = 4, .name = "bulk" } },
    },
    .{ "\x12\x01\x00\x00\x00", .{ .open_ack = 1 } },
    .{ "\x13\x02\x00\x00\x00x", .{ .data = .{ .id = 2, .bytes = "x" } } },
    .{ "\x14\x02\x00\x00\x00\x00\x10\x00\x00", .{ .credit = .{ .id = 2, .bytes = 4096 } } },
    .{ "\x15\x02\x00\x00\x00", .{ .close = 2 } },
    .{ "\x16\x02\x00\x00\x00\x01", .{ .reset = .{ .id = 2, .reason = .unknown_stream } } },
};

test "every frame is read and written" {
    for (golden) |row| {
        var out: [128]u8 = undefined;
        try std.testing.expectEqualSlices(u8, row[0], encode(&out, row[1]));
        try std.testing.expectEqualDeep(row[1], try decode(row[0]));
    }
}

test "every truncation and every longer frame is malformed" {
    for (golden) |row| {
        var longer: [128]u8 = @splat(0);
        @memcpy(longer[0..row[0].len], row[0]);
        for (0..row[0].len) |len| {
            try std.testing.expectError(error.MalformedFrame, decode(row[0][0..len]));
        }
        if (row[1] == .data) continue;
        try std.testing.expectError(error.MalformedFrame, decode(longer[0 .. row[0].len + 1]));
    }
}

test "values out of range are refused" {
    const Row = struct { []const u8, Reject };
    for ([_]Row{
        .{ "\x0f", error.MalformedFrame },
        .{ "\x17\x01\x00\x00\x00", error.MalformedFrame },
        .{ "\x10\x02\x10\x00\x00\x04\x00\x00\x00\x10\x00\x00", error.MalformedFrame },
        .{ "\x10\x01\x10\x00\xff\x01\x00\x00\x00\x10\x00\x00", error.MalformedFrame },
        .{ "\x10\x01\x10\x00\xf0\xff\x00\x00\x00\x10\x00\x00", error.MalformedFrame },
        .{ "\x11\x01\x00\x00\x00\x08\x01a", error.MalformedFrame },
        .{ "\x11\x01\x00\x00\x00\x00\x00", error.InvalidStreamName },
        .{ "\x11\x01\x00\x00\x00\x00\x01\xff", error.InvalidStreamName },
        .{ "\x11\x01\x00\x00\x00\x00\x41" ++ "a" ** 65, error.InvalidStreamName },
        .{ "\x13\x01\x00\x00\x00" ++ "a" ** 32769, error.FrameOversize },
    }) |row| try std.testing.expectError(row[1], decode(row[0]));
    _ = try decode("\x11\x01\x00\x00\x00\x07\x40" ++ "a" ** 64);
    _ = try decode("\x13\x01\x00\x00\x00" ++ "a" ** 32768);
}
