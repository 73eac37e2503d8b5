#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Write the seed corpus: one file per kind of frame, and some broken ones.

usage: seeds.py DIRECTORY
"""
import struct
import sys
from pathlib import Path

NEEDS_CSUM, DATA_VALID = 1, 2
TCPV4, UDP, TCPV6, UDP_L4, ECN = 1, 3, 4, 5, 0x80
VLAN, QINQ = 0x8100, 0x88A8


def frame(version, proto, tags=(), ip_options=0, extensions=(), tcp_options=0):
    """Headers of a frame, and the offset of the transport header."""
    head = b'\xff' * 6 + b'\x02\0\0\0\0\x01'
    for tag in tags:
        head += struct.pack('>HH', tag, 100)
    if version == 4:
        head += b'\x08\0' + struct.pack('>BxHxxxxBBxx8x', 0x45 + ip_options // 4, 1500, 64, proto)
        head += b'\x01' * ip_options
    else:
        chain = [kind for kind, _ in extensions] + [proto]
        head += b'\x86\xdd' + struct.pack('>B3xHBB32x', 0x60, 1460, chain[0], 64)
        for following, (_, units) in zip(chain[1:], extensions):
            head += struct.pack('BB6x', following, units) + bytes(8 * units)
    offset = len(head)
    if proto == 6:
        head += struct.pack('>HHIIBB6x', 80, 1024, 1, 1, (5 + tcp_options // 4) << 4, 0x18)
        head += b'\x01' * tcp_options
    else:
        head += struct.pack('>HHHxx', 53, 1024, 1000)
    return head, offset


def entry(data, flags=0, gso_type=0, size=0, start=0, offset=0, rules=(3, 0xFF), beyond=0):
    return struct.pack('<BBHHHHBBH', flags, gso_type, len(data), size, start, offset, *rules, beyond) + data


def segmented(gso_type, proto, version, beyond=100, **shape):
    data, l4 = frame(version, proto, **shape)
    return entry(data + b'payload!' * 4, NEEDS_CSUM, gso_type, 16, l4, 16 if proto == 6 else 6, beyond=beyond)


def segments(gso_type, proto, frame_len, size):
    data, l4 = frame(4, proto)
    offset = 16 if proto == 6 else 6
    return entry(data, NEEDS_CSUM, gso_type, size, l4, offset, beyond=frame_len - len(data))


def seeds():
    plain, l4 = frame(4, 6)
    yield 'empty', b''
    yield 'header', entry(b'')
    yield 'plain', entry(plain)
    yield 'valid', entry(plain, DATA_VALID)
    yield 'partial', entry(plain, NEEDS_CSUM, start=l4, offset=16)
    yield 'partial-end', entry(plain, NEEDS_CSUM, start=len(plain) - 2)
    yield 'partial-beyond', entry(plain, NEEDS_CSUM, start=len(plain) - 1)
    yield 'not-negotiated', entry(plain, NEEDS_CSUM, TCPV4, 100, l4, 16, rules=(0, 0))
    yield 'tcp4', segmented(TCPV4, 6, 4)
    yield 'tcp4-ecn', segmented(TCPV4 | ECN, 6, 4)
    yield 'tcp4-options', segmented(TCPV4, 6, 4, ip_options=40, tcp_options=40)
    yield 'tcp4-vlan', segmented(TCPV4, 6, 4, tags=[VLAN])
    yield 'tcp4-qinq', segmented(TCPV4, 6, 4, tags=[QINQ, VLAN])
    yield 'tcp4-three-tags', segmented(TCPV4, 6, 4, tags=[QINQ, VLAN, VLAN])
    yield 'tcp6', segmented(TCPV6, 6, 6)
    yield 'tcp6-vlan', segmented(TCPV6, 6, 6, tags=[VLAN])
    yield 'tcp6-extensions', segmented(TCPV6, 6, 6, extensions=[(0, 0), (43, 1), (60, 2)])
    yield 'tcp6-four-extensions', segmented(TCPV6, 6, 6, extensions=[(60, 0)] * 4)
    yield 'tcp6-fragment', segmented(TCPV6, 6, 6, extensions=[(44, 0)])
    yield 'udp4', segmented(UDP_L4, 17, 4)
    yield 'udp6', segmented(UDP_L4, 17, 6, extensions=[(60, 0)])
    yield 'udp4-fragments', segmented(UDP, 17, 4)
    # truncated, these end inside their headers
    yield 'tcp4-whole', segmented(TCPV4, 6, 4, tcp_options=8, beyond=0)
    yield 'udp6-whole', segmented(UDP_L4, 17, 6, beyond=0)
    # limits of the stack
    yield 'tcp4-segments', segments(TCPV4, 6, 65557, 8)
    yield 'udp4-segments', segments(UDP_L4, 17, 42 + 128 * 100, 100)
    yield 'udp4-segments-too-many', segments(UDP_L4, 17, 43 + 128 * 100, 100)
    yield 'udp4-unsummed', entry(frame(4, 17)[0] + bytes(100), DATA_VALID, UDP_L4, 10)
    yield 'mismatch', segmented(TCPV6, 6, 4)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (directory / name).write_bytes(data)


if __name__ == '__main__':
    main()
