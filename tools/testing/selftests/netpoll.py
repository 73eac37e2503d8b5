#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""netpoll, by its user netconsole: frames that leave with interrupts off."""
import contextlib
import os
import socket
import time

from lib import traffic
from lib.ktap import case, main, slow, times
from lib.net import need_module, read, run, write

DEBUG = '/proc/dynamic_debug/control'
LEVEL = '/proc/sys/kernel/printk'


@contextlib.contextmanager
def netconsole(t, port):
    net = t.net
    need_module('netconsole')
    run('modprobe -r netconsole')
    net.ping()
    run('modprobe netconsole', f'netconsole=+6665@{net.local.v4}/{net.local.ifname},'
        f'{port}@{net.remote.v4}/{net.remote.mac()}')
    try:
        yield
    finally:
        run('modprobe -r netconsole')


def listen(net):
    with net.remote.namespace():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((net.remote.v4, 0))
    return sock


def wait_message(sock, text, seconds):
    deadline = time.monotonic() + seconds * slow()
    while time.monotonic() < deadline:
        sock.settimeout(deadline - time.monotonic())
        try:
            if text in sock.recv(65536):
                return True
        except TimeoutError:
            break
    return False


def says(t, sock, number):
    """A kernel message arrives; datagrams may get lost, so it is repeated."""
    for attempt in range(4):
        text = f'ivnet selftest {number}.{attempt}'
        write('/dev/kmsg', f'<1>{text}\n')
        if wait_message(sock, text.encode(), 4):
            return
    t.fail(f'message {number} did not come')


@case('45 168', timeout=90)
def messages(t):
    """Kernel messages come as datagrams, alone and with other traffic on."""
    with listen(t.net) as sock, netconsole(t, sock.getsockname()[1]):
        for number in range(5):
            says(t, sock, number)
        with traffic.Stream(t.net.local, t.net.remote) as stream:
            for number in range(5, 10):
                says(t, sock, number)
                stream.progress()


@case('168', timeout=90)
def from_interrupts(t):
    """Messages of interrupt handlers, some of which interrupt a frame's way to
    the device."""
    if not os.path.exists(DEBUG):
        t.skip('this kernel has no dynamic debug')
    if 'virtio' not in t.net.local.ethtool('-i').stdout.split('\n')[0]:
        t.skip('the handler whose messages are counted is that of virtqueues')
    t.defer(t.net.ping)
    with listen(t.net) as sock, netconsole(t, sock.getsockname()[1]), \
            traffic.Stream(t.net.local, t.net.remote) as stream:
        t.defer(write, LEVEL, read(LEVEL))
        t.defer(write, DEBUG, 'func vring_interrupt -p')
        write(LEVEL, 8)
        write(DEBUG, 'func vring_interrupt +p')
        came = wait_message(sock, b'virtqueue callback', 10)
        for _ in range(times(50, 10)):
            stream.progress()
        write(DEBUG, 'func vring_interrupt -p')
    t.true(came, 'no message of an interrupt handler came')


@case('168')
def down_with_netconsole(t):
    """The interface can go while netconsole has it."""
    side = t.net.local
    t.net.recover(t)
    with listen(t.net) as sock, netconsole(t, sock.getsockname()[1]):
        side.down()
        write('/dev/kmsg', '<1>ivnet selftest: nobody hears this\n')
        side.up()


if __name__ == '__main__':
    main()
