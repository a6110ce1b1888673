//! Codecs of the frames in docs/spec/local-services.md. No syscalls, no clock, no allocation:
//! a decoder borrows from the frame it is given, an encoder writes into the caller's buffer.
//!
//! A service's decoder never fails: bytes from another service become either a request or the
//! refusal that answers them, so that every request gets an answer and none can stop a service.

const std = @import("std");

pub const cursor = @import("cursor.zig");
pub const sm = @import("sm.zig");
pub const bn = @import("bn.zig");
pub const lo = @import("lo.zig");
pub const po = @import("po.zig");
pub const rn = @import("rn.zig");
pub const pf = @import("pf.zig");
pub const sf = @import("sf.zig");
pub const so = @import("so.zig");
pub const ds = @import("ds.zig");
pub const us = @import("us.zig");
pub const nxbi = @import("nxbi.zig");

test {
    _ = cursor;
    _ = sm;
    _ = bn;
    _ = lo;
    _ = po;
    _ = rn;
    _ = pf;
    _ = sf;
    _ = so;
    _ = ds;
    _ = us;
    _ = nxbi;
}

test "no bytes stop a decoder" {
    const seeds = [_][]const u8{
        "SM\x01\x01\x03\x00\x00\x00\x00\x00\x00\x00\x00abc",
        "SM\x01\x06\x03abc",
        "BN\x01\x83\x00\x02\x00\x00\x00ab",
        "LO\x01\x01\x02\x01\x01\x00\x01\x00smf",
        "LO\x02\x82\x00" ++ "\x00" ** 60,
        "PO\x02\x05" ++ "\x00" ** 12 ++ "\x02ab",
        "RN\x01\x81\x00\x02\x00ab",
        "PF\x01\x81\x00\x02\x00ab\x00\x00\x00\x00\x00\x00",
        "PF\x01\x84\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01a",
        "DS\x01\x01\x02ab",
        "DS\x02\x01\x01p\x02ab",
        "SF\x01\x01\x02\x00\x01\x00\x00\x00abc",
        "SF\x02\x82\x00" ++ "\x00" ** 8 ++ "\x01\x00\x00\x00a",
        "SO\x01\x01" ++ "\x00" ** 44 ++ "\x01pSF\x01\x05",
        "NXBI\x01\x02\x00\x01a\x01b\x01\x00c\x00\x00\x01\x00\x00\x00d",
    };
    var random: std.Random.DefaultPrng = .init(1);
    const rng = random.random();
    for (0..20_000) |round| {
        var bytes: [80]u8 = undefined;
        const seed = seeds[round % seeds.len];
        @memcpy(bytes[0..seed.len], seed);
        var len = seed.len;
        for (0..rng.uintLessThan(usize, 4)) |_| bytes[rng.uintLessThan(usize, len)] = rng.int(u8);
        if (rng.boolean()) len = rng.uintAtMost(usize, len);
        decodeEverything(bytes[0..len]);
    }
}

fn decodeEverything(frame: []u8) void {
    _ = sm.decodeRequest(frame);
    _ = sm.decodeReply(frame, .lookup);
    _ = sm.decodePidReply(frame);
    _ = sm.decodeServiceIdReply(frame);
    _ = bn.decodeRequest(frame);
    _ = bn.decodeListReply(frame);
    _ = bn.decodeImageReply(frame);
    _ = lo.decodeRequest(frame);
    _ = lo.decodeAppendReply(frame, null);
    if (lo.decodeQueryReply(frame, 0)) |found| {
        var records = found;
        while (records.next() catch null) |_| {}
    }
    _ = po.decodeRequest(frame);
    _ = po.decodeReply(frame, .check_cap, 0);
    _ = rn.decodeRequest(frame);
    _ = rn.decodeReply(frame);
    _ = pf.decodeRequest(frame);
    _ = sf.decodeRequest(frame);
    if (sf.decodeReply(frame, .get, 0)) |reply| _ = sf.valueOf(reply);
    if (pf.decodeReply(frame, .list)) |reply| if (pf.decodeList(reply.tail)) |found| {
        var listing = found;
        while (listing.next()) |_| {}
    };
    _ = so.decodeCall(frame);
    _ = so.decodeReply(frame);
    _ = ds.decodeRequest(frame);
    _ = ds.peerOf(frame);
    _ = ds.decodeBundleCount(frame);
    if (nxbi.iterate(frame)) |found| {
        var files = found;
        while (files.next() catch null) |_| {}
    } else |_| {}
    _ = lo.cutQueryReply(frame, 48); // last: it writes
}
