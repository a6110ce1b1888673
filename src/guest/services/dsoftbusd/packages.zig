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

const block_bytes = wire.pf.read_bytes_max;

/// The block that was read last. A peer takes a file in pieces of at most 128 bytes, one after the
/// other; an image does not change while it is mounted, so what was true of it stays true.
const Block = struct {
    file: u32 = 0,
    at: u32 = 0,
    len: u32 = 0,
    bytes: [block_bytes]u8 = undefined,

    fn holds(self: *const Block, file: u32, at: u32) bool {
        return self.len != 0 and self.file == file and self.at == at;
    }
};

var block: Block = .{};
var reply_buffer: [pk.reply_bytes_max]u8 = undefined;
var is_told = false;

pub fn serve(
    link: *Link,
    service: *const Service,
    request: dsoftbus.frames.Request,
    subject: dsoftbus.gateway.Subject,
) []const u8 {
    const asked_ns = @as(u64, request.deadline_ms) * std.time.ns_per_ms;
    var backend: Backend = .{ .service = service, .wait_ns = @min(asked_ns, wait_ns_max) };
    const is_bound = link.bound != null;
    const outcome =
        pk_server.serve(&link.packages, request.payload, is_bound, &backend, &reply_buffer);
    const is_ok = outcome.status == .ok;
    if (is_ok and !is_told) link.served = service;
    // What is done with an open file is part of what its opening was recorded as.
    const is_part = is_ok and (outcome.op == .read or outcome.op == .close);
    if (!is_part) journal.audit(if (is_ok) .ok else .failed, link.peerId(), subject);
    return outcome.reply;
}

pub fn tellServed() void {
    if (is_told) return;
    is_told = true;
    os.print("dsoftbusd: remote packagefs served", .{});
}

/// packagefsd, asked once for each block.
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
        var done: usize = 0;
        while (done < out.len) {
            const bytes = try self.blockFrom(file, offset + @as(u32, @intCast(done)));
            const part = @min(bytes.len, out.len - done);
            @memcpy(out[done..][0..part], bytes[0..part]);
            done += part;
        }
    }

    /// Some bytes of the file from `offset` on, at least one.
    fn blockFrom(self: *Backend, file: u32, offset: u32) pk_server.Failure![]const u8 {
        const at = offset - offset % block_bytes;
        if (!block.holds(file, at)) {
            block.len = 0;
            const what: wire.pf.Read = .{ .file = file, .offset = at, .len = block_bytes };
            const bytes = wire.pf.decodeRead(try self.ask(.{ .read = what }, .read)) orelse {
                return error.Io;
            };
            if (bytes.len > block_bytes) return error.Io;
            @memcpy(block.bytes[0..bytes.len], bytes);
            block.file = file;
            block.at = at;
            block.len = @intCast(bytes.len);
        }
        const from = offset - at;
        return if (from < block.len) block.bytes[from..block.len] else error.Io;
    }

    fn ask(
        self: *Backend,
        request: wire.pf.Request,
        op: wire.pf.Op,
    ) pk_server.Failure!wire.cursor.Reader {
        var buffer: [12 + pk.path_bytes_max]u8 = undefined;
        const frame = wire.pf.encodeRequest(&buffer, request) catch return error.Io;
        const answer = gate.call(self.service, frame, self.wait_ns) orelse return error.Io;
        const reply = wire.pf.decodeReply(answer, op) orelse return error.Io;
        return switch (reply.status) {
            .ok => reply.tail,
            .not_found => error.NotFound,
            else => error.Io,
        };
    }
};
