#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Segmentation by the device: frames above the MTU pass, or are cut before."""
from lib import packets, traffic
from lib.ktap import case, main
from lib.packets import ACK, CWR, GSO_ECN, PSH
from lib.segments import FEATURE, LENGTHS, MSS, TYPE, receive, send


def need(t, side, name):
    if not side.has(name):
        t.skip(f'the device has no {name}')


def whole(t, version):
    """Frames larger than the MTU come in one piece, marked for segmentation."""
    net = t.net
    for side in (net.local, net.remote):
        need(t, side, FEATURE[version])
        need(t, side, 'rx-gro-hw')
        net.keep_feature(t, side, 'generic-receive-offload')
        side.feature('generic-receive-offload', False)
    for source, target in net.directions():
        before, there = source.stats(), target.stats()
        with packets.Raw(source) as out, packets.Raw(target) as into:
            for length in LENGTHS:
                payload = traffic.data(length, length)
                send(out, source, target, version, payload)
                found = receive(t, into, payload, f'{length} bytes')
                t.equal(len(found), 1, f'frames that came of one with {length} bytes')
                t.equal(found[0].meta.gso_type, TYPE[version], 'type of segmentation')
                t.equal(found[0].meta.gso_size, MSS, 'size of segments')
        after = source.stats()
        t.grew(before, after, 'tx_gso_packets', len(LENGTHS))
        t.grew(before, after, 'tx_gso_bytes', sum(LENGTHS))
        t.grew(there, target.stats(), 'rx_gso_packets', len(LENGTHS))


@case('50 72')
def ipv4(t):
    whole(t, 4)


@case('50 73')
def ipv6(t):
    whole(t, 6)


@case('72 73', timeout=90)
def on_and_off(t):
    """Switched off, the stack cuts: nothing above the MTU leaves."""
    net = t.net
    net.keep_feature(t, net.local, *FEATURE.values())
    net.keep_feature(t, net.remote, 'generic-receive-offload')
    net.remote.feature('generic-receive-offload', False)
    for version, name in FEATURE.items():
        need(t, net.local, name)
        for wanted in (False, True):
            net.local.feature(name, wanted)
            t.equal(net.local.features()[name][0], wanted, name)
            before = net.local.stats()
            with packets.Raw(net.local) as out, packets.Raw(net.remote) as into:
                payload = traffic.data(20000)
                send(out, net.local, net.remote, version, payload)
                found = receive(t, into, payload, f'{name} {wanted}')
            traffic.tcp(net.local, net.remote, 1 << 20, version)
            after = net.local.stats()
            if wanted:
                t.grew(before, after, 'tx_gso_packets', 2)
            else:
                t.same(before, after, 'tx_gso_packets')
                t.true(max(len(frame.raw) for frame in found) <= MSS + 100, 'a frame above the MTU')


@case('72 73', timeout=90)
def real_connections(t):
    """TCP itself makes use of it."""
    net = t.net
    for source, target in net.directions():
        for version, name in FEATURE.items():
            need(t, source, name)
            before = source.stats()
            traffic.tcp(source, target, 4 << 20, version)
            after = source.stats()
            # How long frames get is TCP's choice, which goes by the speed.
            t.grew(before, after, 'tx_gso_bytes', 3 << 20)


@case('74')
def ecn(t):
    """Congestion window reduced: on the first segment only, whoever cuts."""
    net = t.net
    name = 'tx-tcp-ecn-segmentation'
    need(t, net.local, name)
    net.keep_feature(t, net.local, name)
    net.keep_feature(t, net.remote, 'generic-receive-offload')
    net.remote.feature('generic-receive-offload', False)
    for wanted in (True, False):
        net.local.feature(name, wanted)
        for version in FEATURE:
            before = net.local.stats()
            with packets.Raw(net.local) as out, packets.Raw(net.remote) as into:
                payload = traffic.data(20000)
                send(out, net.local, net.remote, version, payload, ACK | PSH | CWR, ecn=True)
                found = receive(t, into, payload, f'{name} {wanted}')
            after = net.local.stats()
            t.true(found[0].tcp_flags() & CWR, 'the first segment has no CWR')
            t.true(not any(frame.tcp_flags() & CWR for frame in found[1:]), 'CWR is repeated')
            if wanted:
                t.grew(before, after, 'tx_gso_packets')
            else:
                t.same(before, after, 'tx_gso_packets')
                t.true(len(found) > 10, f'{len(found)} segments')
            if len(found) == 1:
                t.equal(found[0].meta.gso_type, TYPE[version] | GSO_ECN, 'type of segmentation')


@case('74', timeout=90)
def ecn_connections(t):
    net = t.net
    for side in (net.local, net.remote):
        side.sysctl('net/ipv4/tcp_ecn', 1)
        t.defer(side.sysctl, 'net/ipv4/tcp_ecn', 2)
    traffic.both_ways(net, 1 << 20)


if __name__ == '__main__':
    main()
