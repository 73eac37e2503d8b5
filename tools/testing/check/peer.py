# SPDX-License-Identifier: GPL-2.0
"""Data between the host and a guest, checked at both ends.

On the host: with Server(addresses) as server: ... In a guest, as a program:
peer.py PORT LENGTH ADDRESS... exchanges data with the server at each address
and prints one line for each: ADDRESS ok, or what went wrong.
"""
import contextlib
import hashlib
import os
import random
import socket
import struct
import sys
import threading

_BLOCK = random.Random(7).randbytes(1 << 20)
TIMEOUT = 60
# Guests may be slow; check/cases.py
SLOW = int(os.environ.get('SLOW', '1'))


def data(length):
    return (_BLOCK * (length // len(_BLOCK) + 1))[:length]


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def _read(sock, length):
    parts = []
    while length:
        part = sock.recv(min(length, 1 << 18))
        if not part:
            raise OSError('the connection ended early')
        parts.append(part)
        length -= len(part)
    return b''.join(parts)


def exchange(address, port, length):
    """Send and receive at the same time; then datagrams."""
    payload = data(length)
    with socket.socket(family(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(TIMEOUT)
        sock.connect((address, port))
        sock.sendall(struct.pack('!Q', length))
        thread = threading.Thread(target=sock.sendall, args=(payload,), daemon=True)
        thread.start()
        if hashlib.sha256(_read(sock, length)).digest() != hashlib.sha256(payload).digest():
            return 'TCP from the host is damaged'
        thread.join(TIMEOUT)
        if _read(sock, 32) != hashlib.sha256(payload).digest():
            return 'TCP to the host is damaged'
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        sock.settimeout(3 * SLOW)
        sock.connect((address, port))
        for size in (1, 64, 1400, 20000):
            for _ in range(4):
                sock.send(payload[:size])
                with contextlib.suppress(TimeoutError):
                    have = sock.recv(65536)
                    break
            else:
                return f'UDP of {size} bytes is lost'
            if have != payload[:size]:
                return f'UDP of {size} bytes is damaged'
    return 'ok'


class Server:
    """Answers exchange() on every address of the host, with one port."""

    def __init__(self, port=5500):
        self.port = port
        self.sockets = []

    def __enter__(self):
        for kind, serve in ((socket.SOCK_STREAM, self._accept), (socket.SOCK_DGRAM, self._echo)):
            for address in ('0.0.0.0', '::'):
                sock = socket.socket(family(address), kind)
                if family(address) == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((address, self.port))
                if kind == socket.SOCK_STREAM:
                    sock.listen(64)
                self.sockets.append(sock)
                threading.Thread(target=serve, args=(sock,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    @staticmethod
    def _serve(sock):
        with sock, contextlib.suppress(OSError):
            sock.settimeout(TIMEOUT)
            length, = struct.unpack('!Q', _read(sock, 8))
            if not length:    # a stream that goes on until one end is gone
                while sock.recv(1 << 18):
                    pass
                return
            thread = threading.Thread(target=sock.sendall, args=(data(length),), daemon=True)
            thread.start()
            digest = hashlib.sha256(_read(sock, length)).digest()
            thread.join(TIMEOUT)
            sock.sendall(digest)

    @staticmethod
    def _echo(sock):
        with contextlib.suppress(OSError):
            while True:
                payload, sender = sock.recvfrom(65536)
                if not sender:
                    return    # shut down
                sock.sendto(payload, sender)


def main():
    port, length = int(sys.argv[1]), int(sys.argv[2])
    for address in sys.argv[3:]:
        try:
            answer = exchange(address, port, length)
        except OSError as error:
            answer = str(error)
        print(address, answer, flush=True)


if __name__ == '__main__':
    main()
