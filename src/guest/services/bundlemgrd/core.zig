//! The bundles of this node: those of its package image; without one, a single bundle `system`
//! whose build properties come from the configuration.

const std = @import("std");
const contract = @import("contract");
const records = @import("os").records;
const wire = @import("wire");
const bundle_frames = wire.bundle;
pub const Shelf = @import("shelf.zig").Shelf;

/// The bytes that one message of the kernel carries.
pub const reply_bytes_max = 8192;
/// Refusals reported on the console; further ones are answered just the same.
pub const denials_told_max = 8;

const tag_build = @intFromEnum(contract.node.BundleTag.build);
const default_build = "ro.nexus.build=dev\nro.nexus.slot=a\n";
const bundle = "system";
const bundle_version = "1.0.0-a";
const bundle_count = 1;

pub const Bundles = struct {
    build: []const u8 = default_build,
    denials_told: u8 = 0,

    /// Read this service's section of the node configuration; the text is borrowed from it.
    pub fn parse(section: []const u8) error{ Malformed, UnknownTag }!Bundles {
        var bundles: Bundles = .{};
        var each = records.iterate(section);
        while (try each.next()) |record| switch (record.tag) {
            tag_build => bundles.build = record.value,
            else => return error.UnknownTag,
        };
        return bundles;
    }

    /// `gate.permits(sender)` is asked anew for each well-formed request; `shelf` knows the package
    /// image, see shelf.zig.
    pub fn handle(
        self: *Bundles,
        frame: []const u8,
        sender: u64,
        gate: anytype,
        shelf: anytype,
        out: *[reply_bytes_max]u8,
    ) []const u8 {
        const op = switch (bundle_frames.decodeRequest(frame)) {
            .refusal => |refusal| return refuse(out, refusal),
            .request => |op| op,
        };
        if (!gate.permits(sender)) {
            if (self.denials_told < denials_told_max) {
                self.denials_told += 1;
                gate.denied(sender);
            }
            return refuse(out, .{ .op = op, .status = .unsupported });
        }
        return switch (op) {
            .fetch_image => self.fetchImage(shelf, out),
            else => {
                const count = shelf.count() orelse bundle_count;
                // `out` is the longest reply long, and this one has no image.
                return bundle_frames.encodeListReply(out, .list, .ok, count) catch unreachable;
            },
        };
    }

    fn fetchImage(self: *const Bundles, shelf: anytype, out: *[reply_bytes_max]u8) []const u8 {
        const room = out[bundle_frames.image_header_bytes..];
        const image = shelf.image(room) orelse wire.bundle_image.encode(room, &.{.{
            .bundle = bundle,
            .version = bundle_version,
            .path = "build.prop",
            .data = self.build,
        }}) catch unreachable; // A section of at most 8000 bytes and 54 of our own.
        // It lies where the reply has it.
        std.debug.assert(image.ptr == room.ptr and image.len <= room.len);
        const header = bundle_frames.encodeImageHeader(
            out,
            .ok,
            @intCast(image.len),
        ) catch unreachable; // `room` is what a header leaves of `out`.
        return out[0 .. header.len + image.len];
    }
};

fn refuse(out: *[reply_bytes_max]u8, refusal: bundle_frames.Refusal) []const u8 {
    return bundle_frames.encodeRefusal(out, refusal) catch unreachable; // 9 bytes at most.
}

const testing = std.testing;

const FakeGate = struct {
    permitted: u64 = 0xA,
    asked: u32 = 0,
    told: u32 = 0,

    fn permits(self: *FakeGate, sender: u64) bool {
        self.asked += 1;
        return sender == self.permitted;
    }

    fn denied(self: *FakeGate, _: u64) void {
        self.told += 1;
    }
};

/// A shelf without a package image, or with one of this many bundles.
const FakeShelf = struct {
    bundles: ?u16 = null,

    fn count(self: FakeShelf) ?u16 {
        return self.bundles;
    }

    fn image(self: FakeShelf, room: []u8) ?[]u8 {
        if (self.bundles == null) return null;
        return wire.bundle_image.encode(room, &.{}) catch unreachable; // a head alone
    }
};

const bare: FakeShelf = .{};

test "list and image, for senders that may ask" {
    var reply: [reply_bytes_max]u8 = undefined;
    var bundles: Bundles = try .parse("");
    var gate: FakeGate = .{};
    const list = bundles.handle("BN\x01\x01", 0xA, &gate, bare, &reply);
    try testing.expectEqualSlices(u8, "BN\x01\x81\x00\x01\x00\x00", list);
    const image = bundle_frames.decodeImageReply(
        bundles.handle("BN\x01\x03", 0xA, &gate, bare, &reply),
    ).?;
    try testing.expectEqual(bundle_frames.Status.ok, image.status);
    var files = try wire.bundle_image.iterate(image.image);
    const file = (try files.next()).?;
    try testing.expectEqualStrings("system", file.bundle);
    try testing.expectEqualStrings("1.0.0-a", file.version);
    try testing.expectEqualStrings("build.prop", file.path);
    try testing.expectEqualStrings(default_build, file.data);
    try testing.expectEqual(@as(?wire.bundle_image.Entry, null), try files.next());
}

test "a sender that may not ask is unsupported, named eight times, and judged each time" {
    var reply: [reply_bytes_max]u8 = undefined;
    var bundles: Bundles = .{};
    var gate: FakeGate = .{};
    for (0..10) |_| {
        const list = bundles.handle("BN\x01\x01", 0xB, &gate, bare, &reply);
        try testing.expectEqualSlices(u8, "BN\x01\x81\x02\x00\x00\x00", list);
    }
    const image = bundles.handle("BN\x01\x03", 0xB, &gate, bare, &reply);
    try testing.expectEqualSlices(u8, "BN\x01\x83\x02\x00\x00\x00\x00", image);
    try testing.expectEqual(@as(u32, 8), gate.told);
    try testing.expectEqual(@as(u32, 11), gate.asked);
    gate.permitted = 0xB;
    const allowed = bundles.handle("BN\x01\x01", 0xB, &gate, bare, &reply);
    try testing.expectEqualSlices(u8, "BN\x01\x81\x00\x01\x00\x00", allowed);
}

test "a malformed request is answered without asking policyd" {
    var reply: [reply_bytes_max]u8 = undefined;
    var bundles: Bundles = .{};
    var gate: FakeGate = .{};
    const cut = bundles.handle("BN\x01", 0xA, &gate, bare, &reply);
    try testing.expectEqualSlices(u8, "BN\x01\x81\x01\x00\x00\x00", cut);
    const longer = bundles.handle("BN\x01\x03\x00", 0xA, &gate, bare, &reply);
    try testing.expectEqualSlices(u8, "BN\x01\x83\x01\x00\x00\x00\x00", longer);
    try testing.expectEqual(@as(u32, 0), gate.asked);
}

test "the configuration's text, up to the longest section" {
    var reply: [reply_bytes_max]u8 = undefined;
    var bundles: Bundles = try .parse("\x01\x00\x03\x00a=b");
    try testing.expectEqualStrings("a=b", bundles.build);
    try testing.expectError(error.UnknownTag, Bundles.parse("\x02\x00\x00\x00"));
    try testing.expectError(error.Malformed, Bundles.parse("\x01\x00\x04\x00a=b"));
    bundles.build = "x" ** 8000;
    var gate: FakeGate = .{};
    const image = bundle_frames.decodeImageReply(
        bundles.handle("BN\x01\x03", 0xA, &gate, bare, &reply),
    ).?;
    var files = try wire.bundle_image.iterate(image.image);
    try testing.expectEqual(@as(usize, 8000), (try files.next()).?.data.len);
}

test "a package image goes before the configuration" {
    var reply: [reply_bytes_max]u8 = undefined;
    var bundles: Bundles = .{};
    var gate: FakeGate = .{};
    const shelf: FakeShelf = .{ .bundles = 3 };
    const list = bundles.handle("BN\x01\x01", 0xA, &gate, shelf, &reply);
    try testing.expectEqualSlices(u8, "BN\x01\x81\x00\x03\x00\x00", list);
    const answer = bundles.handle("BN\x01\x03", 0xA, &gate, shelf, &reply);
    var files = try wire.bundle_image.iterate(bundle_frames.decodeImageReply(answer).?.image);
    try testing.expectEqual(@as(?wire.bundle_image.Entry, null), try files.next());
}

test {
    _ = @import("shelf.zig");
}
