#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Memory that is refused while something is changed: the change fails, what was
there goes on. Needs a kernel with fault injection; not part of the default list.
"""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import time

from lib import traffic
from lib.ktap import case, main, times
from lib.net import read, wait_for, write

SIOCETHTOOL, SIOCSIFMTU, SIOCSIFFLAGS = 0x8946, 0x8922, 0x8914
GET_RINGS, SET_RINGS, GET_CHANNELS, SET_CHANNELS = 0x10, 0x11, 0x3c, 0x3d
DEBUGFS = '/sys/kernel/debug'
NTH = '/proc/thread-self/fail-nth'
IFF_UP, SO_RCVBUFFORCE = 1, 33


def need(t):
    """Let every allocation be one that can fail."""
    if not os.path.exists(NTH):
        t.skip('this kernel has no fault injection')
    for kind in ('failslab', 'fail_page_alloc'):
        folder = f'{DEBUGFS}/{kind}'
        if not os.path.isdir(folder):
            t.skip(f'this kernel has no {kind}')
        for name, value in (('ignore-gfp-wait', 'N'), ('min-order', '0'), ('verbose', '0')):
            if os.path.exists(f'{folder}/{name}'):
                t.defer(write, f'{folder}/{name}', read(f'{folder}/{name}'))
                write(f'{folder}/{name}', value)


class Control:
    """Changes by ioctl: a program that is started would fail first."""

    def __init__(self, side):
        self.name = side.ifname.encode()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def ethtool(self, *words):
        buffer = ctypes.create_string_buffer(struct.pack(f'={len(words)}I', *words))
        fcntl.ioctl(self.sock, SIOCETHTOOL, struct.pack(
            '=16sQ16x', self.name, ctypes.addressof(buffer)))
        return struct.unpack_from(f'={len(words)}I', buffer.raw)

    def rings(self):
        return self.ethtool(GET_RINGS, *[0] * 8)

    def set_rings(self, rx, tx):
        now = self.rings()
        self.ethtool(SET_RINGS, *now[1:5], rx, 0, 0, tx)

    def channels(self):
        return self.ethtool(GET_CHANNELS, *[0] * 8)

    def set_channels(self, count):
        now = self.channels()
        self.ethtool(SET_CHANNELS, *now[1:8], count)

    def set_mtu(self, mtu):
        fcntl.ioctl(self.sock, SIOCSIFMTU, struct.pack('=16si20x', self.name, mtu))

    def set_up(self, up):
        fcntl.ioctl(self.sock, SIOCSIFFLAGS, struct.pack(
            '=16sH22x', self.name, 0x1042 | (IFF_UP if up else 0)))


def each_failure(t, change, check, back):
    """Make the first allocation of change() fail, then the second, ... until it
    needs no more; check(error) after each, back() after a success."""
    failed, number = 0, 0
    while True:
        number += times(1, 3)
        error = None
        file = os.open(NTH, os.O_RDWR)
        try:
            os.write(file, str(number).encode())
            try:
                change()
            except OSError as reason:
                error = reason
            left = int(os.pread(file, 20, 0))
            os.write(file, b'0')
        finally:
            os.close(file)
        check(error)
        if error:
            failed += 1
        else:
            back()
        if left:
            return failed
        t.true(number < 5000, 'no end of allocations')


def under_stream(t, change, state, back):
    """Each failure leaves the state and the connections as they were. A broken one
    must not take as long as traffic.Stream would wait."""
    with traffic.Stream(t.net.local, t.net.remote, 4, 0.01) as out, \
            traffic.Stream(t.net.remote, t.net.local, 4, 0.01) as into:
        before = state()

        def check(error):
            if error:
                t.equal(state(), before, f'configuration after "{error}"')
            out.progress(timeout=15)
            into.progress(timeout=15)

        failed = each_failure(t, change, check, back)
        t.true(failed >= 3, f'only {failed} attempts failed')


@case('171', timeout=600)
def rings(t):
    need(t)
    control = Control(t.net.local)
    now = control.rings()
    t.defer(t.net.ping)
    t.defer(control.set_rings, now[5], now[8])
    under_stream(t, lambda: control.set_rings(128, 128), control.rings,
                 lambda: control.set_rings(now[5], now[8]))


@case('35 171', timeout=600)
def channels(t):
    need(t)
    control = Control(t.net.local)
    now = control.channels()
    if now[4] < 2:
        t.skip('the device has one queue pair')
    t.defer(t.net.ping)
    t.defer(control.set_channels, now[8])
    control.set_channels(1)
    under_stream(t, lambda: control.set_channels(now[4]), control.channels,
                 lambda: control.set_channels(1))


@case('117 171', timeout=600)
def mtu(t):
    need(t)
    control = Control(t.net.local)
    link = t.net.local.link
    have = link()['mtu']
    t.defer(t.net.ping)
    t.defer(control.set_mtu, have)
    under_stream(t, lambda: control.set_mtu(1400), lambda: link()['mtu'],
                 lambda: control.set_mtu(have))


@case('171', timeout=600)
def up(t):
    """An interface that cannot come up for lack of memory does the next time."""
    need(t)
    control, side = Control(t.net.local), t.net.local
    t.defer(t.net.ping)
    t.defer(control.set_up, True)
    control.set_up(False)

    def check(error):
        t.equal('UP' in side.link()['flags'], not error, f'up after "{error}"')

    failed = each_failure(t, lambda: control.set_up(True), check, lambda: control.set_up(False))
    t.true(failed >= 3, f'only {failed} attempts failed')
    control.set_up(True)
    # IPv6 loses its address without a word when it finds no memory.
    side.ip('-6 addr replace', f'{side.v6}/64', 'dev', side.ifname, 'nodad')
    t.net.ping()
    traffic.both_ways(t.net, 100000)


@case('47', timeout=300)
def receive_memory(t):
    """No memory for receive buffers: tried again, without an interrupt, until
    there is some."""
    need(t)
    side, folder = t.net.local, f'{DEBUGFS}/fail_page_alloc'
    for name, value in (('probability', 0), ('times', 1), ('interval', 1)):
        t.defer(write, f'{folder}/{name}', value)
    # only what cannot wait, and what is larger than a page: receive buffers
    write(f'{folder}/ignore-gfp-wait', 'Y')
    write(f'{folder}/min-order', 1 if side.rings().get('rx-buf-len', 0) > 4096 else 0)
    # datagrams that nobody reads keep the memory they came in
    first, second = traffic.udp_pair(t.net.remote, side)
    with contextlib.closing(first), contextlib.closing(second):
        second.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        first.settimeout(0)

        def counters():
            return side.stats64()['rx']['packets'], side.stats()['rx_refill_retries']

        def send():
            with contextlib.suppress(BlockingIOError):
                for _ in range(1000):
                    first.send(payload)
            time.sleep(1)
            return counters()

        def starved():
            """Frames are sent and none comes, yet memory is asked for again and again."""
            before, after = counters(), send()
            return before[0] == after[0] and after[1] >= before[1] + 3

        payload = traffic.data(1400)
        write(f'{folder}/times', -1)
        write(f'{folder}/interval', 1)
        write(f'{folder}/probability', 100)
        try:
            wait_for(starved, 'an empty ring, and memory that is asked for without a frame', 15)
            have = counters()
        finally:
            write(f'{folder}/probability', 0)
        wait_for(lambda: send()[0] > have[0], 'a frame, now that there is memory')
    traffic.both_ways(t.net, 300000)


if __name__ == '__main__':
    main()
