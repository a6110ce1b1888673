//! QEMU's firmware configuration device, through its byte port. The host hands over the node
//! configuration by it.

const builtin = @import("builtin");
const std = @import("std");
const os = @import("os");

/// On the host, where init is tested, a model stands for the device.
const device = if (builtin.is_test) @import("fw_cfg_fake.zig") else struct {};

const base: u64 = 0x1010_0000;
const selector_offset = 8;
const directory_key: u16 = 0x19;
const signature_key: u16 = 0x00;
const entry_bytes = 64;
/// QEMU itself adds about ten.
const files_max = 64;

pub const Error = os.Error || error{ NoDevice, NoFile };

pub const FwCfg = struct {
    registers: u64,
    region: os.Slot,

    pub fn open() Error!FwCfg {
        const region = try os.sys.deviceCapCreate(base, 4096);
        const self: FwCfg = .{ .registers = try os.sys.mmioMap(region), .region = region };
        var signature: [4]u8 = undefined;
        self.select(signature_key);
        self.read(&signature);
        if (!std.mem.eql(u8, &signature, "QEMU")) return error.NoDevice;
        return self;
    }

    pub fn close(self: FwCfg) void {
        os.sys.vmUnmap(self.registers, 4096) catch {};
        os.sys.capClose(self.region);
    }

    /// Select the named file for reading; its length.
    pub fn find(self: FwCfg, name: []const u8) Error!u32 {
        var count_bytes: [4]u8 = undefined;
        self.select(directory_key);
        self.read(&count_bytes);
        const count = @min(std.mem.readInt(u32, &count_bytes, .big), files_max);
        for (0..count) |_| {
            var entry: [entry_bytes]u8 = undefined;
            self.read(&entry);
            if (!std.mem.eql(u8, std.mem.sliceTo(entry[8..], 0), name)) continue;
            self.select(std.mem.readInt(u16, entry[4..6], .big));
            return std.mem.readInt(u32, entry[0..4], .big);
        }
        return error.NoFile;
    }

    /// Read the next bytes of the selected file.
    pub fn read(self: FwCfg, buffer: []u8) void {
        if (builtin.is_test) return device.read(buffer);
        const data: *volatile u8 = @ptrFromInt(self.registers);
        for (buffer) |*byte| byte.* = data.*;
    }

    fn select(self: FwCfg, key: u16) void {
        if (builtin.is_test) return device.select(key);
        const selector: *volatile u16 = @ptrFromInt(self.registers + selector_offset);
        selector.* = @byteSwap(key);
    }
};
