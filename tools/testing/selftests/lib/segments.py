# SPDX-License-Identifier: GPL-2.0
"""TCP frames above the MTU, that somebody has to cut."""
from lib import packets
from lib.packets import ACK, ETH_IP, ETH_IPV6, GSO_ECN, NEEDS_CSUM, PSH, TCP, Meta

PORT = 7003
FEATURE = {4: 'tx-tcp-segmentation', 6: 'tx-tcp6-segmentation'}
TYPE = {4: packets.GSO_TCPV4, 6: packets.GSO_TCPV6}
MSS = 1400
LENGTHS = (MSS + 1, 3 * MSS, 10000, 32767, 65000 - 100)


def addresses(source, target, version):
    return (source.v6, target.v6) if version == 6 else (source.v4, target.v4)


def send(raw, source, target, version, payload, flags=ACK | PSH, ecn=False, vlans=()):
    """One TCP frame that is to be cut into segments of MSS bytes."""
    src, dst = addresses(source, target, version)
    segment = packets.tcp(src, dst, PORT + 1, PORT, payload, 'partial', flags)
    packet = packets.ip(src, dst, TCP, segment)
    start = 14 + 4 * len(vlans) + len(packet) - len(segment)
    kind = TYPE[version] | (GSO_ECN if ecn else 0)
    raw.send(packets.ethernet(target.mac(), source.mac(), ETH_IPV6 if version == 6 else ETH_IP,
                              packet, vlans),
             Meta(NEEDS_CSUM, kind, start + 20, MSS, start, 16))


def receive(t, raw, payload, what):
    """All pieces of a frame that was sent."""
    found, have = [], b''
    while len(have) < len(payload):
        more = raw.receive(packets.by_port(PORT))
        t.true(more, f'{what}: {len(have)} of {len(payload)} bytes came')
        found += more
        have += more[0].payload()
    t.true(have == payload, f'{what}: the data is damaged')
    for frame in found:
        t.true(frame.checksum_state() in ('full', 'partial'), f'{what}: bad checksum')
        t.true(frame.header_ok, f'{what}: bad IPv4 header')
    return found
