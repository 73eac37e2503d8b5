# SPDX-License-Identifier: GPL-2.0
"""Every lie of tools/testing/device for a while, then all of them at random, with traffic on:
the driver counts each by its reason, nothing hangs, and a device that tells the truth
again works again."""
import random
import time

import interface
import vm
from chatter import Chatter
from vnet import datagram, missing

PORT = 5900
# Seconds that a machine may take which is busy as well; what it took is printed.
BACK = 30
# Seconds between what is said to each device.
PAUSE = 0.1
# Between two resets of a device there may be so many.
PAUSE_MAX = 64
# A queue that stands still is found after so many at the most.
STUCK = 10
# Seconds of random lies for each second of one lie.
RANDOM = 10


class Lie:
    """What is said (options of the lie), on what occasion (a method of Liar), which counter of
    the driver has it, what else goes into the header of frames, and how long they are. Without
    a counter the reason says why it costs nothing, or cannot be seen."""

    def __init__(self, name, occasion, counter, reason='', fields=None, length=200, **options):
        self.name, self.occasion, self.counter, self.reason = name, occasion, counter, reason
        self.fields, self.frame = fields or {}, datagram(length)
        self.options = {'count': 'all', **options}

    def text(self):
        said = ' '.join(f'{key}={value}' for key, value in self.options.items()
                        if key in ('queue', 'value'))
        return f'{self.name} {said}'.strip()


SUM = {'flags': 1, 'csum_start': 34, 'csum_offset': 6}
TCP = {'flags': 1, 'csum_start': 34, 'csum_offset': 16, 'gso_type': 1}
# By pairs, which two devices tell at a time: those after which a device waits for its reset
# stand together.
LIES = (
    Lie('used-id', 'frames', 'rx_err_ring', queue='rx', value='any', every=50),
    Lie('used-id', 'frames', 'tx_err_ring', queue='tx', value='0xffff', every=50),
    Lie('num-buffers', 'frames', 'rx_err_num_buffers', queue='rx', value=0, every=3),
    Lie('num-buffers', 'frames', 'rx_err_num_buffers', queue='rx', value=65535, every=3),
    Lie('used-len', 'frames', 'rx_err_len_short', queue='rx', value=0, every=3),
    Lie('used-len', 'frames', 'rx_err_len_long', queue='rx', value=0xffffffff, every=3),
    Lie('hdr-flags', 'frames', 'rx_err_csum', value=1, every=3),
    Lie('hdr-gso-type', 'frames', 'rx_err_gso_type', value='0xff', every=3),
    Lie('used-twice', 'frames', 'rx_err_ring', queue='rx', every=50),
    Lie('used-jump', 'frames', 'tx_err_ring queue_resets', queue='tx', value=1, every=50),
    Lie('hdr-gso-size', 'frames', 'rx_err_gso_size', fields=TCP, value=0),
    Lie('hdr-csum-start', 'frames', 'rx_err_csum', fields=SUM, value='0xffff'),
    Lie('hdr-csum-offset', 'frames', 'rx_err_csum', fields=SUM, value='0xffff'),
    Lie('hdr-after', 'frames', 'rx_err_num_buffers', value='0xff', every=3),
    Lie('hdr-len', 'frames', None, 'a hint that is not used', value='any'),
    Lie('hdr-hash', 'frames', None, 'unknown types of hashes give none', value='any'),
    Lie('needs-reset', 'frames', 'device_resets', every=50),
    Lie('tx-stop', 'frames', 'queue_resets'),
    Lie('irq-lost', 'frames', 'rx_lost_interrupts'),
    Lie('irq-extra', 'frames', None, 'it is looked once more', value='any'),
    Lie('rx-stop', 'frames', None, 'like a network on which nobody talks', queue='rx'),
    Lie('ctrl-late', 'command', 'ctrl_timeouts', value=2000),
    Lie('used-lost', 'frames', 'queue_resets', queue='tx'),
    # the first part of a frame, or a further one; nobody misses a whole frame
    Lie('used-lost', 'frames', 'rx_err_missing_buffer rx_err_num_buffers', length=7000,
        queue='rx', every=20, count=100),
    Lie('ctrl-silent', 'command', 'ctrl_timeouts'),
    Lie('ctrl-ack', 'command', 'ctrl_refused', value=1),
    Lie('ctrl-ack', 'command', 'ctrl_unknown_answers', value='0xff'),
    Lie('ctrl-reply', 'command', None, 'no command in use has a result', value='any'),
    Lie('config-flip', 'config', 'announcements'),
    Lie('config-generation', 'start', 'start_failures'),
    Lie('config-pairs', 'start', 'ctrl_timeouts start_failures', value='any'),
    Lie('config-mtu', 'start', None, 'what is no MTU is not taken', value='any'),
    Lie('features-refused', 'start', 'start_failures'),
    Lie('enable-refused', 'start', 'ctrl_timeouts'),
    Lie('queue-size', 'start', 'start_failures', value=0),
    Lie('queues', 'start', 'start_failures', value=1),
    Lie('status-stuck', 'start', 'reset_timeouts'),
    Lie('queue-reset-stuck', 'rings', 'queue_reset_timeouts'),
)
# Counters that stand still where nothing is wrong, beside those of errors.
TROUBLE = ('rx_lost_interrupts tx_cancelled queue_resets queue_reset_timeouts device_resets '
           'reset_timeouts start_failures announcements ctrl_refused ctrl_unknown_answers '
           'ctrl_timeouts filter_fallbacks').split()
# At random these must be rare, and may be told on any queue.
RARE = ('used-id used-twice used-jump needs-reset tx-stop ctrl-silent').split()
ANY_QUEUE = 'rx_err_ring tx_err_ring queue_resets device_resets ctrl_timeouts'.split()
# So often told at random, a lie must have met with what makes it matter.
OFTEN = 20
AT_START = ('config-pairs config-mtu status-stuck features-refused enable-refused '
            'queue-reset-stuck queue-size queues').split()
HARMLESS = ('hdr-len', 'hdr-hash', 'irq-extra', 'config-mtu')


class Liar(interface.Interface):
    """One device, and what a user does with it."""

    # It ends in time, or that is a hang.
    patience = 90

    def __init__(self, run, nic, layout):
        super().__init__(run.ctx, run.guest, nic)
        self.run, self.layout = run, layout
        self.slow = run.ctx.slow
        self.address = nic.segment.address()
        self.count = 0

    def told(self):
        return {name: each['told'] for name, each in self.nic.state()['lies'].items()}

    # Occasions, about one each second; what is said about them is of no interest here.

    def frames(self, lie):
        for _ in range(5):
            try:
                self.nic.inject(lie.frame, **lie.fields)
            except vm.VmError:
                return    # no buffer

    def command(self, _):
        self.count += 1
        self.do(f'ip link set {{dev}} address 02:aa:00:00:00:{self.count % 200:02x}; '
                'ethtool -K {dev} rx-gro-hw off; ethtool -K {dev} rx-gro-hw on', check=False)

    def config(self, _):
        self.nic.ask('link', 'up')

    def start(self, _):
        self.do('devlink dev reload {handle} action driver_reinit', check=False)

    def rings(self, _):
        self.count += 1
        self.do(f'ethtool -G {{dev}} rx {128 << self.count % 2}', check=False)

    def recover_control(self):
        """As long as that is not reported yet, devlink has nothing to recover."""
        for _ in range(BACK):
            self.do('devlink health recover {handle} reporter ctrl')
            if 'dead: false' in self.do('devlink health diagnose {handle} reporter ctrl').out:
                break
            time.sleep(1)

    def healed(self, lie):
        """It tells the truth again. What is wrong, or ''; what a user has to do is done."""
        if lie.occasion == 'start':
            self.do('devlink dev reload {handle} action driver_reinit')
        elif lie.occasion == 'command':
            self.recover_control()
            self.do(f'ip link set {{dev}} address {self.nic.mac}')
        elif lie.occasion == 'rings':
            self.do('ethtool -G {dev} rx 256')
        took = self.run.chatter.moves(self.address, (BACK + PAUSE_MAX) * self.slow)
        return '' if took else 'no traffic any more'


class Run:
    """A guest with two devices for each layout of rings."""

    def __init__(self, ctx, guest, nics, chatter):
        self.ctx, self.guest, self.chatter = ctx, guest, chatter
        self.liars = [Liar(self, nic, layout) for nic, layout in nics.items()]

    def check(self, name, good, text=''):
        self.ctx.check(f'lies: {name}', good, text)

    def counters(self):
        """Of each of the devices; one command, as guests may be slow."""
        command = '; '.join(f'echo "{liar.name} -"; ethtool -S {liar.name}' for liar in self.liars)
        found = {}
        for line in self.guest.run(command, timeout=90 * self.ctx.slow, check=True).out.split('\n'):
            key, _, value = line.strip().rpartition(' ')
            if value == '-':
                found[key] = counters = {}
            elif value.isdigit():
                counters[key.rstrip(':')] = int(value)
        return [found[liar.name] for liar in self.liars]

    def round(self, pairs, seconds):
        """Each of these tells its lie for so long."""
        if any('queue_resets' in (lie.counter or '') for _, lie in pairs):
            seconds = max(seconds, STUCK)
        all_before = self.counters()
        before = [(liar.told().get(lie.name, 0), self.chatter.moved.get(liar.address, 0))
                  for liar, lie in pairs]
        for liar, lie in pairs:
            liar.nic.lie(lie.name, **lie.options)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for liar, lie in pairs:
                getattr(liar, lie.occasion)(lie)
            time.sleep(1)
        for liar, _ in pairs:
            liar.nic.truth()
        told = [liar.told().get(lie.name, 0) for liar, lie in pairs]
        moved = [self.chatter.moved.get(liar.address, 0) for liar, _ in pairs]
        start = time.monotonic()
        healed = [(liar.healed(lie), time.monotonic() - start) for liar, lie in pairs]
        all_now = self.counters()
        for number, (liar, lie) in enumerate(pairs):
            self.judge(liar, lie, seconds, told[number] - before[number][0],
                       moved[number] - before[number][1], healed[number],
                       [each[self.liars.index(liar)] for each in (all_before, all_now)])

    def judge(self, liar, lie, seconds, told, moved, healed, counters):
        """One lie, after its time."""
        wrong, took = healed
        good, text = self.counted(lie, *counters)
        if not told and lie.name != 'ctrl-reply':
            wrong += ' it was not told'
        if lie.name in HARMLESS and not moved:
            wrong += ' no traffic meanwhile'
        self.ctx.tap.note(f'{self.ctx.prefix}lies: {liar.layout}: {lie.text()}: told {told} '
                          f'times in {seconds} s: {text}; {moved >> 10} KiB meanwhile, '
                          f'traffic back after {took:.1f} s')
        self.check(f'{liar.layout}: {lie.text()}: {lie.counter or lie.reason}',
                   good and not wrong, f'{wrong} {text}')

    @staticmethod
    def counted(lie, before, now):
        """(is it as the table says, all counters of trouble that grew)"""
        grown = {key: value - before.get(key, 0) for key, value in now.items()
                 if value != before.get(key, 0) and
                 (key.startswith(('rx_err_', 'tx_err_')) or key in TROUBLE)}
        if lie.counter:
            good = any(grown.get(key, 0) > 0 for key in lie.counter.split())
        else:
            # a start takes frames that wait with it
            good = lie.name not in HARMLESS or not set(grown) - (
                {'tx_cancelled'} if lie.occasion == 'start' else set())
        return good, ', '.join(f'{key} {value}' for key, value in grown.items())

    def all(self, seconds):
        """Every lie with each layout, by two devices of each."""
        for number in range(0, len(LIES), 2):
            lies = LIES[number:number + 2]
            self.round([(liar, lie) for layout in ('split', 'packed') for liar, lie in
                        zip([each for each in self.liars if each.layout == layout], lies)],
                       seconds)

    def random(self, seconds, seed):
        """All lies at any moment, while a user does this and that."""
        chooser = random.Random(seed)
        before = list(zip(self.counters(), [liar.told() for liar in self.liars]))
        for number, liar in enumerate(self.liars):
            liar.nic.random_lies(seed + number, chance=50)
            for name in RARE:
                liar.nic.lie(name, value='any', count='all', chance=5000)
            for name in AT_START:
                liar.nic.lie(name, value='any', count='all', chance=30)
        end = time.monotonic() + seconds
        done = 0
        while time.monotonic() < end:
            occasion = chooser.choice(('frames',) * 6 + ('command', 'config', 'start', 'rings'))
            getattr(chooser.choice(self.liars), occasion)(chooser.choice(LIES))
            time.sleep(chooser.random() / 2)
            done += 1
        wrong, told, grown = '', {}, {}
        for liar in self.liars:
            liar.nic.truth()
        for liar, (_, lies) in zip(self.liars, before):
            for name, value in liar.told().items():
                told[name] = told.get(name, 0) + value - lies.get(name, 0)
            liar.do('devlink dev reload {handle} action driver_reinit && '
                    f'ip link set {{dev}} address {liar.nic.mac}')
            if self.chatter.moves(liar.address, BACK * self.ctx.slow) is None:
                wrong += f'{liar.layout}: no traffic any more; '
        for now, (counters, _) in zip(self.counters(), before):
            for key, value in now.items():
                grown[key] = grown.get(key, 0) + value - counters[key]
        self.ctx.tap.note(f'{self.ctx.prefix}lies: at random, seed {seed}, {seconds} s: {done} '
                          f'acts of a user; told: {told}')
        counters = {}
        for lie in LIES:
            counters.setdefault(lie.name, []).extend((lie.counter or '').split())
        counters.update((name, ANY_QUEUE) for name in RARE)
        # once is not for long
        counters.update((name, ()) for name in ('status-stuck', 'queue-reset-stuck'))
        silent = [name for name, keys in counters.items() if keys and
                  told.get(name, 0) >= (1 if name in RARE else OFTEN) and
                  not any(grown.get(key) for key in keys)]
        if silent:
            wrong += f'not counted: {silent}'
        self.check(f'at random, seed {seed}', not wrong, wrong)


def run(ctx):
    seconds = ctx.options.seconds
    if seconds is None:
        seconds = 60 if ctx.options.stress else 0
    reason = missing() or '' if seconds else 'takes long: --stress, or --seconds'
    if reason:
        ctx.tap.skip(f'{ctx.prefix}lies', reason)
        return
    seed = ctx.options.seed or random.randrange(1 << 32)
    layouts = {'split': 'mq', 'packed': 'packed,mq,rss,hash_report'}
    nics = {vm.Vnet(ctx.segment(), sanitize=True, pairs=2, mtu=1500, offer=offer): layout
            for layout, offer in layouts.items() for _ in range(2)}
    with ctx.guest(list(nics), name=f'lies-{ctx.kernel}', smp=2, mem='1G') as guest, \
            Chatter(PORT) as chatter:
        guest.load('ivnet')
        guest.addresses()
        it = Run(ctx, guest, nics, chatter)
        talk = guest.start_command(chatter.command(PAUSE * ctx.slow,
                                                   [liar.address for liar in it.liars]))
        for liar in it.liars:
            it.check(f'{liar.layout}: works', chatter.moves(liar.address, BACK * ctx.slow))
        it.all(seconds)
        it.random(RANDOM * seconds, seed)
        talk.kill()
        ctx.splats(guest, 'lies')
    for nic, layout in nics.items():
        it.check(f'{layout}: the process ends well', nic.code == 0, nic.messages())
