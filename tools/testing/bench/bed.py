# SPDX-License-Identifier: GPL-2.0
"""Where it is measured: one guest, its NICs with either driver in turn, traffic."""
import fcntl
import os
import select
import socket
import struct
import subprocess
import termios
import time

import counts
import vm
from vm.rig import run_dir

DRIVERS = {'virtio_net': 'virtio_net', 'ivnet': 'ivnet_virtio'}
PORT = 5000
BEHIND = '52:54:00:ff:00:01'    # of the host behind the guest
SIOCOUTQ = termios.TIOCOUTQ
FLIGHT = 4 * 65160    # bytes: four frames of 45 segments
SETTLE = 0.15     # longer than a delayed ACK
IDLE = 300000     # instructions that a guest at rest may run in that time


def until(condition, text, timeout=20):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise vm.VmError(text)
        time.sleep(0.01)


class Bed:
    """A guest with the plugin, both drivers loaded, one of them bound."""

    def __init__(self, kernel, counted, options):
        vm.isolate()
        self.counter = counts.Counter() if counted else None
        self.tool = os.path.join(run_dir(), 'traffic')
        counts.build('traffic.c', self.tool, '-static')
        self.guest = vm.Guest(
            kernel=kernel, cmdline=options.cmdline, nics=['lan0', 'lan1'],
            icount='shift=0,sleep=on' if counted else None,
            args=self.counter.arguments() if counted else [])
        self.setup = options.setup
        self.driver = self.symbols = self.neighbour = None

    def __enter__(self):
        with open('/proc/sys/net/ipv4/tcp_min_tso_segs', 'w', encoding='ascii') as file:
            file.write('45')
        self.guest.start().wait()
        for driver in ('virtio_net', 'ivnet'):
            self.guest.load(driver)
            self.driver = self.driver or driver
        self.guest.push(self.tool, '/run/traffic')
        self.devices = [
            self.guest.run(f'basename $(readlink -f /sys/class/net/{self.guest.ifname(n)}/device)',
                           check=True).out.strip() for n in range(len(self.guest.nics))]
        if self.counter:
            # The text of the kernel's symbols passes the share as a file.
            self.guest.run('cat /proc/kallsyms >/out/kallsyms', check=True)
            with open(os.path.join(self.guest.out, 'kallsyms'), encoding='ascii') as file:
                self.symbols = counts.Symbols(file.read())
        server = self.guest.start_command(f'exec /run/traffic serve {PORT}')
        self.guest.start_command(f'exec /run/traffic drain {PORT + 2}')
        self.bind(self.driver)
        until(lambda: 'ready' in server.output(), 'no server in the guest')
        return self

    def __exit__(self, *_):
        if self.neighbour:
            self.neighbour.kill()
            self.neighbour.wait(10)
        self.guest.kill()

    def bind(self, driver):
        """Have the NICs driven by a driver, fresh."""
        lines = []
        for device in self.devices:
            lines.append(f'echo {device} >/sys/bus/virtio/devices/{device}/driver/unbind')
        for device in self.devices:
            lines.append(f'echo {device} >/sys/bus/virtio/drivers/{DRIVERS[driver]}/bind')
        self.guest.run('set -e\n' + '\n'.join(lines), check=True)
        self.driver = driver
        names = self.guest.addresses()
        if self.setup and driver == 'ivnet':
            for name in names:
                self.guest.run(f'DEV={name}; {self.setup}', check=True)
        for nic in self.guest.nics:
            vm.host('ip', 'link', 'set', nic.tap, 'txqueuelen', '10000')
        # The peers are known, so that no ARP falls into a window.
        for number, (nic, name) in enumerate(zip(self.guest.nics, names)):
            bridge = nic.segment.bridge
            with open(f'/sys/class/net/{bridge}/address', encoding='ascii') as file:
                mac = file.read().strip()
            self.guest.run(f'ip neigh replace {nic.segment.address()} lladdr {mac} dev {name} '
                           f'nud permanent', check=True)
            vm.host('ip', 'neigh', 'replace', self.guest.address(number), 'lladdr', nic.mac,
                    'dev', bridge, 'nud', 'permanent')
        if self.neighbour:
            self.route()
        return names

    def behind(self):
        """A host that is reached through the guest; answers as the guest does."""
        first, second = (nic.segment for nic in self.guest.nics[:2])
        address = second.address(200)
        if self.neighbour:
            return address
        self.neighbour = subprocess.Popen(
            ['unshare', '-n', 'sh', '-c', 'read go; exec "$@"', 'sh', self.tool, 'serve',
             str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pid = str(self.neighbour.pid)
        until(lambda: os.readlink(f'/proc/{pid}/ns/net') != os.readlink('/proc/self/ns/net'),
              'no network namespace')
        vm.host('ip', 'link', 'add', 'behind', 'type', 'veth', 'peer', 'name', 'eth0',
                'address', BEHIND, 'netns', pid)
        vm.host('ip', 'link', 'set', 'behind', 'master', second.bridge, 'up')
        inside = ['nsenter', '-t', pid, '-n', 'ip']
        vm.host(*inside, 'addr', 'add', f'{address}/24', 'dev', 'eth0')
        vm.host(*inside, 'link', 'set', 'eth0', 'up')
        vm.host(*inside, 'route', 'add', 'default', 'via', self.guest.address(1))
        vm.host(*inside, 'neigh', 'replace', self.guest.address(1), 'lladdr',
                self.guest.nics[1].mac, 'dev', 'eth0', 'nud', 'permanent')
        vm.host('ip', 'route', 'add', address, 'via', self.guest.address(), 'dev', first.bridge)
        self.neighbour.stdin.write(b'go\n')
        self.neighbour.stdin.flush()
        until(lambda: select.select([self.neighbour.stdout], [], [], 0)[0],
              'no server behind the guest')
        self.route()
        return address

    def route(self):
        self.guest.run(f'sysctl -qw net.ipv4.ip_forward=1; ip neigh replace '
                       f'{self.guest.nics[1].segment.address(200)} lladdr {BEHIND} '
                       f'dev {self.guest.ifname(1)} nud permanent', check=True)

    def setup_text(self):
        """What both drivers have to have alike, as lines."""
        name = self.guest.ifname()
        text = self.guest.run(
            f'ethtool -k {name} | grep -v fixed; ethtool -g {name} | sed -n "/Current/,\\$p";'
            f'ethtool -c {name}; ethtool -l {name} 2>/dev/null| sed -n "/Current/,\\$p"; '
            f'cat /sys/class/net/{name}/mtu; tc qdisc show dev {name}').out
        return [' '.join(line.split()) for line in text.splitlines()]

    def window(self, traffic, units):
        """Count what runs while traffic() does."""
        before = self.counter.snapshot()
        traffic()
        last = self.counter.snapshot()
        deadline = time.monotonic() + 60
        while True:
            time.sleep(SETTLE)
            after = self.counter.snapshot()
            if counts.instructions(after) - counts.instructions(last) < IDLE:
                return counts.Window(before, after, self.symbols, units)
            if time.monotonic() > deadline:
                raise vm.VmError('the guest does not come to rest')
            last = after

    # Traffic

    def send(self, size, count, burst, pause, address=None, port=PORT):
        """Datagrams from the host."""
        subprocess.run([self.tool, 'burst', address or self.guest.address(), str(port),
                        str(size), str(count), str(burst), str(pause)],
                       check=True, timeout=300)

    def order(self, text, address=None):
        """A connection to the guest, or to behind(), with an order given."""
        link = socket.create_connection((address or self.guest.address(), PORT), timeout=60)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * FLIGHT)
        link.send(text.encode())
        return link

    @staticmethod
    def push(link, size):
        """Send bytes; the next flight leaves when one is acknowledged, so that how
        many frames come together does not depend on the speed of the host."""
        flight = bytes(FLIGHT)
        deadline = time.monotonic() + 120
        while size > 0:
            link.sendall(flight[:size])
            size -= FLIGHT
            while struct.unpack('i', fcntl.ioctl(link, SIOCOUTQ, bytes(4)))[0]:
                if time.monotonic() > deadline:
                    raise vm.VmError('no acknowledgement')
                time.sleep(0.0003)

    @staticmethod
    def drain(link, size):
        """Read that many bytes."""
        buffer = memoryview(bytearray(1 << 20))
        while size > 0:
            # As long as it waits for more the host acknowledges each frame by itself.
            buffer = buffer[:size]
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(buffer))
            got = link.recv_into(buffer)
            if not got:
                raise vm.VmError('the guest has hung up')
            size -= got
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
