#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Frames put together on receipt: by the device, by the stack."""
from lib import packets, traffic
from lib.ktap import case, main
from lib.segments import FEATURE, LENGTHS, receive, send


def need(t):
    net = t.net
    if not net.local.has('rx-gro-hw'):
        t.skip('the device puts nothing together')
    if not net.remote.has('tx-tcp-segmentation'):
        t.skip('the peer sends nothing that is in one piece')
    if net.local.features()['rx-gro-hw'][1]:
        t.skip('the device cannot switch it')


@case('79 80', timeout=90)
def by_the_device(t):
    """On: large frames come in one piece. Off: they come cut. On again."""
    net = t.net
    need(t)
    net.keep_feature(t, net.local, 'rx-gro-hw', 'generic-receive-offload')
    net.local.feature('generic-receive-offload', False)
    for wanted in (True, False, True):
        net.local.feature('rx-gro-hw', wanted)
        t.equal(net.local.features()['rx-gro-hw'][0], wanted, 'rx-gro-hw')
        before = net.local.stats()
        with packets.Raw(net.remote) as out, packets.Raw(net.local) as into:
            for version in FEATURE:
                for length in LENGTHS:
                    payload = traffic.data(length, length)
                    send(out, net.remote, net.local, version, payload)
                    found = receive(t, into, payload, f'rx-gro-hw {wanted}, {length} bytes')
                    t.equal(len(found) == 1, wanted, f'{length} bytes in one piece')
        after = net.local.stats()
        if wanted:
            t.grew(before, after, 'rx_gso_packets', 2 * len(LENGTHS))
        else:
            t.same(before, after, 'rx_gso_packets')
        traffic.both_ways(net)


@case('68 79')
def needs_receive_checksums(t):
    """What was put together has no checksum: one cannot be without the other."""
    net = t.net
    need(t)
    net.keep_feature(t, net.local, 'rx-gro-hw', 'rx-checksumming')
    net.local.feature('rx-gro-hw', True)
    net.local.feature('rx-checksumming', False)
    t.equal(net.local.features()['rx-gro-hw'][0], False, 'rx-gro-hw without rx-checksum')
    traffic.both_ways(net)
    net.local.feature('rx-checksumming', True)
    traffic.both_ways(net)


@case('79 80')
def survives(t):
    """Down and up, reload and other rings keep what was switched."""
    net = t.net
    need(t)
    net.keep_feature(t, net.local, 'rx-gro-hw', 'generic-receive-offload')
    net.local.feature('generic-receive-offload', False)
    net.local.feature('rx-gro-hw', False)
    for change in (net.local.down, net.reload):
        change()
        net.local.up()
        net.ping()
        t.equal(net.local.features()['rx-gro-hw'][0], False, 'rx-gro-hw')
        before = net.local.stats()
        with packets.Raw(net.remote) as out, packets.Raw(net.local) as into:
            payload = traffic.data(20000)
            send(out, net.remote, net.local, 4, payload)
            receive(t, into, payload, 'after the change')
        t.same(before, net.local.stats(), 'rx_gso_packets')


@case('82')
def by_the_stack(t):
    net = t.net
    net.keep_feature(t, net.local, 'generic-receive-offload')
    for wanted in (False, True):
        net.local.feature('generic-receive-offload', wanted)
        traffic.both_ways(net, 1 << 20)


if __name__ == '__main__':
    main()
