//! Codecs of the frames in docs/spec/local-services.md. They make no system calls, read no clock
//! and allocate nothing: a decoder borrows from its frame, an encoder writes into the caller's
//! buffer.
//!
//! A service's decoder never fails: bytes from another service become either a request or the
//! refusal that answers them, so that every request gets an answer and none can stop a service.

const std = @import("std");

pub const cursor = @import("cursor.zig");
pub const samgr = @import("samgr.zig");
pub const bundle = @import("bundle.zig");
pub const log = @import("log.zig");
pub const log_cut = @import("log_cut.zig");
pub const policy = @import("policy.zig");
pub const entropy = @import("entropy.zig");
pub const packages = @import("packages.zig");
pub const state = @import("state.zig");
pub const behalf = @import("behalf.zig");
pub const front = @import("front.zig");
pub const usage = @import("usage.zig");
pub const bundle_image = @import("bundle_image.zig");

test {
    _ = cursor;
    _ = samgr;
    _ = bundle;
    _ = log;
    _ = log_cut;
    _ = policy;
    _ = entropy;
    _ = packages;
    _ = state;
    _ = behalf;
    _ = front;
    _ = usage;
    _ = bundle_image;
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
    _ = samgr.decodeRequest(frame);
    _ = samgr.decodeReply(frame, .lookup);
    _ = samgr.decodePidReply(frame);
    _ = samgr.decodeServiceIdReply(frame);
    _ = bundle.decodeRequest(frame);
    _ = bundle.decodeListReply(frame);
    _ = bundle.decodeImageReply(frame);
    _ = log.decodeRequest(frame);
    _ = log.decodeAppendReply(frame, null);
    if (log.decodeQueryReply(frame, 0)) |found| {
        var records = found;
        while (records.next() catch null) |_| {}
    }
    _ = policy.decodeRequest(frame);
    _ = policy.decodeReply(frame, .check_cap, 0);
    _ = entropy.decodeRequest(frame);
    _ = entropy.decodeReply(frame);
    _ = packages.decodeRequest(frame);
    _ = state.decodeRequest(frame);
    if (state.decodeReply(frame, .get, 0)) |reply| _ = state.valueOf(reply);
    if (packages.decodeReply(frame, .list)) |reply| if (packages.decodeList(reply.tail)) |found| {
        var listing = found;
        while (listing.next()) |_| {}
    };
    _ = behalf.decodeCall(frame);
    _ = behalf.decodeReply(frame);
    _ = front.decodeRequest(frame);
    _ = front.peerOf(frame);
    _ = front.decodeBundleCount(frame);
    if (bundle_image.iterate(frame)) |found| {
        var files = found;
        while (files.next() catch null) |_| {}
    } else |_| {}
    _ = log_cut.cutQueryReply(frame, 48); // last: it writes
}

test {
    _ = @import("bounds_test.zig");
    _ = @import("store_bounds_test.zig");
}
