#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Counters: every packet once, in the right place, and never backwards."""
import re

from lib import packets, traffic
from lib.ktap import case, main
from lib.net import wait_for

COUNT = 40


def settled(side, other):
    """Wait until no packet is on its way any more."""
    def moved():
        # links of shared memory are looked at twice a second
        return [value for each in (side, other) for name, value in each.stats().items()
                if not name.endswith(('_polls', '_interrupts'))]

    def still():
        return moved() == moved()
    wait_for(still, 'counters at rest', step=0.3)


@case('150 177')
def names(t):
    side = t.net.local
    lines = [line.rsplit(':', 1)[0].strip() for line in side.ethtool('-S').stdout.splitlines()[1:]]
    t.true(len(lines) > 20, f'{len(lines)} counters')
    t.equal(sorted(set(lines)), sorted(lines), 'names')
    for name in lines:
        t.true(re.fullmatch(r'[a-z][a-z0-9_]*', name), f'name {name}')


@case('150 151', timeout=90)
def sums(t):
    """Queues add up to the totals, and these to what everybody else shows."""
    side = t.net.local
    traffic.both_ways(t.net, 500000)
    settled(side, t.net.remote)
    have, total = side.stats(), side.stats64()
    queues = {int(found.group(1)) for found in (re.match(r'rx(\d+)_', name) for name in have) if found}
    for name, value in have.items():
        kind, _, rest = name.partition('_')
        if kind not in ('rx', 'tx') or f'{kind}0_{rest}' not in have:
            continue
        t.equal(sum(have[f'{kind}{queue}_{rest}'] for queue in queues), value, f'sum of {name}')
    for kind in ('rx', 'tx'):
        for name in ('packets', 'bytes'):
            t.equal(total[kind][name], have[f'{kind}_{name}'], f'{kind} {name}')
            t.equal(sum(have[f'{kind}_{cast}_{name}'] for cast in ('ucast', 'mcast', 'bcast')),
                    have[f'{kind}_{name}'], f'{kind} {name} by kind of address')
        errors = sum(value for name, value in have.items() if name.startswith(f'{kind}_err_'))
        t.equal(total[kind]['errors'], errors, f'{kind} errors')
    t.equal(total['rx']['multicast'], have['rx_mcast_packets'], 'multicast')


@case('150', timeout=90)
def by_address(t):
    """Frames for one, many and all, both ways; packets and bytes are exact."""
    net = t.net
    length = 14 + 200
    destinations = {'mcast': '01:00:5e:7f:00:07', 'bcast': 'ff:ff:ff:ff:ff:ff'}
    for side in (net.local, net.remote):
        side.hear(t, destinations['mcast'])
    for source, target in net.directions():
        for cast in ('ucast', 'mcast', 'bcast'):
            frame = packets.ethernet(destinations.get(cast, target.mac()), source.mac(),
                                     packets.ETH_TEST, bytes(200))
            settled(source, target)
            before = source.stats(), target.stats()
            with packets.Raw(source) as out, packets.Raw(target, packets.ETH_TEST) as into:
                for _ in range(COUNT):
                    out.send(frame)
                t.equal(len(into.receive(count=COUNT)), COUNT, f'{cast} frames that came')
            for side, kind, old in ((source, 'tx', before[0]), (target, 'rx', before[1])):
                new = side.stats()
                grown = {name: new[name] - old[name] for name in new}
                # neighbour discovery may add a few of its own
                t.true(COUNT <= grown[f'{kind}_{cast}_packets'] < COUNT + 10,
                       f'{kind}_{cast}_packets of {side.ifname}: {grown[f"{kind}_{cast}_packets"]}')
                t.true(COUNT * length <= grown[f'{kind}_{cast}_bytes'] < COUNT * length + 2000,
                       f'{kind}_{cast}_bytes of {side.ifname}: {grown[f"{kind}_{cast}_bytes"]}')
                for other in {'ucast', 'mcast', 'bcast'} - {cast}:
                    t.true(grown[f'{kind}_{other}_packets'] < 10,
                           f'{kind}_{other}_packets for {cast}')


@case('36 37 38 45 150 171', timeout=180)
def never_backwards(t):
    """Through down, up, rings, channels, MTU and reload."""
    side = t.net.local
    rings, channels = side.rings(), side.channels()
    t.net.recover(t)

    def rings_to(rx, tx):
        return lambda: side.ethtool('-G', f'rx {rx} tx {tx}', check=False)

    changes = [side.down, side.up,
               rings_to(128, 128), rings_to(rings['rx'], rings['tx']),
               lambda: side.ip('link set', side.ifname, 'mtu 1400'),
               lambda: side.ip('link set', side.ifname, 'mtu 1500'),
               t.net.reload]
    if channels['combined-max'] > 1:
        changes += [lambda: side.ethtool('-L', 'combined 1', check=False),
                    lambda: side.ethtool('-L', f'combined {channels["combined"]}', check=False)]
    traffic.both_ways(t.net)
    old, old_total = side.stats(), side.stats64()
    for change in changes:
        change()
        new, new_total = side.stats(), side.stats64()
        t.equal(sorted(old), sorted(new), 'names')
        for name, value in old.items():
            t.true(new[name] >= value, f'{name} went from {value} to {new[name]}')
        for kind in ('rx', 'tx'):
            for name, value in old_total[kind].items():
                t.true(new_total[kind][name] >= value, f'{kind} {name} went back from {value}')
        if 'UP' in side.link()['flags']:
            t.net.ping()
            traffic.both_ways(t.net, 50000, (4,))
            t.grew(new, side.stats(), 'rx_packets')
            t.grew(new, side.stats(), 'tx_packets')
        old, old_total = side.stats(), side.stats64()


@case('45')
def readable_while_down(t):
    side = t.net.local
    t.net.recover(t)
    up = side.stats()
    side.down()
    down = side.stats()
    t.equal(sorted(down), sorted(up), 'names')
    t.true(down['rx_packets'] >= up['rx_packets'] > 0, 'rx_packets')
    t.true(side.stats64()['rx']['packets'] >= up['rx_packets'], 'rx packets')
    for option in ('-i', '-g', '-l', '-k', '-c', '-P', '-T', ''):
        side.ethtool(option)


@case('149 152')
def offloads_are_counted(t):
    """A transfer moves the counters of what the devices did with it."""
    net = t.net
    before = net.local.stats(), net.remote.stats()
    traffic.tcp(net.local, net.remote, 2 << 20)
    after = net.local.stats(), net.remote.stats()
    features = net.local.features()
    if features['tx-checksum-ip-generic'][0]:
        t.grew(before[0], after[0], 'tx_csum_partial')
    if features['tx-tcp-segmentation'][0]:
        t.grew(before[0], after[0], 'tx_gso_bytes', 1 << 20)
    for name in ('rx_polls', 'rx_buffers'):
        t.grew(before[1], after[1], name)
    t.grew(before[0], after[0], 'tx_notifies')
    # reading resets nothing
    again = net.local.stats()
    t.true(all(again[name] >= value for name, value in after[0].items()), 'reset on read')


@case('59')
def too_short(t):
    """A frame without a whole Ethernet header never gets on the wire."""
    side = t.net.local
    with packets.Raw(side) as raw:
        try:
            raw.send(bytes(13))
        except OSError:
            pass    # most kernels refuse it before the driver sees it
    traffic.both_ways(t.net, 10000)


if __name__ == '__main__':
    main()
