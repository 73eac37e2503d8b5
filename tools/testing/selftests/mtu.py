#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The MTU: small, jumbo, changed under traffic."""
from lib import packets, traffic
from lib.ktap import case, main, quick, times

# IP and ICMP headers, for the payload of a ping that fills a packet
HEADERS = {4: 28, 6: 48}


def restore(t):
    t.defer(t.net.ping)
    t.defer(t.net.set_mtu, t.net.local.link()['mtu'])


def sizes(t):
    wanted = (1280, 1500, 9000) if quick() else (1280, 1500, 2000, 4096, 9000)
    return [mtu for mtu in wanted if mtu <= t.net.path_mtu]


@case('117')
def full_packets(t):
    """Packets of exactly the MTU pass, one byte more is refused by the stack."""
    restore(t)
    for mtu in sizes(t):
        t.net.set_mtu(mtu)
        for family in (4, 6):
            t.net.ping(mtu - HEADERS[family], family, fragment=False)
            t.true(not t.net.accepts(mtu - HEADERS[family] + 1, family),
                   f'a packet above the MTU of {mtu} passed')


@case('31 117', timeout=120)
def transfer(t):
    restore(t)
    for mtu in sizes(t):
        t.net.set_mtu(mtu)
        traffic.both_ways(t.net, 300000)


@case('117', timeout=90)
def frames_have_that_size(t):
    """The MTU makes the packets larger, not only the number that is shown."""
    net = t.net
    if net.path_mtu < 4000:
        t.skip(f'the segment carries {net.path_mtu} bytes only')
    restore(t)
    for side in (net.local, net.remote):
        net.keep_feature(t, side, 'tcp-segmentation-offload', 'generic-receive-offload')
        for name in ('tcp-segmentation-offload', 'generic-segmentation-offload'):
            side.feature(name, False)
        side.feature('generic-receive-offload', False)
        t.defer(side.feature, 'generic-segmentation-offload', True)
    for mtu in (1500, net.path_mtu):
        net.set_mtu(mtu)
        for source, target in net.directions():
            with packets.Raw(target) as raw:
                traffic.tcp(source, target, 200000)
                frames = raw.receive(lambda frame: frame.protocol == packets.TCP, count=0)
            longest = max(frame.end - frame.l3 for frame in frames)
            t.equal(longest, mtu, f'longest packet to {target.ifname}')


@case('117')
def smallest(t):
    """An MTU below what IPv6 needs: IPv4 still works."""
    side = t.net.local
    restore(t)
    t.defer(addresses, t.net)
    least = side.link()['min_mtu']
    t.true(least <= 576, f'the smallest MTU is {least}')
    t.net.set_mtu(max(least, 200))
    for source, target in t.net.directions():
        traffic.tcp(source, target, 50000, 4)
    t.net.set_mtu(1500)


def addresses(net):
    """IPv6 leaves an interface whose MTU is below 1280."""
    for side in (net.local, net.remote):
        side.sysctl(f'net/ipv6/conf/{side.ifname}/accept_dad', 0)
        side.sysctl(f'net/ipv6/conf/{side.ifname}/keep_addr_on_down', 1)
        side.ip('-6 addr replace', f'{side.v6}/64', 'dev', side.ifname, 'nodad')


@case('118')
def limits(t):
    link = t.net.local.link()
    t.true(link['max_mtu'] >= 1500, f'max_mtu {link["max_mtu"]}')
    restore(t)
    t.net.local.ip('link set', link['ifname'], 'mtu', link['max_mtu'])
    t.equal(t.net.local.link()['mtu'], link['max_mtu'], 'MTU')
    traffic.both_ways(t.net)


@case('117 171', timeout=120)
def changes_under_traffic(t):
    """Each change swaps the receive queues; the connections go on."""
    net = t.net
    restore(t)
    with traffic.Stream(net.local, net.remote, 4) as out, \
            traffic.Stream(net.remote, net.local, 4) as back:
        for _ in range(times(5, 2)):
            for mtu in sizes(t):
                net.local.ip('link set', net.local.ifname, 'mtu', mtu)
                out.progress()
                back.progress()


if __name__ == '__main__':
    main()
