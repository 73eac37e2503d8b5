#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What a user can see of a device and do to it: register dump, self test, reset, trace
events."""
import contextlib
import os
import struct
import subprocess

from lib import traffic
from lib.ktap import case, main
from lib.net import diagnosed, read, run, wait_for, write

TRACING = '/sys/kernel/tracing'
# Of include/uapi/linux/ivnet_regs.h.
MAGIC, VERSION = 0x44525649, 1
DEVICE, QUEUE, VIRTIO, CONFIG, RING, SHM, LANE, CLASSIC = 1, 2, 16, 17, 18, 32, 37, 38
CARRIER, BROKEN, LIVE = 0x10, 1, 1


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


def dump(t, side):
    """The register dump: {type: [content, ...]}."""
    command = [*(('ip', 'netns', 'exec', side.ns) if side.ns else ()),
               'ethtool', '-d', side.ifname, 'raw', 'on']
    data = subprocess.run(command, check=True, capture_output=True).stdout
    t.equal(struct.unpack_from('<II', data), (MAGIC, VERSION), 'header')
    sections, at = {}, 8
    while at < len(data):
        kind, length = struct.unpack_from('<II', data, at)
        t.equal((length % 8, len(data) >= at + 8 + length), (0, True), f'section {kind} at {at}')
        sections.setdefault(kind, []).append(data[at + 8:at + 8 + length])
        at += 8 + length
    t.equal(at, len(data), 'length')
    return sections


def words(content):
    return struct.unpack(f'<{len(content) // 4}I', content)


def virtio_dump(t, have):
    side = t.net.local
    offered, features, _, status = struct.unpack_from('<QQQI', have[VIRTIO][0])
    known = diagnosed(t.net.devlink_name(), 'device')
    t.equal((offered, features, status), (known['features_offered'], known['features'],
                                          known['device_status']), 'features and status')
    mac = ':'.join(f'{byte:02x}' for byte in have[CONFIG][0][8:14])
    t.true(mac in side.ethtool('-P').stdout, f'address {mac}')
    pairs = side.channels()['combined']
    rings = {index: (flags, size, free) for index, flags, size, free in
             (words(each)[:4] for each in have[RING])}
    t.true(set(range(2 * pairs)) <= set(rings), f'rings {rings}')
    for index, (flags, size, free) in rings.items():
        t.true(not flags & BROKEN and free <= size, f'ring {index}: {flags} {size} {free}')
    t.equal((rings[0][1], rings[1][1]), (side.rings()['rx'], side.rings()['tx']), 'sizes of rings')


def shm_dump(t, have):
    known = diagnosed(t.net.devlink_name(), 'device')
    size, _, position, vectors = struct.unpack_from('<QIII', have[SHM][0])
    t.equal((size, position, vectors), (known['region_bytes'], known['position'],
                                        known['vectors']), 'region, position, vectors')
    if CLASSIC in have:
        t.equal(words(have[CLASSIC][0])[2], 3, 'state')
        return
    t.equal(len(have[LANE]), known['ports'] * known['queues'], 'lanes')
    sent = sum(words(each)[2] for each in have[LANE])
    t.net.ping()
    t.true(sum(words(each)[2] for each in dump(t, t.net.local)[LANE]) > sent,
           'the index of a ring does not move')


@case('155 156 183')
def register_dump(t):
    """It is whole, says what others say, up and down."""
    side = t.net.local
    t.net.recover(t)
    have = dump(t, side)
    device = words(have[DEVICE][0])
    t.equal((device[3], device[8]), (side.channels()['combined'], side.link()['mtu']),
            'channels and MTU')
    t.true(device[0] & CARRIER, f'no carrier: {device}')
    t.equal(len(have[QUEUE]), side.channels()['combined'], 'queues')
    (virtio_dump if VIRTIO in have else shm_dump)(t, have)
    side.down()
    have = dump(t, side)
    t.true(not words(have[DEVICE][0])[0] & CARRIER and QUEUE not in have, f'down: {have}')


def tested(side, mode):
    """ethtool -t: whether it says that all is well, and {test: result}."""
    text = side.ethtool('-t', mode, check=False, timeout=60).stdout
    lines = [line.rsplit(None, 1) for line in text.partition('extra info:')[2].splitlines()]
    return 'result is PASS' in text, {line[0]: int(line[1]) for line in lines if len(line) == 2}


@case('124 183', timeout=120)
def self_test(t):
    """All is well, online and offline, and goes on."""
    side = t.net.local
    t.net.recover(t)
    kept = (side.rings(), side.link()['mtu'], side.mac(), side.features(), side.channels())
    for mode in ('online', 'offline'):
        before = side.stats()
        good, results = tested(side, mode)
        t.true(good and results and not any(results.values()), f'{mode}: {good} {results}')
        t.true('link' in results, f'tests: {results}')
        if t.net.devlink_name().startswith('virtio'):
            pairs = side.channels()['combined']
            t.equal(sorted(name for name in results if 'interrupt' in name),
                    [f'interrupt tx {pair} (offline)' for pair in range(pairs)], 'interrupts')
            if mode == 'offline':
                t.grew(before, side.stats(), 'tx_interrupts', pairs)
        t.net.ping()
    t.equal((side.rings(), side.link()['mtu'], side.mac(), side.features(), side.channels()),
            kept, 'configuration')
    traffic.both_ways(t.net)
    side.down()
    good, results = tested(side, 'offline')
    t.true(not good and results['link'], f'down: {good} {results}')


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
