# SPDX-License-Identifier: GPL-2.0
"""Devices of every kind: what they offer, and what the driver makes of it."""
import json

import vm

# Feature bits (virtio 1.3, 5.1.3 and 6)
CSUM, GUEST_CSUM, MTU, MAC, GUEST_TSO4, HOST_TSO4, MRG_RXBUF = 0, 1, 3, 5, 7, 11, 15
STATUS, CTRL_VQ, MQ, HOST_USO, HASH_REPORT, SPEED_DUPLEX = 16, 17, 22, 56, 57, 63
INDIRECT, EVENT_IDX, VERSION_1, ACCESS_PLATFORM, PACKED, RING_RESET = 28, 29, 32, 33, 34, 40

NO_GUEST_GSO = {'guest_tso4': 'off', 'guest_tso6': 'off', 'guest_ecn': 'off', 'guest_ufo': 'off'}
NO_CTRL = {name: 'off' for name in ('ctrl_vq', 'ctrl_rx', 'ctrl_vlan', 'ctrl_rx_extra',
                                    'ctrl_mac_addr', 'ctrl_guest_offloads', 'guest_announce', 'mq')}
LEGACY = {'disable-modern': 'on', 'disable-legacy': 'off'}
# How frames are received: devlink health diagnose shows it
MERGEABLE, CHAIN, SINGLE = 'mergeable', 'chain', 'single'


class Variant:
    """One device.

    with_bits, without  feature bits that must, must not be negotiated
    mode      how it receives
    vectors   lines in /proc/interrupts
    header    bytes of the header before a frame
    features  {name in ethtool -k: on?}
    """

    def __init__(self, name, props=None, with_bits=(), without=(), mode=MERGEABLE, vectors=None,
                 header=12, features=None, queues=1, mtu=1500, rx_ring=256):
        self.name, self.props = name, props or {}
        self.with_bits, self.without = with_bits, without
        self.mode, self.vectors, self.header = mode, vectors, header
        self.features = features or {}
        self.queues, self.mtu, self.rx_ring = queues, mtu, rx_ring

    def nic(self, ctx, qemu):
        """The device, on a segment of its own."""
        props = {'disable-legacy': 'on', **self.props} if 'disable-modern' not in self.props \
            else dict(self.props)
        if qemu == 'debian13' and 'guest_tso4' in props:
            props.update(guest_uso4='off', guest_uso6='off')    # unknown to the other one
        return vm.Nic(ctx.segment(self.mtu), queues=self.queues, props=props)


# Interrupts, rings, transports
RINGS = [
    Variant('plain', {}, (CSUM, MRG_RXBUF, INDIRECT, EVENT_IDX, VERSION_1, CTRL_VQ), (PACKED,),
            vectors=3, features={'tx-tcp-segmentation': True, 'rx-gro-hw': True}),
    Variant('INTx', {'vectors': 0}, (VERSION_1,), vectors=1),
    Variant('one vector', {'vectors': 1}, (VERSION_1,), vectors=1),
    Variant('two vectors', {'vectors': 2}, (VERSION_1,), vectors=2),
    Variant('three vectors', {'vectors': 3}, (VERSION_1,), vectors=3),
    Variant('packed', {'packed': 'on'}, (PACKED, EVENT_IDX, INDIRECT)),
    Variant('packed, plain descriptors', {'packed': 'on', 'indirect_desc': 'off',
                                          'event_idx': 'off'},
            (PACKED,), (EVENT_IDX, INDIRECT)),
    Variant('no event index', {'event_idx': 'off'}, (INDIRECT,), (EVENT_IDX,)),
    Variant('no indirect descriptors', {'indirect_desc': 'off'}, (EVENT_IDX,), (INDIRECT,)),
    Variant('ring of 1024', {'rx_queue_size': 1024}, (MRG_RXBUF,), rx_ring=1024),
    Variant('no queue reset', {'queue_reset': 'off'}, (VERSION_1,), (RING_RESET,)),
    Variant('legacy', LEGACY, (MRG_RXBUF, CSUM), (VERSION_1,)),
    Variant('four queue pairs', {}, (MQ,), queues=4, vectors=9),
]

# Buffers, offloads, what else the device says
OFFLOADS = [
    Variant('no mergeable buffers', {'mrg_rxbuf': 'off'}, (GUEST_TSO4,), (MRG_RXBUF,), CHAIN),
    Variant('no mergeable, no indirect', {'mrg_rxbuf': 'off', 'indirect_desc': 'off'},
            (GUEST_TSO4,), (MRG_RXBUF, INDIRECT), CHAIN),
    Variant('single buffers', {'mrg_rxbuf': 'off', **NO_GUEST_GSO}, (CSUM,),
            (MRG_RXBUF, GUEST_TSO4), SINGLE, features={'rx-gro-hw': False}),
    Variant('mergeable without GSO', NO_GUEST_GSO, (MRG_RXBUF,), (GUEST_TSO4,),
            features={'rx-gro-hw': False}),
    Variant('MTU 9000', {'host_mtu': 9000}, (MTU,), mtu=9000),
    Variant('legacy, single buffers', {**LEGACY, 'mrg_rxbuf': 'off', **NO_GUEST_GSO}, (CSUM,),
            (VERSION_1, MRG_RXBUF), SINGLE, header=10),
    Variant('legacy, chains', {**LEGACY, 'mrg_rxbuf': 'off'}, (CSUM,),
            (VERSION_1, MRG_RXBUF), CHAIN, header=10),
    Variant('no checksum offload', {'csum': 'off'}, (MRG_RXBUF,), (CSUM, HOST_TSO4),
            features={'tx-tcp-segmentation': False, 'tx-checksum-ip-generic': False}),
    Variant('no receive checksums', {'guest_csum': 'off', **NO_GUEST_GSO}, (CSUM,),
            (GUEST_CSUM, GUEST_TSO4), features={'rx-checksumming': False, 'rx-gro-hw': False}),
    Variant('no control queue', NO_CTRL, (CSUM,), (CTRL_VQ,)),
    Variant('no link state', {'status': 'off'}, (CSUM,), (STATUS,)),
    Variant('speed', {'speed': 10000, 'duplex': 'full'}, (SPEED_DUPLEX,)),
    Variant('hash report', {'hash': 'on'}, (HASH_REPORT,), header=20),
]

IOMMU = [
    Variant('IOMMU', {'iommu_platform': 'on'}, (ACCESS_PLATFORM, VERSION_1)),
    Variant('IOMMU, packed', {'iommu_platform': 'on', 'packed': 'on'}, (ACCESS_PLATFORM, PACKED)),
    Variant('IOMMU, chains', {'iommu_platform': 'on', 'mrg_rxbuf': 'off'}, (ACCESS_PLATFORM,),
            (MRG_RXBUF,), CHAIN),
    Variant('IOMMU, single buffers', {'iommu_platform': 'on', 'mrg_rxbuf': 'off', **NO_GUEST_GSO},
            (ACCESS_PLATFORM,), (MRG_RXBUF,), SINGLE),
    Variant('IOMMU, no queue reset', {'iommu_platform': 'on', 'queue_reset': 'off'},
            (ACCESS_PLATFORM,), (RING_RESET,)),
]


class Facts:
    """What a guest knows about each of its NICs, asked for at once."""

    SCRIPT = r'''
    for name in /sys/class/net/eth*; do
        name=${name##*/}
        device=$(basename "$(readlink -f /sys/class/net/$name/device)")
        echo "== $(cat /sys/class/net/$name/address)"
        echo "name $name"
        echo "bits $(cat /sys/class/net/$name/device/features)"
        echo "vectors $(grep -c -E "[ ,]$device(-[a-z]|,|\$)" /proc/interrupts)"
        echo "mtu $(cat /sys/class/net/$name/mtu)"
        ethtool -i $name | grep ^driver
        echo "ring $(ethtool -g $name | sed -n 's/^RX:[^0-9]*//p' | tail -n 1)"
        ethtool -k $name | sed 's/^/feature /'
        echo "health $(devlink -j health diagnose virtio/$device reporter device)"
    done'''

    def __init__(self, guest, slow=1):
        self.nics = {}
        for line in guest.run(self.SCRIPT, timeout=120 * slow, check=True).out.splitlines():
            key, _, value = line.partition(' ')
            if key == '==':
                now = self.nics[value] = {'features': {}}
            elif key == 'feature':
                name, _, rest = value.strip().partition(': ')
                now['features'][name] = rest.startswith('on')
            else:
                now[key.rstrip(':')] = value.strip()


def wrong(variant, facts):
    """Everything that is not as it should be, as text."""
    bits = {number for number, bit in enumerate(facts['bits']) if bit == '1'}
    health = json.loads(facts['health'] or '{}')
    found = []
    if facts['driver'] != 'ivnet_virtio':
        return f'the driver is {facts["driver"]}'
    for bit in variant.with_bits:
        if bit not in bits:
            found.append(f'feature bit {bit} is not negotiated')
    for bit in variant.without:
        if bit in bits:
            found.append(f'feature bit {bit} is negotiated')
    if variant.vectors is not None and int(facts['vectors']) != variant.vectors:
        found.append(f'{facts["vectors"]} lines in /proc/interrupts, not {variant.vectors}')
    for name, wanted in variant.features.items():
        if facts['features'].get(name, False) != wanted:
            found.append(f'{name} is not {"on" if wanted else "off"}')
    if health.get('rx_buffers') != variant.mode:
        found.append(f'receive buffers: {health.get("rx_buffers")}, not {variant.mode}')
    if health.get('header_bytes') != variant.header:
        found.append(f'header: {health.get("header_bytes")} bytes, not {variant.header}')
    if int(facts['mtu']) != variant.mtu:
        found.append(f'MTU {facts["mtu"]}, not {variant.mtu}')
    if facts['ring'] != str(variant.rx_ring):
        found.append(f'receive ring: {facts["ring"]}, not {variant.rx_ring}')
    return '\n'.join(found)
