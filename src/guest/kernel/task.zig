//! Tasks: one user thread with its own address space and capability table. The table is static;
//! pids are never used twice, so a stale pid names no task.

const std = @import("std");
const abi = @import("abi");
const caps = @import("caps.zig");
const regions = @import("regions.zig");
const vm = @import("vm.zig");

/// Ten services make a node; the rest is for test images.
pub const tasks_max = 32;

/// What trap.zig saves and restores, in the order its assembly expects: pc, then x1..x31.
pub const Context = extern struct {
    pc: u64,
    x: [31]u64,

    pub fn arg(self: *const Context, index: usize) u64 {
        return self.x[9 + index];
    }

    pub fn setArg(self: *Context, index: usize, value: u64) void {
        self.x[9 + index] = value;
    }

    pub fn number(self: *const Context) u64 {
        return self.x[16];
    }

    pub fn setStack(self: *Context, value: u64) void {
        self.x[1] = value;
    }
};

pub const State = enum { free, suspended, ready, blocked };

pub const Task = struct {
    context: Context,
    state: State,
    pid: u32,
    parent: u32,
    service_id: u64,
    name_buffer: [abi.name_bytes_max]u8,
    name_len: usize,
    space: vm.Space,
    caps: caps.Table,
    regions: regions.Table,
    /// The one queue this task is in (ready or waiting), and its successor there.
    queue: ?*Queue,
    next: ?*Task,
    /// While blocked: when to give up, 0 = never.
    deadline_ns: u64,

    pub fn name(self: *const Task) []const u8 {
        std.debug.assert(self.state != .free);
        return self.name_buffer[0..self.name_len];
    }
};

/// First in, first out, linked through the tasks themselves.
pub const Queue = struct {
    head: ?*Task = null,
    tail: ?*Task = null,

    pub fn push(self: *Queue, task: *Task) void {
        std.debug.assert(task.queue == null);
        std.debug.assert((self.head == null) == (self.tail == null));
        task.queue = self;
        task.next = null;
        if (self.tail) |tail| tail.next = task else self.head = task;
        self.tail = task;
    }

    pub fn pop(self: *Queue) ?*Task {
        std.debug.assert((self.head == null) == (self.tail == null));
        const task = self.head orelse return null;
        self.remove(task);
        return task;
    }

    pub fn remove(self: *Queue, task: *Task) void {
        std.debug.assert(task.queue == self);
        var previous: ?*Task = null;
        var at = self.head;
        while (at != task) : (at = at.?.next) previous = at;
        if (previous) |p| p.next = task.next else self.head = task.next;
        if (self.tail == task) self.tail = previous;
        task.queue = null;
        task.next = null;
        std.debug.assert((self.head == null) == (self.tail == null));
    }
};

pub var all: [tasks_max]Task = undefined;
var next_pid: u32 = 1;

pub fn init() void {
    for (&all) |*task| task.state = .free;
}

/// A suspended task with an empty space and table; the caller fills it or calls `release`.
pub fn create(name: []const u8, parent: u32) vm.Error!*Task {
    std.debug.assert(name.len <= abi.name_bytes_max);
    const task = for (&all) |*candidate| {
        if (candidate.state == .free) break candidate;
    } else return error.NoMemory;
    task.space = try vm.Space.create();
    task.context = std.mem.zeroes(Context);
    task.pid = next_pid;
    next_pid += 1;
    task.parent = parent;
    task.service_id = abi.serviceId(name);
    @memcpy(task.name_buffer[0..name.len], name);
    task.name_len = name.len;
    task.caps = .{};
    task.regions = .{};
    task.queue = null;
    task.next = null;
    task.deadline_ns = 0;
    task.state = .suspended;
    return task;
}

/// Give back everything the task held. The objects that die here wake the peers that wait for them.
pub fn release(task: *Task) void {
    std.debug.assert(task.state != .free);
    if (task.queue) |queue| queue.remove(task);
    task.caps.closeAll();
    task.regions.releaseAll();
    vm.activateKernel();
    task.space.destroy();
    // A task that no other task has seen (its ELF could not be loaded) gives its number back.
    if (task.state == .suspended and task.pid == next_pid - 1) next_pid -= 1;
    // The objects that died above may wake other tasks, but not this one.
    std.debug.assert(task.queue == null);
    task.state = .free;
}

pub fn find(pid: u32) ?*Task {
    for (&all) |*task| {
        if (task.state != .free and task.pid == pid) return task;
    }
    return null;
}
