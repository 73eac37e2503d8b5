# SPDX-License-Identifier: GPL-2.0
"""IVSHMEM v2: two guests with a device of each kind between them, then four ports;
tools/testing/device counts what they do to registers and memory."""
import contextlib
import time

import vm

NATIVE, CLASSIC = '4956', '1'
PORT = 5700
LOADS = 20
# Seconds in which the death of a guest must be seen; without a state table it takes 3.
GONE = 2
# Bytes of TCP each way; fewer where each access is a trap, as it is for a while after
# an INTx: QEMU takes the first access for the end of the interrupt.
LENGTH, TRAPPED = 1 << 20, 20000
KINDS = {
    'native': {'protocol': NATIVE, 'vectors': 3},
    'native, INTx': {'protocol': NATIVE, 'intx': True, 'output': '64K'},
    'native, one-shot': {'protocol': NATIVE, 'vectors': 3, 'one_shot': True},
    'native, trapped': {'protocol': NATIVE, 'vectors': 2, 'rw': '64K', 'trap': True},
    'classic': {'protocol': CLASSIC, 'vectors': 2},
    'classic, one vector': {'protocol': CLASSIC, 'vectors': 1},
    'classic, INTx': {'protocol': CLASSIC, 'intx': True, 'output': '64K'},
    'classic, one-shot': {'protocol': CLASSIC, 'vectors': 2, 'one_shot': True},
    'classic, trapped': {'protocol': CLASSIC, 'vectors': 2, 'trap': True},
}
SERVER = ('import sys, time; sys.path.insert(0, "/ivnet/tools/testing/check"); import peer; '
          f'peer.Server({PORT}).__enter__(); print("ready", flush=True); time.sleep(100000)')


def wait(ctx, seconds, done):
    """Wait until that is true; seconds that it took, or None."""
    start = time.monotonic()
    while time.monotonic() < start + seconds * ctx.slow:
        if done():
            return time.monotonic() - start
        time.sleep(0.1)
    return None


class Pair:
    """Two guests, A and B, with a device of each kind in the same order."""

    def __init__(self, ctx, first, second, peers):
        self.ctx, self.first, self.second, self.peers = ctx, first, second, peers
        self.kinds = list(peers)

    def check(self, name, good, text=''):
        return self.ctx.check(f'v2: {name}', good, text)

    def load(self, guest):
        guest.load('ivnet_ivshmem')
        guest.addresses()

    def carriers(self, guest):
        """Of all devices, in order."""
        files = ' '.join(f'/sys/class/net/{guest.ifname(number)}/carrier'
                         for number in range(len(self.kinds)))
        return guest.run(f'cat {files}').out.split()

    def up(self, name):
        wanted = ['1'] * len(self.kinds)
        took = wait(self.ctx, 30, lambda: self.carriers(self.first) == wanted and
                    self.carriers(self.second) == wanted)
        self.check(f'{name}: every link is up', took is not None,
                   f'{self.kinds}\n{self.carriers(self.first)}\n{self.carriers(self.second)}\n'
                   + self.first.run('dmesg | tail -n 30').out)

    def pings(self, name):
        for number, kind in enumerate(self.kinds):
            done = self.first.run(f'ping -q -c 20 -i 0.05 -W 5 {self.second.address(number)}',
                                  timeout=60 * self.ctx.slow)
            self.check(f'{kind}: {name}: ping', ' 0% packet loss' in done.out,
                       done.out[-300:] + done.err + self.state(number))

    def state(self, number):
        """For messages."""
        device = f'pci/{self.first.pci_address(number)}'
        return self.first.run(f'devlink health diagnose {device} reporter device; '
                              f'devlink health diagnose {device} reporter peer').out

    def data(self):
        """TCP with sha256 and datagrams, both ways."""
        server = self.second.start_command(f"python3 -B -c '{SERVER}'")
        wait(self.ctx, 30, lambda: 'ready' in server.output())
        for number, kind in enumerate(self.kinds):
            length = TRAPPED if {'trap', 'intx'} & set(KINDS[kind]) else LENGTH
            address = self.second.address(number)
            done = self.first.run(f'SLOW={self.ctx.slow} python3 -B '
                                  f'/ivnet/tools/testing/check/peer.py {PORT} {length} {address}',
                                  timeout=200 * self.ctx.slow)
            self.check(f'{kind}: TCP and UDP both ways, sha256',
                       done.out == f'{address} ok\n', done.out + done.err + self.state(number))
        server.kill()

    def told(self):
        """What the device has said can be read and not be changed."""
        guest = self.first
        for kind, other in (('native', 'classic'), ('classic', 'native')):
            number = self.kinds.index(kind)
            place = guest.pci_address(number)
            done = guest.run(f'ethtool -i {guest.ifname(number)}', check=True)
            self.check(f'{kind}: ethtool -i', f'bus-info: {place}\n' in done.out, done.out)
            done = guest.run(f'devlink dev info pci/{place}', check=True)
            self.check(f'{kind}: devlink dev info', ('ivnet-shm 1.0' if kind == 'native' else
                                                     'ivshmem-net 2') in done.out, done.out)
            for name, good, bad in (('ports', 2, 4), ('port', 0, 1), ('wire_format', kind, other)):
                set_to = f'devlink dev param set pci/{place} name {name} cmode driverinit value'
                done = guest.run(f'{set_to} {good}')
                self.check(f'{kind}: {name} {good} is what the device says', done.code == 0,
                           done.out + done.err)
                done = guest.run(f'{set_to} {bad}')
                self.check(f'{kind}: {name} {bad} is refused', done.code and 'the device' in
                           done.out + done.err, done.out + done.err)

    def layouts(self):
        """Ports with other numbers of queues have no link, and are told why."""
        number = self.kinds.index('native')
        guest, place = self.first, self.first.pci_address(number)
        change = (f'devlink dev param set pci/{place} name queues cmode driverinit value {{}} && '
                  f'devlink dev reload pci/{place} action driver_reinit')
        guest.run(change.format(1), check=True, timeout=60 * self.ctx.slow)
        time.sleep(2)
        done = guest.run('dmesg | tail -n 20')
        self.check('another number of queues: no link, and the log says why',
                   self.carriers(guest)[number] == '0' and
                   '2 queues instead of 1' in done.out, done.out)
        guest.run(change.format(0), check=True, timeout=60 * self.ctx.slow)
        self.up('the same number again')

    def death(self):
        """A guest dies, which the state table says, and comes back."""
        self.second.kill()
        gone = ['0'] * len(self.kinds)
        took = wait(self.ctx, GONE, lambda: self.carriers(self.first) == gone)
        self.check(f'a guest that dies is gone within {GONE} s', took is not None,
                   f'{self.kinds}\n{self.carriers(self.first)}')
        self.second.start()
        self.second.wait()
        self.load(self.second)
        self.up('after its death')
        self.pings('after its death')

    def reloads(self):
        done = self.first.run('file=$(find /modules-ivnet -name ivnet_ivshmem.ko); '
                              f'for i in $(seq {LOADS}); do rmmod ivnet_ivshmem && insmod $file '
                              '|| exit 1; done', timeout=30 * LOADS * self.ctx.slow)
        self.check(f'unloaded and loaded {LOADS} times', done.code == 0, done.out + done.err)
        self.first.addresses()
        self.up('after that')
        self.pings('after that')

    def reports(self):
        """What the devices have counted."""
        for kind, peers in self.peers.items():
            for each in peers.report():
                text = f'{each}\n{peers.messages()[-2000:]}'
                name = f'{kind}: peer {each["id"]}'
                self.check(f'{name}: registers are used as they are meant', each['odd'] == 0, text)
                if 'trap' in KINDS[kind]:
                    self.check(f'{name}: wrote into its own section alone',
                               each['foreign'] == 0 and each['reads'] > 0, text)


def pair(ctx):
    """Two guests."""
    with contextlib.ExitStack() as stack:
        peers = {kind: stack.enter_context(vm.Peers(f'v2-{number}',
                                                    **{'output': '256K', **options}))
                 for number, (kind, options) in enumerate(KINDS.items())}
        guests = [stack.enter_context(ctx.guest(
            [vm.Ivshmem2(each.name) for each in peers.values()], mem='256M', name=f'v2-{name}'))
                  for name in 'ab']
        found = Pair(ctx, *guests, peers)
        for guest in guests:
            found.load(guest)
        found.up('at first')
        found.pings('at first')
        found.data()
        found.told()
        found.layouts()
        found.death()
        found.reloads()
        found.reports()
        for guest in guests:
            ctx.splats(guest, f'v2: {guest.name}')


def four(ctx):
    """Four ports, each in a network namespace of one guest."""
    count = 4
    with vm.Peers('v2-four', peers=count, protocol=NATIVE, output='256K', vectors=3) as peers, \
            ctx.guest([vm.Ivshmem2(peers.name) for _ in range(count)], mem='384M',
                      name='v2-four') as guest:
        guest.load('ivnet_ivshmem')
        guest.run('; '.join(
            f'ip netns add p{i} && ip link set {guest.ifname(i)} netns p{i} && '
            f'ip -n p{i} addr add 10.77.0.{i + 1}/24 dev {name} && ip -n p{i} link set {name} up'
            for i, name in enumerate([guest.ifname(i) for i in range(count)])), check=True)
        wrong = [f'{i} to {j}' for i in range(count) for j in range(count) if i != j and guest.run(
            f'ip netns exec p{i} ping -q -c 3 -i 0.2 -W 5 10.77.0.{j + 1}',
            timeout=60 * ctx.slow).code]
        ctx.check('v2: four ports: all pairs ping', not wrong, str(wrong))
        odd = [each['id'] for each in peers.report() if each['odd'] or each['foreign']]
        ctx.check('v2: four ports: registers are used as they are meant', not odd, str(odd))
        ctx.splats(guest, 'v2: four ports')


def run(ctx):
    pair(ctx)
    four(ctx)
