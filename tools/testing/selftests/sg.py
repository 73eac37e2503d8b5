#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Frames in many pieces: sent as they are, or copied into one."""
import contextlib
import mmap
import socket
import tempfile

from lib import traffic
from lib.ktap import case, main
from lib.net import read

SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000


def zerocopy(piece):
    """A send() for traffic.tcp(): the payload lies in pieces of that length,
    each in a page of its own, and is sent from there."""
    def send(sock, payload):
        sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        page = mmap.PAGESIZE
        per_call = 64
        # Sent data must not change until it is acknowledged: no page is reused.
        memory = mmap.mmap(-1, page * (len(payload) // piece + 1))
        for number, start in enumerate(range(0, len(payload), piece)):
            part = payload[start:start + piece]
            memory[number * page:number * page + len(part)] = part
        view, at = memoryview(memory), 0
        while at < len(payload):
            number, inside = divmod(at, piece)
            pieces = []
            for each in range(number, number + per_call):
                left = min(piece, len(payload) - each * piece)
                if left <= 0:
                    break
                begin = each * page + (inside if each == number else 0)
                pieces.append(view[begin:each * page + left])
            at += sock.sendmsg(pieces, [], MSG_ZEROCOPY)
    return send


@case('50 51 52', timeout=90)
def many_pieces(t):
    """Frames of as many pieces as the stack makes (17 on most kernels)."""
    try:
        t.true(int(read('/proc/sys/net/core/max_skb_frags')) >= 17, 'max_skb_frags')
    except FileNotFoundError:
        pass    # older kernels have no setting
    net = t.net
    for source, target in net.directions():
        for piece in (1, 3, 80, 1000, 4096):
            traffic.tcp(source, target, min(300 * piece, 400000), 4, send=zerocopy(piece))
        traffic.tcp(source, target, 40000, 6, send=zerocopy(80))


@case('51')
def tiny_buffers(t):
    """sendmsg() of a thousand single bytes."""
    def send(sock, payload):
        pieces = [payload[n:n + 1] for n in range(len(payload))]
        for start in range(0, len(pieces), 1000):
            t.equal(sock.sendmsg(pieces[start:start + 1000]), len(pieces[start:start + 1000]),
                    'sendmsg')

    for source, target in t.net.directions():
        traffic.tcp(source, target, 20000, 4, send=send)


@case('50')
def sendfile(t):
    def send(sock, payload):
        with tempfile.TemporaryFile() as file:
            file.write(payload)
            file.seek(0)
            sock.sendfile(file)

    for source, target in t.net.directions():
        for version in (4, 6):
            traffic.tcp(source, target, 1 << 20, version, send=send)


def small_in_pieces(t, count=20):
    """UDP datagrams of 100 bytes that lie outside the frame's head."""
    first, second = traffic.udp_pair(t.net.local, t.net.remote)
    with contextlib.closing(first), contextlib.closing(second):
        first.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
        memory = mmap.mmap(-1, mmap.PAGESIZE)
        memory[:100] = traffic.data(100)
        for _ in range(count):
            first.sendmsg([memoryview(memory)[:50], memoryview(memory)[50:100]], [], MSG_ZEROCOPY)
            t.equal(second.recv(1000), traffic.data(100), 'datagram')


@case('53')
def copybreak(t):
    """Small frames in pieces are copied into one, up to the tunable."""
    side = t.net.local
    have = side.tunable('tx-copybreak')
    if have is None:
        t.skip('the transport copies every frame')
    t.defer(side.set_tunable, 'tx-copybreak', have)
    for limit, copied in ((1000, True), (0, False)):
        side.set_tunable('tx-copybreak', limit)
        before = side.stats()
        small_in_pieces(t)
        after = side.stats()
        if copied:
            t.grew(before, after, 'tx_copied', 20)
        else:
            t.same(before, after, 'tx_copied')
        traffic.both_ways(t.net)


@case('50 53', timeout=90)
def off(t):
    """Without scatter-gather the stack copies; segmentation goes with it."""
    side = t.net.local
    t.net.keep_feature(t, side, 'tx-scatter-gather', 'tx-tcp-segmentation',
                       'tx-tcp6-segmentation', 'tx-tcp-ecn-segmentation',
                       'tx-udp-segmentation', 'generic-segmentation-offload')
    side.feature('tx-scatter-gather', False)
    now = side.features()
    t.equal((now['tx-scatter-gather'][0], now['tx-tcp-segmentation'][0]), (False, False),
            'features that are on')
    before = side.stats()
    traffic.tcp(side, t.net.remote, 300000, 4, send=zerocopy(80))
    small_in_pieces(t)
    traffic.both_ways(t.net)
    after = side.stats()
    t.same(before, after, 'tx_gso_packets')
    t.same(before, after, 'tx_copied')


if __name__ == '__main__':
    main()
