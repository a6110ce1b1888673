//! System calls: number to function, result to register. docs/spec/kernel-abi.md says what each one
//! means.

const std = @import("std");
const abi = @import("abi");
const calls_cap = @import("calls_cap.zig");
const calls_ipc = @import("calls_ipc.zig");
const calls_memory = @import("calls_memory.zig");
const calls_task = @import("calls_task.zig");
const Error = @import("call_error.zig").Error;
const sched = @import("sched.zig");
const task = @import("task.zig");

const Task = task.Task;

const instruction_bytes = 4;

pub fn handle(caller: *Task) void {
    std.debug.assert(sched.current == caller);
    const number: abi.Syscall = @enumFromInt(caller.context.number());
    const result: u64 = dispatch(caller, number, &caller.context) catch |err| switch (err) {
        // It waits in a queue and repeats the call when it is woken, or it has ended.
        error.Blocked => return std.debug.assert(sched.current != caller),
        else => @bitCast(-@as(i64, @intFromEnum(errno(err)))),
    };
    caller.context.setArg(0, result);
    caller.context.pc += instruction_bytes;
}

fn dispatch(caller: *Task, number: abi.Syscall, c: *task.Context) Error!u64 {
    return switch (number) {
        .yield => calls_task.yield(caller),
        .nsec => calls_task.nsec(),
        .exit => calls_task.exit(caller, c.arg(0)),
        .exec => calls_task.exec(caller, c.arg(0), c.arg(1), c.arg(2), c.arg(4), c.arg(5)),
        .task_resume => calls_task.resumeTask(caller, c.arg(0)),
        .getpid => caller.pid,
        .debug_write => calls_task.debugWrite(caller, c.arg(0), c.arg(1)),
        .ipc_send => calls_ipc.send(
            caller,
            c.arg(0),
            c.arg(1),
            c.arg(2),
            c.arg(3),
            c.arg(4),
            c.arg(5),
        ),
        .ipc_recv => calls_ipc.receive(caller, c.arg(0)),
        .endpoint_create => calls_ipc.createEndpoint(caller, c.arg(0), c.arg(1)),
        .cap_close => calls_cap.close(caller, c.arg(0)),
        .cap_clone => calls_cap.clone(caller, c.arg(0), c.arg(1)),
        .cap_query => calls_cap.query(caller, c.arg(0), c.arg(1)),
        .cap_transfer_to => calls_cap.transfer(caller, c.arg(0), c.arg(1), c.arg(2), c.arg(3)),
        .device_cap_create => calls_cap.createDevice(caller, c.arg(0), c.arg(1), c.arg(2)),
        .irq_create => calls_cap.createIrq(caller, c.arg(0), c.arg(1)),
        .irq_bind => calls_cap.bindIrq(caller, c.arg(0), c.arg(1)),
        .irq_ack => calls_cap.acknowledgeIrq(caller, c.arg(0)),
        .vmo_create => calls_memory.createVmo(caller, c.arg(0)),
        .vm_map => calls_memory.map(caller, c.arg(0), c.arg(1), c.arg(2), c.arg(3)),
        .vm_unmap => calls_memory.unmap(caller, c.arg(0), c.arg(1)),
        .mmio_map => calls_memory.mapDevice(caller, c.arg(0)),
        _ => error.Unsupported,
    };
}

fn errno(err: Error) abi.Errno {
    return switch (err) {
        error.Denied => .perm,
        error.NoSuchTask => .srch,
        error.TooBig => .too_big,
        error.BadSlot => .bad_slot,
        error.WouldBlock => .again,
        error.NoMemory => .no_memory,
        error.Fault => .fault,
        error.Invalid => .invalid,
        error.NoSpace => .no_space,
        error.Broken => .pipe,
        error.Unsupported => .no_sys,
        error.TimedOut => .timed_out,
        error.Blocked => unreachable,
    };
}
