# SPDX-License-Identifier: GPL-2.0
"""TCP and UDP between the two ends, with every byte checked."""
import contextlib
import hashlib
import os
import random
import socket
import threading
import time

from lib.ktap import Failed, slow

_BLOCK = random.Random(1).randbytes(1 << 20)


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def data(length, seed=0):
    """Bytes that repeat only after a megabyte, from an offset of their own."""
    start = seed * 7919 % len(_BLOCK)
    whole = _BLOCK[start:] + _BLOCK[:start]
    return (whole * (length // len(whole) + 1))[:length]


def tcp_pair(source, target, address=None, target_address=None):
    """A TCP connection from one end to the other: (client, server) sockets."""
    where = target_address or (target.v6 if address == 6 else target.v4)
    with target.namespace():
        listener = socket.socket(family(where), socket.SOCK_STREAM)
    with listener:
        listener.settimeout(15 * slow())
        listener.bind((where, 0))
        listener.listen(4)
        with source.namespace():
            client = socket.socket(family(where), socket.SOCK_STREAM)
        client.settimeout(15 * slow())
        try:
            client.connect(listener.getsockname()[:2])
            server, _ = listener.accept()
        except OSError as error:
            client.close()
            raise Failed(f'TCP to {where}: {error}') from None
    server.settimeout(30 * slow())
    client.settimeout(30 * slow())
    return client, server


def _receive(sock, length):
    digest, left = hashlib.sha256(), length
    while left:
        chunk = sock.recv(min(left, 1 << 18))
        if not chunk:
            raise Failed(f'the connection ended {left} bytes early')
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def tcp(source, target, length, version=4, send=None, target_address=None):
    """Send that many bytes through a connection; the sums must be equal.

    send(socket, bytes) replaces sendall().
    """
    client, server = tcp_pair(source, target, version, target_address)
    payload = data(length, length)
    errors = []

    def sender():
        try:
            if send:
                send(client, payload)
            else:
                client.sendall(payload)
        except OSError as error:
            errors.append(error)
            client.close()

    with contextlib.closing(client), contextlib.closing(server):
        thread = threading.Thread(target=sender, daemon=True)
        thread.start()
        try:
            have = _receive(server, length)
        except OSError as error:
            raise Failed(f'TCP of {length} bytes to {target.ifname}: {error} '
                         f'{errors or ""}') from None
        thread.join(30)
    if errors:
        raise Failed(f'TCP of {length} bytes: {errors[0]}')
    if have != hashlib.sha256(payload).hexdigest():
        raise Failed(f'TCP of {length} bytes to {target.ifname}: the data is damaged')


def udp_pair(source, target, version=4):
    """Two sockets that are connected to each other."""
    sockets = []
    for side in (source, target):
        address = side.v6 if version == 6 else side.v4
        with side.namespace():
            sock = socket.socket(family(address), socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        sock.bind((address, 0))
        sock.settimeout(2 * slow())
        sockets.append(sock)
    first, second = sockets
    first.connect(second.getsockname()[:2])
    second.connect(first.getsockname()[:2])
    return first, second


def udp(source, target, size, count=10, version=4, tries=4):
    """Datagrams one by one, each must arrive as it was sent (or be sent again,
    as a datagram may get lost on the way)."""
    first, second = udp_pair(source, target, version)
    lost = 0
    with contextlib.closing(first), contextlib.closing(second):
        for number in range(count):
            payload = data(size, number)
            while True:
                first.send(payload)
                try:
                    have = second.recv(65536)
                    break
                except TimeoutError:
                    lost += 1
                    if lost > tries:
                        raise Failed(f'UDP of {size} bytes to {target.ifname}: {lost} of '
                                     f'{number + lost} lost') from None
            if have != payload:
                raise Failed(f'UDP of {size} bytes to {target.ifname}: the data is damaged')


def both_ways(net, length=200000, versions=(4, 6)):
    """The short check after each change of configuration."""
    for source, target in net.directions():
        for version in versions:
            tcp(source, target, length, version)


class Stream:
    """A TCP connection with data going on; checks that it survives.

    Both ends add up what they send and receive. stop() ends it and compares.
    """

    def __init__(self, source, target, version=4, pause=0.0):
        self.client, self.server = tcp_pair(source, target, version)
        for sock in (self.client, self.server):
            sock.settimeout(120 * slow())
        self.sent, self.received = hashlib.sha256(), hashlib.sha256()
        self.bytes_sent = self.bytes = 0
        self.pause = pause
        self.stopping = threading.Event()
        self.error = None
        self.threads = [threading.Thread(target=self._guard, args=(each,), daemon=True)
                        for each in (self._send, self._receive)]
        for thread in self.threads:
            thread.start()

    def _guard(self, function):
        try:
            function()
        except OSError as error:
            self.error = self.error or error
            self.stopping.set()

    def _send(self):
        index = 0
        while not self.stopping.is_set():
            chunk = _BLOCK[index:index + 60000]
            self.client.sendall(chunk)
            self.sent.update(chunk)
            self.bytes_sent += len(chunk)
            index = (index + 4099) % (len(_BLOCK) - 60000)
            if self.pause:
                time.sleep(self.pause)
        self.client.shutdown(socket.SHUT_WR)

    def _receive(self):
        while True:
            chunk = self.server.recv(1 << 18)
            if not chunk:
                return
            self.received.update(chunk)
            self.bytes += len(chunk)

    def progress(self, timeout=60, least=1):
        """Wait until more data has come."""
        before, deadline = self.bytes, time.monotonic() + timeout * slow()
        while self.bytes < before + least:
            if self.error:
                raise Failed(f'the connection broke after {self.bytes} bytes: {self.error}')
            if time.monotonic() > deadline:
                raise Failed(f'the connection stands still after {self.bytes} bytes')
            time.sleep(0.02)

    def stop(self, timeout=90):
        """End the stream; everything sent must have come."""
        self.stopping.set()
        deadline = time.monotonic() + timeout * slow()
        for thread in self.threads:
            thread.join(max(deadline - time.monotonic(), 0.1))
        alive = any(thread.is_alive() for thread in self.threads)
        self.close()
        if self.error:
            raise Failed(f'the connection broke: {self.error}')
        if alive:
            raise Failed(f'the connection stands still: {self.bytes} of {self.bytes_sent} bytes')
        if self.bytes != self.bytes_sent or self.sent.digest() != self.received.digest():
            raise Failed(f'the data is damaged: {self.bytes} of {self.bytes_sent} bytes')
        return self.bytes

    def close(self):
        self.stopping.set()
        for sock in (self.client, self.server):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def __enter__(self):
        self.progress()
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.close()
        else:
            self.progress()
            self.stop()


def cpus():
    return sorted(os.sched_getaffinity(0))
