# SPDX-License-Identifier: GPL-2.0
"""IVSHMEM v2: a peer is reset, or dies, whatever it is doing.

Half of the resets are the kernel's, which asks the driver first; half are the device's
alone, of which no driver knows, as if the guest had died. Which of the devices gets which
changes with every round. What state each reset hit the device says.
"""
import collections
import json
import random
import re
import time

ROUNDS, ROUNDS_STRESS = 1, 25
KILLS_STRESS = 12
# Seconds that a guest may take to boot.
BOOT = 300
NATIVE_STATES = {0: 'down', 2: 'ready', 3: 'run'}
CLASSIC_STATES = {0: 'reset', 1: 'init', 2: 'ready', 3: 'run'}

# What the peer does meanwhile, and within how many seconds it is reset.
SCENES = {
    'alone': ('', 0.5),
    'with both down': ('', 0.5),
    'with traffic': ('', 1),
    'going down': ('for name in {names}; do ip link set $name down; done', 1),
    'going up': ('for name in {names}; do ip link set $name up; done', 1),
    'reloaded': ('for place in {places}; do devlink dev reload pci/$place '
                 'action driver_reinit; done', 4),
    'loading': ('insmod {file}', 1.5),
    'unloading': ('rmmod ivnet_ivshmem', 1.5),
}
_RESET = r'peer 1: reset in state (\d+)'
SHORT = ('with traffic', 'reloaded')
AWAY = 'RTNETLINK answers: No such device'
KERNEL = 'echo 1 >/sys/bus/pci/devices/{}/reset'
# What the kernel will save and restore with the next one has to be there again.
DEVICE = 'c=$(setpci -s {0} COMMAND) && setpci -s {0} CAP13+4.b=1 COMMAND=$c'


class Resets:
    """A and B of a Pair; B is reset, and A survives."""

    def __init__(self, pair):
        self.pair, self.ctx = pair, pair.ctx
        self.first, self.second = pair.first, pair.second
        self.numbers = range(len(pair.kinds))
        self.places = [self.second.pci_address(each) for each in self.numbers]
        self.file = self.second.run('find /modules-ivnet -name ivnet_ivshmem.ko').out.strip()
        self.read = {kind: len(peers.messages()) for kind, peers in pair.peers.items()}
        seed = random.randrange(1 << 32)
        self.random = random.Random(seed)
        self.ctx.tap.note(f'{self.ctx.prefix}v2: resets with seed {seed}')

    def names(self, guest):
        return [guest.ifname(each) for each in self.numbers]

    def interfaces(self, guest, state):
        guest.run('; '.join(f'ip link set {name} {state}' for name in self.names(guest)),
                  check=True, timeout=60 * self.ctx.slow)

    def counts(self):
        """How often each link of the survivor began anew."""
        found = []
        for number in self.numbers:
            done = self.first.run(f'devlink -j health diagnose pci/{self.first.pci_address(number)}'
                                  ' reporter peer', check=True)
            found.append(sum(map(int, re.findall(r'"resets":(\d+)', done.out))))
        return found

    def prepare(self, scene):
        """Before the peer does it."""
        if scene == 'alone':
            self.first.run('rmmod ivnet_ivshmem', check=True, timeout=60 * self.ctx.slow)
        elif scene == 'with both down':
            self.interfaces(self.first, 'down')
            self.interfaces(self.second, 'down')
            time.sleep(1)
        elif scene == 'going up':
            self.interfaces(self.second, 'down')
        elif scene == 'loading':
            self.second.run('rmmod ivnet_ivshmem', check=True, timeout=60 * self.ctx.slow)

    def repair(self, scene, silent):
        """After it: the link of the silent ones is the work of an administrator."""
        if scene == 'alone':
            self.pair.load(self.first)
        if scene in ('loading', 'unloading'):
            self.second.run('rmmod ivnet_ivshmem', timeout=60 * self.ctx.slow)
            self.pair.load(self.second)
            return
        self.second.run('; '.join(f'devlink dev reload pci/{self.places[each]} '
                                  'action driver_reinit' for each in silent) or 'true',
                        check=True, timeout=120 * self.ctx.slow)
        for guest in (self.first, self.second):
            self.interfaces(guest, 'up')

    def round(self, scene, shift):
        """All devices of B are reset, at random times."""
        action, within = SCENES[scene]
        only_device = scene in ('loading', 'unloading')
        shift += list(SCENES).index(scene) + 1
        silent = [each for each in self.numbers if only_device or (each + shift) % 2]
        self.prepare(scene)
        before = self.counts() if scene == 'with traffic' else None
        traffic = self.traffic() if before else None
        action = action.format(names=' '.join(self.names(self.second)) if 'names' in action else '',
                               places=' '.join(self.places), file=self.file)
        order = self.random.sample(self.numbers, len(self.numbers))
        pause = within * self.ctx.slow / len(order)
        words = [f'sleep {self.random.uniform(0, 2 * pause):.3f}; '
                 + (DEVICE if each in silent else KERNEL).format(self.places[each])
                 for each in order]
        done = self.second.run(f'({action or "true"}) & {"; ".join(words)}; wait',
                               timeout=120 * self.ctx.slow)
        # The kernel detaches a device that it resets: it cannot be opened meanwhile.
        wrong = set(done.err.splitlines()) - ({AWAY} if scene == 'going up' else set())
        self.pair.check(f'reset {scene}: each is', done.code == 0 and not wrong,
                        done.out + done.err)
        if traffic:
            self.let_go(scene, silent)
            self.gone(scene, silent)
            traffic.kill()
        self.repair(scene, silent)
        self.pair.up(f'reset {scene}')
        if before:
            same = [self.pair.kinds[each] for each, (old, new) in
                    enumerate(zip(before, self.counts())) if new <= old]
            self.pair.check(f'reset {scene}: each link began anew', not same, str(same))
        self.pings(scene)

    def let_go(self, scene, silent):
        """Where the kernel resets the driver has said goodbye before."""
        wrong = [self.pair.kinds[each] for each in set(self.numbers) - set(silent) if re.findall(
            _RESET, self.pair.peers[self.pair.kinds[each]].messages())[-1:] != ['0']]
        self.pair.check(f'reset {scene}: the driver lets go first', not wrong, str(wrong))

    def traffic(self):
        """Frames both ways on each link, more than one at a time."""
        return self.first.start_command('for address in {}; do ping -q -s 1400 -i 0.02 $address '
                                        '>/dev/null & done; wait'.format(' '.join(
                                            self.second.address(each) for each in self.numbers)))

    def gone(self, scene, silent):
        """A state that is 0 takes the link down. It stays so with the native format; with
        the classic one both sides begin anew, although one hears no doorbell. One-shot
        interrupts are enabled again with a heartbeat."""
        native = [each for each in silent if not self.pair.kinds[each].startswith('classic')]
        one_shot = [kind for kind in (self.pair.kinds[each] for each in silent)
                    if 'one-shot' in kind]
        left, deaf = native, one_shot
        end = time.monotonic() + 2 * self.ctx.slow
        while (left or deaf) and time.monotonic() < end:
            time.sleep(0.1)
            carriers = self.pair.carriers(self.first)
            left = [each for each in left if carriers[each] != '0']
            deaf = [kind for kind in deaf
                    if not self.pair.peers[kind].report()[1]['int_control']]
        self.pair.check(f'reset {scene}: its links are gone', not left,
                        str([self.pair.kinds[each] for each in left]))
        self.pair.check(f'reset {scene}: one-shot interrupts are enabled again', not deaf,
                        str(deaf))

    def pings(self, scene):
        words = ' & '.join(f'ping -q -c 5 -i 0.05 -W 5 {self.second.address(each)} >/dev/null || '
                           f'echo {each}' for each in self.numbers)
        done = self.first.run(f'{words} & wait', timeout=60 * self.ctx.slow)
        lost = done.out.split()
        self.pair.check(f'reset {scene}: ping', not lost, ''.join(
            f'{self.pair.kinds[int(each)]}: {self.pair.state(int(each))}' for each in lost))

    def kills(self):
        """B dies at any time of its life, with traffic from where it has a link on."""
        for number in range(KILLS_STRESS):
            traffic = self.traffic()
            self.second.start_command(
                f'while rmmod ivnet_ivshmem && insmod {self.file}; do '
                'for name in $(ls /sys/class/net); do ip link set $name up; done; '
                f'sleep {self.random.uniform(0, 2):.3f}; done')
            time.sleep(self.random.uniform(0, 6) * self.ctx.slow)
            self.second.kill()
            traffic.kill()
            self.second.start()
            self.second.wait(BOOT * self.ctx.slow)
            self.pair.load(self.second)
            self.pair.up(f'after death {number + 1}')
            self.pings(f'by death {number + 1}')

    def states(self):
        """In which states the resets came."""
        found = collections.defaultdict(collections.Counter)
        for kind, peers in self.pair.peers.items():
            names = CLASSIC_STATES if kind.startswith('classic') else NATIVE_STATES
            text = peers.messages()[self.read[kind]:]
            found[kind.split(',')[0]].update(
                names.get(int(each), each) for each in
                re.findall(_RESET, text))
        self.ctx.tap.note(f'{self.ctx.prefix}v2: states that resets came in: '
                          f'{json.dumps(found)}')
        return found

    def run(self, short):
        """A round of each scene, and more of them under stress."""
        stress = self.ctx.options.stress
        for shift in range(ROUNDS_STRESS if stress else ROUNDS):
            for scene in SHORT if short else SCENES:
                self.round(scene, shift)
        if stress:
            self.kills()
        found = self.states()
        if short or self.ctx.options.test:
            return
        for kind, names in (('native', NATIVE_STATES), ('classic', CLASSIC_STATES)):
            missed = set(names.values()) - set(found[kind])
            self.pair.check(f'{kind}: resets came in every state', not missed, str(found))
