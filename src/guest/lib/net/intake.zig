//! The intake takes each frame apart, checks it, and hands it to the part that it concerns.

const std = @import("std");
const address = @import("address.zig");
const packet = @import("packet.zig");
const stack_module = @import("stack.zig");
const tcp = @import("stack_tcp.zig");
const Stack = stack_module.Stack;
const count = stack_module.count;

/// Take one frame; `is_ours` if it never saw the wire.
pub fn take(stack: *Stack, frame: []const u8, is_ours: bool, now: u64) void {
    if (frame.len < packet.ethernet_bytes) return count(&stack.drops.malformed);
    const is_for_us = std.mem.eql(u8, frame[0..6], &stack.config.mac);
    const is_for_another = !is_for_us and address.isUnicastMac(frame[0..6].*);
    if (is_for_another) return count(&stack.drops.not_for_us);
    const payload = frame[packet.ethernet_bytes..];
    switch (packet.get16(frame, 12)) {
        packet.EtherType.arp => takeArp(stack, payload, now),
        packet.EtherType.ipv4 => takeIpv4(stack, payload, is_ours, now),
        else => count(&stack.drops.no_protocol),
    }
}

fn takeArp(stack: *Stack, bytes: []const u8, now: u64) void {
    const heard = packet.Arp.parse(bytes) orelse return count(&stack.drops.malformed);
    // Another host claims our own address, which is never learnt.
    if (heard.sender_ip == stack.config.ip) return count(&stack.drops.bad_source);
    const is_near = (heard.sender_ip ^ stack.config.ip) & address.mask(stack.config.prefix) == 0;
    const is_question = heard.operation == packet.Arp.request;
    const is_asking_us = is_question and heard.target_ip == stack.config.ip;
    // The next `transmit` looks at connections that waited for this neighbour.
    if (is_near) stack.cache.learn(heard.sender_ip, heard.sender_mac, is_asking_us, now);
    if (!is_asking_us or !address.isUnicastMac(heard.sender_mac)) return;
    const len = packet.ethernet_bytes + packet.arp_bytes;
    const entry = stack.box.add(len, true) orelse return count(&stack.drops.queue_full);
    const answer: packet.Arp = .{
        .operation = packet.Arp.reply,
        .sender_mac = stack.config.mac,
        .sender_ip = stack.config.ip,
        .target_ip = heard.sender_ip,
    };
    const frame = entry.frame();
    packet.putEthernet(frame, heard.sender_mac, stack.config.mac, packet.EtherType.arp);
    answer.write(frame[packet.ethernet_bytes..], heard.sender_mac);
}

fn takeIpv4(stack: *Stack, bytes: []const u8, is_ours: bool, now: u64) void {
    const ip = packet.Ipv4.parse(bytes) catch |err| return count(switch (err) {
        error.Malformed => &stack.drops.malformed,
        error.BadChecksum => &stack.drops.bad_checksum,
        error.Fragment => &stack.drops.fragment,
    });
    const is_unicast = ip.target == stack.config.ip;
    if (!is_unicast and ip.target != stack.config.group and !stack.isBroadcast(ip.target)) {
        return count(&stack.drops.not_for_us);
    }
    const is_sane = address.isHost(ip.source) and !stack.isBroadcast(ip.source);
    const is_from_us = ip.source == stack.config.ip;
    if (!is_sane or is_from_us != is_ours) return count(&stack.drops.bad_source);
    switch (ip.protocol) {
        packet.Protocol.udp => takeUdp(stack, ip),
        // A packet that is not for us alone gets no answer.
        packet.Protocol.icmp => if (is_unicast) takeIcmp(stack, ip, now),
        packet.Protocol.tcp => if (is_unicast) tcp.receive(stack, ip, now),
        else => count(&stack.drops.no_protocol),
    }
}

fn takeUdp(stack: *Stack, ip: packet.Ipv4) void {
    const datagram = packet.Udp.parse(ip) catch |err| return count(switch (err) {
        error.Malformed => &stack.drops.malformed,
        error.BadChecksum => &stack.drops.bad_checksum,
    });
    for (&stack.udp_sockets) |*socket| {
        if (!socket.matches(ip.target, datagram.target_port)) continue;
        const from: address.Endpoint = .{ .ip = ip.source, .port = datagram.source_port };
        if (!socket.push(from, datagram.data)) count(&stack.drops.queue_full);
        return;
    }
    count(&stack.drops.no_socket);
}

fn takeIcmp(stack: *Stack, ip: packet.Ipv4, now: u64) void {
    const echo = packet.IcmpEcho.parse(ip.payload) catch |err| return count(switch (err) {
        error.Malformed => &stack.drops.malformed,
        error.BadChecksum => &stack.drops.bad_checksum,
        error.Ignored => &stack.drops.no_protocol,
    });
    if (echo.kind == packet.IcmpEcho.reply) {
        return stack.pings.gotReply(ip.source, echo.ident, echo.sequence, now);
    }
    var answer = echo;
    answer.kind = packet.IcmpEcho.reply;
    stack.sendEcho(ip.source, answer, true) catch count(&stack.drops.queue_full);
}
