# SPDX-License-Identifier: GPL-2.0
"""The device contract on a device of tools/testing/device that keeps it, and on others that
break one rule each."""
import contract
import vm

LAYOUT = {'common': (0, 0x0000, 0x100), 'notify': (0, 0x1000, 0x100), 'isr': (0, 0x2000, 0x20),
          'device': (0, 0x3000, 0x100)}
HIDDEN = ('csum guest_csum ctrl_guest_offloads guest_tso4 guest_tso6 guest_ecn host_tso4 host_tso6 '
          'host_ecn mrg_rxbuf ctrl_vq ctrl_rx ctrl_vlan ctrl_rx_extra guest_announce ctrl_mac_addr '
          'event_idx ring_reset').split()
# A BAR of 64 bits, and the subsystem
PATCHES = {0x10: 4, 0x2e: 1, 0x2f: 0}


class Own(contract.Kind):
    """A device and the rule that it breaks, or none."""

    def __init__(self, rule=None, found=None, wanted=None, patch=None, layout=None, hide=(),
                 show=(), offer=(), **options):
        super().__init__(rule or 'the contract', {}, {rule: (found, wanted)} if rule else {},
                         header=20 if 'hash_report' in offer else 10)
        if 'mrg_rxbuf' in show:
            self.header = 12
        layout = {**LAYOUT, **(layout or {})}
        patches = {**PATCHES, **(patch or {})}
        self.options = {
            'layout': ','.join(f'{name}={bar}:{offset:#x}:{length:#x}'
                               for name, (bar, offset, length) in layout.items()),
            'patch': ','.join(f'{at:#x}={value:#x}' for at, value in patches.items()),
            'hide': ','.join([*(set(HIDDEN) - set(show)), *hide]),
            'vectors': 0, 'header': self.header, **options}
        if offer:
            self.options['offer'] = ','.join(offer)


YES, NO = ('no', 'yes'), ('yes', 'no')
OWN = [
    Own(),
    Own('revision', '0x0', '0x1', revision=0),
    Own('subsystem_vendor', '0x8086', '0x1af4', patch={0x2c: 0x86, 0x2d: 0x80}),
    Own('subsystem', '0x1100', '0x1', patch={0x2f: 0x11, 0x2e: 0}),
    Own('interrupt_pin', '0x0', '0x1', vectors=4, msix_bar=2),
    Own('bar0.64bit', *YES, patch={0x10: 0}),
    Own('common.bar', '0x4', '0x0', layout={'common': (4, 0, 0x100)}),
    Own('common.offset', '0x800', '0x0', layout={'common': (0, 0x800, 0x100)}),
    Own('common.length', '0x40', 'at least 0x100', layout={'common': (0, 0, 0x40)}),
    Own('notify.bar', '0x4', '0x0', layout={'notify': (4, 0x1000, 0x100)}),
    Own('notify.offset', '0x1800', '0x1000', layout={'notify': (0, 0x1800, 0x100)}),
    Own('notify.length', '0x20', 'at least 0x100', layout={'notify': (0, 0x1000, 0x20)}),
    Own('notify.multiplier', '0x8', '0x4', multiplier=8),
    Own('isr.bar', '0x4', '0x0', layout={'isr': (4, 0x2000, 0x20)}),
    Own('isr.offset', '0x2800', '0x2000', layout={'isr': (0, 0x2800, 0x20)}),
    Own('isr.length', '0x1', 'at least 0x20', layout={'isr': (0, 0x2000, 1)}),
    Own('device.bar', '0x4', '0x0', layout={'device': (4, 0x3000, 0x100)}),
    Own('device.offset', '0x3800', '0x3000', layout={'device': (0, 0x3800, 0x100)}),
    Own('device.length', '0x40', 'at least 0x100', layout={'device': (0, 0x3000, 0x40)}),
    Own('offers.indirect_desc', *YES, hide=['indirect_desc']),
    Own('offers.status', *YES, hide=['status']),
    Own('offers.event_idx', *NO, show=['event_idx']),
    Own('offers.ring_packed', *NO, offer=['packed']),
    Own('offers.mrg_rxbuf', *NO, show=['mrg_rxbuf']),
    Own('offers.offloads', '0x1', '0x0', show=['csum']),
    Own('rx.size', '0x200', '0x100', rx_size=512),
    Own('tx.size', '0x80', '0x100', tx_size=128),
]


class OwnDevice(contract.Device):
    """As QEMU's, but only one rule is broken."""

    def exact(self, health):
        found = {each['rule']: (each['found'], each['wanted'])
                 for each in health['contract_broken']}
        self.check('strict names this rule and no other', found == self.kind.broken, str(found))


def keeps(device):
    """The device that keeps the contract."""
    worked, text = device.set('strict')
    health = device.health()
    device.exact(health)
    device.check('strict uses it', worked and health['state'] == 'up' and
                 health['header_bytes'] == 10, f'{text} {health}')


def some(ctx, exchange, server, kinds, number):
    for kind in kinds:
        kind.nic = vm.Vnet(ctx.segment(), **kind.options)
    with ctx.guest([kind.nic for kind in kinds], mem='768M',
                   name=f'contract{number}-{ctx.kernel}') as guest:
        guest.load('ivnet')
        guest.addresses()
        guest.run('sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1', check=True)
        devices = [OwnDevice(ctx, guest, kind, index) for index, kind in enumerate(kinds)]
        good = [each for each in devices if not each.kind.broken]
        for each in devices:
            if each in good:
                keeps(each)
                continue
            each.refused()
            each.exact(each.health())
        contract.traffic(ctx, guest, good, exchange, server, 'strict')
        ctx.splats(guest, f'contract{number}')


def run(ctx, exchange, server):
    """All, or a few. A list of capabilities that is damaged is not among them: firmware does
    not get past one without an end, QEMU not past a pointer that is odd. Nor is one
    without an address: the rig would not find it."""
    most = 6    # devices of one guest
    for number, start in enumerate(range(0, len(OWN) if ctx.options.stress else most, most)):
        some(ctx, exchange, server, OWN[start:start + most], number)
