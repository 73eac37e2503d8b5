# SPDX-License-Identifier: GPL-2.0
"""The control queue: what the device knows, as QEMU tells it (query-rx-filter,
x-query-virtio-status), against what the guest was told and has, before and after everything
that resets a queue or the device."""
import contextlib
import socket
import time

import agree
import interface
import vm

GROUP = '33:33:00:00:12:34'
VLANS = (5, 100, 4094)
# QEMU's table has this many addresses.
TABLE = 64


class Control(interface.Interface):
    """A NIC of a guest, and the device behind it."""

    def __init__(self, ctx, guest, nic, label):
        super().__init__(ctx, guest, nic)
        self.label = label
        self.both = agree.Agreement(self)

    def each(self, *commands):
        for command in commands:
            self.do(command)

    def filter(self):
        """What the device has."""
        return self.guest.qmp('query-rx-filter', name=self.nic.id)[0]

    def groups(self):
        """What the net_device has."""
        lines = self.guest.run(f'ip maddr show dev {self.name}', check=True).out.splitlines()
        return sorted(line.split()[1] for line in lines if line.split()[0] == 'link')

    def wait(self, good, what):
        """The device gets to know in the background. What is wrong, or ''."""
        deadline = time.monotonic() + 10 * self.ctx.slow
        while time.monotonic() < deadline:
            have = self.filter()
            if good(have):
                return ''
            time.sleep(0.1)
        return f'{what}: the device has {have}'

    def steps(self):
        return [('addresses and modes', self.modes), ('more addresses than fit', self.overflow),
                ('VLANs', self.vlans), ('kept, and QEMU agrees', self.kept),
                ('filter off and on', self.switched), ('announces itself', self.announce),
                ('link goes and comes', lambda: self.both.flap(
                    50 if self.ctx.options.stress else 5))]

    def run(self):
        for name, step in self.steps():
            wrong = step()
            self.ctx.check(f'control: {self.label}: {name}', not wrong, wrong)

    # Each returns what is wrong.

    def modes(self):
        """Promiscuous, all multicast, a group, a second unicast address."""
        tries = [
            ('', lambda f: not f['promiscuous'] and f['multicast'] == 'normal' and
             sorted(f['multicast-table']) == self.groups() and not f['unicast-table']),
            ('ip link set {dev} promisc on', lambda f: f['promiscuous']),
            ('ip link set {dev} promisc off', lambda f: not f['promiscuous']),
            ('ip link set {dev} allmulticast on', lambda f: f['multicast'] == 'all'),
            ('ip link set {dev} allmulticast off', lambda f: f['multicast'] == 'normal'),
            (f'ip maddr add {GROUP} dev {{dev}}', lambda f: GROUP in f['multicast-table']),
            (f'ip maddr del {GROUP} dev {{dev}}', lambda f: GROUP not in f['multicast-table']),
            ('ip link add mv0 link {dev} address 02:aa:00:00:00:01 type macvlan mode private && '
             'ip link set mv0 up',
             lambda f: f['unicast-table'] == ['02:aa:00:00:00:01'] and not f['promiscuous']),
            ('ip link del mv0', lambda f: not f['unicast-table']),
        ]
        for command, good in tries:
            self.do(command or 'true')
            wrong = self.wait(good, command or 'at first')
            if wrong:
                return wrong
        return ''

    def overflow(self):
        """The device says itself that its table is full, and lets all of them through."""
        loop = f'for i in $(seq 10 {10 + TABLE + 30}); do ip maddr {{}} 33:33:00:00:77:$i ' \
               f'dev {self.name}; done 2>/dev/null; true'
        loop = loop.replace('77:$i', '$(printf %02x:%02x $((i / 256 + 7)) $((i % 256)))')
        self.do(loop.format('add'))
        wrong = self.wait(lambda f: f['multicast-overflow'], 'many groups')
        self.do(loop.format('del'))
        return wrong or self.wait(lambda f: not f['multicast-overflow'] and
                                  sorted(f['multicast-table']) == self.groups(), 'few again')

    def table(self, *vlans):
        """Does the device let these through alone? (0 is for priority tags.)"""
        return lambda f: f['vlan'] == 'normal' and sorted(set(f['vlan-table']) - {0}) == sorted(vlans)

    def vlans(self):
        for vid in VLANS:
            self.do(f'ip link add link {{dev}} name v{vid} type vlan id {vid}')
        wrong = self.wait(self.table(*VLANS), 'three VLANs')
        self.do(f'ip link del v{VLANS[1]}')
        return wrong or self.wait(self.table(VLANS[0], VLANS[2]), 'one less')

    def kept(self):
        """After all that resets queues or the device it knows the same."""
        self.each(f'ip maddr add {GROUP} dev {{dev}}', 'ip link set {dev} allmulticast on',
                'ip link set {dev} address 02:aa:00:00:00:77')
        wrong = self.wait(lambda f: f['multicast'] == 'all' and GROUP in f['multicast-table'] and
                          f['main-mac'] == '02:aa:00:00:00:77', 'set up')
        wrong = wrong or self.both.wrong('set up')
        before = self.filter()

        def same(have):
            now = {**before, 'multicast-table': self.groups()}    # IPv6 has some of its own
            return all(sorted(have[key]) == sorted(value) if isinstance(value, list)
                       else have[key] == value for key, value in now.items())
        for command in ('ethtool -G {dev} rx 128', 'ethtool -G {dev} rx 256',
                        'ip link set {dev} down; ip link set {dev} up',
                        'ethtool -L {dev} combined 2', 'ethtool -L {dev} combined 1',
                        'devlink dev reload {handle} action driver_reinit',
                        'devlink health recover {handle} reporter device'):
            if '-G' in command and 'reset off' in self.label:
                continue
            self.do(command)
            wrong = wrong or self.wait(same, command) or self.both.wrong(command)
        self.each(f'ip maddr del {GROUP} dev {{dev}}', 'ip link set {dev} allmulticast off',
                f'ip link set {{dev}} address {self.nic.mac}')
        return wrong

    def tired(self):
        """Something of each kind, for a sleep."""
        self.each(f'ip maddr add {GROUP} dev {{dev}}', 'ip link set {dev} allmulticast on',
                f'ip link add link {{dev}} name {{dev}}.7 type vlan id {VLANS[0]}',
                'ip link set {dev} address 02:aa:00:00:00:78')
        return self.both.wrong('before')

    def switched(self):
        """Without the filter everything passes; with it the table is back."""
        wrong = ''
        for command, good in (('ethtool -K {dev} rx-vlan-filter off', lambda f: f['vlan'] == 'all'),
                              ('ethtool -K {dev} rx-vlan-filter on',
                               self.table(VLANS[0], VLANS[2])),
                              ('ip link set {dev} down', self.table(VLANS[0], VLANS[2])),
                              ('ethtool -K {dev} rx-vlan-filter off; ip link set {dev} up',
                               lambda f: f['vlan'] == 'all'),
                              ('devlink dev reload {handle} action driver_reinit',
                               lambda f: f['vlan'] == 'all'),
                              ('ethtool -K {dev} rx-vlan-filter on',
                               self.table(VLANS[0], VLANS[2]))):
            if command.endswith('down') and 'reset off' in self.label:
                self.do(command)    # the device is reset, and knows nothing
                continue
            self.do(command)
            wrong = wrong or self.wait(good, command)
        self.each(*(f'ip link del v{vid}' for vid in (VLANS[0], VLANS[2])))
        return wrong

    def announce(self):
        """As after a migration: the network hears of the guest's addresses."""
        before = self.counters()['announcements']
        with contextlib.closing(socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                              socket.htons(0x0806))) as raw:
            raw.bind((self.nic.segment.bridge, 0))
            raw.settimeout(10 * self.ctx.slow)
            self.guest.qmp('announce-self', initial=50, max=500, rounds=1, step=50)
            mac = bytes.fromhex(self.nic.mac.replace(':', ''))
            deadline = time.monotonic() + 10 * self.ctx.slow
            seen = False
            while not seen and time.monotonic() < deadline:
                frame = raw.recv(2048)
                # a request or an answer about its own address
                seen = frame[6:12] == mac and frame[28:32] == frame[38:42]
        if not seen:
            return 'no gratuitous ARP'
        if self.counters()['announcements'] <= before:
            return 'not counted'
        return 'refused' if self.counters()['ctrl_refused'] else ''


def run(ctx, exchange, server):
    nics = {vm.Nic(ctx.segment(), queues=2): 'plain',
            vm.Nic(ctx.segment(), queues=2, props={'queue_reset': 'off', 'packed': 'on'}):
            'packed, queue reset off'}
    # a second processor that could be there makes two queue pairs; this QEMU must run one
    with ctx.guest(list(nics), name=f'control-{ctx.kernel}', smp=2, cmdline='maxcpus=1') as guest:
        guest.load('ivnet')
        guest.addresses()
        guest.run('sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1; modprobe -a 8021q macvlan',
                  check=True)
        controls = [Control(ctx, guest, nic, label) for nic, label in nics.items()]
        for control in controls:
            control.run()
        for nic, wrong in exchange(ctx, guest, list(nics), server, 300000).items():
            ctx.check(f'control: {nics[nic]}: still works', not wrong, wrong)
        wrong = ''.join(control.tired() for control in controls) or controls[0].both.sleep()
        ctx.check('control: sleeps', not wrong, wrong)
        for control in controls:
            wrong = control.both.wrong('after')
            ctx.check(f'control: {control.label}: kept in sleep, and QEMU agrees', not wrong, wrong)
        ctx.splats(guest, 'control')
