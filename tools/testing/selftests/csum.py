#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checksums: left to the device and finished by it, handed on, verified."""
import contextlib

from lib import packets, traffic
from lib.ktap import case, main
from lib.net import read
from lib.packets import ETH_IP, ETH_IPV6, ETH_VLAN, NEEDS_CSUM, TCP, UDP, Meta

PORT = 7001
# Router alert and padding; a timestamp; no-operations: 4, 12, 40 bytes.
IP_OPTIONS = (b'\x94\x04\0\0', b'\x44\x0c\x05\0' + bytes(8), b'\x01' * 40)
TCP_OPTIONS = (b'\x01' * 4, b'\x01' * 40)
# A destination options header of 8, of 24 bytes (type, next header, length, pad).
IPV6_OPTIONS = (b'\x3c\x00\x01\x04\0\0\0\0', b'\x3c\x02\x01\x14' + bytes(20))


def address(side, version):
    return side.v6 if version == 6 else side.v4


def frame(source, target, version, protocol, payload, mode, options=b'', tcp_options=b'', vlans=()):
    """A frame from one end to the other, and the metadata to send it with."""
    src, dst = address(source, version), address(target, version)
    if protocol == UDP:
        segment = packets.udp(src, dst, PORT + 1, PORT, payload, mode)
    else:
        segment = packets.tcp(src, dst, PORT + 1, PORT, payload, mode, options=tcp_options)
    packet = packets.ip(src, dst, protocol, segment, options)
    kind = ETH_IPV6 if version == 6 else ETH_IP
    start = 14 + 4 * len(vlans) + len(packet) - len(segment)
    meta = Meta(NEEDS_CSUM, 0, 0, 0, start, 6 if protocol == UDP else 16) \
        if mode == 'partial' else Meta()
    return packets.ethernet(target.mac(), source.mac(), kind, packet, vlans), meta


def shapes():
    """All kinds of frames whose checksum stands at some other place."""
    for protocol in (UDP, TCP):
        for version in (4, 6):
            yield {'version': version, 'protocol': protocol}
            for options in IPV6_OPTIONS if version == 6 else IP_OPTIONS:
                yield {'version': version, 'protocol': protocol, 'options': options}
            yield {'version': version, 'protocol': protocol, 'vlans': ((ETH_VLAN, 5),)}
    for version in (4, 6):
        for options in TCP_OPTIONS:
            yield {'version': version, 'protocol': TCP, 'tcp_options': options}


def send_all(t, source, target, good):
    """Send every shape with several lengths; good(frame) for each that comes."""
    target.hear(t)    # frames of VLANs that nobody has
    with packets.Raw(source) as out, packets.Raw(target) as into:
        for shape in shapes():
            for length in (1, 18, 511, 1200):
                payload = traffic.data(length, length)
                out.send(*frame(source, target, payload=payload, mode='partial', **shape))
                found = into.receive(lambda each: each.ethertype in (ETH_IP, ETH_IPV6)
                                     and packets.by_port(PORT)(each))
                t.true(found, f'lost: {shape} length {length}')
                t.equal(found[0].payload(), payload, f'payload of {shape}')
                t.true(found[0].header_ok, f'IPv4 header checksum of {shape}')
                state = found[0].checksum_state()
                t.true(state in good, f'{shape} length {length}: checksum is {state}')


@case('61 64 70', timeout=120)
def left_to_the_device(t):
    """What the stack left open comes finished, or still open and marked so."""
    net = t.net
    for side in (net.local, net.remote):
        net.keep_feature(t, side, 'rx-checksumming', 'rx-gro-hw')
        side.feature('rx-checksumming', True)
    for source, target in net.directions():
        before = source.stats()
        send_all(t, source, target, ('full', 'partial'))
        t.grew(before, source.stats(), 'tx_csum_partial', 50)


@case('61 66 68 69', timeout=120)
def finished_for_a_peer_without(t):
    """A receiver without checksum offload gets complete checksums only."""
    net = t.net
    net.keep_feature(t, net.remote, 'rx-checksumming', 'rx-gro-hw')
    net.remote.feature('rx-checksumming', False)
    t.equal(net.remote.features()['rx-checksumming'][0], False, 'rx-checksumming')
    before = net.local.stats()
    send_all(t, net.local, net.remote, ('full',))
    t.grew(before, net.local.stats(), 'tx_csum_partial', 50)
    traffic.both_ways(net)


@case('63 69', timeout=90)
def transmit_off(t):
    """Without the offload the stack sums up, and the driver counts that."""
    side = t.net.local
    t.net.keep_feature(t, side, 'tcp-segmentation-offload', 'tx-tcp6-segmentation',
                       'tx-checksum-ip-generic')
    side.feature('tx-checksum-ip-generic', False)
    before = side.stats()
    send_all(t, side, t.net.remote, ('full',))
    traffic.both_ways(t.net)
    after = side.stats()
    t.same(before, after, 'tx_csum_partial')
    t.same(before, after, 'tx_gso_packets')
    t.grew(before, after, 'tx_csum_fallback', 50)
    side.feature('tx-checksum-ip-generic', True)
    before = side.stats()
    traffic.both_ways(t.net)
    t.grew(before, side.stats(), 'tx_csum_partial')


def errors(version):
    """The stack's count of UDP datagrams with a wrong checksum."""
    if version == 6:
        for line in read('/proc/net/snmp6').splitlines():
            if line.startswith('Udp6InCsumErrors'):
                return int(line.split()[1])
    names, values = [line.split() for line in read('/proc/net/snmp').splitlines()
                     if line.startswith('Udp:')]
    return int(values[names.index('InCsumErrors')])


def verify(t, version):
    """Right sums reach a socket, also those left open; wrong ones do not."""
    net = t.net
    receiver, other = traffic.udp_pair(net.local, net.remote, version)
    with contextlib.closing(receiver), contextlib.closing(other), \
            packets.Raw(net.remote) as out:
        other.settimeout(0.5)
        receiver.settimeout(2)
        port, sport = receiver.getsockname()[1], other.getsockname()[1]
        src, dst = address(net.remote, version), address(net.local, version)

        def send(mode, payload):
            segment = packets.udp(src, dst, sport, port, payload, mode)
            packet = packets.ip(src, dst, UDP, segment)
            kind = ETH_IPV6 if version == 6 else ETH_IP
            meta = Meta(NEEDS_CSUM, 0, 0, 0, 14 + len(packet) - len(segment), 6) \
                if mode == 'partial' else Meta()
            out.send(packets.ethernet(net.local.mac(), net.remote.mac(), kind, packet), meta)

        for length in (1, 100, 999, 1400):
            modes = ['full', 'partial'] + (['none'] if version == 4 else [])
            for mode in modes:
                payload = traffic.data(length, 3 * length)
                send(mode, payload)
                t.true(receiver.recv(65536) == payload, f'{mode} checksum, {length} bytes')
            before = errors(version)
            send('bad', traffic.data(length))
            send('full', b'the end')
            t.equal(receiver.recv(65536), b'the end', 'what follows a bad checksum')
            t.equal(errors(version), before + 1, 'wrong checksums that the stack counted')


@case('65 66 67')
def received(t):
    t.net.local.feature('rx-checksumming', True)
    for version in (4, 6):
        before = t.net.local.stats()
        verify(t, version)
        after = t.net.local.stats()
        good = after['rx_csum_partial'] + after['rx_csum_valid'] \
            - before['rx_csum_partial'] - before['rx_csum_valid']
        t.true(good >= 4, f'{good} frames came with a checksum that was taken care of')
        left = sum(after[name] - before[name] for name in ('rx_csum_none', 'rx_csum_complete'))
        t.true(left >= 4, f'{left} frames came with a finished checksum')


@case('67 68')
def received_with_the_offload_off(t):
    side = t.net.local
    t.net.keep_feature(t, side, 'rx-checksumming', 'rx-gro-hw')
    side.feature('rx-checksumming', False)
    t.equal(side.features()['rx-checksumming'][0], False, 'rx-checksumming')
    for version in (4, 6):
        before = side.stats()
        verify(t, version)
        after = side.stats()
        t.same(before, after, 'rx_csum_partial')
        t.same(before, after, 'rx_csum_valid')
        t.same(before, after, 'rx_csum_complete')
        t.grew(before, after, 'rx_csum_none')
    traffic.both_ways(t.net)


if __name__ == '__main__':
    main()
