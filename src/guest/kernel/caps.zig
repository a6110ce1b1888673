//! Capabilities: what a task may touch, by slot. A capability is a value; the objects behind it
//! count how many capabilities name them, so copying and dropping go through `copy` and `drop`
//! only.
//!
//! Circle: with endpoints.zig, messages.zig, irq.zig, task.zig and sched.zig. A capability names an
//! endpoint, an endpoint holds messages and waiting tasks, a message carries a capability, and a
//! task has a table of them. An interrupt line is a capability too: it posts to an endpoint, and a
//! scheduler without a task to run takes what interrupts bring. These are one data structure with
//! pointers into itself. The files part it by what is asked of it, and each keeps its fields to
//! itself; a lookup that hid a type would only hide the circle.

const std = @import("std");
const abi = @import("abi");
const endpoints = @import("endpoints.zig");
const irq = @import("irq.zig");
const vmo = @import("vmo.zig");

pub const Object = union(enum) {
    none,
    factory,
    endpoint: *endpoints.Endpoint,
    vmo: *vmo.Vmo,
    mmio: struct { base: u64, len: u64 },
    irq: u32,
};

pub const Cap = struct {
    object: Object = .none,
    rights: u32 = 0,

    pub fn has(self: Cap, right: u32) bool {
        return self.rights & right == right;
    }

    /// A second capability to the same object with some of the rights.
    pub fn copy(self: Cap, rights: u32) Cap {
        std.debug.assert(self.object != .none);
        std.debug.assert(rights & ~self.rights == 0);
        const new: Cap = .{ .object = self.object, .rights = rights };
        switch (new.object) {
            .none, .factory, .mmio => {},
            .endpoint => |endpoint| endpoint.retain(rights),
            .vmo => |object| object.retain(),
            .irq => |line| irq.retain(line),
        }
        return new;
    }

    pub fn drop(self: Cap) void {
        switch (self.object) {
            .none, .factory, .mmio => {},
            .endpoint => |endpoint| endpoint.release(self.rights),
            .vmo => |object| object.release(),
            .irq => |line| irq.release(line),
        }
    }
};

pub const Error = error{ BadSlot, Denied, NoSpace };

pub const Table = struct {
    slots: [abi.slots_per_task]Cap = @splat(.{}),

    /// The capability in a slot, if it holds one.
    pub fn get(self: *Table, slot: u64) Error!*Cap {
        if (slot >= self.slots.len) return error.BadSlot;
        const cap = &self.slots[slot];
        if (cap.object == .none) return error.BadSlot;
        return cap;
    }

    /// As `get`, and of one kind with one right.
    pub fn endpoint(self: *Table, slot: u64, right: u32) Error!*endpoints.Endpoint {
        const cap = try self.get(slot);
        if (cap.object != .endpoint) return error.BadSlot;
        if (!cap.has(right)) return error.Denied;
        return cap.object.endpoint;
    }

    /// Slot 0 is never handed out: it is init's factory, and reserved in every other task.
    pub fn freeSlot(self: *const Table) Error!u32 {
        for (self.slots[1..], 1..) |cap, i| {
            if (cap.object == .none) return @intCast(i);
        }
        return error.NoSpace;
    }

    pub fn put(self: *Table, slot: u32, cap: Cap) void {
        std.debug.assert(self.slots[slot].object == .none);
        std.debug.assert(cap.object != .none);
        // See `freeSlot`: nothing else ever stands there.
        std.debug.assert(slot != abi.slot.factory or cap.object == .factory);
        self.slots[slot] = cap;
    }

    /// Take a capability out of its slot without dropping it.
    pub fn take(self: *Table, slot: u64) Cap {
        const cap = self.slots[slot];
        std.debug.assert(cap.object != .none); // the caller has looked
        self.slots[slot] = .{};
        return cap;
    }

    pub fn closeAll(self: *Table) void {
        for (&self.slots) |*cap| {
            const gone = cap.*;
            cap.* = .{};
            gone.drop();
        }
    }
};
