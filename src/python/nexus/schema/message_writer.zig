//! Writes messages; see `message.zig`.

const std = @import("std");
const message = @import("message.zig");
const Field = message.Field;
const Layout = message.Layout;

const NoRoom = error{NoRoom};

/// Write a message: its table, and one segment in the order of the fields, depth first.
pub fn encode(value: anytype, out: []u8) NoRoom![]u8 {
    return encodeWith(value, {}, out);
}

/// As `encode`; what stands in the field of unknown type is `any`.
pub fn encodeWith(value: anytype, any: anytype, out: []u8) NoRoom![]u8 {
    if (out.len < 8) return error.NoRoom;
    var builder: Builder = .{ .bytes = out[8..] };
    const at = try builder.take(1);
    try builder.writeStruct(at, value, any);
    std.mem.writeInt(u32, out[0..4], 0, .little);
    std.mem.writeInt(u32, out[4..8], @intCast(builder.used), .little);
    return out[0 .. 8 + builder.used * 8];
}

const Builder = struct {
    bytes: []u8,
    used: usize = 0,

    fn take(self: *Builder, words: usize) NoRoom!usize {
        if (words > self.bytes.len / 8 - self.used) return error.NoRoom;
        defer self.used += words;
        @memset(self.bytes[self.used * 8 ..][0 .. words * 8], 0);
        return self.used;
    }

    fn put(self: *Builder, at: usize, word: u64) void {
        std.mem.writeInt(u64, self.bytes[at * 8 ..][0..8], word, .little);
    }

    fn point(self: *Builder, at: usize, target: usize, kind: u64, high: u64) void {
        self.put(at, @as(u64, @truncate(target - at - 1)) << 2 | kind | high << 32);
    }

    fn writeStruct(self: *Builder, at: usize, value: anytype, any: anytype) NoRoom!void {
        const layout: Layout = @TypeOf(value).layout;
        const high = @as(u64, layout.data_words) | @as(u64, layout.pointers) << 16;
        const target = try self.take(layout.data_words + layout.pointers);
        // Without any words it is not nothing: a pointer back to itself says so.
        if (high == 0) self.put(at, 0xFFFF_FFFC) else self.point(at, target, 0, high);
        try self.writeFields(target, value, any);
    }

    fn writeFields(self: *Builder, target: usize, value: anytype, any: anytype) NoRoom!void {
        const T = @TypeOf(value);
        const layout: Layout = T.layout;
        if (layout.union_offset) |offset|
            self.store(u16, target, offset, @intFromEnum(value.which));
        inline for (layout.fields) |field| {
            const is_there = if (field.member) |m| @intFromEnum(value.which) == m else true;
            if (is_there) {
                const at = if (field.kind == .value) target else target + layout.data_words +
                    field.offset;
                try self.writeField(at, field, @field(value, field.name), any);
            }
        }
    }

    fn writeField(
        self: *Builder,
        at: usize,
        comptime field: Field,
        value: anytype,
        any: anytype,
    ) NoRoom!void {
        const T = @TypeOf(value);
        switch (field.kind) {
            .value => self.writeValue(at, field, value),
            .any => if (@TypeOf(any) != void) try self.writeStruct(at, any, {}),
            .text, .data => try self.writeBytes(at, value, field.kind == .text),
            .@"struct" => try self.writeStruct(at, value, {}),
            .list => try self.writeList(std.meta.Elem(@FieldType(T, "items")), at, field, value),
        }
    }

    fn writeValue(self: *Builder, target: usize, comptime field: Field, value: anytype) void {
        const T = @TypeOf(value);
        if (T == void) return;
        if (T == bool) {
            if (value != (field.default != 0))
                self.bytes[target * 8 + field.offset / 8] |= @as(u8, 1) << field.offset % 8;
        } else if (@typeInfo(T) == .int) {
            const Raw = @Int(.unsigned, @bitSizeOf(T));
            const raw = @as(Raw, @bitCast(value)) ^ @as(Raw, field.default);
            self.store(Raw, target, field.offset, raw);
        } else {
            const ordinal = message.toOrdinal(T, value) ^ @as(u16, field.default);
            self.store(u16, target, field.offset, ordinal);
        }
    }

    fn store(self: *Builder, comptime T: type, target: usize, offset: u32, value: T) void {
        const size = @sizeOf(T);
        std.mem.writeInt(T, self.bytes[target * 8 + offset * size ..][0..size], value, .little);
    }

    fn writeBytes(self: *Builder, at: usize, bytes: []const u8, is_text: bool) NoRoom!void {
        if (bytes.len == 0) return;
        const count = bytes.len + @intFromBool(is_text);
        const target = try self.take((count + 7) / 8);
        self.point(at, target, 1, message.byte_items | @as(u64, count) << 3);
        @memcpy(self.bytes[target * 8 ..][0..bytes.len], bytes);
    }

    fn writeList(
        self: *Builder,
        comptime Item: type,
        at: usize,
        comptime field: Field,
        list: anytype,
    ) NoRoom!void {
        const count: usize = list.len;
        if (count == 0) return;
        const size = comptime message.itemSize(Item);
        if (size == message.struct_items) {
            const each: Layout = Item.layout;
            const words: usize = @as(usize, each.data_words) + each.pointers;
            const target = try self.take(1 + count * words);
            self.point(at, target, 1, size | @as(u64, count * words) << 3);
            const high = @as(u64, each.data_words) | @as(u64, each.pointers) << 16;
            self.put(target, @as(u64, count) << 2 | high << 32);
            for (0..count) |i| try self.writeFields(target + 1 + i * words, list.get(i), {});
            return;
        }
        const target = try self.take((count * message.itemBits(Item) + 63) / 64);
        self.point(at, target, 1, size | @as(u64, count) << 3);
        for (0..count) |i| {
            if (Item == []const u8) {
                try self.writeBytes(target + i, list.get(i), field.item == .text);
            } else if (Item == bool) {
                if (list.get(i)) self.bytes[target * 8 + i / 8] |= @as(u8, 1) << @intCast(i % 8);
            } else self.store(Item, target, @intCast(i), list.get(i));
        }
    }
};
