# SPDX-License-Identifier: GPL-2.0
"""What is tried in guests: each case boots guests of its own."""
import itertools
import threading

import classic
import classic_lies
import contract
import contract_device
import control
import device
import dump
import failover
import host
import hostile
import kernel_tests
import lies
import lifetime
import migrate
import peer
import power
import recovery
import regions
import report
import rss
import segment
import v2
import variants
import vm
import vnet

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
        self.stock = kernel    # of a guest that is not what is tried

    def segment(self, mtu=1500):
        """A segment of its own; returns its name."""
        name = f'segment{next(_segments)}'
        with rig:
            vm.segment(name, mtu)
        return name

    def region(self, **options):
        """Shared memory of its own: a vm.Region."""
        with rig:
            return vm.Region(f'region{next(_segments)}', **options)

    def peers(self, **options):
        """Peers of an IVSHMEM v2 memory of their own: a vm.Peers."""
        with rig:
            return vm.Peers(f'peers{next(_segments)}', **options)

    def guest(self, nics, kernel=None, **options):
        with rig:
            return vm.Guest(kernel=kernel or self.boot(), nics=nics, **options)

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
    """A function, the kernels it is for, by default and with all repetitions, and how
    long it takes (weight, s)."""

    def __init__(self, run, name, kernels, full, weight, text):
        self.run, self.name, self.kernels, self.full = run, name, kernels, full
        self.weight, self.text = weight, text


CASES = []
ALL = ('6.12', '6.1', '7.x')


def case(name, weight, kernels=ALL, full=None):
    def register(function):
        CASES.append(Case(function, name, kernels, full or kernels, weight,
                          function.__doc__.splitlines()[0]))
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


def run_selftests(ctx, guest, environment, local, peer, timeout=600, tests=(), label=''):
    """Run the list on two interfaces of a guest, report each case."""
    ktap = report.Ktap(ctx.tap, ctx.prefix + label)
    options = ctx.options
    flag = '-s' if options.stress else '-q'
    command = (f'{environment} SLOW={ctx.slow} {SELFTESTS} {flag} {local} {peer} '
               f'{" ".join(options.test or tests)}')
    try:
        dump.give(guest)
        guest.run(command, timeout=timeout * ctx.slow * (4 if options.stress else 1), stream=ktap)
    except vm.VmError as error:
        ctx.check(f'{label}selftests: the run', False, str(error)[-4000:])
        return
    ctx.check(f'{label}selftests: the run is complete', ktap.done and ktap.seen, ktap.errors)


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
        facts = variants.Facts(guest, ctx.slow).nics
        first = exchange(ctx, guest, nics, server)
        disturbed = guest.run(DISTURB, timeout=300 * ctx.slow)
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


@case('offloads', 40, kernels=('6.12', '7.x'), full=ALL)
def offloads(ctx):
    """devices with other buffers and offloads"""
    try_variants(ctx, 'offloads', variants.OFFLOADS, qemu=either_qemu(ctx))


@case('iommu', 30, kernels=('6.12', '7.x'), full=ALL)
def iommu(ctx):
    """devices behind an IOMMU"""
    try_variants(ctx, 'iommu', variants.IOMMU, iommu=True)


@case('contract', 30, kernels=('6.12',))
def device_contract(ctx):
    """the device contract, which none of QEMU's devices keeps"""
    with peer.Server(5500 + next(_ports)) as server:
        contract.run(ctx, exchange, server)
        contract_device.run(ctx, exchange, server)


@case('lifetime', 40)
def lifetimes(ctx):
    """a device that is unplugged, removed, given to another driver, with traffic"""
    lifetime.run(ctx, exchange, 5500 + next(_ports), rig)


@case('control', 40, kernels=('6.12',))
def control_queue(ctx):
    """what the device knows of filters, and keeps through every reset"""
    with peer.Server(5500 + next(_ports)) as server:
        control.run(ctx, exchange, server)


@case('rss', 30, kernels=('6.12',))
def scaling(ctx):
    """frames go to the queues that key, table and fields say"""
    rss.run(ctx)


@case('migration', 20, kernels=('6.12',))
def migration(ctx):
    """a guest moves to another QEMU, and the network hears of it"""
    migrate.run(ctx)


@case('failover', 40, kernels=('6.12',))
def standby(ctx):
    """a device that stands by for another one, which comes and goes"""
    failover.run(ctx)


@case('recovery', 60, kernels=('6.12',))
def recover(ctx):
    """a device that stops working is reset, queue by queue if that is enough"""
    recovery.run(ctx)


# What of the list tells whether packets get through where the way they do is another one.
SHORT_TESTS = ('link.carrier link.down_and_up transfer mtu.full_packets '
               'mtu.changes_under_traffic fragments tso csum.received stats.sums').split()


def unload(ctx, guest, name, label, count=5):
    """A driver goes and comes, in the end for good with what it needs."""
    words = ('ip netns del remote 2>/dev/null; file=$(find /modules-ivnet -name {0}.ko); '
             'for i in $(seq {1}); do rmmod {0} && insmod $file || exit 1; sleep 1; done; '
             'rmmod {0} && [ -z "$(ls -A /sys/kernel/debug/ivnet)" ] && '
             'rmmod ivnet_shm ivnet && [ ! -e /sys/kernel/debug/ivnet ]').format(name, count)
    result = guest.run(words, timeout=120 * ctx.slow)
    ctx.check(f'{label}: loads and unloads', result.code == 0, result.err)


def list_of(ctx, whole):
    """What of the list a pair of ports of shared memory runs; () is all of it."""
    return () if whole or ctx.options.stress else SHORT_TESTS + ['dump', 'knobs', 'shm']


@case('loop', 60, kernels=('6.12',), full=('6.12', '6.1'))
def loop(ctx):
    """tools/testing/selftests on the pair over private memory, by default in short"""
    tests = list_of(ctx, False)
    with ctx.guest([], smp=2, qemu=SMP_QEMU, name=f'loop-{ctx.kernel}') as guest:
        guest.load('ivnet_loop')
        run_selftests(ctx, guest, 'PATH_MTU=9000', 'eth0', 'eth1', tests=tests, label='loop: ')
        unload(ctx, guest, 'ivnet_loop', 'loop')
        ctx.splats(guest, 'loop')


def pair(ctx, name, tests, plain=False, clients=0, **region):
    """Two ports of one region in one guest, after that many clients that were there."""
    with ctx.region(**region) as shared:
        shared.churn(clients)
        nics = [vm.Shm(shared.name, plain=plain) for _ in range(2)]
        with ctx.guest(nics, smp=2, qemu=SMP_QEMU, name=f'{name}-{ctx.kernel}') as guest:
            guest.load('ivnet_ivshmem')
            run_selftests(ctx, guest, 'PATH_MTU=9000', guest.ifname(0), guest.ifname(1),
                          tests=tests, label=f'{name}: ')
            unload(ctx, guest, 'ivnet_ivshmem', name)
            ctx.splats(guest, name)


@case('ivshmem', 200)
def ivshmem(ctx):
    """tools/testing/selftests on two ports of a shared memory, by default whole on 6.12"""
    pair(ctx, 'ivshmem', list_of(ctx, ctx.kernel not in ('6.1', '7.x')))


@case('plain', 60, kernels=('6.12',))
def plain(ctx):
    """the same without doorbells, a shorter list"""
    # it looks all the time, and counts that: counters never rest
    tests = [each for each in SHORT_TESTS if each != 'stats.sums'] + ['shm']
    pair(ctx, 'plain', tests, plain=True)


@case('vectors', 60, kernels=('6.12',))
def vectors(ctx):
    """the same with one vector, in full with two as well, a shorter list"""
    for count in (1, 2) if ctx.options.stress else (1,):
        pair(ctx, f'vectors{count}', SHORT_TESTS, vectors=count)


@case('small', 60, kernels=('6.12',))
def small(ctx):
    """the same in 64 KiB, with positions that take more than eight bits"""
    pair(ctx, 'small', ['transfer', 'link.down_and_up', 'shm.links_are_shown'], size='64K',
         clients=300)


@case('regions', 60, kernels=('6.12',))
def bad_regions(ctx):
    """shared memory that must not be used, or not as it was told"""
    regions.run(ctx)


@case('three', 90, kernels=('6.12',))
def three(ctx):
    """three guests in one segment: who hears whom, death, reboot, pause"""
    segment.three(ctx)


@case('eight', 60, kernels=(), full=('6.12',))
def eight(ctx):
    """eight guests in one segment: who hears whom"""
    segment.eight(ctx)


@case('hostile', 80, kernels=('6.12',))
def hostile_peer(ctx):
    """a port that breaks every rule while two others talk"""
    hostile.run(ctx)


@case('classic', 120, kernels=('6.12',))
def classic_format(ctx):
    """the classic format, against a program that resets, stops and never rings"""
    classic.run(ctx, exchange, 5500 + next(_ports))


@case('classic-lies', 60, kernels=(), full=('6.12',))
def classic_lies_told(ctx):
    """the classic format, against a program that lies"""
    classic_lies.run(ctx)


@case('device', 60, kernels=('6.12',))
def ivshmem2_device(ctx):
    """IVSHMEM v2 devices of tools/testing/device, without a driver"""
    device.run(ctx)


@case('virtio-device', 60, kernels=('6.12',))
def virtio_device(ctx):
    """our own virtio-net device: with the kernel's driver, with ours, and its lies"""
    with peer.Server(5500 + next(_ports)) as server:
        vnet.run(ctx, exchange, server)


@case('lies', 10, kernels=('6.12',))
def lying_device(ctx):
    """every lie of a virtio-net device for a while, then lies at random (--stress)"""
    lies.run(ctx)


@case('host', 60, kernels=('6.12',))
def host_port(ctx):
    """a guest and its host, by ivshmem-tap: traffic, its death, reboots of the guest"""
    with peer.Server(5500 + next(_ports)) as server:
        host.run(ctx, exchange, server)


@case('power', 110, kernels=('6.12',))
def sleep(ctx):
    """suspend and kexec, with traffic on"""
    power.run(ctx)


@case('hibernation', 300, kernels=())
def hibernate(ctx):
    """images of memory, read by the same kernel and by a new one"""
    power.hibernation(ctx)


@case('v2', 200, kernels=('6.12',))
def jailhouse(ctx):
    """IVSHMEM v2: every kind of interrupt, both formats, resets, death, four ports"""
    v2.run(ctx)


@case('kernel', 150, kernels=('6.12',))
def kernel(ctx):
    """the kernel's own drivers/net selftests"""
    kernel_tests.run(ctx, SELFTESTS)


@case('kernel-rss', 200, kernels=(), full=('6.12',))
def kernel_rss(ctx):
    """the kernel's own test of receive side scaling, what it has for the main context"""
    kernel_tests.scaling(ctx, SELFTESTS)
