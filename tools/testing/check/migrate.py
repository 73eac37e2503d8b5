# SPDX-License-Identifier: GPL-2.0
"""A guest moves to another QEMU on the same segment, with TCP open: the network hears of
it (VIRTIO_NET_S_ANNOUNCE), and the driver says so to the device, which else would not ask
again."""
import contextlib
import socket
import threading
import time

import agree
import interface
import vm
from streams import Streams

PORT = 5950
MAC = '52:54:00:4d:49:47'
BACK = 30
# What keeps a guest where it is, as long as it is mounted.
SHARES = "umount -a -t 9p && ! grep ' 9p ' /proc/mounts"


class Wire:
    """What a guest says of its own addresses, unasked."""

    def __init__(self, bridge, mac, address, address6):
        self.mac = bytes.fromhex(mac.replace(':', ''))
        self.address = socket.inet_aton(address)
        self.address6 = socket.inet_pton(socket.AF_INET6, address6)
        self.arps = self.advertisements = 0
        # ETH_P_ALL
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.bind((bridge, 0))
        self.raw.settimeout(0.2)
        self.ended = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.ended:
            with contextlib.suppress(TimeoutError):
                self.look(self.raw.recv(2048))

    def look(self, frame):
        if frame[6:12] != self.mac:
            return
        kind = frame[12:14]
        # sender and target are one, to everybody
        if kind == b'\x08\x06' and frame[:6] == b'\xff' * 6 and \
                frame[28:32] == frame[38:42] == self.address:
            self.arps += 1
        # an advertisement to all nodes: not solicited, overrides what is known
        elif kind == b'\x86\xdd' and frame[20] == 58 and frame[54] == 136 and \
                frame[:6] == bytes.fromhex('333300000001') and frame[58] & 0x60 == 0x20 and \
                frame[62:78] == self.address6:
            self.advertisements += 1

    def end(self):
        self.ended = True
        self.thread.join(5)
        self.raw.close()


def moved(ctx, source, target, wire, traffic):
    """The guest is where it should be; what is wrong there."""
    start = time.monotonic()
    while min(wire.arps, wire.advertisements) < 2:
        if time.monotonic() > start + BACK * ctx.slow:
            return f'{wire.arps} gratuitous ARPs, {wire.advertisements} advertisements, the ' \
                   f'guest is {target.qmp("query-status")["status"]}'
        time.sleep(0.05)
    traffic.guest = target
    back = traffic.moves(BACK * ctx.slow)
    if back is None:
        return 'the stream stands still'
    ctx.tap.note(f'{ctx.prefix}migration: the second announcement {time.monotonic() - start:.1f} s '
                 f'after the move, data {back:.1f} s later')
    wrong = traffic.end(120 * ctx.slow)
    there = interface.Interface(ctx, target, source.nics[0])
    counters = there.counters()
    if counters['announcements'] < 2 or counters['ctrl_refused']:
        wrong += f' {counters["announcements"]} announcements, {counters["ctrl_refused"]} refused'
    return wrong or agree.Agreement(there).wrong('moved')


def run(ctx):
    segment = ctx.segment()
    nics = [vm.Nic(segment, id='moving', mac=MAC) for _ in range(2)]
    with ctx.guest(nics[:1], name=f'source-{ctx.kernel}', mem='256M') as source, \
            ctx.guest(nics[1:], name=f'target-{ctx.kernel}', mem='256M',
                      args=['-incoming', 'defer']) as target:
        source.load('ivnet')
        source.addresses()
        wire = Wire(nics[0].segment.bridge, MAC, source.address(), source.address6())
        source.agent.shares = False
        traffic = Streams(source, nics[0].segment.address(), PORT, 4)
        wrong = '' if traffic.moves(BACK * ctx.slow) is not None else 'no traffic at all'
        wrong = wrong or source.run(SHARES).out
        wire.arps = wire.advertisements = 0
        if not wrong:
            source.migrate(target)
            wrong = moved(ctx, source, target, wire, traffic)
        ctx.check('migration: announced twice, acknowledged, the streams are complete', not wrong,
                  wrong)
        wire.end()
        for guest in (source, target):
            ctx.splats(guest, f'migration: {guest.name}')
