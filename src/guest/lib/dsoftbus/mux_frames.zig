//! Frames of the streams inside a session, as bytes. The table is in docs/spec/streams.md.

const std = @import("std");
const contract = @import("contract");
const readInt = std.mem.readInt;
const writeInt = std.mem.writeInt;

pub const version = contract.mux.version;
/// Of every kind of session; what a side really accepts it says in its SETTINGS.
pub const data_bytes_max = contract.mux.data_bytes_max;
pub const name_bytes_max = contract.mux.name_bytes_max;
pub const settings_bytes = 12;
pub const open_head = 7;
pub const data_head = contract.mux.data_head_bytes;
pub const message_bytes_least = contract.mux.message_bytes_least;
pub const message_bytes_most = contract.mux.message_bytes_most;
pub const priorities = contract.mux.priority_max + 1;

pub const Type = contract.mux.Type;

/// Why a stream is reset.
pub const Reason = contract.mux.ResetReason;

/// Everything that ends a session on account of its streams.
pub const Reject = contract.mux.Reject;
pub const label = contract.mux.rejectText;

pub const Settings = struct {
    /// Streams that the other side may have open.
    streams_max: u16,
    /// Longest plaintext accepted.
    message_bytes_max: u32,
    /// What may be sent on a new stream.
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

/// Shape and ranges; what a frame means for its stream is `mux`'s to say.
pub fn decode(frame: []const u8) Reject!Frame {
    if (frame.len == 0) return error.MalformedFrame;
    return switch (@as(Type, @enumFromInt(frame[0]))) {
        .settings => .{ .settings = try decodeSettings(frame) },
        .open => .{ .open = try decodeOpen(frame) },
        .open_ack => .{ .open_ack = readInt(u32, try exactly(5, frame), .little) },
        .data => {
            if (frame.len <= data_head) return error.MalformedFrame;
            if (frame.len > data_head + data_bytes_max) return error.FrameOversize;
            return .{ .data = .{
                .id = readInt(u32, frame[1..5], .little),
                .bytes = frame[data_head..],
            } };
        },
        .credit => {
            const bytes = (try exactly(9, frame))[4..8];
            return .{ .credit = .{
                .id = readInt(u32, frame[1..5], .little),
                .bytes = readInt(u32, bytes, .little),
            } };
        },
        .close => .{ .close = readInt(u32, try exactly(5, frame), .little) },
        .reset => .{ .reset = .{
            .reason = @enumFromInt((try exactly(6, frame))[4]),
            .id = readInt(u32, frame[1..5], .little),
        } },
        _ => error.MalformedFrame,
    };
}

/// What follows the type byte of a frame of just this length.
fn exactly(comptime len: usize, frame: []const u8) Reject!*const [len - 1]u8 {
    if (frame.len != len) return error.MalformedFrame;
    return frame[1..len];
}

fn decodeSettings(frame: []const u8) Reject!Settings {
    const body = try exactly(settings_bytes, frame);
    const settings: Settings = .{
        .streams_max = readInt(u16, body[1..3], .little),
        .message_bytes_max = readInt(u32, body[3..7], .little),
        .initial_credit = readInt(u32, body[7..11], .little),
    };
    const bytes = settings.message_bytes_max;
    if (body[0] != version) return error.MalformedFrame;
    if (bytes < message_bytes_least or bytes > message_bytes_most) return error.MalformedFrame;
    return settings;
}

fn decodeOpen(frame: []const u8) Reject!Open {
    if (frame.len < open_head or frame[5] >= priorities) return error.MalformedFrame;
    const name = frame[open_head..];
    if (name.len != frame[6]) return error.MalformedFrame;
    if (name.len == 0 or name.len > name_bytes_max) return error.InvalidStreamName;
    if (!std.unicode.utf8ValidateSlice(name)) return error.InvalidStreamName;
    return .{
        .id = readInt(u32, frame[1..5], .little),
        .priority = @intCast(frame[5]),
        .name = name,
    };
}

/// `out` holds `data_head` and the data, and never less than `open_head + name_bytes_max`.
pub fn encode(out: []u8, frame: Frame) []u8 {
    out[0] = @intFromEnum(@as(Type, switch (frame) {
        inline else => |_, tag| @field(Type, @tagName(tag)),
    }));
    switch (frame) {
        .settings => |settings| {
            out[1] = version;
            writeInt(u16, out[2..4], settings.streams_max, .little);
            writeInt(u32, out[4..8], settings.message_bytes_max, .little);
            writeInt(u32, out[8..12], settings.initial_credit, .little);
            return out[0..settings_bytes];
        },
        .open => |open| {
            writeInt(u32, out[1..5], open.id, .little);
            out[5] = open.priority;
            out[6] = @intCast(open.name.len);
            @memcpy(out[open_head..][0..open.name.len], open.name);
            return out[0 .. open_head + open.name.len];
        },
        .data => |data| {
            writeInt(u32, out[1..5], data.id, .little);
            @memcpy(out[data_head..][0..data.bytes.len], data.bytes);
            return out[0 .. data_head + data.bytes.len];
        },
        .credit => |credit| {
            writeInt(u32, out[1..5], credit.id, .little);
            writeInt(u32, out[5..9], credit.bytes, .little);
            return out[0..9];
        },
        .open_ack, .close => |id| {
            writeInt(u32, out[1..5], id, .little);
            return out[0..5];
        },
        .reset => |reset| {
            writeInt(u32, out[1..5], reset.id, .little);
            out[5] = @intFromEnum(reset.reason);
            return out[0..6];
        },
    }
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

test "every frame, both ways" {
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

test "values out of range" {
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
