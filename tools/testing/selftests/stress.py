#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Many changes under TCP connections that must survive, all bytes checked.
QUICK=1 repeats less; STRESS=1 or nothing: all of it."""
import random

from lib import traffic
from lib.ktap import case, main, times


class Streams:
    """A connection each way, gently, so that the changes have processors too."""

    def __init__(self, net):
        self.net = net

    def __enter__(self):
        net = self.net
        self.all = [traffic.Stream(net.local, net.remote, 4, 0.005),
                    traffic.Stream(net.remote, net.local, 4, 0.005)]
        self.progress()
        return self

    def progress(self):
        for stream in self.all:
            stream.progress(90)

    def __exit__(self, kind, *_):
        for stream in self.all:
            stream.__exit__(kind)


@case('37 38 171', timeout=300)
def rings(t):
    side = t.net.local
    now = side.rings()
    if 'fixed' in side.ethtool('-G', 'rx 64', check=False).stderr:
        t.skip('the device has fixed rings')
    t.defer(t.net.ping)
    t.defer(side.ethtool, '-G', f'rx {now["rx"]} tx {now["tx"]}', check=False)
    choice = random.Random(1)
    with Streams(t.net) as streams:
        last = None
        for number in range(times(200, 20)):
            pair = choice.choice([(rx, tx) for rx in (64, 128, 256) for tx in (64, 128, 256)
                                  if (rx, tx) != last and rx <= now['rx-max']
                                  and tx <= now['tx-max']])
            side.ethtool('-G', f'rx {pair[0]} tx {pair[1]}')
            last = pair
            if number % 5 == 0:
                streams.progress()


@case('35 171', timeout=300)
def channels(t):
    side = t.net.local
    have = side.channels()
    if have['combined-max'] < 2:
        t.skip('the device has one queue pair')
    t.defer(t.net.ping)
    t.defer(side.ethtool, '-L', f'combined {have["combined"]}', check=False)
    count = have['combined']
    with Streams(t.net) as streams:
        for number in range(times(200, 20)):
            count = count % have['combined-max'] + 1
            side.ethtool('-L', f'combined {count}')
            if number % 5 == 0:
                streams.progress()


@case('113 131', timeout=300)
def down_and_up(t):
    side = t.net.local
    t.net.recover(t)
    with Streams(t.net) as streams:
        for number in range(times(100, 10)):
            side.down()
            side.up()
            if number % 5 == 0:
                streams.progress()


@case('131 174', timeout=300)
def reload(t):
    t.defer(t.net.ping)
    with Streams(t.net) as streams:
        for number in range(times(50, 5)):
            t.net.reload()
            if number % 5 == 0:
                streams.progress()


@case('117 171', timeout=300)
def mixed(t):
    """Any change after any other."""
    side = t.net.local
    rings_, channels_ = side.rings(), side.channels()
    t.net.recover(t)
    t.defer(side.ethtool, '-L', f'combined {channels_["combined"]}', check=False)
    t.defer(side.ethtool, '-G', f'rx {rings_["rx"]} tx {rings_["tx"]}', check=False)
    t.defer(side.ip, 'link set', side.ifname, 'mtu', side.link()['mtu'])
    t.net.keep_feature(t, side, 'rx-gro-hw', 'rx-checksumming')
    choice = random.Random(2)
    changes = [
        lambda: side.ethtool('-G', f'rx {choice.choice((64, 128, 256))}', check=False),
        lambda: side.ethtool('-G', f'tx {choice.choice((64, 128, 256))}', check=False),
        lambda: side.ethtool('-G', f'rx-buf-len {choice.choice((4096, 8192, 16384))}', check=False),
        lambda: side.ethtool('-L', f'combined {choice.randint(1, channels_["combined-max"])}',
                             check=False),
        lambda: side.ip('link set', side.ifname, f'mtu {choice.choice((1300, 1400, 1500))}'),
        lambda: side.ethtool('-K', f'rx {choice.choice(("on", "off"))}', check=False),
        lambda: side.ethtool('-K', f'rx-gro-hw {choice.choice(("on", "off"))}', check=False),
        lambda: side.ethtool('-C', f'tx-frames {choice.choice((1, 8, 32))}', check=False),
        side.down,
        lambda: side.ip('link set', side.ifname, 'promisc',
                        choice.choice(('on', 'off'))),
        t.net.reload,
    ]
    with Streams(t.net) as streams:
        for number in range(times(200, 25)):
            choice.choice(changes)()
            side.up()
            if number % 5 == 0:
                streams.progress()
    side.ip('link set', side.ifname, 'promisc off')


if __name__ == '__main__':
    main()
