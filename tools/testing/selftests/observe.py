#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a user can see of a device and do to it: a reset, trace events."""
import contextlib
import os

from lib import traffic
from lib.ktap import case, main
from lib.net import read, run, wait_for, write

TRACING = '/sys/kernel/tracing'


@contextlib.contextmanager
def traced(t):
    """Trace events of the driver; gives a function that returns what was seen."""
    enable = f'{TRACING}/events/ivnet/enable'
    if not os.path.exists(enable):
        t.skip('this kernel has no trace events')
    write(f'{TRACING}/trace', '')
    write(enable, 1)
    try:
        yield lambda: read(f'{TRACING}/trace')
    finally:
        write(enable, 0)


@case('183')
def link_is_traced(t):
    side = t.net.local
    t.net.recover(t)
    with traced(t) as seen:
        side.down()
        t.true(f'ivnet_link: {side.ifname} down' in seen(), seen())
        side.up()
        wait_for(lambda: f'ivnet_link: {side.ifname} up' in seen(), 'the event of the link')
    t.net.ping()


@case('184', timeout=120)
def reset(t):
    """ethtool --reset: all that is the guest's own, and what was set is kept."""
    side = t.net.local
    device = t.net.devlink_name().partition('/')[2]
    t.net.recover(t)
    t.defer(side.ip, 'link set', side.ifname, 'mtu', side.link()['mtu'])
    side.ip('link set', side.ifname, 'mtu 1400')
    kept = (side.rings(), side.link()['mtu'], side.mac(), side.features(), side.channels())
    for words, left in (('all', True), ('dedicated', False)):
        before = side.stats()['device_resets']
        with traced(t) as seen:
            done = run('ethtool --reset', side.ifname, words)
            t.true(f'ivnet_device_reset: {device} reason=user' in seen(), seen())
        t.equal('Components not reset' in done.stdout, left, f'{words}: {done.stdout}')
        t.equal(side.stats()['device_resets'], before + 1, 'resets')
        t.equal((side.rings(), side.link()['mtu'], side.mac(), side.features(), side.channels()),
                kept, 'configuration')
        t.net.ping()
    traffic.both_ways(t.net)
    for words in ('phy', 'dma filter', 'all-shared'):
        done = run('ethtool --reset', side.ifname, words, check=False)
        t.true(done.returncode, f'--reset {words} succeeded')
    t.equal(side.stats()['device_resets'], before + 1, 'resets')


@case('184')
def reset_while_down(t):
    side = t.net.local
    t.net.recover(t)
    side.down()
    run('ethtool --reset', side.ifname, 'dedicated')
    t.true('UP' not in side.link()['flags'], 'a reset put the interface up')
    side.up()
    t.net.ping()
    traffic.both_ways(t.net)


if __name__ == '__main__':
    main()
