#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Rings: sizes, back-pressure, byte queue limits, doorbells."""
import contextlib
import glob
import os
import re
import threading
import time

from lib import traffic
from lib.ktap import case, main, quick
from lib.net import need_module, read, wait_for, write


def restore(t):
    side = t.net.local
    now = side.rings()
    t.defer(t.net.ping)
    t.defer(side.ethtool, '-G', 'rx', now['rx'], 'tx', now['tx'])
    return now


def sizes(now, which):
    return sorted({64, 128, now[f'{which}-max'] // 2, now[f'{which}-max']})


def set_rings(t, *words):
    done = t.net.local.ethtool('-G', *words, check=False)
    if 'fixed' in done.stderr:
        t.skip(f'the device has fixed rings: {done.stderr.strip()}')
    t.equal(done.returncode, 0, f'ethtool -G {" ".join(map(str, words))}: {done.stderr}')


@case('37 38', timeout=120)
def every_size(t):
    now = restore(t)
    for which in ('rx', 'tx'):
        for size in sizes(now, which):
            if size == now[which]:
                continue
            set_rings(t, which, size)
            t.equal(t.net.local.rings()[which], size, which)
            traffic.both_ways(t.net, 300000)
        set_rings(t, which, now[which])


@case('37 38')
def while_down(t):
    """A size that is set while down holds after up."""
    side = t.net.local
    restore(t)
    t.defer(side.up)
    side.down()
    set_rings(t, 'rx', 128, 'tx', 64)
    side.up()
    now = side.rings()
    t.equal((now['rx'], now['tx']), (128, 64), 'rings')
    t.net.ping()
    traffic.both_ways(t.net)


@case('54', timeout=90)
def full(t):
    """A full ring stops the queue, loses nothing, and wakes it again."""
    side = t.net.local
    restore(t)
    set_rings(t, 'tx', 64)
    t.net.keep_feature(t, side, 'tx-tcp-segmentation', 'generic-segmentation-offload')
    side.ethtool('-K', 'tx-tcp-segmentation off generic-segmentation-offload off')
    # Byte queue limits are there to keep the ring from getting full.
    limits = glob.glob(side.sysfs('queues/tx-*/byte_queue_limits/limit_min'))
    for path in limits:
        t.defer(write, path, read(path))
        write(path, 1 << 24)
    drops = side.stats64()['tx']['dropped']
    first, second = traffic.udp_pair(side, t.net.remote)
    with contextlib.closing(first), contextlib.closing(second):
        payload = traffic.data(50)
        for _ in range(1000):
            first.send(payload)
    # A sender may be slower than the device. Of a longer burst than the ring
    # holds the device hears nothing until the ring is full.
    before, _ = pktgen(t, 2000, 200, ('clone_skb 1000',))
    traffic.tcp(side, t.net.remote, 2 << 20)
    t.grew(before, side.stats(), 'tx_stops')
    wait_for(lambda: side.stats()['tx_wakes'] > before['tx_wakes'], 'tx_wakes')
    t.equal(side.stats64()['tx']['dropped'], drops, 'dropped by the driver')
    for _ in range(5):
        t.net.ping()


@case('55')
def byte_queue_limits(t):
    """The limit adapts and bytes are seen in flight; at rest there are none."""
    side = t.net.local
    folders = glob.glob(side.sysfs('queues/tx-*/byte_queue_limits'))
    t.true(folders, 'no byte_queue_limits')

    def values(name):
        return [int(read(f'{folder}/{name}')) for folder in folders]

    def sample():
        while not done.is_set():
            seen.append(max(values('inflight')))

    seen, done = [], threading.Event()
    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    with traffic.Stream(side, t.net.remote) as stream:
        for _ in range(200):
            stream.progress()
            if max(seen or [0]) and max(values('limit')):
                break
    done.set()
    thread.join()
    t.true(max(seen), 'no byte was ever in flight')
    t.true(max(values('limit')), 'the limits never moved')
    wait_for(lambda: not max(values('inflight')), 'nothing in flight at rest')


def pktgen(t, count, burst, extra=()):
    """Send with the kernel's packet generator; returns counters before, after."""
    need_module('pktgen')
    side = t.net.local
    cpu = traffic.cpus()[0]
    thread = f'/proc/net/pktgen/kpktgend_{cpu}'
    t.defer(write, thread, 'rem_device_all\n')
    write(thread, 'rem_device_all\n')
    write(thread, f'add_device {side.ifname}\n')
    device = f'/proc/net/pktgen/{side.ifname}'
    for line in (f'count {count}', 'clone_skb 0', 'pkt_size 60', 'delay 0', f'burst {burst}',
                 f'dst {t.net.remote.v4}', f'dst_mac {t.net.remote.mac()}', *extra):
        write(device, line + '\n')
    before = side.stats()
    write('/proc/net/pktgen/pgctrl', 'start\n')
    # That returns too soon when the thread was slow to start.
    wait_for(lambda: re.search(r'Result: OK: \d+\(c', read(device)), 'the end of pktgen', 60)
    after, result = side.stats(), read(device)
    if after['tx_packets'] - before['tx_packets'] < count:
        moved = {name: after[name] - value for name, value in before.items() if after[name] != value}
        t.fail(f'{count} packets were sent, of which were counted: {moved}; {result[-300:]}')
    return before, after


@case('56', timeout=90)
def doorbells(t):
    """Of a burst only the last packet rings."""
    count = 2000 if quick() else 20000
    before, after = pktgen(t, count, 32, ('clone_skb 1000',))
    t.grew(before, after, 'tx_packets', count)
    rings_ = after['tx_notifies'] - before['tx_notifies']
    t.true(0 < rings_ <= count // 16, f'{rings_} notifies for {count} packets in bursts of 32')


@case('51', timeout=90)
def packets_in_many_pieces(t):
    """Every packet in 17 pieces, which is what a stack may hand out."""
    before, after = pktgen(t, 500, 1, ('frags 17', 'pkt_size 1400'))
    t.grew(before, after, 'tx_packets', 500)
    t.same(before, after, 'tx_copied')
    t.same(before, after, 'tx_err_ring')
    traffic.both_ways(t.net)


@case('57')
def stopped_under_load(t):
    """Down with a full ring: what is not sent is freed, up works again."""
    side = t.net.local
    t.net.recover(t)
    stop = threading.Event()
    first, second = traffic.udp_pair(side, t.net.remote)

    def flood():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                first.send(bytes(1000))

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    for _ in range(5):
        time.sleep(0.05)
        side.down()
        side.up()
    stop.set()
    thread.join()
    first.close()
    second.close()
    for path in glob.glob(side.sysfs('queues/tx-*/byte_queue_limits/inflight')):
        t.true(os.path.exists(path), path)
        wait_for(lambda each=path: read(each) == '0', f'{path} at rest')


if __name__ == '__main__':
    main()
