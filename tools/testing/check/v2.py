# SPDX-License-Identifier: GPL-2.0
"""IVSHMEM v2: two guests with a device of each kind between them, then four ports;
tools/testing/device counts what they do to registers and memory."""
import contextlib
import time

import v2_resets
import vm

NATIVE, CLASSIC = '4956', '1'
PORT = 5700
LOADS, LOADS_SHORT = 20, 5
# A register dump's first word, include/uapi/linux/ivnet_regs.h.
MAGIC = '44525649'
# Seconds that two guests may take to boot at the same time.
BOOT = 300
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
    'native, fixed': {'protocol': NATIVE, 'vectors': 3, 'rw': '64K', 'fixed': True},
    'classic': {'protocol': CLASSIC, 'vectors': 2},
    'classic, one vector': {'protocol': CLASSIC, 'vectors': 1},
    'classic, INTx': {'protocol': CLASSIC, 'intx': True, 'output': '64K'},
    'classic, one-shot': {'protocol': CLASSIC, 'vectors': 2, 'one_shot': True},
    'classic, trapped': {'protocol': CLASSIC, 'vectors': 2, 'trap': True},
    'classic, fixed': {'protocol': CLASSIC, 'vectors': 2, 'fixed': True},
}
# Without --stress. Four ports have nothing that differs between kernels.
SHORT = ('native', 'native, INTx', 'native, trapped', 'native, fixed', 'classic',
         'classic, one-shot', 'classic, trapped')
FOUR_ON = '6.12'
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

    def __init__(self, ctx, first, second, peers, short):
        self.ctx, self.first, self.second, self.peers = ctx, first, second, peers
        self.loads = LOADS_SHORT if short else LOADS
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
        """A heartbeat looks at everything, so a frame may come without an interrupt too."""
        for number, (kind, peers) in enumerate(self.peers.items()):
            before = [sum(each['delivered']) for each in peers.report()]
            done = self.first.run(f'ping -q -c 20 -i 0.05 -W 5 {self.second.address(number)}',
                                  timeout=60 * self.ctx.slow)
            after = [sum(each['delivered']) for each in peers.report()]
            self.check(f'{kind}: {name}: ping', ' 0% packet loss' in done.out,
                       done.out[-300:] + done.err + self.state(number))
            self.check(f'{kind}: {name}: interrupts', all(
                new - old >= 5 for old, new in zip(before, after)), f'{before} {after}')

    def requested(self):
        """Memory that is in no BAR is the driver's, also when it was that before."""
        for number, kind in enumerate(self.kinds):
            if 'fixed' not in KINDS[kind]:
                continue
            place = f'{self.peers[kind].address_of(self.first.nics[number].number):x}'
            done = self.first.run(f'grep "{place}-.*ivnet_ivshmem" /proc/iomem && '
                                  f'! dmesg | grep "{place} is reserved"')
            self.check(f'{kind}: its memory is requested', done.code == 0, done.out + done.err)

    def observed(self):
        """A dump, and the self test of what runs."""
        wrong = ''
        for number, kind in enumerate(self.kinds):
            name = self.first.ifname(number)
            done = self.first.run(f'ethtool -d {name} raw on | od -An -N4 -tx4 && '
                                  f'ethtool -t {name} online', timeout=60 * self.ctx.slow)
            if done.code or MAGIC not in done.out or 'is PASS' not in done.out:
                wrong += f'{kind}: {done.out}{done.err}'
        self.check('register dump and self test', not wrong, wrong)

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
            if kind not in self.kinds:
                continue
            number = self.kinds.index(kind)
            place = guest.pci_address(number)
            done = guest.run(f'ethtool -i {guest.ifname(number)}', check=True)
            self.check(f'{kind}: ethtool -i', f'bus-info: {place}\n' in done.out, done.out)
            done = guest.run(f'devlink dev info pci/{place}', check=True)
            self.check(f'{kind}: devlink dev info', ('ivnet-shm 1.0' if kind == 'native' else
                                                     'ivshmem-net 2') in done.out, done.out)
            if kind == 'native':
                done = guest.run(f'devlink health diagnose pci/{place} reporter device')
                self.check('native: a vector for control, and one for each queue',
                           'queues: 2' in done.out, done.out)
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

    def death(self, traffic):
        """A guest dies under traffic, which the state table says, and comes back."""
        self.second.kill()
        gone = ['0'] * len(self.kinds)
        took = wait(self.ctx, GONE, lambda: self.carriers(self.first) == gone)
        traffic.kill()
        self.check(f'a guest that dies is gone within {GONE} s', took is not None,
                   f'{self.kinds}\n{self.carriers(self.first)}')
        self.second.start()
        self.second.wait(BOOT * self.ctx.slow)
        self.load(self.second)
        self.up('after its death')
        self.pings('after its death')

    def reloads(self):
        done = self.first.run('file=$(find /modules-ivnet -name ivnet_ivshmem.ko); '
                              f'for i in $(seq {self.loads}); do rmmod ivnet_ivshmem && '
                              'insmod $file || exit 1; done',
                              timeout=30 * self.loads * self.ctx.slow)
        self.check(f'unloaded and loaded {self.loads} times', done.code == 0, done.out + done.err)
        if 'native' in self.kinds:
            self.former_life()
        self.first.addresses()
        self.up('after that')
        self.pings('after that')

    def former_life(self):
        """What it left in the State register is taken back before anything is said."""
        place = self.first.pci_address(self.kinds.index('native'))
        self.first.push(vm.device_program('poke'), '/tmp/poke')
        self.first.run(f'rmmod ivnet_ivshmem && /tmp/poke {place} set 16 3', check=True,
                       timeout=60 * self.ctx.slow)
        before = self.peers['native'].report()[0]
        self.first.load('ivnet_ivshmem')
        after = self.peers['native'].report()[0]
        # to 0, then to READY, as the interface is down
        self.check('native: the state of a former life is taken back',
                   before['state'] == 3 and after['state'] == 2 and
                   after['states'] - before['states'] == 2, f'{before}\n{after}')

    def reports(self):
        """What the devices have counted."""
        for kind, peers in self.peers.items():
            for each in peers.report():
                text = f'{each}\n{peers.messages()[-2000:]}'
                name = f'{kind}: peer {each["id"]}'
                self.check(f'{name}: registers are used as they are meant',
                           each['odd'] == 0 and each['unclaimed'] == 0, text)
                if 'trap' in KINDS[kind]:
                    self.check(f'{name}: wrote into its own section alone',
                               each['foreign'] == 0 and each['reads'] > 0, text)


def chosen(ctx, short):
    """The kinds, which --test v2.KIND narrows down."""
    names = [each.removeprefix('v2.') for each in ctx.options.test if each.startswith('v2.')]
    return {kind: KINDS[kind] for kind in names or (SHORT if short else KINDS)}


def pair(ctx, short):
    """Two guests."""
    with contextlib.ExitStack() as stack:
        peers = {kind: stack.enter_context(ctx.peers(**{'output': '256K', **options}))
                 for kind, options in chosen(ctx, short).items()}
        guests = [stack.enter_context(ctx.guest(
            [vm.Ivshmem2(each.name) for each in peers.values()], mem='256M', name=f'v2-{name}'))
                  for name in 'ab']
        found = Pair(ctx, *guests, peers, short)
        for guest in guests:
            guest.wait(BOOT * ctx.slow)
            found.load(guest)
        found.up('at first')
        found.pings('at first')
        found.data()
        found.told()
        found.observed()
        if 'native' in peers:
            found.layouts()
        resets = v2_resets.Resets(found)
        resets.run(short)
        found.death(resets.traffic())
        found.reloads()
        found.requested()
        found.reports()
        for guest in guests:
            ctx.splats(guest, f'v2: {guest.name}')


def four(ctx):
    """Four ports, each in a network namespace of one guest."""
    count = 4
    with vm.Peers('v2-four', peers=count, protocol=NATIVE, output='256K', vectors=3) as peers, \
            vm.Peers('v2-many', peers=3, protocol=CLASSIC) as many, \
            ctx.guest([vm.Ivshmem2(each) for each in [peers.name] * count + [many.name]],
                      mem='384M', name='v2-four') as guest:
        guest.wait(BOOT * ctx.slow)
        guest.load('ivnet_ivshmem')
        done = guest.run('dmesg | grep "the protocol is for 2 peers, the device has 3"')
        ctx.check('v2: classic with three peers is not bound', done.code == 0, done.err)
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
    short = not ctx.options.stress
    pair(ctx, short)
    if (not short or ctx.kernel == FOUR_ON) and not ctx.options.test:
        four(ctx)
