//! The places of a session's streams. A stream has a place while it lasts. The ids of streams that
//! this side has reset are remembered for a while.

const std = @import("std");
const Stream = @import("mux_stream.zig").Stream;

/// The number of streams reset here whose late frames are ignored.
pub const remembered_max = 32;

pub fn Places(comptime places: usize) type {
    return struct {
        const Self = @This();

        forgotten: [remembered_max]u32 = @splat(0),
        forgotten_next: usize = 0,
        /// Places beyond are free: most sessions have few streams.
        top: usize = 0,
        all: [places]Stream = @splat(.{}),

        /// The invariants that hold between any two calls.
        pub fn check(self: *const Self) void {
            std.debug.assert(self.top <= places and self.forgotten_next < remembered_max);
        }

        pub fn used(self: *Self) []Stream {
            while (self.top != 0 and self.all[self.top - 1].id == 0) self.top -= 1;
            return self.all[0..self.top];
        }

        pub fn find(self: *Self, id: u32) ?*Stream {
            if (id == 0) return null;
            for (self.used()) |*stream| if (stream.id == id) return stream;
            return null;
        }

        pub fn findConst(self: *const Self, id: u32) ?*const Stream {
            return @constCast(self).find(id);
        }

        /// A place without a stream, for the caller to fill.
        pub fn free(self: *Self) ?*Stream {
            for (&self.all, 1..) |*stream, end| {
                if (stream.id != 0) continue;
                self.top = @max(self.top, end);
                self.check();
                return stream;
            }
            return null;
        }

        /// This side has reset a stream, and the peer may not know that yet.
        pub fn forget(self: *Self, id: u32) void {
            std.debug.assert(id != 0 and !self.isForgotten(id));
            self.forgotten[self.forgotten_next] = id;
            self.forgotten_next = (self.forgotten_next + 1) % remembered_max;
        }

        pub fn isForgotten(self: *const Self, id: u32) bool {
            return std.mem.indexOfScalar(u32, &self.forgotten, id) != null;
        }
    };
}
