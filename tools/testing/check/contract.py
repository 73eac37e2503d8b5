# SPDX-License-Identifier: GPL-2.0
"""The device contract on QEMU's devices, which keep none of it: each broken rule is named,
and what is done about it follows the parameter."""
import errno
import json

import interface
import variants
import vm

# What QEMU cannot be talked out of: registers in BAR 4, at offsets of its own, MSI-X in
# BAR 1, subsystem IDs of its own.
ALWAYS = {
    'subsystem': ('0x1100', '0x1'),
    'common.bar': ('0x4', '0x0'),
    'isr.bar': ('0x4', '0x0'), 'isr.offset': ('0x1000', '0x2000'),
    'device.bar': ('0x4', '0x0'), 'device.offset': ('0x2000', '0x3000'),
    'notify.bar': ('0x4', '0x0'), 'notify.offset': ('0x3000', '0x1000'),
}
NO_BAR0 = {'bar0.memory': ('no', 'yes')}
OLD = {**NO_BAR0, 'device': ('0x1000', '0x1041'), 'revision': ('0x0', '0x1')}
RICH = {'num_queues': ('0x3', '0x2'), 'offers.event_idx': ('yes', 'no'),
        'offers.mrg_rxbuf': ('yes', 'no'), 'offers.ctrl_vq': ('yes', 'no')}
POOR = {'mrg_rxbuf': 'off', 'event_idx': 'off', 'csum': 'off', 'guest_csum': 'off', 'gso': 'off',
        **{f'{side}_{name}': 'off' for side, names in (
            ('guest', 'tso4 tso6 ecn ufo'), ('host', 'tso4 tso6 ecn ufo'))
           for name in names.split()},
        **variants.NO_CTRL}


class Kind:
    """A device, the rules that it breaks, and others that it must keep; bytes of its header
    if it is used nevertheless."""

    def __init__(self, name, props, broken, kept=(), header=None):
        self.name, self.broken, self.kept, self.header = name, broken, kept, header
        self.props = {'disable-legacy': 'on', **props}
        self.nic = None


KINDS = [
    Kind('near', POOR, {**ALWAYS, **NO_BAR0},
         ('offers.event_idx', 'offers.mrg_rxbuf', 'offers.ctrl_vq', 'offers.offloads'), header=10),
    Kind('usual', {}, {**ALWAYS, **NO_BAR0, **RICH}, ('notify.multiplier', 'rx.size'), header=12),
    Kind('page for each doorbell', {'page-per-vq': 'on'},
         {**NO_BAR0, 'notify.multiplier': ('0x1000', '0x4')}, ('rx.size', 'rx.notify_off')),
    Kind('packed, other rings', {'packed': 'on', 'rx_queue_size': 512, 'hash': 'on'},
         {'rx.size': ('0x200', '0x100'), 'offers.ring_packed': ('yes', 'no'),
          'offers.hash_report': ('yes', 'no')}, ('tx.size',)),
    Kind('no indirect descriptors, no state', {'indirect_desc': 'off', 'status': 'off'},
         {'offers.indirect_desc': ('no', 'yes'), 'offers.status': ('no', 'yes')}),
    Kind('transitional', {'disable-legacy': 'off'}, OLD, ('subsystem', 'interrupt_pin'),
         header=12),
    Kind('legacy', variants.LEGACY, {**OLD, 'common.present': ('no', 'yes')},
         ('offers.version_1',)),
]


class Device(interface.Interface):
    """A device in the guest, by devlink."""

    def __init__(self, ctx, guest, kind, number):
        super().__init__(ctx, guest, number)
        self.kind = kind

    def set(self, mode):
        """The parameter, and a reload: (worked, what it said)."""
        self.do(f'devlink dev param set {{handle}} name contract value {mode} cmode driverinit')
        result = self.do('devlink dev reload {handle} action driver_reinit', check=False)
        return result.code == 0, result.err

    def health(self):
        return json.loads(self.do('devlink -j health diagnose {handle} reporter device').out)

    def check(self, what, good, text=''):
        self.ctx.check(f'contract: {self.kind.name}: {what}', good, text)

    def named(self, mode, health):
        """Every broken rule is in the diagnosis and in the log; the first of them."""
        rules = {each['rule']: (each['found'], each['wanted'])
                 for each in health.get('contract_broken', ())}
        wrong = [f'{rule}: {rules.get(rule)}, not {value}' for rule, value
                 in self.kind.broken.items() if rules.get(rule) != value]
        wrong += [f'{rule} is said to be broken: {rules[rule]}'
                  for rule in self.kind.kept if rule in rules]
        self.check(f'{mode} names every broken rule', not wrong and health['contract'] == mode,
                   '\n'.join(wrong) or str(health))
        log = self.do(f'dmesg | grep "{{virtio}}: contract: " | tail -n {len(rules)}').out
        lines = [f'contract: {rule} is {found}, wanted {wanted}'
                 for rule, (found, wanted) in rules.items()]
        self.check(f'{mode}: so does the log', len(rules) > 0 and
                   [line.partition(f'{self.virtio}: ')[2] for line in log.splitlines()] == lines,
                   log)
        return f'{lines[0]}; {len(lines)} broken' if lines else 'nothing broken'

    def refused(self):
        worked, text = self.set('strict')
        health = self.health()
        first = self.named('strict', health)
        self.check('strict says the first one', not worked and first in text, text)
        rings = self.do('ethtool -g {dev}', check=False)
        self.check('strict does not use the device', rings.code and health['state'] == 'down' and
                   health['error'] == errno.EPROTO, f'{health} {rings}')

    def permissive(self):
        worked, text = self.set('permissive')
        health = self.health()
        self.named('permissive', health)
        self.check('permissive uses the device', worked and health['state'] == 'up' and
                   health['header_bytes'] == self.kind.header, f'{text} {health}')

    def off(self):
        worked, text = self.set('off')
        health = self.health()
        self.check('off says nothing', worked and health['contract'] == 'off' and
                   'contract_broken' not in health and health['state'] == 'up', f'{text} {health}')


def traffic(ctx, guest, devices, exchange, server, step):
    answers = exchange(ctx, guest, [each.kind.nic for each in devices], server, 300000)
    for each in devices:
        each.check(f'{step}: traffic', not answers[each.kind.nic], answers[each.kind.nic])


def run(ctx, exchange, server):
    for kind in KINDS:
        kind.nic = vm.Nic(ctx.segment(), props=dict(kind.props))
    with ctx.guest([kind.nic for kind in KINDS], mem='768M',
                   name=f'contract-{ctx.kernel}') as guest:
        guest.load('ivnet')
        guest.addresses()
        guest.run('sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1', check=True)
        devices = [Device(ctx, guest, kind, number) for number, kind in enumerate(KINDS)]
        one = devices[0]
        answer = one.do('devlink dev param set {handle} name contract value loose cmode driverinit',
                        check=False)
        one.check('another value is refused', answer.code and
                  'off, permissive or strict' in answer.err, answer.err)
        for each in devices:
            each.refused()
        used = [each for each in devices if each.kind.header]
        for each in used:
            each.permissive()
        # The header of 10 bytes is the contract's, not that of QEMU.
        same = [each for each in used if each.kind.header != 10]
        traffic(ctx, guest, same, exchange, server, 'permissive')
        for each in used:
            each.off()
        traffic(ctx, guest, used, exchange, server, 'off')
        ctx.splats(guest, 'contract')
