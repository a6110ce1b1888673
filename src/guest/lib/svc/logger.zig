//! The client of logd, which never waits for it. It counts the records that it could not send. The
//! count is a record, too: `audit unlogged=<n>`, in the log as soon as logd takes records again,
//! and on the UART.

const std = @import("std");
const audit = @import("contract").audit;
const os = @import("os");
const wire = @import("wire");

pub const Level = wire.log.Level;
pub const Room = wire.log.Room;
const never: u64 = std.math.maxInt(u64);

/// The time after a loss until it is reported, or until the report is tried again.
const retry_ns = std.time.ns_per_s;

pub const Logger = struct {
    logd: ?os.Slot = null,
    scope: []const u8,
    /// Records that were dropped, because logd's queue was full or there is no logd, and have not
    /// been reported yet.
    lost: u64 = 0,
    tell_ns: u64 = never,

    /// Without a route to logd every record counts as lost; the service still serves.
    pub fn open(scope: []const u8) Logger {
        return .{ .logd = os.route("logd") catch null, .scope = scope };
    }

    /// Send a record without asking for an acknowledgement. A full queue loses it.
    pub fn append(self: *Logger, room: Room, level: Level, message: []const u8) void {
        self.check();
        std.debug.assert(message.len != 0 and message.len <= wire.log.message_bytes_max);
        self.trySend(room, level, message) catch {
            if (self.lost == 0) self.tell_ns = os.after(retry_ns);
            self.lost += 1;
        };
    }

    /// The invariant between any two calls: what was lost will be reported.
    fn check(self: *const Logger) void {
        std.debug.assert((self.lost == 0) == (self.tell_ns == never));
        std.debug.assert(self.scope.len != 0 and self.scope.len <= wire.log.scope_bytes_max);
    }

    /// The instant at which `tick` has something to do.
    pub fn deadline(self: *const Logger) u64 {
        return self.tell_ns;
    }

    pub fn tick(self: *Logger) void {
        if (os.nsec() < self.tell_ns) return;
        std.debug.assert(self.lost != 0);
        defer self.check();
        var buffer: [40]u8 = undefined;
        const message = std.fmt.bufPrint(&buffer, audit.unlogged, .{self.lost}) catch
            unreachable; // 35 bytes at most
        self.trySend(.audit, .warn, message) catch {
            // Without a logd the count is printed on the UART, and not again and again.
            self.tell_ns = os.after(retry_ns);
            if (self.logd != null) return;
        };
        os.print("{s}: {s}", .{ os.name(), message });
        self.lost = 0;
        self.tell_ns = never;
    }

    fn trySend(self: *Logger, room: Room, level: Level, message: []const u8) !void {
        const logd = self.logd orelse return error.NotFound;
        // Records of services carry no fields.
        var buffer: [16 + wire.log.scope_bytes_max + wire.log.message_bytes_max]u8 = undefined;
        const frame = try wire.log.encodeRequest(&buffer, null, .{ .note = .{
            .room = room,
            .source = "",
            .append = .{ .level = level, .scope = self.scope, .message = message },
        } });
        try os.send(logd, frame, .{ .nonblock = true });
    }
};
