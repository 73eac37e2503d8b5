#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""IP fragments: the stack sums them up, the device must leave them alone."""
from lib import packets, traffic
from lib.ktap import case, main


@case('71')
def ping(t):
    for family in (4, 6):
        for size in (3000, 20000, 65000):
            t.net.ping(size, family=family)


@case('71')
def udp(t):
    for source, target in t.net.directions():
        for version in (4, 6):
            for size in (1500, 4000, 65000 if version == 4 else 60000):
                traffic.udp(source, target, size, 4, version)


@case('71')
def not_offloaded(t):
    """No fragment goes out with its checksum left open."""
    net = t.net
    with packets.Raw(net.remote) as raw:
        traffic.udp(net.local, net.remote, 8000, 3)
        found = raw.receive(lambda frame: frame.protocol == packets.UDP and
                            frame.src == net.local.v4, count=0)
    t.true(len(found) >= 3, f'{len(found)} fragments')
    for frame in found:
        t.equal(frame.meta.flags & packets.NEEDS_CSUM, 0, 'checksum left open')
        t.equal(frame.meta.gso_type, 0, 'type of segmentation')


if __name__ == '__main__':
    main()
