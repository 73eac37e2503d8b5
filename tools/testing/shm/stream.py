#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A TCP stream that goes on, with every byte checked, and how long it stood still.

    stream.py serve PORT
    stream.py send ADDRESS PORT FILE     until FILE is there

The sender prints one line: "ok BYTES LONGEST", the longest time in seconds in which
nothing moved, or what went wrong.
"""
import hashlib
import os
import random
import socket
import struct
import sys
import threading
import time

_BLOCK = random.Random(3).randbytes(1 << 20)
PIECE = 60000
# A link may take this long to come back, and TCP more than that to notice.
PATIENCE = 180


def _read(sock, length):
    parts = b''
    while len(parts) < length:
        part = sock.recv(length - len(parts))
        if not part:
            raise OSError('the connection ended early')
        parts += part
    return parts


def _serve(sock):
    """Count and digest all that comes; tell the sender how far it is as it goes."""
    digest, count = hashlib.sha256(), 0
    with sock:
        sock.settimeout(PATIENCE)
        while True:
            data = sock.recv(1 << 17)
            if not data:
                break
            digest.update(data)
            count += len(data)
        sock.sendall(digest.digest() + struct.pack('!Q', count))


def serve(port):
    with socket.create_server(('0.0.0.0', port)) as listener:
        print('ready', flush=True)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=_serve, args=(sock,), daemon=True).start()


def send(address, port, stop):
    """Send until the file is there; returns (bytes, longest pause)."""
    digest, count, index, longest = hashlib.sha256(), 0, 0, 0.0
    with socket.create_connection((address, port), 30) as sock:
        # A small buffer: what it takes is gone soon, so a pause is one of the link.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        sock.settimeout(PATIENCE)
        last = time.monotonic()
        while not os.path.exists(stop):
            piece = _BLOCK[index:index + PIECE]
            sock.sendall(piece)
            digest.update(piece)
            count += len(piece)
            index = (index + 4099) % (len(_BLOCK) - PIECE)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
        sock.shutdown(socket.SHUT_WR)
        answer = _read(sock, 40)
    if answer != digest.digest() + struct.pack('!Q', count):
        raise OSError(f'the data is damaged: {count} bytes sent')
    return count, longest


def main():
    if sys.argv[1] == 'serve':
        serve(int(sys.argv[2]))
    try:
        print('ok %d %.1f' % send(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    except OSError as error:
        print(error)
        sys.exit(1)


if __name__ == '__main__':
    main()
