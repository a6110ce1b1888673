//! The capability that an operation needs, and the paths that are valid.

const std = @import("std");
const Op = @import("wire").state.Op;

const Guarded = struct { prefix: []const u8, capability: []const u8 };

const guarded = [_]Guarded{
    .{ .prefix = "/state/keystore/", .capability = "statefs.keystore" },
    .{ .prefix = "/state/boot/", .capability = "statefs.boot" },
};
/// The service's own keys. They are read like any other, but few may change them.
const own_prefix = "/state/statefsd/";

pub const read = "statefs.read";
pub const write = "statefs.write";
pub const boot = "statefs.boot";
pub const admin = "statefs.admin";

/// The capability for an operation with a key, or with the prefix of a list.
pub fn ofKey(op: Op, key: []const u8) []const u8 {
    for (guarded) |each| if (std.mem.startsWith(u8, key, each.prefix)) return each.capability;
    if (op == .get or op == .list or op == .read) return read;
    return if (std.mem.startsWith(u8, key, own_prefix)) admin else write;
}

/// True: the path is below `/state/`, and does not lead out of it.
pub fn isKey(key: []const u8) bool {
    if (!std.mem.startsWith(u8, key, "/state/")) return false;
    if (std.mem.indexOfScalar(u8, key, 0) != null) return false;
    for ([_][]const u8{ "/../", "/./" }) |part| {
        if (std.mem.indexOf(u8, key, part) != null) return false;
    }
    return !std.mem.endsWith(u8, key, "/..") and !std.mem.endsWith(u8, key, "/.");
}

pub fn isPrefix(prefix: []const u8) bool {
    return std.mem.eql(u8, prefix, "/state") or isKey(prefix);
}

test "capabilities by operation and path" {
    const table = [_]struct { Op, []const u8, []const u8 }{
        .{ .get, "/state/a", read },
        .{ .list, "/state/", read },
        .{ .read, "/state/a", read },
        .{ .read, "/state/keystore/a", "statefs.keystore" },
        .{ .put, "/state/a", write },
        .{ .delete, "/state/keystore", write },
        .{ .get, "/state/keystore/a", "statefs.keystore" },
        .{ .put, "/state/keystore/a", "statefs.keystore" },
        .{ .list, "/state/boot/", boot },
        .{ .get, "/state/statefsd/a", read },
        .{ .txn_put, "/state/statefsd/a", admin },
    };
    for (table) |row| try std.testing.expectEqualStrings(row[2], ofKey(row[0], row[1]));
}

test "a key or a prefix needs its right" {
    for ([_][]const u8{ "/state/a", "/state//a", "/state/..a", "/state/a.", "/state/" }) |key| {
        try std.testing.expect(isKey(key));
    }
    for ([_][]const u8{
        "",
        "/state",
        "state/a",
        "/statex",
        "/other/a",
        "/state/../a",
        "/state/./a",
        "/state/a/..",
        "/state/a/.",
        "/state/a\x00",
    }) |key| try std.testing.expect(!isKey(key));
    try std.testing.expect(isPrefix("/state"));
    try std.testing.expect(!isPrefix("/stat"));
}
