# SPDX-License-Identifier: GPL-2.0
"""What the driver does when its device (tools/testing/device) stops working: queues
that stand still, interrupts that are lost, rings that make no sense, a control queue
that is silent, with traffic on."""
import json
import re
import time

import interface
import vm
from streams import Streams

PORT = 5800
# Seconds, on a machine that may be busy as well; what it took is printed.
BACK = 30
# Seconds of a device that does not get better, less than a program may take.
LONG = 55
# Nothing is thought of a frame that takes so long.
SLOW = 1.8
ALWAYS = 1000000
TRACING = '/sys/kernel/tracing'
# struct virtio_net_config: where the status is
STATUS = 6
# VIRTIO_F_ADMIN_VQ, a feature bit
ADMIN_VQ = 41
# What has happened to the device in the end, in any order.
EVENTS = (
    r'ivnet_trouble: {0} what=tx$',
    r'ivnet_recover: {0} what=tx$',
    r'ivnet_queue_reset: {0} queue=\d result=0$',
    r'ivnet_device_reset: {0} reason=tx anew=0 result=0$',
    r'ivnet_device_reset: {0} reason=device anew=0 result=0$',
    r'ivnet_device_reset: {0} reason=rx_ring anew=0 result=0$',
    r'ivnet_device_reset: {0} reason=user anew=0 result=0$',
    r'ivnet_lost_interrupt: {0} rx queue=\d$',
    r'ivnet_ctrl: {0} class=1\(mac\) cmd=1 len=6 answer=0 result=0 ns=\d+$',
    r'ivnet_ctrl: {0} class=1\(mac\) cmd=1 len=6 answer=1 result=-22 ns=\d+$',
    r'ivnet_ctrl: {0} class=1\(mac\) cmd=1 len=6 answer=2 result=-71 ns=\d+$',
    r'ivnet_ctrl: {0} class=1\(mac\) cmd=1 len=6 answer=255 result=-110 ns=\d{{9,}}$',
    r'ivnet_link: {1} down$',
    r'ivnet_link: {1} up$',
)


class Recovery(interface.Interface):
    """A guest with a device that is told to fail."""

    def __init__(self, ctx, guest, nic):
        super().__init__(ctx, guest, nic)
        self.wrong = []

    def health(self, reporter):
        shown = json.loads(self.do(f'devlink -j health show {{handle}} reporter {reporter}').out)
        return next(iter(shown['health'].values()))[0]

    def grown(self, before, *names):
        now = self.counters()
        return {name: now[name] - before[name] for name in names}

    def no_admin_queue(self):
        """Its commands have no deadline."""
        bits = self.guest.read(f'/sys/bus/virtio/devices/{self.virtio}/features')
        return '' if bits[ADMIN_VQ] == '0' else f'accepted: {bits}'

    def stuck_queue(self, streams):
        """The device does not look at its transmit queue any more, until that is reset."""
        before, events = self.counters(), self.health('tx')['error']
        traffic = Streams(self.guest, self.nic.segment.address(), PORT, streams)
        if traffic.moves(BACK * self.ctx.slow) is None:
            return 'no traffic at all'
        time.sleep(1)
        self.nic.lie('tx-stop')    # once, and nobody tells it again that there are frames
        start = time.monotonic()
        while not sum(q['resets'] for q in self.nic.state()['queues']):
            if time.monotonic() > start + BACK * self.ctx.slow:
                return f'nothing was done: {self.grown(before, "queue_resets", "device_resets")}'
            time.sleep(0.05)
        found = time.monotonic() - start
        back = traffic.moves(BACK * self.ctx.slow)
        if back is None:
            return 'traffic does not come back'
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: stuck queue reset after {found:.1f} s, '
                          f'data {back:.1f} s later')
        wrong = traffic.end(120 * self.ctx.slow)
        grown = self.grown(before, 'queue_resets', 'device_resets', 'ctrl_timeouts')
        health = self.health('tx')
        if grown != {'queue_resets': 1, 'device_resets': 0, 'ctrl_timeouts': 0}:
            wrong += f' {grown}'
        if health['error'] != events + 1 or health['state'] != 'healthy':
            wrong += f' {health}'
        return wrong

    def slow_queue(self):
        """A frame takes long, while the device has changes of its configuration to tell: not
        so long that something would have to be done."""
        for _ in range(5):
            before, start = self.counters(), time.monotonic()
            self.nic.lie('tx-stop')
            self.do(f'ping -c 1 -W 0.1 {self.nic.segment.address()}', check=False)
            for _ in range(20):
                self.nic.ask('config-interrupt')
                time.sleep(0.05)
            for ring in self.nic.state()['queues']:
                if ring['kind'] == 'tx':
                    self.nic.ask('kick', ring['index'])
            took = time.monotonic() - start
            grown = self.grown(before, 'queue_resets', 'device_resets')
            if took < SLOW:
                break
        return f'{grown} after {took} s' if any(grown.values()) else self.pings()

    def dead_queue(self):
        """It does not work even after its reset: the device is reset."""
        before = self.counters()
        traffic = Streams(self.guest, self.nic.segment.address(), PORT + 2, 1)
        if traffic.moves(BACK * self.ctx.slow) is None:
            return 'no traffic at all'
        self.nic.lie('tx-stop', count=ALWAYS)
        start = time.monotonic()
        while not self.grown(before, 'device_resets')['device_resets']:
            if time.monotonic() > start + BACK * self.ctx.slow:
                return f'nothing was done: {self.grown(before, "queue_resets", "device_resets")}'
            time.sleep(0.2)
        self.nic.truth()
        found = time.monotonic() - start
        back = traffic.moves(2 * BACK * self.ctx.slow)
        if back is None:
            return 'traffic does not come back'
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: dead queue: device reset after '
                          f'{found:.1f} s, data {back:.1f} s later')
        return traffic.end(120 * self.ctx.slow)

    def stops_again(self):
        """Whatever is done: soon resets are rare, and the kernel's watchdog, which WARNs where
        it is old, has nothing to complain of meanwhile."""
        before = self.counters()
        self.nic.lie('tx-stop', count=ALWAYS)
        # ping ends when it hears that there is nobody
        self.do(f'timeout {LONG} sh -c "while :; do ping -f -w 9 {self.nic.segment.address()}; '
                'sleep 0.1; done" >/dev/null', check=False)
        grown = self.grown(before, 'queue_resets', 'device_resets')
        self.nic.truth()
        self.do('devlink health recover {handle} reporter device')
        if not 2 < sum(grown.values()) < LONG / 6:
            return str(grown)
        return self.pings()

    def tested(self, mode, name):
        """What the self test has found out."""
        text = self.do(f'ethtool -t {{dev}} {mode}', check=False).out
        found = re.search(rf'^{re.escape(name)}\s+(\d+)$', text, re.M)
        if not found or found[1] == '0' or 'result is FAIL' not in text:
            return f'self test, {name}: {text}; '
        return ''

    def pings(self, count=5):
        done = self.do(f'ping -i 0.2 -c {count} -w {BACK * self.ctx.slow} '
                       f'{self.nic.segment.address()}', check=False)
        return '' if done else done.out

    def repaired(self, reporter, counter, **lie):
        """A lie makes the device useless: it is reset, and told everything again."""
        name = lie.pop('name')
        before, events = self.counters(), self.health(reporter)['error']
        known = {key: self.nic.state()[key] for key in ('mac', 'filter')
                 if key in self.nic.state()}
        self.nic.lie(name, count=1, **lie)
        flood = self.guest.start_command(
            f'ping -i 0.05 -w {2 * BACK * self.ctx.slow} {self.nic.segment.address()} >/dev/null')
        start = time.monotonic()
        while not self.grown(before, counter)[counter]:
            if time.monotonic() > start + BACK * self.ctx.slow:
                flood.kill()
                return f'nothing was done: {self.grown(before, *before)}'
            time.sleep(0.2)
        self.nic.truth()
        took = time.monotonic() - start
        flood.kill()
        wrong = self.pings()
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: {name}: {counter} after {took:.1f} s')
        health = self.health(reporter)
        if health['error'] != events + 1 or health['state'] != 'healthy':
            wrong += f' {health}'
        now = {key: self.nic.state()[key] for key in known}
        if now != known:
            wrong += f' {now}, before {known}'
        return wrong

    def left_alone(self):
        """Where devlink is not to repair it, it is told as often as somebody looks, and
        repaired when the user says so; the same within the user's grace period."""
        knobs = 'devlink health set {handle} reporter device '
        wrong = ''
        for name, off, on in (('auto_recover', 'auto_recover false', 'auto_recover true'),
                              ('grace period', 'grace_period 600000', 'grace_period 0')):
            self.do('devlink dev reload {handle} action driver_reinit')    # no pause any more
            self.do(knobs + off)
            before, events = self.counters(), self.health('device')['error']
            self.nic.ask('needs-reset')
            time.sleep(7 * self.ctx.slow)
            health, grown = self.health('device'), self.grown(before, 'device_resets')
            told = health['error'] - events
            if not 1 <= told <= 6 * self.ctx.slow or health['state'] != 'error' or any(
                    grown.values()):
                wrong += f'{name}: told {told} times, {health["state"]}, {grown}; '
            self.do('devlink health recover {handle} reporter device' if off.endswith('false')
                    else 'devlink dev reload {handle} action driver_reinit')
            self.do(knobs + on)
            wrong += self.pings()
            if self.health('device')['state'] != 'healthy':
                wrong += f'{name}: not repaired; '
        return wrong or self.repaired('device', 'device_resets', name='needs-reset')

    def not_at_once(self):
        """It cannot be started again for a while: that is tried until it can."""
        self.do('devlink dev reload {handle} action driver_reinit')
        before, events = self.counters(), self.health('device')['error']
        self.nic.lie('features-refused', count=3)
        start = time.monotonic()
        self.nic.ask('needs-reset')
        while self.nic.state()['lies']['features-refused']['on'] or not self.nic.state()['running']:
            if time.monotonic() > start + BACK * self.ctx.slow:
                return f'it does not start: {self.nic.state()["lies"]}'
            time.sleep(0.2)
        wrong = self.pings()
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: started again at the third try, '
                          f'{time.monotonic() - start:.1f} s later')
        health = self.health('device')
        if not self.grown(before, 'start_failures')['start_failures']:
            wrong += ' not counted'
        if health['error'] == events or health['state'] != 'healthy':
            wrong += f' {health}'
        return wrong

    def bus_master(self):
        """May the device use memory? (PCI's command register)"""
        path = f'/sys/bus/virtio/devices/{self.virtio}/../config'
        return int(self.do(f'od -An -tu1 -j4 -N1 {path}').out) & 4

    def endless_reset(self):
        """The device does not end its reset: that is waited for with a deadline, told, and the
        device starts once it does."""
        before = self.counters()
        self.nic.lie('status-stuck', count=ALWAYS)
        start = time.monotonic()
        done = self.do('devlink dev reload {handle} action driver_reinit', check=False)
        took = time.monotonic() - start
        self.nic.truth()
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: a reset without end: error after '
                          f'{took:.1f} s')
        wrong = ''
        if not done.code or 'does not end its reset' not in done.err:
            wrong += f'reload: {done.err or "works"}; '
        if took > 20 * self.ctx.slow:
            wrong += 'it takes too long; '
        wrong += 'it may use memory; ' if self.bus_master() else ''
        self.do('devlink dev reload {handle} action driver_reinit')
        wrong += '' if self.bus_master() else 'it may not use memory; '
        wrong += self.pings()
        grown = self.grown(before, 'reset_timeouts', 'start_failures')
        return wrong if all(grown.values()) else f'{wrong} {grown}'

    def endless_needed(self):
        """The same when nobody asks for anything: others are not kept from their work."""
        before = self.counters()
        self.nic.lie('status-stuck', count=ALWAYS)
        self.nic.ask('needs-reset')
        start, longest = time.monotonic(), 0
        while time.monotonic() < start + LONG:
            asked = time.monotonic()
            self.do('ip link set lo alias x')
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.2)
        self.nic.truth()
        back = time.monotonic()
        while self.pings(1):
            if time.monotonic() > back + 3 * BACK * self.ctx.slow:
                return 'it does not come back'
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: a reset without end, for {LONG} s: others '
                          f'wait {longest:.1f} s, back {time.monotonic() - back:.1f} s later')
        grown = self.grown(before, 'reset_timeouts')
        self.do('devlink dev reload {handle} action driver_reinit')    # no pause any more
        if not all(grown.values()) or longest > 20 * self.ctx.slow:
            return f'{grown}, others wait {longest} s'
        return self.pings()

    def awake(self):
        """The machine does not sleep meanwhile: waking up would have to wait. From here on the
        guest does without shares, which do not survive the try."""
        self.guest.agent.shares = False
        self.nic.lie('status-stuck', count=ALWAYS)
        done = self.do('echo devices >/sys/power/pm_test && echo freeze >/sys/power/state',
                       check=False)
        self.nic.truth()
        back = time.monotonic()
        while self.pings(1):
            if time.monotonic() > back + BACK * self.ctx.slow:
                return 'it does not come back'
        return '' if done.code else 'it slept'

    def endless_queue_reset(self):
        """A ring does not end its reset: it cannot have another size, all goes on as before."""
        before = self.counters()
        self.nic.lie('queue-reset-stuck', count=ALWAYS)
        start = time.monotonic()
        done = self.do('ethtool -G {dev} rx 128', check=False)
        took = time.monotonic() - start
        wrong = self.pings() if done.code else 'it worked'
        self.nic.truth()
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: a queue reset without end: error after '
                          f'{took:.1f} s')
        if took > 20 * self.ctx.slow:
            wrong += 'it takes too long; '
        for size in (128, 256):
            self.do(f'ethtool -G {{dev}} rx {size}')
            wrong += self.pings(1)
        grown = self.grown(before, 'queue_reset_timeouts', 'device_resets')
        grown['device_resets'] += 1    # none was asked for
        return wrong if all(grown.values()) else f'{wrong} {grown}'

    def flip(self):
        """The next that is read of the configuration is wrong, and there is a reason to."""
        self.nic.lie('config-flip', count=1)
        self.nic.ask('link', 'up')

    def wrong_link(self):
        """It is read wrong, or its change is not told: it is looked at."""
        carrier = f'/sys/class/net/{self.name}/carrier'
        start = told = time.monotonic()
        self.flip()
        while '0' not in self.guest.read(carrier):
            if time.monotonic() > start + BACK * self.ctx.slow:
                return 'the carrier stays, whatever is told'
            # The look may have been told instead, which asks again at once.
            if time.monotonic() > told + self.ctx.slow:
                told = time.monotonic()
                self.flip()
        while '1' not in self.guest.read(carrier):
            if time.monotonic() > start + 2 * BACK * self.ctx.slow:
                return 'the carrier stays away'
        return self.pings()

    def untold(self):
        """The link goes, comes, the guest has moved, and no interrupt tells it."""
        carrier = f'/sys/class/net/{self.name}/carrier'
        announced = self.nic.state()['announced']
        for status, good in ((0, lambda: '0' in self.guest.read(carrier)),
                             (1, lambda: '1' in self.guest.read(carrier)),
                             (3, lambda: self.nic.state()['announced'] > announced)):
            start = time.monotonic()
            self.nic.ask('config', STATUS, status)
            while not good():
                if time.monotonic() > start + BACK * self.ctx.slow:
                    return f'status {status} is not seen'
                time.sleep(0.1)
        return self.pings()

    def lost_interrupts(self):
        """They are made up for by looking; nothing is reset."""
        before = self.counters()
        self.nic.lie('irq-lost', count=ALWAYS)
        # Transmission polls too, if the device answers at once: then nothing has to wait.
        end = time.monotonic() + BACK * self.ctx.slow
        while time.monotonic() < end and not self.grown(before, 'rx_lost_interrupts')[
                'rx_lost_interrupts']:
            found = self.do(f'ping -i 1 -c 8 -w {BACK} {self.nic.segment.address()}',
                            check=False).out
        wrong = self.tested('offline', 'interrupt tx 0 (offline)')
        self.nic.truth()
        wrong += self.pings()
        grown = self.grown(before, 'rx_lost_interrupts', 'tx_lost_interrupts', 'device_resets',
                           'queue_resets')
        if not grown['rx_lost_interrupts'] or grown['device_resets'] or grown['queue_resets']:
            wrong += f' {grown} {found}'
        return wrong

    def silent_control(self):
        """Commands fail soon, data goes on, a user can have it repaired."""
        before, events = self.counters(), self.health('ctrl')['error']
        traffic = Streams(self.guest, self.nic.segment.address(), PORT + 1, 1)
        if traffic.moves(BACK * self.ctx.slow) is None:
            return 'no traffic at all'
        self.nic.lie('ctrl-silent', count=ALWAYS)
        wrong = ''
        start = time.monotonic()
        if self.do('ip link set {dev} address 02:aa:00:00:00:05', check=False):
            wrong += 'an address was set; '
        took = time.monotonic() - start
        start = time.monotonic()
        if self.do('ethtool -K {dev} rx-gro-hw off', check=False):
            if 'rx-gro-hw: off' in self.do('ethtool -k {dev}').out:
                wrong += 'an offload was switched; '
        again = time.monotonic() - start
        self.ctx.tap.note(f'{self.ctx.prefix}recovery: silent control queue: errors after '
                          f'{took:.1f} s and {again:.1f} s')
        if max(took, again) > 5 * self.ctx.slow:
            wrong += 'it takes too long; '
        wrong += self.tested('online', 'control queue')
        if traffic.moves(BACK * self.ctx.slow) is None:
            wrong += 'data stands still; '
        wrong += traffic.end(60 * self.ctx.slow)
        grown = self.grown(before, 'ctrl_timeouts', 'device_resets')
        if grown != {'ctrl_timeouts': 1, 'device_resets': 0}:
            wrong += f' {grown}'
        deadline = time.monotonic() + BACK * self.ctx.slow
        while self.health('ctrl')['error'] != events + 1 and time.monotonic() < deadline:
            time.sleep(0.2)
        if self.health('ctrl')['state'] != 'error' or self.health('ctrl')['error'] != events + 1:
            wrong += f' {self.health("ctrl")}'
        self.nic.truth()
        self.do('devlink health recover {handle} reporter ctrl')
        self.do('ip link set {dev} address 02:aa:00:00:00:05')
        self.do(f'ip link set {{dev}} address {self.nic.mac}')
        if self.health('ctrl')['state'] != 'healthy':
            wrong += f' {self.health("ctrl")}'
        return wrong + self.pings()

    def garbage_control(self):
        """An answer that is none is an error, and counted."""
        wrong = ''
        for value, counter in ((1, 'ctrl_refused'), (2, 'ctrl_unknown_answers'),
                               (255, 'ctrl_unknown_answers')):
            before = self.counters()
            self.nic.lie('ctrl-ack', value=value, count=1)
            if self.do('ip link set {dev} address 02:aa:00:00:00:06', check=False):
                wrong += f'answer {value} was taken for success; '
            if self.grown(before, counter)[counter] != 1:
                wrong += f'answer {value} is not counted; '
            self.nic.truth()
        return wrong + self.pings()

    def delay(self):
        """The transmit ring has what it was told, whatever was reset."""
        have = self.nic.state()['queues'][1]['usecs']
        return '' if have == 20 else f' interrupts are delayed by {have} µs, not 20'

    def trace(self):
        self.do(f'echo 1 >{TRACING}/events/ivnet/enable')

    def traced(self):
        """Everything can be found in the trace, with its reason."""
        self.do('ip link set {dev} down; ip link set {dev} up')
        text = self.do(f'cat {TRACING}/trace').out
        words = (self.virtio, self.name)
        missing = [each for each in EVENTS if not re.search(each.format(*words), text, re.M)]
        return f'missing: {missing} in {text[-8000:]}' if missing else ''

    def by_hand(self):
        """devlink health: what was dumped of the last event can be read."""
        text = self.do('devlink health dump show {handle} reporter tx', check=False).out
        return '' if 'ring' in text else f'dump: {text}'


def run(ctx):
    full = ctx.options.stress
    nic = vm.Vnet(ctx.segment(), offer=f'vq_notf_coal,{ADMIN_VQ}')
    with ctx.guest([nic], name=f'recovery-{ctx.kernel}', smp=2) as guest:
        guest.load('ivnet')
        guest.addresses()
        it = Recovery(ctx, guest, nic)
        it.do('ethtool -Q {dev} queue_mask 1 --coalesce tx-usecs 20')
        it.trace()
        for name, step in (
                ('works', it.pings),
                ('no queue that the bus waits for', it.no_admin_queue),
                ('stuck transmit queue', lambda: it.stuck_queue(20 if full else 4)),
                ('slow transmit queue', it.slow_queue),
                ('dead transmit queue', it.dead_queue),
                ('dump', it.by_hand),
                ('lost interrupts', it.lost_interrupts),
                ('wrong link', it.wrong_link),
                ('untold link, untold move', it.untold),
                ('control queue answers nonsense', it.garbage_control),
                ('silent control queue', it.silent_control),
                ('device needs a reset', lambda: it.repaired('device', 'device_resets',
                                                             name='needs-reset')),
                ('left to the user', it.left_alone),
                ('a device that does not start at once', it.not_at_once),
                ('a used id that there is not', lambda: it.repaired(
                    'rx', 'device_resets', name='used-id', value=0xffff, queue='rx')),
                ('trace events', it.traced),
                ('a reset that does not end', it.endless_reset),
                ('a queue reset that does not end', it.endless_queue_reset),
                # from then on a reset has to wait
                *((('a reset that does not end, unasked', it.endless_needed),
                   ('a reset that does not end, and sleep', it.awake),
                   ('stops again and again', it.stops_again)) if full else ())):
            wrong = step() + it.delay()
            nic.truth()
            ctx.check(f'recovery: {name}', not wrong, wrong)
        ctx.splats(guest, 'recovery')
