//! Answers to `PF` requests from a verified image. The server reads files in blocks through
//! `medium`, which has
//!
//!     fn readBlock(self, at: u64, out: *[4096]u8) error{Io}!void    `at` counts from the data
//!
//! The last block is kept: most readers take a file in small pieces, one after the other.

const std = @import("std");
const pkgimg = @import("pkgimg");
const wire = @import("wire");
const packages = wire.packages;

pub const block_bytes = 4096;
const no_block = std.math.maxInt(u64);

pub fn Server(comptime Medium: type) type {
    return struct {
        const Self = @This();

        /// The index of the image; null: there is no image to serve.
        index: ?pkgimg.Index,
        medium: Medium,
        block: [block_bytes]u8 = undefined,
        block_at: u64 = no_block,
        piece: [packages.read_bytes_max]u8 = undefined,

        pub fn handle(
            self: *Self,
            frame: []const u8,
            out: *[packages.reply_bytes_max]u8,
        ) []const u8 {
            const request = switch (packages.decodeRequest(frame)) {
                .refusal => |refusal| return refuse(out, refusal.op, refusal.status),
                .request => |request| request,
            };
            const index = if (self.index) |*index| index else {
                return refuse(out, opOf(request), .io);
            };
            return switch (request) {
                .stat => |path| stat(index, path, out),
                .open => |path| open(index, path, out),
                .read => |what| self.readFile(index, what, out),
                .list => |list| listPage(index, list, out),
            } catch unreachable; // the buffer takes the longest reply
        }

        fn readFile(
            self: *Self,
            index: *const pkgimg.Index,
            what: packages.Read,
            out: []u8,
        ) ![]const u8 {
            if (what.file >= index.count()) return refuse(out, .read, .not_found);
            const file = index.entry(what.file);
            const len: usize = @min(what.len, file.len -| what.offset);
            std.debug.assert(len <= self.piece.len);
            var done: usize = 0;
            while (done < len) {
                const at = file.offset + what.offset + done;
                self.load(at - at % block_bytes) catch return refuse(out, .read, .io);
                const from: usize = @intCast(at % block_bytes);
                const part = @min(block_bytes - from, len - done);
                @memcpy(self.piece[done..][0..part], self.block[from..][0..part]);
                done += part;
            }
            return packages.encodeReadReply(out, self.piece[0..len]);
        }

        fn load(self: *Self, at: u64) error{Io}!void {
            std.debug.assert(at % block_bytes == 0);
            if (self.block_at == at) return;
            self.block_at = no_block;
            try self.medium.readBlock(at, &self.block);
            self.block_at = at;
        }
    };
}

fn stat(index: *const pkgimg.Index, path: []const u8, out: []u8) ![]const u8 {
    return switch (index.find(path)) {
        .none => refuse(out, .stat, .not_found),
        .directory => packages.encodeStatReply(out, 0, .directory),
        .file => |file| packages.encodeStatReply(out, index.entry(file).len, .file),
    };
}

fn open(index: *const pkgimg.Index, path: []const u8, out: []u8) ![]const u8 {
    return switch (index.find(path)) {
        .none => refuse(out, .open, .not_found),
        .directory => refuse(out, .open, .is_directory),
        .file => |file| packages.encodeOpenReply(out, file, index.entry(file).len),
    };
}

fn listPage(index: *const pkgimg.Index, list: packages.List, out: []u8) ![]const u8 {
    switch (index.find(list.path)) {
        .directory => {},
        else => return refuse(out, .list, .not_found),
    }
    var page: packages.Page = try .begin(out);
    const limit = std.math.clamp(list.limit, 1, packages.list_entries_max);
    var cursor = list.cursor;
    while (page.count < limit) {
        const before = cursor;
        const child = index.next(list.path, &cursor) orelse return page.done(before, true);
        std.debug.assert(cursor > before); // a client that asks on comes to an end
        addChild(index, &page, child) catch {
            // A name that no page takes is an error; any other waits for the next page.
            if (page.count == 0) return refuse(out, .list, .io);
            return page.done(before, false);
        };
    }
    var after = cursor;
    const is_last = index.next(list.path, &after) == null;
    return page.done(cursor, is_last);
}

fn addChild(index: *const pkgimg.Index, page: *packages.Page, child: pkgimg.index.Child) !void {
    if (child.file) |file| return page.add(.file, index.entry(file).len, &.{child.name});
    const version = child.version orelse return page.add(.directory, 0, &.{child.name});
    try page.add(.directory, 0, &.{ child.name, "@", version });
}

fn opOf(request: packages.Request) packages.Op {
    return switch (request) {
        .stat => .stat,
        .read => .read,
        .open => .open,
        .list => .list,
    };
}

fn refuse(out: []u8, op: packages.Op, status: packages.Status) []const u8 {
    return packages.encodeRefusal(out, op, status) catch unreachable; // five bytes
}

test {
    _ = @import("core_test.zig");
}
