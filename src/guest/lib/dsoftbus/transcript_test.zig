//! One whole session with fixed keys, byte for byte. The host's tests replay the same lines, so
//! the two implementations cannot differ in a single byte without one of them failing.
//!
//! Static keys 1 (node-a, the dialler) and 3 (node-b), ephemeral keys 2 and 4; each is its number
//! 32 times.

const std = @import("std");
const noise = @import("noise");
const frames = @import("frames.zig");
const session = @import("session.zig");
const Session = session.Session;
const Id = @import("id.zig").Id;

const hello =
    "0030ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d595f6b0dfaca69" ++
    "e8f03a096aee8d288b75";
const reply =
    "0036ac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10b1a1368825d55" ++
    "a894df10d5d7fe145262285a99b84fe3";
const proof_and_ping =
    "0046912f9a7a494ad3656864d4be5886efe78c73d84c8f9f3b8e60a4dcc176c8e03f4197cb8b1132" ++
    "1fb07ee47ec457f918cf6cb67aeb6af06b1d5c4a3e97ddaffa7817e0be8dc2a700202c77bf9d4b00" ++
    "375c338d8c1b6c9a6a90985530c36d195946505d982097027421";
const pong =
    "0020ec6c1edddb9340366872d073621fa8d2ac786f45f83b0b20f9f4e5184d2c114b";
const request =
    "002809ac1f51903a36db85eba43b22b2f385078ac44d2b920f9e54a3467b3371fb513db1bbaee84d" ++
    "df61";
const response =
    "002df921ee73adcc2ddc5f715606a462f7a08d909f7161ecc4cedfb3973b480a7ce50dfc6d1d4932" ++
    "a6ea9123d6bc72";

fn key(seed: u8) noise.KeyPair {
    return noise.KeyPair.fromSecret(@splat(seed)) catch unreachable;
}

fn expectOutput(from: *Session, hex: []const u8) !void {
    var bytes: [512]u8 = undefined;
    const expected = try std.fmt.hexToBytes(&bytes, hex);
    try std.testing.expectEqualSlices(u8, expected, from.output());
}

/// What `from` says is `hex`; give it to `to`.
fn carry(from: *Session, to: *Session, hex: []const u8) !void {
    try expectOutput(from, hex);
    try std.testing.expectEqual(from.output().len, to.feed(from.output()));
    from.takeOutput(from.output().len);
}

test "a whole session, byte for byte" {
    const id_a = try Id.from("node-a");
    const id_b = try Id.from("node-b");
    var a: Session = undefined;
    var b: Session = undefined;
    const options_a: session.Options =
        .{ .id = &id_a, .static = key(1), .ephemeral = key(2), .now_ns = 0 };
    try a.dial(options_a, key(3).public);
    b.accept(.{ .id = &id_b, .static = key(3), .ephemeral = key(4), .now_ns = 0 });

    try carry(&a, &b, hello);
    try std.testing.expect(b.take(0) == null);
    try carry(&b, &a, reply);
    try std.testing.expect(a.take(0).?.proven.claimed.eql("node-b"));
    try a.admit(0);
    try carry(&a, &b, proof_and_ping);
    try std.testing.expect(b.take(0).?.proven.claimed.eql("node-a"));
    try b.admit(0);
    try std.testing.expect(b.take(0).? == .ready);
    try std.testing.expect(b.take(0) == null);
    try carry(&b, &a, pong);
    try std.testing.expect(a.take(0).? == .ready);
    try std.testing.expect(a.take(0) == null);

    _ = try a.request(1, "SM\x01\x06\x01x", 300);
    try carry(&a, &b, request);
    const asked = try frames.decodeRequest(b.take(0).?.received);
    try std.testing.expectEqual(@as(u64, 1), asked.correlation);
    var frame: [frames.response_head + frames.response_payload_max]u8 = undefined;
    const answer = "SM\x01\x86" ++ "\x00" ** 9;
    const told: frames.Response = .{ .status = .ok, .correlation = 1, .payload = answer };
    try b.send(try frames.encodeResponse(&frame, told));
    try carry(&b, &a, response);
    const answered = try frames.decodeResponse(a.take(0).?.received);
    try std.testing.expectEqualStrings(answer, answered.payload);
}
