//! Announce packet v1 (`NXSB`): who a node is, where it listens, what it offers.
//!
//!     0      4  "NXSB"            6+D   2  TCP port, big-endian
//!     4      1  version = 1       8+D  32  static public key
//!     5      1  D, 1..64         40+D   1  service count, 0..16
//!     6      D  device id        41+D   …  per service: length 1..64, name
//!
//! Bytes behind the last service are ignored, so that a later version may append.

const std = @import("std");
const contract = @import("contract");

pub const port = contract.announce.port;
pub const group: [4]u8 = contract.announce.group;
pub const services_max = contract.announce.services_max;
pub const name_bytes_max = contract.announce.name_bytes_max;
pub const bytes_max = 41 + name_bytes_max + services_max * (1 + name_bytes_max);

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
    key: [32]u8,
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
    if (!std.mem.eql(u8, try take(&rest, 4), magic)) return error.BadMagic;
    if ((try take(&rest, 1))[0] != version) return error.UnsupportedVersion;
    const id_len = (try take(&rest, 1))[0];
    if (id_len == 0 or id_len > name_bytes_max) return error.DeviceIdLength;
    const id = try text(try take(&rest, id_len));
    const tcp_port = std.mem.readInt(u16, (try take(&rest, 2))[0..2], .big);
    const key = (try take(&rest, 32))[0..32].*;
    var result: Announce = .{ .device_id = id, .tcp_port = tcp_port, .key = key };
    result.count = (try take(&rest, 1))[0];
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
    var size: usize = 41 + id.len;
    for (announce.services()) |name| {
        if (name.len == 0 or name.len > name_bytes_max) return error.ServiceNameLength;
        _ = try text(name);
        size += 1 + name.len;
    }
    if (out.len < size) return error.Buffer;
    out[0..4].* = magic.*;
    out[4] = version;
    out[5] = @intCast(id.len);
    @memcpy(out[6..][0..id.len], id);
    std.mem.writeInt(u16, out[6 + id.len ..][0..2], announce.tcp_port, .big);
    out[8 + id.len ..][0..32].* = announce.key;
    out[40 + id.len] = @intCast(announce.count);
    var at = 41 + id.len;
    for (announce.services()) |name| {
        out[at] = @intCast(name.len);
        @memcpy(out[at + 1 ..][0..name.len], name);
        at += 1 + name.len;
    }
    return out[0..at];
}
