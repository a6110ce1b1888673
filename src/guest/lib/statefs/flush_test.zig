//! One table for the guest and the host: what reaches the disk at each step, and where a flush
//! stands. The host's `flush_test.py` reads the same lines, so a case that is added here is asked
//! of both.
//!
//! `STEP; STEP | EVENTS; EVENTS`: a step is `put KEY LENGTH`, `delete KEY`, `txn KEY LENGTH ...`,
//! `sync`, `compact` or `open`. Its events are sectors that were written, `2-5` for several in a
//! row, `F` for a flush, and `-` for none. Sectors of zeros are left out: how much of a region is
//! cleared anew depends on what an engine knows of it.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");

const cases =
    \\put a 9; sync; sync | 0; F 0; -
    \\put a 9; put b 2; sync | 0; 0; F 0
    \\put a 600; put b 2; sync; put c 1 | 0-1; 1; F 1; 1
    \\put a 497; sync; put b 3; sync | 0-1; F 1; 1; F 1
    \\put a 9; sync; open; put b 3; sync; put c 4; sync | 0; F 0; -; 0; F 0; 0; F 0
    \\put a 9; sync; compact; put b 2; sync; compact; sync | 0; F 0; 36 F 0 F; 36; F 36; 1 F 0 F; -
    \\put a 9; compact; compact | 0; 36 F 0 F; 1 F 0 F
    \\put a 9; put a 8; delete a; sync | 0; 0; 0; F 0
    \\txn a 3 b 4; sync | 0 0 0 0; F 0
    \\put a 9; sync; txn a 600 b 4; sync; open; sync | 0; F 0; 0 0-1 1 1; F 1; -; F
    \\put a 4000; put b 4000; sync; compact; put c 9; sync; delete b; compact | 0-7; 7-15; F 15; 36-51 F 0 F; 51; F 51; 51; 1-8 F 0 F
    \\txn a 4000 b 4000; txn a 1; delete b; sync | 0 0-7 7-15 15; 15 15 15; 15-16; F 16
    \\put a 9; sync; put b 470; sync; put c 1; sync | 0; F 0; 0-1; F 1; 1; F 1
    \\put a 9; sync; put b 471; sync; put c 1; sync | 0; F 0; 0-1; F 1; 1; F 1
    \\put a 9; sync; put b 472; sync; put c 1; sync | 0; F 0; 0-1; F 1; 1; F 1
    \\sync | F
    \\open; sync | -; F
    \\put a 9; open; put b 9; sync | 0; -; 0; F 0
    \\compact; put a 1; sync | 36 F 0 F; 36; F 36
    \\put a 9; sync; delete a; compact; sync | 0; F 0; 0; 36 F 0 F; -
    \\put a 9; compact; open; put b 2; sync; put c 1; sync | 0; 36 F 0 F; -; 36; F 36; 36; F 36
    \\put a 9; compact; compact; open; put b 2; compact | 0; 36 F 0 F; 1 F 0 F; -; 1; 36 F 0 F
;

const disk_sectors = 72;
const log_bytes_max = 400;

/// Notes what is done to it, in the table's words.
const Device = struct {
    bytes: [disk_sectors * 512]u8 = @splat(0),
    log: [log_bytes_max]u8 = undefined,
    len: usize = 0,
    /// Sectors written in a row that are not noted yet.
    run: ?[2]u64 = null,

    pub fn sectors(_: *const Device) u64 {
        return disk_sectors;
    }

    pub fn read(self: *Device, sector: u64, buffer: []u8) error{Broken}!void {
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Device, sector: u64, bytes: []const u8) error{Broken}!void {
        @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
        if (std.mem.allEqual(u8, bytes, 0)) return;
        const last = sector + bytes.len / 512 - 1;
        if (self.run) |*before| {
            if (before[1] + 1 == sector) {
                before[1] = last;
                return;
            }
        }
        self.noteRun();
        self.run = .{ sector, last };
    }

    pub fn flush(self: *Device) error{Broken}!void {
        self.noteRun();
        self.note("F", .{});
    }

    fn noteRun(self: *Device) void {
        const first, const last = self.run orelse return;
        self.run = null;
        if (last == first) self.note("{d}", .{first}) else self.note("{d}-{d}", .{ first, last });
    }

    fn note(self: *Device, comptime format: []const u8, args: anytype) void {
        const space = if (self.len == 0) "" else " ";
        const text = std.fmt.bufPrint(self.log[self.len..], "{s}" ++ format, .{space} ++ args) catch
            unreachable;
        self.len += text.len;
    }

    fn taken(self: *Device) []const u8 {
        self.noteRun();
        defer self.len = 0;
        return if (self.len == 0) "-" else self.log[0..self.len];
    }
};

var device: Device = undefined;
var pool: [64 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var engine: root.Store(Device) = undefined;

fn keyOf(word: []const u8) [8]u8 {
    return "/state/".* ++ [1]u8{word[0]};
}

fn run(step: []const u8) !void {
    var words = std.mem.tokenizeScalar(u8, step, ' ');
    const verb = words.next().?;
    var value: [4096]u8 = undefined;
    if (std.mem.eql(u8, verb, "sync")) return engine.sync();
    if (std.mem.eql(u8, verb, "compact")) return testing.expect(try engine.compact());
    if (std.mem.eql(u8, verb, "open")) return engine.open(&device, &pool, &items);
    if (std.mem.eql(u8, verb, "delete")) {
        return testing.expect(try engine.delete(&keyOf(words.next().?)));
    }
    const is_put = std.mem.eql(u8, verb, "put");
    const txn = if (is_put) 0 else try engine.begin();
    while (words.next()) |key| {
        const len = try std.fmt.parseUnsigned(usize, words.next().?, 10);
        @memset(&value, key[0]);
        if (is_put) {
            try engine.put(&keyOf(key), value[0..len]);
        } else try engine.putChunk(txn, &keyOf(key), value[0..len]);
    }
    if (!is_put) try engine.commit(txn);
}

test "what reaches the disk, and where a flush stands" {
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        const bar = std.mem.indexOf(u8, line, " | ").?;
        var steps = std.mem.splitSequence(u8, line[0..bar], "; ");
        var events = std.mem.splitSequence(u8, line[bar + 3 ..], "; ");
        device = .{};
        try engine.open(&device, &pool, &items);
        try testing.expectEqualStrings("-", device.taken());
        while (steps.next()) |step| {
            errdefer std.debug.print("{s}: {s}\n", .{ line, step });
            try run(step);
            try testing.expectEqualStrings(events.next().?, device.taken());
        }
        try testing.expectEqual(null, events.next());
    }
}

test "what an engine knew of one disk it does not believe of the next" {
    device = .{};
    try engine.open(&device, &pool, &items);
    for ([_][]const u8{ "put a 9", "compact", "compact" }) |step| try run(step);
    device = .{};
    const rest = device.bytes[40 * 512 ..][0..512];
    @memset(rest, 0xAA); // left there by an earlier user, behind where a snapshot will be
    try engine.open(&device, &pool, &items);
    for ([_][]const u8{ "put a 9", "compact" }) |step| try run(step);
    try testing.expect(!std.mem.allEqual(u8, device.bytes[36 * 512 ..][0..512], 0));
    try testing.expect(std.mem.allEqual(u8, rest, 0));
}
