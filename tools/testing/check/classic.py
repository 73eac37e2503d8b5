# SPDX-License-Identifier: GPL-2.0
"""The classic format: the driver in a guest, and on the other side a program that
was written by the description alone; tools/testing/shm/classic.c."""
import itertools
import json
import os
import signal
import subprocess
import time

import peer
import vm

_taps = itertools.count()
# ms, the longest time that the other side stays in a state before RUN: long enough for
# the driver to be met in each.
DWELL = '30'
# Seconds; ndo_tx_timeout() is called after 5.
STANDSTILL = 9
# Of every other side's TAP device: the next one comes sooner than the guest's stack
# hears that the carrier was gone, and would get frames for the one before.
MAC = '02:00:00:00:01:01'


def program(folder):
    """Build it, as the server is built."""
    os.makedirs(folder, exist_ok=True)
    vm.host('make', '-s', '-C', os.path.join(vm.TOP, 'tools/testing/shm'), f'O={folder}',
            os.path.join(folder, 'classic'), timeout=120)
    return os.path.join(folder, 'classic')


class Other:
    """The other side, with a TAP device on the host."""

    def __init__(self, path, shared, guest_position, *options, seconds=600):
        shared.serve()
        self.shared = shared
        self.tap = f'classic{next(_taps)}'
        self.process = subprocess.Popen(
            [path, '--server', shared.socket, '--peer', str(guest_position), '--tap', self.tap,
             '--seconds', str(seconds), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith('position '):
            raise vm.VmError(f'classic does not start: {line}{self.process.stderr.read()}')
        self.position = int(line.split()[1].rstrip(','))
        vm.host('ip', 'link', 'set', self.tap, 'address', MAC)
        vm.host('ip', 'addr', 'add', f'{shared.address()}/24', 'dev', self.tap)
        vm.host('ip', 'addr', 'add', f'{shared.address6()}/64', 'dev', self.tap, 'nodad')
        self.mtu(1500)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def mtu(self, mtu):
        vm.host('ip', 'link', 'set', self.tap, 'mtu', str(mtu), 'up')

    def ask(self):
        """For the next lie."""
        self.process.send_signal(signal.SIGUSR1)

    def end(self):
        """Its report."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            out, err = self.process.communicate(timeout=20)
        except (subprocess.TimeoutExpired, ValueError):
            self.process.kill()
            return {'wrong': -1, 'why': 'no end'}
        self.process.stdout.close()
        return json.loads(out.splitlines()[-1]) if out.strip() else {'wrong': -1, 'why': err}


def stats(guest):
    """ethtool -S as a dictionary."""
    lines = guest.run(f'ethtool -S {guest.ifname()}', check=True).out.splitlines()[1:]
    return {name.strip(): int(value) for name, value in (line.split(':') for line in lines)}


class Side:
    """The driver's side."""

    def __init__(self, ctx, guest, shared, label):
        self.ctx, self.guest, self.shared, self.label = ctx, guest, shared, label
        self.device = f'pci/{guest.pci_address()}'

    def addresses(self):
        """That stay when the interface goes down."""
        self.guest.addresses()
        self.guest.run('sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1', check=True)

    def check(self, name, good, text=''):
        if not good:
            text += self.guest.run(f'devlink health diagnose {self.device} reporter peer; '
                                   f'ip addr show {self.guest.ifname()}; dmesg | tail -n 5').out
        return self.ctx.check(f'classic: {self.label}: {name}', good, text)

    def soon(self, what, times, late):
        """The driver saw this, and not by the next heartbeat; on a machine that has time."""
        if self.ctx.options.stress and self.ctx.slow == 1:
            self.check(f'the driver sees at once {what}', times and late * 4 <= times,
                       f'{late} of {times} late')

    def speak(self, position):
        """Speak to another side, from the next start on."""
        done = self.guest.run(
            f'devlink dev param set {self.device} name wire_format value classic '
            f'cmode driverinit && devlink dev param set {self.device} name peer_id '
            f'value {position} cmode driverinit && '
            f'devlink dev reload {self.device} action driver_reinit')
        self.check(f'reload with peer {position}', done.code == 0, done.out + done.err)

    def again(self):
        """Forget what the other side did."""
        self.guest.run(f'devlink dev reload {self.device} action driver_reinit', check=True)

    def link(self):
        """What the driver says of the other side."""
        done = self.guest.run(f'devlink -j health diagnose {self.device} reporter peer', check=True)
        return json.loads(done.out)

    def carrier_changes(self):
        path = f'/sys/class/net/{self.guest.ifname()}/carrier_changes'
        return int(self.guest.run(f'cat {path}', check=True).out)

    def carrier(self, seconds=20, want='1'):
        """Wait for it, or for its end."""
        end = time.monotonic() + seconds * self.ctx.slow
        path = f'/sys/class/net/{self.guest.ifname()}/carrier'
        while time.monotonic() < end:
            if self.guest.run(f'cat {path}').out.strip() == want:
                return True
            time.sleep(0.2)
        return False

    def pings(self, size=56, count=20):
        done = self.guest.run(f'ping -q -c {count} -i 0.05 -W 5 -s {size} '
                              f'{self.shared.address()}', timeout=60 * self.ctx.slow)
        return ' 0% packet loss' in done.out, done.out[-300:] + done.err

    def prompt(self):
        """One ping after the other: nobody waits for a heartbeat, which is 500 ms."""
        done = self.guest.run(f'ping -q -A -c 10 -W 5 {self.shared.address()}',
                              timeout=60 * self.ctx.slow)
        least = done.out.rpartition('= ')[2].partition('/')[0]
        return done.code == 0 and float(least) < 200, done.out[-300:] + done.err

    def idle(self):
        """All that was sent is known to be done."""
        path = f'/sys/class/net/{self.guest.ifname()}/queues/tx-0/byte_queue_limits/inflight'
        done = self.guest.run(f'for i in $(seq 50); do [ "$(cat {path})" = 0 ] && exit; '
                              f'sleep 0.1; done; cat {path}; exit 1', timeout=60 * self.ctx.slow)
        return done.code == 0, done.out + done.err

    def settle(self, count):
        """Until so many pings in a row come back."""
        end = time.monotonic() + 120 * self.ctx.slow
        while time.monotonic() < end and not self.pings(count=count)[0]:
            pass

    def mtu(self, mtu):
        return self.guest.run(f'ip link set {self.guest.ifname()} mtu {mtu}').code == 0


def talks(side, other, exchange, server):
    """Pings and data at both MTUs."""
    for mtu in (1500, 16384):
        other.mtu(mtu)
        side.check(f'MTU {mtu} is taken', side.mtu(mtu))
        if not side.check(f'MTU {mtu}: carrier', side.carrier()):
            return
        side.check(f'MTU {mtu}: frames of all lengths up to it',
                   *side.pings(mtu - 28))
        text = ''.join(exchange(side.ctx, side.guest, side.guest.nics, server).values())
        side.check(f'MTU {mtu}: TCP and UDP both ways, sha256', not text, text)
    side.check('a ping is answered at once', *side.prompt())
    side.check('nothing is left in the ring', *side.idle())


def goes_and_comes(side, count):
    """The driver goes through its states, the other side stays."""
    ifname = side.guest.ifname()
    side.guest.run(f'for i in $(seq {count}); do ip link set {ifname} up; '
                   f'sleep 0.$((i % 3)); ip link set {ifname} down; done', check=True,
                   timeout=120 * side.ctx.slow)
    link = side.link()
    side.check('down: is not in RUN', link['own_state'] != 'run' and not link['run'], str(link))
    side.guest.run(f'ip link set {ifname} up', check=True)
    side.again()
    side.check(f'{count} times down and up, then a reload: carrier', side.carrier())
    side.check(f'{count} times down and up, then a reload: ping', *side.pings())


def shakes(side, count):
    """The driver is reset in whatever state it is, while the other side is as well and
    both send: made anew three times of four, which ends any state; down and up."""
    ifname = side.guest.ifname()
    side.guest.run(f''': reset the driver {count} times
        ping -q -i 0.01 -s 1000 {side.shared.address()} >/dev/null &
        for i in $(seq {count}); do
            if [ $((i % 4)) = 0 ]; then
                ip link set {ifname} down && ip link set {ifname} up || exit
            else
                devlink dev reload {side.device} action driver_reinit || exit
            fi
            sleep 0.0$((i % 10))
        done
        kill $!''', check=True, timeout=(60 + 3 * count) * side.ctx.slow)
    side.settle(100)
    side.check('after resets of both sides in every state: carrier', side.carrier())
    side.check('after resets of both sides in every state: ping', *side.pings())


def judge_resets(side, ours, theirs, report):
    """What the other side has seen; ours is the least, as it cannot see each."""
    judge(side, f'{theirs} resets, and {ours} of the driver', report)
    side.check('the other side was reset in every state',
               sum(report['reset_in']) == theirs and all(report['reset_in']), str(report))
    side.check('the driver was reset in every state', sum(report['their_reset_in']) >= ours and
               all(report['their_reset_in']), str(report))
    side.soon('that the other side has left', report['left'], report['left_late'])
    side.soon('the first frame', report['greeted'], report['greeted_late'])


def patient(side, path, exchange, server):
    """The other side does nothing before it is rung; then it never rings."""
    with Other(path, side.shared, 0, '--patient', str(2000 * side.ctx.slow)) as other:
        side.speak(other.position)
        side.mtu(1500)
        side.check('waits for doorbells: carrier', side.carrier())
        side.check('waits for doorbells: ping', *side.pings())
        text = ''.join(exchange(side.ctx, side.guest, side.guest.nics, server, 1 << 22).values())
        side.check('waits for doorbells: TCP and UDP both ways, sha256', not text, text)
        goes_and_comes(side, 5)
        report = other.end()
        judge(side, 'waits for doorbells', report)
        # One that is lost is made up for after half a second.
        side.check('each change of state is rung for at once', report['changes'] > 10 and
                   report['late'] * 4 <= report['changes'], str(report))
    side.check('the other side has ended: no carrier', side.carrier(5, '0'))
    with Other(path, side.shared, 0, '--patient', str(2000 * side.ctx.slow), '--deaf') as other:
        side.speak(other.position)
        side.check('does not hear each doorbell: carrier', side.carrier())
        side.check('does not hear each doorbell: ping', *side.pings())
        judge(side, 'does not hear each doorbell', other.end())
    with Other(path, side.shared, 0, '--mute') as other:
        side.speak(other.position)
        side.check('never rings: carrier', side.carrier())
        side.check('never rings: ping', *side.pings())
        judge(side, 'never rings', other.end())


def stops(side, path):
    """The other side stands still for longer than the network stack would wait."""
    with Other(path, side.shared, 0) as other:
        side.speak(other.position)
        side.check('before it stops: carrier', side.carrier())
        # An address that is not known any more would keep the ring empty.
        neighbour = f'{side.shared.address()} dev {side.guest.ifname()}'
        side.guest.run(f'ip neigh replace {neighbour} lladdr {MAC} nud permanent', check=True)
        before = stats(side.guest)
        other.process.send_signal(signal.SIGSTOP)
        # In many fragments and more than once, so that a slow guest fills the ring too.
        for _ in range(6):
            side.guest.run(f'ping -q -f -s 16000 -w {STANDSTILL} {side.shared.address()}',
                           timeout=90)
            after = stats(side.guest)
            if after['tx_drop_full'] > before['tx_drop_full']:
                break
        other.process.send_signal(signal.SIGCONT)
        side.guest.run(f'ip neigh del {neighbour}', check=True)
        side.check('it stops: in the end frames are dropped',
                   after['tx_drop_full'] > before['tx_drop_full'], f'{before}\n{after}')
        # Frames go on being dropped until it had a processor for a moment.
        side.settle(10)
        side.check('it goes on: ping', *side.pings())
        judge(side, 'stops', other.end())


def judge(side, name, report):
    side.ctx.tap.note(f'{side.ctx.prefix}classic: {side.label}: {name}: {report}')
    side.check(f'{name}: the other side has no complaint', report['wrong'] == 0, str(report))


def times(ctx):
    """How often the other side is reset, and the driver."""
    if ctx.slow > 1:
        return 100, 40
    return (1000, 1000) if ctx.options.stress else (60, 20)


def upper(ctx, path, exchange, server):
    """The guest has the smaller position and the upper half."""
    resets, shakings = times(ctx)
    with ctx.region(size='1M') as shared, \
            ctx.guest([vm.Shm(shared.name)], mem='256M', name='classic-upper') as guest:
        guest.load('ivnet_ivshmem')
        side = Side(ctx, guest, shared, 'upper half')
        side.addresses()
        done = guest.run(f'devlink dev param set {side.device} name wire_format value other '
                         'cmode driverinit')
        side.check('another format is refused', done.code and 'native or classic' in
                   done.out + done.err, done.out + done.err)
        with Other(path, shared, 0) as other:
            side.speak(other.position)
            side.check('carrier', side.carrier())
            talks(side, other, exchange, server)
            goes_and_comes(side, 5)
            judge(side, 'traffic', other.end())

        with Other(path, shared, 0, '--resets', str(resets), '--dwell', DWELL,
                   seconds=3600) as other:
            side.speak(other.position)
            before = stats(guest)
            shakes(side, shakings)
            after = stats(guest)
            wrong = [name for name in after if '_err_' in name and after[name] != before[name]]
            side.check('resets are no errors', not wrong, str(wrong))
            judge_resets(side, shakings, resets, other.end())

        patient(side, path, exchange, server)
        stops(side, path)
        back_to_native(side)
        ctx.splats(guest, 'classic: upper half')


def back_to_native(side):
    """The native format does not overwrite what it does not know."""
    done = side.guest.run(f'devlink dev param set {side.device} name wire_format value native '
                          f'cmode driverinit && devlink dev reload {side.device} '
                          'action driver_reinit')
    side.check('the native format refuses this region', done.code and
               'something else' in done.out + done.err, done.out + done.err)


def lower(ctx, path, exchange, server):
    """The other side was there first, and the driver is told at probe."""
    with ctx.region(size='256K') as shared:
        resets, shakings = times(ctx)
        with Other(path, shared, 1, '--resets', str(resets), '--dwell', DWELL,
                   seconds=3600) as other, \
                ctx.guest([vm.Shm(shared.name)], mem='256M', name='classic-lower') as guest:
            side = Side(ctx, guest, shared, 'lower half')
            guest.load('ivnet_ivshmem', classic=guest.pci_address())
            log = guest.dmesg()
            side.check('without peer_id: not started, the log says why',
                       'not started: -22, ' in log and "peer_id has to be the other side's "
                       'position' in log, log[-1000:])
            side.speak(other.position)
            side.addresses()
            shakes(side, shakings)
            talks(side, other, exchange, server)
            goes_and_comes(side, 5)
            guest.run('rmmod ivnet_ivshmem', check=True)
            report = other.end()
            side.check('the driver is gone: RESET', report['theirs'] == 0, str(report))
            judge_resets(side, shakings, resets, report)
            ctx.splats(guest, 'classic: lower half')


def run(ctx, exchange, port):
    """Both halves; peer.Server answers on the host's end."""
    path = program(os.path.join(vm.run_dir(), 'classic'))
    with peer.Server(port) as server:
        upper(ctx, path, exchange, server)
        lower(ctx, path, exchange, server)
