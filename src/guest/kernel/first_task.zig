//! The first task, `init`: the only one the kernel starts itself, with the only factory.

const abi = @import("abi");
const archive = @import("archive.zig");
const loader = @import("loader.zig");
const reaper = @import("reaper.zig");
const sched = @import("sched.zig");
const stop = @import("stop.zig");
const std = @import("std");

const stack_pages = 16;

pub fn start() void {
    const file = archive.content.find("init") orelse stop.panic("no init in the boot archive", 0);
    const source: loader.Source = .{
        .space = null,
        .base = @intFromPtr(file.ptr),
        .len = file.len,
    };
    const first = loader.load(source, stack_pages, "init", 0) catch
        stop.panic("init cannot be loaded", 0);
    std.debug.assert(first.pid == reaper.init_pid);
    first.caps.put(abi.slot.factory, .{ .object = .factory, .rights = abi.Right.manage });
    const all = archive.content.bytes;
    const address = first.regions.map(first.space, @intFromPtr(all.ptr), all.len, false, null) catch
        stop.panic("boot archive cannot be mapped", 0);
    first.context.setArg(1, address);
    first.context.setArg(2, all.len);
    sched.makeReady(first);
}
