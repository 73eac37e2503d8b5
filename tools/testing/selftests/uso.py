#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""UDP segmentation by the device."""
import contextlib
import socket

from lib import traffic
from lib.ktap import case, main

FEATURE = 'tx-udp-segmentation'
UDP_SEGMENT = 103


def transfer(t, version, size, total):
    """One send(), many datagrams."""
    net = t.net
    first, second = traffic.udp_pair(net.local, net.remote, version)
    with contextlib.closing(first), contextlib.closing(second):
        first.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
        payload = traffic.data(total, size)
        first.send(payload)
        for start in range(0, total, size):
            t.true(second.recv(65536) == payload[start:start + size],
                   f'datagram at {start} of {total} in pieces of {size}')


@case('76 180')
def by_the_device(t):
    side = t.net.local
    if not side.has(FEATURE):
        t.skip(f'the device has no {FEATURE}')
    before = side.stats()
    for version in (4, 6):
        for size, total in ((1000, 1001), (1200, 12000), (100, 6000), (1400, 50000)):
            transfer(t, version, size, total)
    t.grew(before, side.stats(), 'tx_gso_packets', 8)


@case('76')
def switched_off(t):
    side = t.net.local
    if side.has(FEATURE):
        t.net.keep_feature(t, side, FEATURE)
        side.feature(FEATURE, False)
    before = side.stats()
    for version in (4, 6):
        for size, total in ((1000, 1001), (1400, 50000)):
            transfer(t, version, size, total)
    t.same(before, side.stats(), 'tx_gso_packets')


if __name__ == '__main__':
    main()
