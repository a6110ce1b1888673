//! The server's side of `PK` v1 for one session: its handles, and answers made of what a backend
//! knows. The backend has
//!
//!     fn stat(self, path: []const u8) Failure!u64          size of a file
//!     fn open(self, path: []const u8) Failure!File
//!     fn read(self, file: u32, offset: u32, out: []u8) Failure!void     fills `out`
//!
//! One that has to wait for what it is asked says so, and nothing is done: the frame is served
//! again when it knows.

const std = @import("std");
const pk = @import("pk.zig");

pub const handles_max = 8;

/// A directory is `Io`: there is nothing of it that could be read.
pub const Failure = error{ NotFound, Io, Wait };

pub const File = struct { index: u32, size: u64 };

/// Of one session; they die with it, because the session's owner drops this value.
pub const Handles = struct {
    const Open = struct { handle: u32, file: File };

    open: [handles_max]?Open = @splat(null),
    next: u32 = 1,

    fn add(self: *Handles, file: File) ?u32 {
        const free = for (&self.open) |*slot| {
            if (slot.* == null) break slot;
        } else return null;
        // More numbers than handles: this ends.
        while (self.next == 0 or self.find(self.next) != null) self.next +%= 1;
        free.* = .{ .handle = self.next, .file = file };
        self.next +%= 1;
        return free.*.?.handle;
    }

    fn find(self: *const Handles, handle: u32) ?File {
        for (self.open) |slot| {
            if (slot) |open| if (open.handle == handle) return open.file;
        }
        return null;
    }

    fn close(self: *Handles, handle: u32) bool {
        for (&self.open) |*slot| {
            const open = slot.* orelse continue;
            if (open.handle != handle) continue;
            slot.* = null;
            return true;
        }
        return false;
    }
};

pub const Outcome = struct { reply: []const u8, op: pk.Op, status: pk.Status };

pub fn serve(
    handles: *Handles,
    frame: []const u8,
    is_authenticated: bool,
    backend: anytype,
    out: *[pk.reply_bytes_max]u8,
) error{Wait}!Outcome {
    switch (pk.parse(frame, is_authenticated)) {
        .refusal => |refusal| return .{
            .reply = pk.encodeRefusal(out, refusal),
            .op = refusal.op,
            .status = refusal.status,
        },
        .request => |request| {
            var bytes: [pk.read_bytes_max]u8 = undefined;
            var reply: pk.Reply = switch (request) {
                .stat => .{ .stat = .{} },
                .open => .{ .open = 0 },
                .read => .{ .read = "" },
                .close => .close,
            };
            const status = run(handles, request, backend, &bytes, &reply) catch |err| switch (err) {
                error.Wait => return error.Wait,
                else => statusOf(err),
            };
            return .{
                .reply = pk.encodeReply(out, status, reply),
                .op = @enumFromInt(frame[3]),
                .status = status,
            };
        },
    }
}

/// `reply` is left as it is unless all is well.
fn run(
    handles: *Handles,
    request: pk.Request,
    backend: anytype,
    bytes: *[pk.read_bytes_max]u8,
    reply: *pk.Reply,
) Failure!pk.Status {
    switch (request) {
        .stat => |path| {
            reply.* = .{ .stat = .{ .size = try backend.stat(path) } };
        },
        .open => |path| {
            const file = try backend.open(path);
            if (file.size > std.math.maxInt(u32)) return .io; // past what an offset can say
            reply.* = .{ .open = handles.add(file) orelse return .limit };
        },
        .read => |read| {
            const file = handles.find(read.handle) orelse return .badf;
            const len = @min(read.len, file.size -| read.offset);
            const part = bytes[0..len];
            if (len > 0) backend.read(file.index, read.offset, part) catch |err| {
                return if (err == error.Wait) err else .io;
            };
            reply.* = .{ .read = part };
        },
        .close => |handle| if (!handles.close(handle)) return .badf,
    }
    return .ok;
}

fn statusOf(err: Failure) pk.Status {
    return switch (err) {
        error.NotFound => .not_found,
        error.Io => .io,
        error.Wait => unreachable, // handed on
    };
}
