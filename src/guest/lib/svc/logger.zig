//! Client of logd that never waits for it.

const os = @import("os");
const wire = @import("wire");

pub const Level = wire.lo.Level;

pub const Logger = struct {
    logd: ?os.Slot = null,
    /// Records that logd's full queue (or no logd at all) made us drop.
    lost: u64 = 0,

    /// Without a route to logd every record counts as lost; the service still serves.
    pub fn open() Logger {
        return .{ .logd = os.route("logd") catch null };
    }

    /// Fire and forget: no acknowledgement is asked for, and a full queue loses the record.
    pub fn append(self: *Logger, level: Level, scope: []const u8, message: []const u8) void {
        self.trySend(level, scope, message) catch {
            self.lost += 1;
        };
    }

    fn trySend(self: *Logger, level: Level, scope: []const u8, message: []const u8) !void {
        const logd = self.logd orelse return error.NotFound;
        // Not `lo.append_bytes_max`: records of services carry no fields.
        var buffer: [10 + wire.lo.scope_bytes_max + wire.lo.message_bytes_max]u8 = undefined;
        const frame = try wire.lo.encodeRequest(&buffer, null, .{ .append = .{
            .level = level,
            .scope = scope,
            .message = message,
        } });
        try os.send(logd, frame, .{ .nonblock = true });
    }
};
