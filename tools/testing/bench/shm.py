# SPDX-License-Identifier: GPL-2.0
"""IVSHMEM between two guests against virtio-net, and the loop pair against veth.

Rates by the clock, the processor time that the two QEMU need, doorbells and
interrupts; and, with other guests, counted instructions of each side.
"""
import contextlib
import os
import re
import statistics
import time

import counts
import report
import vm
from bed import IDLE, PORT, SETTLE, until
from cases import BURST, PAUSE, WARM

SECONDS = 2      # that a measurement by the clock takes about
FLOOD = 32       # datagrams by one sendmmsg()
TICK = os.sysconf('SC_CLK_TCK')
MB = 1 << 20
TRIES = 4


class Traffic:
    """unit is what figures are divided by; first is sent to warm up and counted is
    sent to count, in datagrams or bytes."""

    def __init__(self, name, text, unit, payload, first, counted):
        self.name, self.text, self.unit = name, text, unit
        self.payload, self.first, self.counted = payload, first, counted

    def units(self, amount):
        return amount if self.payload else amount / 1000

    def command(self, address, amount, pace=True):
        if not self.payload:
            return f'/run/traffic stream {address} {PORT} {amount}'
        burst, pause = (BURST, PAUSE) if pace else (FLOOD, 0)
        return f'/run/traffic send {address} {PORT} {self.payload} {amount} {burst} {pause}'


TRAFFIC = (Traffic('UDP 64 B', '60 byte frames', 'packet', 18, WARM, 3200),
           Traffic('UDP 1,500 B', '1,514 byte frames', 'packet', 1472, WARM, 3200),
           Traffic('TCP', 'a stream', 'kB', 0, 8 * MB, 32 * MB))


class Bed:
    """Guests, the paths between two ends in them, and traffic. Subclasses set
    guests, paths (the first is ours), prefix of commands at the far end, and what
    events() are of."""

    paths = ()
    prefix = ''
    ends = ('sender', 'receiver')
    traffic = TRAFFIC

    def __init__(self, kernel, counted, arguments):
        self.kernel, self.counted, self.setup = kernel, counted, arguments.setup
        self.guests, self.counters, self.symbols = [], [], []
        self.stack = contextlib.ExitStack()
        self.tool = os.path.join(vm.run_dir(), 'traffic')
        counts.build('traffic.c', self.tool, '-static')
        self.cmdline = arguments.cmdline

    def boot(self, name, nics):
        counter = counts.Counter() if self.counted else None
        guest = self.stack.enter_context(vm.Guest(
            kernel=self.kernel, name=name, nics=nics, cmdline=self.cmdline,
            icount='shift=0,sleep=on' if counter else None,
            args=counter.arguments() if counter else []))
        self.guests.append(guest.wait())
        if counter:
            self.counters.append(counter)

    def ready(self):
        """Drivers are loaded, addresses are there."""
        for guest in self.guests:
            guest.push(self.tool, '/run/traffic')
            if self.counted:
                guest.run('cat /proc/kallsyms >/out/kallsyms', check=True)
                with open(os.path.join(guest.out, 'kallsyms'), encoding='ascii') as file:
                    self.symbols.append(counts.Symbols(file.read()))
            for name in self.ours(guest) if self.setup else []:
                guest.run(f'DEV={name}; {self.setup}', check=True)
        server = self.guests[-1].start_command(f'exec {self.prefix}/run/traffic serve {PORT}')
        until(lambda: 'ready' in server.output(), 'no server')
        for path in self.paths:
            # The carrier of a link may take a second.
            self.guests[0].run(f'for i in 1 2 3 4 5 6 7 8 9; do ping -qc1 -W1 {self.address(path)} '
                               '&& exit; done; exit 1', check=True)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        raise NotImplementedError

    def ours(self, guest):
        """Names of the devices that ivnet drives."""
        raise NotImplementedError

    def address(self, path):
        """Of the far end."""
        raise NotImplementedError

    def send(self, traffic, path, amount, pace=True):
        """Run traffic; the seconds that it took by the sender's clock."""
        command = traffic.command(self.address(path), amount, pace)
        return int(self.guests[0].run(command, timeout=180, check=True).out) / 1e6

    def splats(self):
        found = [text for guest in self.guests for text in guest.splats()]
        if found:
            raise vm.VmError('the kernel complained:\n' + '\n'.join(found))

    # By the clock

    def arrived(self, _traffic):
        """Datagrams that reached the far end's UDP so far."""
        return self.datagrams(
            self.guests[-1].run(f'{self.prefix}cat /proc/net/snmp', check=True).out)

    @staticmethod
    def datagrams(text):
        values = dict(zip(*(line.split() for line in text.splitlines()
                            if line.startswith('Udp: '))))
        return int(values['InDatagrams']) + int(values['InErrors'])

    def seconds(self):
        """Processor time of all QEMU so far."""
        total = 0
        for guest in self.guests:
            with open(f'/proc/{guest.process.pid}/stat', encoding='ascii') as file:
                words = file.read().rpartition(')')[2].split()
            total += int(words[11]) + int(words[12])
        return total / TICK

    def events(self, _path):
        """Doorbells and interrupts so far, of each guest."""
        return []

    def rate(self, path, traffic, amount):
        """One measurement: units per second, processor time and events per unit."""
        time.sleep(0.2)
        before, cpu, events = self.arrived(traffic), self.seconds(), self.events(path)
        took = self.send(traffic, path, amount, False)
        cpu = self.seconds() - cpu
        # What is still on its way is little.
        time.sleep(0.2)
        units = traffic.units(amount)
        if traffic.payload:
            units = self.arrived(traffic) - before
        if not units:
            raise vm.VmError(f'{path}, {traffic.name}: nothing arrived')
        return Rate(units / took, cpu / units, units / traffic.units(amount),
                    [1000 * (b - a) / units for a, b in zip(events, self.events(path))])

    def rates(self, runs):
        """{traffic: {path: [Rate, ...]}}; the paths take turns."""
        result = {traffic: {path: [] for path in self.paths} for traffic in self.traffic}
        amounts = {}
        for traffic in self.traffic:
            for path in self.paths:
                took = [self.send(traffic, path, traffic.first, False) for _ in range(2)][-1]
                amount = traffic.first / took * SECONDS
                # Short ones begin slowly.
                amounts[traffic, path] = max(int(amount), 4 * traffic.first) // FLOOD * FLOOD
        for _ in range(runs):
            for traffic in self.traffic:
                for path in self.paths:
                    result[traffic][path].append(
                        self.rate(path, traffic, amounts[traffic, path]))
        return result

    # Counted

    def windows(self, path, traffic):
        """What each guest runs for the same traffic."""
        self.send(traffic, path, traffic.first)
        self.settle()
        before = self.snapshots()
        self.send(traffic, path, traffic.counted)
        after = self.settle()
        return [counts.Window(*each, traffic.units(traffic.counted))
                for each in zip(before, after, self.symbols)]

    def snapshots(self):
        return [counter.snapshot() for counter in self.counters]

    def settle(self):
        """Wait until all guests are at rest; the state then."""
        deadline = time.monotonic() + 60
        last = self.snapshots()
        while True:
            time.sleep(SETTLE)
            after = self.snapshots()
            if all(counts.instructions(b) - counts.instructions(a) < IDLE
                   for a, b in zip(last, after)):
                return after
            if time.monotonic() > deadline:
                raise vm.VmError('the guests do not come to rest')
            last = after

    def count(self, runs):
        """{traffic: {path: [[Window of each guest], ...]}}; the paths take turns."""
        result = {traffic: {path: [] for path in self.paths} for traffic in self.traffic}
        for traffic in self.traffic:
            for _ in range(runs):
                for path in self.paths:
                    result[traffic][path].append(self.complete(path, traffic))
        return result

    def complete(self, path, traffic):
        """Windows in which nothing was lost. The guests' clocks differ while one of
        them is busy, so on a busy host a port of IVSHMEM may seem silent."""
        for _ in range(TRIES):
            windows = self.windows(path, traffic)
            seen = windows[-1].called(('udp_queue_rcv_one_skb',))
            if not traffic.payload or abs(seen - traffic.counted) <= traffic.counted / 100:
                return windows
        raise vm.VmError(f'{path}, {traffic.name}: {traffic.counted} packets went, '
                         f'{seen} were counted')


class Rate:
    def __init__(self, speed, cpu, part, events):
        self.speed, self.cpu, self.part, self.events = speed, cpu, part, events


class Guests(Bed):
    """Two guests that are connected in three ways."""

    paths = ('IVSHMEM', 'socket', 'bridge')

    def start(self):
        # The one that listens has to start first.
        for name, end in (('left', 'listen'), ('right', 'connect')):
            self.boot(name, [vm.Shm('memory'), vm.Nic(netdev=f'socket,{end}=127.0.0.1:5001'),
                             vm.Nic('lan')])
        self.names = []
        for number, guest in enumerate(self.guests, 1):
            guest.load('virtio_net')
            guest.load('ivnet_ivshmem')
            names = guest.addresses()
            guest.run(f'ip addr add 10.99.0.{number}/24 dev {names[1]}', check=True)
            devices = [guest.run(f'basename $(readlink -f /sys/class/net/{name}/device)',
                                 check=True).out.strip() for name in names]
            self.names.append(list(zip(names, devices)))
        self.ready()

    def ours(self, guest):
        return [guest.ifname(0)]

    def address(self, path):
        return '10.99.0.2' if path == 'socket' else \
            self.guests[1].address(self.paths.index(path))

    def events(self, path):
        result = []
        for guest, names in zip(self.guests, self.names):
            name, device = names[self.paths.index(path)]
            text = guest.run(f'ethtool -S {name}; cat /proc/interrupts', check=True).out
            doorbells = interrupts = 0
            for line in text.splitlines():
                found = re.match(r'\s*(?:[rt]x_notifies|[rt]x\d*_kicks|[rt]x_queue_\d+_kicks): '
                                 r'(\d+)$', line)
                if found:
                    doorbells += int(found[1])
                elif re.search(rf'\s{re.escape(device)}(-\S+)?$', line):
                    interrupts += int(line.split()[1])
            result += [doorbells, interrupts]
        return result


class Loop(Bed):
    """A pair of net_devices in one guest, the far end in a namespace."""

    paths = ('loop', 'veth')
    prefix = 'ip netns exec far '

    def start(self):
        self.boot('guest', [])
        guest = self.guests[0]
        before = set(guest.run('ls /sys/class/net', check=True).out.split())
        guest.load('ivnet_loop')
        ends = sorted(set(guest.run('ls /sys/class/net', check=True).out.split()) - before)
        self.near = ends[0]
        guest.run('ip netns add far; ip -n far link set lo up; '
                  'ip link add veth0 type veth peer name veth1', check=True)
        for number, (near, far) in enumerate((ends, ('veth0', 'veth1')), 1):
            guest.run(f'''set -e; ip link set {far} netns far
                ip addr add 10.99.{number}.1/24 dev {near}; ip link set {near} up
                ip -n far addr add 10.99.{number}.2/24 dev {far}
                ip -n far link set {far} up''', check=True)
        self.ready()

    def ours(self, guest):
        return [self.near]

    def address(self, path):
        return f'10.99.{1 + self.paths.index(path)}.2'


# What is shown

def ratio(ours, theirs):
    """Of the medians, and least and greatest of neighbouring runs."""
    pairs = [a / b for a, b in zip(ours, theirs)]
    return (f'{statistics.median(ours) / statistics.median(theirs):.2f} '
            f'({min(pairs):.2f}..{max(pairs):.2f})')


def number(value):
    return f'{value:.0f}' if value >= 100 else f'{value:.1f}'


def speed_table(paths, results):
    """Rates of the paths, how they compare, and the processor time."""
    rows = []
    for traffic, each in results.items():
        shown = 0.008 if traffic.unit == 'kB' else 0.001
        speeds = {path: [rate.speed * shown for rate in each[path]] for path in paths}
        rows.append([traffic.name, 'Mbit/s' if traffic.unit == 'kB' else '1,000/s',
                     *(number(statistics.median(speeds[path])) for path in paths),
                     *(ratio(speeds[paths[0]], speeds[path]) for path in paths[1:]),
                     *(ratio([rate.cpu for rate in each[path]],
                             [rate.cpu for rate in each[paths[0]]]) for path in paths[1:])])
    return report.table(['rate', 'unit', *paths, *(f'{paths[0]} / {path}' for path in paths[1:]),
                         *(f'CPU {path} / {paths[0]}' for path in paths[1:])], rows)


def event_table(paths, results, ends):
    rows = []
    for traffic, each in results.items():
        for path in paths:
            rows.append([traffic.name, path, f'1,000 {traffic.unit}',
                         *(number(statistics.median(values)) for values in
                           zip(*(rate.events for rate in each[path]))),
                         f'{100 * (1 - statistics.median(r.part for r in each[path])):.1f}'])
    heads = [head for end in ends for head in (f'{end}: doorbells', 'interrupts')]
    return report.table(['traffic', 'path', 'per', *heads, '% lost'], rows)


def cost_table(paths, results, sides):
    """Instructions of each side."""
    rows = []
    for traffic, each in results.items():
        for index, side in enumerate(sides):
            totals = {path: [windows[index].total() for windows in each[path]] for path in paths}
            rows.append([traffic.name, side, traffic.unit,
                         *(number(statistics.median(totals[path])) for path in paths),
                         *(ratio(totals[paths[0]], totals[path]) for path in paths[1:])])
    return report.table(['instructions', 'side', 'per', *paths,
                         *(f'{paths[0]} / {path}' for path in paths[1:])], rows)


def kick_table(paths, results, sides):
    rows = []
    for traffic, each in results.items():
        for index, side in enumerate(sides):
            row = [traffic.name, side, f'1,000 {traffic.unit}']
            for names in (counts.KICKS, counts.INTERRUPTS, counts.POLLS):
                row += [number(statistics.median(
                    1000 * windows[index].called(names) / windows[index].units
                    for windows in each[path])) for path in paths]
            rows.append(row)
    heads = [f'{what} {path}' if not n else path
             for what in ('doorbells', 'interrupts', 'polls') for n, path in enumerate(paths)]
    return report.table(['paced', 'side', 'per', *heads], rows)


PARTS = {'shm': (Guests, ('sender', 'receiver')), 'loop': (Loop, ('both',))}
TEXTS = {'shm': 'two guests: IVSHMEM against virtio-net on a socket and on a bridge',
         'loop': 'ivnet_loop against veth'}


def profile(kernel, part, arguments):
    """Each side, side by side with the last of the other paths."""
    kind, sides = PARTS[part]
    if not sides:
        return
    with kind(kernel, True, arguments) as bed:
        results = bed.count(arguments.runs)
        paths = (bed.paths[-1], bed.paths[0])
        for traffic, each in results.items():
            for index, side in enumerate(sides):
                case = Traffic(f'{traffic.name}, {side}', traffic.text, traffic.unit, 0, 0, 0)
                report.profile(case, paths, [[windows[index] for windows in each[path]]
                                             for path in paths], arguments.symbols)


def measure(kernel, part, arguments, say):
    """Tables of one part, also shown as they come."""
    kind, sides = PARTS[part]
    paths, texts = kind.paths, []

    def show(text):
        print(f'\n{text}', end='', flush=True)
        texts.append(text)

    print(f'\n{part}: {TEXTS[part]}')
    with kind(kernel, False, arguments) as bed:
        say(f'{part}: {TEXTS[part]}; load {os.getloadavg()[0]:.1f}')
        rates = bed.rates(arguments.runs)
        show(speed_table(paths, rates))
        if next(iter(rates.values()))[paths[0]][0].events:
            show(event_table(paths, rates, kind.ends))
        bed.splats()
        release = bed.guests[0].kernel.release
    if not sides:
        return release, texts
    with kind(kernel, True, arguments) as bed:
        say(f'{part}: counting; load {os.getloadavg()[0]:.1f}')
        windows = bed.count(arguments.runs)
        show(cost_table(paths, windows, sides))
        show(kick_table(paths, windows, sides))
        bed.splats()
    return release, texts
