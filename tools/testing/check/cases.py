# SPDX-License-Identifier: GPL-2.0
"""What is tried in guests: each case boots guests of its own."""
import itertools
import threading

import kernel_tests
import lifetime
import peer
import report
import variants
import vm

SELFTESTS = '/ivnet/tools/testing/selftests/run.sh'
# Before 8.1 QEMU could run stale code on one processor after another one had
# patched it, which ends in an Oops "int3" wherever a static key is. It is also
# the one that has USO.
SMP_QEMU = 'debian13'
# The rig makes segments and taps one at a time.
rig = threading.RLock()
_segments = itertools.count(1)
_ports = itertools.count()


class Context:
    """What a case is given: the kernel, where results go, the options."""

    def __init__(self, kernel, tap, options):
        self.kernel, self.tap, self.options = kernel, tap, options
        self.prefix = f'{kernel}: '
        self.slow = 1    # deadlines grow by this

    def segment(self, mtu=1500):
        """A segment of its own; returns its name."""
        name = f'segment{next(_segments)}'
        with rig:
            vm.segment(name, mtu)
        return name

    def guest(self, nics, **options):
        with rig:
            return vm.Guest(kernel=self.boot(), nics=nics, **options)

    def boot(self):
        """What a guest boots."""
        return self.kernel

    def check(self, name, good, text=''):
        self.tap.result(self.prefix + name, good, text)
        return good

    def splats(self, guest, name, ignore=None):
        """No complaint may be left in the log of a guest at its end."""
        found = guest.splats(ignore)
        self.check(f'{name}: nothing alarming in the kernel log', not found, '\n'.join(found))


class Case:
    """A function, the kernels it is for and how long it takes (weight, s)."""

    def __init__(self, run, name, kernels, weight, text):
        self.run, self.name, self.kernels = run, name, kernels
        self.weight, self.text = weight, text


CASES = []
ALL = ('6.12', '6.1', '7.x')


def case(name, weight, kernels=ALL):
    def register(function):
        CASES.append(Case(function, name, kernels, weight, function.__doc__.splitlines()[0]))
        return function
    return register


@case('selftests', 200)
def selftests(ctx):
    """tools/testing/selftests on two NICs with two queue pairs"""
    segment = ctx.segment(9000)
    nics = [vm.Nic(segment, queues=2), vm.Nic(segment, queues=2)]
    with ctx.guest(nics, smp=2, qemu=SMP_QEMU, name=f'selftests-{ctx.kernel}') as guest:
        guest.load('ivnet')
        run_selftests(ctx, guest, 'PATH_MTU=9000', 'eth0', 'eth1')
        ctx.splats(guest, 'selftests')


def run_selftests(ctx, guest, environment, local, peer, timeout=600, tests=()):
    """Run the list on two interfaces of a guest, report each case."""
    ktap = report.Ktap(ctx.tap, ctx.prefix)
    options = ctx.options
    flag = '-s' if options.stress else '-q'
    command = (f'{environment} SLOW={ctx.slow} {SELFTESTS} {flag} {local} {peer} '
               f'{" ".join(options.test or tests)}')
    try:
        guest.run(command, timeout=timeout * ctx.slow * (4 if options.stress else 1), stream=ktap)
    except vm.VmError as error:
        ctx.check('selftests: the run', False, str(error)[-4000:])
        return
    ctx.check('selftests: the run is complete', ktap.done and ktap.seen, ktap.errors)


def exchange(ctx, guest, nics, server, length=1 << 20):
    """Data between the host and each NIC; {NIC: '' or what went wrong}."""
    addresses = {}
    for nic in nics:
        addresses[nic.segment.address()] = nic
        addresses[nic.segment.address6()] = nic
    command = (f'python3 -B /ivnet/tools/testing/check/peer.py {server.port} {length} '
               + ' '.join(addresses))
    wrong = {nic: '' for nic in nics}
    missing = dict(addresses)
    try:
        result = guest.run(command, timeout=60 + 20 * len(nics) * ctx.slow)
    except vm.VmError as error:
        return {nic: str(error)[-2000:] for nic in nics}
    for line in result.out.splitlines():
        address, _, answer = line.partition(' ')
        nic = missing.pop(address)
        if answer != 'ok':
            wrong[nic] += f'{address}: {answer}\n'
    for address, nic in missing.items():
        wrong[nic] += f'{address}: no answer {result.err}\n'
    return wrong


# Each makes the driver take its queues apart and build them again.
DISTURB = r''': disturb every interface
for name in /sys/class/net/eth*; do
    name=${name##*/}
    device=$(basename "$(readlink -f /sys/class/net/$name/device)")
    ip link set $name down && ip link set $name up || echo "$name: down and up"
    most=$(ethtool -l $name | sed -n 's/^Combined:[^0-9]*//p' | head -n 1)
    [ "$most" -lt 2 ] || ethtool -L $name combined $most || echo "$name: channels"
    ethtool -G $name rx 128 tx 128 2>/dev/null && ethtool -G $name rx 256 tx 256
    devlink dev reload virtio/$device action driver_reinit >/dev/null || echo "$name: reload"
    ip -6 addr show dev $name scope global | grep -q inet6 || echo "$name: no IPv6 address"
done'''


def try_variants(ctx, name, kinds, **options):
    """Boot with all of these devices, compare, transfer, disturb, transfer."""
    nics = {kind.nic(ctx, options.get('qemu')): kind for kind in kinds}
    with peer.Server(5500 + next(_ports)) as server, \
            ctx.guest(list(nics), mem='1G', name=f'{name}-{ctx.kernel}', **options) as guest:
        guest.load('ivnet')
        guest.addresses()
        guest.run('sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1', check=True)
        facts = variants.Facts(guest).nics
        first = exchange(ctx, guest, nics, server)
        disturbed = guest.run(DISTURB, timeout=300)
        second = exchange(ctx, guest, nics, server, 300000)
        for nic, kind in nics.items():
            known = facts.get(nic.mac)
            text = variants.wrong(kind, known) if known else 'no network device'
            for step, answers in (('', first), ('after changes: ', second)):
                if answers[nic]:
                    text += f'\n{step}{answers[nic]}'
            if known:
                text += '\n'.join(line for line in disturbed.out.splitlines()
                                  if line.startswith(f'{known["name"]}:'))
            ctx.check(f'{name}: {kind.name}', not text.strip(), text.strip())
        ctx.splats(guest, name)


def either_qemu(ctx):
    """Both QEMUs get their share (these guests have one processor)."""
    return 'debian13' if ctx.kernel == '7.x' else 'host'


@case('rings', 40)
def rings(ctx):
    """devices with other interrupts, rings and transports"""
    # four queue pairs need four processors that could be there; one runs
    try_variants(ctx, 'rings', variants.RINGS, smp=4, cmdline='maxcpus=1', qemu=either_qemu(ctx))


@case('offloads', 40)
def offloads(ctx):
    """devices with other buffers and offloads"""
    try_variants(ctx, 'offloads', variants.OFFLOADS, qemu=either_qemu(ctx))


@case('iommu', 30)
def iommu(ctx):
    """devices behind an IOMMU"""
    try_variants(ctx, 'iommu', variants.IOMMU, iommu=True)


@case('lifetime', 40)
def lifetimes(ctx):
    """a device that is unplugged, removed, given to another driver, with traffic"""
    lifetime.run(ctx, exchange, 5500 + next(_ports), rig)


# What holds of the list without features that only a virtio device has.
LOOP_TESTS = ('link transfer mtu fragments tso vlan csum.left_to_the_device csum.transmit_off '
              'csum.received sg.many_pieces sg.tiny_buffers sg.sendfile sg.off stats.names '
              'stats.sums stats.by_address stats.never_backwards mac.is_used mac.is_kept '
              'mac.changes_while_down mac.refused').split()


@case('loop', 90)
def loop(ctx):
    """tools/testing/selftests on the pair over private memory"""
    with ctx.guest([], smp=2, qemu=SMP_QEMU, name=f'loop-{ctx.kernel}') as guest:
        guest.insmod('ivnet')
        guest.insmod('ivnet_loop')
        run_selftests(ctx, guest, 'PATH_MTU=9000', 'eth0', 'eth1', tests=LOOP_TESTS)
        result = guest.run('ip netns del remote; for i in 1 2 3 4 5; do rmmod ivnet_loop && '
                           'insmod /modules-ivnet/drivers/net/ivnet/ivshmem/ivnet_loop.ko '
                           '|| exit 1; done; rmmod ivnet_loop ivnet', timeout=120 * ctx.slow)
        ctx.check('loop: loads and unloads', result.code == 0, result.err)
        ctx.splats(guest, 'loop')


@case('kernel', 60, kernels=('6.12',))
def kernel(ctx):
    """the kernel's own drivers/net selftests"""
    kernel_tests.run(ctx, SELFTESTS)
