# SPDX-License-Identifier: GPL-2.0
"""An ivnet-shm region as the host sees it; Documentation/networking/ivnet-shm.rst."""
import struct
import time

MAGIC = b'IVNETSH1'
PAGE = 4096
PORT_TABLE = 0x400
PORTS_MAX = 16
BLOCK = 128
# magic major minor header_len max_ports region_size first flags stride queues order
# max_frame features_must features_may
_HEADER = struct.Struct('<8s4HQ2IQ2HI2Q')
HEADER_LEN = _HEADER.size + 4
RUN = 3


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def header(size, ports=2, queues=1, order=6, max_frame=1514, major=1, minor=0, magic=MAGIC,
           header_len=HEADER_LEN, first=PAGE, stride=None, must=0, may=0, crc=None):
    """A header; what is not given is right for a region of that size."""
    if stride is None:
        stride = (size - first) // ports // PAGE * PAGE
    words = _HEADER.pack(magic, major, minor, header_len, ports, size, first, 0, stride, queues,
                         order, max_frame, must, may)
    return words + struct.pack('<I', crc32c(words) if crc is None else crc)


class View:
    """Claims and links of a region that has a header."""

    def __init__(self, memory):
        self.memory = memory
        fields = _HEADER.unpack_from(memory)
        self.magic, self.ports, self.size = fields[0], fields[4], fields[5]
        self.first, self.stride = fields[6], fields[8]
        self.queues, self.order, self.max_frame = fields[9:12]

    def _word(self, offset):
        return struct.unpack_from('<I', self.memory, offset)[0]

    def claim(self, port):
        """(incarnation, position, state)"""
        return struct.unpack_from('<IHH', self.memory, PORT_TABLE + 64 * port)

    def section(self, port):
        return self.first + self.stride * port

    def announce(self, port):
        """(incarnation, state, heartbeat, position, vectors)"""
        return struct.unpack_from('<3I2H', self.memory, self.section(port))

    def mac(self, port):
        at = self.section(port) + 24
        return self.memory[at:at + 6].hex(':')

    def link(self, port, peer):
        """(mine, yours, state, features, error, resets), as port says it"""
        return struct.unpack_from('<6I', self.memory, self.section(port) + BLOCK * (1 + peer))

    def port_of(self, mac, stale=()):
        """The port that announces an address, or None; not by a claim that is stale."""
        for port in range(self.ports):
            claim = self.claim(port)
            if claim[2] == 1 and self.mac(port) == mac and claim not in stale and \
                    self.announce(port)[0] == claim[0]:
                return port
        return None

    def up(self, port, peer):
        """Do both sides have the link up, and run?"""
        return all(self.announce(one)[1] == RUN and self.announce(one)[0] == self.claim(one)[0]
                   and self.link(one, other)[2] == 1
                   and self.link(one, other)[1] == self.link(other, one)[0]
                   for one, other in ((port, peer), (peer, port)))


def wait(memory, done, seconds):
    """Wait until done(View) holds; the time it took, or None."""
    start = time.monotonic()
    while True:
        if memory[:8] == MAGIC and done(View(memory)):
            return time.monotonic() - start
        if time.monotonic() - start > seconds:
            return None
        time.sleep(0.01)
