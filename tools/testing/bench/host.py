# SPDX-License-Identifier: GPL-2.0
"""A guest and its host: ivshmem-tap against virtio-net and a tap, both ways."""
import os
import subprocess

import vm
from bed import PORT, until
from shm import TICK, TRAFFIC, Guests, Traffic

PATHS = ('ivshmem-tap', 'virtio-net')


class Way(Traffic):
    """Traffic of one direction."""

    def __init__(self, traffic, down):
        super().__init__(f'{traffic.name} to the {"guest" if down else "host"}', traffic.text,
                         traffic.unit, traffic.payload, traffic.first, traffic.counted)
        self.down = down


class Host(Guests):
    """One guest; the other end is the rig's own network."""

    paths = PATHS
    ends = ('guest',)
    traffic = tuple(Way(each, down) for each in TRAFFIC for down in (False, True))

    def start(self):
        vm.host('ip', 'tuntap', 'add', 'dev', 'direct', 'mode', 'tap', 'vnet_hdr')
        self.boot('guest', [vm.Shm('memory'), vm.Nic(
            netdev='tap,ifname=direct,script=no,downscript=no,vnet_hdr=on')])
        guest = self.guests[0]
        self.tap = self.join(guest.nics[0].segment)
        guest.load('virtio_net')
        guest.load('ivnet_ivshmem')
        names = guest.addresses()
        guest.run(f'ip addr add 10.99.0.2/24 dev {names[1]}', check=True)
        for device, address in zip(('shm', 'direct'), (self.address(path) for path in PATHS)):
            vm.host('ip', 'link', 'set', device, 'up')
            vm.host('ip', 'addr', 'add', f'{address}/24', 'dev', device)
        devices = [guest.run(f'basename $(readlink -f /sys/class/net/{name}/device)',
                             check=True).out.strip() for name in names]
        self.names = [list(zip(names, devices))]
        server = self.process([self.tool, 'serve', str(PORT)], stdout=subprocess.PIPE, text=True)
        if server.stdout.readline() != 'ready\n':
            raise vm.VmError('no server on the host')
        self.ready()

    def process(self, command, **options):
        """A program of the host that ends with the bed."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.stack.callback(lambda: (process.kill(), process.wait(10)))
        return process

    def join(self, shared):
        """ivshmem-tap, with one queue pair as the guest's virtio-net has."""
        folder = os.path.join(vm.run_dir(), 'ivshmem-tap')
        os.makedirs(folder, exist_ok=True)
        vm.host('make', '-s', '-C', os.path.join(vm.TOP, 'tools/ivshmem-tap'), f'O={folder}',
                timeout=300)
        with open(os.path.join(folder, 'log'), 'ab') as log:
            process = self.process(
                [os.path.join(folder, 'ivshmem-tap'), '--socket', shared.socket, '--tap', 'shm',
                 '--queues', '1', '--quiet'], stdout=log, stderr=log)
        until(lambda: os.path.exists('/sys/class/net/shm') or process.poll() is not None,
              'ivshmem-tap does not start')
        return process

    def address(self, path):
        """Of the host."""
        return self.guests[0].nics[0].segment.address() if path == PATHS[0] else '10.99.0.1'

    def send(self, traffic, path, amount, pace=True):
        if not traffic.down:
            return super().send(traffic, path, amount, pace)
        address = self.guests[0].address() if path == PATHS[0] else '10.99.0.2'
        words = traffic.command(address, amount, pace).split()[1:]
        return int(vm.host(self.tool, *words, timeout=180).stdout) / 1e6

    def arrived(self, traffic):
        if traffic.down:
            return super().arrived(traffic)
        with open('/proc/net/snmp', encoding='ascii') as file:
            return self.datagrams(file.read())

    def seconds(self):
        with open(f'/proc/{self.tap.pid}/stat', encoding='ascii') as file:
            words = file.read().rpartition(')')[2].split()
        return super().seconds() + (int(words[11]) + int(words[12])) / TICK


PARTS = {'host': (Host, ())}
TEXTS = {'host': 'a guest and its host: ivshmem-tap against virtio-net and a tap'}
