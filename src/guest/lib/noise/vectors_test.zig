//! The published vector of this protocol: from the cacophony test vectors of the Noise Protocol
//! Framework, in the public domain (Unlicense); third_party/vectors has it for the host's tests.

const std = @import("std");
const noise = @import("root.zig");

const init_prologue = hex("4a6f686e2047616c74");
const init_static = hex("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1");
const init_ephemeral = hex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a");
const resp_static = hex("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893");
const resp_ephemeral = hex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b");
const init_remote_static = hex("31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62");
const handshake_hash = hex("899891a0f1a8db67f8bfa46b8bced371c1c25de377f20cf882fdd06fc15517fd");

const Message = struct { payload: []const u8, ciphertext: []const u8 };
const messages = [_]Message{
    .{
        .payload = &hex("4c756477696720766f6e204d69736573"),
        .ciphertext = &hex("ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944" ++
            "e953bb4cd3450eecab157a8ce632f74fcac39a3fcd5be08267d5923ca353d4f0"),
    },
    .{
        .payload = &hex("4d757272617920526f746862617264"),
        .ciphertext = &hex("95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843" ++
            "82521c3ea09af48bfa39627819b007e7c0e179dad4a9a7482841bae32ec8eb"),
    },
    .{
        .payload = &hex("462e20412e20486179656b"),
        .ciphertext = &hex("f032de86c8d3c2099478fefb9b2e6a1fef904d3b2470949858ae9f497ff068db" ++
            "b6ff7cb43fa51946bcd8a87863849aa7f0e663cd83961c752ce3be41384de8a8" ++
            "49e4d130d9a2d717a5c7e8"),
    },
    .{
        .payload = &hex("4361726c204d656e676572"),
        .ciphertext = &hex("cb54ca2168a55a150760c409e2157b9e57ceab823d897bff36eeab"),
    },
    .{
        .payload = &hex("4a65616e2d426170746973746520536179"),
        .ciphertext = &hex("948e26c8a5348aec2711343de8e7c8faa7cae4b6bf51e9026eab234ed4f3e8e8" ++
            "fc"),
    },
    .{
        .payload = &hex("457567656e2042f6686d20766f6e2042617765726b"),
        .ciphertext = &hex("dbf0cedc457d87e0eaa4629b7167a7e552ac5197d5436a20a1b5ba001ca21116" ++
            "e22669773c"),
    },
};

fn hex(comptime text: []const u8) [text.len / 2]u8 {
    @setEvalBranchQuota(10_000);
    var bytes: [text.len / 2]u8 = undefined;
    _ = std.fmt.hexToBytes(&bytes, text) catch unreachable;
    return bytes;
}

test "the published vector, both sides" {
    const Pair = noise.KeyPair;
    var initiator = noise.Handshake.initiator(
        &init_prologue,
        try Pair.fromSecret(init_static),
        try Pair.fromSecret(init_ephemeral),
        init_remote_static,
    );
    var responder = noise.Handshake.responder(
        &init_prologue,
        try Pair.fromSecret(resp_static),
        try Pair.fromSecret(resp_ephemeral),
    );
    var wire: [256]u8 = undefined;
    var plain: [256]u8 = undefined;
    for (messages[0..3], 0..) |message, index| {
        const writer, const reader = if (index % 2 == 0)
            .{ &initiator, &responder }
        else
            .{ &responder, &initiator };
        const sent = try writer.write(message.payload, &wire);
        try std.testing.expectEqualSlices(u8, message.ciphertext, sent);
        try std.testing.expectEqualSlices(u8, message.payload, try reader.read(sent, &plain));
    }
    const initiator_public = (try Pair.fromSecret(init_static)).public;
    var near = try initiator.finish();
    var far = try responder.finish();
    try std.testing.expectEqualSlices(u8, &handshake_hash, &near.handshake_hash);
    try std.testing.expectEqualSlices(u8, &handshake_hash, &far.handshake_hash);
    try std.testing.expectEqualSlices(u8, &init_remote_static, &near.remote_static);
    try std.testing.expectEqualSlices(u8, &initiator_public, &far.remote_static);
    // The fourth message of the vector is the responder's, then they alternate.
    for (messages[3..], 3..) |message, index| {
        const writer, const reader = if (index % 2 == 0) .{ &near, &far } else .{ &far, &near };
        const sent = try writer.encrypt(message.payload, &wire);
        try std.testing.expectEqualSlices(u8, message.ciphertext, sent);
        try std.testing.expectEqualSlices(u8, message.payload, try reader.decrypt(sent, &plain));
    }
}
