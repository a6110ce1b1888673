//! One table of cases for the guest and the host: which calls of peers a store remembers, and what
//! makes room for what. The host's `calls_cases_test.py` reads the same lines, so a case that is
//! added here is asked of both.
//!
//! `NAME | STEP; STEP`: `do PEER EPOCH.NUMBER` sets a key for a peer, `gone` removes one that is
//! not there, `fill PEER EPOCH FIRST LAST` does many numbers, `epochs PEER FIRST LAST` the first
//! number of each, and so does `peers FIRST LAST` of the peers p1, p2 and so on.
//! `is PEER EPOCH.NUMBER VERDICT` asks about it, `other` asks about another request of that name.
//! C stands for `calls_max`, H for half of it, E for `epochs_max`, P for `peers_max`.
//!
//! Each line is taken as it is, then with the store opened anew before each question, then with the
//! journal written anew as well: what is remembered must not depend on that.

const std = @import("std");
const testing = std.testing;
const root = @import("root.zig");

const cases =
    \\nothing is known | is a 7.1 run; is a 7.0 forgotten; is a 0.1 run; is a 0.0 run
    \\once | do a 7.1; is a 7.1 ok; is a 7.2 run; is a 8.1 run; is b 7.1 run; is a 7.0 forgotten
    \\something else | do a 7.1; other a 7.1 forgotten; other a 7.2 run; is a 7.1 ok
    \\a call without an epoch | do a 0.1; is a 0.1 run; other a 0.1 run; is a 1.1 run
    \\a call that changed nothing | gone a 7.1; is a 7.1 absent; do a 7.2; is a 7.2 ok; is a 7.3 run
    \\nothing was changed, and no epoch | gone a 0.1; is a 0.1 run
    \\names that begin alike | do aa 7.1; is a 7.1 run; is aaa 7.1 run; is aa 7.1 ok; is ab 7.1 run
    \\epochs that are near | do a 7.1; is a 6.1 run; is a 8.1 run; do a 8.1; is a 7.1 ok; is a 8.1 ok
    \\exactly full | fill a 7 1 C; is a 7.1 ok; is a 7.C ok; is a 7.C+1 run
    \\one more than full | fill a 7 1 C+1; is a 7.1 forgotten; is a 7.2 ok; is a 7.C+1 ok; other a 7.1 forgotten
    \\out of order | do a 7.900; fill a 7 1 C; is a 7.900 forgotten; is a 7.899 forgotten; is a 7.901 run; is a 7.1 ok
    \\still out of order | do a 7.900; fill a 7 1 C+1; is a 7.1 forgotten; is a 7.899 forgotten; is a 7.2 ok; is a 7.901 run
    \\the peer with the most makes room | fill a 7 1 C-1; do b 7.1; do b 7.2; is a 7.1 forgotten; is a 7.2 ok; is b 7.1 ok; is b 7.2 ok
    \\also when another peer asks | do a 7.1; fill b 7 1 C-1; do a 7.2; is a 7.1 ok; is b 7.1 forgotten; is b 7.2 ok
    \\the peer with the fewest is not the last that is asked | fill a 7 1 9; do b 7.1; fill c 7 1 C-10; do b 7.2; is a 7.1 ok; is c 7.1 forgotten; is c 7.2 ok
    \\of equals the one used longest ago | fill a 7 1 H; fill b 7 1 H; do c 7.1; is a 7.1 forgotten; is b 7.1 ok
    \\then the other | fill a 7 1 H; fill b 7 1 H; do c 7.1; do c 7.2; is a 7.2 ok; is b 7.1 forgotten; is b 7.2 ok
    \\a use counts, not the place | fill a 7 1 H; fill b 7 1 H-1; gone a 0.9; do b 7.H; do a 0.1; do c 7.1; is b 7.1 forgotten; is a 7.1 ok
    \\of a peer the epoch used longest ago | do a 1.1; fill a 2 1 C-1; do a 3.1; is a 1.1 forgotten; is a 2.1 ok; is a 3.1 ok
    \\then the next epoch | do a 1.1; fill a 2 1 C-1; do a 3.1; do a 3.2; is a 2.1 forgotten; is a 2.2 ok; is a 3.1 ok
    \\an epoch that is used again | do a 1.1; fill a 2 1 C-2; do a 1.2; do a 3.1; is a 2.1 forgotten; is a 1.1 ok; is a 1.2 ok
    \\the epoch used longest ago is not the first that came | do a 1.1; do a 2.1; fill a 3 1 C-4; do a 1.2; do a 2.2; do b 7.1; is a 3.1 forgotten; is a 1.1 ok; is a 2.1 ok
    \\epochs exactly full | epochs a 1 E; is a 1.1 ok; is a E.1 ok; is a E+1.1 run
    \\an epoch too many | epochs a 1 E+1; is a 1.1 run; is a 2.1 ok; is a E+1.1 ok
    \\the epoch used longest ago goes | epochs a 1 E; do a 1.2; do a E+1.1; is a 1.1 ok; is a 1.2 ok; is a 2.1 run; is a 3.1 ok
    \\two epochs too many | epochs a 1 E+2; is a 1.1 run; is a 2.1 run; is a 3.1 ok; do a 1.1; is a 1.1 ok; is a 3.1 run
    \\an epoch of that number of another peer stays | do b 1.1; epochs a 1 E+1; is b 1.1 ok; is a 1.1 run
    \\the calls of an epoch that goes make room | fill a 1 1 C; epochs a 2 E+1; is a 1.2 run; fill b 1 1 C-E; is a 2.1 ok; is b 1.1 ok
    \\and do not count as its calls any more | fill a 1 1 C; epochs a 2 E+1; fill b 1 1 C-E; do c 7.1; is a 2.1 ok; is b 1.1 forgotten; is c 7.1 ok
    \\peers exactly full | peers 1 P; is p1 1.1 ok; is pP 1.1 ok; is pP+1 1.1 run
    \\a peer too many | peers 1 P+1; is p1 1.1 run; is p2 1.1 ok; is pP+1 1.1 ok; is pP+1 1.2 run
    \\the peer used longest ago goes | peers 1 P; do p1 1.2; peers P+1 P+1; is p1 1.1 ok; is p2 1.1 run; is p3 1.1 ok
    \\their order is kept as well | peers 1 P; do p1 1.2; is p1 1.1 ok; peers P+1 P+1; is p1 1.1 ok; is p2 1.1 run; is p3 1.1 ok
    \\a peer that comes back begins anew | peers 1 P+1; do p1 1.5; is p1 1.1 run; is p1 1.5 ok; is p2 1.1 run; is p3 1.1 ok
    \\the calls of a peer that goes make room | fill p1 1 1 C-P+1; peers 2 P+1; fill p2 1 2 C-P+1; is p2 1.1 ok; is p3 1.1 ok; is pP+1 1.1 ok
;

/// A disk with room for every case.
const Disk = struct {
    const count = 400;
    bytes: [count * 512]u8 = @splat(0),

    pub fn sectors(_: *const Disk) u64 {
        return count;
    }

    pub fn read(self: *Disk, sector: u64, buffer: []u8) error{Broken}!void {
        @memcpy(buffer, self.bytes[@intCast(sector * 512)..][0..buffer.len]);
    }

    pub fn write(self: *Disk, sector: u64, bytes: []const u8) error{Broken}!void {
        @memcpy(self.bytes[@intCast(sector * 512)..][0..bytes.len], bytes);
    }

    pub fn flush(_: *Disk) error{Broken}!void {}
};

var pool: [64 * 1024]u8 = undefined;
var items: [64]root.Item = undefined;
var disk: Disk = undefined;
var engine: root.Store(Disk) = undefined;

const Way = enum { as_it_is, opened, compacted };

test "which calls are known, and what makes room for what" {
    for (std.enums.values(Way)) |way| {
        var lines = std.mem.splitScalar(u8, cases, '\n');
        while (lines.next()) |line| {
            disk = .{};
            try engine.open(&disk, &pool, &items);
            const bar = std.mem.indexOf(u8, line, " | ").?;
            var steps = std.mem.splitSequence(u8, line[bar + 3 ..], "; ");
            while (steps.next()) |step| {
                errdefer std.debug.print("{t}: {s}: {s}\n", .{ way, line, step });
                try take(step, way);
            }
        }
    }
    try testing.expectEqual(35, 1 + std.mem.count(u8, cases, "\n"));
}

fn take(step: []const u8, way: Way) !void {
    var words = std.mem.splitScalar(u8, step, ' ');
    const verb = words.next().?;
    if (std.mem.eql(u8, verb, "peers")) {
        const first = valueOf(words.next().?);
        var name: [8]u8 = undefined;
        for (first..valueOf(words.next().?) + 1) |number| {
            try set(try std.fmt.bufPrint(&name, "p{d}", .{number}), 1, 1);
        }
        return;
    }
    var buffer: [8]u8 = undefined;
    const peer = try peerOf(&buffer, words.next().?);
    if (std.mem.eql(u8, verb, "fill")) {
        const epoch = valueOf(words.next().?);
        const first = valueOf(words.next().?);
        for (first..valueOf(words.next().?) + 1) |number| try set(peer, epoch, number);
    } else if (std.mem.eql(u8, verb, "epochs")) {
        const first = valueOf(words.next().?);
        for (first..valueOf(words.next().?) + 1) |epoch| try set(peer, epoch, 1);
    } else {
        const name = words.next().?;
        const dot = std.mem.indexOfScalar(u8, name, '.').?;
        const epoch, const number = .{ valueOf(name[0..dot]), valueOf(name[dot + 1 ..]) };
        if (std.mem.eql(u8, verb, "do")) return set(peer, epoch, number);
        if (std.mem.eql(u8, verb, "gone")) {
            return testing.expect(!try engine.deleteFor(callOf(peer, epoch, number, 1), "/n", 1));
        }
        try again(way);
        const digest: u8 = if (std.mem.eql(u8, verb, "other")) 2 else 1;
        const found = switch (try engine.judge(callOf(peer, epoch, number, digest))) {
            .done => |status| if (status == 0) "ok" else "absent",
            .run => "run",
            .forgotten => "forgotten",
        };
        try testing.expectEqualStrings(words.next().?, found);
    }
}

fn set(peer: []const u8, epoch: usize, number: usize) !void {
    try engine.putFor(callOf(peer, epoch, number, 1), "/k", "v");
}

fn again(way: Way) !void {
    if (way == .as_it_is) return;
    if (way == .compacted) try testing.expect(try engine.compact());
    try engine.open(&disk, &pool, &items);
}

fn callOf(peer: []const u8, epoch: usize, number: usize, digest: u8) root.Call {
    return .{ .peer = peer, .id = @as(u64, epoch) << 32 | number, .digest = @splat(digest) };
}

/// `pP+1` is the peer of that number; other names are as they are.
fn peerOf(out: []u8, word: []const u8) ![]const u8 {
    if (word[0] != 'p') return word;
    return std.fmt.bufPrint(out, "p{d}", .{valueOf(word[1..])});
}

/// A sum of numbers and of C, H, E and P, in which a term may be taken away.
fn valueOf(text: []const u8) usize {
    var sum: usize = 0;
    var terms = std.mem.splitScalar(u8, text, '+');
    while (terms.next()) |term| {
        var parts = std.mem.splitScalar(u8, term, '-');
        sum += numberOf(parts.next().?);
        while (parts.next()) |part| sum -= numberOf(part);
    }
    return sum;
}

fn numberOf(text: []const u8) usize {
    return switch (text[0]) {
        'C' => root.calls.calls_max,
        'H' => root.calls.calls_max / 2,
        'E' => root.calls.epochs_max,
        'P' => root.calls.peers_max,
        // The table has no other words.
        else => std.fmt.parseInt(usize, text, 10) catch unreachable,
    };
}
