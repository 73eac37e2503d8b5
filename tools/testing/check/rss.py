# SPDX-License-Identifier: GPL-2.0
"""Receive side scaling: frames go where the key, the table and the fields say,
computed here by the definition (virtio 1.3, 5.1.6.4.3)."""
import json
import re
import socket
import struct
import time

import dump
import interface
import vm

FLOWS, EACH, PORT = 24, 4, 7001
# What may come besides, of neighbours that look for each other.
STRAY = 20


def toeplitz(key, data):
    """Bits of the data choose windows of the key."""
    window = int.from_bytes(key, 'big')
    bits, length = len(key) * 8, 0
    value = 0
    for byte in data:
        for bit in range(7, -1, -1):
            if byte >> bit & 1:
                value ^= window >> (bits - 32 - length) & 0xffffffff
            length += 1
    return value


# Microsoft's published vectors (RSS, "Verifying the RSS Hash Calculation").
VECTOR_KEY = bytes.fromhex('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b4'
                           '77cb2da38030f20c6a42b73bbeac01fa')
VECTORS = [('66.9.149.187', 2794, '161.142.100.80', 1766, 0x51ccc178, 0x323e8fc2),
           ('199.92.111.2', 14230, '65.69.140.83', 4739, 0xc626b0ea, 0xd718262a),
           ('24.19.198.95', 12898, '12.22.207.184', 38024, 0x5c2b394a, 0xd2d0a5de)]


def flow_bytes(source, sport, target, dport):
    return socket.inet_aton(source) + socket.inet_aton(target) + struct.pack('!HH', sport, dport)


class Spread(interface.Interface):
    """A NIC with receive side scaling, the host as its peer."""

    def setup(self):
        """(key, table) as ethtool shows them."""
        shown = json.loads(self.do('ethtool --json -x {dev}').out)[0]
        return bytes(shown['rss-hash-key']), shown['rss-indirection-table']

    def packets(self):
        return [value for name, value in self.counters().items()
                if re.fullmatch(r'rx[0-9]+_packets', name)]

    def flows(self, ports=True):
        """Send some, compare where they came with where they should. What is wrong."""
        key, table = self.setup()
        target, source = self.guest.address(self.nic), self.nic.segment.address()
        want = [0] * 4
        before = self.packets()
        for number in range(FLOWS):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((source, 20000 + 37 * number))
                data = flow_bytes(source, 20000 + 37 * number, target, PORT)
                index = toeplitz(key, data if ports else data[:8]) % len(table)
                want[table[index]] += EACH
                for _ in range(EACH):
                    sock.sendto(b'x', (target, PORT))
        deadline = time.monotonic() + 10 * self.ctx.slow
        while True:
            have = [now - then for now, then in zip(self.packets(), before)]
            good = all(h >= w for h, w in zip(have, want))
            if good and sum(have) <= sum(want) + STRAY:
                return ''
            if time.monotonic() > deadline:
                return f'packets per queue {have}, not {want}'
            time.sleep(0.2)

    def refused(self, command, text):
        done = self.do(command, check=False)
        return '' if done.code and text in done.err else f'{command}: {done.code} {done.err}'

    def steps(self):
        """(name, commands, what is wrong after them)"""
        key = ':'.join(f'{byte:02x}' for byte in VECTOR_KEY)
        table = self.setup

        def shows(wanted):
            have = self.do('ethtool -n {dev} rx-flow-hash udp4').out
            return '' if all(word in have for word in wanted) else have
        return [
            ('at first', (), lambda: self.flows() or (
                '' if sorted(set(table()[1])) == [0, 1, 2, 3] else f'{table()[1]}')),
            ('two queues of four', ('ethtool -X {dev} equal 2',),
             lambda: self.flows() or ('' if set(table()[1]) == {0, 1} else f'{table()[1]}')),
            ('another key', (f'ethtool -X {{dev}} hkey {key}',),
             lambda: self.flows() or ('' if table()[0] == VECTOR_KEY else table()[0].hex())),
            ('kept through a reload, rings, down and up',
             ('devlink dev reload {handle} action driver_reinit',
              'ethtool -G {dev} rx 128', 'ip link set {dev} down; ip link set {dev} up'),
             lambda: self.flows() or ('' if table()[0] == VECTOR_KEY and set(table()[1]) == {0, 1}
                                      else f'{table()}')),
            ('addresses alone', ('ethtool -N {dev} rx-flow-hash udp4 sd',),
             lambda: self.flows(False) or shows(('IP SA', 'IP DA'))),
            ('ports again', ('ethtool -N {dev} rx-flow-hash udp4 sdfn',),
             lambda: self.flows() or shows(('IP SA', 'L4 bytes 0 & 1'))),
            ('a field there is not', (),
             lambda: self.refused('ethtool -N {dev} rx-flow-hash udp4 m', '') or self.flows()),
            ('a queue less than the table has', ('ethtool -X {dev} equal 4',),
             lambda: self.refused('ethtool -L {dev} combined 3', '') or self.flows()),
            ('spread anew with the queues', ('ethtool -X {dev} default',
                                             'ethtool -L {dev} combined 3'),
             lambda: self.flows() or ('' if set(table()[1]) == {0, 1, 2} else f'{table()[1]}')),
            ('dumped and replayed: by weight, addresses alone',
             ('ethtool -X {dev} weight 0 3 1', 'ethtool -N {dev} rx-flow-hash udp4 sd'),
             lambda: self.replayed('rx-flow-hash udp4 sd', f'hkey {key} hfunc toeplitz weight 0 ')
             or self.flows(False) or shows(('IP SA', 'IP DA'))),
            ('dumped and replayed: two queues, not the first',
             ('ethtool -X {dev} start 1 equal 2', 'ethtool -N {dev} rx-flow-hash udp4 sdfn'),
             lambda: self.replayed(f'hkey {key} hfunc toeplitz start 1 equal 2') or self.flows()),
            ('dumped: as it is at first', ('ethtool -X {dev} default',),
             lambda: '' if 'hfunc toeplitz default\n' in self.do('ivnet-dump {dev}').out else
             self.do('ivnet-dump {dev}').out),
        ]

    def replayed(self, *lines):
        """What a fresh device has of this one's dump, besides its table itself."""
        table = self.setup()
        return dump.trip(self.ctx, self.guest, self.name, *lines) or (
            '' if self.setup() == table else f'{self.setup()}, not {table}')

    def run(self):
        for name, commands, check in self.steps():
            for command in commands:
                self.do(command)
            wrong = check()
            self.ctx.check(f'rss: {name}', not wrong, wrong)


def run(ctx):
    wrong = ''
    for source, sport, target, dport, ports, plain in VECTORS:
        data = flow_bytes(source, sport, target, dport)
        if (toeplitz(VECTOR_KEY, data[:8]), toeplitz(VECTOR_KEY, data)) != (plain, ports):
            wrong += f'{source} {target}\n'
    ctx.check('rss: the hash is the published one', not wrong, wrong)
    nic = vm.Nic(ctx.segment(), queues=4, props={'rss': 'on', 'hash': 'on'})
    with ctx.guest([nic], name=f'rss-{ctx.kernel}', smp=4, cmdline='maxcpus=1',
                   qemu='debian13') as guest:
        guest.load('ivnet')
        closed = Spread(ctx, guest, nic)
        closed.do('ethtool -L {dev} combined 3')
        table = closed.setup()[1]
        ctx.check('rss: a table before it was ever up', set(table) == {0, 1, 2}, str(table))
        guest.addresses()
        dump.give(guest)
        # one CPU is on, but there are queues for all that could be
        guest.run(f'ethtool -L {guest.ifname(nic)} combined 4; '
                  f'iptables -A INPUT -p udp --dport {PORT} -j DROP 2>/dev/null; true')
        Spread(ctx, guest, nic).run()
        ctx.splats(guest, 'rss')
