#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""devlink: versions, parameters, reload, health."""
import json

from lib import traffic
from lib.ktap import case, main
from lib.net import diagnosed, run


def devlink(t, *words, **options):
    return run('devlink', *words, t.net.devlink_name(), **options)


@case('155')
def info(t):
    have = json.loads(devlink(t, '-j dev info').stdout)['info'][t.net.devlink_name()]
    t.true(have['driver'].startswith('ivnet'), f'driver: {have}')
    t.true(have['versions']['running'].get('driver'), f'no version of the driver: {have}')


def parameters(t):
    # all devices: older kernels cannot list those of one
    text = run('devlink -j dev param show').stdout
    return {each['name']: each['values'][0]['value']
            for each in json.loads(text)['param'].get(t.net.devlink_name(), ())}


def set_parameter(t, name, value, **options):
    return run('devlink dev param set', t.net.devlink_name(), 'name', name, 'value', value,
               'cmode driverinit', **options)


@case('161')
def parameters_are_shown(t):
    have = parameters(t)
    t.true('max_queue_pairs' in have, f'parameters: {sorted(have)}')


@case('131 174', timeout=90)
def reload(t):
    """A reload really starts anew, and all that was set is still there."""
    side = t.net.local
    rings = side.rings()
    t.defer(t.net.ping)
    t.defer(side.ethtool, '-G', f'rx {rings["rx"]}', check=False)
    t.defer(side.ip, 'link set', side.ifname, 'mtu', side.link()['mtu'])
    side.ethtool('-G', 'rx 128', check=False)
    side.ip('link set', side.ifname, 'mtu 1400')
    kept = (side.rings(), side.link()['mtu'], side.mac(), side.features(),
            side.channels())
    t.net.reload()
    t.equal((side.rings(), side.link()['mtu'], side.mac(), side.features(),
             side.channels()), kept, 'configuration')
    t.net.ping()
    traffic.both_ways(t.net)


@case('131')
def reload_while_down(t):
    side = t.net.local
    t.net.recover(t)
    side.down()
    t.net.reload()
    t.true('UP' not in side.link()['flags'], 'a reload put the interface up')
    side.up()
    t.net.ping()
    traffic.both_ways(t.net)


@case('35 161', timeout=90)
def parameter_needs_reload(t):
    """A driverinit parameter takes effect at the next reload, not before."""
    side = t.net.local
    largest = side.channels()['combined-max']
    if largest < 2:
        t.skip('the device has one queue pair')
    have = parameters(t)['max_queue_pairs']
    t.defer(t.net.ping)
    t.defer(side.ethtool, '-L', f'combined {side.channels()["combined"]}', check=False)
    t.defer(t.net.reload)
    t.defer(set_parameter, t, 'max_queue_pairs', have)
    set_parameter(t, 'max_queue_pairs', 1)
    t.equal(side.channels()['combined-max'], largest, 'channels before the reload')
    t.net.reload()
    t.equal(side.channels(), {'combined': 1, 'combined-max': 1}, 'channels after the reload')
    t.net.ping()
    traffic.both_ways(t.net)


@case('42', timeout=90)
def without_mergeable_buffers(t):
    """The other receive modes, switched at run time."""
    have = parameters(t)
    if 'mergeable_rx' not in have:
        t.skip('the transport has no such parameter')
    t.defer(t.net.ping)
    t.defer(t.net.reload)
    t.defer(set_parameter, t, 'mergeable_rx', str(have['mergeable_rx']).lower())
    for value in ('false', 'true'):
        set_parameter(t, 'mergeable_rx', value)
        t.net.reload()
        text = run('devlink health diagnose', t.net.devlink_name(), 'reporter device').stdout
        t.equal('mergeable' in text, value == 'true', f'mergeable buffers in: {text}')
        t.net.ping()
        traffic.both_ways(t.net, 1 << 20)


@case('49 155 175')
def health(t):
    """Every reporter is there, well, and answers."""
    name = t.net.devlink_name()
    reporters = json.loads(run('devlink -j health show').stdout)['health'][name]
    names = {each['reporter'] for each in reporters}
    t.true(names >= {'device', 'rx', 'tx'}, f'reporters: {names}')
    for each in reporters:
        t.equal((each['state'], each['error']), ('healthy', 0), f'reporter {each["reporter"]}')
        t.true(diagnosed(name, each['reporter']), f'diagnose of {each["reporter"]}')
    queues = diagnosed(name, 'tx')
    t.equal(len(queues['queues']), t.net.local.channels()['combined'], 'queues in the diagnosis')


@case('155')
def diagnose_while_down(t):
    side = t.net.local
    t.net.recover(t)
    side.down()
    for reporter in ('device', 'rx', 'tx'):
        diagnosed(t.net.devlink_name(), reporter)


if __name__ == '__main__':
    main()
