//! The configuration blob with its digest made right: each field at its bounds, several sections,
//! and as much of everything as there is room for.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const contract = @import("contract");
const config = @import("config.zig");

const header_bytes = 44;
const entry_bytes = 16;

var buffer: [config.blob_bytes_max + 1]u8 = undefined;

const Section = struct { id: u64, len: u32 };

/// A blob of sections that lie one behind the other, each filled with its number.
fn blobOf(sections: []const Section) []u8 {
    @memset(&buffer, 0);
    @memcpy(buffer[0..4], contract.node.magic);
    std.mem.writeInt(u16, buffer[4..6], 1, .little);
    std.mem.writeInt(u16, buffer[6..8], @intCast(sections.len), .little);
    var at: usize = header_bytes + sections.len * entry_bytes;
    for (sections, 0..) |section, i| {
        const entry = buffer[header_bytes + i * entry_bytes ..];
        std.mem.writeInt(u64, entry[0..8], section.id, .little);
        std.mem.writeInt(u32, entry[8..12], @intCast(at), .little);
        std.mem.writeInt(u32, entry[12..16], section.len, .little);
        @memset(buffer[at..][0..section.len], @intCast(i + 1));
        at += section.len;
    }
    return sealed(at);
}

/// With its length and its digest made right.
fn sealed(total: usize) []u8 {
    std.mem.writeInt(u32, buffer[8..12], @intCast(total), .little);
    std.crypto.hash.sha2.Sha256.hash(buffer[header_bytes..total], buffer[12..44], .{});
    return buffer[0..total];
}

fn put(comptime T: type, at: usize, value: T) void {
    std.mem.writeInt(T, buffer[at..][0..@sizeOf(T)], value, .little);
}

test "each service has its own section, and an empty one is not a missing one" {
    const sections = [_]Section{
        .{ .id = 3, .len = 5 },
        .{ .id = 4, .len = 0 },
        .{ .id = 9, .len = 7 },
    };
    const blob = try config.parse(blobOf(&sections));
    for (sections, 1..) |section, number| {
        const found = blob.section(section.id).?;
        try testing.expectEqual(section.len, found.len);
        for (found) |byte| try testing.expectEqual(number, byte);
    }
    for ([_]u64{ 0, 5, 10 }) |id| try testing.expectEqual(null, blob.section(id));
}

test "sections: one at least, as many as are allowed, in order and no service twice" {
    const most = contract.node.sections_max;
    var sections: [most + 1]Section = undefined;
    for (&sections, 1..) |*section, id| section.* = .{ .id = id, .len = 1 };
    for ([_]usize{ 1, 2, most }) |count| {
        const blob = try config.parse(blobOf(sections[0..count]));
        try testing.expectEqual(count, blob.section(count).?[0]);
    }
    try testing.expectError(error.BadSection, config.parse(blobOf(&sections)));
    try testing.expectError(error.BadSection, config.parse(blobOf(&.{})));
    sections[1].id = 1;
    try testing.expectError(error.BadSection, config.parse(blobOf(sections[0..2])));
    sections[1].id = 0;
    try testing.expectError(error.BadSection, config.parse(blobOf(sections[0..2])));
    sections[0].id = 0; // the first may be of any service
    _ = try config.parse(blobOf(sections[0..1]));
}

test "a section lies behind the table and ends with the blob" {
    const first = header_bytes + entry_bytes;
    const Case = struct { offset: u32, len: u32, is_right: bool };
    for ([_]Case{
        .{ .offset = first, .len = 10, .is_right = true },
        .{ .offset = first + 10, .len = 0, .is_right = true },
        .{ .offset = first + 9, .len = 1, .is_right = true },
        .{ .offset = first - 1, .len = 1, .is_right = false },
        .{ .offset = first, .len = 11, .is_right = false },
        .{ .offset = first + 9, .len = 2, .is_right = false },
        .{ .offset = first + 11, .len = 0, .is_right = false },
        .{ .offset = std.math.maxInt(u32), .len = 1, .is_right = false },
        .{ .offset = first, .len = std.math.maxInt(u32), .is_right = false },
    }) |case| {
        _ = blobOf(&.{.{ .id = 1, .len = 10 }});
        put(u32, header_bytes + 8, case.offset);
        put(u32, header_bytes + 12, case.len);
        const parsed = config.parse(sealed(first + 10));
        if (case.is_right) {
            try testing.expectEqual(case.len, (try parsed).section(1).?.len);
        } else try testing.expectError(error.BadSection, parsed);
    }
    // A table with nothing behind it is a whole blob.
    const empty = try config.parse(blobOf(&.{.{ .id = 1, .len = 0 }}));
    try testing.expectEqual(0, empty.section(1).?.len);
    // More sections than there is table.
    _ = blobOf(&.{.{ .id = 1, .len = 10 }});
    put(u16, 6, 2);
    try testing.expectError(error.BadSection, config.parse(sealed(first + 10)));
}

test "the longest section and the longest blob, and what the header may claim" {
    const longest = contract.node.section_bytes_max;
    const one = blobOf(&.{.{ .id = 1, .len = longest }});
    try testing.expectEqual(longest, (try config.parse(one)).section(1).?.len);
    const room = config.blob_bytes_max - header_bytes - entry_bytes;
    if (longest < room) {
        const longer = blobOf(&.{.{ .id = 1, .len = longest + 1 }});
        try testing.expectError(error.BadSection, config.parse(longer));
    }
    var header: [header_bytes]u8 = @splat(0);
    header[0..4].* = contract.node.magic.*;
    header[4] = 1;
    const Case = struct { u32, bool };
    for ([_]Case{
        .{ header_bytes, true },          .{ header_bytes - 1, false },
        .{ config.blob_bytes_max, true }, .{ config.blob_bytes_max + 1, false },
    }) |case| {
        std.mem.writeInt(u32, header[8..12], case[0], .little);
        if (case[1]) {
            try testing.expectEqual(case[0], try config.totalBytes(&header));
        } else try testing.expectError(error.BadLength, config.totalBytes(&header));
    }
    header[4] = 2;
    try testing.expectError(error.BadVersion, config.totalBytes(&header));
    header[3] ^= 1;
    try testing.expectError(error.BadMagic, config.totalBytes(&header));
    // A blob of another length than it claims is not read.
    const good = blobOf(&.{.{ .id = 1, .len = 10 }});
    try testing.expectError(error.BadLength, config.parse(buffer[0 .. good.len + 1]));
    try testing.expectError(error.BadLength, config.parse(good[0 .. good.len - 1]));
    try testing.expectError(error.BadLength, config.parse(good[0 .. header_bytes - 1]));
}

/// Records of init's section.
const Records = struct {
    bytes: [64 * 1024]u8 = undefined,
    len: usize = 0,

    fn add(self: *Records, tag: u16, value: []const u8) void {
        std.mem.writeInt(u16, self.bytes[self.len..][0..2], tag, .little);
        std.mem.writeInt(u16, self.bytes[self.len + 2 ..][0..2], @intCast(value.len), .little);
        @memcpy(self.bytes[self.len + 4 ..][0..value.len], value);
        self.len += 4 + value.len;
    }

    fn parse(self: *const Records) config.Error!config.Plan {
        return config.parsePlan(self.bytes[0..self.len]);
    }
};

var records: Records = .{};

test "as many services and routes as there is room for, and one more" {
    const start = 1;
    const route = 2;
    var name: [16]u8 = undefined;
    records.len = 0;
    for (0..config.services_max) |i| {
        records.add(start, try std.fmt.bufPrint(&name, "service-{d}", .{i}));
    }
    const plan = try records.parse();
    try testing.expectEqual(config.services_max, plan.services().len);
    try testing.expectEqualStrings("service-0", plan.services()[0]);
    records.add(start, "one-more");
    try testing.expectError(error.TooMany, records.parse());
    records.len = 0;
    for (0..config.routes_max) |i| {
        records.add(route, try std.fmt.bufPrint(&name, "a{d}>b", .{i}));
    }
    const routes = try records.parse();
    try testing.expectEqual(config.routes_max, routes.route_count);
    try testing.expect(routes.permits(abi.serviceId("a0"), abi.serviceId("b")));
    try testing.expect(!routes.permits(abi.serviceId("a0"), abi.serviceId("a1")));
    try testing.expect(!routes.permits(abi.serviceId("b"), abi.serviceId("b")));
    records.add(route, "one>more");
    try testing.expectError(error.TooMany, records.parse());
}

test "names: their first and last letters, and how long one may be" {
    for ([_][]const u8{ "a", "z", "0", "9", "-", "_", "n" ** 31, "init2" }) |good| {
        records.len = 0;
        records.add(1, good);
        try testing.expectEqualStrings(good, (try records.parse()).services()[0]);
    }
    const bad_names = [_][]const u8{
        "", "n" ** 32, "init", "`", "{", "/", ":", ".", "A", "a b", "a\x00",
    };
    for (bad_names) |bad| {
        records.len = 0;
        records.add(1, bad);
        try testing.expectError(error.BadName, records.parse());
    }
    for ([_][]const u8{ ">b", "a>", "a>b>c", "init>b", "a>init" }) |bad| {
        records.len = 0;
        records.add(2, bad);
        try testing.expectError(error.BadName, records.parse());
    }
    for (1..4) |len| {
        try testing.expectError(error.BadRecord, config.parsePlan("\x01\x00\x01\x00a"[0..len]));
    }
    try testing.expectError(error.BadRecord, config.parsePlan("\x01\x00\x01\x00"));
    try testing.expectEqual(0, (try config.parsePlan("")).services().len);
}
