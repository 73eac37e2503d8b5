# SPDX-License-Identifier: GPL-2.0
"""Failover: the virtio-net device stands by for a passed-through one that comes and
goes, as a guest migrates (virtio 1.3, 5.1.3, STANDBY)."""
import contextlib
import socket
import struct
import time

import interface
import vm
from streams import Streams

PORT = 5970
BACK = 30
GROUP = '33:33:00:00:12:34'
VLAN, ADDRESS = 5, '10.99.5.2'


def request(host):
    """Who has the address? With a tag, as the host need not know of VLANs."""
    return b'\xff' * 6 + host + struct.pack(
        '!HHHHHBBH6s4s6s4s', 0x8100, VLAN, 0x0806, 1, 0x0800, 6, 4, 1, host,
        socket.inet_aton('10.99.5.1'), bytes(6), socket.inet_aton(ADDRESS))


class Failover:
    """A guest whose interface is the one above both."""

    def __init__(self, ctx, guest, standby):
        self.ctx, self.guest, self.standby = ctx, guest, standby
        self.above, self.below = self.named('net_failover'), self.named('ivnet_virtio')
        self.primary = None
        self.sums = {}
        self.handle = interface.Interface(ctx, guest, name=self.below).handle

    def do(self, command, check=True):
        return self.guest.run(command, timeout=60 * self.ctx.slow, check=check)

    def named(self, driver):
        """The interface of a driver, or ''."""
        return self.guest.run(f'''for name in /sys/class/net/*; do
            name=${{name##*/}}
            ethtool -i $name 2>/dev/null | grep -qx "driver: {driver}" && echo $name
            done; true''', timeout=60 * self.ctx.slow).out.strip()

    def until(self, condition):
        deadline = time.monotonic() + BACK * self.ctx.slow
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def up(self):
        """Addresses, a group and a VLAN, all of the one above."""
        name = self.above
        self.do(f'''ip link set {name} up && ip addr add {self.guest.address(self.standby)}/24 dev {name} &&
            ip maddr add {GROUP} dev {name} && modprobe 8021q &&
            ip link add link {name} name v{VLAN} type vlan id {VLAN} &&
            ip addr add {ADDRESS}/24 dev v{VLAN} && ip link set v{VLAN} up''')
        carrier = f'/sys/class/net/{name}/carrier'
        return self.until(lambda: self.guest.read(carrier).strip() == '1')

    def plug(self):
        self.primary = vm.Nic(self.standby.net, driver='e1000e', mac=self.standby.mac,
                              id='primary', props={'failover_pair_id': self.standby.id})
        self.guest.plug(self.primary, 'port0')
        name = []

        def there():
            name[:] = [self.named('e1000e')]
            return name[0] and 'LOWER_UP' in self.do(f'ip link show {name[0]}').out
        return '' if self.until(there) else 'the primary does not come up'

    def packets(self, name):
        return int(self.guest.read(f'/sys/class/net/{name}/statistics/tx_packets'))

    def carries(self, name):
        """Everything goes this way: what is sent, a group, a VLAN. What is wrong."""
        before = self.packets(name)
        if not self.until(lambda: self.packets(name) > before + 5):
            return f'{name} sends nothing'
        if GROUP not in self.do(f'ip maddr show dev {name}').out:
            return f'{name} has not heard of the group'
        return '' if self.until(self.answers) else f'no answer on the VLAN by {name}'

    def answers(self):
        """Is the guest heard on its VLAN?"""
        with contextlib.closing(socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                              socket.htons(0x0806))) as raw:
            raw.bind((self.standby.segment.bridge, 0))
            raw.settimeout(0.5)
            raw.send(request(raw.getsockname()[4]))
            # the tag is not in what is read
            with contextlib.suppress(TimeoutError):
                for _ in range(20):
                    if raw.recv(2048)[28:32] == socket.inet_aton(ADDRESS):
                        return True
        return False

    def counters(self):
        """The standby's do not go back, whoever leaves; those of the one above do, as
        net_failover forgets what it had added up. What is wrong."""
        sums = {each: int(self.guest.read(f'/sys/class/net/{self.below}/statistics/{each}'))
                for each in ('rx_packets', 'tx_packets', 'rx_bytes', 'tx_bytes')}
        wrong = {each: (self.sums[each], now) for each, now in sums.items()
                 if now < self.sums.get(each, 0)}
        self.sums = sums
        return f'counters went back: {wrong}' if wrong else ''

    def filters(self):
        """The standby's device knows them all the time."""
        have = self.guest.qmp('query-rx-filter', name=self.standby.id)[0]
        good = GROUP in have['multicast-table'] and VLAN in have['vlan-table']
        return '' if good else str(have)

    def reload(self):
        self.do(f'devlink dev reload {self.handle} action driver_reinit')
        return '' if self.until(lambda: not self.filters()) else self.filters()

    def swaps(self, count):
        """The primary comes and goes under a stream, the standby starts anew meanwhile."""
        traffic = Streams(self.guest, self.standby.segment.address(), PORT, 1)
        for number in range(count):
            wrong = self.plug() or self.carries(self.named('e1000e')) or self.counters()
            if not number:
                wrong = wrong or self.reload()
            self.guest.unplug(self.primary, 60 * self.ctx.slow)
            wrong = wrong or self.carries(self.below) or self.counters() or self.filters()
            if not number:
                wrong = wrong or self.reload()
            if traffic.moves(2 * BACK * self.ctx.slow) is None:
                wrong = wrong or 'data stands still'
            if wrong:
                return f'{number}: {wrong}'
        return traffic.end(180 * self.ctx.slow)


def run(ctx):
    standby = vm.Nic(ctx.segment(), id='standby', props={'failover': 'on'})
    with ctx.guest([standby], name=f'failover-{ctx.kernel}', ports=1) as guest:
        guest.run('modprobe e1000e', check=True)
        guest.load('ivnet')
        it = Failover(ctx, guest, standby)
        if not ctx.check('failover: there is an interface above', it.above and it.up(), it.above):
            return
        port = it.do(f'cat /sys/class/net/{it.below}/phys_port_name').out.strip()
        ctx.check('failover: the standby says so', port == 'sby', port)
        done = it.do(f'ip link set {it.below} address 02:aa:00:00:00:01', check=False)
        ctx.check('failover: the pair keeps its address', not done)
        count = 20 if ctx.options.stress else 2
        wrong = it.swaps(count)
        ctx.check(f'failover: the primary comes and goes {count} times, the stream is complete',
                  not wrong, wrong)
        done = it.do(f'rmmod ivnet_virtio && [ ! -e /sys/class/net/{it.below} ] && '
                     f'[ ! -e /sys/class/net/{it.above} ]', check=False)
        ctx.check('failover: the driver unloads', done, done.err)
        ctx.splats(guest, 'failover')
