#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Data arrives as it was sent: TCP and UDP, IPv4 and IPv6, both directions."""
from lib import traffic
from lib.ktap import case, main, quick

MIB = 1 << 20
SIZES = (1, 100, 1447, 1448, 1449, 65535, 65537, MIB)


@case('61 166')
def ping(t):
    for family in (4, 6):
        for size in (0, 1, 18, 56, 1000, 1400):
            t.net.ping(size, family=family)


@case('166', timeout=120)
def tcp_sizes(t):
    for source, target in t.net.directions():
        for version in (4, 6):
            for size in SIZES:
                traffic.tcp(source, target, size, version)


@case('166', timeout=180)
def tcp_large(t):
    for source, target in t.net.directions():
        for version in (4, 6):
            traffic.tcp(source, target, (4 if quick() else 32) * MIB, version)


@case('166', timeout=120)
def tcp_both_directions_at_once(t):
    net = t.net
    with traffic.Stream(net.local, net.remote) as out, \
            traffic.Stream(net.remote, net.local, 6) as back:
        for stream in (out, back):
            stream.progress(least=2 * MIB)


@case('166')
def udp_sizes(t):
    for source, target in t.net.directions():
        for version in (4, 6):
            for size in (1, 32, 512, 1400, 1472 if version == 4 else 1452):
                traffic.udp(source, target, size, 5, version)


@case('109 166')
def multicast_and_broadcast(t):
    net = t.net
    for source, target in net.directions():
        # We answer ourselves, too.
        wanted = f'from {target.link_local()}%'
        answer = source.run('ping -6 -c 5 -i 0.2 -W 2', f'ff02::1%{source.ifname}', check=False)
        t.true(wanted in answer.stdout, f'no answer to multicast: {answer.stdout}')
        source.run('ip neigh flush dev', source.ifname)
        source.run('ping -c 1 -W 3', target.v4)    # needs ARP, which is broadcast


if __name__ == '__main__':
    main()
