# SPDX-License-Identifier: GPL-2.0
"""Clients of ivshmem-server that do anything at all, and one that looks on."""
import contextlib
import os
import random
import socket
import time

from server_rig import Client, Wrong, equal, expect, readable


class Fuzz:
    """Clients that do anything at all, for a while."""

    def __init__(self, server, vectors, seed):
        self.server, self.vectors = server, vectors
        self.random = random.Random(seed)
        self.clients = []

    def read(self, client):
        for _ in range(self.random.randint(1, 30)):
            if not readable(client.sock, 0):
                return
            found = client.message()
            if found is None:
                self.close(client)
                return
            if found[1] is not None:
                os.close(found[1])

    def close(self, client):
        self.clients.remove(client)
        client.sock.close()

    def step(self):
        action = self.random.randrange(12)
        if action < 3 or not self.clients:
            if len(self.clients) < 24:
                self.clients.append(Client(self.server, self.vectors))
            return
        client = self.random.choice(self.clients)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, BlockingIOError):
            if action < 8:
                self.read(client)
            elif action == 8:
                client.sock.send(os.urandom(self.random.randint(1, 64)), socket.MSG_DONTWAIT)
            elif action == 9:
                client.sock.shutdown(self.random.choice(
                    (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))
            else:
                self.close(client)

    def run(self, watcher, seconds):
        end = time.monotonic() + seconds
        steps = 0
        while time.monotonic() < end:
            self.step()
            steps += 1
            if not steps % 10:
                watcher.follow(0)
        while self.clients:
            self.close(self.clients[0])
        return steps


def fuzz(server, vectors, seconds):
    """Fuzz it, and look at what one honest client sees."""
    with Client(server, vectors) as watcher:
        watcher.follow()
        seed = random.randrange(1 << 32)
        try:
            steps = Fuzz(server, vectors, seed).run(watcher, seconds)
            watcher.follow(1)
            equal(watcher.peers, {}, 'who is there in the end')
        except (Wrong, OSError) as error:
            raise Wrong(f'seed {seed}: {error}\n{server.log()[-3000:]}') from None
        expect(steps > 100, f'{steps} steps only')
        with Client(server, vectors) as last:
            last.follow()
            expect(last.id is not None, 'nobody is served any more')
