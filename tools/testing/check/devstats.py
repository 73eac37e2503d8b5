# SPDX-License-Identifier: GPL-2.0
"""The device's own statistics, as ethtool and netdev-genl show them, against what it says
itself, and when its replies make no sense."""
import interface

# Of a ring in the device's state, ethtool's name.
NAMES = {'kicks': 'notifications', 'packets': 'packets', 'bytes': 'bytes',
         'interrupts': 'interrupts', 'drops': 'drops'}
FRAMES = {'rx': {'needs_csum': 'needs_csum', 'csum_valid': 'csum_valid', 'csum_none': 'csum_none',
                 'gso_packets': 'gso_packets', 'gso_bytes': 'gso_bytes'},
          'tx': {'needs_csum': 'needs_csum', 'csum_none': 'csum_none',
                 'gso_packets': 'gso_packets', 'gso_bytes': 'gso_bytes',
                 'gso_segments': 'gso_segments'}}
QSTATS = '/ivnet/tools/testing/selftests/lib/qstats.py'
# Replies that make no sense: the lie, and with what.
BAD = (('ctrl-reply', 255), ('ctrl-reply', 0), ('used-len', 0), ('used-len', 9), ('used-len', 100))


class Statistics(interface.Interface):
    """A device that has statistics of its own."""

    def known(self):
        """What the device has, by ethtool's names."""
        state = self.nic.state()
        found = {}
        for ring in state['queues']:
            if ring['kind'] == 'ctrl':
                continue
            name = f'device_{ring["kind"]}{ring["index"] // 2}_'
            found.update((name + theirs, ring[ours]) for ours, theirs in NAMES.items())
            found.update((name + theirs, state[ring['kind']][ours])
                         for ours, theirs in FRAMES[ring['kind']].items())
            if ring['kind'] == 'rx':
                found[name + 'drop_overruns'] = ring['overruns']
        return found

    def differs(self):
        """They are counted all the time: what is read lies between two looks."""
        before = self.known()
        shown = self.counters()
        after = self.known()
        wrong = {name: (before[name], shown.get(name), after[name]) for name in before
                 if not before[name] <= shown.get(name, -1) <= after[name]}
        return f'device, ethtool, device: {wrong}; ' if wrong else ''

    def check(self, name, wrong):
        self.ctx.check(f'statistics of the device: {name}', not wrong, wrong)

    # Each returns what is wrong.

    def same(self):
        """After some traffic."""
        self.do(f'ping -c 20 -i 0.05 -w 20 {self.nic.segment.address()}', check=False)
        wrong = self.differs()
        shown = self.counters()
        if shown['device_tx0_packets'] + shown['device_tx1_packets'] < 20:
            wrong += f'nothing was counted: {shown}; '
        state = self.nic.state()
        shown = self.counters()
        commands = shown['device_ctrl_commands'], shown['device_ctrl_commands_ok']
        if commands != (state['commands'] + 1, state['commands_ok'] + 1):
            wrong += f'commands: {commands}, not one more than {state["commands"]}; '
        return wrong

    def kept(self):
        """The device keeps them through its reset, and so are they shown."""
        wrong = ''
        for command in ('devlink dev reload {handle} action driver_reinit',
                        'ip link set {dev} down', 'ip link set {dev} up', 'ethtool -G {dev} rx 64'):
            count = len(self.counters())
            self.do(command)
            found = self.differs()
            if len(self.counters()) != count:
                found += f'{len(self.counters())} statistics, there were {count}; '
            wrong += f'{command}: {found}' if found else ''
        return wrong

    def bad(self):
        """A reply that makes no sense changes nothing but one count."""
        wrong = ''
        for lie, value in BAD:
            before = self.counters()
            options = {'queue': 'ctrl'} if lie == 'used-len' else {}
            self.nic.lie(lie, value=value, count=1, **options)
            now = self.counters()
            told = self.nic.state()['lies'][lie]['told']
            self.nic.truth()
            later = self.counters()
            changed = [name for name in now if name.startswith('device_') and
                       name != 'device_resets' and now[name] != before[name]]
            if changed or not told:
                wrong += f'{lie} {value}: {changed} changed; '
            if later['ctrl_bad_replies'] != before['ctrl_bad_replies'] + 1:
                wrong += f'{lie} {value}: not counted; '
            wrong += self.differs()
        self.nic.lie('ctrl-ack', value=1, count=1)
        before = self.counters()
        if self.counters()['ctrl_refused'] != before['ctrl_refused'] + 1:
            wrong += 'a refusal is not counted; '
        self.nic.truth()
        return wrong

    def queues(self):
        """netdev-genl: as read last, and read anew for who asks next."""
        self.nic.lie('rx-stop', queue='rx', count=3)
        self.do(f'ping -c 8 -i 0.1 -W 1 {self.nic.segment.address()}', check=False)
        self.nic.truth()
        known = self.known()
        wanted = {f'rx{pair} {name}': known[f'device_rx{pair}_{ours}'] for pair in (0, 1)
                  for name, ours in (('hw-drops', 'drops'), ('hw-drop-overruns', 'drop_overruns'))}
        wanted.update({f'tx{pair} hw-drops': known[f'device_tx{pair}_drops'] for pair in (0, 1)})
        for _ in range(5):
            done = self.do(f'python3 -B {QSTATS} $(cat /sys/class/net/{{dev}}/ifindex)')
            have = dict(line.rsplit(' ', 1) for line in done.out.splitlines())
            wrong = {name: (have.get(name), value) for name, value in wanted.items()
                     if have.get(name) != str(value)}
            drops = wanted['rx0 hw-drops'] + wanted['rx1 hw-drops']
            if not wrong and drops and 'rx0 hw-drop-ratelimits' not in have:
                return ''
        return f'netdev-genl, the device: {wrong} {wanted} {have}'


def run(ctx, guest, nic):
    it = Statistics(ctx, guest, nic)
    for name, step in (('equal its own', it.same), ('kept', it.kept), ('nonsense', it.bad),
                       ('of each queue', it.queues)):
        it.check(name, step())
