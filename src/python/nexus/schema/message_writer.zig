//! Writes messages; see `message.zig`.

const std = @import("std");
const layouts = @import("message_layout.zig");
const Field = layouts.Field;
const Layout = layouts.Layout;

const NoRoom = error{NoRoom};

/// Write a message: its table, and one segment in the order of the fields, depth first.
pub fn encode(value: anytype, out: []u8) NoRoom![]u8 {
    return encodeWith(value, {}, out);
}

/// As `encode`; what stands in the field of unknown type, which is the last one, is `any`.
pub fn encodeWith(value: anytype, any: anytype, out: []u8) NoRoom![]u8 {
    var begun = try begin(value, out);
    if (@TypeOf(any) != void) {
        const layout: Layout = @TypeOf(value).layout;
        comptime std.debug.assert(layout.fields[anyOf(layout)].offset == layout.pointers - 1);
        try begun.builder.writeStruct(begun.inner, any);
    }
    return begun.done();
}

/// A message whose own struct is written, and what stands in its field of unknown type is not.
pub fn begin(value: anytype, out: []u8) NoRoom!Begun {
    if (out.len < 8) return error.NoRoom;
    var builder: Builder = .{ .bytes = out[8..] };
    const at = try builder.take(1);
    // Apart, so that there is one of it for all that may stand there.
    const inner = try builder.writeRoot(@TypeOf(value), at, value);
    return .{ .builder = builder, .inner = inner, .out = out };
}

pub const Begun = struct {
    builder: Builder,
    inner: usize,
    out: []u8,

    /// What stands in the field of unknown type: where its fields are to be written.
    pub fn startInner(self: *Begun, data_words: u16, pointers: u16) NoRoom!usize {
        return self.builder.startStruct(self.inner, data_words, pointers);
    }

    pub fn done(self: *const Begun) []u8 {
        std.mem.writeInt(u32, self.out[0..4], 0, .little);
        std.mem.writeInt(u32, self.out[4..8], @intCast(self.builder.used), .little);
        return self.out[0 .. 8 + self.builder.used * 8];
    }
};

/// The field of unknown type.
fn anyOf(comptime layout: Layout) usize {
    for (layout.fields, 0..) |field, i| if (field.kind == .any) return i;
    @compileError("no field of unknown type");
}

pub const Builder = struct {
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

    /// The message's own struct; where the pointer of its last field is.
    noinline fn writeRoot(self: *Builder, comptime T: type, at: usize, value: T) NoRoom!usize {
        const target = try self.startStruct(at, T.layout.data_words, T.layout.pointers);
        try self.writeFields(target, value);
        return target + T.layout.data_words + T.layout.pointers - 1;
    }

    fn writeStruct(self: *Builder, at: usize, value: anytype) NoRoom!void {
        const layout: Layout = @TypeOf(value).layout;
        const target = try self.startStruct(at, layout.data_words, layout.pointers);
        try self.writeFields(target, value);
    }

    /// Where the fields of a struct are to be written, behind the pointer at `at`.
    pub noinline fn startStruct(
        self: *Builder,
        at: usize,
        data_words: u16,
        pointers: u16,
    ) NoRoom!usize {
        const high = @as(u64, data_words) | @as(u64, pointers) << 16;
        const target = try self.take(@as(usize, data_words) + pointers);
        // Without any words it is not nothing: a pointer back to itself says so.
        if (high == 0) self.put(at, 0xFFFF_FFFC) else self.point(at, target, 0, high);
        return target;
    }

    fn writeFields(self: *Builder, target: usize, value: anytype) NoRoom!void {
        const T = @TypeOf(value);
        const layout: Layout = T.layout;
        if (layout.union_offset) |offset|
            self.store(u16, target, offset, @intFromEnum(value.which));
        inline for (layout.fields) |field| {
            const is_there = if (field.member) |m| @intFromEnum(value.which) == m else true;
            if (is_there) {
                const at = if (field.kind == .value) target else target + layout.data_words +
                    field.offset;
                try self.writeField(at, field, @field(value, field.name));
            }
        }
    }

    fn writeField(
        self: *Builder,
        at: usize,
        comptime field: Field,
        value: anytype,
    ) NoRoom!void {
        const T = @TypeOf(value);
        switch (field.kind) {
            .value => self.writeValue(at, field, value),
            .any => {},
            .text, .data => try self.writeBytes(at, value, field.kind == .text),
            .@"struct" => try self.writeStruct(at, value),
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
            const ordinal = layouts.toOrdinal(T, value) ^ @as(u16, field.default);
            self.store(u16, target, field.offset, ordinal);
        }
    }

    fn store(self: *Builder, comptime T: type, target: usize, offset: u32, value: T) void {
        self.storeRaw(target, @as(usize, offset) * @sizeOf(T), @sizeOf(T), value);
    }

    /// One for all widths and fields: in line it would be most of a writer.
    pub noinline fn storeRaw(self: *Builder, target: usize, at: usize, size: u8, value: u64) void {
        var bytes: [8]u8 = undefined;
        std.mem.writeInt(u64, &bytes, value, .little);
        @memcpy(self.bytes[target * 8 + at ..][0..size], bytes[0..size]);
    }

    pub noinline fn writeBytes(
        self: *Builder,
        at: usize,
        bytes: []const u8,
        is_text: bool,
    ) NoRoom!void {
        if (bytes.len == 0) return;
        const count = bytes.len + @intFromBool(is_text);
        const target = try self.take((count + 7) / 8);
        self.point(at, target, 1, layouts.byte_items | @as(u64, count) << 3);
        @memcpy(self.bytes[target * 8 ..][0..bytes.len], bytes);
    }

    /// Where the first of so many structs is to be written; none need no list.
    pub fn startStructs(
        self: *Builder,
        at: usize,
        count: usize,
        data_words: u16,
        pointers: u16,
    ) NoRoom!usize {
        if (count == 0) return at;
        const words = (@as(usize, data_words) + pointers) * count;
        const target = try self.take(1 + words);
        self.point(at, target, 1, layouts.struct_items | @as(u64, words) << 3);
        const high = @as(u64, data_words) | @as(u64, pointers) << 16;
        self.put(target, @as(u64, count) << 2 | high << 32);
        return target + 1;
    }

    /// Where the pointer of the first of so many texts is to be; none need no list.
    pub fn startTexts(self: *Builder, at: usize, count: usize) NoRoom!usize {
        if (count == 0) return at;
        const target = try self.take(count);
        self.point(at, target, 1, layouts.pointer_items | @as(u64, count) << 3);
        return target;
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
        const size = comptime layouts.itemSize(Item);
        if (size == layouts.struct_items) {
            const each: Layout = Item.layout;
            const words: usize = @as(usize, each.data_words) + each.pointers;
            const target = try self.startStructs(at, count, each.data_words, each.pointers);
            for (0..count) |i| try self.writeFields(target + i * words, list.get(i));
            return;
        }
        const target = try self.take((count * layouts.itemBits(Item) + 63) / 64);
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
