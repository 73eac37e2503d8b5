# SPDX-License-Identifier: GPL-2.0
"""A guest that sleeps, hibernates and boots another kernel, with traffic on both of
its devices: what the peer sees, and what the guest finds when it is back."""
import contextlib
import glob
import itertools
import os
import subprocess
import sys
import time

import region
import vm

STREAM = 'stream.py'
# One for each stream: its names are made of it, and servers in guests stay.
_ports = itertools.count(5600)
# Seconds: a heartbeat that stops would be noticed after 3.
DOWN_WITHIN = 2
BACK_WITHIN = 10
SWAP_NAME = 'vdb'    # vda is the root
SLEEP = 4    # state of a port that listens
OTHERS = 100
# Not what they are at first.
MTU = 4000
MAC = '02:11:22:33:44:55'
VLAN, VLAN_ADDRESS = 7, '10.77.{}.{}'    # device, 1 or 2
SETTINGS = '''
    ip link set {name} mtu {mtu} &&
    ip link set {name} address {mac} &&
    ethtool -K {name} tso off rx off &&
    ethtool -L {name} combined 1 &&
    ethtool -G {name} {rings} rx-buf-len 16384 &&
    ethtool -C {name} {coalesce} &&
    ethtool --set-tunable {name} rx-copybreak 500 &&
    ip link set {name} promisc on'''
TAGGED = '''
    ip link add link {name} name {name}.{vlan} type vlan id {vlan} &&
    ip addr add {address}/24 dev {name}.{vlan} && ip link set {name}.{vlan} up'''
FACTS = '''cd /sys/class/net/{name} && cat mtu address operstate &&
    ethtool -k {name} && ethtool -l {name} && ethtool -g {name} && ethtool -c {name} &&
    ethtool --get-tunable {name} rx-copybreak; ip addr show {name} scope global | grep inet;
    ip -d link show {name} | grep -o 'promiscuity [0-9]*'; cat ../{name}.{vlan}/operstate;
    ip addr show {name}.{vlan} scope global | grep inet;
    ethtool {name} | grep -i wake; true'''
# What a device that was taken down and brought up once more may keep for good.
POOLS = "python3 -B /run/pools.py | sed 's/pool [0-9]*//; s/in flight [0-9]*//'"
HELD = '''
    grep -c ivnet /proc/vmallocinfo; wc -l </proc/interrupts; ls /proc/irq | wc -l'''
# What firmware would do after S3, and QEMU's does not on this machine: tell the
# chipset where its power management registers are. Else there is no second time.
CHIPSET = 'setpci -s 1f.0 40.l=601 44.b=80'
KEXEC = r'''
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if sys.argv[1] == 'load':
    files = [os.open(path, os.O_RDONLY) for path in ('/run/vmlinuz', '/run/initrd')]
    words = open('/proc/cmdline', 'rb').read().strip() + b'\0'
    # kexec_file_load
    failed = libc.syscall(320, *files, ctypes.c_ulong(len(words)), words, 0)
else:
    # reboot, LINUX_REBOOT_CMD_KEXEC
    failed = libc.syscall(169, 0xfee1dead, 672274793, 0x45584543, 0)
if failed:
    raise OSError(ctypes.get_errno(), sys.argv[1])
'''


# Sends frames that wake nobody, or the one that does, to an address.
MAGIC = r'''
import socket, sys
device, mac, count = sys.argv[1], bytes.fromhex(sys.argv[2].replace(':', '')), int(sys.argv[3])
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind((device, 0))
own = sock.getsockname()[4]
sync, other = b'\xff' * 6, mac[:5] + bytes([mac[5] ^ 1])
frames = [sync + mac * 16] if not count else [
    (sync + mac * 15 + other, sync[1:] + mac * 16, sync + other * 16, bytes(1000),
     (sync + mac) * 16)[i % 5] for i in range(count)]
for i, data in enumerate(frames):
    sock.send((mac if i % 2 else b'\xff' * 6) + own + b'\x08\x42' + bytes(i) + data)
'''


class Stream:
    """TCP that goes on; each end is a guest, or None for the host."""

    def __init__(self, source, target, address):
        self.ends, self.port = (source, target), next(_ports)
        port = self.port
        self.stop = f'stop{port}'
        self.server = self._start(target, f'serve {port}', f'serve{port}')
        if _wait(lambda: 'ready' in self._said(target, f'serve{port}'), 200) is None:
            raise vm.VmError(f'no server: {self._said(target, f"serve{port}")}')
        self.sender = self._start(source, f'send {address} {port} {self._path(source)}{self.stop}',
                                  f'send{port}')

    @staticmethod
    def _path(end):
        return '/run/' if end else vm.run_dir() + '/'

    def _start(self, end, words, name):
        path = self._path(end)
        if end:
            end.run(f'python3 -B /run/{STREAM} {words} >/run/{name} 2>&1 &', check=True)
            return None
        with open(path + name, 'w', encoding='utf-8') as out:
            return subprocess.Popen(
                [sys.executable, '-B', os.path.join(vm.TOP, 'tools/testing/shm', STREAM),
                 *words.split()], stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def _said(self, end, name):
        if end:
            return end.run(f'cat /run/{name}').out
        with open(self._path(end) + name, encoding='utf-8') as file:
            return file.read()

    def end(self, seconds):
        """What is wrong, and the sender's words."""
        source, name = self.ends[0], f'send{self.port}'
        if source:
            source.run(f'touch /run/{self.stop}', check=True)
        else:
            with open(self._path(None) + self.stop, 'w', encoding='utf-8'):
                pass
        _wait(lambda: self._said(source, name).strip(), seconds)
        words = self._said(source, name).split()
        good = len(words) == 3 and words[0] == 'ok' and int(words[1]) > 0
        return '' if good else f'{" ".join(words) or "no end"}', ' '.join(words)

    def close(self):
        """Those in guests end with them."""
        for process in (self.server, self.sender):
            if process:
                process.kill()
                process.wait(10)


def _wait(done, seconds, pause=0.1):
    """Wait until done() holds; the time it took, or None."""
    start = time.monotonic()
    while not done():
        if time.monotonic() - start > seconds:
            return None
        time.sleep(pause)
    return time.monotonic() - start


class Clock:
    """Time from now on, less the longest that a thread of these guests waited for a
    processor: on a machine with other work that says nothing about them."""

    def __init__(self, *guests):
        self.pids = [guest.process.pid for guest in guests]
        self.start, self.before = time.monotonic(), self._waits()

    def _waits(self):
        waits = {}
        for pid in self.pids:
            for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
                with contextlib.suppress(OSError), open(path, encoding='utf-8') as file:
                    waits[path] = int(file.read().split()[1]) / 1e9
        return waits

    def read(self):
        """(seconds without waiting, seconds)."""
        took = time.monotonic() - self.start
        waited = max((wait - self.before.get(path, 0) for path, wait in self._waits().items()),
                     default=0)
        return max(took - waited, 0), took


class Power:
    """A sleeper with an IVSHMEM and a virtio device, and its peer in the region."""

    def __init__(self, ctx, shared, guests):
        self.ctx, self.shared = ctx, shared
        self.sleeper, self.peer = guests
        self.slow = ctx.slow
        self.memory = shared.map()
        self.names, self.macs = {}, []
        self.facts = {}
        self.down, self.back = [], []

    def close(self):
        self.memory.close()

    def check(self, name, text):
        return self.ctx.check(f'power: {name}', not text, text)

    def note(self, text):
        self.ctx.tap.note(f'{self.ctx.prefix}power: {text}')

    # Both ends

    def port(self, guest):
        """The port of a guest that runs."""
        name = guest.ifname()
        mac = guest.run(f'cat /sys/class/net/{name}/address', check=True).out.strip()
        found = []

        def done():
            found[:] = [region.View(self.memory).port_of(mac)]
            return found[0] is not None
        _wait(done, 20 * self.slow)
        return found[0]

    def linked(self, seconds):
        """Wait for the link between the two; the time it took, or None."""
        def done(view):
            ports = [port for port in range(view.ports) if view.claim(port)[2] == 1]
            return len(ports) == 2 and view.up(*ports)
        return region.wait(self.memory, done, seconds * self.slow)

    def state(self):
        view = region.View(self.memory)
        return '\n'.join(f'port {port}: {view.claim(port)} {view.announce(port)} '
                         f'{[view.link(port, other) for other in range(view.ports)]}'
                         for port in range(view.ports))

    def prepare(self):
        """Drivers, addresses, settings; from here on the sleeper does without shares,
        which do not survive."""
        guest = self.sleeper
        guest.push(os.path.join(vm.TOP, 'tools/testing/shm', STREAM), f'/run/{STREAM}')
        self.peer.push(os.path.join(vm.TOP, 'tools/testing/shm', STREAM), f'/run/{STREAM}')
        guest.push(os.path.join(vm.TOP, 'tools/testing/check/pools.py'), '/run/pools.py')
        self.bring_kernel()
        guest.run('modprobe button && echo 1 >/sys/power/pm_debug_messages && '
                  'echo 8 >/proc/sys/kernel/printk', check=True)
        guest.load('ivnet_ivshmem')
        guest.load('ivnet')
        self.peer.load('ivnet_ivshmem')
        self.peer.load('virtio_net')
        guest.agent.shares = False
        for each in (guest, self.peer):
            each.addresses()
        for nic, rings, coalesce in ((0, '', 'rx-usecs 30'),
                                     (1, 'rx 128 tx 128', 'tx-frames 16')):
            name = self.names[nic] = guest.ifname(nic)
            self.macs.append(guest.nics[nic].mac)
            guest.run(SETTINGS.format(name=name, mtu=MTU, mac=MAC[:-1] + str(nic), rings=rings,
                                      coalesce=coalesce), check=True)
            guest.run(TAGGED.format(name=name, vlan=VLAN, address=VLAN_ADDRESS.format(nic, 2)),
                      check=True)
            # its address is how the rig finds it
            guest.nics[nic].mac = MAC[:-1] + str(nic)
            self.peer.run(TAGGED.format(name=self.peer.ifname(nic), vlan=VLAN,
                                        address=VLAN_ADDRESS.format(nic, 1)), check=True)
        self.check('link', '' if self.linked(20) is not None else self.state())
        self.facts = self.settings()
        self.check('VLANs', self.same())

    def bring_kernel(self):
        """What kexec() needs."""
        guest = self.sleeper
        guest.push(guest.kernel.image, '/run/vmlinuz')
        guest.push(vm.initramfs.build(guest.kernel), '/run/initrd')
        guest.write('/run/kexec.py', KEXEC)

    def settings(self):
        """What the user set, and what comes of it."""
        return {name: self.sleeper.run(FACTS.format(name=name, vlan=VLAN), check=True).out
                for name in self.names.values()}

    def same(self):
        """Which settings are no longer what they were."""
        text = ''
        for name, now in self.settings().items():
            was = self.facts[name].splitlines()
            text += ''.join(f'{name}: {line}\n' for line in now.splitlines() if line not in was)
        nic = self.sleeper.nics[1]
        mac = self.sleeper.qmp('query-rx-filter', name=nic.id)[0]['main-mac']
        if mac != nic.mac:
            text += f'the device has {mac}\n'
        for number in self.names:
            done = self.sleeper.run(f'ping -q -c 2 -W 5 {VLAN_ADDRESS.format(number, 1)}')
            text += done.out if done.code else ''
        return text

    @contextlib.contextmanager
    def streams(self, name):
        """TCP both ways over both devices while something happens."""
        sleeper, peer, nic = self.sleeper, self.peer, self.sleeper.nics[1]
        ends = ((sleeper, peer, peer.address()), (peer, sleeper, sleeper.address()),
                (sleeper, None, nic.segment.address()), (None, sleeper, sleeper.address(nic)))
        with contextlib.ExitStack() as stack:
            streams = []
            for source, target, address in ends:
                streams.append(Stream(source, target, address))
                stack.callback(streams[-1].close)
            yield
            time.sleep(1)
            for stream in streams:
                wrong, words = stream.end(200 * self.slow)
                source, target = (end.name if end else 'host' for end in stream.ends)
                self.note(f'{name}: stream from {source} to {target}: {words}')
                self.check(f'{name}: the stream from {source} to {target} goes on', wrong)

    # Sleep

    def fall_asleep(self, mode, listens=False):
        """Go to sleep, and be sure of it; the command that ends when awake. A port that
        listens stays where it is."""
        guest = self.sleeper
        view = region.View(self.memory)
        port, other = self.port(guest), self.port(self.peer)
        seen = len(guest.console())
        words = {'s2idle': 'echo freeze >/sys/power/state',
                 's3': f'echo deep >/sys/power/mem_sleep; echo mem >/sys/power/state; {CHIPSET}'}
        command = guest.start_command(f': {mode}\n{words[mode]}')
        if _wait(lambda: view.announce(port)[1] == SLEEP if listens else not view.claim(port)[2],
                 60 * self.slow, 0.01) is None:
            raise vm.VmError(f'{mode}: no sleep\n{guest.console()[seen:]}')
        if not listens:
            clock = Clock(guest, self.peer)
            took = _wait(lambda: not view.link(other, port)[2], 60 * self.slow, 0.01)
            self.down.append(clock.read() if took is not None else (60, 60))
        if mode == 's3':
            asleep = _wait(lambda: guest.qmp('query-status')['status'] == 'suspended',
                           60 * self.slow)
        else:
            asleep = _wait(lambda: 'PM: suspend-to-idle' in guest.console()[seen:],
                           60 * self.slow)
        if asleep is None or command.poll() is not None:
            raise vm.VmError(f'{mode}: does not sleep\n{guest.console()[seen:]}')
        return command

    def wake(self, mode, command):
        """A button is pressed."""
        clock = Clock(self.sleeper, self.peer)
        self.sleeper.qmp('system_wakeup' if mode == 's3' else 'system_powerdown')
        command.wait(60 * self.slow, check=True)
        self.back.append((60, 60) if self.linked(60) is None else clock.read())

    def carrier(self, wanted):
        path = f'/sys/class/net/{self.peer.ifname()}/carrier'
        return _wait(lambda: self.peer.run(f'cat {path}').out.strip() == wanted,
                     10 * self.slow) is not None

    def held(self):
        # 6.1 would look for a module that knows of pools, where there are none any more.
        pools = POOLS if self.ctx.kernel != '6.1' else ''
        return self.sleeper.run(pools + HELD, check=True).out

    def sleeps(self, mode, count):
        """Suspend and resume, that often."""
        self.down, self.back, wrong = [], [], ''
        held = self.held()
        with self.streams(f'{mode}, {count} times'):
            for number in range(count):
                time.sleep(1)
                command = self.fall_asleep(mode)
                if not number and not self.carrier('0'):
                    wrong += 'the peer keeps its carrier\n'
                self.wake(mode, command)
                if self.back[-1][0] == 60:
                    wrong += f'round {number}: no link\n{self.state()}'
                    break
        self.check(f'{mode}: the peer has no carrier', wrong)
        for what, times, limit in (('the peer sees it at once', self.down, DOWN_WITHIN),
                                   ('the link is back by itself', self.back, BACK_WITHIN)):
            own, real = (max(each) for each in zip(*times))
            self.note(f'{mode}: {what}: {real:.2f} s at the latest, '
                      f'{own:.2f} s without waiting for a processor')
            self.check(f'{mode}: {what}', '' if own < limit * self.slow else str(times))
        self.check(f'{mode}: everything is set as before', self.same())
        # Pages that somebody still reads come late.
        less = _wait(lambda: self.held() == held, 60 * self.slow, 1) is not None
        self.check(f'{mode}: nothing is left behind',
                   '' if less else f'before:\n{held}after:\n{self.held()}')

    def wake_on_lan(self):
        """What ethtool says of both devices."""
        return [''.join(line.split()[-1] for line in
                        self.sleeper.run(f'ethtool {name} | grep Wake-on').out.splitlines())
                for name in self.names.values()]

    def wakes(self, count):
        """A magic packet wakes, other frames do not."""
        guest, name = self.sleeper, self.names[0]
        shown = self.wake_on_lan()
        self.check('wake-on-LAN is off by default, virtio-net has none',
                   '' if shown == ['gd', 'dd'] or shown == ['gd', 'd'] else str(shown))
        guest.run(f'ethtool -s {name} wol g', check=True)
        refused = guest.run(f'ethtool -s {self.names[1]} wol g').code
        shown = self.wake_on_lan()
        self.check('wake-on-LAN can be had where it is possible',
                   '' if refused and shown[0] == 'gg' and shown[1][-1] == 'd' else str(shown))
        self.peer.write('/run/magic.py', MAGIC)
        device = self.peer.ifname()
        mac = guest.run(f'cat /sys/class/net/{name}/address', check=True).out.strip()
        send = f'python3 /run/magic.py {device} {mac}'
        wrong = ''
        for number in range(count):
            before = self.dropped()
            command = self.fall_asleep('s2idle', listens=True)
            # longer than a heartbeat may stand still
            time.sleep(5 * self.slow)
            self.peer.run(f'{send} {OTHERS}', timeout=60 * self.slow, check=True)
            time.sleep(1 * self.slow)
            if command.poll() is not None:
                wrong += f'round {number}: another frame woke it\n'
            if not self.carrier('1'):
                wrong += f'round {number}: the peer has lost its carrier\n{self.state()}'
            self.peer.run(f'{send} 0', timeout=60 * self.slow, check=True)
            if _wait(lambda: command.poll() is not None, 30 * self.slow) is None:
                wrong += f'round {number}: the magic packet did not wake\n{self.state()}'
                guest.qmp('system_powerdown')
            command.wait(60 * self.slow)
            if self.linked(60) is None:
                wrong += f'round {number}: no link\n{self.state()}'
            if self.dropped() - before <= OTHERS:
                wrong += f'round {number}: {self.dropped() - before} frames counted\n'
            done = self.peer.run(f'ping -q -c 3 -W 5 {guest.address()}')
            if done.code:
                wrong += f'round {number}: {done.out}'
            if wrong:
                break
        self.check(f'wake-on-LAN: the magic packet wakes, {OTHERS} others do not, {count} times',
                   wrong)
        guest.run(f'ethtool -s {name} wol d', check=True)

    def dropped(self):
        """Frames that came while the sleeper slept."""
        return int(self.sleeper.run(f'ethtool -S {self.names[0]} | '
                                    "awk '/ rx_drop_asleep:/ {print $2}'", check=True).out)

    def hibernates(self, modes):
        """An image is written, and read again by the same kernel, by a new one after a
        reset, or after the firmware has switched off."""
        guest = self.sleeper
        swap = guest.run(f'mkswap -q /dev/{SWAP_NAME} && swapon /dev/{SWAP_NAME}')
        if not self.check('hibernation: there is a place for the image', swap.out):
            return
        guest.qmp('set-action', reboot='reset', shutdown='pause')
        for mode in modes:
            name = f'hibernation, {mode}'
            wrong = self.hibernate(mode)
            self.check(f'{name}: the image is written, read, and the link is back', wrong)
            if wrong:
                break
            self.check(f'{name}: everything is set as before', self.same())
            # Those from before would not do: a connection whose frames came while the
            # image was written is not what it was when the image was made.
            with self.streams(name):
                time.sleep(1)
        guest.qmp('set-action', reboot='shutdown', shutdown='poweroff')

    def hibernate(self, mode):
        """Once; what is wrong."""
        guest, limit = self.sleeper, 300 * self.slow
        view, port = region.View(self.memory), self.port(guest)
        other = self.port(self.peer)
        lives, seen = [view.claim(port)], len(guest.console())
        gaps = []
        start = time.monotonic()
        command = guest.start_command(f'echo {mode} >/sys/power/disk && '
                                      'echo disk >/sys/power/state')

        def ended():
            claim = view.claim(port)
            if claim[2] and claim != lives[-1]:
                lives.append(claim)
            if not view.link(other, port)[2] and len(gaps) < len(lives):
                gaps.append(claim)
            return command.poll() is not None

        def off():
            return ended() or guest.qmp('query-status')['status'] == 'shutdown'

        if mode == 'platform' and _wait(off, limit, 0.02) is not None and not ended():
            # what a user would do now
            guest.qmp('system_reset')
            guest.qmp('cont')
        wrong = ''
        if _wait(ended, limit, 0.01) is None:
            wrong = 'no end\n'
        elif command.wait().code:
            wrong = f'{command.output()}\n'
        elif self.linked(60) is None:
            wrong = f'no link\n{self.state()}\n'
        ended()
        # Before, while the image is written, and after: three that the peer can tell
        # from each other, though the last two begin with the same memory.
        if len(set(lives)) != 3 or len(lives) != 3 or len(gaps) < 2:
            wrong += f'lives: {lives}, seen by the peer to end: {gaps}\n'
        self.note(f'hibernation, {mode}: {time.monotonic() - start:.0f} s')
        return wrong and wrong + guest.console()[seen:]

    def kexec(self):
        """Another kernel, without a reset in between."""
        guest = self.sleeper
        port, other = self.port(guest), self.port(self.peer)
        before = region.View(self.memory).claim(port)
        done = guest.run('python3 /run/kexec.py load', timeout=120 * self.slow)
        if not self.check('kexec: the kernel is loaded', done.out):
            return
        view = region.View(self.memory)
        guest.start_command('python3 /run/kexec.py boot')
        guest.agent.expect_restart()
        guest.agent.shares = True
        guest.started, guest.boot_seconds = time.monotonic(), None
        took = _wait(lambda: view.claim(port)[2] == 0, 60 * self.slow, 0.01)
        down = _wait(lambda: not view.link(other, port)[2], 60 * self.slow, 0.01)
        self.check('kexec: the peer sees it at once',
                   '' if took is not None and down is not None and
                   down < DOWN_WITHIN * self.slow else f'{took} {down}\n{self.state()}')
        guest.wait(300 * self.slow)
        for nic, mac in zip(guest.nics, self.macs):
            nic.mac = mac
        guest.load('ivnet_ivshmem')
        guest.load('ivnet')
        guest.addresses()
        self.check('kexec: the link is back', '' if self.linked(30) is not None else self.state())
        done = guest.run(f'ping -q -c 3 {self.peer.address()} && '
                         f'ping -q -c 3 {guest.nics[1].segment.address()}')
        self.check('kexec: pings', '' if not done.code else done.out)
        after = view.claim(port)
        self.check('kexec: the same port and position, another life',
                   '' if after[1:] == before[1:] and after[0] != before[0] else
                   f'{before}, then {after}')


@contextlib.contextmanager
def awake(ctx, mem):
    """A sleeper and its peer, ready."""
    kernel = vm.Kernel.find(ctx.boot()).compressed()
    disk = os.path.join(vm.run_dir(), f'power-{ctx.kernel}.swap')
    vm.host('truncate', '-s', mem, disk)
    nic = vm.Nic(ctx.segment(9000), queues=2)
    with ctx.region() as shared, \
            ctx.guest([vm.Shm(shared.name), nic], kernel=kernel, smp=2, mem=mem,
                      qemu='debian13', name=f'power-{ctx.kernel}',
                      cmdline='no_console_suspend loglevel=8 hibernate=nocompress '
                              f'ivnet_resume={SWAP_NAME}',
                      args=['-drive', f'if=none,id=swap,format=raw,file={disk}',
                            '-device', 'virtio-blk-pci,drive=swap']) as sleeper, \
            ctx.guest([vm.Shm(shared.name), vm.Nic(nic.net)], mem='256M',
                      name='power-peer') as peer:
        power = Power(ctx, shared, (sleeper, peer))
        sleeper.wait(300 * ctx.slow)
        try:
            power.prepare()
            yield power
        finally:
            power.close()
        for guest in (sleeper, peer):
            ctx.splats(guest, f'power: {guest.name}')


def run(ctx):
    """Sleep and kexec, on a guest of its own and with a peer."""
    full = ctx.options.stress
    with awake(ctx, '400M') as power:
        power.sleeps('s2idle', 50 if full else 2)
        power.wakes(10 if full else 1)
        power.sleeps('s3', 50 if full else 1)
        power.kexec()


def hibernation(ctx):
    """Each way three times, in a life of its own."""
    # 6.1 cannot read the image from a swap device in use.
    own = () if ctx.kernel == '6.1' else ('test_resume',)
    with awake(ctx, '1G') as power:
        power.hibernates((*own, 'reboot', 'platform') * 3)
