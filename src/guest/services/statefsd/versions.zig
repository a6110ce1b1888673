//! Versions of values, by which a reader knows whether a value has changed. The version differs
//! between any two values that a key had since the start of the service.

const std = @import("std");
const statefs = @import("statefs");

/// The number of classes of keys. A reader learns whether a key of the class has changed, so a few
/// readers read again without need.
const classes_max = 64;

pub const Versions = struct {
    /// The number of changes, and for each class the last change of one of its keys.
    count: u64 = 0,
    changed: [classes_max]u64 = @splat(0),

    /// Every key may have another value now.
    pub fn markEvery(self: *Versions) void {
        self.count += 1;
        self.changed = @splat(self.count);
    }

    pub fn mark(self: *Versions, key: []const u8) void {
        self.count += 1;
        self.changed[classOf(key)] = self.count;
    }

    /// Note the keys that a transaction is about to change.
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
