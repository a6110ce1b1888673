//! The handles of clients: each id names a socket, has an owner, and keeps the events that the
//! owner has yet to get.
//!
//! A condition is reported when it becomes true (`told` remembers what was true last time). An
//! event that could not be delivered stays in `owed` until it can. So nothing is lost and nothing
//! is queued: eight bits a socket are the bound.

const std = @import("std");
const net = @import("net");
const netstack = @import("netstack");

/// As many as the stack has sockets of all kinds.
pub const handles_max = net.stack.udp_sockets_max + net.stack.listeners_max +
    net.stack.connections_max;

pub const Kind = enum { free, udp, listener, connection };

/// A READ_LATER that has no answer yet.
pub const Reader = struct {
    reply_to: u32,
    sequence: u16,
    nonce: ?[netstack.nonce_bytes]u8,
    max: u16,
};

pub const Handle = struct {
    kind: Kind = .free,
    index: u8 = 0,
    owner: u64 = 0,
    /// The pid, which tells the life of the owner.
    pid: u32 = 0,
    /// The capability slot of the watcher.
    watcher: ?u32 = null,
    told: u8 = 0,
    owed: u8 = 0,
    /// The caller that waits for the next event.
    reader: ?Reader = null,

    /// These conditions are not true now, and are reported when they are true again.
    pub fn forget(self: *Handle, events: netstack.Events) void {
        self.told &= ~events.bits();
    }
};

pub const Table = struct {
    handles: [handles_max]Handle = @splat(.{}),

    /// The wire's id of a new handle (index + 1, so that 0 is none).
    pub fn add(self: *Table, kind: Kind, index: u8, owner: u64, pid: u32) ?u32 {
        std.debug.assert(kind != .free);
        // A socket with two handles would be closed under the second one's owner.
        for (&self.handles) |*handle| {
            std.debug.assert(handle.kind != kind or handle.index != index);
        }
        for (&self.handles, 1..) |*handle, id| {
            if (handle.kind != .free) continue;
            handle.* = .{ .kind = kind, .index = index, .owner = owner, .pid = pid };
            return @intCast(id);
        }
        return null;
    }

    pub fn used(self: *const Table) u16 {
        var count: u16 = 0;
        for (&self.handles) |*handle| count += @intFromBool(handle.kind != .free);
        return count;
    }

    /// Another service's id is not an id.
    pub fn find(self: *Table, id: u32, owner: u64) ?*Handle {
        if (id == 0 or id > handles_max) return null;
        const handle = &self.handles[id - 1];
        return if (handle.kind != .free and handle.owner == owner) handle else null;
    }

    pub fn findKind(self: *Table, id: u32, owner: u64, kind: Kind) ?*Handle {
        const handle = self.find(id, owner) orelse return null;
        return if (handle.kind == kind) handle else null;
    }
};

/// The conditions that are true of a socket now.
pub fn conditions(stack: *net.Stack, handle: *const Handle) netstack.Events {
    return switch (handle.kind) {
        .free => .{},
        .udp => .{ .readable = stack.udp_sockets[handle.index].count > 0 },
        .listener => .{ .readable = net.tcp.firstWaiting(stack, handle.index) != null },
        .connection => ofConnection(&stack.connections[handle.index]),
    };
}

fn ofConnection(c: *net.connection.Connection) netstack.Events {
    // A writer that filled the buffer comes back for a quarter of it, not for every byte.
    if (c.tx.free() >= net.connection.send_buffer_bytes / 4) c.was_full = false;
    return .{
        .readable = c.rx.len > 0,
        .writable = c.canSend() and !c.was_full,
        .peer_closed = c.is_peer_closed,
        .failed = c.failure != .none,
        .connected = c.isConnected(),
    };
}
