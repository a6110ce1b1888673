//! The kernel proves some of its promises at every boot, before the first task runs. It prints a
//! line only after it has tried the thing; a failure is a panic.

const marker = @import("contract").marker;
const abi = @import("abi");
const board = @import("board.zig");
const elf = @import("elf.zig");
const frames = @import("frames.zig");
const loader = @import("loader.zig");
const stop = @import("stop.zig");
const task = @import("task.zig");
const uart = @import("uart.zig");
const vm = @import("vm.zig");
const vmo = @import("vmo.zig");

pub fn run() void {
    const before = frames.freeCount();
    vmoZero();
    addressSpace();
    writeExecute();
    spawnReasons();
    expect(frames.freeCount() == before, "frames leaked by the selftest");
    uart.print(marker.kernel_sentinel, .{});
}

/// Memory handed out is zero, even if its last owner wrote to it.
fn vmoZero() void {
    const dirty = vmo.create(board.page_bytes) catch stop.panic("selftest: no memory", 0);
    frames.bytes(dirty.base)[17] = 0xA5;
    const base = dirty.base;
    dirty.release();
    const again = vmo.create(board.page_bytes) catch stop.panic("selftest: no memory", 0);
    defer again.release();
    expect(again.base == base, "freed frame not reused");
    expect(frames.bytes(again.base)[17] == 0, "reused frame not zeroed");
    uart.print(marker.kernel_zero, .{});
}

fn addressSpace() void {
    const space = vm.Space.create() catch stop.panic("selftest: no memory", 0);
    defer space.destroy();
    const frame = frames.allocZeroed() catch stop.panic("selftest: no memory", 0);
    const address = abi.layout.image_base;
    space.map(address, frame, .{ .owned = true }) catch stop.panic("selftest: map", 0);
    expect(space.translate(address + 5, .read) == frame + 5, "mapped page not found");
    expect(space.translate(address, .write) == null, "read-only page is writable");
    expect(space.translate(address + board.page_bytes, .read) == null, "unmapped page found");
    uart.print(marker.kernel_map, .{});
    expect(space.map(address, frame, .{}) == error.AlreadyMapped, "page mapped twice");
    expect(space.map(vm.user_end, frame, .{}) == error.OutOfRange, "kernel range mapped");
    uart.print(marker.kernel_map_reject, .{});
    space.unmap(address);
    expect(space.translate(address, .read) == null, "page still there");
    uart.print(marker.kernel_unmap, .{});
}

/// Ask for a writable and executable page, and for a task with such a segment: both must be
/// refused.
fn writeExecute() void {
    const space = vm.Space.create() catch stop.panic("selftest: no memory", 0);
    defer space.destroy();
    const refused = space.map(
        abi.layout.image_base,
        board.ram_base,
        .{ .write = true, .execute = true },
    );
    expect(refused == error.WriteExecute, "W+X page mapped");

    expect(spawn(&executableWithFlags(7)) == error.WriteExecute, "W+X segment loaded");
    uart.print(marker.kernel_write_execute, .{});
}

/// A file that is not an executable is refused with its reason; a good one becomes a task, which is
/// undone.
fn spawnReasons() void {
    const good = executableWithFlags(5);
    var bad = good;
    bad[0] = 0;
    expect(spawn(&bad) == error.NotElf, "file without magic loaded");
    bad = good;
    bad[25] = 0xFF; // the entry point, far outside of the segment
    expect(spawn(&bad) == error.BadEntry, "entry point outside of the code accepted");
    expect(spawn(executableWithFlags(5)[0..80]) == error.NotElf, "cut file loaded");
    const new = spawn(&good) catch stop.panic("selftest: good file refused", 0);
    expect(new.space.translate(new.context.pc, .read) != null, "entry point not mapped");
    expect(new.space.translate(new.context.pc, .write) == null, "code is writable");
    task.release(new);
    uart.print(marker.kernel_spawn, .{});
}

fn spawn(file: []const u8) loader.Error!*task.Task {
    const base = @intFromPtr(file.ptr);
    return loader.load(.{ .space = null, .base = base, .len = file.len }, 1, "selftest", 0);
}

/// The smallest ELF with one segment; with flags R+X (5) it would be accepted.
fn executableWithFlags(flags: u32) [elf.header_bytes + elf.program_header_bytes]u8 {
    var file: [elf.header_bytes + elf.program_header_bytes]u8 = @splat(0);
    const Field = struct { at: usize, width: usize, value: u64 };
    const fields = [_]Field{
        .{ .at = 16, .width = 2, .value = 2 },
        .{ .at = 18, .width = 2, .value = 243 },
        .{ .at = 24, .width = 8, .value = abi.layout.image_base },
        .{ .at = 32, .width = 8, .value = elf.header_bytes },
        .{ .at = 54, .width = 2, .value = elf.program_header_bytes },
        .{ .at = 56, .width = 2, .value = 1 },
        .{ .at = 64, .width = 4, .value = 1 },
        .{ .at = 68, .width = 4, .value = flags },
        .{ .at = 80, .width = 8, .value = abi.layout.image_base },
        .{ .at = 96, .width = 8, .value = file.len },
        .{ .at = 104, .width = 8, .value = file.len },
    };
    @memcpy(file[0..7], "\x7FELF\x02\x01\x01");
    for (fields) |field| {
        for (0..field.width) |i| file[field.at + i] = @truncate(field.value >> @intCast(8 * i));
    }
    return file;
}

fn expect(ok: bool, text: []const u8) void {
    if (!ok) stop.panic(text, @returnAddress());
}
