//! The end of a task, wanted or not: the kernel frees everything that the task held, and reports
//! the end to `init`.

const std = @import("std");
const marker = @import("contract").marker;
const abi = @import("abi");
const csr = @import("csr.zig");
const endpoints = @import("endpoints.zig");
const messages = @import("messages.zig");
const sched = @import("sched.zig");
const stop = @import("stop.zig");
const task = @import("task.zig");
const uart = @import("uart.zig");

pub const init_pid: u32 = 1;

/// The endpoint that hears of the ends of children: the first one that init creates.
pub var control: ?*endpoints.Endpoint = null;

pub fn adoptControl(endpoint: *endpoints.Endpoint) void {
    if (control == null) control = endpoint;
}

pub fn exit(leaving: *task.Task, code: u64) void {
    finish(leaving, .{
        .pid = leaving.pid,
        .reason = 0,
        .code = code,
        .addr = 0,
        .pc = 0,
        .service_id = leaving.service_id,
    });
}

/// A fault in user mode ends the task. The line has what a developer asks for first.
pub fn crash(guilty: *task.Task, cause: u64) void {
    const address = csr.read("stval");
    uart.print(marker.kernel_crashed, .{
        guilty.name(), causeName(cause), address, guilty.context.pc,
    });
    finish(guilty, .{
        .pid = guilty.pid,
        .reason = 1,
        .code = cause,
        .addr = address,
        .pc = guilty.context.pc,
        .service_id = guilty.service_id,
    });
}

fn finish(leaving: *task.Task, report: abi.ChildExit) void {
    if (leaving.pid == init_pid) stop.panic("init exited", leaving.context.pc);
    // Only the current task ends here, and the current task is in no queue.
    std.debug.assert(sched.current == leaving and leaving.queue == null);
    sched.current = null;
    task.release(leaving);
    const endpoint = control orelse return;
    const message = messages.fromKernel(abi.KernelMsg.child_exit, std.mem.asBytes(&report)) catch {
        return uart.print(marker.kernel_unreported, .{report.pid});
    };
    endpoint.post(message);
}

fn causeName(cause: u64) []const u8 {
    return switch (cause) {
        0 => "instruction-misaligned",
        1 => "instruction-access-fault",
        2 => "illegal-instruction",
        3 => "breakpoint",
        4 => "load-misaligned",
        5 => "load-access-fault",
        6 => "store-misaligned",
        7 => "store-access-fault",
        12 => "instruction-page-fault",
        13 => "load-page-fault",
        15 => "store-page-fault",
        else => "unknown",
    };
}
