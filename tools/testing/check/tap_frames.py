# SPDX-License-Identifier: GPL-2.0
"""Frames for the tests of ivshmem-tap, with sums of their own."""
import struct

NEEDS_CSUM, DATA_VALID = 1, 2
TCPV4, TCPV6, UDP_L4, GSO_ECN = 1, 4, 5, 0x80
FIN, PSH, ACK, CWR = 1, 8, 16, 128


def total(data):
    """The sum of 16-bit words, folded."""
    data += bytes(len(data) % 2)
    number = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while number >> 16:
        number = (number & 0xffff) + (number >> 16)
    return number


class Frame:
    """TCP or UDP over IPv4 or IPv6, with an open checksum."""

    def __init__(self, to, payload, v6=False, tcp=True, flags=ACK, seq=0, vlan=False, options=b'',
                 source='02:00:00:00:00:01'):
        self.v6, self.tcp = v6, tcp
        ether = bytes.fromhex(to.replace(':', '')) + bytes.fromhex(source.replace(':', ''))
        ether += struct.pack('!HH', 0x8100, 5) if vlan else b''
        ether += b'\x86\xdd' if v6 else b'\x08\0'
        if tcp:
            head = struct.pack('!HHIIBBHHH', 1000, 2000, seq, 1, (5 + len(options) // 4) << 4,
                               flags, 1000, 0, 0) + options
        else:
            head = struct.pack('!HHHH', 1000, 2000, 8 + len(payload), 0)
        length, proto = len(head) + len(payload), 6 if tcp else 17
        if v6:
            addresses = bytes.fromhex('fd00' + 13 * '00' + '01' + 'fd00' + 13 * '00' + '0a')
            packet = struct.pack('!IHBB', 6 << 28, length, proto, 64) + addresses
        else:
            addresses = bytes((10, 0, 0, 1, 10, 0, 0, 10))
            packet = struct.pack('!BBHHHBBH', 0x45, 0, 20 + length, 77, 0, 64, proto, 0) + addresses
            packet = packet[:10] + struct.pack('!H', total(packet) ^ 0xffff) + packet[12:]
        self.l3, self.l4 = len(ether), len(ether) + len(packet)
        self.offset = 16 if tcp else 6
        pseudo = struct.pack('!H', total(addresses + struct.pack('!II', length, proto)))
        head = head[:self.offset] + pseudo + head[self.offset + 2:]
        self.hdr = self.l4 + len(head)
        self.data = ether + packet + head + payload

    def vnet(self, gso=0, gso_size=0):
        """With a header for a packet socket."""
        return struct.pack('=BBHHHH', NEEDS_CSUM, gso, self.hdr if gso else 0, gso_size, self.l4,
                           self.offset) + self.data

    def described(self, gso=0, gso_size=0):
        """What a descriptor says of it."""
        return {'flags': NEEDS_CSUM, 'gso': gso, 'gso_size': gso_size, 'start': self.l4,
                'offset': self.offset, 'hdr_len': self.hdr if gso else 0}


class Segment:
    """A frame that has to be complete: taken apart, every sum checked."""

    def __init__(self, data):
        at = 12
        while data[at:at + 2] == b'\x81\0':
            at += 4
        self.v6, l3 = data[at:at + 2] == b'\x86\xdd', at + 2
        if self.v6:
            self.length, proto = struct.unpack_from('!HB', data, l3 + 4)
            l4, addresses = l3 + 40, data[l3 + 8:l3 + 40]
            self.id = None
        else:
            size, self.id = struct.unpack_from('!HH', data, l3 + 2)
            l4 = l3 + 4 * (data[l3] & 15)
            self.length, proto, addresses = size - (l4 - l3), data[l3 + 9], data[l3 + 12:l3 + 20]
            self.good = total(data[l3:l4]) == 0xffff
        if self.v6:
            self.good = True
        self.good &= len(data) - l4 == self.length
        self.good &= total(addresses + struct.pack('!II', self.length, proto) +
                           data[l4:]) == 0xffff
        if proto == 6:
            self.seq, = struct.unpack_from('!I', data, l4 + 4)
            self.flags = data[l4 + 13]
            self.payload = data[l4 + 4 * (data[l4 + 12] >> 4):]
        else:
            self.seq = self.flags = None
            self.good &= struct.unpack_from('!H', data, l4 + 4)[0] == self.length
            self.payload = data[l4 + 8:]
