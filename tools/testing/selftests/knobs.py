#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Failures that debugfs asks for: the answer, what is left as it was, and that it
works the next time."""
import contextlib
import json
import os
import time

from lib import traffic
from lib.ktap import case, main, slow
from lib.net import diagnosed, read, run, wait_for, write

DEBUGFS = '/sys/kernel/debug'
NO_MEMORY, REFUSED, GONE = 'Cannot allocate memory', 'Input/output error', 'No such device'


class Knobs:
    """The files of a device; all are 0 again at the end of a case."""

    def __init__(self, t):
        self.name = t.net.devlink_name()
        self.folder = f'{DEBUGFS}/ivnet/{self.name.replace("/", "-")}'
        if not os.path.ismount(DEBUGFS):
            t.skip('no debugfs')
        self.names = sorted(os.listdir(self.folder))
        t.defer(self.clear)

    def path(self, name):
        return f'{self.folder}/{name}'

    def need(self, t, name):
        if name not in self.names:
            t.skip(f'the transport has no {name}')

    def arm(self, **counts):
        for name, count in counts.items():
            write(self.path(name), count)

    def clear(self):
        self.arm(**dict.fromkeys(self.names, 0))

    def left(self, name):
        return int(read(self.path(name)))

    def diagnose(self):
        return diagnosed(self.name, 'device')

    def reporter(self):
        """The health reporter of the device: {"state": ..., "error": ..., "recover": ...}."""
        shown = json.loads(run('devlink -j health show', self.name, 'reporter device').stdout)
        return shown['health'][self.name][0]


def state(t):
    side = t.net.local
    return side.rings(), side.channels(), side.link()['mtu']


def changes(t):
    """What needs new queues: (do, undo), each a command."""
    ifname = t.net.local.ifname
    rings, channels, mtu = state(t)
    sizes = 64 if rings['rx'] == 128 else 128, rings['rx']
    found = [[('ethtool -G', ifname, 'rx', each) for each in sizes]]
    if 'fixed' in run(*found[0][0], check=False).stderr:
        found = [[('ip link set', ifname, 'mtu', each) for each in (mtu - 100, mtu)]]
    else:
        run(*found[0][1])
    if channels['combined-max'] > 1:
        now = channels['combined']
        found.append([('ethtool -L', ifname, 'combined', each) for each in (now % 2 + 1, now)])
    for _, undo in found:
        t.defer(run, *undo, check=False)
    return found


def refused(t, text, *words):
    done = run(*words, check=False)
    t.true(done.returncode and text in done.stderr,
           f'{" ".join(map(str, words))}: exit {done.returncode}, "{done.stderr.strip()}", not "{text}"')


@case('171 185')
def change(t):
    """New queues find no memory, or are not started: the old ones go on."""
    knobs = Knobs(t)
    todo, before = changes(t), state(t)
    with traffic.Stream(t.net.local, t.net.remote, pause=0.01) as stream:
        for do, undo in todo:
            for knob, text in (('fail_alloc', NO_MEMORY), ('fail_start', REFUSED)):
                knobs.arm(**{knob: 1})
                refused(t, text, *do)
                t.equal(knobs.left(knob), 0, f'{knob} after {do}')
                t.equal(state(t), before, f'configuration after {do} and {knob}')
                stream.progress()
            run(*do)
            t.true(state(t) != before, f'{do} changed nothing')
            run(*undo)


@case('171 185')
def start(t):
    """An interface that cannot come up does the next time."""
    knobs, side = Knobs(t), t.net.local
    t.net.recover(t)
    side.down()
    for knob, text in (('fail_alloc', NO_MEMORY), ('fail_start', REFUSED)):
        knobs.arm(**{knob: 1})
        refused(t, text, 'ip link set', side.ifname, 'up')
        t.true('UP' not in side.link()['flags'], f'up in spite of {knob}')
    side.up()
    t.net.ping()


@case('131 171 185')
def reload(t):
    """A device that does not start, and one whose queues are lost, stay in devlink; a
    reload has them back as they were."""
    knobs, side = Knobs(t), t.net.local
    t.defer(t.net.ping)
    t.defer(t.net.reload)
    before, counters = state(t), side.stats()
    mtu = ('ip link set', side.ifname, 'mtu', before[2] - 100)
    with traffic.Stream(side, t.net.remote, pause=0.01) as stream:
        for down, armed, words in (
                ('down', {'fail_up': 1}, ('devlink dev reload', knobs.name)),
                ('down', {'fail_start': 1}, ('devlink dev reload', knobs.name)),
                ('up', {'fail_start': 2}, mtu),
                ('down', {'fail_start': 9}, ('ethtool --reset', side.ifname, 'dedicated'))):
            knobs.arm(**armed)
            refused(t, REFUSED, *words)
            found = knobs.diagnose()
            t.equal((found['state'], found['error'], found['net_device']), (down, 5, True),
                    f'diagnosis with {armed}')
            refused(t, GONE, 'ethtool -S', side.ifname)
            knobs.clear()
            t.net.reload()
            t.equal(knobs.diagnose()['error'], 0, f'error, {armed} is over')
            t.equal(state(t), before, 'configuration after a reload')
            stream.progress()
    after = side.stats()
    t.equal(after['start_failures'] - counters['start_failures'], 3, 'start_failures')
    t.equal(after['device_resets'] - counters['device_resets'], 1, 'device_resets')


def reset_wanted(t):
    """A device that was not reset a moment ago asks for that, when it is told to."""
    knobs = Knobs(t)
    knobs.need(t, 'need_reset')
    t.defer(t.net.ping)
    t.defer(t.net.reload)
    t.net.reload()
    return knobs, t.net.local.stats(), knobs.reporter()


@case('49 185')
def recover(t):
    """A repair that fails, the quick way and the thorough one, is tried again."""
    knobs, counters, _ = reset_wanted(t)

    def repaired():
        knobs.arm(fail_alloc=0)    # look now
        time.sleep(0.2)
        return knobs.reporter()['state'] == 'healthy' and knobs.diagnose()['state'] == 'up'

    with traffic.Stream(t.net.local, t.net.remote, pause=0.01) as stream:
        knobs.arm(fail_start=99)
        knobs.arm(need_reset=1)
        wait_for(lambda: knobs.reporter()['state'] == 'error', 'a repair that failed')
        wait_for(lambda: knobs.diagnose()['error'] == 5, 'the error of the repair')
        knobs.clear()
        wait_for(repaired, 'a repair')
        stream.progress()
    after = t.net.local.stats()
    t.grew(counters, after, 'device_resets', 2)
    t.grew(counters, after, 'start_failures')


@case('49 185')
def recover_by_hand(t):
    """What is left to the user: reported, repaired when asked for."""
    knobs, counters, before = reset_wanted(t)
    words = ('devlink health recover', knobs.name, 'reporter device')
    change_auto = ('devlink health set', knobs.name, 'reporter device auto_recover')
    t.defer(run, *change_auto, 'true')
    run(*change_auto, 'false')
    with traffic.Stream(t.net.local, t.net.remote, pause=0.01) as stream:
        knobs.arm(need_reset=1)
        wait_for(lambda: knobs.reporter()['state'] == 'error', 'an event')
        t.same(counters, t.net.local.stats(), 'device_resets')
        knobs.arm(fail_start=2)
        refused(t, REFUSED, *words)
        t.equal(knobs.diagnose()['error'], 5, 'error')
        t.equal(knobs.reporter()['state'], 'error', 'state')
        run(*words)
        stream.progress()
    after, now = t.net.local.stats(), knobs.reporter()
    t.equal((now['state'], now['error'] - before['error'], now['recover'] - before['recover']),
            ('healthy', 1, 1), 'reporter')
    t.equal(after['device_resets'] - counters['device_resets'], 2, 'device_resets')


@case('185')
def interrupts(t):
    """Frames whose interrupt is lost are found, and counted."""
    knobs, side = Knobs(t), t.net.local
    knobs.need(t, 'lose_interrupts')
    first, second = traffic.udp_pair(t.net.remote, side)
    with contextlib.closing(first), contextlib.closing(second):
        # The last one waits for a look, or for the one after that.
        second.settimeout(10 * slow())
        before, sent = side.stats(), 0

        def found():
            """It may be another interrupt that is lost, so once more."""
            nonlocal sent
            knobs.arm(lose_interrupts=1)    # and look
            time.sleep(0.1)
            first.send(b'x')
            sent += 1
            time.sleep(0.2)
            return side.stats()['rx_lost_interrupts'] > before['rx_lost_interrupts']

        wait_for(found, 'rx_lost_interrupts')
        knobs.clear()
        for _ in range(sent):
            t.equal(second.recv(10), b'x', 'data')
    traffic.both_ways(t.net, 10000)


@case('185')
def values(t):
    """A knob takes numbers up to INT_MAX."""
    knobs = Knobs(t)
    knobs.arm(fail_up=0x7fffffff)
    t.equal(knobs.left('fail_up'), 0x7fffffff, 'fail_up')
    for value in (0x80000000, -1, 'x'):
        try:
            knobs.arm(fail_up=value)
            t.fail(f'fail_up takes {value}')
        except OSError:
            pass
    t.equal(knobs.left('fail_up'), 0x7fffffff, 'fail_up')


if __name__ == '__main__':
    main()
