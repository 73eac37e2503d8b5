# SPDX-License-Identifier: GPL-2.0
"""IVSHMEM v2 devices of tools/testing/device, seen from guests without a driver."""
import time

import device_protocol
import vm

# As vfio-pci wants it, which hands interrupts to a program.
IOMMU = 'caching-mode=on,intremap=on'
ID, MAX_PEERS, INT_CONTROL, DOORBELL, STATE = range(0, 0x14, 4)
WAIT = 10000    # ms
BIND = ''': give devices to vfio-pci
modprobe vfio-pci nointxmask=1 || exit
for device in {}; do
    echo vfio-pci >/sys/bus/pci/devices/$device/driver_override
    echo $device >/sys/bus/pci/drivers_probe
    [ -e /sys/bus/pci/devices/$device/driver ] || exit
done'''


class Waiter:
    """A program in a guest that takes interrupts."""

    def __init__(self, hand, *commands):
        self.slow = hand.slow
        self.command = hand.guest.start_command(
            hand.words('--vfio', 'set', INT_CONTROL, 1, 'say', 'ready', *commands))
        self.until('ready')

    def until(self, word):
        """Wait until it says so."""
        end = time.monotonic() + 60 * self.slow
        while word not in self.command.output().split():
            if self.command.poll() is not None or time.monotonic() > end:
                raise vm.VmError(f'no "{word}": {self.command.output()}'
                                 f'{self.command.output("err")}')
            time.sleep(0.05)

    def answers(self):
        """One for each command that has one."""
        return self.command.wait(60 * self.slow, check=True).out.split()


class Hand:
    """A device of a guest and what can be done with it; tools/testing/device/poke.c."""

    def __init__(self, ctx, guest, nic):
        self.guest, self.nic, self.slow = guest, nic, ctx.slow
        self.place = guest.pci_address(nic)
        self.section = nic.segment.section(nic.number)

    def words(self, *commands):
        flags = [commands[0]] if commands[0] == '--vfio' else []
        rest, peers = commands[len(flags):], self.nic.segment
        if peers.fixed:
            at, size = peers.address_of(self.nic.number), peers.section(peers.count)
            flags += ['--memory', f'{at},{size}']
        return ['/tmp/poke', *flags, self.place, *map(str, rest)]

    def do(self, *commands):
        """Commands; the answers."""
        return self.guest.run(self.words(*commands), timeout=60 * self.slow, check=True).out.split()

    def wait(self, *commands):
        return Waiter(self, *commands)

    def shell(self, command):
        return self.guest.run(command, timeout=60 * self.slow, check=True).out.strip()

    def setpci(self, register):
        return self.shell(f'setpci -s {self.place} {register}')

    def reset(self):
        self.shell(f'echo 1 >/sys/bus/pci/devices/{self.place}/reset')

    def config(self):
        return bytes.fromhex(''.join(
            line.partition(': ')[2] for line in
            self.shell(f'lspci -xxx -s {self.place} | grep "^[0-9a-f]*0: "').splitlines()))


def number(data, offset, length):
    return int.from_bytes(data[offset:offset + length], 'little')


def identity(ctx, hand, name, intx):
    """What the configuration space says."""
    peers, data = hand.nic.segment, hand.config()
    head = (number(data, 0, 2), number(data, 2, 2), data[8], number(data, 9, 3), data[0x3d])
    expected = (0x110a, 0x4106, 0, 0xff0000 | peers.protocol, 1 if intx else 0)
    ctx.check(f'{name}: ids, class and pin', head == expected, f'{head}, not {expected}')
    at = data[0x34]
    found = (data[at], data[at + 2], data[at + 3], number(data, at + 4, 4),
             number(data, at + 8, 8), number(data, at + 16, 8))
    expected = (9, 0x20 if peers.fixed else 0x18, 1 if intx else 0, 4096, peers.rw, peers.output)
    ctx.check(f"{name}: the vendor's capability", found == expected, f'{found}, not {expected}')
    if peers.fixed:
        found = number(data, at + 24, 8), data[0x18:0x20]
        expected = peers.address_of(hand.nic.number), bytes(8)
        ctx.check(f'{name}: it has an address and no BAR 2', found == expected, data.hex())
    at = data[at + 1]
    ctx.check(f'{name}: MSI-X or INTx', data[at] == (0x13 if intx else 0x11), data.hex())


def registers(ctx, hand, name):
    """Registers after a reset; those that there are not read as 0."""
    found = hand.do('get', ID, 'get', MAX_PEERS, 'get', INT_CONTROL, 'get', STATE, 'get', 0x14)
    expected = [hand.nic.number, hand.nic.segment.count, 0, 0, 0]
    ctx.check(f'{name}: registers', [int(word, 0) for word in found] == expected, str(found))


def memory(ctx, first, second, name):
    """What one writes the other reads, and so does the host."""
    offset = first.section + 0x40
    first.do('write', offset, 0x12345678)
    found = second.do('read', offset)
    ctx.check(f'{name}: an output section is seen by the other', found == ['0x12345678'],
              str(found))
    host = number(first.nic.segment.read(offset, 4), 0, 4)
    ctx.check(f'{name}: it is the same memory for all', host == 0x12345678, hex(host))


def counters(hand):
    return hand.nic.segment.report()[hand.nic.number]


def interrupts(ctx, first, second, name, vector):
    """A state and a doorbell interrupt the other, as long as it wants that."""
    bell = second.nic.number << 16 | vector
    waiter = second.wait('wait', 0, WAIT, 'read', 4 * first.nic.number, 'wait', vector, WAIT,
                         'set', INT_CONTROL, 0, 'say', 'off', 'wait', vector, 2000)
    before = counters(second)
    first.do('set', STATE, 7, 'set', STATE, 7, 'set', DOORBELL, bell)
    waiter.until('off')
    first.do('set', DOORBELL, bell, 'set', STATE, 0)
    found, after = waiter.answers(), counters(second)
    ctx.check(f'{name}: a state is seen and interrupts, a doorbell too, until that is off',
              found == ['ready', '1', '0x7', '1', 'off', '0'], str(found))
    delivered = [new - old for new, old in zip(after['delivered'], before['delivered'])]
    expected = [1 if each in (0, vector) else 0 for each in range(len(delivered))]
    ctx.check(f'{name}: and so the device counts', delivered == expected and
              after['unwanted'] - before['unwanted'] == 2 and
              counters(first)['rings'][second.nic.number][vector] == 2, str(after))


def one_shot(ctx, first, second, name):
    """An interrupt switches interrupts off; INTx has one for all."""
    bell = second.nic.number << 16
    waiter = second.wait('wait', 0, WAIT, 'get', INT_CONTROL, 'wait', 0, 2000,
                         'set', INT_CONTROL, 1, 'say', 'again', 'wait', 0, WAIT,
                         'get', INT_CONTROL)
    before = counters(second)
    first.do('set', STATE, 7, 'set', DOORBELL, bell)
    waiter.until('again')
    first.do('set', DOORBELL, bell, 'set', DOORBELL, bell | 1)
    found, after = waiter.answers(), counters(second)
    ctx.check(f'{name}: an interrupt is the last one until it is asked for again',
              found == ['ready', '1', '0', '0', 'again', '1', '0'], str(found))
    ctx.check(f'{name}: and so the device counts',
              after['delivered'][0] - before['delivered'][0] == 2 and
              after['unwanted'] - before['unwanted'] == 1, str(after))


def privileged(ctx, hand, name):
    """One bit of the vendor's capability may be written, and is gone with a reset."""
    hand.setpci('43.b=ff')
    hand.setpci('48.l=ffffffff')
    found = hand.setpci('43.b'), number(hand.config(), 0x48, 4)
    hand.reset()
    found += hand.setpci('43.b'),
    expected = ('01', hand.nic.segment.rw, '00')
    ctx.check(f'{name}: the bit of the one-shot mode can be written', found == expected,
              f'{found}, not {expected}')


def death(ctx, first, second, name, how):
    """A peer that is reset, or dies, shows state 0 and interrupts."""
    first.do('set', STATE, 5)
    before = counters(first)
    waiter = second.wait('read', 4 * first.nic.number, 'wait', 0, WAIT,
                         'read', 4 * first.nic.number)
    how()
    found, after = waiter.answers(), counters(first)
    ctx.check(f'{name}: its state is 0, and that interrupts',
              found == ['ready', '0x5', '1', '0'], str(found))
    ctx.check(f'{name}: and so the device says', after['state'] == 0 and
              after['connected'] == first.guest.alive() and
              after['resets'] - before['resets'] == first.guest.alive(), str(after))


def trapped(ctx, first, second, name):
    """Writes where only another peer, or nobody, may write: counted and without effect."""
    peers = first.nic.segment
    first.do('set', STATE, 3)
    second.do('write', second.section, 0xcafe)
    before = counters(first)
    places = [0, 4 * second.nic.number, second.section, second.section + peers.output - 4]
    for place in places:
        first.do('write', place, 0xbad)
    after = counters(first)
    if not peers.fixed:
        ctx.check(f'{name}: forbidden writes are counted',
                  after['foreign'] - before['foreign'] == len(places) and
                  after['first'] == [[place, 4] for place in places], str(after))
    found = first.do('read', 0, 'read', second.section)
    ctx.check(f'{name}: they change nothing', found == ['0x3', '0xcafe'], str(found))
    first.do('write', 4096, 0x5a5a, 'write', first.section, 0xa5a5)
    found = second.do('read', 4096, 'read', first.section)
    ctx.check(f'{name}: what may be written is', found == ['0x5a5a', '0xa5a5'], str(found))
    found = counters(first)
    ctx.check(f'{name}: and is mapped', found['writes'] == 0 and
              (found['reads'] == 0) == peers.fixed, str(found))


def run(ctx):
    """Two guests with three devices each, that have everything between them."""
    with ctx.peers(protocol='4abc', vectors=3, sanitize=True) as msix, \
            ctx.peers(peers=3, protocol='1', rw='8K', output='64K', intx=True, one_shot=True,
                      trap=True, sanitize=True) as intx, \
            ctx.peers(rw='64K', output='128K', fixed=True, sanitize=True) as fixed:
        every = (msix, intx, fixed)
        device_protocol.run(ctx, intx, 2)
        nics = [[vm.Ivshmem2(peers.name) for peers in every] for _ in range(2)]
        with ctx.guest(nics[0], name=f'first-{ctx.kernel}') as first, \
                ctx.guest(nics[1], iommu=IOMMU, name=f'second-{ctx.kernel}') as second:
            look(ctx, first, second)
            for guest in (first, second):
                ctx.splats(guest, f'device: {guest.name}')
        for peers in every:
            code = peers.close()
            ctx.check(f'device: the process of {peers.name} ends well', code == 0,
                      peers.messages())


def look(ctx, first, second):
    """Everything that is tried."""
    path = vm.device_program('poke')
    for guest in (first, second):
        guest.push(path, '/tmp/poke')
    hands = [[Hand(ctx, guest, nic) for nic in guest.nics] for guest in (first, second)]
    for (one, other), name in zip(zip(*hands), ('MSI-X', 'INTx', 'fixed')):
        for hand in (one, other):
            identity(ctx, hand, f'{name} {hand.nic.number}', name == 'INTx')
            registers(ctx, hand, f'{name} {hand.nic.number}')
        memory(ctx, one, other, name)
        memory(ctx, other, one, name)
    (msix, intx, fixed), (other_msix, other_intx, other_fixed) = hands
    privileged(ctx, msix, 'MSI-X')
    trapped(ctx, intx, other_intx, 'trap')
    trapped(ctx, fixed, other_fixed, 'fixed')
    second.run(BIND.format(f'{other_msix.place} {other_intx.place}'), timeout=60 * ctx.slow,
               check=True)
    interrupts(ctx, msix, other_msix, 'MSI-X', 2)
    one_shot(ctx, intx, other_intx, 'one-shot INTx')
    death(ctx, msix, other_msix, 'a reset', msix.reset)
    death(ctx, msix, other_msix, 'the end of a guest', first.kill)
