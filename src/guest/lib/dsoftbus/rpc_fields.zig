//! Fields of a message as the bytes behind the head of a frame, and back. One rule holds for all:
//!
//! 1. The fields stand in their order. A text is its length here, a list its items.
//! 2. Then come the bytes of the texts.
//! 3. A text that may be left out comes last, behind its length.
//!
//! A table has a row for each field, which is read at run time. Code for each struct would be four
//! times as much, and a call has few fields.

const std = @import("std");
const contract = @import("contract");
const cursor = @import("wire").cursor;
const message = contract.message;

pub const Error = message.Error || cursor.Error;

pub const Field = struct {
    kind: enum { number, text, data, texts, records, rest },
    /// The place in its struct: in units of `size`, or the number of the pointer.
    at: u16,
    /// The bytes of a number in a message, and in a frame those of the number or of a text's
    /// length.
    size: u8 = 0,
    width: u8 = 0,
    /// In frames, the members of an enumeration by ordinal. Empty: the number stands as it is.
    codes: []const u8 = "",
    bytes_max: u32,
    items_max: u32,
    /// The rows of a record.
    item: ?*const Shape = null,
};

pub const Shape = struct { data_words: u16, pointers: u16, fields: []const Field };

/// A frame has at most this many texts side by side.
const texts_max = 3;
/// The width of the number before several texts or records.
const count_bytes = 2;

/// The rows of a generated struct. `lengthBytes` says how wide a text's length is in frames.
pub fn shapeOf(
    comptime T: type,
    comptime lengthBytes: fn (comptime type, comptime []const u8) u8,
) Shape {
    var fields: [T.layout.fields.len]Field = undefined;
    for (T.layout.fields, &fields) |field, *row| {
        const F = @FieldType(T, field.name);
        std.debug.assert(field.default == 0 and field.member == null);
        row.* = .{
            .kind = .number,
            .at = field.offset,
            .bytes_max = field.bytes_max,
            .items_max = field.items_max,
        };
        if (field.optional) {
            row.kind = .rest;
        } else if (field.kind == .text or field.kind == .data) {
            row.kind = if (field.kind == .text) .text else .data;
            row.width = lengthBytes(T, field.name);
        } else if (field.kind == .list) {
            const Item = std.meta.Elem(@FieldType(F, "items"));
            row.kind = if (Item == []const u8) .texts else .records;
            if (Item != []const u8) row.item = &Kept(shapeOf(Item, lengthBytes)).value;
        } else if (@typeInfo(F) == .int) {
            row.size = @sizeOf(F);
            row.width = @sizeOf(F);
        } else {
            const Enum = if (@typeInfo(F) == .optional) @typeInfo(F).optional.child else F;
            row.size = 2;
            row.width = @sizeOf(Enum);
            row.codes = codesOf(Enum);
        }
    }
    const kept = fields;
    return .{ .data_words = T.layout.data_words, .pointers = T.layout.pointers, .fields = &kept };
}

fn Kept(comptime shape: Shape) type {
    return struct {
        const value = shape;
    };
}

fn codesOf(comptime Enum: type) []const u8 {
    var codes: []const u8 = "";
    for (std.enums.values(Enum)) |member| codes = codes ++ &[_]u8{@intFromEnum(member)};
    return codes;
}

/// Write these fields of a message behind the head of a frame. A field that cannot be read makes
/// the message malformed, even if the others have no room.
pub fn toFrame(
    reader: *message.Reader,
    place: message.Place,
    fields: []const Field,
    out: *cursor.Writer,
) Error!void {
    var texts: [texts_max][]const u8 = undefined;
    var count: usize = 0;
    var rest: []const u8 = "";
    var fits = true;
    for (fields) |field| switch (field.kind) {
        .number => {
            const number = reader.numberAt(place, field.at, field.size);
            try putNumber(out, field.width, try codeOf(field, number));
        },
        .text, .data => {
            const is_text = field.kind == .text;
            const bytes = try reader.bytesOf(place, field.at, is_text, field.bytes_max);
            texts[count] = bytes;
            count += 1;
            fits = fits and bytes.len >> @intCast(8 * @as(u6, @intCast(field.width))) == 0;
            if (fits) try putNumber(out, field.width, bytes.len);
        },
        .texts => try putTexts(try reader.textsOf(place, field.at, field.items_max), out),
        // Only services say them.
        .records => return error.Malformed,
        .rest => rest = try reader.bytesOf(place, field.at, true, field.bytes_max),
    };
    if (!fits) return error.NoRoom;
    for (texts[0..count]) |bytes| try out.put(bytes);
    if (rest.len == 0) return;
    if (rest.len > std.math.maxInt(u16)) return error.NoRoom;
    try putNumber(out, count_bytes, rest.len);
    try out.put(rest);
}

fn putTexts(list: message.List([]const u8), out: *cursor.Writer) Error!void {
    try putNumber(out, count_bytes, list.len);
    for (0..list.len) |index| {
        const bytes = list.get(index);
        if (bytes.len > std.math.maxInt(u16)) return error.NoRoom;
        try putNumber(out, count_bytes, bytes.len);
        try out.put(bytes);
    }
}

/// A member of a later version has no number here.
pub fn codeOf(field: Field, number: u64) Error!u64 {
    if (field.codes.len == 0) return number;
    return if (number < field.codes.len) field.codes[@intCast(number)] else error.Malformed;
}

fn putNumber(out: *cursor.Writer, width: u8, number: u64) Error!void {
    var raw: [8]u8 = undefined;
    std.mem.writeInt(u64, &raw, number, .little);
    try out.put(raw[0..width]);
}

/// A struct that is being written.
pub const Into = struct {
    builder: *message.Builder,
    at: usize,
    data_words: u16,
    /// The records that are written; the others are only read.
    records_max: usize = 0,
};

/// Read these fields from behind the head of a frame into a message, or only read them.
pub fn toMessage(in: *cursor.Reader, fields: []const Field, into: ?Into) Error!void {
    var lengths: [texts_max]u64 = undefined;
    var count: usize = 0;
    for (fields) |field| switch (field.kind) {
        .number => {
            const number = try ordinalOf(field, try takeNumber(in, field.width));
            if (into) |to| to.builder.storeRaw(to.at, field.at * field.size, field.size, number);
        },
        .text, .data => {
            lengths[count] = try takeNumber(in, field.width);
            count += 1;
        },
        .texts => try takeTexts(in, field, into),
        .records => try takeRecords(in, field, into),
        .rest => {},
    };
    count = 0;
    for (fields) |field| {
        if (field.kind == .rest and !in.atEnd()) {
            const len = try takeNumber(in, count_bytes);
            if (len == 0) return error.Malformed;
            try takeText(in, len, true, into, field.at);
        }
        if (field.kind != .text and field.kind != .data) continue;
        try takeText(in, lengths[count], field.kind == .text, into, field.at);
        count += 1;
    }
}

fn takeText(
    in: *cursor.Reader,
    len: u64,
    is_text: bool,
    into: ?Into,
    pointer: usize,
) Error!void {
    const bytes = try in.take(std.math.cast(usize, len) orelse return error.Malformed);
    if (is_text and !std.unicode.utf8ValidateSlice(bytes)) return error.Malformed;
    const to = into orelse return;
    try to.builder.writeBytes(to.at + to.data_words + pointer, bytes, is_text);
}

fn takeTexts(in: *cursor.Reader, field: Field, into: ?Into) Error!void {
    const count = try takeNumber(in, count_bytes);
    if (count > field.items_max) return error.Malformed;
    var list = into;
    if (into) |to| list.?.at = try to.builder.startTexts(to.at + to.data_words + field.at, count);
    if (list) |*to| to.data_words = 0;
    for (0..count) |index| {
        try takeText(in, try takeNumber(in, count_bytes), true, list, index);
    }
}

fn takeRecords(in: *cursor.Reader, field: Field, into: ?Into) Error!void {
    const shape = field.item.?;
    const count = try takeNumber(in, count_bytes);
    const written = @min(count, if (into) |to| to.records_max else 0);
    const words = @as(usize, shape.data_words) + shape.pointers;
    var item = into;
    if (into) |to| {
        const at = to.at + to.data_words + field.at;
        item.?.at = try to.builder.startStructs(at, written, shape.data_words, shape.pointers);
        item.?.data_words = shape.data_words;
    }
    for (0..count) |index| {
        try toMessage(in, shape.fields, if (index < written) item else null);
        if (item) |*to| to.at += words;
    }
}

fn ordinalOf(field: Field, code: u64) Error!u64 {
    if (field.codes.len == 0) return code;
    const byte = std.math.cast(u8, code) orelse return error.Malformed;
    return std.mem.indexOfScalar(u8, field.codes, byte) orelse error.Malformed;
}

pub fn takeNumber(in: *cursor.Reader, width: u8) Error!u64 {
    var raw: [8]u8 = @splat(0);
    @memcpy(raw[0..width], try in.take(width));
    return std.mem.readInt(u64, &raw, .little);
}
