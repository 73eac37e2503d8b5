#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Up, down, carrier, speed and duplex."""
import re

from lib import traffic
from lib.ktap import case, main, times
from lib.net import read, wait_for


@case('113')
def carrier(t):
    side = t.net.local
    wait_for(lambda: read(side.sysfs('carrier')) == '1', 'carrier')
    t.equal(side.link()['operstate'], 'UP', 'operstate')
    t.true('Link detected: yes' in side.ethtool('').stdout, 'ethtool sees no link')
    t.net.ping()


@case('113 131')
def down_and_up(t):
    side = t.net.local
    t.defer(side.up)
    for _ in range(times(10, 3)):
        side.down()
        t.true('Link detected: no' in side.ethtool('').stdout, 'a link while down')
        t.equal(side.link()['operstate'], 'DOWN', 'operstate')
        side.up()
        wait_for(lambda: read(side.sysfs('carrier')) == '1', 'carrier after up')
        t.net.ping()
    traffic.both_ways(t.net)


@case('113')
def peer_down_and_up(t):
    """What the peer sends while we are down is lost, not kept and not late."""
    side, peer = t.net.local, t.net.remote
    t.defer(side.up)
    side.down()
    before = side.stats64()['rx']['packets']
    peer.run('ping -c 2 -i 0.1 -W 0.3', side.v4, check=False)
    t.equal(side.stats64()['rx']['packets'], before, 'packets received while down')
    side.up()
    t.net.ping()


@case('114')
def speed(t):
    """A virtual link has the speed it is told to show."""
    side = t.net.local
    text = side.ethtool('').stdout
    t.true(re.search(r'Speed: (Unknown!|\d+Mb/s)', text), text)
    have = re.search(r'Speed: (\d+)Mb/s', text)
    done = side.ethtool('-s', 'speed 2500 duplex full', check=False)
    if done.returncode:
        t.skip(f'the transport fixes the speed: {done.stderr.strip()}')
    t.defer(side.ethtool, '-s', f'speed {have.group(1) if have else 10000} duplex full')
    text = side.ethtool('').stdout
    t.true('Speed: 2500Mb/s' in text and 'Duplex: Full' in text, text)
    t.equal(read(side.sysfs('speed')), '2500', 'speed in sysfs')


if __name__ == '__main__':
    main()
