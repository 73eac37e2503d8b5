# SPDX-License-Identifier: GPL-2.0
"""A guest and its host in one segment: the driver on one side, ivshmem-tap on the
other. Traffic, the death of the program under traffic, reboots of the guest."""
import contextlib
import itertools
import json
import os
import re
import time
import types

import native
import tap_life
import tap_rig
import vm
from server_rig import Wrong, equal, expect, wait_for

LONGEST = 65521    # MTU: the longest frame has 64 KiB less one byte
STREAM_PORT = 5700
# How long a new process may take until frames flow again, s: it starts, takes the port
# of the former one, and the link agrees. TCP then needs as long again at most, as it
# doubles its pauses.
BACK, STILL = 5, 10
# And until both streams begin: the guest has to start a program.
BEGIN = 60
# Bytes that TCP sends only when it is sending again, and not just trying to.
FLOWS = 1 << 19
_taps = itertools.count()


class Host(tap_rig.Node):
    """ivshmem-tap in the rig's own network, as the host of a region's guests."""

    def __init__(self, folder, shared, *options):
        os.makedirs(folder, exist_ok=True)
        program = native.Context(os.path.join(vm.TOP, 'tools/ivshmem-tap'), folder).program
        shared.serve()
        super().__init__(types.SimpleNamespace(
            folder=folder, program=program,
            server=types.SimpleNamespace(path=shared.socket)), 1, *options)
        self.device = f'host{next(_taps)}'
        self.address, self.address6 = shared.address(), shared.address6()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.parts:
            process.kill()
            process.wait()
        self.kill()

    def ip(self, *command, check=True):
        return vm.host('ip', *command, check=check).stdout

    def inside(self, *command):
        return command

    def ports(self):
        """Those that it had, in all its lives."""
        return re.findall(r' is port (\d+) of', self.log())

    def device_bytes(self):
        """What the device received and sent."""
        stats = json.loads(self.ip('-j', '-s', 'link', 'show', 'dev', self.device))[0]['stats64']
        return stats['rx']['bytes'], stats['tx']['bytes']


class Started:
    """A command in a guest that is used as a process of the host."""

    def __init__(self, command):
        self.command, self.at = command, 0
        self.stdout, self.kill = self, command.kill

    @property
    def returncode(self):
        return self.command.code

    def readline(self):
        """A whole line, or all that there is of it when the command has ended."""
        def there():
            rest = self.command.output()[self.at:]
            return '\n' in rest or self.command.poll() is not None
        wait_for(there, 'a line', 60)
        line = self.command.output()[self.at:].partition('\n')
        self.at += len(line[0]) + len(line[1])
        return line[0] + line[1]

    def communicate(self, timeout):
        done = self.command.wait(timeout)
        return done.out[self.at:] + done.err, None


class Inside:
    """A guest as one of the ends that tap_rig sends between."""

    def __init__(self, guest):
        self.guest, self.name = guest, 'guest'
        self.address, self.address6 = guest.address(), guest.address6()
        # Both sides see it.
        self.segment = types.SimpleNamespace(folder=guest.out)

    def python(self, program, *words):
        there = os.path.join('/ivnet', os.path.relpath(program, vm.TOP))
        return Started(self.guest.start_command(
            ['python3', '-B', there, *(str(word).replace(self.guest.out, '/out', 1)
                                       for word in words)]))


class Pair:
    """Both ends, and what is tried between them."""

    def __init__(self, ctx, guest, host):
        self.ctx, self.guest, self.host = ctx, guest, host
        self.inside = Inside(guest)

    def step(self, name, function, *arguments):
        """One result; what a step returns is noted."""
        try:
            text = function(*arguments)
        except (Wrong, vm.VmError) as error:
            log = self.host.log()[-2000:]
            state = self.guest.run('ip -s link; dmesg | tail -n 5').out if self.guest.alive() \
                else ''
            self.ctx.check(f'host: {name}', False, f'{error}\n{log}\n{state}')
        else:
            self.ctx.check(f'host: {name}', True)
            if text:
                self.ctx.tap.note(f'{self.ctx.prefix}host: {name}: {text}')

    def load(self):
        """The driver, and its link to the host."""
        self.guest.load('ivnet_ivshmem')
        start = time.monotonic()
        self.guest.addresses()
        self.linked()
        return f'{time.monotonic() - start:.1f} s'

    def linked(self, seconds=20):
        """Until both have a carrier, and each reaches the other."""
        self.host.wait_link(True, seconds * self.ctx.slow)
        wait_for(lambda: self.answers(self.host.address), 'the guest reaches the host',
                 seconds * self.ctx.slow)
        self.host.ping(self.inside, seconds=seconds * self.ctx.slow)

    def answers(self, address):
        return self.guest.run(f'ping -q -c 1 -W 1 {address}', timeout=60).code == 0

    def stats(self):
        """ethtool -S"""
        lines = self.guest.run(f'ethtool -S {self.guest.ifname()}', check=True).out.splitlines()
        return {name.strip(): int(value) for name, _, value in
                (line.rpartition(':') for line in lines[1:])}

    def mtu(self, mtu):
        self.host.ip('link', 'set', self.host.device, 'mtu', str(mtu))
        self.guest.run(f'ip link set {self.guest.ifname()} mtu {mtu}', check=True)
        self.linked()

    # What is tried

    def pings(self, sizes, more=''):
        """Both ways, IPv4 and IPv6; sizes are of what ICMP carries."""
        for six, host, guest in (('', self.host.address, self.guest.address()),
                                 ('-6', self.host.address6, self.guest.address6())):
            for size in sizes:
                # With -w it goes on until five answers are there, however late.
                words = f'ping {six} -q -c 5 -i 0.05 -w {20 * self.ctx.slow} -s {size} {more}'
                there = self.guest.run(f'{words} {host}', timeout=60 * self.ctx.slow)
                back = self.host.run(*words.split(), guest, seconds=60 * self.ctx.slow)
                for name, code, out in (('the host', there.code, there.out + there.err),
                                        ('the guest', back.returncode, back.stdout)):
                    expect(code == 0, f'{words} to {name}: {out}')

    def streams(self, size):
        """TCP each way; frames to be segmented pass whole."""
        text = []
        for kind in ('tcp4', 'tcp6'):
            for sender, receiver in ((self.host, self.inside), (self.inside, self.host)):
                host, guest = self.host.counts(), self.stats()
                tap_rig.transfer(sender, receiver, size, kind)
                host, guest = (
                    {name: value - before.get(name, 0) for name, value in now.items()}
                    for before, now in ((host, self.host.counts()), (guest, self.stats())))
                # A direction has two names: what one sends the other receives.
                out, come = ('tx', 'rx') if sender is self.host else ('rx', 'tx')
                frames, bytes_ = guest[f'{come}_gso_packets'], guest[f'{come}_gso_bytes']
                expect(frames > 10, f'{kind} from {sender.name}: {frames} long frames')
                equal(host.get(f'{out}_gso', 0), frames, f'{kind} from {sender.name}: long frames')
                expect(bytes_ / frames > 10000, f'{kind} from {sender.name}: {bytes_ / frames:.0f} '
                       'bytes each')
                equal({name: value for name, value in {**host, **guest}.items() if value and
                       ('_err_' in name or name == 'tx_segmented')}, {}, 'faults')
                text.append(f'{bytes_ / frames:.0f}')
        return f'bytes of a frame to be segmented: {", ".join(text)}'

    def datagrams(self, size):
        """In fragments, and what the kernel segments."""
        for kind in ('udp4', 'udp6', 'uso4', 'uso6'):
            tap_rig.transfer(self.host, self.inside, size, kind)
            tap_rig.transfer(self.inside, self.host, size, kind)

    def long_frames(self):
        """Frames of 64 KiB less one byte; nobody takes them apart."""
        self.mtu(LONGEST)
        try:
            before = self.host.counts()
            self.pings((LONGEST - 48,), '-M do')
            now = self.host.counts()
            for way in ('rx', 'tx'):
                mean = (now[f'{way}_bytes'] - before[f'{way}_bytes']) / \
                    (now[f'{way}_frames'] - before[f'{way}_frames'])
                expect(mean > LONGEST / 2, f'{way}: frames of {mean} bytes')
            self.pings((LONGEST - 48 + 1, 65507))
        finally:
            self.mtu(1500)

    def flows(self, seconds=STILL):
        """Until TCP goes on in both directions."""
        before = self.host.device_bytes()
        wait_for(lambda: all(now - was > FLOWS for now, was in
                             zip(self.host.device_bytes(), before)),
                 'TCP goes on in both directions', seconds * self.ctx.slow)

    def kills(self, count):
        """kill -9 and a new start, on a device that stays; TCP goes on."""
        took = []
        still = STILL * self.ctx.slow
        with contextlib.ExitStack() as stack:
            pauses = [stack.enter_context(tap_rig.stream(*ends, longest=still, port=port))
                      for ends, port in (((self.host, self.inside), STREAM_PORT),
                                         ((self.inside, self.host), STREAM_PORT + 1))]
            self.flows(BEGIN)
            for _ in range(count):
                self.flows()
                lives = self.host.log().count(' is port ')
                self.host.kill()
                start = time.monotonic()
                self.host.start(wait=False)
                self.host.wait_log(' is port ', count=lives + 1)
                self.host.wait_link()
                self.host.ping(self.inside, seconds=BACK * self.ctx.slow)
                took.append(time.monotonic() - start)
            self.flows()
        expect(max(took) < BACK * self.ctx.slow, f'back after {took}')
        # Whoever comes again for the same device gets its port again, however few there are.
        equal(len(set(self.host.ports()[-count - 1:])), 1, f'ports {self.host.ports()}')
        expect(min(each['bytes'] for each in pauses) > 1 << 20, f'{pauses}')
        return (f'back {min(took):.1f} to {max(took):.1f} s after it starts; ' +
                ', '.join(f'{each["bytes"] >> 20} MiB, longest pause {each["pause"]} s'
                          for each in pauses))

    def stops(self):
        """An orderly end: the device goes, the guest knows at once; then anew."""
        equal(self.host.stop(), 0, 'status')
        expect(not os.path.exists(f'/sys/class/net/{self.host.device}'), 'the device is left')
        path = f'/sys/class/net/{self.guest.ifname()}/carrier'
        wait_for(lambda: self.guest.read(path).strip() == '0', 'no carrier in the guest',
                 3 * self.ctx.slow)
        # As in the manual: what stays when the program ends.
        self.host.ip('tuntap', 'add', 'dev', self.host.device, 'mode', 'tap', 'multi_queue',
                     'vnet_hdr')
        self.host.start()
        self.linked()

    def reboots(self):
        """A reset, and a reboot that calls the driver; the program stays as it is."""
        text = []
        before = tap_life.costs(self.host)
        for name, command in (('reset', None), ('reboot', '/run/ivnet/busybox reboot -f')):
            self.guest.reboot(command)
            text.append(f'{name} {self.load()}')
            tap_rig.transfer(self.inside, self.host, 1 << 20)
        after = tap_life.costs(self.host)
        equal(after[0], before[0], 'descriptors of the program')
        expect(after[1] <= before[1] + 512, f'{before[1]} KiB, then {after[1]}')
        return f'links after the driver loads: {", ".join(text)}'


def run(ctx, exchange, server):
    """All of it; server answers exchange() on the host's addresses."""
    folder = os.path.join(vm.run_dir(), f'host-{re.sub("[^0-9a-z]", "-", ctx.kernel)}')
    mega = (1 << 20) * (16 if ctx.slow == 1 else 2)
    with ctx.region(size='16M') as shared, \
            Host(folder, shared, '--queues', '2') as host, \
            ctx.guest([vm.Shm(shared.name)], name=f'host-{ctx.kernel}') as guest:
        pair = Pair(ctx, guest, host)
        host.start()
        pair.step('a guest finds its host', pair.load)
        pair.step('ping both ways, IPv4 and IPv6', pair.pings, (0, 56, 1452, 1453, 30000, 65507))
        text = ''.join(exchange(ctx, guest, guest.nics, server).values())
        ctx.check('host: TCP at once in both directions, UDP of all sizes', not text, text)
        pair.step('TCP each way, frames to be segmented pass whole', pair.streams, mega)
        pair.step('UDP each way', pair.datagrams, mega // 8)
        pair.step(f'an MTU of {LONGEST}', pair.long_frames)
        pair.step('ivshmem-tap ends and starts', pair.stops)
        count = 50 if ctx.options.stress and ctx.slow == 1 else 3
        pair.step(f'ivshmem-tap is killed {count} times under traffic', pair.kills, count)
        pair.step('the guest reboots', pair.reboots)
        equal(host.stop(), 0, 'status')
        ctx.splats(guest, 'host')
