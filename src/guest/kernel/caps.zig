//! Capabilities: each slot of a task's table names an object that the task may touch. A capability
//! is a value. Objects count the capabilities that name them, so only `copy` and `drop` may copy
//! and drop one.
//!
//! Circle: with endpoints.zig, messages.zig, irq.zig, task.zig and sched.zig. A capability names an
//! endpoint, an endpoint holds messages and waiting tasks, a message carries a capability, and a
//! task has a table of them. An interrupt line is a capability too: it posts to an endpoint, and a
//! scheduler without a task to run takes the messages of interrupts. These are one data structure
//! with pointers into itself. Each file holds one kind of operation on it, and keeps its fields to
//! itself. A lookup that hid a type would only hide the circle.

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

    /// The capability in a slot, if it is of this kind and has this right.
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
        // `freeSlot` never gives slot 0 away, so it holds the factory or nothing.
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
        // Only other tasks wait for the objects that end here, and they put nothing in this table.
        for (&self.slots) |*cap| std.debug.assert(cap.object == .none);
    }
};
