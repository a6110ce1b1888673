//! One connection by itself, with a clock and a peer that are a test's hand.

const std = @import("std");
const testing = std.testing;
const connection = @import("connection.zig");
const segment = @import("segment.zig");
const tcp_input = @import("tcp_input.zig");
const tcp_output = @import("tcp_output.zig");
const Connection = connection.Connection;
const Segment = segment.Segment;
const State = connection.State;
const ms = std.time.ns_per_ms;

/// Close to the wrap on both sides.
pub const iss: u32 = 0xFFFF_FFFE;

pub const irs: u32 = 0xFFFF_FFF0;
pub var c: Connection = .{};
pub var now: u64 = 0;

pub fn begin(state: State) void {
    c.reset();
    now = 1000 * ms;
    c.holder = .user;
    c.remote = .{ .ip = 1, .port = 2 };
    c.open(state, iss, now);
}

pub const What = struct {
    seq: u32 = 0,
    ack: u32 = 0,
    flags: segment.Flags = .{ .ack = true },
    window: u16 = 4096,
    mss: ?u16 = null,
    data: []const u8 = "",
};

/// Numbers count from the first of each side: its SYN is 0.
pub fn hear(what: What) tcp_input.Verdict {
    const seg: Segment = .{
        .source_port = 2,
        .target_port = 3,
        .seq = irs +% what.seq,
        .ack = if (what.flags.ack) iss +% what.ack else 0,
        .flags = what.flags,
        .window = what.window,
        .mss = what.mss,
        .data = what.data,
    };
    return tcp_input.input(&c, seg, now);
}

pub fn expectDone(verdict: tcp_input.Verdict) !void {
    try testing.expectEqual(tcp_input.Verdict.done, verdict);
}

pub const Said = struct {
    seq: u32,
    ack: u32 = 0,
    flags: segment.Flags = .{ .ack = true },
    window: u16 = 4096,
    mss: ?u16 = null,
    len: usize = 0,
};

pub fn expectSaid(want: ?Said) !void {
    const said = tcp_output.output(&c, now);
    const wanted = want orelse return testing.expectEqual(null, said);
    const out = said orelse return error.Silent;
    try testing.expectEqual(iss +% wanted.seq, out.seq);
    const has_ack = wanted.flags.ack;
    try testing.expectEqual(if (has_ack) irs +% wanted.ack else 0, out.ack);
    try testing.expectEqual(wanted.flags, out.flags);
    try testing.expectEqual(wanted.window, out.window);
    try testing.expectEqual(wanted.mss, out.mss);
    try testing.expectEqual(wanted.len, out.data_len);
}

pub const syn: segment.Flags = .{ .syn = true };
pub const syn_ack: segment.Flags = .{ .syn = true, .ack = true };
pub const fin_ack: segment.Flags = .{ .fin = true, .ack = true };
pub const our_syn: Said = .{ .seq = 0, .flags = syn, .mss = 1460 };
pub const our_syn_ack: Said = .{ .seq = 0, .ack = 1, .flags = syn_ack, .mss = 1460 };

/// We have called, and the peer has answered.
pub fn establish() !void {
    begin(.syn_sent);
    try expectSaid(our_syn);
    try expectDone(hear(.{ .ack = 1, .flags = syn_ack, .mss = 1460 }));
    try expectSaid(.{ .seq = 1, .ack = 1 });
    try expectSaid(null);
    try testing.expectEqual(State.established, c.state);
}

/// Both sides have called, and the peer has heard nothing of us yet.
pub fn meet() !void {
    begin(.syn_sent);
    try expectSaid(our_syn);
    try expectDone(hear(.{ .flags = syn, .mss = 1460 }));
    try testing.expectEqual(State.syn_received, c.state);
    try expectSaid(our_syn_ack);
}

pub fn expectRead(text: []const u8) !void {
    var out: [16]u8 = undefined;
    const count = try c.read(&out);
    try testing.expectEqualStrings(text, out[0..count]);
}
