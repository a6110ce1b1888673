//! Programs on the host: from an executable in a task's memory to a child that may run, page by
//! page; and what is left when there is too little memory, or too little file.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const archive = @import("archive.zig");
const board = @import("board.zig");
const calls_task = @import("calls_task.zig");
const elf = @import("elf.zig");
const fake = @import("task_fake.zig");
const frames = @import("frames.zig");
const task = @import("task.zig");

const page = board.page_bytes;
const code_at = elf.image_low + 0x200;
/// Its bytes end in one page and go on in the next; zeros follow for two more.
const data_at = elf.image_low + 0x1F00;
const data_end = elf.image_low + 0x4100;
const stack_pages = 3;
const name = "a-child";

fn put(comptime T: type, file: []u8, offset: usize, value: T) void {
    std.mem.writeInt(T, file[offset..][0..@sizeOf(T)], value, .little);
}

const Segment = struct { flags: u32, offset: u64, address: u64, in_file: u64, in_memory: u64 };

fn segment(file: []u8, index: usize, what: Segment) void {
    const row = file[elf.header_bytes + index * elf.program_header_bytes ..];
    put(u32, row, 0, 1);
    put(u32, row, 4, what.flags);
    put(u64, row, 8, what.offset);
    put(u64, row, 16, what.address);
    put(u64, row, 32, what.in_file);
    put(u64, row, 40, what.in_memory);
}

/// A task with an executable in its first page, its name in the second, and the factory.
fn parent() !*fake.Task {
    fake.begin();
    const who = try fake.spawn("parent");
    who.caps.put(abi.slot.factory, .{ .object = .factory });
    const file = fake.bytes(who, fake.data);
    for (file[0x200..], 0..) |*byte, i| byte.* = @truncate(i *% 7 +% i / 256 +% 1);
    @memcpy(file[0..7], "\x7fELF\x02\x01\x01");
    put(u16, file, 16, 2);
    put(u16, file, 18, 243);
    put(u64, file, 24, code_at + 4);
    put(u64, file, 32, elf.header_bytes);
    put(u16, file, 54, elf.program_header_bytes);
    put(u16, file, 56, 2);
    segment(file, 0, .{
        .flags = 5,
        .offset = 0x200,
        .address = code_at,
        .in_file = 0x100,
        .in_memory = 0x100,
    });
    segment(file, 1, .{
        .flags = 6,
        .offset = 0x300,
        .address = data_at,
        .in_file = 0x200,
        .in_memory = data_end - data_at,
    });
    @memcpy(fake.bytes(who, fake.data + page)[0..name.len], name);
    return who;
}

fn exec(who: *fake.Task, file_len: u64) !*task.Task {
    const at = fake.data + page;
    const pid = try calls_task.exec(who, fake.data, file_len, stack_pages, at, name.len);
    return task.find(@intCast(pid)).?;
}

/// The byte at an address of a task; null: it may not read there.
fn byteOf(who: *task.Task, address: u64) ?u8 {
    const at = who.space.translate(address, .read) orelse return null;
    return frames.bytes(at - at % page)[at % page];
}

test "a program has its bytes where it says, zeros around them, and nothing more" {
    const who = try parent();
    const child = try exec(who, page);
    const file = fake.bytes(who, fake.data);
    for (0..page) |i| {
        const want = if (i >= 0x200 and i < 0x300) file[i] else 0;
        try testing.expectEqual(want, byteOf(child, elf.image_low + i));
    }
    var address: u64 = elf.image_low + page;
    while (address < elf.image_low + 5 * page) : (address += 1) {
        const in_file = address -% data_at;
        const want = if (in_file < 0x200) file[0x300 + in_file] else 0;
        try testing.expectEqual(want, byteOf(child, address));
    }
    try testing.expectEqual(null, byteOf(child, elf.image_low - 1));
    try testing.expectEqual(null, byteOf(child, elf.image_low + 5 * page));
    // Code is not written to, data is.
    try testing.expectEqual(null, child.space.translate(code_at, .write));
    try testing.expect(child.space.translate(data_at, .write) != null);
    try testing.expect(child.space.translate(data_end, .write) != null);
}

test "a program begins at its entry, with its stack, and knows who it is" {
    const who = try parent();
    const child = try exec(who, page);
    try testing.expectEqual(.suspended, child.state);
    try testing.expectEqual(who.pid, child.parent);
    try testing.expectEqual(code_at + 4, child.context.pc);
    try testing.expectEqual(abi.layout.info_page, child.context.arg(0));
    try testing.expectEqual(abi.layout.stack_top, child.context.x[1]);
    const stack_end = abi.layout.stack_top - stack_pages * page;
    for ([_]u64{ abi.layout.stack_top - 1, stack_end }) |address| {
        try testing.expect(child.space.translate(address, .write) != null);
        try testing.expectEqual(0, byteOf(child, address));
    }
    try testing.expectEqual(null, byteOf(child, abi.layout.stack_top));
    try testing.expectEqual(null, byteOf(child, stack_end - 1));
    const at = child.space.translate(abi.layout.info_page, .read).?;
    try testing.expectEqual(null, child.space.translate(abi.layout.info_page, .write));
    const bytes = frames.bytes(at);
    try testing.expectEqual(abi.InfoPage{
        .name_ptr = abi.layout.info_page + 32,
        .name_len = name.len,
        .service_id = abi.serviceId(name),
    }, std.mem.bytesToValue(abi.InfoPage, bytes[0..@sizeOf(abi.InfoPage)]));
    try testing.expectEqualStrings(name, bytes[32..][0..name.len]);
    try testing.expectEqual(0, bytes[32 + name.len]);
}

test "with too little memory for a program there is no program, and no less memory" {
    const who = try parent();
    var held: [2048]u64 = undefined;
    for (0..64) |left| {
        var count: usize = 0;
        while (frames.freeCount() > left) : (count += 1) held[count] = try frames.alloc();
        const made = exec(who, page);
        if (made) |child| {
            // Tables of three levels, five pages of image, the stack and the page about it.
            try testing.expectEqual(0, frames.freeCount());
            task.release(child);
            try testing.expectEqual(left, frames.freeCount());
        } else |err| {
            try testing.expectEqual(error.NoMemory, err);
            try testing.expectEqual(left, frames.freeCount());
        }
        for (held[0..count]) |frame| frames.free(frame);
        if (made) |_| return else |_| {}
    }
    return error.NeverMade;
}

test "a file that ends too soon, or that the caller cannot read to its end, is refused" {
    const who = try parent();
    const free = frames.freeCount();
    const file = fake.bytes(who, fake.data);
    for ([_]u64{ 0, elf.header_bytes - 1, 0x2FF, 0x4FF }) |len| {
        try testing.expectError(error.Invalid, exec(who, len));
    }
    const nameless = calls_task.exec(who, fake.data, page, stack_pages, fake.data, 0);
    try testing.expectError(error.Invalid, nameless);
    _ = try exec(who, 0x500);
    const less = frames.freeCount();
    segment(file, 1, .{
        .flags = 6,
        .offset = 2 * page - 8,
        .address = data_at,
        .in_file = 16,
        .in_memory = 16,
    });
    try testing.expectError(error.Fault, exec(who, 3 * page));
    try testing.expectEqual(less, frames.freeCount());
    try testing.expect(less < free);
}

test "whole pages of the archive that are never written are shared; all others are copies" {
    const Case = struct { flags: u32, offset: u64, in_memory: u64, is_shared: bool };
    for ([_]Case{
        .{ .flags = 5, .offset = page, .in_memory = page, .is_shared = true },
        .{ .flags = 6, .offset = page, .in_memory = page, .is_shared = false },
        .{ .flags = 5, .offset = page, .in_memory = page + 1, .is_shared = false },
        .{ .flags = 5, .offset = page - 8, .in_memory = page, .is_shared = false },
        .{ .flags = 5, .offset = 0, .in_memory = page, .is_shared = false },
    }) |case| {
        const who = try parent();
        const shared = frames.bytes(who.space.translate(fake.data + page, .read).?);
        archive.content = .{ .bytes = shared, .count = 0 };
        defer archive.content = .{ .bytes = &.{}, .count = 0 };
        segment(fake.bytes(who, fake.data), 1, .{
            .flags = case.flags,
            .offset = case.offset,
            .address = elf.image_low + page,
            .in_file = page,
            .in_memory = case.in_memory,
        });
        const free = frames.freeCount();
        const child = try exec(who, 2 * page);
        const at = child.space.translate(elf.image_low + page, .read).?;
        try testing.expectEqual(case.is_shared, at == @intFromPtr(shared));
        for (0..page) |i| {
            const want = byteOf(who, fake.data + case.offset + i);
            try testing.expectEqual(want, byteOf(child, elf.image_low + page + i));
        }
        // The archive's pages are not the child's to give back.
        task.release(child);
        try testing.expectEqual(free, frames.freeCount());
    }
}
