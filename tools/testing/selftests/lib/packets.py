# SPDX-License-Identifier: GPL-2.0
"""Frames made by hand, and raw sockets that send and see them with the packet
metadata (struct virtio_net_hdr) that the stack exchanges with a driver."""
import collections
import ipaddress
import socket
import struct
import time

from lib.ktap import slow

ETH_ALL, ETH_IP, ETH_IPV6, ETH_VLAN, ETH_QINQ = 0x0003, 0x0800, 0x86dd, 0x8100, 0x88a8
ETH_TEST = 0x88b5    # for local experiments
TCP, UDP = 6, 17
NEEDS_CSUM, DATA_VALID = 1, 2
GSO_NONE, GSO_TCPV4, GSO_UDP_L4, GSO_TCPV6, GSO_ECN = 0, 1, 5, 4, 0x80
_SOL_PACKET, _AUXDATA, _VNET_HDR = 263, 8, 15
_SO_RCVBUFFORCE = 33
FIN, SYN, PSH, ACK, ECE, CWR = 0x01, 0x02, 0x08, 0x10, 0x40, 0x80

Meta = collections.namedtuple('Meta', 'flags gso_type hdr_len gso_size start offset',
                              defaults=(0, 0, 0, 0, 0, 0))


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def checksum(data, start=0):
    """The Internet checksum's sum, folded, not yet inverted."""
    if len(data) % 2:
        data += b'\0'
    total = start + sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo(src, dst, protocol, length):
    first, second = (ipaddress.ip_address(each).packed for each in (src, dst))
    if len(first) == 4:
        return checksum(first + second + struct.pack('!HH', protocol, length))
    return checksum(first + second + struct.pack('!II', length, protocol))


def ethernet(dst, src, kind, payload, vlans=()):
    """vlans: (ethertype, tag control information), the outer one first."""
    frame = mac(dst) + mac(src)
    for ethertype, tci in vlans:
        frame += struct.pack('!HH', ethertype, tci)
    return frame + struct.pack('!H', kind) + payload


def ip(src, dst, protocol, payload, options=b'', identifier=1):
    """An IPv4 or IPv6 packet; options are a whole extension header for IPv6."""
    first, second = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if first.version == 6:
        inner = protocol
        if options:
            options, protocol = bytes([inner]) + options[1:], options[0]
        return struct.pack('!IHBB', 6 << 28, len(options) + len(payload), protocol, 64) \
            + first.packed + second.packed + options + payload
    header = struct.pack('!BBHHHBBH', 0x45 + len(options) // 4, 0,
                         20 + len(options) + len(payload), identifier, 0, 64, protocol, 0) \
        + first.packed + second.packed + options
    total = ~checksum(header) & 0xffff
    return header[:10] + struct.pack('!H', total) + header[12:] + payload


def udp(src, dst, sport, dport, payload, mode='full'):
    """A UDP datagram; mode: "full" checksum, "partial" (left to the device),
    "bad", "none"."""
    length = 8 + len(payload)
    header = struct.pack('!HHHH', sport, dport, length, 0)
    return _finish(src, dst, UDP, header, payload, 6, mode)


def tcp(src, dst, sport, dport, payload, mode='full', flags=ACK, options=b''):
    header = struct.pack('!HHIIBBHHH', sport, dport, 1000, 2000,
                         (20 + len(options)) // 4 << 4, flags, 8192, 0, 0) + options
    return _finish(src, dst, TCP, header, payload, 16, mode)


def _finish(src, dst, protocol, header, payload, at, mode):
    start = pseudo(src, dst, protocol, len(header) + len(payload))
    if mode == 'partial':
        value = start
    elif mode == 'none':
        value = 0
    else:
        value = ~checksum(header + payload, start) & 0xffff
        if protocol == UDP:
            value = value or 0xffff
        if mode == 'bad':
            value ^= 0x5555
    return header[:at] + struct.pack('!H', value) + header[at + 2:] + payload


class Frame:
    """A frame that came, taken apart as far as it is understood."""

    def __init__(self, raw, meta, kind=0):
        self.raw, self.meta, self.kind = raw, meta, kind
        self.vlans, at = [], 12
        self.ethertype, = struct.unpack_from('!H', raw, at)
        while self.ethertype in (ETH_VLAN, ETH_QINQ):
            self.vlans.append((self.ethertype, struct.unpack_from('!H', raw, at + 2)[0]))
            at += 4
            self.ethertype, = struct.unpack_from('!H', raw, at)
        self.l3, self.l4, self.protocol = at + 2, None, None
        if self.ethertype == ETH_IP:
            self._ipv4()
        elif self.ethertype == ETH_IPV6:
            self._ipv6()

    def _ipv4(self):
        raw, at = self.raw, self.l3
        self.protocol, self.l4 = raw[at + 9], at + (raw[at] & 15) * 4
        self.src, self.dst = (str(ipaddress.ip_address(raw[at + n:at + n + 4])) for n in (12, 16))
        self.end = at + struct.unpack_from('!H', raw, at + 2)[0]
        self.header_ok = checksum(raw[at:self.l4]) == 0xffff

    def _ipv6(self):
        raw, at = self.raw, self.l3
        self.protocol, self.l4 = raw[at + 6], at + 40
        while self.protocol in (0, 43, 60):
            self.protocol, self.l4 = raw[self.l4], self.l4 + 8 * (raw[self.l4 + 1] + 1)
        self.src, self.dst = (str(ipaddress.ip_address(raw[at + n:at + n + 16])) for n in (8, 24))
        self.end = at + 40 + struct.unpack_from('!H', raw, at + 4)[0]
        self.header_ok = True

    def ports(self):
        return struct.unpack_from('!HH', self.raw, self.l4)

    def payload(self):
        skip = 8 if self.protocol == UDP else (self.raw[self.l4 + 12] >> 4) * 4
        return self.raw[self.l4 + skip:self.end]

    def tcp_flags(self):
        return self.raw[self.l4 + 13]

    def checksum_field(self):
        return struct.unpack_from('!H', self.raw, self.l4 + (6 if self.protocol == UDP else 16))[0]

    def checksum_state(self):
        """"full", "partial" (the sum of the pseudo header, marked so), "none" or
        "bad"."""
        start = pseudo(self.src, self.dst, self.protocol, self.end - self.l4)
        offset = 6 if self.protocol == UDP else 16
        if self.meta.flags & NEEDS_CSUM:
            good = self.meta.start == self.l4 and self.meta.offset == offset \
                and self.checksum_field() == start
            return 'partial' if good else 'bad'
        if self.protocol == UDP and not self.checksum_field():
            return 'none'
        return 'full' if checksum(self.raw[self.l4:self.end], start) == 0xffff else 'bad'


class Raw:
    """A packet socket on one end, for sending and for looking."""

    def __init__(self, side, ethertype=ETH_ALL):
        self.ifname = side.ifname
        with side.namespace():
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sock.setsockopt(_SOL_PACKET, _VNET_HDR, 1)
            self.sock.setsockopt(_SOL_PACKET, _AUXDATA, 1)
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 32 << 20)
            self.sock.bind((side.ifname, ethertype))

    def send(self, frame, meta=Meta()):
        self.sock.send(struct.pack('=BBHHHH', *meta) + frame)

    def receive(self, wanted=lambda frame: True, timeout=3.0, count=1, quiet=0.3):
        """Frames (not our own) for which wanted(frame) holds: count of them, or
        fewer when the time is over; count 0: until nothing comes for quiet s."""
        found, deadline = [], time.monotonic() + timeout * slow()
        while not count or len(found) < count:
            left = deadline - time.monotonic()
            if not count:
                left = min(left, quiet * slow())
            if left <= 0:
                break
            self.sock.settimeout(left)
            try:
                raw, control, _, address = self.sock.recvmsg(1 << 17, 256)
            except TimeoutError:
                break
            if address[2] == 4:    # outgoing
                continue
            frame = self._frame(raw, control, address[2])
            if wanted(frame):
                found.append(frame)
        return found

    @staticmethod
    def _frame(raw, control, kind):
        meta, raw = Meta(*struct.unpack_from('=BBHHHH', raw)), raw[10:]
        for level, number, value in control:
            if (level, number) != (_SOL_PACKET, _AUXDATA):
                continue
            # the stack takes a VLAN tag out of the frame: put it back
            status, _, _, _, _, tci, tpid = struct.unpack_from('=IIIHHHH', value)
            if status & 0x10:
                kind_of_tag = tpid if status & 0x40 else ETH_VLAN
                raw = raw[:12] + struct.pack('!HH', kind_of_tag, tci) + raw[12:]
                if meta.flags & NEEDS_CSUM:
                    meta = meta._replace(start=meta.start + 4)
        return Frame(raw, meta, kind)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def by_port(port):
    """For receive(): UDP or TCP to that port."""
    def wanted(frame):
        return frame.protocol in (TCP, UDP) and len(frame.raw) >= frame.l4 + 8 \
            and frame.ports()[1] == port
    return wanted
