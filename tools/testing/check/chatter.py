# SPDX-License-Identifier: GPL-2.0
"""TCP both ways, for as long as wanted, that begins anew whenever it breaks off: traffic
for devices that are told to fail.

In a guest, as a program: chatter.py PORT PAUSE ADDRESS... talks to the host at each
address, with so many seconds between what is said.
"""
import contextlib
import socket
import sys
import threading
import time

CHUNK = b'ivnet' * 13107
# Seconds that an answer may take.
PATIENCE = 10


class Chatter:
    """The host's end: says what it hears, and counts it by its own address."""

    def __init__(self, port):
        self.port, self.moved = port, {}
        self.listener = socket.create_server(('', port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def command(self, pause, addresses):
        """The guest's end."""
        return f'python3 -B /ivnet/tools/testing/check/chatter.py {self.port} {pause} ' \
               + ' '.join(addresses)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10 * PATIENCE)
            address = connection.getsockname()[0]
            while data := connection.recv(1 << 16):
                connection.sendall(data)
                self.moved[address] = self.moved.get(address, 0) + len(data)

    def moves(self, address, timeout):
        """Seconds until data has gone both ways, or None."""
        start, before = time.monotonic(), self.moved.get(address, 0)
        while time.monotonic() < start + timeout:
            if self.moved.get(address, 0) > before + len(CHUNK):
                return time.monotonic() - start
            time.sleep(0.1)
        return None


def once(address, port, pause):
    """A connection, until it breaks off."""
    with socket.create_connection((address, port), timeout=PATIENCE) as connection:
        while True:
            connection.sendall(CHUNK)
            left = len(CHUNK)
            while left:
                data = connection.recv(left)
                if not data:
                    raise OSError('the other end is gone')
                left -= len(data)
            time.sleep(pause)


def talk(address, port, pause):
    while True:
        with contextlib.suppress(OSError):
            once(address, port, pause)
        time.sleep(pause)


if __name__ == '__main__':
    for each in sys.argv[3:]:
        threading.Thread(target=talk, args=(each, int(sys.argv[1]), float(sys.argv[2]))).start()
