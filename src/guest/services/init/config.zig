//! The node configuration `NXCF`: checks on the whole blob, its sections, and init's own section.
//! docs/spec/node-config.md has the layout. The file is pure: bytes come in, values or a named
//! refusal go out.

const std = @import("std");
const contract = @import("contract");
const abi = @import("abi");
pub const lives = @import("lives.zig");

const Tag = contract.node.InitTag;

pub const blob_bytes_max = contract.node.blob_bytes_max;
pub const header_bytes = contract.node.header_bytes;
const section_entry_bytes = 16;
const sections_max = contract.node.sections_max;
const section_bytes_max = contract.node.section_bytes_max;

pub const services_max = contract.node.services_max;
pub const routes_max = contract.node.routes_max;
pub const name_bytes_max = 48;

pub const Error = error{
    BadMagic,
    BadVersion,
    BadLength,
    BadSection,
    BadDigest,
    BadRecord,
    BadName,
    TooMany,
    Repeated,
};

/// The total length that the header claims; the caller reads that much before `parse`.
pub fn totalBytes(header: *const [header_bytes]u8) Error!usize {
    if (!std.mem.eql(u8, header[0..4], contract.node.magic)) return error.BadMagic;
    const version = std.mem.readInt(u16, header[4..6], .little);
    if (version != contract.node.version) return error.BadVersion;
    const total = std.mem.readInt(u32, header[8..12], .little);
    if (total < header_bytes or total > blob_bytes_max) return error.BadLength;
    return total;
}

pub const Blob = struct {
    bytes: []const u8,
    count: usize,

    /// The section of one service, empty if it has none.
    pub fn section(self: Blob, service_id: u64) ?[]const u8 {
        for (0..self.count) |i| {
            const entry = entryAt(self.bytes, i);
            if (std.mem.readInt(u64, entry[0..8], .little) != service_id) continue;
            const offset = std.mem.readInt(u32, entry[8..12], .little);
            return self.bytes[offset..][0..std.mem.readInt(u32, entry[12..16], .little)];
        }
        return null;
    }
};

fn entryAt(bytes: []const u8, index: usize) *const [section_entry_bytes]u8 {
    return bytes[header_bytes + index * section_entry_bytes ..][0..section_entry_bytes];
}

pub fn parse(bytes: []const u8) Error!Blob {
    if (bytes.len < header_bytes) return error.BadLength;
    if (try totalBytes(bytes[0..header_bytes]) != bytes.len) return error.BadLength;
    var digest: [32]u8 = undefined;
    std.crypto.hash.sha2.Sha256.hash(bytes[header_bytes..], &digest, .{});
    if (!std.mem.eql(u8, &digest, bytes[12..44])) return error.BadDigest;

    const count = std.mem.readInt(u16, bytes[6..8], .little);
    const first: usize = header_bytes + @as(usize, count) * section_entry_bytes;
    if (count < 1 or count > sections_max or first > bytes.len) return error.BadSection;
    var last_id: u64 = 0;
    for (0..count) |i| {
        const entry = entryAt(bytes, i);
        const id = std.mem.readInt(u64, entry[0..8], .little);
        const offset = std.mem.readInt(u32, entry[8..12], .little);
        const len = std.mem.readInt(u32, entry[12..16], .little);
        if (i > 0 and id <= last_id) return error.BadSection; // sorted, so no service has two
        if (offset < first or offset > bytes.len or len > bytes.len - offset or
            len > section_bytes_max)
        {
            return error.BadSection;
        }
        last_id = id;
    }
    return .{ .bytes = bytes, .count = count };
}

pub const Route = struct { client: u64, server: u64 };

/// The orders to init: the services to start, in order, and which of them may reach which.
pub const Plan = struct {
    starts: [services_max][]const u8 = undefined,
    start_count: usize = 0,
    routes: [routes_max]Route = undefined,
    route_count: usize = 0,

    pub fn services(self: *const Plan) []const []const u8 {
        return self.starts[0..self.start_count];
    }

    pub fn permits(self: *const Plan, client: u64, server: u64) bool {
        for (self.routes[0..self.route_count]) |route| {
            if (route.client == client and route.server == server) return true;
        }
        return false;
    }

    fn addStart(self: *Plan, name: []const u8) Error!void {
        try checkName(name);
        for (self.services()) |other| if (std.mem.eql(u8, name, other)) return error.Repeated;
        if (self.start_count == services_max) return error.TooMany;
        self.starts[self.start_count] = name;
        self.start_count += 1;
    }

    fn addRoute(self: *Plan, text: []const u8) Error!void {
        const cut = std.mem.indexOfScalar(u8, text, '>') orelse return error.BadRecord;
        try checkName(text[0..cut]);
        try checkName(text[cut + 1 ..]);
        if (self.route_count == routes_max) return error.TooMany;
        self.routes[self.route_count] = .{
            .client = abi.serviceId(text[0..cut]),
            .server = abi.serviceId(text[cut + 1 ..]),
        };
        self.route_count += 1;
    }
};

/// init's own section; a tag it does not know is refused, because it cannot know what was meant.
pub fn parsePlan(section: []const u8) Error!Plan {
    var plan: Plan = .{};
    var rest = section;
    while (rest.len > 0) {
        if (rest.len < 4) return error.BadRecord;
        const tag = std.mem.readInt(u16, rest[0..2], .little);
        const len = std.mem.readInt(u16, rest[2..4], .little);
        if (len > rest.len - 4) return error.BadRecord;
        const value = rest[4..][0..len];
        switch (tag) {
            @intFromEnum(Tag.start) => try plan.addStart(value),
            @intFromEnum(Tag.route) => try plan.addRoute(value),
            else => return error.BadRecord,
        }
        rest = rest[4 + @as(usize, len) ..];
    }
    return plan;
}

/// Names are file names of the boot archive: lower-case letters, digits, `-` and `_`, at most 31
/// for an archive entry.
fn checkName(name: []const u8) Error!void {
    if (name.len < 1 or name.len > 31 or std.mem.eql(u8, name, "init")) return error.BadName;
    for (name) |c| switch (c) {
        'a'...'z', '0'...'9', '-', '_' => {},
        else => return error.BadName,
    };
}

const testing = std.testing;

test {
    _ = lives;
    _ = @import("config_test.zig");
}

fn example(buffer: []u8, section: []const u8) []u8 {
    const total = header_bytes + section_entry_bytes + section.len;
    @memcpy(buffer[0..4], contract.node.magic);
    std.mem.writeInt(u16, buffer[4..6], 1, .little);
    std.mem.writeInt(u16, buffer[6..8], 1, .little);
    std.mem.writeInt(u32, buffer[8..12], @intCast(total), .little);
    std.mem.writeInt(u64, buffer[44..52], abi.serviceId("init"), .little);
    std.mem.writeInt(u32, buffer[52..56], header_bytes + section_entry_bytes, .little);
    std.mem.writeInt(u32, buffer[56..60], @intCast(section.len), .little);
    @memcpy(buffer[60..][0..section.len], section);
    std.crypto.hash.sha2.Sha256.hash(buffer[44..total], buffer[12..44], .{});
    return buffer[0..total];
}

const example_section = "\x01\x00\x04\x00logd\x01\x00\x07\x00policyd\x02\x00\x0c\x00policyd>logd";

test "a blob gives the plan it was made from" {
    var buffer: [256]u8 = undefined;
    const blob = try parse(example(&buffer, example_section));
    const plan = try parsePlan(blob.section(abi.serviceId("init")).?);
    try testing.expectEqual(@as(usize, 2), plan.services().len);
    try testing.expectEqualStrings("policyd", plan.services()[1]);
    try testing.expect(plan.permits(abi.serviceId("policyd"), abi.serviceId("logd")));
    try testing.expect(!plan.permits(abi.serviceId("logd"), abi.serviceId("policyd")));
    try testing.expectEqual(@as(?[]const u8, null), blob.section(abi.serviceId("logd")));
}

test "every flipped bit and every truncation is refused" {
    var buffer: [256]u8 = undefined;
    const good = example(&buffer, example_section);
    for (0..good.len * 8) |bit| {
        good[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
        try testing.expect(std.meta.isError(parse(good)));
        good[bit / 8] ^= @as(u8, 1) << @intCast(bit % 8);
    }
    for (0..good.len) |len| try testing.expect(std.meta.isError(parse(good[0..len])));
    _ = try parse(good);
}

test "init's section: unknown tag, bad name, repeated start and cut record are refused" {
    try testing.expectError(error.BadRecord, parsePlan("\x03\x00\x00\x00"));
    try testing.expectError(error.BadRecord, parsePlan("\x01\x00\x05\x00logd"));
    try testing.expectError(error.BadRecord, parsePlan("\x02\x00\x04\x00logd"));
    try testing.expectError(error.BadName, parsePlan("\x01\x00\x04\x00LOGD"));
    try testing.expectError(error.BadName, parsePlan("\x01\x00\x04\x00init"));
    try testing.expectError(error.BadName, parsePlan("\x02\x00\x05\x00logd>"));
    try testing.expectError(error.Repeated, parsePlan("\x01\x00\x04\x00logd\x01\x00\x04\x00logd"));
}
