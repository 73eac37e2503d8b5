# SPDX-License-Identifier: GPL-2.0
"""A vfio-user client that asks tools/testing/device for what there is not."""
import errno
import socket
import struct
import time

VERSION, GET_REGION_INFO, GET_IRQ_INFO, SET_IRQS = 1, 5, 7, 8
REGION_READ, REGION_WRITE, RESET = 9, 10, 13
ERROR = 0x20
CONFIG = 7


class Client:
    """A connection to a device."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def ask(self, command, data=b'', size=None):
        """(errno, data) of the reply, or None if the connection ends."""
        size = 16 + len(data) if size is None else size
        try:
            self.sock.sendall(struct.pack('<HHIII', 7, command, size, 0, 0) + data)
            header = self.sock.recv(16, socket.MSG_WAITALL)
        except (BrokenPipeError, ConnectionResetError):
            return None
        if not header:
            return None
        ident, echo, length, flags, error = struct.unpack('<HHIII', header)
        rest = self.sock.recv(length - 16, socket.MSG_WAITALL) if length > 16 else b''
        if (ident, echo, flags & 0xf) != (7, command, 1):
            return 'no reply', header
        return error if flags & ERROR else 0, rest


def access(region, offset, count, data=b''):
    return struct.pack('<QII', offset, region, count) + data


# name, command, data
REFUSED = (
    ('a region too far', GET_REGION_INFO, struct.pack('<IIIIQQ', 32, 0, 99, 0, 0, 0)),
    ('half a request', GET_REGION_INFO, bytes(8)),
    ('an interrupt too far', GET_IRQ_INFO, struct.pack('<IIII', 16, 0, 99, 0)),
    ('vectors too many', SET_IRQS, struct.pack('<IIIII', 20, 0x24, 0, 0, 1000)),
    ('a vector too far', SET_IRQS, struct.pack('<IIIII', 20, 0x24, 0, 0xffffffff, 2)),
    ('a read behind the end', REGION_READ, access(0, 4094, 4)),
    ('a read that wraps', REGION_READ, access(2, (1 << 64) - 2, 4)),
    ('a read of a BAR that is not there', REGION_READ, access(4, 0, 4)),
    ('a read that is too long', REGION_READ, access(2, 0, 8192)),
    ('a write without its data', REGION_WRITE, access(0, 0, 4)),
    ('a write that is shorter than it says', REGION_WRITE, access(2, 0, 8, bytes(4))),
)


def run(ctx, peers, number):
    """Ask as a peer that no guest is; the process has sanitizers."""
    with Client(peers.sockets[number]) as client:
        found = client.ask(VERSION, bytes(4))
        ctx.check('protocol: the version', found and found[0] == 0 and
                  found[1][:4] == bytes(4) and b'max_msg_fds' in found[1], str(found))
        found = client.ask(99)
        ctx.check('protocol: an unknown command', found == (errno.EOPNOTSUPP, b''), str(found))
        for name, command, data in REFUSED:
            found = client.ask(command, data)
            ctx.check(f'protocol: {name}', found == (errno.EINVAL, b''), str(found))
        found = client.ask(REGION_READ, access(CONFIG, 254, 4))
        ctx.check('protocol: there is nothing behind the configuration space',
                  found == (0, access(CONFIG, 254, 4, bytes(4))), str(found))
        for register in (0x14, 0xffc, 1):
            client.ask(REGION_WRITE, access(0, register, 4, b'\xff' * 4))
        client.ask(REGION_WRITE, access(0, 0xc, 4, struct.pack('<I', 0xffffffff)))
        found = peers.report()[number]
        ctx.check('protocol: odd accesses are counted', found['odd'] == 4, str(found))
        with Client(peers.sockets[number]) as second:
            ctx.check('protocol: no second client', second.ask(VERSION, bytes(4)) is None)
        found = client.ask(RESET)
        ctx.check('protocol: the first is still there', found == (0, b''), str(found))
    for name, size in (('less than a header', 8), ('a gigabyte', 1 << 30)):
        with Client(peers.sockets[number]) as client:
            ctx.check(f'protocol: a message of {name}', client.ask(VERSION, size=size) is None)
    end = time.monotonic() + 10
    while peers.report()[number]['connected'] and time.monotonic() < end:
        time.sleep(0.05)
    ctx.check('protocol: it is gone in the end', not peers.report()[number]['connected'])
