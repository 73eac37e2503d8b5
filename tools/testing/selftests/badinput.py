#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Values out of range: refused with words, and nothing else happens."""
import contextlib
import re

from lib import traffic
from lib.ktap import case, main
from lib.net import run


def state(side):
    return (side.rings(), side.channels(), side.link()['mtu'], side.mac(),
            side.ethtool('-c').stdout, side.features(),
            [side.tunable(name) for name in ('rx-copybreak', 'tx-copybreak')])


@contextlib.contextmanager
def unchanged(t, source, target):
    """A connection goes on, and in the end everything is configured as before."""
    before = state(t.net.local)
    with traffic.Stream(source, target, pause=0.02) as stream:
        yield stream
    t.equal(state(t.net.local), before, 'configuration')


def refused(t, stream, command, text):
    """command() fails with an answer that matches."""
    done = command()
    t.true(done.returncode, f'accepted; wanted: {text}')
    answer = done.stderr + done.stdout
    t.true(re.search(text, answer), f'the answer is {answer.strip()!r}; wanted: {text}')
    stream.progress()


@case('37 38 161', timeout=90)
def rings(t):
    side = t.net.local
    now = side.rings()
    extack = r'(rx|tx) ring: \d+ to \d+|fixed rings|exceeds maximum|[Ii]nvalid'
    with unchanged(t, side, t.net.remote) as stream:
        for which in ('rx', 'tx'):
            for size, words in ((now[f'{which}-max'] + 1, 'maximum|' + extack),
                                (now[f'{which}-max'] * 2, 'maximum|' + extack),
                                (4000000000, 'maximum|' + extack),
                                (0, rf'{which} ring: \d+ to \d+|fixed rings'),
                                (1, rf'{which} ring: \d+ to \d+|fixed rings'),
                                (16, rf'{which} ring: \d+ to \d+|fixed rings')):
                refused(t, stream, lambda a=which, b=size: side.ethtool('-G', a, b, check=False),
                        words)
        for which in ('rx-mini', 'rx-jumbo'):
            refused(t, stream, lambda a=which: side.ethtool('-G', a, 64, check=False), '.')


@case('161 170', timeout=90)
def receive_buffers(t):
    side = t.net.local
    if not side.rings().get('rx-buf-len'):
        t.skip('the transport has no receive buffers of its own')
    with unchanged(t, t.net.remote, side) as stream:
        for size in (1, 1024, 4095, 5000, 65536, 1 << 31):
            refused(t, stream,
                    lambda each=size: side.ethtool('-G', f'rx-buf-len {each}', check=False),
                    r'rx-buf-len: \d+ to \d+, a power of two')


@case('35 161')
def channels(t):
    side = t.net.local
    largest = side.channels()['combined-max']
    with unchanged(t, side, t.net.remote) as stream:
        for words in (f'combined {largest + 1}', 'combined 0', 'combined 100000', 'rx 1', 'tx 1',
                      'other 1', f'rx 1 combined {largest}'):
            refused(t, stream, lambda each=words: side.ethtool('-L', each, check=False), '.')


@case('117 118 161')
def mtu(t):
    side = t.net.local
    link = side.link()
    with unchanged(t, t.net.remote, side) as stream:
        for value in (link['max_mtu'] + 1, 70000, link['min_mtu'] - 1, 0):
            refused(t, stream,
                    lambda each=value: side.ip('link set', side.ifname, 'mtu', each, check=False),
                    r'mtu (less|greater) than device (min|max)imum|[Ii]nvalid')


@case('46 161')
def coalescing(t):
    side = t.net.local
    with unchanged(t, side, t.net.remote) as stream:
        for name in ('tx-frames', 'rx-usecs'):
            for value in (1 << 20, 4294967295):
                refused(t, stream, lambda a=name, b=value: side.ethtool('-C', a, b, check=False),
                        f'{name}: \\d+ to \\d+')
        for words in ('rx-usecs-irq 5', 'stats-block-usecs 1', 'pkt-rate-low 5'):
            refused(t, stream, lambda each=words: side.ethtool('-C', each, check=False),
                    'not supported|unsupported|[Oo]peration')


@case('40 53 161')
def copybreak(t):
    side = t.net.local
    with unchanged(t, side, t.net.remote) as stream:
        for name in ('rx-copybreak', 'tx-copybreak'):
            for value in (1025, 100000, 4294967295):
                refused(t, stream, lambda a=name, b=value: side.run(
                    'ethtool --set-tunable', side.ifname, a, b, check=False), '.')


@case('105')
def addresses(t):
    side = t.net.local
    with unchanged(t, side, t.net.remote) as stream:
        for value in ('01:02:03:04:05:06', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff'):
            refused(t, stream, lambda each=value: side.ip('link set', side.ifname, 'address', each,
                                                          check=False), '.')


@case('161')
def devlink_parameters(t):
    """Out of range: refused with the range; unknown: refused by devlink."""
    name = t.net.devlink_name()
    with unchanged(t, t.net.local, t.net.remote) as stream:
        def set_to(parameter, value, mode='driverinit'):
            return lambda: run('devlink dev param set', name, 'name', parameter, 'value', value,
                               'cmode', mode, check=False)

        for value in (0, 100000, 4294967295):
            refused(t, stream, set_to('max_queue_pairs', value), r'max_queue_pairs: 1 to \d+|range')
        refused(t, stream, set_to('max_queue_pairs', 'many'), '.')
        refused(t, stream, set_to('max_queue_pairs', 1, 'runtime'), '.')
        refused(t, stream, set_to('no_such_parameter', 1), '.')


@case('131 161')
def reload(t):
    name = t.net.devlink_name()
    with unchanged(t, t.net.local, t.net.remote) as stream:
        refused(t, stream, lambda: run('devlink dev reload', name, 'action fw_activate',
                                       check=False), '.')
        refused(t, stream, lambda: run('devlink dev reload', name, 'netns', t.net.remote.ns,
                                       check=False), '.')


if __name__ == '__main__':
    main()
