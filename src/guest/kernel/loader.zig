//! The loader makes a suspended task from an ELF: its image, its stack and its info page.
//!
//! It maps pages of the boot archive that are never written where they lie, and copies everything
//! else into frames of the new task.

const std = @import("std");
const abi = @import("abi");
const archive = @import("archive.zig");
const board = @import("board.zig");
const csr = @import("csr.zig");
const elf = @import("elf.zig");
const frames = @import("frames.zig");
const task = @import("task.zig");
const usercopy = @import("usercopy.zig");
const vm = @import("vm.zig");

pub const stack_pages_max = 256;

pub const Error = elf.Error || vm.Error || usercopy.Error;

/// The source of an ELF: the boot archive, for the kernel, or the memory of a task.
pub const Source = struct {
    space: ?vm.Space,
    base: u64,
    len: u64,

    fn read(self: Source, offset: u64, destination: []u8) usercopy.Error!void {
        if (self.space) |space| return usercopy.in(space, destination, self.base + offset);
        @memcpy(destination, @as([*]const u8, @ptrFromInt(self.base + offset))[0..destination.len]);
    }

    /// The archive page that holds the file's bytes from `offset` on, if they start a page there.
    fn archivePage(self: Source, offset: u64) ?u64 {
        const address = self.base + offset;
        const physical = if (self.space) |space|
            space.translate(address, .read) orelse return null
        else
            address;
        const usable = physical % board.page_bytes == 0 and archive.contains(physical);
        return if (usable) physical else null;
    }
};

pub fn load(source: Source, stack_pages: u64, name: []const u8, parent: u32) Error!*task.Task {
    std.debug.assert(stack_pages >= 1 and stack_pages <= stack_pages_max);
    const image = try parse(source);
    const new = try task.create(name, parent);
    errdefer task.release(new);
    for (image.loads()) |segment| try mapSegment(new.space, source, segment);
    for (1..stack_pages + 1) |i| {
        try mapOwned(
            new.space,
            abi.layout.stack_top - i * board.page_bytes,
            try frames.allocZeroed(),
            .{ .write = true },
        );
    }
    try mapInfoPage(new);
    new.context.pc = image.entry;
    new.context.setStack(abi.layout.stack_top);
    new.context.setArg(0, abi.layout.info_page);
    csr.fenceInstructions();
    // The task is suspended: its maker hands it capabilities before it runs.
    std.debug.assert(new.state == .suspended and new.queue == null);
    return new;
}

fn parse(source: Source) Error!elf.Image {
    var raw: [elf.header_bytes]u8 = undefined;
    if (source.len < raw.len) return error.NotElf;
    try source.read(0, &raw);
    const header = try elf.parseHeader(&raw, source.len);
    var table: [elf.program_headers_max * elf.program_header_bytes]u8 = undefined;
    const used = table[0..header.tableBytes()];
    try source.read(header.table_offset, used);
    return elf.parseSegments(header, used, source.len);
}

fn mapSegment(space: vm.Space, source: Source, segment: elf.Segment) Error!void {
    var page = segment.firstPage();
    while (page < segment.endPage()) : (page += board.page_bytes) {
        if (!segment.write and page >= segment.address) {
            const offset = page - segment.address;
            if (offset < segment.file_bytes and segment.file_bytes == segment.memory_bytes) {
                if (source.archivePage(segment.offset + offset)) |physical| {
                    try space.map(page, physical, .{ .execute = segment.execute });
                    continue;
                }
            }
        }
        const frame = try frames.allocZeroed();
        fillPage(source, segment, page, frame) catch |err| {
            frames.free(frame);
            return err;
        };
        try mapOwned(space, page, frame, .{ .write = segment.write, .execute = segment.execute });
    }
}

/// Copy what the file has for [page, page + 4096); the rest stays zero.
fn fillPage(source: Source, segment: elf.Segment, page: u64, frame: u64) usercopy.Error!void {
    const from = @max(page, segment.address);
    const to = @min(page + board.page_bytes, segment.address + segment.file_bytes);
    if (from >= to) return;
    const destination = frames.bytes(frame)[from - page ..][0 .. to - from];
    try source.read(segment.offset + (from - segment.address), destination);
}

fn mapOwned(space: vm.Space, virtual: u64, frame: u64, access: vm.Access) vm.Error!void {
    var with_owner = access;
    with_owner.owned = true;
    space.map(virtual, frame, with_owner) catch |err| {
        frames.free(frame);
        return err;
    };
}

/// The identity of the task, in a page that it can read and no task can write.
fn mapInfoPage(new: *task.Task) Error!void {
    const frame = try frames.allocZeroed();
    const info: abi.InfoPage = .{
        .name_ptr = abi.layout.info_page + @sizeOf(abi.InfoPage),
        .name_len = @intCast(new.name_len),
        .service_id = new.service_id,
    };
    const page = frames.bytes(frame);
    @memcpy(page[0..@sizeOf(abi.InfoPage)], std.mem.asBytes(&info));
    @memcpy(page[@sizeOf(abi.InfoPage)..][0..new.name_len], new.name());
    try mapOwned(new.space, abi.layout.info_page, frame, .{});
}
