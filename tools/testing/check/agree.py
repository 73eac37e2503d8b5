# SPDX-License-Identifier: GPL-2.0
"""QEMU and the guest, asked the same about a virtio-net device: features, status, rings,
filters. What the guest says is what its kernel and the driver have, not what was set."""
import json
import os
import re
import time

import vm

HEADERS = os.path.join(vm.CACHE, 'src', 'linux-source-6.12', 'include/uapi/linux')
STATUS = {'ACKNOWLEDGE': 1, 'DRIVER': 2, 'DRIVER_OK': 4, 'FEATURES_OK': 8, 'NEEDS_RESET': 64,
          'FAILED': 128}
# From 11 on QEMU aborts when it is asked for the status of such a device.
BROKEN = 11
FACTS = '''cd /sys/bus/virtio/devices/{virtio} && cat features status &&
    for name in device rx tx; do
        devlink -j health diagnose virtio/{virtio} reporter $name | tr -d '\\n'; echo; done &&
    ip -j -d link show dev {dev} && ip -j maddr show dev {dev} | tr -d '\\n' && echo &&
    ip -j link show type macvlan && ethtool -k {dev} | grep -c '^rx-vlan-filter: on'
    sed -n 's/.*| *\\([0-9]*\\) *| {dev}$/\\1/p' /proc/net/vlan/config 2>/dev/null; true'''


def feature_bits():
    """Numbers of the bits by the names that QEMU uses, too."""
    found = {}
    for name in ('virtio_net.h', 'virtio_config.h', 'virtio_ring.h'):
        with open(os.path.join(HEADERS, name), encoding='utf-8') as file:
            found.update((bit, int(number)) for bit, number in re.findall(
                r'^#define\s+(VIRTIO_\w*F_\w+)\s+(\d+)\b', file.read(), re.M))
    return found


class Agreement:
    """A device, its two sides."""

    def __init__(self, interface):
        self.ctx, self.guest, self.nic = interface.ctx, interface.guest, interface.nic
        self.name, self.virtio = interface.name, interface.virtio
        self.interface = interface
        self.path = f'/machine/peripheral/{self.nic.id}/virtio-backend'
        self.bits = feature_bits()
        self.status = self.guest.qmp('query-version')['qemu']['major'] < BROKEN
        if not self.status:
            self.ctx.tap.note(f'{self.ctx.prefix}agreement: this QEMU cannot be asked for the status')

    def ours(self):
        """What the guest says."""
        lines = self.interface.do(FACTS).out.splitlines()
        bits, status, device, rx, tx, link, groups, others, filters, *vlans = lines
        link = json.loads(link)[0]
        device = json.loads(device)
        found = {
            'features': sum(1 << bit for bit, char in enumerate(bits) if char == '1'),
            'features, by the driver': device['features'],
            'status': int(status, 16),
            'status, by the driver': device['device_status'],
            'rings': 2 * device['device_queue_pairs'] + 1,
            'main-mac': link['address'],
            'promiscuous': link['promiscuity'] > 0,
            'multicast': 'all' if link['allmulti'] else 'normal',
            'multicast-table': sorted(each['link'] for each in json.loads(groups)[0]['maddr']
                                      if 'link' in each),
            'unicast-table': sorted(each['address'] for each in json.loads(others or '[]')
                                    if each.get('link') == self.name),
            'vlan-table': sorted(map(int, vlans)) if filters == '1' else None,
        }
        for first, text in ((0, rx), (1, tx)):
            for each in json.loads(text)['queues']:
                found[f'ring {2 * each["queue"] + first}'] = each['ring']
        return found

    def theirs(self, rings):
        """What QEMU says, of so many rings."""
        state = self.guest.qmp('query-rx-filter', name=self.nic.id)[0]
        found = {key: state[key] for key in ('main-mac', 'promiscuous', 'multicast')}
        found.update((key, sorted(state[key])) for key in ('multicast-table', 'unicast-table'))
        # 0 is for priority tags, 8021q asks for it by itself
        found['vlan-table'] = sorted(set(state['vlan-table']) - {0}) \
            if state['vlan'] != 'all' else None
        for index in rings:
            ring = self.guest.qmp('x-query-virtio-queue-status', path=self.path, queue=index)
            found[f'ring {index}'] = ring['vring-num'] if ring['vring-desc'] else 'none'
        if not self.status:
            return found
        state = self.guest.qmp('x-query-virtio-status', path=self.path)
        features = state['guest-features']
        bits = features.get('unknown-dev-features', 0)
        for text in features['dev-features'] + features['transports']:
            bits |= 1 << self.bits[text.partition(':')[0]]
        status = sum(STATUS[text.partition(':')[0][len('VIRTIO_CONFIG_S_'):]]
                     for text in state['status']['statuses'])
        found.update({'features': bits, 'features, by the driver': bits, 'status': status,
                      'status, by the driver': status, 'rings': state['num-vqs']})
        if state['broken'] or not state['started']:
            found['state'] = 'broken' if state['broken'] else 'not started'
        return found

    def compare(self):
        ours = self.ours()
        theirs = self.theirs([int(key.split()[1]) for key in ours if key.startswith('ring ')])
        return ''.join(f'{key}: QEMU has {theirs[key]}, the guest {ours.get(key)}\n'
                       for key in theirs if theirs[key] != ours.get(key))

    def wrong(self, what):
        """What they do not agree on; filters get to the device in the background."""
        deadline = time.monotonic() + 10 * self.ctx.slow
        found = self.compare()
        while found and time.monotonic() < deadline:
            time.sleep(0.2)
            found = self.compare()
        return found and f'{what}: {found}'

    def config_interrupts(self):
        """How many there were, of the configuration."""
        for line in self.guest.read('/proc/interrupts').splitlines():
            words = line.split()
            if words[-1] == f'{self.virtio}-config':
                return sum(int(word) for word in words[1:] if word.isdigit())
        raise vm.VmError(f'{self.virtio} has no interrupt for its configuration')

    def packed(self):
        bits = self.guest.read(f'/sys/bus/virtio/devices/{self.virtio}/features')
        return bits[self.bits['VIRTIO_F_RING_PACKED']] == '1'

    def flap(self, count):
        """The link goes and comes, each time with one interrupt. What is wrong.

        This QEMU miscounts what it drops from a packed ring while there is no link (inuse gets
        below 0), and does not look at the ring any more: then the driver resets the device,
        some seconds later, and the kernel counts interrupts anew."""
        folder = f'/sys/class/net/{self.name}'

        def carriers():
            return [int(self.guest.read(f'{folder}/carrier_{word}_count'))
                    for word in ('up', 'down')]

        def until(carrier):
            deadline = time.monotonic() + 10 * self.ctx.slow
            while self.guest.read(f'{folder}/carrier').strip() != carrier:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.02)
            return True
        before, interrupts = carriers(), self.config_interrupts()
        resets = self.interface.counters()['device_resets']
        for number in range(count):
            for up, carrier in ((False, '0'), (True, '1')):
                self.guest.link(self.nic, up)
                if not until(carrier):
                    return f'{number}: no carrier {carrier}'
        grown = [now - then for now, then in zip(carriers(), before)]
        resets = self.interface.counters()['device_resets'] - resets
        interrupts = self.config_interrupts() - interrupts
        counted = interrupts == 2 * count or resets and self.packed()
        if grown != [count, count] or not counted:
            return f'{grown} changes, {interrupts} interrupts, {resets} resets for {count} flaps'
        return '' if not self.packed() or self.answers() else 'no traffic any more'

    def answers(self):
        """Does the host, in the end?"""
        deadline = time.monotonic() + 30 * self.ctx.slow
        while time.monotonic() < deadline:
            if not self.interface.do(f'ping -q -c 1 -W 1 {self.nic.segment.address()}',
                                     check=False).code:
                return True
        return False

    def sleep(self):
        """Suspend to idle, as far as the devices go. From here on the guest does without
        shares, which do not survive."""
        self.guest.agent.shares = False
        seen = len(self.guest.console())
        self.guest.run('''echo 1 >/sys/module/suspend/parameters/pm_test_delay &&
            echo devices >/sys/power/pm_test && echo 8 >/proc/sys/kernel/printk &&
            echo freeze >/sys/power/state''', timeout=60 * self.ctx.slow, check=True)
        return '' if 'suspend debug: Waiting' in self.guest.console()[seen:] else 'no sleep'
