//! The devices of services: each service has a slot of the board, if the right kind of device is
//! in it.

const std = @import("std");
const contract = @import("contract");
const os = @import("os");

const slots_base: u64 = 0x1000_1000;
const slot_bytes: u64 = 0x1000;
const slots = 8;
const magic: u32 = 0x7472_6976;
const modern: u32 = 2;
/// A register of a virtio-mmio device, in words: 0 written to it resets the device.
const status_register = 0x070 / 4;

/// Behind the last slot there is another device, or none: no service may have its registers.
fn addressOf(slot: u32) u64 {
    std.debug.assert(slot < slots);
    return slots_base + slot * slot_bytes;
}

const Slot = contract.node.DeviceSlot;
const Owner = struct { service: []const u8, slot: u32, device_id: u32 };

/// Two disks look alike, so a device is known by its place. The driver of the package disk sees
/// whether it is read-only.
const owners = [_]Owner{
    .{ .service = "netstackd", .slot = @intFromEnum(Slot.network), .device_id = 1 },
    .{ .service = "rngd", .slot = @intFromEnum(Slot.entropy), .device_id = 4 },
    .{ .service = "statefsd", .slot = @intFromEnum(Slot.state), .device_id = 2 },
    .{ .service = "packagefsd", .slot = @intFromEnum(Slot.packages), .device_id = 2 },
};

/// The device id of every slot; 0: there is no device.
pub const Map = struct {
    ids: [slots]u32 = @splat(0),

    pub fn probe() os.Error!Map {
        const region = try os.sys.deviceCapCreate(slots_base, slots * slot_bytes);
        defer os.sys.capClose(region);
        const base = try os.sys.mmioMap(region);
        defer os.sys.vmUnmap(base, slots * slot_bytes) catch {};
        var map: Map = .{};
        for (&map.ids, 0..) |*id, i| {
            const registers: [*]volatile u32 = @ptrFromInt(base + i * slot_bytes);
            if (registers[0] == magic and registers[1] == modern) id.* = registers[2];
        }
        return map;
    }

    /// Slot number of the device that `service` drives, if it drives one and the board has it.
    pub fn slotOf(self: Map, service: []const u8) ?u32 {
        for (owners) |owner| {
            if (!std.mem.eql(u8, owner.service, service)) continue;
            return if (self.ids[owner.slot] == owner.device_id) owner.slot else null;
        }
        return null;
    }
};

/// Let the device of a service that ended forget it: its queues lie in memory that is free again.
pub fn reset(slot: u32) os.Error!void {
    const region = try os.sys.deviceCapCreate(addressOf(slot), slot_bytes);
    defer os.sys.capClose(region);
    const base = try os.sys.mmioMap(region);
    defer os.sys.vmUnmap(base, slot_bytes) catch {};
    @as([*]volatile u32, @ptrFromInt(base))[status_register] = 0;
}

/// Give the child its device: registers in slot 6, interrupt in slot 7.
pub fn grant(pid: u32, slot: u32) os.Error!void {
    const registers = try os.sys.deviceCapCreate(addressOf(slot), slot_bytes);
    defer os.sys.capClose(registers);
    _ = try os.sys.capTransferTo(pid, registers, os.abi.Right.map, os.abi.slot.mmio);
    const irq = try os.sys.irqCreate(slot + 1);
    defer os.sys.capClose(irq);
    _ = try os.sys.capTransferTo(pid, irq, os.abi.Right.recv, os.abi.slot.irq);
}
