#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What ethtool shows and sets; after each change there is traffic."""
import re

from lib import traffic
from lib.ktap import case, main


@case('1 158')
def information(t):
    side = t.net.local
    text = side.ethtool('-i').stdout
    t.true(re.search(r'^driver: ivnet\w*$', text, re.M), f'driver: {text}')
    t.true(re.search(r'^version: \d+\.\d+', text, re.M), f'version: {text}')
    t.true(re.search(r'^bus-info: \S+', text, re.M), f'bus-info: {text}')
    t.true('supports-statistics: yes' in text, text)


@case('158')
def message_level(t):
    side = t.net.local

    def level():
        return int(re.search(r'message level: (0x[0-9a-f]+)', side.ethtool('').stdout).group(1), 16)

    have = level()
    t.defer(side.ethtool, '-s', f'msglvl {have}')
    side.ethtool('-s', 'msglvl 0x40')
    t.equal(level(), 0x40, 'message level')
    traffic.both_ways(t.net)


@case('183')
def everything_is_shown(t):
    """Every question that the driver answers at all is answered sensibly."""
    side = t.net.local
    rings = side.rings()
    for which in ('rx', 'tx'):
        t.true(0 < rings[which] <= rings[f'{which}-max'], f'rings: {rings}')
    channels = side.channels()
    t.true(1 <= channels['combined'] <= channels['combined-max'], f'channels: {channels}')
    t.true('TX frames' in side.ethtool('-c').stdout or 'tx-frames' in side.ethtool('-c').stdout,
           'no tx-frames')
    t.true('software-transmit' in side.ethtool('-T').stdout, 'no software time stamps')
    t.true(re.search(r'Permanent address: [0-9a-f:]{17}', side.ethtool('-P').stdout), '-P')


@case('170', timeout=120)
def receive_buffers(t):
    """rx-buf-len: powers of two, shown as set, and frames still come whole."""
    side = t.net.local
    have = side.rings().get('rx-buf-len')
    if not have:
        t.skip('the transport has no receive buffers of its own')
    t.defer(side.ethtool, '-G', f'rx-buf-len {have}')
    tried = []
    for size in (4096, 8192, 16384, 32768):
        done = side.ethtool('-G', f'rx-buf-len {size}', check=False)
        if done.returncode:
            t.true('power of two' in done.stderr, f'rx-buf-len {size}: {done.stderr}')
            continue
        tried.append(size)
        t.equal(side.rings()['rx-buf-len'], size, 'rx-buf-len')
        traffic.both_ways(t.net, 1 << 20)
        traffic.udp(t.net.remote, side, 60000, 2)
    t.true(len(tried) >= 2, f'sizes that were accepted: {tried}')


@case('40')
def receive_copybreak(t):
    """Small frames are copied, up to the tunable."""
    side = t.net.local
    have = side.tunable('rx-copybreak')
    t.defer(side.set_tunable, 'rx-copybreak', have)
    for limit, size, copied in ((1000, 500, True), (300, 500, False), (0, 50, False)):
        side.set_tunable('rx-copybreak', limit)
        t.equal(side.tunable('rx-copybreak'), limit, 'rx-copybreak')
        before = side.stats()
        traffic.udp(t.net.remote, side, size, 20)
        after = side.stats()
        if copied:
            t.grew(before, after, 'rx_copied', 20)
        else:
            # the driver may copy smaller frames of others, not twenty of ours
            t.true(after['rx_copied'] - before['rx_copied'] < 20,
                   f'{size} bytes are copied with a limit of {limit}')
        traffic.both_ways(t.net)


@case('46')
def frames_between_completions(t):
    """tx-frames: every value sends, and nothing waits for another packet."""
    side = t.net.local

    def shown():
        return int(re.search(r'^tx-frames:\s+(\d+)', side.ethtool('-c').stdout, re.M).group(1))

    have = shown()
    if not have:
        t.skip('the transport does not gather completions')
    t.defer(side.ethtool, '-C', f'tx-frames {have}')
    for value in (1, 2, 17):
        side.ethtool('-C', f'tx-frames {value}')
        t.equal(shown(), value, 'tx-frames')
        traffic.both_ways(t.net)
        for _ in range(3):
            t.net.ping()


@case('37')
def hold_their_values(t):
    """Tunables survive down and up."""
    side = t.net.local
    names = [name for name in ('rx-copybreak', 'tx-copybreak')
             if side.tunable(name) is not None]
    t.true('rx-copybreak' in names, 'there is an rx-copybreak')

    t.defer(side.up)
    for number, name in enumerate(names):
        t.defer(side.set_tunable, name, side.tunable(name))
        side.set_tunable(name, 100 + number)
    side.down()
    side.up()
    for number, name in enumerate(names):
        t.equal(side.tunable(name), 100 + number, name)
    t.net.ping()
    traffic.both_ways(t.net)


if __name__ == '__main__':
    main()
