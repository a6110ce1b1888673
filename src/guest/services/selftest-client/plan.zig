//! What the node configuration asks of the selftest.

const records = @import("os").records;

pub const Mode = enum(u8) {
    /// One machine alone.
    single = 0,
    /// The node that asks the other one.
    client = 1,
    /// The node that is asked.
    server = 2,
};

const tag_mode = 1;
const tag_peer = 2;
const peer_bytes_max = 64;

/// From the service's section of the node configuration. No section: one machine alone.
pub fn parse(section: []const u8) error{ Malformed, UnknownTag, NoPeer }!Mode {
    var mode: Mode = .single;
    var has_peer = false;
    var each = records.iterate(section);
    while (try each.next()) |record| switch (record.tag) {
        tag_mode => {
            if (record.value.len != 1 or record.value[0] > 2) return error.Malformed;
            mode = @enumFromInt(record.value[0]);
        },
        // dsoftbusd knows the peer and dials it; here it only has to be there.
        tag_peer => {
            if (record.value.len == 0 or record.value.len > peer_bytes_max) return error.Malformed;
            has_peer = true;
        },
        else => return error.UnknownTag,
    };
    if (mode == .client and !has_peer) return error.NoPeer;
    return mode;
}

test "modes, and what is refused" {
    const expectEqual = @import("std").testing.expectEqual;
    const expectError = @import("std").testing.expectError;
    try expectEqual(Mode.single, try parse(""));
    try expectEqual(Mode.single, try parse("\x01\x00\x01\x00\x00"));
    try expectEqual(Mode.server, try parse("\x01\x00\x01\x00\x02"));
    try expectEqual(Mode.client, try parse("\x01\x00\x01\x00\x01\x02\x00\x06\x00node-b"));
    try expectError(error.NoPeer, parse("\x01\x00\x01\x00\x01"));
    try expectError(error.Malformed, parse("\x01\x00\x01\x00\x03"));
    try expectError(error.Malformed, parse("\x01\x00\x02\x00\x00\x00"));
    try expectError(error.Malformed, parse("\x02\x00\x00\x00"));
    try expectError(error.Malformed, parse("\x01\x00\x01"));
    try expectError(error.UnknownTag, parse("\x03\x00\x00\x00"));
}
