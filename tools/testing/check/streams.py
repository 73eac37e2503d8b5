# SPDX-License-Identifier: GPL-2.0
"""TCP from a guest to the host, many connections at a time, each hashed at both ends.

In the guest, as a program: streams.py ADDRESS PORT COUNT SECONDS sends until
/tmp/streams.PORT is there, or for so long, and prints the sums.
"""
import hashlib
import os
import socket
import sys
import threading
import time

CHUNK = b'ivnet' * 13107


class Streams:
    """TCP from a guest, as many connections as wanted, each hashed at both ends."""

    def __init__(self, guest, address, port, count, seconds=600):
        self.socket = socket.create_server((address, port), backlog=count)
        self.guest, self.stop = guest, f'/tmp/streams.{port}'
        self.sums, self.moved = [], 0
        self.threads = []
        for _ in range(count):
            thread = threading.Thread(target=self.receive, daemon=True)
            thread.start()
            self.threads.append(thread)
        self.command = guest.start_command(
            f'python3 -B /ivnet/tools/testing/check/streams.py {address} {port} {count} {seconds}')

    def receive(self):
        connection, _ = self.socket.accept()
        digest = hashlib.sha256()
        with connection:
            while True:
                data = connection.recv(1 << 16)
                if not data:
                    break
                digest.update(data)
                self.moved += len(data)
        self.sums.append(digest.hexdigest())

    def moves(self, timeout):
        """Seconds until data moves, or None."""
        start, before = time.monotonic(), self.moved
        while time.monotonic() < start + timeout:
            if self.moved > before:
                return time.monotonic() - start
            time.sleep(0.05)
        return None

    def end(self, timeout):
        """What is wrong with them, at the end, which is now."""
        self.guest.run(f'touch {self.stop}', check=True)
        done = self.command.wait(timeout)
        for thread in self.threads:
            thread.join(timeout)
        self.socket.close()
        sent = done.out.split()
        if done.code or sorted(sent) != sorted(self.sums):
            return f'{len(sent)} sent, {len(self.sums)} came: {done.out} {done.err} {self.sums}'
        return ''


def send(address, port, count, seconds):
    """In the guest: so many streams; prints their sums."""
    end = time.monotonic() + seconds

    def one():
        digest = hashlib.sha256()
        with socket.create_connection((address, port), timeout=180) as connection:
            while time.monotonic() < end and not os.path.exists(f'/tmp/streams.{port}'):
                connection.sendall(CHUNK)
                digest.update(CHUNK)
        print(digest.hexdigest(), flush=True)
    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == '__main__':
    send(sys.argv[1], *map(int, sys.argv[2:]))
