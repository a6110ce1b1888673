//! The ladder between two joined cores, and what makes it fail.

const std = @import("std");
const mux_file = @import("mux.zig");
const frames = @import("mux_frames.zig");
const ladder_file = @import("mux_ladder.zig");
const Mux = mux_file.Mux;
const Ladder = ladder_file.Ladder;
const Milestone = ladder_file.Milestone;

const Node = struct {
    mux: Mux,
    ladder: Ladder,
    told: [8]Milestone = undefined,
    told_count: usize = 0,

    fn begin(self: *Node, side: mux_file.Side) void {
        self.* = .{ .mux = undefined, .ladder = .{ .side = side, .started_ns = 0 } };
        self.mux.init(side);
        self.mux.start();
    }

    fn hear(self: *Node, frame: []const u8) !void {
        const event = try self.mux.receive(frame) orelse return;
        if (event == .settled) self.ladder.begin(&self.mux) else {
            try std.testing.expect(self.ladder.take(&self.mux, event));
        }
        self.note();
    }

    fn note(self: *Node) void {
        while (self.ladder.news()) |milestone| {
            self.told[self.told_count] = milestone;
            self.told_count += 1;
        }
    }

    fn expectTold(self: *const Node, want: []const Milestone) !void {
        try std.testing.expectEqualSlices(Milestone, want, self.told[0..self.told_count]);
    }
};

var a: Node = undefined;
var b: Node = undefined;

/// DATA frames that passed, and one to be changed on the way.
const Wire = struct {
    passed: usize = 0,
    bad_frame: ?usize = null,
    data: [64]u8 = undefined,
    /// How many bytes each of these carries.
    sizes: [64]usize = undefined,
    data_count: usize = 0,

    /// One frame, if there is one.
    fn pass(self: *Wire, from: *Node, to: *Node) !bool {
        var out: [mux_file.own.message_bytes_max]u8 = undefined;
        from.ladder.advance(&from.mux);
        from.note();
        const frame = from.mux.nextFrame(&out) orelse return false;
        if (frame[0] == @intFromEnum(frames.Type.data)) {
            if (self.bad_frame == self.passed) frame[frame.len - 1] ^= 1;
            self.passed += 1;
        }
        const is_data = frame[0] == @intFromEnum(frames.Type.data);
        if (from == &a and is_data and self.data_count < self.data.len) {
            self.data[self.data_count] = if (frame[1] == 1) 'c' else 'b';
            self.sizes[self.data_count] = frame.len - frames.data_head;
            self.data_count += 1;
        }
        try to.hear(frame);
        return true;
    }

    fn run(self: *Wire) !void {
        a.begin(.dialler);
        b.begin(.acceptor);
        var moved = true;
        while (moved) {
            moved = false;
            while (try self.pass(&a, &b)) moved = true;
            while (try self.pass(&b, &a)) moved = true;
        }
    }
};

const all_well = [_]Milestone{ .session_up, .data_ok, .control_ok, .bulk_ok, .backpressure_ok };

test "both sides reach every step" {
    var wire: Wire = .{};
    try wire.run();
    try a.expectTold(&all_well);
    try b.expectTold(&all_well);
    // A burst of control, one of bulk, the rest of control, the rest of bulk, what lies beyond.
    try std.testing.expectEqualStrings(
        "ccccccccb" ++ "ccccccccb" ++ "bbbb",
        wire.data[0 .. 18 + 4],
    );
    for (wire.data[0..22], wire.sizes[0..22]) |kind, size| {
        try std.testing.expectEqual(@as(usize, if (kind == 'c') 2 else 16), size);
    }
    try std.testing.expectEqual(4096 + 512, a.ladder.bulk.got);
    try std.testing.expectEqual(4096 + 512, b.ladder.bulk.got);
    for (&a.mux.streams.all) |*stream| try std.testing.expectEqual(0, stream.id);
    for (&b.mux.streams.all) |*stream| try std.testing.expectEqual(0, stream.id);
}

test "a side that is through does not fail by a reset before its CLOSE has left" {
    a.begin(.dialler);
    b.begin(.acceptor);
    var wire: Wire = .{};
    // B is ahead, so that A is through as soon as its last data has left.
    while (a.ladder.isRunning()) : (a.ladder.advance(&a.mux)) {
        _ = try wire.pass(&a, &b);
        while (try wire.pass(&b, &a)) {}
    }
    try std.testing.expect(a.mux.find(a.ladder.bulk.id) != null);
    b.mux.reset(b.ladder.bulk.id, .unwanted);
    try a.hear(b.mux.nextFrame(&frame_buffer).?);
    try a.expectTold(&all_well);
    try std.testing.expectEqual(.done, a.ladder.state);
}

test "a wrong byte anywhere is seen: no later milestone than what went before" {
    var wire: Wire = .{};
    try wire.run();
    for (0..wire.passed) |bad| {
        var damaged: Wire = .{ .bad_frame = bad };
        try damaged.run();
        try std.testing.expect(a.ladder.state == .failed or b.ladder.state == .failed);
        for ([_]*Node{ &a, &b }) |node| {
            if (node.ladder.state == .failed)
                try std.testing.expectEqual(.failed, node.told[node.told_count - 1]);
        }
    }
}

test "without priorities the order shows it" {
    a.begin(.dialler);
    b.begin(.acceptor);
    var wire: Wire = .{};
    // As if the sender knew no bursts: bulk waits until control is through.
    while (a.ladder.state != .stalling and a.ladder.state != .failed) {
        a.mux.schedule.burst = 0;
        _ = try wire.pass(&a, &b);
        b.mux.schedule.burst = 0;
        _ = try wire.pass(&b, &a);
        if (b.ladder.state == .failed) break;
    }
    try b.expectTold(&.{ .session_up, .data_ok, .control_ok, .failed });
}

test "a peer that knows no ladder, and one that never answers" {
    a.begin(.dialler);
    b.begin(.acceptor);
    try b.hear(a.mux.nextFrame(&frame_buffer).?);
    try a.hear(b.mux.nextFrame(&frame_buffer).?);
    const open = (try b.mux.receive(a.mux.nextFrame(&frame_buffer).?)).?.opened;
    b.mux.reset(open.id, .unknown_stream);
    try a.hear(b.mux.nextFrame(&frame_buffer).?);
    try a.expectTold(&.{});
    try std.testing.expect(a.ladder.letsCall(0));

    a.begin(.dialler);
    try std.testing.expectEqual(ladder_file.time_ns, a.ladder.deadline(0));
    try std.testing.expect(!a.ladder.letsCall(ladder_file.time_ns));
    a.ladder.expire(&a.mux, ladder_file.time_ns - 1);
    try std.testing.expect(a.ladder.isRunning());
    a.ladder.expire(&a.mux, ladder_file.time_ns);
    a.note();
    try a.expectTold(&.{.failed});
    // An acceptor was not promised one.
    b.begin(.acceptor);
    try std.testing.expectEqual(ladder_file.quiet_ns, b.ladder.deadline(0));
    try std.testing.expect(!b.ladder.letsCall(ladder_file.quiet_ns - 1));
    try std.testing.expect(b.ladder.letsCall(ladder_file.quiet_ns));
    b.ladder.expire(&b.mux, ladder_file.time_ns);
    b.note();
    try b.expectTold(&.{});
    try std.testing.expect(!b.ladder.isRunning());
}

var frame_buffer: [mux_file.own.message_bytes_max]u8 = undefined;
