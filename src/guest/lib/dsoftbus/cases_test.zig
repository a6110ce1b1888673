//! One table of cases for the guest and the host, of what both decide: rate, binding, discovery,
//! replay. The host's `cases_test.py` reads the same lines, so a case that is added here is asked
//! of both.
//!
//! `rate BURST PER_SECOND START_NS | INSTANT+ INSTANT-`: a token at this instant is given, or not.
//! `bind CLAIMED LIVE PIN PROVEN VERDICT`: live and pin are `ID:KEY`, or `-` if there is none.
//! `discover TTL_NS | STEP; STEP`: `new NAME AT` and `again NAME AT` are announces (`NAME*` is a
//! configured peer), `flood FIRST LAST` are strangers x1, x2, each heard at the instant of its
//! number; `is NAME AT`, `not NAME AT` and `live AT COUNT` ask. M stands for `entries_max`.
//! `replay NAME | STEP; STEP`: `do EPOCH.NUMBER` runs a call, `fill EPOCH FIRST LAST` many of them,
//! `epochs FIRST LAST` the first call of each; `is EPOCH.NUMBER VERDICT` asks about it, `other`
//! asks about another request of that number. N stands for `calls_max`, E for `epochs_max`, R for
//! `retired_max`: these differ.

const std = @import("std");
const testing = std.testing;
const binding = @import("binding.zig");
const rate = @import("rate.zig");
const replay = @import("replay.zig");
const discovery = @import("discovery.zig");
const Announce = @import("announce.zig").Announce;
const Entry = discovery.Entry;
const Id = @import("id.zig").Id;

const cases =
    \\rate 3 10 0 | 0+ 0+ 0+ 0- 99999999- 100000000+ 100000000- 199999999- 200000000+
    \\rate 1 1 10 | 10+ 5- 1000000009- 1000000010+
    \\rate 1 1 10 | 10+ 9- 8- 1000000009- 1000000010+ 1000000010- 2000000009- 2000000010+
    \\rate 2 5 7 | 8+ 8+ 8- 400000007+ 400000007- 400000008+ 400000008-
    \\rate 2 5 7 | 7+ 400000007+ 400000007+ 400000007-
    \\rate 0 9 0 | 0- 1000000000000-
    \\rate 1 0 0 | 0+ 0- 1000000000000-
    \\rate 65535 65535 0 | 0+ 1+
    \\bind a a:k a:k k bound
    \\bind a a:k - k unknown
    \\bind a - - k unknown
    \\bind a a:k b:k k unknown
    \\bind b a:k a:k k unknown
    \\bind b b:k a:k k unknown
    \\bind a a:k aa:k k unknown
    \\bind a a:k a:k o pinned_key
    \\bind a a:o a:k o pinned_key
    \\bind a a:k a:o k pinned_key
    \\bind a - a:k o pinned_key
    \\bind a - a:k k not_discovered
    \\bind a b:k a:k k not_discovered
    \\bind a aa:k a:k k not_discovered
    \\bind a a:o a:k k announced_key
    \\discover 100 | new a 0; again a 50; is a 149; not a 150; new a 150; live 150 1
    \\discover 100 | new a 0; is a 50; is a 99; not a 100
    \\discover 100 | new a 0; new b 0; new c 1; is b 99; not a 100; not b 100; is c 100; live 100 1
    \\discover 100 | new a 0; new b 1; new c 0; new d 0; live 100 1; is b 100; live 101 0
    \\discover 100 | new a 5; is a 0; live 0 1; again a 3; not a 103
    \\discover 1000000 | new a* 0; flood 1 M-1; live M M; new y 50; not x1 99; is x2 99; is a 99; live 99 M
    \\discover 1000000 | flood 1 M; again x1 50; new y 51; is x1 52; not x2 52; is x3 52
    \\discover 1000000 | flood 1 M; new p* 50; new q* 51; is p 52; is q 52; not x1 52; not x2 52; is x3 52
    \\discover 10 | flood 1 M-1; new y M; is x7 16; not x6 16; live 16 10
    \\replay unknown | is 7.1 run; is 7.0 gone
    \\replay once | do 7.1; is 7.1 done; is 7.2 run; is 8.1 run; is 7.0 gone
    \\replay something else | do 7.1; other 7.1 conflict; is 7.1 done; other 7.2 run
    \\replay one less than full | fill 7 1 N-1; is 7.1 done; is 7.N-1 done; is 7.N run
    \\replay exactly full | fill 7 1 N; is 7.1 done; is 7.N done; is 7.N+1 run
    \\replay one more than full | fill 7 1 N+1; is 7.1 gone; is 7.2 done; is 7.N+1 done; other 7.1 gone
    \\replay out of order | do 7.900; fill 7 1 N-1; is 7.899 run; do 7.901; is 7.899 gone; is 7.900 gone; is 7.1 done
    \\replay still out of order | do 7.900; fill 7 1 N-1; do 7.901; do 7.902; is 7.899 gone; is 7.900 gone; is 7.1 gone; is 7.2 done; is 7.901 done; is 7.903 run
    \\replay twice round | fill 7 1 N; fill 7 N+1 N+N; is 7.N gone; is 7.N+1 done; is 7.N+N done
    \\replay an epoch that made room | do 1.3; do 1.5; epochs 2 E; do 100.1; is 1.3 gone; is 1.4 gone; is 1.5 gone; is 1.6 run; is 100.1 done
    \\replay and comes back | do 1.5; epochs 2 E+1; do 1.6; is 1.5 gone; is 1.6 done; is 1.7 run
    \\replay and makes room again | do 1.5; epochs 2 E+1; do 1.6; epochs 100 E+99; is 1.5 gone; is 1.6 gone; is 1.7 run
    \\replay the highest, not the last | do 1.5; do 1.2; epochs 2 E+1; is 1.5 gone; is 1.6 run
    \\replay the highest is one that was forgotten | do 1.900; fill 1 1 N; epochs 2 E+1; is 1.900 gone; is 1.901 run
    \\replay a newcomer has no numbers of the one whose place it takes | do 1.900; epochs 2 E+1; epochs 100 E+99; is E+1.1 gone; is E+1.2 run
    \\replay as many retired as are known | epochs 1 E+R; is 1.1 gone; is 2.1 gone; is 1.2 run; is E+R.1 done
    \\replay one retired too many | epochs 1 E+R+1; is 1.1 run; is 2.1 gone
;

test "a token is given when it is due, not before" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        var words = words_of(line, "rate") orelse continue;
        count += 1;
        const limit: rate.Limit = .{
            .burst = try std.fmt.parseInt(u16, words.next().?, 10),
            .per_second = try std.fmt.parseInt(u16, words.next().?, 10),
        };
        var bucket: rate.Bucket = .init(limit, try std.fmt.parseInt(u64, words.next().?, 10));
        try testing.expectEqualStrings("|", words.next().?);
        while (words.next()) |word| {
            const instant = try std.fmt.parseInt(u64, word[0 .. word.len - 1], 10);
            errdefer std.debug.print("{s}: {s}\n", .{ line, word });
            try testing.expectEqual(word[word.len - 1] == '+', bucket.take(instant));
        }
    }
    try testing.expectEqual(8, count);
}

test "the first thing that does not agree" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        var words = words_of(line, "bind") orelse continue;
        count += 1;
        const claimed = words.next().?;
        const live = pair_of(words.next().?);
        const pinned = pair_of(words.next().?);
        const proven: [32]u8 = @splat(words.next().?[0]);
        var entry: Entry = undefined;
        if (live) |pair| entry = .{
            .id = try Id.from(pair[0]),
            .ip = .{ 10, 42, 0, 10 },
            .tcp_port = 1,
            .key = @splat(pair[1][0]),
            .configured = true,
            .heard_ns = 0,
        };
        const pin: ?binding.Pin = if (pinned) |pair| .{
            .id = pair[0],
            .key = @splat(pair[1][0]),
        } else null;
        errdefer std.debug.print("{s}\n", .{line});
        const verdict = binding.check(claimed, if (live != null) &entry else null, pin, proven);
        try testing.expectEqualStrings(words.next().?, @tagName(verdict));
    }
    try testing.expectEqual(15, count);
}

test "which peers are known, until when, and which makes room" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        var words = words_of(line, "discover") orelse continue;
        count += 1;
        var known: discovery.Table = .{ .ttl_ns = try std.fmt.parseInt(u64, words.next().?, 10) };
        const bar = std.mem.indexOf(u8, line, " | ").?;
        var steps = std.mem.splitSequence(u8, line[bar + 3 ..], "; ");
        while (steps.next()) |step| {
            errdefer std.debug.print("{s}: {s}\n", .{ line, step });
            try discover(&known, step);
        }
    }
    try testing.expectEqual(9, count);
}

fn discover(known: *discovery.Table, step: []const u8) !void {
    var words = std.mem.splitScalar(u8, step, ' ');
    const verb = words.next().?;
    const first = words.next().?;
    const last = value_of(words.next().?);
    if (std.mem.eql(u8, verb, "flood")) {
        var name: [8]u8 = undefined;
        for (value_of(first)..last + 1) |number| {
            _ = try hear(known, try std.fmt.bufPrint(&name, "x{d}", .{number}), number);
        }
    } else if (std.mem.eql(u8, verb, "live")) {
        var copy = known.*;
        copy.expire(value_of(first));
        try testing.expectEqual(last, copy.count);
    } else if (std.mem.eql(u8, verb, "is") or std.mem.eql(u8, verb, "not")) {
        try testing.expectEqual(std.mem.eql(u8, verb, "is"), known.find(first, last) != null);
    } else {
        try testing.expectEqual(std.mem.eql(u8, verb, "new"), try hear(known, first, last));
    }
}

fn hear(known: *discovery.Table, name: []const u8, now_ns: u64) !bool {
    const id = std.mem.trimEnd(u8, name, "*");
    const packet: Announce = .{ .device_id = id, .tcp_port = 1, .key = @splat(1) };
    return known.hear(&packet, .{ 10, 42, 0, 9 }, id.len != name.len, now_ns);
}

var table: replay.Table = undefined;

test "what runs, what is answered again, what is refused" {
    var count: usize = 0;
    var lines = std.mem.splitScalar(u8, cases, '\n');
    while (lines.next()) |line| {
        if (words_of(line, "replay") == null) continue;
        count += 1;
        table = .{};
        const bar = std.mem.indexOf(u8, line, " | ").?;
        var steps = std.mem.splitSequence(u8, line[bar + 3 ..], "; ");
        while (steps.next()) |step| {
            errdefer std.debug.print("{s}: {s}\n", .{ line, step });
            try take(step);
        }
    }
    try testing.expectEqual(17, count);
}

fn take(step: []const u8) !void {
    var words = std.mem.splitScalar(u8, step, ' ');
    const verb = words.next().?;
    if (std.mem.eql(u8, verb, "do")) {
        try run(name_of(words.next().?));
    } else if (std.mem.eql(u8, verb, "fill")) {
        const epoch = value_of(words.next().?);
        const first = value_of(words.next().?);
        for (first..value_of(words.next().?) + 1) |number| try run(id_of(epoch, number));
    } else if (std.mem.eql(u8, verb, "epochs")) {
        const first = value_of(words.next().?);
        for (first..value_of(words.next().?) + 1) |epoch| try run(id_of(epoch, 1));
    } else {
        const is_other = std.mem.eql(u8, verb, "other");
        const name = name_of(words.next().?);
        const digest = replay.digestOf(4, if (is_other) "other" else "put");
        const verdict = table.judge(name, digest);
        try testing.expectEqualStrings(words.next().?, @tagName(verdict));
        if (verdict == .done) try testing.expectEqualStrings("ok", verdict.done.?);
    }
}

fn run(name: replay.Name) !void {
    const digest = replay.digestOf(4, "put");
    try testing.expectEqual(.run, std.meta.activeTag(table.judge(name, digest)));
    table.finish(name, digest, "ok");
}

fn name_of(text: []const u8) replay.Name {
    const dot = std.mem.indexOfScalar(u8, text, '.').?;
    return id_of(value_of(text[0..dot]), value_of(text[dot + 1 ..]));
}

fn id_of(epoch: usize, number: usize) replay.Name {
    return .{ .peer = 0, .id = @as(u64, epoch) << 32 | number };
}

/// A sum of numbers and of N, E, R and M; `N-1` is one less than N.
fn value_of(text: []const u8) usize {
    if (std.mem.endsWith(u8, text, "-1")) return value_of(text[0 .. text.len - 2]) - 1;
    var sum: usize = 0;
    var terms = std.mem.splitScalar(u8, text, '+');
    while (terms.next()) |term| sum += switch (term[0]) {
        'N' => replay.calls_max,
        'E' => replay.epochs_max,
        'R' => replay.retired_max,
        'M' => discovery.entries_max,
        else => std.fmt.parseInt(usize, term, 10) catch unreachable,
    };
    return sum;
}

fn words_of(line: []const u8, kind: []const u8) ?std.mem.SplitIterator(u8, .scalar) {
    var words = std.mem.splitScalar(u8, line, ' ');
    return if (std.mem.eql(u8, words.next().?, kind)) words else null;
}

fn pair_of(text: []const u8) ?[2][]const u8 {
    const colon = std.mem.indexOfScalar(u8, text, ':') orelse return null;
    return .{ text[0..colon], text[colon + 1 ..] };
}
