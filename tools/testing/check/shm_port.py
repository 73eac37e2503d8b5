# SPDX-License-Identifier: GPL-2.0
"""A port of an ivnet-shm segment, by the text of ivnet-shm.rst and nothing else: it
keeps the rules unless a test tells it otherwise."""
import mmap
import os
import random
import struct
import time

import region
from server_rig import Client, Wrong, expect, ring

DOWN, READY, RUN = 0, 2, 3
CSUM, TSO4, TSO6, ECN, USO = 1, 2, 4, 8, 16
BEAT = 0.2
_DESC = struct.Struct('<IIHHHHHBBHHII')
_ANNOUNCE = struct.Struct('<3I2HQ6sHI5H32s2sQ40s')
OWNER = 88    # in an announce block


class Port(region.View):
    """A port that is driven by the test: nothing happens but in run()."""

    def __init__(self, server, features=0, vectors=5, port=None, mac='02:00:00:00:0a:01'):
        self.client = Client(server, vectors=5)
        self.client.follow()
        self.map = mmap.mmap(self.client.memory, 0)
        region.wait(self.map, lambda _view: True, 10)
        super().__init__(self.map)
        self.features, self.wants, self.vectors = features, features, vectors
        self.address = bytes.fromhex(mac.replace(':', ''))
        self.state, self.beat, self.beat_at, self.beating = RUN, 0, 0, True
        self.taking = True    # frames that come
        lanes = (self.ports - 1) * self.queues
        self.lanes_off = -(-128 * (1 + self.ports + 2 * lanes) // 4096) * 4096
        self.lane_size = (self.stride - self.lanes_off) // lanes // 64 * 64
        self.ring_size = 1 << self.order
        self.data_size = self.lane_size - 32 * self.ring_size
        self.links, self.frames = {}, []
        free = [i for i in range(self.ports) if not self.claim(i)[2]] if port is None else [port]
        expect(free, 'no port is free')
        self.me = free[0]
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.claim(self.me)[0] == self.incarnation:
            self.state = DOWN
            self.announce_me()
            struct.pack_into('<Q', self.map, region.PORT_TABLE + 64 * self.me, 0)
        self.client.close()

    def start(self):
        """A new life of this port."""
        self.incarnation = random.randrange(1, 1 << 32)
        self.links = {j: {'state': 'down', 'life': random.randrange(1, 1 << 31), 'peer': 0}
                      for j in range(self.ports) if j != self.me}
        struct.pack_into('<IHH', self.map, region.PORT_TABLE + 64 * self.me, self.incarnation,
                         self.client.id, 1)
        at = self.section(self.me)
        self.map[at:at + 128 * (1 + self.ports)] = bytes(128 * (1 + self.ports))
        self.announce_me()

    def announce_me(self):
        data = [min(1 + q, max(self.vectors - 1, 0)) for q in range(4)]
        words = _ANNOUNCE.pack(self.incarnation, self.state, self.beat, self.client.id,
                               self.vectors, self.features, self.address, 1500, self.max_frame,
                               0, *data, b'a test', bytes(2), self.wants, bytes(40))
        at = self.section(self.me)
        self.map[at + 12:at + 128] = words[12:]
        self.map[at:at + 12] = words[:12]

    def owner(self, i):
        return struct.unpack_from('<Q', self.map, self.section(i) + OWNER)[0]

    def put_owner(self, i, owner):
        struct.pack_into('<Q', self.map, self.section(i) + OWNER, owner)

    def put_claim(self, i, incarnation):
        """As if another life of this process had taken port i."""
        struct.pack_into('<IHH', self.map, region.PORT_TABLE + 64 * i, incarnation & 0xffffffff,
                         self.client.id, 1)

    def lane(self, i, j, q):
        return (j if j < i else j - 1) * self.queues + q

    def block(self, i, j):
        return self.section(i) + 128 * (1 + j)

    def prod(self, i, j, q=0):
        return self.section(i) + 128 * (1 + self.ports + self.lane(i, j, q))

    def cons(self, i, j, q=0):
        return self.prod(i, j, q) + 128 * (self.ports - 1) * self.queues

    def ring_at(self, i, j, q=0):
        return self.section(i) + self.lanes_off + self.lane_size * self.lane(i, j, q)

    def data_at(self, i, j, q=0):
        return self.ring_at(i, j, q) + 32 * self.ring_size

    def word(self, at):
        return struct.unpack_from('<I', self.map, at)[0]

    def put(self, at, *words):
        struct.pack_into(f'<{len(words)}I', self.map, at, *(word & 0xffffffff for word in words))

    def bell(self, j, vector):
        bells = self.client.peers.get(self.announce(j)[3])
        if bells and vector < len(bells):
            ring(bells[vector])

    def data_vector(self, j, q):
        return struct.unpack_from('<H', self.map, self.section(j) + 38 + 2 * q)[0]

    def empty(self, j):
        link = self.links[j]
        own = self.block(self.me, j)
        self.put(own + 4, 0)
        for q in range(self.queues):
            for at in (self.prod(self.me, j, q), self.cons(self.me, j, q)):
                self.map[at:at + 128] = bytes(128)
        link.update(state='agree', life=link['life'] % 0xfffffff0 + 1, peer=0,
                    sent=[0] * self.queues, place=[0] * self.queues, got=[0] * self.queues)
        common = self.features & struct.unpack_from('<Q', self.map, self.section(j) + 16)[0]
        link['features'] = common
        self.put(own + 12, common)
        self.put(own, link['life'])
        self.bell(j, 0)

    def step(self, j):
        """One look at a link."""
        link, claim, said = self.links[j], self.claim(j), self.announce(j)
        if claim[2] != 1 or said[0] != claim[0] or said[3] != claim[1] or said[1] < READY:
            link['state'] = 'down'
            self.put(self.block(self.me, j) + 4, 0, 0)
            return
        theirs = self.link(j, self.me)
        if link['state'] == 'down' or link.get('of') != claim[0] or \
                link['state'] == 'up' and (theirs[0] != link['peer'] or theirs[1] != link['life']):
            link['of'] = claim[0]
            self.empty(j)
        if link['state'] == 'agree':
            if theirs[0] != link['peer']:
                link['peer'] = theirs[0]
                self.put(self.block(self.me, j) + 4, theirs[0])
                self.bell(j, 0)
            if theirs[0] and theirs[1] == link['life'] and theirs[3] == link['features']:
                link['state'] = 'up'
                self.put(self.block(self.me, j) + 8, 1)

    def take(self, j, q):
        """What came, into frames: (queue, data, descriptor)."""
        link = self.links[j]
        while link['got'][q] != self.word(self.prod(j, self.me, q)):
            n = link['got'][q]
            d = _DESC.unpack_from(self.map, self.ring_at(j, self.me, q) +
                                  32 * (n % self.ring_size))
            expect(d[3] == n & 0xffff, f'sequence {d[3]} instead of {n}')
            expect(d[0] % 64 == 0 and d[0] + d[1] <= self.data_size, f'descriptor {d}')
            at = self.data_at(j, self.me, q) + d[0]
            self.frames.append((q, self.map[at:at + d[1]], d))
            link['got'][q] = (n + 1) & 0xffffffff
        self.put(self.cons(self.me, j, q), link['got'][q])
        self.put(self.cons(self.me, j, q) + 4, link['got'][q])
        self.bell(j, self.data_vector(j, q))

    def send(self, j, frame, q=0, flags=0, gso=0, gso_size=0, start=0, offset=0, hdr_len=0,
             **wrong):
        """A frame; wrong: offset_, length or seq that are not right."""
        link, n = self.links[j], self.links[j]['sent'][q]
        place = link['place'][q]
        if place + len(frame) > self.data_size:
            place = 0
        link['place'][q] = -(-(place + len(frame)) // 64) * 64
        at = self.data_at(self.me, j, q) + place
        self.map[at:at + len(frame)] = frame
        _DESC.pack_into(self.map, self.ring_at(self.me, j, q) + 32 * (n % self.ring_size),
                        wrong.get('offset_', place), wrong.get('length', len(frame)), flags,
                        wrong.get('seq', n & 0xffff), start, offset, gso_size, gso, 0, hdr_len,
                        0, 0, 0)
        link['sent'][q] = n + 1
        self.put(self.prod(self.me, j, q), n + 1)
        # Only if the index passes what the other side asked for.
        if self.word(self.cons(j, self.me, q) + 4) == n & 0xffffffff:
            self.bell(j, self.data_vector(j, q))

    def run(self, until=None, seconds=5.0, what='what a test waits for'):
        """Do what a port does, until it is as it should be, or for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.beating and time.monotonic() >= self.beat_at:
                self.beat_at = time.monotonic() + BEAT
                self.beat += 1
                self.announce_me()
                self.client.follow(0)
            for j, link in self.links.items():
                self.step(j)
                if link['state'] == 'up' and self.taking:
                    for q in range(self.queues):
                        if link['got'][q] != self.word(self.prod(j, self.me, q)):
                            self.take(j, q)
            if until and until():
                return
            time.sleep(0.001)
        if until:
            raise Wrong(f'{what}: not within {seconds} s')

    def up_with(self, j):
        """Both sides run."""
        return self.links[j]['state'] == 'up' and self.link(j, self.me)[2] == 1 and \
            self.announce(j)[1] == RUN

    def join(self, j=0):
        self.run(lambda: self.up_with(j), what='the link')
        return self

    def close_client(self):
        """Leave the server, as a process that is killed."""
        self.client.close()

    def rung(self, vector):
        """How often this port was rung since the last call."""
        try:
            return struct.unpack('=Q', os.read(self.client.doorbells[vector], 8))[0]
        except BlockingIOError:
            return 0
