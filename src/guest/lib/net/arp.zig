//! The link addresses of neighbours: a small table in which every entry has an end.
//!
//!     free ──lookup──> asking ──answer──> known ──60 s──> free
//!                        └──5 requests unanswered──> free (`nextFailed` reports it)
//!
//! Rules of this file
//! ------------------
//! 1. An unasked reply creates no entry, and changes only one that is already there: a
//!    liar must at least wait until we talk to the one it pretends to be.
//! 2. A request for our own address creates one, because we are about to answer its sender.
//! 3. A full table gives up the known entry that expires first, never one we are asking for.

const std = @import("std");
const address = @import("address.zig");
const Ip = address.Ip;
const Mac = address.Mac;

pub const entries_max = 16;
pub const known_ns: u64 = 60 * std.time.ns_per_s;
pub const requests_max = 5;
/// Wait after the first request; doubled each time (0.25 + 0.5 + 1 + 2 + 4 seconds in all).
pub const retry_ns: u64 = 250 * std.time.ns_per_ms;
const never = std.math.maxInt(u64);

const State = enum { free, asking, known, failed };

const Entry = struct {
    state: State = .free,
    ip: Ip = 0,
    mac: Mac = undefined,
    /// The instant of the next request, or of the end of the entry.
    at_ns: u64 = never,
    requests: u8 = 0,
    request_due: bool = false,
};

pub const Cache = struct {
    entries: [entries_max]Entry = @splat(.{}),

    /// The link address if it is known; else the table asks for it from now on.
    pub fn lookup(self: *Cache, ip: Ip, now: u64) ?Mac {
        if (self.find(ip)) |entry| {
            if (entry.state == .known and now < entry.at_ns) return entry.mac;
            if (entry.state == .asking or entry.state == .failed) return null;
            ask(entry, ip, now);
            return null;
        }
        if (self.victim()) |entry| ask(entry, ip, now);
        return null;
    }

    /// A neighbour was heard. `is_asking_us`: it sent a request for our own address.
    pub fn learn(self: *Cache, ip: Ip, mac: Mac, is_asking_us: bool, now: u64) void {
        if (!address.isUnicastMac(mac) or !address.isHost(ip)) return;
        const place = self.find(ip) orelse if (is_asking_us) self.victim() else null;
        const entry = place orelse return;
        entry.* = .{ .state = .known, .ip = ip, .mac = mac, .at_ns = now +| known_ns };
    }

    /// No packet comes back from this neighbour, so ask again before the next one goes. The address
    /// may have been damaged on the way (ARP has no checksum), or another machine may have it by
    /// now.
    pub fn doubt(self: *Cache, ip: Ip) void {
        const entry = self.find(ip) orelse return;
        if (entry.state == .known) entry.* = .{};
    }

    /// A packet was in vain: ask whether the address is still right, and use it meanwhile. A
    /// dialler may give up before there is reason to doubt the address, and must find the right one
    /// next time.
    pub fn check(self: *Cache, ip: Ip) void {
        const entry = self.find(ip) orelse return;
        if (entry.state == .known) entry.request_due = true;
    }

    /// An address for which a request must go out now; the caller sends it.
    pub fn nextRequest(self: *Cache) ?Ip {
        for (&self.entries) |*entry| {
            if (!entry.request_due) continue;
            std.debug.assert(entry.state != .free);
            entry.request_due = false;
            return entry.ip;
        }
        return null;
    }

    pub fn poll(self: *Cache, now: u64) void {
        for (&self.entries) |*entry| {
            if (entry.at_ns > now) continue;
            std.debug.assert(entry.requests <= requests_max);
            switch (entry.state) {
                .known => entry.* = .{},
                .asking => if (entry.requests == requests_max) {
                    entry.state = .failed;
                    entry.at_ns = never;
                } else {
                    entry.at_ns = now +| (retry_ns << @intCast(entry.requests));
                    entry.requests += 1;
                    entry.request_due = true;
                },
                .free, .failed => {},
            }
        }
    }

    /// A neighbour that did not answer; each is reported once.
    pub fn nextFailed(self: *Cache) ?Ip {
        for (&self.entries) |*entry| {
            if (entry.state != .failed) continue;
            std.debug.assert(entry.at_ns == never); // it waits for nothing
            defer entry.* = .{};
            return entry.ip;
        }
        return null;
    }

    pub fn nextDeadline(self: *const Cache) u64 {
        var soonest: u64 = never;
        for (&self.entries) |*entry| {
            // The end of a known entry needs no wake-up: a lookup notices it.
            if (entry.state == .asking) soonest = @min(soonest, entry.at_ns);
        }
        return soonest;
    }

    fn find(self: *Cache, ip: Ip) ?*Entry {
        for (&self.entries) |*entry| if (entry.ip == ip and entry.state != .free) return entry;
        return null;
    }

    fn victim(self: *Cache) ?*Entry {
        var best: ?*Entry = null;
        for (&self.entries) |*entry| {
            if (entry.state == .free) return entry;
            if (entry.state != .known) continue;
            if (best == null or entry.at_ns < best.?.at_ns) best = entry;
        }
        return best;
    }

    fn ask(entry: *Entry, ip: Ip, now: u64) void {
        entry.* = .{
            .state = .asking,
            .ip = ip,
            .at_ns = now +| retry_ns,
            .requests = 1,
            .request_due = true,
        };
    }
};

const testing = std.testing;
const peer: Ip = 0x0A2A000B;
const mac_a: Mac = .{ 0x52, 0x54, 0, 0, 0, 1 };
const mac_b: Mac = .{ 0x52, 0x54, 0, 0, 0, 2 };

test "asks five times with growing pauses, then gives up and says so once" {
    var cache: Cache = .{};
    try testing.expectEqual(@as(?Mac, null), cache.lookup(peer, 0));
    var asked: usize = 0;
    var now: u64 = 0;
    while (cache.nextDeadline() != never) {
        while (cache.nextRequest()) |ip| : (asked += 1) try testing.expectEqual(peer, ip);
        try testing.expectEqual(@as(?Mac, null), cache.lookup(peer, now));
        now = cache.nextDeadline();
        cache.poll(now);
    }
    try testing.expectEqual(@as(usize, requests_max), asked);
    try testing.expectEqual(@as(u64, 7750 * std.time.ns_per_ms), now);
    try testing.expectEqual(@as(?Ip, peer), cache.nextFailed());
    try testing.expectEqual(@as(?Ip, null), cache.nextFailed());
}

test "an answer is known for its time and then asked for again" {
    var cache: Cache = .{};
    _ = cache.lookup(peer, 0);
    cache.learn(peer, mac_a, false, 5);
    try testing.expectEqual(@as(?Mac, mac_a), cache.lookup(peer, known_ns));
    try testing.expectEqual(@as(?Mac, null), cache.lookup(peer, known_ns + 5));
}

test "an unasked reply creates nothing, a request for us does, junk does not" {
    var cache: Cache = .{};
    cache.learn(peer, mac_a, false, 0);
    try testing.expectEqual(@as(?*Entry, null), cache.find(peer));
    cache.learn(peer, .{ 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, true, 0);
    cache.learn(0, mac_a, true, 0);
    try testing.expectEqual(@as(?*Entry, null), cache.find(peer));
    cache.learn(peer, mac_a, true, 0);
    cache.learn(peer, mac_b, false, 1);
    try testing.expectEqual(@as(?Mac, mac_b), cache.lookup(peer, 2));
}

test "a flood of strangers does not push out what we ask for" {
    var cache: Cache = .{};
    _ = cache.lookup(peer, 0);
    for (0..100) |i| cache.learn(0x0A000001 + @as(u32, @intCast(i)), mac_a, true, i);
    cache.learn(peer, mac_b, false, 200);
    try testing.expectEqual(@as(?Mac, mac_b), cache.lookup(peer, 201));
}
