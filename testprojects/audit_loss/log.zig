//! The log, written to without waiting and read from its beginning to its end.

const std = @import("std");
const os = @import("os");
const wire = @import("wire");
const log = wire.log;

const call_ns = 3 * std.time.ns_per_s;

var logd: os.Slot = undefined;
var request: [log.append_bytes_max]u8 = undefined;
var reply: [log.reply_bytes_max]u8 = undefined;
var nonce: u64 = 0;

pub fn open() !void {
    logd = try os.route("logd");
}

/// Waits for a place in the queue, and for nothing else.
pub fn tell(message: []const u8) !void {
    const frame = try log.encodeRequest(&request, null, .{ .append = .{
        .level = .info,
        .scope = "loss",
        .message = message,
    } });
    try os.send(logd, frame, .{ .deadline_ns = os.after(call_ns) });
}

pub fn stats() !log.Stats {
    var tail = log.replyTail(try ask(.stats), .{ .op = .stats, .nonce = nonce }) orelse {
        return error.NotThisReply;
    };
    var found: log.Stats = undefined;
    inline for (@typeInfo(log.Stats).@"struct".fields) |field| {
        @field(found, field.name) = try tail.int(field.type);
    }
    return found;
}

/// How many records of a service begin so.
pub fn count(service: u64, prefix: []const u8) !u64 {
    return (try read(service, prefix)).count;
}

/// The sum of what stands behind the prefix; 0 if there is no such record.
pub fn number(service: u64, prefix: []const u8) !u64 {
    return (try read(service, prefix)).sum;
}

pub fn all() !Found {
    return read(0, "");
}

const Found = struct {
    count: u64 = 0,
    sum: u64 = 0,
    first_id: u64 = 0,
    counters: log.Counters = undefined,
};

fn read(service: u64, prefix: []const u8) !Found {
    var found: Found = .{};
    var last_id: u64 = 0;
    var since_ns: u64 = 0;
    while (true) {
        const bytes = try ask(.{ .query = .{ .since_ns = since_ns, .max = 64 } });
        var records = log.decodeQueryReply(bytes, nonce) orelse return error.NotThisReply;
        if (last_id == 0) found.counters = records.counters;
        const before = last_id;
        while (try records.next()) |record| {
            if (record.id <= last_id) continue;
            if (last_id == 0) found.first_id = record.id;
            last_id = record.id;
            since_ns = record.time_ns;
            if (service != 0 and record.service != service) continue;
            if (!std.mem.startsWith(u8, record.message, prefix)) continue;
            found.count += 1;
            const rest = record.message[prefix.len..];
            found.sum += std.fmt.parseInt(u64, rest, 10) catch 0;
        }
        if (last_id == before) return found;
    }
}

fn ask(body: log.Body) ![]const u8 {
    nonce += 1;
    return os.call(logd, try log.encodeRequest(&request, nonce, body), &reply, call_ns);
}
