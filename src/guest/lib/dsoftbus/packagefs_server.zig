//! The server's side of `PK` v1 for one session: its handles, and answers from a backend, which has
//!
//!     fn stat(self, path: []const u8) Failure!u64          size of a file
//!     fn open(self, path: []const u8) Failure!File
//!     fn read(self, file: u32, offset: u32, out: []u8) Failure!void     fills `out`
//!
//! A backend that must wait for something returns `error.Wait`, and nothing is done. The frame is
//! served again when the backend knows.

const std = @import("std");
const packagefs = @import("packagefs.zig");

pub const handles_max = 8;
/// A handle that is idle for this long may have lost its reader: an answer to OPEN that came too
/// late has no receiver, and a program that ended closes nothing. It is longer than any call that
/// might still use the handle.
pub const idle_ns: u64 = 10 * std.time.ns_per_s;

/// Opening a directory fails with `Io`: it has no bytes to read.
pub const Failure = error{ NotFound, Io, Wait };

pub const File = struct { index: u32, size: u64 };

/// The handles of one session; they die with it, since the session's owner drops this value.
pub const Handles = struct {
    const Open = struct { handle: u32, file: File, used_ns: u64 };

    open: [handles_max]?Open = @splat(null),
    next: u32 = 1,

    fn add(self: *Handles, file: File, now_ns: u64) ?u32 {
        const free = self.room(now_ns) orelse return null;
        // More numbers than handles: this ends.
        while (self.next == 0 or self.find(self.next) != null) self.next +%= 1;
        free.* = .{ .handle = self.next, .file = file, .used_ns = now_ns };
        self.next +%= 1;
        return free.*.?.handle;
    }

    /// A free place. If there is none, the place of the handle that was idle longest, if that is
    /// long enough.
    fn room(self: *Handles, now_ns: u64) ?*?Open {
        var oldest: usize = 0;
        for (&self.open, 0..) |*slot, i| {
            const open = slot.* orelse return slot;
            if (open.used_ns < self.open[oldest].?.used_ns) oldest = i;
        }
        if (now_ns -| self.open[oldest].?.used_ns < idle_ns) return null;
        return &self.open[oldest];
    }

    fn find(self: *Handles, handle: u32) ?*Open {
        for (&self.open) |*slot| {
            if (slot.*) |*open| if (open.handle == handle) return open;
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

pub const Outcome = struct { reply: []const u8, op: packagefs.Op, status: packagefs.Status };

pub fn serve(
    handles: *Handles,
    frame: []const u8,
    is_authenticated: bool,
    now_ns: u64,
    backend: anytype,
    out: *[packagefs.reply_bytes_max]u8,
) error{Wait}!Outcome {
    switch (packagefs.parse(frame, is_authenticated)) {
        .refusal => |refusal| return .{
            .reply = packagefs.encodeRefusal(out, refusal),
            .op = refusal.op,
            .status = refusal.status,
        },
        .request => |request| {
            var bytes: [packagefs.read_bytes_max]u8 = undefined;
            var reply: packagefs.Reply = switch (request) {
                .stat => .{ .stat = .{} },
                .open => .{ .open = 0 },
                .read => .{ .read = "" },
                .close => .close,
            };
            const done = run(handles, request, now_ns, backend, &bytes, &reply);
            const status = done catch |err| switch (err) {
                error.Wait => return error.Wait,
                else => statusOf(err),
            };
            return .{
                .reply = packagefs.encodeReply(out, status, reply),
                .op = @enumFromInt(frame[3]),
                .status = status,
            };
        },
    }
}

/// Change `reply` only if all is well.
fn run(
    handles: *Handles,
    request: packagefs.Request,
    now_ns: u64,
    backend: anytype,
    bytes: *[packagefs.read_bytes_max]u8,
    reply: *packagefs.Reply,
) Failure!packagefs.Status {
    switch (request) {
        .stat => |path| {
            reply.* = .{ .stat = .{ .size = try backend.stat(path) } };
        },
        .open => |path| {
            const file = try backend.open(path);
            if (file.size > std.math.maxInt(u32)) return .io; // past what an offset can say
            reply.* = .{ .open = handles.add(file, now_ns) orelse return .limit };
        },
        .read => |read| {
            const open = handles.find(read.handle) orelse return .badf;
            open.used_ns = now_ns;
            const file = open.file;
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

fn statusOf(err: Failure) packagefs.Status {
    return switch (err) {
        error.NotFound => .not_found,
        error.Io => .io,
        error.Wait => unreachable, // handed on
    };
}
