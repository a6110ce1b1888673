//! Checks of the other node's package files, through dsoftbusd. They ask about one file, open it,
//! read it in one step and close it; then they read it from end to end.

const std = @import("std");
const wire = @import("wire");
const front = wire.front;
const suite = @import("check.zig");
const Remote = @import("remote.zig").Remote;
const Wrong = suite.Wrong;

const path = "pkg:/system/build.prop";
/// The text with which every build of the system begins.
const beginning = "ro.nexus.build=";
const step_bytes = 64;
/// The longest file that this proof reads.
const file_bytes_max = 1024;

pub fn Packages(comptime Node: type) type {
    return struct {
        pub const table = [_]suite.Check(Node){
            .{ .name = .@"remote pkgfs stat", .run = stat },
            .{ .name = .@"remote pkgfs open", .run = open },
            .{ .name = .@"remote pkgfs read step", .run = readStep },
            .{ .name = .@"remote pkgfs close", .run = close },
            .{ .name = .@"remote pkgfs read", .run = readAll },
        };

        var size: u64 = 0;
        /// The handle; null: the file is not open, or the session in which it was open is gone.
        var handle: ?u32 = null;

        /// The fields of a good answer, borrowed from it.
        fn ask(node: *Node, request: front.Request, op: front.Op) ![]const u8 {
            const reply = try Remote(Node).ask(node, request);
            const status = front.decodeStatus(reply, op) orelse return Wrong.NotThisReply;
            if (status == .badf) {
                handle = null;
                return error.BadHandle;
            }
            return front.decodePackageTail(reply, op) orelse Wrong.WrongStatus;
        }

        fn stat(node: *Node) !void {
            const tail = try ask(node, .{ .package_stat = path }, .package_stat);
            size = std.mem.readInt(u64, tail[0..8], .little);
            const kind = std.mem.readInt(u16, tail[8..10], .little);
            if (kind != 0 or size < beginning.len or size > file_bytes_max) return Wrong.WrongValue;
        }

        fn open(node: *Node) !void {
            const tail = try ask(node, .{ .package_open = path }, .package_open);
            handle = std.mem.readInt(u32, tail[0..4], .little);
        }

        /// The open file's bytes from `offset` on.
        fn read(node: *Node, offset: u32) ![]const u8 {
            if (handle == null) try open(node);
            const request: front.Request =
                .{ .package_read = .{ .handle = handle.?, .offset = offset, .len = step_bytes } };
            return (try ask(node, request, .package_read))[2..];
        }

        fn readStep(node: *Node) !void {
            const bytes = try read(node, 0);
            if (bytes.len != @min(size, step_bytes)) return Wrong.WrongValue;
            if (!std.mem.startsWith(u8, bytes, beginning)) return Wrong.WrongValue;
        }

        /// Check that a closed handle is refused.
        fn close(node: *Node) !void {
            if (handle == null) try open(node);
            const closed: front.Request = .{ .package_close = handle.? };
            _ = try ask(node, closed, .package_close);
            if (ask(node, closed, .package_close)) |_| return Wrong.WrongValue else |err| {
                if (err != error.BadHandle) return err;
            }
        }

        fn readAll(node: *Node) !void {
            var offset: u32 = 0;
            while (true) {
                const bytes = try read(node, offset);
                if (bytes.len == 0) break;
                if (offset == 0 and !std.mem.startsWith(u8, bytes, beginning)) {
                    return Wrong.WrongValue;
                }
                offset += @intCast(bytes.len);
                if (offset > file_bytes_max) return Wrong.WrongValue;
            }
            if (offset == 0 or offset != size) return Wrong.WrongValue;
            return close(node);
        }
    };
}
