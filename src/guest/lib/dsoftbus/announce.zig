//! Announce packet v1 (`NXSB`): a node's id and key, the port at which it listens, and the services
//! that it offers. The schema has the places of its fields (docs/spec/contract.md). The parser
//! ignores bytes behind the last service, so that a later version may append some.

const std = @import("std");
const contract = @import("contract");

pub const port = contract.announce.port;
pub const group: [4]u8 = contract.announce.group;
pub const services_max = contract.announce.services_max;
pub const name_bytes_max = contract.announce.name_bytes_max;
pub const bytes_max = contract.announce.announce_bytes_most;
/// What every announcement has, beside the id and the names of services.
const fixed_bytes = Head.bytes + Tail.bytes;

const Head = contract.announce.AnnounceHead;
const Tail = contract.announce.AnnounceAfterDeviceId;

const magic = contract.announce.magic;
const version = contract.announce.version;

pub const DecodeError = error{
    Truncated,
    BadMagic,
    UnsupportedVersion,
    DeviceIdLength,
    ServiceCount,
    ServiceNameLength,
    Utf8,
};
pub const EncodeError = error{ DeviceIdLength, ServiceCount, ServiceNameLength, Utf8, Buffer };

/// Slices point into the datagram.
pub const Announce = struct {
    device_id: []const u8,
    tcp_port: u16,
    key: [contract.announce.key_bytes]u8,
    names: [services_max][]const u8 = undefined,
    count: usize = 0,

    pub fn services(self: *const Announce) []const []const u8 {
        return self.names[0..self.count];
    }
};

/// The wording of the original for a refused packet.
pub fn label(err: DecodeError) []const u8 {
    return switch (err) {
        error.Truncated => "truncated",
        error.BadMagic => "bad magic",
        error.UnsupportedVersion => "unsupported version",
        error.DeviceIdLength => "device_id length",
        error.ServiceCount => "service count",
        error.ServiceNameLength => "service name length",
        error.Utf8 => "utf8",
    };
}

pub fn decode(packet: []const u8) DecodeError!Announce {
    var rest = packet;
    if (!std.mem.eql(u8, try take(&rest, magic.len), magic)) return error.BadMagic;
    if ((try take(&rest, 1))[0] != version) return error.UnsupportedVersion;
    _ = try take(&rest, Head.bytes - Head.at.device_id_length);
    const id_len = Head.read(packet[0..Head.bytes]).device_id_length;
    if (id_len == 0 or id_len > name_bytes_max) return error.DeviceIdLength;
    const id = try text(try take(&rest, id_len));
    const tail = Tail.read((try take(&rest, Tail.bytes))[0..Tail.bytes]);
    var result: Announce = .{ .device_id = id, .tcp_port = tail.port, .key = tail.public_key };
    result.count = tail.service_count;
    if (result.count > services_max) return error.ServiceCount;
    for (result.names[0..result.count]) |*name| {
        const len = (try take(&rest, 1))[0];
        if (len == 0 or len > name_bytes_max) return error.ServiceNameLength;
        name.* = try text(try take(&rest, len));
    }
    return result;
}

fn take(rest: *[]const u8, len: usize) error{Truncated}![]const u8 {
    if (rest.len < len) return error.Truncated;
    defer rest.* = rest.*[len..];
    return rest.*[0..len];
}

fn text(bytes: []const u8) error{Utf8}![]const u8 {
    return if (std.unicode.utf8ValidateSlice(bytes)) bytes else error.Utf8;
}

pub fn encode(out: []u8, announce: *const Announce) EncodeError![]u8 {
    const id = announce.device_id;
    if (id.len == 0 or id.len > name_bytes_max) return error.DeviceIdLength;
    if (announce.count > services_max) return error.ServiceCount;
    _ = try text(id);
    var size: usize = fixed_bytes + id.len;
    for (announce.services()) |name| {
        if (name.len == 0 or name.len > name_bytes_max) return error.ServiceNameLength;
        _ = try text(name);
        size += 1 + name.len;
    }
    if (out.len < size) return error.Buffer;
    Head.write(.{ .device_id_length = @intCast(id.len) }, out[0..Head.bytes]);
    @memcpy(out[Head.bytes..][0..id.len], id);
    Tail.write(.{
        .port = announce.tcp_port,
        .public_key = announce.key,
        .service_count = @intCast(announce.count),
    }, out[Head.bytes + id.len ..][0..Tail.bytes]);
    var at = fixed_bytes + id.len;
    for (announce.services()) |name| {
        out[at] = @intCast(name.len);
        @memcpy(out[at + 1 ..][0..name.len], name);
        at += 1 + name.len;
    }
    return out[0..at];
}
