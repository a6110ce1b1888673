//! Frames of the state store as the specification shows them, with every truncation of each, and
//! the status of a frame that is not one.

const std = @import("std");
const testing = std.testing;
const hex = @import("cursor.zig").fromHex;
const state = @import("state.zig");
const Op = state.Op;
const Piece = state.Piece;
const Request = state.Request;
const Status = state.Status;
const decodeReply = state.decodeReply;
const decodeRequest = state.decodeRequest;
const encodeFailure = state.encodeFailure;
const encodeRefusal = state.encodeRefusal;
const encodeRequest = state.encodeRequest;
const pieceOf = state.pieceOf;
const putPiece = state.putPiece;
const startReply = state.startReply;
const valueOf = state.valueOf;

const path = "/state/shared/selftest/remote-rw";
const path_hex = "2f73746174652f7368617265642f73656c66746573742f72656d6f74652d7277";
const value_hex = "72656d6f74652d737461746566732d72772d7631";

test "golden requests are read and written" {
    var buffer: [512]u8 = undefined;
    const golden = .{
        .{
            "53460101" ++ "2000" ++ "14000000" ++ path_hex ++ value_hex,
            Request{ .op = .put, .key = path, .value = "remote-statefs-rw-v1" },
        },
        .{ "53460102" ++ "2000" ++ path_hex, Request{ .op = .get, .key = path } },
        .{ "53460103" ++ "2000" ++ path_hex, Request{ .op = .delete, .key = path } },
        .{
            "53460104" ++ "0e00" ++ "1000" ++ "2f73746174652f7368617265642f",
            Request{ .op = .list, .key = "/state/shared/", .limit = 16 },
        },
        .{ "53460105", Request{ .op = .sync } },
        .{
            "534602020100000000000000" ++ "2000" ++ path_hex,
            Request{ .op = .get, .key = path, .nonce = 1 },
        },
        .{
            "53460108" ++ "0300000000000000" ++ "0100" ++ "02000000" ++ "6b" ++ "7879",
            Request{ .op = .txn_put, .key = "k", .value = "xy", .txn = 3 },
        },
        .{
            "5346020b0100000000000000" ++ "0100" ++ "00100000" ++ "0002" ++ "6b",
            Request{ .op = .read, .key = "k", .offset = 4096, .length = 512, .nonce = 1 },
        },
    };
    inline for (golden) |row| {
        const frame = hex(row[0]);
        try testing.expectEqualSlices(u8, &frame, try encodeRequest(&buffer, row[1]));
        try testing.expectEqualDeep(row[1], decodeRequest(&frame).request);
        for (0..frame.len) |len| {
            try testing.expectEqual(Status.malformed, decodeRequest(frame[0..len]).refusal.status);
        }
    }
}

test "a list that begins behind a key, and every truncation of it" {
    var buffer: [64]u8 = undefined;
    const request: Request = .{ .op = .list, .key = "/state/", .limit = 3, .after = "/state/b" };
    const frame = hex("53460104" ++ "0700" ++ "0300" ++ "2f73746174652f" ++
        "0800" ++ "2f73746174652f62");
    try testing.expectEqualSlices(u8, &frame, try encodeRequest(&buffer, request));
    try testing.expectEqualDeep(request, decodeRequest(&frame).request);
    for (0..frame.len) |len| {
        // At the end of the prefix this is the list from the beginning.
        if (len == 15) continue;
        try testing.expectEqual(Status.malformed, decodeRequest(frame[0..len]).refusal.status);
    }
    try testing.expectEqualStrings("", decodeRequest(frame[0..15]).request.after);
    // An empty text is not a key.
    const empty = frame[0..15] ++ "\x00\x00";
    try testing.expectEqual(Status.malformed, decodeRequest(empty).refusal.status);
}

test "golden replies, and whose they are" {
    var buffer: [64]u8 = undefined;
    const refused = try encodeRefusal(&buffer, .{ .op = .put, .status = .access_denied });
    try testing.expectEqualSlices(u8, &hex("5346018102"), refused);
    const missing = try encodeFailure(&buffer, .get, .not_found, null);
    try testing.expectEqualSlices(u8, &hex("534601820100000000"), missing);
    const found = hex("534602820001000000000000001400000072656d6f74652d737461746566732d72772d7631");
    try testing.expectEqualStrings(
        "remote-statefs-rw-v1",
        valueOf(decodeReply(&found, .get, 1).?).?,
    );
    try testing.expect(decodeReply(&found, .get, 2) == null);
    try testing.expect(decodeReply(&found, .get, null) == null);
    try testing.expect(decodeReply(&found, .put, 1) == null);
    // A refusal of version 1 is an answer to either version; more than a refusal is not.
    try testing.expectEqual(Status.invalid_key, decodeReply("SF\x01\x81\x05", .put, 7).?.status);
    try testing.expect(decodeReply("SF\x01\x82\x00\x00\x00\x00\x00", .get, 7) == null);
}

test "a piece, and every truncation of it" {
    var buffer: [64]u8 = undefined;
    const piece: Piece = .{ .total = 9, .version = 2, .bytes = "xyz" };
    var writer = try startReply(&buffer, .read, .ok, 1);
    try putPiece(&writer, piece);
    const frame = writer.done();
    try testing.expectEqualSlices(
        u8,
        &hex("5346028b000100000000000000" ++ "09000000" ++ "0200000000000000" ++ "030078797a"),
        frame,
    );
    try testing.expectEqualDeep(piece, pieceOf(decodeReply(frame, .read, 1).?).?);
    for (13..frame.len) |len| {
        try testing.expectEqual(null, pieceOf(decodeReply(frame[0..len], .read, 1).?));
    }
    const missing = try encodeFailure(&buffer, .read, .not_found, null);
    try testing.expectEqual(5 + 14, missing.len);
    try testing.expectEqual(null, pieceOf(decodeReply(missing, .read, null).?));
}

test "the status of what is not a request" {
    const table = [_]struct { []const u8, Op, Status }{
        .{ "", .sync, .malformed },
        .{ "XF\x01\x01", .sync, .malformed },
        .{ "SF\x03\x01", .sync, .unsupported },
        .{ "SF\x01\x0c", .sync, .unsupported },
        .{ "SF\x01\x02\x00\x00", .get, .malformed },
        .{ "SF\x01\x02\x00\x01" ++ "k" ** 256, .get, .key_too_long },
        .{ "SF\x01\x02\x01\x00\xff", .get, .malformed },
        .{ "SF\x01\x01\x01\x00\x01\x00\x01\x00k", .put, .value_too_large },
        .{ "SF\x01\x05\x00", .sync, .malformed },
        .{ "SF\x01\x04\x00\x01\x01\x00" ++ "k" ** 256, .list, .key_too_long },
    };
    for (table) |row| {
        const refusal = decodeRequest(row[0]).refusal;
        try testing.expectEqual(row[1], refusal.op);
        try testing.expectEqual(row[2], refusal.status);
    }
}
