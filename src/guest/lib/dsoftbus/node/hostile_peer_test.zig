//! A node whose peer keeps to the rules of streams, and on them says and does anything. The node
//! keeps its invariants, which its asserts look for, and its session.

const std = @import("std");
const testing = std.testing;
const codec = @import("../transfer_head.zig");
const edge = @import("edge.zig");
const fake = @import("hand_fake.zig");
const frames = @import("../frames.zig");
const ladder = @import("../mux_ladder.zig");
const marker = @import("contract").marker;
const mux_file = @import("../mux.zig");
const rpc = @import("../rpc.zig");
const wire = @import("wire");
const behalf = wire.behalf;
const front = wire.front;
const state = wire.state;

const sessions = 120;
const steps = 150;
const ms = std.time.ns_per_ms;
const request_bytes = frames.request_head + frames.request_payload_max;
const key = "/state/shared/k";
const names = [_][]const u8{
    "gateway", rpc.stream_name, codec.stream_name, "crossvm/control", "crossvm/bulk", "unknown",
};
const priorities = [names.len]u3{ 0, 0, 5, 0, 4, 0 };

var hand: fake.Hand = undefined;
var peer: mux_file.Mux = undefined;
/// The bytes that the peer has said on its streams, by their ids.
var said: [1024]usize = undefined;

/// What has happened, so that the test knows that it has done something.
const Seen = struct {
    asked: usize = 0,
    committed: usize = 0,
    read: usize = 0,
    heard: usize = 0,
    was_reset: usize = 0,
    climbed: usize = 0,
    answers: usize = 0,
};

fn begin(random: std.Random) !void {
    try hand.begin(.{});
    const config = &hand.node.config;
    config.is_proving = random.boolean();
    config.rpc = random.enumValue(rpc.Mode);
    const get = @intFromEnum(codec.inner(.get));
    config.rule_list[config.rule_count] = .{ .peer = 0, .service = 4, .opcode = get };
    config.rule_count += 1;
    said = @splat(0);
    try hand.dial();
    try hand.carry();
    peer.init(.dialler);
    peer.start();
}

/// Carry what both have to say. The peer answers or not, as it likes.
fn carry(random: std.Random, seen: *Seen) !void {
    var out: [mux_file.own.message_bytes_max]u8 = undefined;
    for (0..100) |_| {
        // The node asks for more a little later while a call is under way.
        const frame = if (hand.peer.hasRoom()) peer.nextFrame(&out) else null;
        if (frame) |bytes| try hand.peer.send(bytes);
        try hand.carry();
        const is_silent = frame == null and hand.frame_count == 0;
        while (hand.heard()) |bytes| {
            try hear(random, try peer.receive(bytes) orelse continue, seen);
        }
        if (is_silent) return;
    }
}

fn hear(random: std.Random, event: mux_file.Event, seen: *Seen) !void {
    seen.heard += 1;
    switch (event) {
        .opened => |stream| switch (random.uintLessThan(u8, 4)) {
            0 => {},
            1 => peer.reset(stream.id, .unknown_stream),
            else => peer.accept(stream.id),
        },
        .arrived => |data| {
            if (random.boolean()) peer.grant(data.id, data.bytes.len);
            const request = frames.decodeRequest(data.bytes) catch return;
            var buffer: [frames.response_head + frames.response_payload_max]u8 = undefined;
            const response = try frames.encodeResponse(&buffer, .{
                .status = .ok,
                .correlation = request.correlation,
                .payload = "SM",
            });
            if (random.boolean()) _ = peer.send(data.id, response);
        },
        .was_reset => seen.was_reset += 1,
        .settled, .acknowledged, .credited, .half_closed => {},
    }
}

fn some(random: std.Random) u32 {
    const used = peer.used();
    return if (used.len == 0) 0 else used[random.uintLessThan(usize, used.len)].id;
}

/// The place of a stream's name in `names`.
fn useOf(id: u32) usize {
    const stream = peer.find(id) orelse return names.len - 1;
    for (names, 0..) |name, use| if (std.mem.eql(u8, name, stream.name())) return use;
    return names.len - 1;
}

/// One thing that the peer, a service or a client of the node does.
fn act(random: std.Random, seen: *Seen) !void {
    switch (random.uintLessThan(u8, 32)) {
        0...3 => {
            const use = random.uintLessThan(usize, names.len);
            const is_wild = random.uintLessThan(u8, 8) == 0;
            _ = peer.open(names[use], if (is_wild) random.int(u3) else priorities[use]) catch {};
        },
        4...17 => try speak(random, some(random)),
        18 => close(some(random)),
        19 => peer.reset(some(random), random.enumValue(mux_file.Reason)),
        20...26 => try serve(random, seen),
        27, 28 => {
            var buffer: [front.request_bytes_max]u8 = undefined;
            const request = try front.encodeRequest(&buffer, .bundle_list);
            hand.node.onRequest(.{ .slot = 1, .sequence = 1 }, request);
        },
        else => hand.pass(random.uintLessThan(u64, 500 * ms)),
    }
}

/// Say something on this stream: mostly what fits its use, whole or in part.
fn speak(random: std.Random, id: u32) !void {
    var buffer: [frames.plaintext_bytes_max]u8 = undefined;
    random.bytes(&buffer);
    const request: frames.Request = .{
        .service = 1,
        .correlation = 5 << 32 | random.uintLessThan(u64, 4),
        .deadline_ms = random.uintLessThan(u32, 300),
        .payload = "SM\x01\x06\x06samgrd",
    };
    const is_fitting = random.uintLessThan(u8, 16) != 0;
    const use = if (is_fitting) useOf(id) else random.uintLessThan(usize, names.len);
    const bytes: []const u8 = switch (use) {
        0 => try frames.encodeRequest(buffer[0..request_bytes], request),
        1 => rpc.call(request, &buffer).?,
        2 => transferHead(random, &buffer),
        3, 4 => climb(&buffer, id, use),
        else => buffer[0..random.uintAtMost(usize, buffer.len)],
    };
    const is_whole = random.uintLessThan(u8, 16) != 0;
    const part = bytes[0..if (is_whole) bytes.len else random.uintAtMost(usize, bytes.len)];
    const taken = peer.send(id, part);
    if (id < said.len) said[id] += taken;
    if (use == 2 and random.boolean()) close(id);
}

/// A stream is accepted before it is closed.
fn close(id: u32) void {
    peer.accept(id);
    peer.close(id) catch {};
}

/// The next bytes of one of the ladder's two streams.
fn climb(out: []u8, id: u32, use: usize) []const u8 {
    const first: usize = if (use == 3) 32 else 96;
    const at = if (id < said.len) said[id] else 0;
    const bytes = out[0..if (at < first) first - at else 200];
    for (bytes, at..) |*byte, i| byte.* = ladder.patternAt(i, false, priorities[use]);
    return bytes;
}

fn transferHead(random: std.Random, out: []u8) []const u8 {
    const op = random.enumValue(codec.Op);
    const value_len: u32 = if (op == .put) random.uintAtMost(u32, 60) else 0;
    @memset(out[0..codec.head_bytes], 0);
    out[0..3].* = "ST\x01".*;
    out[3] = @intFromEnum(op);
    std.mem.writeInt(u64, out[4..12], 5 << 32 | random.uintLessThan(u64, 8), .little);
    std.mem.writeInt(u16, out[12..14], key.len, .little);
    std.mem.writeInt(u32, out[16..20], value_len, .little);
    @memcpy(out[codec.head_bytes..][0..key.len], key);
    const is_whole = random.uintLessThan(u8, 4) != 0;
    const sent_len = if (is_whole) value_len else random.uintAtMost(usize, value_len + 1);
    return out[0 .. codec.head_bytes + key.len + sent_len];
}

/// Answer what the node has asked of its services, or leave it unanswered.
fn serve(random: std.Random, seen: *Seen) !void {
    const is_there = random.uintLessThan(u8, 8) != 0;
    hand.outside.verdict = if (is_there) .sent else random.enumValue(edge.Asked);
    while (hand.outside.takeAsk()) |ask| {
        seen.asked += 1;
        if (random.uintLessThan(u8, 4) == 0) continue;
        var reply: [256]u8 = undefined;
        random.bytes(&reply);
        const call = if (ask.service == .statefsd) behalf.decodeCall(ask.request()) else null;
        const len = if (call) |asked| try storeReply(random, &reply, asked.frame, seen) else 40;
        hand.node.onReply(ask.service, ask.ticket, reply[0..len]);
    }
}

fn storeReply(random: std.Random, out: *[256]u8, frame: []const u8, seen: *Seen) !usize {
    const request = state.decodeRequest(frame).request;
    seen.committed += @intFromBool(request.op == .txn_commit);
    seen.read += @intFromBool(request.op == .read);
    const is_ok = random.uintLessThan(u8, 4) != 0;
    behalf.encodeReplyHead(out[0..behalf.reply_head_bytes], .now);
    const room = out[behalf.reply_head_bytes..];
    const status: state.Status = if (is_ok) .ok else random.enumValue(state.Status);
    var writer = try state.startReply(room, request.op, status, request.nonce);
    if (request.op == .read) try state.putPiece(&writer, .{
        .total = 3 + random.uintLessThan(u32, 4),
        .version = random.uintLessThan(u64, 2),
        .bytes = "abcdef"[0..random.uintAtMost(usize, 6)],
    });
    if (request.op == .txn_begin) try writer.put(&@as([8]u8, @splat(7)));
    return behalf.reply_head_bytes + writer.done().len;
}

test "whatever a peer says on its streams, the node and its session stand" {
    var seen: Seen = .{};
    for (0..sessions) |seed| {
        var prng = std.Random.DefaultPrng.init(seed);
        const random = prng.random();
        try begin(random);
        for (0..steps) |_| {
            try act(random, &seen);
            try carry(random, &seen);
            seen.climbed += hand.printed(marker.ladder_data);
            hand.outside.lines.len = 0;
            hand.outside.records.len = 0;
            try testing.expect(hand.node.lines.readyFor(0) != null);
        }
        seen.answers += hand.outside.answers;
    }
    // The test has really done something.
    try testing.expect(seen.asked > 5 * sessions and seen.heard > 40 * sessions);
    try testing.expect(seen.committed != 0 and seen.read > 10 and seen.climbed != 0);
    try testing.expect(seen.was_reset > 10 * sessions and seen.answers > 3 * sessions);
}
