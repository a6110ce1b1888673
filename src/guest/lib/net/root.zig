//! A network stack as a pure state machine: Ethernet, ARP, IPv4, ICMP echo, UDP, TCP.
//!
//! Reading order: `stack.zig` (rules, and what belongs to which part), `packet.zig`, `arp.zig`,
//! `connection.zig`, `tcp_input.zig`, `tcp_output.zig`.

pub const address = @import("address.zig");
pub const arp = @import("arp.zig");
pub const checksum = @import("checksum.zig");
pub const congestion = @import("congestion.zig");
pub const connection = @import("connection.zig");
pub const intake = @import("intake.zig");
pub const outbox = @import("outbox.zig");
pub const packet = @import("packet.zig");
pub const ping = @import("ping.zig");
pub const reassembly = @import("reassembly.zig");
pub const ring = @import("ring.zig");
pub const round_trip = @import("round_trip.zig");
pub const segment = @import("segment.zig");
pub const sequence = @import("sequence.zig");
pub const stack = @import("stack.zig");
pub const tcp = @import("stack_tcp.zig");
pub const tcp_input = @import("tcp_input.zig");
pub const tcp_output = @import("tcp_output.zig");
pub const udp = @import("udp.zig");

pub const Config = stack.Config;
pub const Stack = stack.Stack;
pub const never = connection.never;

test {
    @import("std").testing.refAllDecls(@This());
    _ = @import("neighbour_test.zig");
    _ = @import("packet_test.zig");
    _ = @import("stack_room_test.zig");
    _ = @import("stack_rule_test.zig");
    _ = @import("stack_test.zig");
    _ = @import("tcp_edge_test.zig");
    _ = @import("tcp_rules_test.zig");
    _ = @import("tcp_state_test.zig");
    _ = @import("tcp_timer_test.zig");
    _ = @import("tcp_test.zig");
    _ = @import("unit_test.zig");
    _ = @import("fuzz_test.zig");
}
