//! The table against the guest's server and image reader: every step of every case.

const std = @import("std");
const pk_cases = @import("pk_cases");
const dsoftbus = @import("dsoftbus");
const pkgimg = @import("pkgimg");
const packagefs_server = dsoftbus.packagefs_server;
const testing = std.testing;

const entry_bytes = 24;
const file_align = 4096;

/// The files of the table as an image; all of them lie one after the other, each on its block.
const Image = struct {
    index: pkgimg.Index,
    files: []const pk_cases.File,

    fn build(allocator: std.mem.Allocator, files: []const pk_cases.File) !Image {
        var bytes: std.Io.Writer.Allocating = .init(allocator);
        const writer = &bytes.writer;
        try writer.writeInt(u32, @intCast(files.len), .little);
        for (files, 0..) |file, i| {
            const lens = [_]usize{ file.bundle.len, file.version.len, file.path.len, 0 };
            for (lens) |len| try writer.writeInt(u16, @intCast(len), .little);
            try writer.writeInt(u64, i * file_align, .little);
            try writer.writeInt(u64, file.text.len, .little);
            try writer.print("{s}{s}{s}", .{ file.bundle, file.version, file.path });
        }
        const starts = try allocator.alloc(u32, files.len);
        const head: pkgimg.Superblock = .{
            .index_len = bytes.written().len,
            .data_off = 0,
            .data_len = files.len * file_align,
            .digest = undefined,
        };
        return .{ .index = try .parse(bytes.written(), starts, head), .files = files };
    }

    pub fn stat(self: *Image, path: []const u8) packagefs_server.Failure!u64 {
        return (try self.open(path)).size;
    }

    pub fn open(self: *Image, path: []const u8) packagefs_server.Failure!packagefs_server.File {
        return switch (self.index.find(path)) {
            .none => error.NotFound,
            .directory => error.Io,
            .file => |i| .{ .index = i, .size = self.index.entry(i).len },
        };
    }

    pub fn read(self: *Image, file: u32, offset: u32, out: []u8) packagefs_server.Failure!void {
        @memcpy(out, self.files[file].text[offset..][0..out.len]);
    }
};

test "every case of the table" {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const table = try pk_cases.parse(arena.allocator());
    var image: Image = try .build(arena.allocator(), table.files);
    var steps: usize = 0;
    for (table.cases) |case| {
        var sessions: [2]packagefs_server.Handles = @splat(.{});
        for (case.steps, 0..) |step, i| {
            var request: [pk_cases.frame_bytes_max]u8 = undefined;
            var expected: [pk_cases.frame_bytes_max]u8 = undefined;
            var out: [dsoftbus.packagefs.reply_bytes_max]u8 = undefined;
            const outcome = try packagefs_server.serve(
                &sessions[step.session],
                try pk_cases.bytesOf(step.request, &request),
                step.authenticated,
                0, // no time passes in a case
                &image,
                &out,
            );
            const reply = try pk_cases.bytesOf(step.reply, &expected);
            testing.expectEqualSlices(u8, reply, outcome.reply) catch |err| {
                std.debug.print("case {s}, step {d}\n", .{ case.name, i });
                return err;
            };
            steps += 1;
        }
    }
    try testing.expect(steps >= 100);
}
