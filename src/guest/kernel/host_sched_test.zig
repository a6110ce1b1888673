//! Which task runs, tried on the host: slices, deadlines, idling, and what devices ask for.

const std = @import("std");
const testing = std.testing;
const abi = @import("abi");
const endpoints = @import("endpoints.zig");
const fake = @import("task_fake.zig");
const irq = @import("irq.zig");
const machine = @import("machine_fake.zig");
const sched = @import("sched.zig");
const task = @import("task.zig");
const timer = @import("timer.zig");

/// Slices are 5 ms, a tick is 100 ns.
const slice_ticks = 50_000;

/// Not on a stack: tasks are taken out of it when the next test begins.
var queue: task.Queue = .{};

fn ready(count: usize) ![4]*fake.Task {
    fake.begin();
    timer.init();
    // Whatever an earlier test waited for is over.
    machine.now_ticks = 1 << 50;
    sched.tick();
    machine.now_ticks = 0;
    queue = .{};
    var all: [4]*fake.Task = undefined;
    for (all[0..count]) |*each| {
        each.* = try fake.spawn("runs");
        sched.makeReady(each.*);
    }
    return all;
}

fn deadlineOf(waiting: *fake.Task, deadline_ns: u64) void {
    if (waiting.queue) |old| old.remove(waiting);
    sched.current = waiting;
    sched.block(&queue, deadline_ns);
}

test "a slice ends at its instant, not before, and only if another task is ready" {
    const all = try ready(2);
    try testing.expectEqual(all[0], sched.next());
    machine.now_ticks = slice_ticks - 1;
    sched.tick();
    try testing.expectEqual(all[0], sched.current.?);
    machine.now_ticks = slice_ticks;
    sched.tick();
    try testing.expectEqual(null, sched.current);
    try testing.expectEqual(all[1], sched.next());
    // A slice of its own, from now on.
    machine.now_ticks = 2 * slice_ticks - 1;
    sched.tick();
    try testing.expectEqual(all[1], sched.current.?);
    all[0].queue.?.remove(all[0]);
    machine.now_ticks = 10 * slice_ticks;
    sched.tick();
    try testing.expectEqual(all[1], sched.current.?);
}

test "round and round: a task that yields comes last" {
    const all = try ready(3);
    for (0..7) |turn| {
        try testing.expectEqual(all[turn % 3], sched.next());
        sched.yield();
    }
    sched.current = null;
    sched.yield(); // no task runs: nothing to do
}

test "the timer is set to the slice's end, or to an earlier deadline, or not at all" {
    const all = try ready(2);
    _ = sched.next();
    try testing.expectEqual(slice_ticks + 1, machine.stimecmp);
    deadlineOf(all[1], 7_000);
    fake.run(all[0]);
    _ = sched.next();
    try testing.expectEqual(71, machine.stimecmp);
    queue.remove(all[1]);
    all[1].state = .suspended;
    machine.now_ticks = 70; // the instant itself: what was waited for is not looked for again
    sched.tick();
    _ = sched.next();
    try testing.expectEqual(std.math.maxInt(u64), machine.stimecmp);
}

test "two deadlines that pass together, one later, one never" {
    const all = try ready(4);
    const runs = try fake.spawn("runs on");
    const deadlines = [_]u64{ 1000, 1000, 1100, 0 };
    for (all, deadlines) |each, deadline| deadlineOf(each, deadline);
    fake.run(runs);
    machine.now_ticks = 9;
    sched.tick();
    for (all) |each| try testing.expectEqual(.blocked, each.state);
    machine.now_ticks = 10;
    sched.tick();
    const after = [_]task.State{ .ready, .ready, .blocked, .blocked };
    for (all, after) |each, state| try testing.expectEqual(state, each.state);
    for (all[0..2]) |each| try testing.expectEqual(0, each.deadline_ns);
    _ = sched.next();
    try testing.expectEqual(12, machine.stimecmp);
    machine.now_ticks = 11;
    sched.tick();
    try testing.expectEqual(.ready, all[2].state);
    machine.now_ticks = 1 << 40;
    sched.tick();
    try testing.expectEqual(.blocked, all[3].state);
}

test "no task can run: the clock goes on until a deadline, also past a stray interrupt" {
    const all = try ready(2);
    deadlineOf(all[0], 30_000);
    deadlineOf(all[1], 20_000);
    machine.wake_ticks = &.{ 5, 199 };
    try testing.expectEqual(all[1], sched.next());
    try testing.expectEqual(201, machine.now_ticks); // the comparator is one tick behind
    try testing.expectEqual(.blocked, all[0].state);
    all[1].state = .suspended;
    sched.current = null;
    try testing.expectEqual(all[0], sched.next());
    try testing.expectEqual(301, machine.now_ticks);
}

test "a task that is woken by a message is not woken again by its deadline" {
    const all = try ready(2);
    deadlineOf(all[0], 1000);
    sched.wakeAll(&queue);
    try testing.expectEqual(0, all[0].deadline_ns);
    try testing.expectEqual(all[1], sched.next()); // with a slice of its own
    machine.now_ticks = 10;
    sched.tick();
    try testing.expectEqual(.ready, all[0].state);
    sched.current = null;
    try testing.expectEqual(all[0], sched.next());
    sched.current = null;
    all[0].state = .suspended;
    sched.makeReady(all[1]);
    try testing.expectEqual(all[1], sched.next());
}

test "queues: the first, the middle and the last may leave" {
    const all = try ready(4);
    for (0..4) |leaves| {
        for (all) |each| {
            if (each.queue) |old| old.remove(each);
            queue.push(each);
        }
        queue.remove(all[leaves]);
        queue.push(all[leaves]); // second use: now it is the last
        for (0..4) |i| if (i != leaves) try testing.expectEqual(all[i], queue.pop().?);
        try testing.expectEqual(all[leaves], queue.pop().?);
        try testing.expectEqual(null, queue.pop());
    }
}

fn listener(depth: u32) !struct { *fake.Task, *endpoints.Endpoint, u32 } {
    _ = try ready(0);
    irq.init();
    const driver = try fake.spawn("driver");
    const endpoint = try endpoints.create(depth);
    const slot = try fake.give(driver, endpoint, abi.Right.recv);
    return .{ driver, endpoint, slot };
}

test "two lines that are pending at once come as two messages, the lower first" {
    const driver, const endpoint, const slot = try listener(1);
    for ([_]u32{ 3, 8 }) |line| {
        irq.retain(line);
        irq.bind(line, endpoint);
    }
    machine.pending = 1 << 3 | 1 << 8 | 1 << 5;
    irq.dispatch();
    try testing.expectEqual(2, endpoint.queued); // more than its depth: none may be lost
    for ([_]u8{ 3, 8 }) |line| {
        try testing.expectEqual(4, try fake.receive(driver, slot, .{}));
        try testing.expectEqual(line, fake.bytes(driver, fake.data)[0]);
        const header, const sender = fake.received(driver);
        try testing.expectEqual(abi.KernelMsg.interrupt, header.type);
        try testing.expectEqual(0, sender);
    }
    // Asked for again, but not acknowledged: nothing comes.
    machine.pending |= 1 << 3;
    irq.dispatch();
    try testing.expectEqual(0, endpoint.queued);
    irq.acknowledge(3);
    irq.acknowledge(3);
    try testing.expectEqual(1, machine.completions);
    irq.dispatch();
    try testing.expectEqual(1, endpoint.queued);
    for ([_]u32{ 3, 8 }) |line| irq.release(line);
    try testing.expectEqual(0, machine.enabled);
    try testing.expectEqual(3, machine.completions);
    try testing.expectEqual(0, endpoint.senders);
}

test "a line that ends while it is claimed can be used again" {
    const driver, const endpoint, const slot = try listener(4);
    irq.retain(2);
    irq.retain(2);
    irq.bind(2, endpoint);
    machine.pending = 1 << 2;
    irq.dispatch();
    irq.release(2);
    try testing.expectEqual(1 << 2, machine.enabled); // one capability is left
    irq.release(2);
    try testing.expectEqual(0, machine.enabled);
    _ = try fake.receive(driver, slot, .{});
    try testing.expectError(error.Broken, fake.receive(driver, slot, .{}));
    irq.retain(2);
    irq.bind(2, endpoint);
    irq.bind(2, endpoint); // and bound anew, to the same
    try testing.expectEqual(1, endpoint.senders);
    machine.pending = 1 << 2;
    irq.dispatch();
    try testing.expectEqual(1, endpoint.queued);
    irq.release(2);
}

test "an interrupt for a driver that has ended is silent, and wakes no task" {
    const driver, const endpoint, const slot = try listener(4);
    irq.retain(7);
    irq.bind(7, endpoint);
    driver.caps.take(slot).drop();
    machine.pending = 1 << 7;
    irq.dispatch();
    try testing.expectEqual(0, endpoint.queued);
    machine.pending = 1 << 7;
    irq.dispatch(); // still claimed
    irq.release(7);
    try testing.expectEqual(1, machine.completions);
}

test "the task that is next runs in its own address space" {
    const all = try ready(2);
    _ = sched.next();
    const first = machine.satp;
    // Sv39, and the page of the space's first table.
    try testing.expectEqual(8 << 60 | all[0].space.root >> 12, first);
    sched.yield();
    try testing.expectEqual(all[1], sched.next());
    try testing.expect(machine.satp != first);
    sched.yield();
    _ = sched.next();
    try testing.expectEqual(first, machine.satp);
}

test "a device that asks while no task can run wakes its driver" {
    const driver, const endpoint, const slot = try listener(1);
    irq.retain(4);
    irq.bind(4, endpoint);
    fake.run(driver);
    try testing.expectError(error.Blocked, fake.receive(driver, slot, .{ .flags = 0 }));
    machine.wake_ticks = &.{7};
    machine.pending = 1 << 4;
    try testing.expectEqual(driver, sched.next());
    try testing.expectEqual(7, machine.now_ticks);
    irq.release(4);
}

test "an idle hart sleeps until the deadline that there is, not one that was" {
    const all = try ready(1);
    deadlineOf(all[0], 1000);
    sched.wakeAll(&queue); // before its time
    try testing.expectEqual(all[0], sched.next());
    deadlineOf(all[0], 5000);
    machine.waits = 0;
    try testing.expectEqual(all[0], sched.next());
    try testing.expectEqual(51, machine.now_ticks);
    try testing.expectEqual(1, machine.waits);
}

test "a wait without a deadline sets no timer" {
    const all = try ready(2);
    deadlineOf(all[1], 0);
    fake.run(all[0]);
    _ = sched.next();
    try testing.expectEqual(std.math.maxInt(u64), machine.stimecmp);
}

test "a timer that has just been switched on wakes no task" {
    fake.begin();
    timer.init();
    try testing.expectEqual(std.math.maxInt(u64), machine.stimecmp);
}
