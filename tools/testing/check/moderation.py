# SPDX-License-Identifier: GPL-2.0
"""When interrupts come: what the device was told of each ring, as it says itself, against what
ethtool set, before and after everything that resets a ring or the device."""
import struct
import time

import dump
import interface

# Frames at once; their notifications are counted.
FRAMES = 40
TRIES = 5


def frame(length=60):
    """To everybody, of a kind that nobody listens to."""
    return b'\xff' * 6 + bytes((2, 0, 0, 0, 0, 1)) + struct.pack('!H', 0x88b5) + bytes(length)


class Moderation(interface.Interface):
    """A device that delays interrupts."""

    def __init__(self, ctx, guest, nic, label):
        super().__init__(ctx, guest, nic)
        self.label = label

    def wait(self, condition, seconds=10):
        deadline = time.monotonic() + seconds * self.ctx.slow
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.1)
        return condition()

    def rings(self):
        """(µs, frames) of each ring of data; without a delay there is no number of frames."""
        return [(ring['usecs'], ring['max_packets'] if ring['usecs'] else 0)
                for ring in self.nic.state()['queues'] if ring['kind'] != 'ctrl']

    def shown(self, queue=None):
        """What ethtool shows, of all or of one."""
        if queue is None:
            text = self.do('ethtool -c {dev}').out
        else:
            text = self.do(f'ethtool -Q {{dev}} queue_mask {1 << queue:#x} --show-coalesce').out
        words = dict(line.split(':', 1) for line in text.splitlines() if ':' in line)
        return [int(words[name]) for name in ('rx-usecs', 'rx-frames', 'tx-usecs', 'tx-frames')]

    def refused(self, command, text=''):
        done = self.do(command, check=False)
        # ethtool -Q says so, and ends with 0
        failed = done.code or 'Cannot set' in done.err
        return '' if failed and text in done.err else f'{command}: {done.code} {done.err}; '

    def differs(self, *wanted):
        have = self.rings()
        return '' if have == list(wanted) else f'the device has {have}, not {list(wanted)}; '

    def check(self, name, wrong):
        self.ctx.check(f'moderation: {self.label}: {name}', not wrong, wrong)

    # Each returns what is wrong.

    def everything(self):
        """All queues at once, of both directions."""
        rings = len(self.rings()) // 2
        wrong = self.differs(*[(0, 0)] * 2 * rings)
        if self.shown() != [0, 32, 0, 32]:
            wrong += f'at first: {self.shown()}; '
        self.do('ethtool -C {dev} rx-usecs 40 rx-frames 5 tx-usecs 30 tx-frames 7')
        if self.shown() != [40, 5, 30, 7]:
            wrong += f'shown: {self.shown()}; '
        return wrong + self.differs(*[(40, 5), (30, 7)] * rings)

    def ranges(self):
        """Out of range: refused with the range, and nothing changes."""
        before, wrong = self.rings(), ''
        for words in ('rx-usecs 10001', 'tx-usecs 4294967295', 'rx-frames 0', 'rx-frames 5000',
                      'tx-frames 0', 'tx-frames 5000'):
            text = f'{words.split()[0]}: {int("frames" in words)} to '
            wrong += self.refused(f'ethtool -C {{dev}} {words}', text)
        return wrong + self.differs(*before)

    def shorter(self):
        """What was right for a longer ring does not stand in the way of the rest."""
        self.do('ethtool -C {dev} rx-frames 100; ethtool -G {dev} rx 128; '
                'ethtool -C {dev} rx-usecs 41')
        shown, wrong = self.shown()[:2], self.refused('ethtool -C {dev} rx-frames 101',
                                                      'rx-frames: 1 to 64')
        self.do('ethtool -G {dev} rx 256; ethtool -C {dev} rx-usecs 40 rx-frames 5')
        return wrong if shown == [41, 100] else f'{wrong}shown: {shown}'

    def refusal(self):
        """The device refuses the first command, or the second one: an error, and it has what
        it had."""
        before, shown, wrong = self.rings(), self.shown(), ''
        for skip in (0, 1):
            self.nic.lie('ctrl-ack', value=1, count=1, skip=skip)
            wrong += self.refused('ethtool -C {dev} rx-usecs 77 tx-usecs 78', 'refused')
            if not self.nic.state()['lies']['ctrl-ack']['told']:
                wrong += 'nothing was refused; '
            self.nic.truth()
            wrong += self.differs(*before)
            if self.shown() != shown:
                wrong += f'shown: {self.shown()}; '
        return wrong

    def single(self):
        """One queue pair of two."""
        self.do('ethtool -Q {dev} queue_mask 2 --coalesce rx-usecs 60 rx-frames 6')
        wrong = self.differs((40, 5), (30, 7), (60, 6), (30, 7))
        self.do('ethtool -Q {dev} queue_mask 2 --coalesce tx-usecs 70')
        wrong += self.differs((40, 5), (30, 7), (60, 6), (70, 7))
        if [self.shown(0), self.shown(1)] != [[40, 5, 30, 7], [60, 6, 70, 7]]:
            wrong += f'shown: {self.shown(0)}, {self.shown(1)}; '
        wrong += self.refused('ethtool -Q {dev} queue_mask 4 --coalesce rx-usecs 61')
        wrong += self.refused('ethtool -Q {dev} queue_mask 1 --coalesce rx-usecs 10001')
        self.nic.lie('ctrl-ack', value=1, count=1, skip=1)
        wrong += self.refused('ethtool -Q {dev} queue_mask 1 --coalesce rx-usecs 3 tx-usecs 4')
        self.nic.truth()
        return wrong + self.differs((40, 5), (30, 7), (60, 6), (70, 7))

    def kept(self):
        """All that resets rings or the device; queues that were away get their own again."""
        wanted = [(40, 5), (30, 7), (60, 6), (70, 7)]
        wrong = ''
        for command in ('ethtool -G {dev} rx 128', 'ethtool -G {dev} tx 128',
                        'ethtool -L {dev} combined 1; ethtool -L {dev} combined 2',
                        'ip link set {dev} down; ip link set {dev} up',
                        'devlink dev reload {handle} action driver_reinit', ''):
            resets = self.nic.state()['resets']
            if command:
                self.do(command)
            else:
                self.nic.ask('needs-reset')
                self.wait(lambda before=resets: self.nic.state()['resets'] > before and
                          self.rings() == wanted, 60)
            found = self.differs(*wanted)
            wrong += f'{command or "needs-reset"}: {found}' if found else ''
            if (not command or 'reload' in command) and self.nic.state()['resets'] == resets:
                wrong += f'{command or "needs-reset"}: no reset; '
        if self.shown() != [40, 5, 30, 7] or self.shown(1) != [60, 6, 70, 7]:
            wrong += f'shown: {self.shown()}, {self.shown(1)}; '
        return wrong

    def down(self):
        """What is set while there are no queues, and what is not changed."""
        self.do('ip link set {dev} down')
        self.do('ethtool -C {dev} rx-usecs 41')
        self.do('ip link set {dev} up')
        return self.differs((41, 5), (30, 7), (41, 5), (70, 7))

    def counted(self):
        """How often the device would have interrupted for some frames."""
        def notified():
            ring = self.nic.state()['queues'][0]
            return ring['interrupts'] + ring['held_back']
        before = notified()
        for _ in range(FRAMES):
            self.nic.inject(frame())
        return notified() - before

    def effect(self):
        """Frames without a delay are told of one by one, with it many at a time."""
        self.do('ethtool -C {dev} rx-usecs 0')
        wrong = ''
        number = self.counted()
        if number < FRAMES:
            wrong = f'{number} notifications without a delay; '
        self.do('ethtool -C {dev} rx-usecs 10000 rx-frames 32')
        numbers = []
        while len(numbers) < TRIES:
            numbers.append(self.counted())
            if numbers[-1] <= FRAMES / 4:
                return wrong
        return wrong + f'{numbers} notifications with a delay'


    def chosen(self, rings, wanted, values, frames):
        """These rings have something that load can choose, the others what is wanted."""
        have, wrong = self.rings(), ''
        for number, ring in enumerate(have):
            if number in rings:
                good = ring[0] in values and ring[1] == frames
            else:
                good = ring == wanted[number]
            wrong += '' if good else f'ring {number} has {ring}; '
        return wrong

    def adaptive(self):
        """The load decides; the values of the user are back when that ends."""
        wanted = [(40, 5), (30, 7)] * 2
        rx, tx = (1, 8, 64, 128, 256), (1, 8, 32, 64, 128)
        self.do('ethtool -C {dev} rx-usecs 40 rx-frames 5 tx-usecs 31 tx-frames 7')
        self.do('ethtool -C {dev} tx-usecs 30')
        self.do('ethtool -C {dev} adaptive-rx on')
        wrong = self.chosen((0, 2), wanted, rx, 256)
        wrong += self.refused('ethtool -C {dev} rx-usecs 50', 'adaptive')
        load = self.guest.start_command(f'ping -q -i 0.002 -w {60 * self.ctx.slow} '
                                        f'{self.nic.segment.address()} >/dev/null')
        before = self.rings()
        if not self.wait(lambda: self.rings() != before, 40):
            wrong += f'nothing changes under load: {before}; '
        wrong += self.chosen((0, 2), wanted, rx, 256)
        self.do('ethtool -C {dev} adaptive-rx off adaptive-tx on')
        before = self.rings()
        wrong += self.chosen((1, 3), wanted, tx, 128)
        if not self.wait(lambda: self.rings() != before, 40):
            wrong += f'nothing changes under load: {before}; '
        wrong += self.chosen((1, 3), wanted, tx, 128)
        for command in ('devlink dev reload {handle} action driver_reinit',
                        'ethtool -G {dev} rx 128'):
            self.do(command)
            wrong += self.chosen((1, 3), wanted, tx, 128)
        load.kill()
        self.do('ethtool -Q {dev} queue_mask 1 --coalesce adaptive-tx off')
        wrong += self.chosen((3,), wanted, tx, 128)
        self.nic.lie('ctrl-ack', value=1, count=1, skip=1)
        wrong += self.refused('ethtool -C {dev} adaptive-tx off adaptive-rx on', 'refused')
        self.nic.truth()
        wrong += self.chosen((3,), wanted, tx, 128)
        self.do('ethtool -C {dev} adaptive-tx off')
        return wrong + self.differs(*wanted)

    def replayed(self):
        """By ivnet-dump, single queues and what the load decides as well."""
        self.do('ethtool -C {dev} rx-usecs 40 rx-frames 5 tx-usecs 30 tx-frames 7')
        self.do('ethtool -Q {dev} queue_mask 2 --coalesce rx-usecs 60 rx-frames 6')
        self.do('ethtool -Q {dev} queue_mask 1 --coalesce adaptive-tx on')
        first, wrong = self.rings(), dump.trip(self.ctx, self.guest, self.name)
        have = self.rings()
        for number in (0, 2, 3):
            if have[number] != first[number]:
                wrong += f'ring {number} has {have[number]}, not {first[number]}; '
        self.do('ethtool -C {dev} adaptive-tx on')
        wrong += dump.trip(self.ctx, self.guest, self.name, 'adaptive-tx on')
        self.do('ethtool -C {dev} adaptive-tx off')
        return wrong + self.differs((40, 5), (30, 7), (60, 6), (30, 7))


def run(ctx, guest, both, every, each):
    """A device that can be told of all rings and of single ones, one that can be told of all
    alone, and one of single ones alone."""
    it = Moderation(ctx, guest, both, 'all and single')
    it.do('ethtool -L {dev} combined 2')
    for name, step in (('all queues', it.everything), ('ranges', it.ranges),
                       ('shorter rings', it.shorter),
                       ('refused', it.refusal), ('one queue', it.single), ('kept', it.kept),
                       ('set while down', it.down), ('effect', it.effect),
                       ('adaptive', it.adaptive)):
        it.check(name, step())
    it.do('ethtool -C {dev} rx-usecs 0 tx-usecs 0')
    it.check('off', it.differs(*[(0, 0)] * 4))
    for nic, label in ((every, 'all'), (each, 'single')):
        it = Moderation(ctx, guest, nic, label)
        for name, step in (('all queues', it.everything), ('refused', it.refusal)):
            it.check(name, step())
        if nic is every:
            it.check('no single queues', it.refused('ethtool -Q {dev} queue_mask 1 --coalesce '
                                                    'rx-usecs 5') +
                     it.refused('ethtool -C {dev} adaptive-rx on', 'single queues'))
        it.do('devlink dev reload {handle} action driver_reinit')
        it.check('kept', it.differs((40, 5), (30, 7)))
        it.do('ethtool -C {dev} rx-usecs 0 tx-usecs 0')


def replay(ctx, guest, nic):
    """A device that can be told of all rings and of single ones; its counters begin anew."""
    it = Moderation(ctx, guest, nic, 'all and single')
    it.do('ethtool -L {dev} combined 2')
    it.check('dump and replay', it.replayed())
