//! Remote package files, the serving side: `PK` from the peer, `PF` to packagefsd.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const dsoftbus = @import("dsoftbus");
const gate = @import("gate.zig");
const journal = @import("journal.zig");
const Link = @import("links.zig").Link;
const pk = dsoftbus.pk;
const pk_server = dsoftbus.pk_server;
const Service = dsoftbus.gateway.Service;

pub const service_id = 3;

/// packagefsd waits for its disk at most this long; the loop stands still meanwhile.
const wait_ns_max: u64 = 300 * std.time.ns_per_ms;

var reply_buffer: [pk.reply_bytes_max]u8 = undefined;
var is_told = false;

pub fn serve(
    link: *Link,
    service: *const Service,
    request: dsoftbus.frames.Request,
    subject: dsoftbus.gateway.Subject,
) void {
    const asked_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    var backend: Backend = .{ .service = service, .wait_ns = @min(asked_ns, wait_ns_max) };
    const is_bound = link.bound != null;
    const outcome =
        pk_server.serve(&link.packages, request.payload, is_bound, &backend, &reply_buffer);
    gate.answer(link, .{
        .status = .ok,
        .correlation = request.correlation,
        .payload = outcome.reply,
    });
    const is_ok = outcome.status == .ok;
    if (is_ok and !is_told) link.served = service;
    // What is done with an open file is part of what its opening was recorded as.
    if (is_ok and (outcome.op == .read or outcome.op == .close)) return;
    journal.audit(if (is_ok) .ok else .failed, link.peerId(), subject);
}

pub fn tellServed() void {
    if (is_told) return;
    is_told = true;
    os.print("dsoftbusd: remote packagefs served", .{});
}

/// packagefsd, asked once for each piece.
const Backend = struct {
    service: *const Service,
    wait_ns: u64,

    pub fn stat(self: *Backend, path: []const u8) pk_server.Failure!u64 {
        const found = wire.pf.decodeStat(try self.ask(.{ .stat = path }, .stat)) orelse {
            return error.Io;
        };
        return if (found.kind == .file) found.size else error.Io;
    }

    pub fn open(self: *Backend, path: []const u8) pk_server.Failure!pk_server.File {
        const opened = wire.pf.decodeOpen(try self.ask(.{ .open = path }, .open)) orelse {
            return error.Io;
        };
        return .{ .index = opened.file, .size = opened.size };
    }

    pub fn read(self: *Backend, file: u32, offset: u32, out: []u8) pk_server.Failure!void {
        const what: wire.pf.Read = .{ .file = file, .offset = offset, .len = @intCast(out.len) };
        const bytes = wire.pf.decodeRead(try self.ask(.{ .read = what }, .read)) orelse {
            return error.Io;
        };
        if (bytes.len != out.len) return error.Io;
        @memcpy(out, bytes);
    }

    fn ask(
        self: *Backend,
        request: wire.pf.Request,
        op: wire.pf.Op,
    ) pk_server.Failure!wire.cursor.Reader {
        var buffer: [12 + pk.path_bytes_max]u8 = undefined;
        const frame = wire.pf.encodeRequest(&buffer, request) catch return error.Io;
        const answer = gate.forward(self.service, frame, self.wait_ns) orelse return error.Io;
        const reply = wire.pf.decodeReply(answer, op) orelse return error.Io;
        return switch (reply.status) {
            .ok => reply.tail,
            .not_found => error.NotFound,
            else => error.Io,
        };
    }
};
