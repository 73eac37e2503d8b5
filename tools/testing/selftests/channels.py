#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Queue pairs: how many, who uses which."""
import contextlib
import glob
import os

from lib import traffic
from lib.ktap import case, main
from lib.net import read


def most(t):
    """Restores the number at the end; returns the largest, skips if it is 1."""
    side = t.net.local
    channels = side.channels()
    if channels['combined-max'] < 2:
        t.skip('the device has one queue pair')
    t.defer(side.ethtool, '-L', f'combined {channels["combined"]}', check=False)
    return channels['combined-max']


def set_to(side, count):
    if side.channels()['combined'] != count:
        side.ethtool('-L', f'combined {count}')


@case('35', timeout=120)
def every_number(t):
    side, largest = t.net.local, most(t)
    for count in list(range(1, largest + 1)) + [1, largest]:
        set_to(side, count)
        t.equal(side.channels()['combined'], count, 'channels')
        for kind in ('rx', 'tx'):
            t.equal(len(glob.glob(side.sysfs(f'queues/{kind}-*'))), count, f'{kind} queues in sysfs')
        traffic.both_ways(t.net, 300000)


@case('35')
def while_down(t):
    side, largest = t.net.local, most(t)
    t.net.recover(t)
    for count in (1, largest):
        side.down()
        set_to(side, count)
        side.up()
        t.equal(side.channels()['combined'], count, 'channels')
        t.net.ping()
        traffic.both_ways(t.net)


def sent_by(t, side, cpu, count=50):
    """Counters before and after datagrams that one processor sent."""
    first, second = traffic.udp_pair(side, t.net.remote)
    everywhere = os.sched_getaffinity(0)
    with contextlib.closing(first), contextlib.closing(second):
        os.sched_setaffinity(0, {cpu})
        try:
            before = side.stats()
            for number in range(count):
                payload = traffic.data(64, number)
                first.send(payload)
                t.equal(second.recv(1000), payload, 'datagram')
            return before, side.stats()
        finally:
            os.sched_setaffinity(0, everywhere)


@case('36')
def transmit_queue_of_a_cpu(t):
    """XPS: every CPU sends by a queue of its own, shown in sysfs and counted."""
    side, largest = t.net.local, most(t)
    set_to(side, largest)
    seen = set()
    for queue in range(largest):
        mask = int(read(side.sysfs(f'queues/tx-{queue}/xps_cpus')).replace(',', ''), 16)
        t.true(mask, f'no CPU for queue {queue}')
        t.true(not mask & sum(1 << cpu for cpu in seen), f'queue {queue} shares a CPU')
        own = {cpu for cpu in traffic.cpus() if mask >> cpu & 1}
        seen |= own
        for cpu in sorted(own)[:1]:
            before, after = sent_by(t, side, cpu)
            t.grew(before, after, f'tx{queue}_packets', 50)
    t.true(seen >= set(traffic.cpus()), f'CPUs {seen} have a queue')


@case('35 36')
def one_queue_takes_all(t):
    """After a reduction everybody sends by what is left; counters stay."""
    side, largest = t.net.local, most(t)
    set_to(side, largest)
    before = side.stats()
    set_to(side, 1)
    now = side.stats()
    t.equal(sorted(before), sorted(now), 'names of counters')
    for name, value in before.items():
        t.true(now[name] >= value, f'{name} went back from {value} to {now[name]}')
    for cpu in traffic.cpus():
        before, after = sent_by(t, side, cpu)
        t.grew(before, after, 'tx0_packets', 50)
        for queue in range(1, largest):
            t.same(before, after, f'tx{queue}_packets')


@case('35', timeout=90)
def receive_queues(t):
    """Every receive queue is used when there are flows enough."""
    side, largest = t.net.local, most(t)
    set_to(side, largest)
    for side_ in (t.net.remote,):
        if side_.channels()['combined-max'] > 1:
            set_to(side_, side_.channels()['combined-max'])
    before = side.stats()
    # A switch sends a flow's packets to the queue that its answers came from.
    for cpu in traffic.cpus() * 2:
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {cpu})
        try:
            for _ in range(6):
                traffic.tcp(side, t.net.remote, 20000)
                traffic.tcp(t.net.remote, side, 20000)
        finally:
            os.sched_setaffinity(0, everywhere)
    after = side.stats()
    for queue in range(largest):
        t.grew(before, after, f'rx{queue}_packets')


if __name__ == '__main__':
    main()
