//! The layouts of structs in messages. `message.zig` reads by them, `message_writer.zig` writes.

const std = @import("std");

pub const Limits = struct {
    /// Words of the segment.
    words: u32,
    /// Words that pointers lead to, however often they are the same.
    traversal: u32,
    /// Structs and lists within each other.
    nesting: u8,
};

pub const Kind = enum { value, text, data, @"struct", list, any };

/// One field of a struct: `offset` counts in units of its own size, pointers of a pointer.
pub const Field = struct {
    name: []const u8,
    offset: u32,
    kind: Kind = .value,
    /// The kind of a list's items.
    item: Kind = .value,
    default: u64 = 0,
    /// Its number in the union that it is a member of.
    member: ?u16 = null,
    bytes_max: u32 = 0,
    items_max: u32 = 0,
    /// A text that may be left out.
    optional: bool = false,
};

pub const Layout = struct {
    data_words: u16,
    pointers: u16,
    /// The place of the number of its union's member, in units of 16 bits.
    union_offset: ?u32 = null,
    fields: []const Field,
};

/// A struct that is read once its type is known.
pub const Any = struct { at: ?usize = null };

/// The place of a struct, and its length.
pub const Place = struct { at: usize, data_words: u16, pointers: u16 };

const bit_items = 1;
pub const byte_items = 2;
pub const pointer_items = 6;
pub const struct_items = 7;

pub fn itemBits(comptime Item: type) u64 {
    if (Item == bool) return 1;
    return if (Item == []const u8) 64 else @bitSizeOf(Item);
}

pub fn itemSize(comptime Item: type) u64 {
    if (Item == bool) return bit_items;
    if (Item == []const u8) return pointer_items;
    if (@typeInfo(Item) == .@"struct") return struct_items;
    return std.math.log2_int(u64, @bitSizeOf(Item)) - 1;
}

/// The member of a number on the wire, which is its place in the schema's enumeration. Null is a
/// member of a later version.
pub fn ofOrdinal(comptime T: type, ordinal: u16) error{Malformed}!T {
    const is_open = @typeInfo(T) == .optional;
    const Enum = if (is_open) @typeInfo(T).optional.child else T;
    const known = comptime std.enums.values(Enum);
    if (ordinal < known.len) return known[ordinal];
    return if (is_open) null else error.Malformed;
}

pub fn toOrdinal(comptime T: type, value: T) u16 {
    const Enum = if (@typeInfo(T) == .optional) @typeInfo(T).optional.child else T;
    const member: Enum = if (@typeInfo(T) == .optional) value orelse return 0 else value;
    inline for (comptime std.enums.values(Enum), 0..) |known, ordinal| {
        if (known == member) return ordinal;
    }
    return 0;
}
