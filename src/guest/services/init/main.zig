//! init, the first service: the only holder of the factory and so the only one that can start
//! another.
//!
//! Without a valid node configuration there is nothing to start: init says what is wrong and exits,
//! and the kernel switches the board off, because a system without init has ended.

const std = @import("std");
const contract = @import("contract");
const marker = contract.marker;
const nxbf = @import("nxbf");
const os = @import("os");
const config = @import("init_config");
const devices = @import("devices.zig");
const fw_cfg = @import("fw_cfg.zig");
const serve = @import("serve.zig");
const spawn = @import("spawn.zig");

pub const panic = os.panic;
comptime {
    _ = os.start;
}

const blob_file = contract.node.firmware_file;
const flash_base: u64 = 0x2000_0000;

var blob_buffer: [config.blob_bytes_max]u8 = undefined;
var plan: config.Plan = .{};
var services: [config.services_max]spawn.Service = undefined;

pub fn main() !void {
    os.print(marker.init_start, .{});
    // control; slot 1, as in every service
    _ = try os.sys.endpointCreate(os.abi.endpoint_depth_max);
    const blob = readBlob() catch |err| return refuse(err);
    const section = blob.section(os.serviceId("init")) orelse return refuse(error.NoInitSection);
    plan = config.parsePlan(section) catch |err| return refuse(err);

    const base: [*]const u8 = @ptrFromInt(os.init_args.archive);
    const archive = try nxbf.parse(base[0..os.init_args.archive_len]);
    const map = try devices.Map.probe();
    const started = startAll(archive, map);
    os.print(marker.init_ready, .{});
    var server: serve.Server = .{
        .blob = blob,
        .plan = &plan,
        .services = started,
        .archive = archive,
        .map = map,
    };
    try server.run();
}

fn refuse(err: anyerror) error{NoNodeConfiguration} {
    os.print(marker.init_no_configuration, .{@errorName(err)});
    return error.NoNodeConfiguration;
}

fn readBlob() !config.Blob {
    const len = fromFwCfg() catch |err| switch (err) {
        error.NoFile => try fromFlash(),
        else => return err,
    };
    return config.parse(blob_buffer[0..len]);
}

fn fromFwCfg() !usize {
    const device = try fw_cfg.FwCfg.open();
    defer device.close();
    const len = try device.find(blob_file);
    if (len < config.header_bytes or len > blob_buffer.len) return error.BadLength;
    device.read(blob_buffer[0..len]);
    return len;
}

/// QEMU before 8.0 cannot add files to fw_cfg on this board; there the host puts the blob at the
/// start of the flash.
fn fromFlash() !usize {
    const region = os.sys.deviceCapCreate(flash_base, config.blob_bytes_max) catch
        return error.NoFile;
    defer os.sys.capClose(region);
    const address = try os.sys.mmioMap(region);
    defer os.sys.vmUnmap(address, config.blob_bytes_max) catch {};
    const flash = @as([*]const u8, @ptrFromInt(address))[0..config.blob_bytes_max];
    if (!std.mem.startsWith(u8, flash, contract.node.magic)) return error.NoFile;
    const len = try config.totalBytes(flash[0..config.header_bytes]);
    @memcpy(blob_buffer[0..len], flash[0..len]);
    return len;
}

/// Start what the configuration lists, in its order. One that cannot be started is reported; the
/// others go on.
fn startAll(archive: nxbf.Archive, map: devices.Map) []spawn.Service {
    var count: usize = 0;
    for (plan.services()) |name| {
        os.print(marker.init_starting, .{name});
        startOne(&services[count], name, archive, map) catch |err| {
            os.print(marker.init_cannot_start, .{ name, @errorName(err) });
            continue;
        };
        count += 1;
        os.print(marker.init_up, .{name});
    }
    return services[0..count];
}

fn startOne(
    place: *spawn.Service,
    name: []const u8,
    archive: nxbf.Archive,
    map: devices.Map,
) spawn.Error!void {
    place.* = try .create(name);
    errdefer place.bury();
    try place.start(archive, map);
}
