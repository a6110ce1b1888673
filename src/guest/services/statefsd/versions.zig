//! Whether a value has changed since it was read: a number that differs between any two values that
//! a key had since the start of the service.

const std = @import("std");
const statefs = @import("statefs");

/// Keys are told apart by so many classes when a reader asks whether one has changed: a few of
/// them read again without need.
const classes_max = 64;

pub const Versions = struct {
    /// How many changes there were, and the last one of a key of each class.
    count: u64 = 0,
    changed: [classes_max]u64 = @splat(0),

    /// Every key may have another value.
    pub fn markEvery(self: *Versions) void {
        self.count += 1;
        self.changed = @splat(self.count);
    }

    pub fn mark(self: *Versions, key: []const u8) void {
        self.count += 1;
        self.changed[classOf(key)] = self.count;
    }

    /// What a transaction is about to change.
    pub fn markAll(self: *Versions, contents: *const statefs.Contents, txn: u64) void {
        for (contents.itemsOf(txn)) |item| self.mark(contents.keyOf(item));
    }

    pub fn of(self: *const Versions, key: []const u8) u64 {
        const version = self.changed[classOf(key)];
        std.debug.assert(version <= self.count); // no change to come will have this number
        return version;
    }

    fn classOf(key: []const u8) usize {
        return @intCast(std.hash.Fnv1a_64.hash(key) % classes_max);
    }
};
