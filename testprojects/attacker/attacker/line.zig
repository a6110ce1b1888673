//! A TCP connection to the target, with or without a session on it.

const std = @import("std");
const os = @import("os");
const sock = @import("sock");
const noise = @import("noise");
const dsoftbus = @import("dsoftbus");
const self = @import("self.zig");
const air = @import("air.zig");
const Event = dsoftbus.session.Event;

/// What the other side did.
pub const Sight = union(enum) {
    data: []u8,
    /// It closed or reset the connection.
    closed,
    /// Nothing until the deadline.
    silent,
};

pub const Line = struct {
    socket: sock.Id,
    session: dsoftbus.Session = undefined,
    closed: bool = false,
    /// Where to keep the next bytes that leave, and then those bytes.
    recorded: ?[]u8 = null,

    pub fn dial() !Line {
        const line: Line = .{ .socket = try self.net.connect(air.target_address) };
        try self.net.watch(line.socket, os.abi.slot.server_send);
        return line;
    }

    /// Dial and start a handshake under this identity; message 1 is not sent yet.
    pub fn startSession(line: *Line, id: *const dsoftbus.Id, static: noise.KeyPair) !void {
        line.* = try dial();
        try line.session.dial(.{
            .id = id,
            .static = static,
            .ephemeral = try self.freshKey(),
            .now_ns = os.nsec(),
        }, air.target_key);
    }

    /// Write everything; a connection that the target has closed swallows it.
    pub fn write(line: *Line, bytes: []const u8) !void {
        const until = os.after(self.patience_ns);
        var rest = bytes;
        while (rest.len != 0 and os.nsec() < until) {
            const taken = self.net.write(line.socket, rest) catch |err| switch (err) {
                error.Io => {
                    line.closed = true;
                    return;
                },
                else => return err,
            };
            rest = rest[taken..];
            if (taken == 0) try self.wait(until);
        }
        if (rest.len != 0) return error.TimedOut;
    }

    pub fn read(line: *Line, buffer: []u8, until_ns: u64) !Sight {
        while (!line.closed) {
            const data = self.net.read(line.socket, buffer) catch |err| switch (err) {
                error.Io => return .closed,
                else => return err,
            };
            if (data) |bytes| return if (bytes.len == 0) .closed else .{ .data = bytes };
            if (os.nsec() >= until_ns) return .silent;
            try self.wait(until_ns);
        }
        return .closed;
    }

    /// The session's next event; null if the target closed the connection instead.
    pub fn next(line: *Line) !?Event {
        const until = os.after(self.patience_ns);
        while (true) {
            try line.flush();
            if (line.session.take(os.nsec())) |event| return event;
            var buffer: [dsoftbus.session.wire_bytes_max]u8 = undefined;
            switch (try line.read(buffer[0..line.session.room()], until)) {
                .data => |bytes| _ = line.session.feed(bytes),
                .closed => return null,
                .silent => return error.TimedOut,
            }
        }
    }

    pub fn flush(line: *Line) !void {
        const bytes = line.session.output();
        if (line.recorded) |space| if (bytes.len != 0) {
            @memcpy(space[0..bytes.len], bytes);
            line.recorded = space[0..bytes.len];
        };
        try line.write(bytes);
        line.session.takeOutput(bytes.len);
    }

    /// True if the target closes the connection, whatever it says before.
    pub fn sawEnd(line: *Line) !bool {
        var buffer: [64]u8 = undefined;
        const until = os.after(self.patience_ns);
        while (os.nsec() < until) switch (try line.read(&buffer, until)) {
            .data => {},
            .closed => return true,
            .silent => return false,
        };
        return false;
    }

    /// True if the target closes the connection; false if it sends anything more, or leaves it
    /// open.
    pub fn isRefused(line: *Line) !bool {
        var buffer: [64]u8 = undefined;
        return try line.read(&buffer, os.after(self.patience_ns)) == .closed;
    }

    pub fn hangUp(line: *Line) void {
        self.net.abort(line.socket) catch {};
    }
};
