//! Two tasks with an endpoint between them, for the kernel's tests on the host.

const abi = @import("abi");
const endpoints = @import("endpoints.zig");
const fake = @import("task_fake.zig");

pub const Pair = struct {
    sender: *fake.Task,
    receiver: *fake.Task,
    endpoint: *endpoints.Endpoint,
    /// The slots of the sender and of the receiver.
    out: u32,
    in: u32,
};

/// A machine with the two alone; the endpoint takes `depth` messages.
pub fn pair(depth: u32) !Pair {
    fake.begin();
    const endpoint = try endpoints.create(depth);
    const sender = try fake.spawn("sender");
    const receiver = try fake.spawn("receiver");
    return .{
        .sender = sender,
        .receiver = receiver,
        .endpoint = endpoint,
        .out = try fake.give(sender, endpoint, abi.Right.send),
        .in = try fake.give(receiver, endpoint, abi.Right.recv),
    };
}
