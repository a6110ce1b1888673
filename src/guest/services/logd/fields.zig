//! Fields of a record: lines `key=value`. Its sender writes them, so they prove nothing about the
//! sender.

const std = @import("std");

/// The kernel gives the identity of a sender; a record that brings its own is refused.
const reserved = [_][]const u8{ "sender_service_id", "service_id", "requester_id", "service" };

pub fn claimIdentity(text: []const u8) bool {
    var lines = std.mem.splitScalar(u8, text, '\n');
    while (lines.next()) |line| {
        const end = std.mem.indexOfScalar(u8, line, '=') orelse line.len;
        const key = std.mem.trim(u8, line[0..end], " \t\r");
        for (reserved) |name| if (std.ascii.eqlIgnoreCase(key, name)) return true;
    }
    return false;
}

test "reserved keys are found in every line and spelling" {
    const claims = [_][]const u8{
        "service=x",            "a=b\nservice_id=1", "Requester_ID = 7",
        " sender_service_id\t", "a=b\r\nservice=x",  "service",
    };
    for (claims) |text| try std.testing.expect(claimIdentity(text));
    const honest = [_][]const u8{ "", "a=service", "services=x", "peer=node-a\nop=1", "=service" };
    for (honest) |text| try std.testing.expect(!claimIdentity(text));
}
