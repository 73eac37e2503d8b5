# SPDX-License-Identifier: GPL-2.0
"""The virtio-net device of tools/testing/device: by the kernel's driver, by ours, and when it
lies to ours."""
import json
import struct
import time

import agree
import devstats
import dump
import interface
import manual
import moderation
import vm

# NIC, options. The rings of one are packed, another has INTx and few features.
DEVICES = (
    ('split', {}),
    ('packed', {'pairs': 2, 'offer': 'packed,in_order,rss,hash_report,notf_coal,vq_notf_coal,'
                                     'device_stats,host_uso,guest_uso4,guest_uso6,speed_duplex,'
                                     'rsc_ext,guest_hdrlen'}),
    ('INTx', {'vectors': 0, 'hide': 'mrg_rxbuf,event_idx,ctrl_vq', 'mtu': 1400}),
)
# The ends of a cable: name, options.
CABLE = (('one end', {'offer': 'notf_coal,hash_report'}), ('other end', {'offer': 'vq_notf_coal'}))
LENGTH = 300000
MULTICAST = '01:00:5e:00:00:77'
# lie, its options, fields of the header, counter of ivnet
LIES = (
    ('num-buffers', {'value': 0}, {}, 'rx_err_num_buffers'),
    ('num-buffers', {'value': 65535}, {}, 'rx_err_num_buffers'),
    ('used-len', {'value': 0}, {}, 'rx_err_len_short'),
    ('used-len', {'value': 4}, {}, 'rx_err_len_short'),
    ('used-len', {'value': 0xffffffff}, {}, 'rx_err_len_long'),
    ('hdr-gso-type', {'value': 0xff}, {'gso_size': 100}, 'rx_err_gso_type'),
    ('hdr-gso-type', {'value': 1}, {'flags': 1, 'csum_start': 34, 'csum_offset': 6},
     'rx_err_gso_size'),
    ('hdr-csum-start', {'value': 0xffff}, {'flags': 1, 'csum_offset': 6}, 'rx_err_csum'),
    ('hdr-csum-offset', {'value': 0xffff}, {'flags': 1, 'csum_start': 34}, 'rx_err_csum'),
)
# What is said of a TCP frame that the device has made of several, and what it counts as.
RSC = (
    ({'gso_type': 1, 'csum_start': 0}, 'rx_err_gso_size'),
    ({'gso_type': 1, 'csum_start': 65535}, 'rx_err_gso_size'),
    ({'gso_type': 4, 'csum_start': 2}, 'rx_err_gso_type'),
    ({'csum_start': 2}, 'rx_err_flags'),
    ({'gso_type': 1, 'csum_start': 1}, 'rx_rsc_segments'),
)
SURVIVED = (
    ('hdr-after', {}),
    ('hdr-len', {}),
    ('irq-extra', {'queue': 'rx'}),
    ('config-flip', {}),
    ('ctrl-late', {}),
    ('used-lost', {'queue': 'rx'}),
)
# lie, its options, whether a start fails
STARTS = (
    ('features-refused', {'count': 'all'}, True),
    ('queue-size', {'value': 0, 'count': 'all'}, True),
    ('status-stuck', {'count': 30}, False),
)
SEEDS, ALL_SEEDS = range(5, 6), range(20)
# A ring is broken after one of them.
FATAL = ('used-id', 'used-twice', 'used-jump', 'needs-reset')
FRAMES = 200


def datagram(length=200):
    """A UDP frame to everybody, port 9."""
    return packet(17, struct.pack('!HHHH', 9, 9, 8 + length, 0) + bytes(length))


def segment(length):
    """A TCP frame to everybody, port 9, that nobody waits for."""
    return packet(6, struct.pack('!HHIIBBHHH', 9, 9, 1, 1, 5 << 4, 0x10, 1000, 0, 0) +
                  bytes(length))


def packet(protocol, data):
    """An IPv4 packet in its frame."""
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(data), 1, 0, 64, protocol, 0,
                       bytes((10, 0, 0, 1)), bytes((255, 255, 255, 255)))
    total = sum(struct.unpack('!10H', head))
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + head[12:]
    return b'\xff' * 6 + bytes((2, 0, 0, 0, 0, 1)) + b'\x08\x00' + head + data


class Run:
    """A guest with the devices, and what is tried with them."""

    def __init__(self, ctx, exchange, server, guest, nics):
        self.ctx, self.exchange, self.server = ctx, exchange, server
        self.guest, self.nics = guest, nics
        self.label = ''
        self.handle = None    # devlink's name of the device that lies

    def check(self, name, good, text=''):
        return self.ctx.check(f'virtio-device: {self.label}{name}', good, text)

    def shell(self, command, check=True):
        return self.guest.run(command, timeout=60 * self.ctx.slow, check=check)

    def until(self, condition, seconds=20):
        """Wait until it holds: what it said last."""
        end = time.monotonic() + seconds * self.ctx.slow
        found = condition()
        while not found and time.monotonic() < end:
            time.sleep(0.1)
            found = condition()
        return found

    def traffic(self):
        """Data both ways, and what each device thinks of the driver."""
        nics = [nic for nic in self.nics.values() if nic.segment]
        found = self.exchange(self.ctx, self.guest, nics, self.server, LENGTH)
        found.update(self.cable())
        for name, nic in self.nics.items():
            self.check(f'{name}: traffic', not found[nic], found[nic])
            state = nic.state()
            wrong = {key: state[key] for key in ('odd', 'broken', 'needs_reset', 'tx_bad',
                                                 'tx_bad_why', 'commands_failed') if state[key]}
            self.check(f'{name}: the driver breaks no rule', state['running'] and not wrong,
                       str(wrong or state['status']))
        state = self.nics['packed'].state()
        self.check('packed: the device has a key for hashes',
                   len(state['rss']['key']) == 80 and state['rss']['types'] == 0x3f,
                   str(state['rss']))
        state = self.nics['split'].state()
        self.check('split: frames to be segmented and sums to be finished',
                   state['tx']['gso_packets'] and state['tx']['needs_csum'], str(state['tx']))

    def key(self):
        """A device that reports hashes, and steers nothing by them."""
        nic = self.nics[CABLE[0][0]]
        shown = json.loads(self.shell(f'ethtool --json -x {self.guest.ifname(nic)}').out)[0]
        want, have = bytes(shown['rss-hash-key']).hex(), nic.state()['rss']
        self.check('hashes without steering: the key in the device',
                   have['key'] == want and have['types'], f'{have}, not {want}')

    def cable(self):
        """Pings between two devices without a host between them: {NIC: what went wrong}."""
        ends = [self.nics[name] for name, _ in CABLE]
        one, other = (self.guest.ifname(nic) for nic in ends)
        done = self.shell(f"""ip netns add far && ip link set {other} netns far &&
            ip addr add 10.9.9.1/24 dev {one} && ip -n far addr add 10.9.9.2/24 dev {other} &&
            ip -n far link set {other} up && ping -c 5 -W 5 -i 0.2 -s 5000 10.9.9.2
            code=$?
            ip addr flush dev {one}; ip -n far link set {other} netns 1; ip netns del far
            ip link set {other} up
            exit $code""", check=False)
        return {nic: done.out + done.err if done.code else '' for nic in ends}

    def expect(self, name, nic, command, condition):
        """A command in the guest has an effect in the device."""
        done = self.shell(command, check=False)
        good = self.until(lambda: condition(nic.state()), 10)
        state = nic.state()
        self.check(name, done.code == 0 and good, f'{done.err}\n{state}')

    def control(self):
        """What the kernel's driver sets, and its end takes back."""
        nic, other = self.nics['split'], self.nics['packed']
        name, more = self.guest.ifname(nic), self.guest.ifname(other)
        self.expect('receive mode', nic, f'ip link set {name} promisc on',
                    lambda state: 'promisc' in state['rx_mode'])
        self.expect('... and back', nic, f'ip link set {name} promisc off',
                    lambda state: 'promisc' not in state['rx_mode'])
        self.expect('a multicast address', nic, f'ip maddr add {MULTICAST} dev {name}',
                    lambda state: MULTICAST in state['multicast'])
        self.expect('a VLAN', nic, f'ip link add link {name} name v7 type vlan id 7',
                    lambda state: 7 in state['vlans'])
        self.expect('... is gone', nic, 'ip link del v7', lambda state: 7 not in state['vlans'])
        self.expect('queue pairs', other, f'ethtool -L {more} combined 2',
                    lambda state: state['pairs'] == 2 and state['rss']['steering'])
        self.expect('coalescing', other, f'ethtool -C {more} rx-usecs 40 rx-frames 5',
                    lambda state: (state['queues'][2]['usecs'],
                                   state['queues'][2]['max_packets']) == (40, 5))
        self.expect('one queue', other, f'ethtool -Q {more} queue_mask 2 --coalesce rx-usecs 60 '
                    'rx-frames 6', lambda state: [each['usecs'] for each in state['queues'][:4]] ==
                    [40, 0, 60, 0])
        nic.ask('announce')
        self.check('an announcement is acknowledged',
                   self.until(lambda: nic.state()['announced']), str(nic.state()['last']))

    def link(self):
        """The link, and the address, by whichever driver."""
        nic = self.nics['split']
        name = self.guest.ifname(nic)
        self.expect('an address', nic, f'ip link set {name} address 52:54:00:77:00:01',
                    lambda state: state['mac'] == '52:54:00:77:00:01')
        self.shell(f'ip link set {name} address {nic.mac}')
        for word, value in (('down', '0'), ('up', '1')):
            nic.ask('link', word)
            carrier = f'/sys/class/net/{name}/carrier'
            self.check(f'link {word}', self.until(
                lambda want=value: self.guest.read(carrier).strip() == want))

    def stats(self, name):
        return interface.statistics(self.shell(f'ethtool -S {name}').out)

    def packets(self):
        """How many packets IPv4 has counted, by the segments they were made of."""
        lines = [line.split() for line in self.guest.read('/proc/net/netstat').splitlines()
                 if line.startswith('IpExt:')]
        return int(dict(zip(*lines))['InNoECTPkts'])

    def coalesced(self):
        """What the device says of frames that it has made of several (RSC_EXT)."""
        nic = self.nics['packed']
        name = self.guest.ifname(nic)
        self.check('RSC_EXT: as many segments as the device says', self.until(
            lambda: nic.state()['rx']['rsc_segments'] == self.stats(name)['rx_rsc_segments'] > 0),
                   f'{nic.state()["rx"]} {self.stats(name)["rx_rsc_segments"]}')
        for fields, counter in RSC:
            before = self.stats(name)[counter]
            nic.inject(segment(1000), flags=4, gso_size=600, **fields)
            self.check(f'RSC_EXT: {fields} counts as {counter}', self.until(
                lambda which=counter, least=before: self.stats(name)[which] > least))
        before, packets = self.stats(name), self.packets()
        nic.inject(segment(1000), flags=4, gso_type=1, csum_start=5, csum_offset=7)
        nic.inject(segment(1000), flags=4, gso_type=1, csum_start=500, gso_size=600)
        good = self.until(lambda: self.stats(name)['rx_rsc_segments'] ==
                          before['rx_rsc_segments'] + 505)
        after = self.stats(name)
        self.check('RSC_EXT: duplicate ACKs are counted', good and
                   after['rx_rsc_dup_acks'] == before['rx_rsc_dup_acks'] + 7, str(after))
        self.check('RSC_EXT: a frame counts for its segments', self.until(
            lambda: self.packets() >= packets + 505), f'{packets} {self.packets()}')

    def told(self, nic):
        return sum(each['told'] for each in nic.state()['lies'].values())

    def counted(self):
        """Lies about a frame: each is dropped and counted, and the next one is not."""
        nic = self.nics['split']
        name, frame = self.guest.ifname(nic), datagram()
        for lie, options, fields, counter in LIES:
            before = self.stats(name)
            nic.lie(lie, queue='rx', **options)
            nic.inject(frame, **fields)
            nic.inject(frame)
            good = self.until(lambda which=counter, least=before[counter]:
                              self.stats(name)[which] > least)
            after = self.stats(name)
            self.check(f'{lie} {options["value"]} counts as {counter}',
                       good and after['rx_packets'] > before['rx_packets'],
                       str({key: (before[key], value) for key, value in after.items()
                            if value != before.get(key)}))
        nic.truth()

    def alive(self, name):
        """Data still gets through, after what heals."""
        nic = self.nics['split']
        found = self.exchange(self.ctx, self.guest, [nic], self.server, 20000)
        self.check(f'{name}: alive', not found[nic], found[nic])

    def survived(self):
        """Lies that cost nothing, or a frame."""
        nic = self.nics['split']
        name, frame = self.guest.ifname(nic), datagram()
        for lie, options in SURVIVED:
            nic.lie(lie, count=3, **options)
        for _ in range(10):
            nic.inject(frame)
        nic.ask('link', 'up')
        self.shell(f'ip link set {name} address 52:54:00:77:00:02; '
                   f'ip link set {name} address {nic.mac}', check=False)
        nic.truth()
        nic.ask('link', 'up')    # what was read before may have been a lie
        lies = nic.state()['lies']
        silent = [lie for lie, _ in SURVIVED if lie not in lies or not lies[lie]['told']]
        self.check('lies were told', not silent, f'{silent} {lies}')
        self.alive('lies that cost a frame at most')
        nic.lie('irq-lost', queue=0)
        self.check('an interrupt is lost', self.until(lambda: self.lost(nic, frame)))
        nic.ask('interrupt', 0)
        self.alive('an interrupt that comes late')

    @staticmethod
    def lost(nic, frame):
        """A driver that is awake wants no interrupt, so there may be none to be lost."""
        nic.inject(frame)
        return nic.state()['lies']['irq-lost']['told']

    def reload(self, check=True):
        """The device starts again."""
        return self.shell(f'devlink dev reload {self.handle} action driver_reinit', check)

    def started(self):
        """Lies at a start: it fails, or takes longer, and the next one is well."""
        nic = self.nics['split']
        for lie, options, fails in STARTS:
            nic.lie(lie, **options)
            done = self.reload(check=False)
            self.check(f'{lie}: the start {"fails" if fails else "takes longer"}',
                       bool(done.code) == fails and self.told(nic), done.err)
            nic.truth()
            if fails:
                self.reload()
            self.alive(lie)

    def healed(self):
        """Lies that stop a device: it starts again after a reload."""
        nic = self.nics['split']
        name, frame = self.guest.ifname(nic), datagram()
        before = self.stats(name)
        nic.lie('used-id', queue='rx')
        nic.inject(frame)
        good = self.until(lambda: self.stats(name)['rx_err_ring'] > before['rx_err_ring'])
        self.check('a used id out of range counts as rx_err_ring', good, str(self.stats(name)))
        self.reload()
        self.alive('a used id')
        nic.lie('ctrl-silent')
        done = self.shell(f'ip link set {name} address 52:54:00:77:00:03', check=False)
        self.check('a command without an answer fails in time', done.code, str(nic.state()))
        self.reload()
        self.shell(f'ip link set {name} address {nic.mac}')
        self.alive('a command without an answer')
        nic.ask('needs-reset')
        self.reload()
        self.alive('a device that needs a reset')

    def everything(self):
        """Of all features the driver takes those that the manual says it uses."""
        nic, bits = self.nics['split'], {'HASH_TUNNEL': 51}
        bits.update((name[len('VIRTIO_NET_F_'):], bit)
                    for name, bit in agree.feature_bits().items())
        used = {bits[name]: not text.startswith(('refused', 'not used'))
                for name, text in manual.features().items()}
        nic.ask('offer', *used)
        virtio = self.handle.partition('/')[2]
        self.shell(f'cd /sys/bus/virtio/drivers/ivnet_virtio && echo {virtio} >unbind && '
                   f'echo {virtio} >bind')
        taken = self.guest.read(f'/sys/bus/virtio/devices/{virtio}/features')
        wrong = {bit: taken[bit] for bit, use in used.items() if use != (taken[bit] == '1')}
        self.check('features are taken and refused as the manual says', not wrong,
                   f'{wrong} of {used}')
        name = self.guest.ifname(nic)
        # by STANDBY there is one above it, with the same address
        name = self.shell(f'basename $(readlink /sys/class/net/{name}/master || echo {name})')
        name = name.out.strip()
        self.shell(f'sysctl -qw net.ipv6.conf.{name}.accept_dad=0; ip link set {name} up && '
                   f'ip addr add {self.guest.address(nic)}/24 dev {name} && '
                   f'ip addr add {self.guest.address6(nic)}/64 dev {name} nodad')
        self.alive('every feature')

    def random(self):
        """Lies at random."""
        for seed in ALL_SEEDS if self.ctx.options.stress else SEEDS:
            self.seed(seed, FRAMES / 4)
            self.seed(seed, 1, *FATAL)

    def seed(self, seed, least, *names):
        """The same lies for each run, as far as the guest is the same."""
        nic = self.nics['split']
        frame = datagram()
        before = self.told(nic)
        nic.random_lies(seed, *names, chance=4)
        for count in range(FRAMES):
            try:
                nic.inject(frame, flags=count & 1, csum_start=34, csum_offset=6)
            except vm.VmError:
                break    # buffers that were lost are not posted again
        nic.truth()
        label = f'seed {seed}, {"a broken ring" if names else "bad frames"}'
        self.check(f'{label}: lies were told', self.told(nic) - before >= least,
                   str(nic.state()['lies']))
        self.reload()
        self.alive(label)


def missing():
    """Why there can be no such device, or nothing."""
    try:
        command = vm.qemu_command(vm.Vnet.qemu)
    except vm.VmError as error:
        return str(error)
    done = vm.host(*command, '-device', 'vfio-user-pci,help', timeout=60, check=False)
    return '' if 'vfio-user-pci options' in done.stdout else done.stderr


def run(ctx, exchange, server):
    """One guest; both drivers, one after the other."""
    reason = missing()
    if reason:
        ctx.tap.skip(f'{ctx.prefix}virtio-device', reason)
        return
    nics = {name: vm.Vnet(ctx.segment(), sanitize=True, **options) for name, options in DEVICES}
    nics.update((name, vm.Vnet(peer=f'cable-{ctx.kernel}', sanitize=True, **options))
                for name, options in CABLE)
    # the second processor could be there, so there are two queue pairs
    with ctx.guest(list(nics.values()), smp=2, cmdline='maxcpus=1',
                   name=f'virtio-device-{ctx.kernel}') as guest:
        tried = Run(ctx, exchange, server, guest, nics)
        for driver in ('virtio_net', 'ivnet'):
            tried.label = f'{driver}: '
            guest.load(driver)
            guest.addresses()
            tried.traffic()
            if driver == 'virtio_net':
                tried.control()
            tried.link()
            if driver == 'virtio_net':
                tried.shell('rmmod virtio_net')
                tried.check('its end resets the devices', not any(
                    nic.state()['status'] & 4 for nic in nics.values()))
        tried.key()
        tried.handle = interface.Interface(ctx, guest, nics['split']).handle
        moderation.run(ctx, guest, nics['packed'], *(nics[name] for name, _ in CABLE))
        devstats.run(ctx, guest, nics['packed'])
        for trial in (tried.coalesced, tried.counted, tried.survived, tried.started,
                      tried.healed, tried.random, tried.everything):
            trial()
        dump.give(guest)
        moderation.replay(ctx, guest, nics['packed'])
        ctx.splats(guest, 'virtio-device')
    for name, nic in nics.items():
        ctx.check(f'virtio-device: {name}: the process ends well', nic.code == 0, nic.messages())
