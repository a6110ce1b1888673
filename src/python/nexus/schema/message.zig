//! Messages of Cap'n Proto in one segment, read from and written to the caller's buffer.
//!
//! Read is the whole message at once, into a value whose texts and lists borrow from the bytes.
//! So a message is refused before anything is done with it, and always for the same reasons:
//!
//! 1. A length, an offset or a count that leaves the segment.
//! 2. More segments than one, pointers into others, capabilities.
//! 3. More words, followed pointers or nesting than the limits; texts and lists longer than theirs.
//! 4. A list of items of another size, a text without its zero or that is not UTF-8.
//! 5. A member of a union that this side does not know, or of an enumeration that is not open.
//!
//! Nothing here allocates.
//!
//! Users import this file alone; it has the names of those that it is made of.

const std = @import("std");
const layouts = @import("message_layout.zig");
const writer = @import("message_writer.zig");

pub const encode = writer.encode;
pub const encodeWith = writer.encodeWith;
pub const begin = writer.begin;
pub const Builder = writer.Builder;

pub const Limits = layouts.Limits;
const Kind = layouts.Kind;
pub const Field = layouts.Field;
pub const Layout = layouts.Layout;
pub const Any = layouts.Any;
pub const Place = layouts.Place;

pub const Error = error{Malformed};

/// The items of a list: the writer's values, or those in the bytes that were read.
pub fn List(comptime Item: type) type {
    return struct {
        items: []const Item = &.{},
        segment: []const u8 = "",
        at: usize = 0,
        len: u32 = 0,
        step: Place = .{ .at = 0, .data_words = 0, .pointers = 0 },
        field: Field = .{ .name = "", .offset = 0 },

        const Self = @This();

        pub fn of(items: []const Item) Self {
            return .{ .items = items, .len = @intCast(items.len) };
        }

        /// All were read once, so none is refused now.
        pub fn get(self: *const Self, index: usize) Item {
            if (self.items.len != 0) return self.items[index];
            var reader: Reader = .{ .bytes = self.segment, .left = std.math.maxInt(u32) };
            return readItem(Item, &reader, self.*, index, std.math.maxInt(u8)) catch unreachable;
        }
    };
}

/// Bytes of one segment, and how much may still be followed.
pub const Reader = struct {
    bytes: []const u8,
    left: u32,
    nesting: u8 = 0,

    /// The segment of a message: its table says that there is one, and how long it is.
    pub fn open(message: []const u8, limits: Limits) Error!Reader {
        if (message.len < 16 or message.len % 8 != 0) return error.Malformed;
        if (std.mem.readInt(u32, message[0..4], .little) != 0) return error.Malformed;
        const words = std.mem.readInt(u32, message[4..8], .little);
        if (words > limits.words or words != message.len / 8 - 1) return error.Malformed;
        return .{ .bytes = message[8..], .left = limits.traversal, .nesting = limits.nesting };
    }

    /// The message's value.
    pub fn root(self: *Reader, comptime T: type) Error!T {
        return self.read(T, .{ .at = 0 });
    }

    /// What a field of unknown type is; the same reader must have read the field.
    pub fn read(self: *Reader, comptime T: type, any: Any) Error!T {
        const at = any.at orelse return .{};
        if (self.nesting == 0) return error.Malformed;
        return readStruct(T, self, try self.structAt(at) orelse return .{}, self.nesting - 1);
    }

    // For readers by rows at run time, with the same limits.

    /// Where the struct of a field of unknown type is; one that is not there has defaults alone.
    pub fn placeOf(self: *Reader, any: Any) Error!Place {
        const none: Place = .{ .at = 0, .data_words = 0, .pointers = 0 };
        return try self.structAt(any.at orelse return none) orelse none;
    }

    pub fn numberAt(self: *const Reader, place: Place, offset: u32, size: u8) u64 {
        return rawAt(self.bytes, &place, offset, size);
    }

    pub fn bytesOf(
        self: *Reader,
        place: Place,
        pointer: u32,
        is_text: bool,
        bytes_max: u32,
    ) Error![]const u8 {
        if (pointer >= place.pointers) return "";
        const field: Field = .{ .name = "", .offset = 0, .bytes_max = bytes_max };
        return self.bytesAt(place.at + place.data_words + pointer, is_text, field);
    }

    pub fn textsOf(
        self: *Reader,
        place: Place,
        pointer: u32,
        items_max: u32,
    ) Error!List([]const u8) {
        if (pointer >= place.pointers) return .{};
        const field: Field = .{ .name = "", .offset = 0, .item = .text, .items_max = items_max };
        const at = place.at + place.data_words + pointer;
        return readList(List([]const u8), self, at, field, self.nesting -| 1);
    }

    fn word(self: *const Reader, at: usize) u64 {
        return std.mem.readInt(u64, self.bytes[at * 8 ..][0..8], .little);
    }

    /// Where a pointer leads: `count` words that are there, and are paid for.
    fn claim(self: *Reader, at: usize, pointer: u64, count: u64) Error!usize {
        const offset: i64 = @as(i32, @bitCast(@as(u32, @truncate(pointer)))) >> 2;
        const start = std.math.cast(usize, @as(i64, @intCast(at)) + 1 + offset) orelse
            return error.Malformed;
        const words = self.bytes.len / 8;
        if (start > words or count > words - start) return error.Malformed;
        try self.pay(count);
        return start;
    }

    fn pay(self: *Reader, count: u64) Error!void {
        if (count > self.left) return error.Malformed;
        self.left -= @intCast(count);
    }

    noinline fn structAt(self: *Reader, at: usize) Error!?Place {
        const pointer = self.word(at);
        if (pointer == 0) return null;
        if (pointer & 3 != 0) return error.Malformed;
        const data_words: u16 = @truncate(pointer >> 32);
        const pointers: u16 = @truncate(pointer >> 48);
        const start = try self.claim(at, pointer, @as(u64, data_words) + pointers);
        return .{ .at = start, .data_words = data_words, .pointers = pointers };
    }

    /// Bytes behind a pointer, as `field` permits them.
    noinline fn bytesAt(self: *Reader, at: usize, is_text: bool, field: Field) Error![]const u8 {
        const pointer = self.word(at);
        if (pointer == 0) return "";
        const count: u32 = @truncate(pointer >> 35);
        if (pointer & 3 != 1 or (pointer >> 32) & 7 != layouts.byte_items) return error.Malformed;
        const start = try self.claim(at, pointer, (@as(u64, count) + 7) / 8);
        const all = self.bytes[start * 8 ..][0..count];
        if (!is_text) return if (tooMany(count, field.bytes_max)) error.Malformed else all;
        if (count == 0 or all[count - 1] != 0) return error.Malformed;
        const text = all[0 .. count - 1];
        if (tooMany(text.len, field.bytes_max)) return error.Malformed;
        return if (std.unicode.utf8ValidateSlice(text)) text else error.Malformed;
    }
};

fn tooMany(count: usize, max: u32) bool {
    return max != 0 and count > max;
}

fn readStruct(comptime T: type, reader: *Reader, place: Place, depth: u8) Error!T {
    var out: T = .{};
    const layout: Layout = T.layout;
    if (layout.union_offset) |offset| {
        const member = valueAt(u16, reader.bytes, place, offset);
        out.which = std.enums.fromInt(@TypeOf(out.which), member) orelse return error.Malformed;
    }
    inline for (layout.fields) |field| {
        const is_there = if (field.member) |member| @intFromEnum(out.which) == member else true;
        if (is_there) {
            @field(out, field.name) =
                try readField(@FieldType(T, field.name), reader, place, field, depth);
        }
    }
    return out;
}

fn readField(
    comptime T: type,
    reader: *Reader,
    place: Place,
    comptime field: Field,
    depth: u8,
) Error!T {
    if (field.kind == .value) {
        if (T == void) return {};
        if (T == bool) return bitAt(reader.bytes, place, field.offset) != (field.default != 0);
        if (@typeInfo(T) == .int) {
            const Raw = @Int(.unsigned, @bitSizeOf(T));
            const raw = valueAt(Raw, reader.bytes, place, field.offset);
            return @bitCast(raw ^ @as(Raw, @truncate(field.default)));
        }
        const ordinal = valueAt(u16, reader.bytes, place, field.offset);
        return layouts.ofOrdinal(T, ordinal ^ @as(u16, @truncate(field.default)));
    }
    if (field.offset >= place.pointers) return if (T == []const u8) "" else .{};
    const at = place.at + place.data_words + field.offset;
    return readPointer(T, reader, at, field.kind, field, depth);
}

fn readPointer(
    comptime T: type,
    reader: *Reader,
    at: usize,
    kind: Kind,
    field: Field,
    depth: u8,
) Error!T {
    if (T == Any) return if (reader.word(at) == 0) .{} else .{ .at = at };
    if (reader.word(at) != 0 and depth == 0) return error.Malformed;
    if (T == []const u8) return reader.bytesAt(at, kind == .text, field);
    if (@hasDecl(T, "layout")) {
        const place = try reader.structAt(at) orelse return .{};
        return readStruct(T, reader, place, depth - 1);
    }
    return readList(T, reader, at, field, depth);
}

fn readList(comptime T: type, reader: *Reader, at: usize, field: Field, depth: u8) Error!T {
    const pointer = reader.word(at);
    if (pointer == 0) return .{};
    const Item = @FieldType(T, "items");
    const Element = std.meta.Elem(Item);
    const size = comptime layouts.itemSize(Element);
    if (pointer & 3 != 1 or (pointer >> 32) & 7 != size) return error.Malformed;
    var count: u32 = @truncate(pointer >> 35);
    var list: T = .{ .segment = reader.bytes, .field = field };
    if (size == layouts.struct_items) {
        list.at = 1 + try reader.claim(at, pointer, @as(u64, count) + 1);
        const tag = reader.word(list.at - 1);
        const items: u32 = @truncate((tag & 0xFFFF_FFFF) >> 2);
        list.step = .{
            .at = 0,
            .data_words = @truncate(tag >> 32),
            .pointers = @truncate(tag >> 48),
        };
        const each = @as(u64, list.step.data_words) + list.step.pointers;
        if (tag & 3 != 0 or items * each > count) return error.Malformed;
        // Items of no size cost nothing to send, and as much as any to look at.
        if (each == 0) try reader.pay(items);
        count = items;
    } else {
        list.at = try reader.claim(at, pointer, (count * layouts.itemBits(Element) + 63) / 64);
    }
    if (tooMany(count, field.items_max)) return error.Malformed;
    list.len = count;
    for (0..count) |index| _ = try readItem(Element, reader, list, index, depth - 1);
    return list;
}

fn readItem(
    comptime Item: type,
    reader: *Reader,
    list: anytype,
    index: usize,
    depth: u8,
) Error!Item {
    if (Item == []const u8)
        return readPointer(Item, reader, list.at + index, list.field.item, list.field, depth);
    if (@typeInfo(Item) == .@"struct") {
        const each: usize = @as(usize, list.step.data_words) + list.step.pointers;
        var place = list.step;
        place.at = list.at + index * each;
        if (depth == 0) return error.Malformed;
        return readStruct(Item, reader, place, depth - 1);
    }
    const whole: Place = .{ .at = list.at, .data_words = std.math.maxInt(u16), .pointers = 0 };
    if (Item == bool) return bitAt(reader.bytes, whole, @intCast(index));
    return valueAt(Item, reader.bytes, whole, @intCast(index));
}

fn valueAt(comptime T: type, bytes: []const u8, place: Place, offset: u32) T {
    return @truncate(rawAt(bytes, &place, offset, @sizeOf(T)));
}

/// One for all widths and fields: in line it would be most of a reader.
noinline fn rawAt(bytes: []const u8, place: *const Place, offset: u32, size: u8) u64 {
    const at = @as(usize, offset) * size;
    // A shorter struct is of an earlier version: the field has its default.
    if (at + size > @as(usize, place.data_words) * 8) return 0;
    var raw: [8]u8 = @splat(0);
    @memcpy(raw[0..size], bytes[place.at * 8 + at ..][0..size]);
    return std.mem.readInt(u64, &raw, .little);
}

fn bitAt(bytes: []const u8, place: Place, offset: u32) bool {
    if (offset >= @as(u64, place.data_words) * 64) return false;
    return bytes[place.at * 8 + offset / 8] >> @intCast(offset % 8) & 1 != 0;
}
