# SPDX-License-Identifier: GPL-2.0
"""Several guests in one segment of shared memory: who hears whom, and what the
death, the reboot and a pause of one of them are to the others."""
import contextlib
import time

import region
import vm

SHM = '/ivnet/tools/testing/shm'
# As little as a guest can run the tests in.
MEMORY = '192M'
FRAMES = 20
MULTICAST = '33:33:00:00:be:ef'
BROADCAST = 'ff:ff:ff:ff:ff:ff'
STREAM_PORT = 5600
# Seconds, on a machine that may be busy; what it took is printed.
BACK_AFTER_KILL = 15
BACK_AFTER_REBOOT = 10
PAUSE = 10
# Growth of a guest's kernel memory that is not a leak, KiB; KASAN keeps more of what
# was freed, and kmemleak knows better there.
SLACK = 4096


class Segment:
    """Guests with one port each, and the memory between them."""

    def __init__(self, ctx, name, shared, guests):
        self.ctx, self.name, self.shared, self.guests = ctx, name, shared, guests
        self.memory = None
        self.macs = {}
        self.stale = set()    # claims of lives that ended

    def __enter__(self):
        self.memory = self.shared.map()
        return self

    def __exit__(self, *_):
        self.memory.close()

    def check(self, name, good, text=''):
        return self.ctx.check(f'{self.name}: {name}', good, text)

    def note(self, text):
        self.ctx.tap.note(f'{self.ctx.prefix}{self.name}: {text}')

    def load(self, guest):
        """Load the driver, wait for the links to all others that run; seconds, or None."""
        if guest.name in self.macs:
            self.stale.add(self.claim(guest))
        guest.load('ivnet_ivshmem')
        start = time.monotonic()
        guest.addresses()
        ifname = guest.ifname()
        self.macs[guest.name] = guest.read(f'/sys/class/net/{ifname}/address').strip()
        others = [each for each in self.guests if each is not guest and each.name in self.macs]
        if not self.wait_links(guest, others, 60):
            return None
        return time.monotonic() - start

    def port(self, guest):
        return region.View(self.memory).port_of(self.macs[guest.name], self.stale)

    def claim(self, guest):
        """(incarnation, position, state)"""
        port = self.port(guest)
        return None if port is None else region.View(self.memory).claim(port)

    def wait_links(self, guest, others, seconds):
        """Wait until a guest's links to others are up at both ends."""
        def done(view):
            mine = view.port_of(self.macs[guest.name], self.stale)
            theirs = [view.port_of(self.macs[each.name], self.stale) for each in others]
            return mine is not None and None not in theirs and \
                all(view.up(mine, port) for port in theirs)
        return region.wait(self.memory, done, seconds * self.ctx.slow) is not None

    def state(self):
        """What the region says, for messages."""
        view = region.View(self.memory)
        lines = [f'macs {self.macs}']
        for port in range(view.ports):
            links = ' '.join(f'{peer}:{view.link(port, peer)}' for peer in range(view.ports)
                             if peer != port and any(view.link(port, peer)))
            lines.append(f'port {port}: claim {view.claim(port)} {view.mac(port)} '
                         f'announce {view.announce(port)} links {links}')
        return '\n'.join(lines)

    def everywhere(self, command, timeout=60):
        """A command (or one for each guest) in all guests at once; results in order."""
        commands = [command(each) if callable(command) else command for each in self.guests]
        started = [guest.start_command(each) for guest, each in zip(self.guests, commands)]
        return [each.wait(timeout * self.ctx.slow) for each in started]

    # What is tried

    def pings(self):
        """Everybody reaches everybody."""
        def command(guest):
            addresses = ' '.join(each.address() for each in self.guests if each is not guest)
            return (f'for to in {addresses}; do ping -q -c 2 -i 0.2 -W 5 $to >/dev/null || '
                    'echo $to; done')
        wrong = '\n'.join(f'{guest.name} does not reach {done.out.split()} {done.err}'
                          for guest, done in zip(self.guests, self.everywhere(command))
                          if done.out or done.err)
        self.check('all pairs ping', not wrong, f'{wrong}\n{self.state() if wrong else ""}')

    def frames(self):
        """Broadcast and multicast come once, unicast to nobody else."""
        self.everywhere('rm -f /tmp/stop')
        listeners = [guest.start_command(f'{SHM}/frames.py listen {guest.ifname()} /tmp/stop')
                     for guest in self.guests]
        for each in listeners:
            end = time.monotonic() + 60 * self.ctx.slow
            while 'ready' not in each.output() and time.monotonic() < end:
                time.sleep(0.1)

        def command(guest):
            others = ' '.join(self.macs[each.name] for each in self.guests if each is not guest)
            # without a queue that drops what waits for long
            return (f'tc qdisc replace dev {guest.ifname()} root pfifo limit 10000; '
                    f'{SHM}/frames.py send {guest.ifname()} {FRAMES} {BROADCAST} {MULTICAST} '
                    f'{others}')
        sent = self.everywhere(command, 120)
        self.everywhere('sleep 1; touch /tmp/stop')
        wrong = ''.join(done.err for done in sent)
        for guest, listener in zip(self.guests, listeners):
            wrong += self.judge(guest, listener.wait(60 * self.ctx.slow))
        self.check('broadcast and multicast arrive once, unicast at its destination only',
                   not wrong, wrong)

    def judge(self, guest, done):
        """What is wrong with the frames that one guest has seen."""
        wanted = {(self.macs[each.name], to): f'{FRAMES} 0' for each in self.guests
                  if each is not guest for to in (BROADCAST, MULTICAST, self.macs[guest.name])}
        found = {}
        for line in done.out.splitlines():
            if line != 'ready':
                source, to, count = line.split(maxsplit=2)
                found[source, to] = count
        text = done.err
        for key in sorted({*wanted, *found}):
            if found.get(key) != wanted.get(key):
                text += (f'{guest.name}: from {key[0]} to {key[1]}: {found.get(key, "nothing")}, '
                         f'not {wanted.get(key, "nothing")}\n')
        return text

    @contextlib.contextmanager
    def stream(self, source, target, name):
        """TCP from one guest to another while something happens."""
        server = target.start_command(f'{SHM}/stream.py serve {STREAM_PORT}')
        end = time.monotonic() + 30 * self.ctx.slow
        while 'ready' not in server.output() and time.monotonic() < end:
            time.sleep(0.1)
        source.run('rm -f /tmp/stop', check=True)
        sender = source.start_command(
            f'{SHM}/stream.py send {target.address()} {STREAM_PORT} /tmp/stop')
        time.sleep(3 * self.ctx.slow)
        try:
            yield
            time.sleep(1)
            source.run('touch /tmp/stop', check=True)
            done = sender.wait(200 * self.ctx.slow)
            words = done.out.split()
            good = done.code == 0 and words and words[0] == 'ok' and int(words[1]) > 0
            if good:
                self.note(f'{name}: {int(words[1]) >> 20} MiB, longest pause {words[2]} s')
            self.check(f'{name}: the stream from {source.name} to {target.name} goes on', good,
                       f'{done.out}{done.err}\n{self.state()}')
        finally:
            sender.kill()
            server.kill()

    def kills(self, count):
        """A guest dies and comes back while the others talk."""
        first, second, victim = self.guests[:3]
        times, wrong, positions = [], '', set()
        before = [self.kernel_memory(each) for each in (first, second)]
        with self.stream(first, second, f'{count} deaths of {victim.name}'):
            for number in range(count):
                positions.add(self.claim(victim)[1])
                victim.restart()
                took = self.load(victim)
                if took is None:
                    wrong += f'round {number}: no link\n{self.state()}'
                    break
                times.append(took)
                if victim.run(f'ping -q -c 1 -W 5 {first.address()}').code:
                    wrong += f'round {number}: no ping\n{self.state()}'
        if times:
            self.note(f'after kill -9 the links are up '
                      f'{min(times):.1f} to {max(times):.1f} s after the driver loads')
            if max(times) > BACK_AFTER_KILL * self.ctx.slow:
                wrong += f'a link took {max(times):.1f} s\n'
        if len(positions) != len(times):
            wrong += f'positions: {positions}\n'
        self.check(f'kill -9, {count} times: a new position, the links are back', not wrong, wrong)
        grown = [self.kernel_memory(each) - was for each, was in zip((first, second), before)]
        self.check(f'kill -9, {count} times: the others lose no memory', max(grown) < SLACK * self.ctx.slow,
                   f'grown by {grown} KiB')

    @staticmethod
    def kernel_memory(guest):
        """What the kernel holds for itself, KiB."""
        return int(guest.run(r"awk '/^(SUnreclaim|VmallocUsed|Percpu|PageTables):/ {n += $2} "
                             r"END {print n}' /proc/meminfo", check=True).out)

    def reboots(self):
        """A reset, and a reboot that calls the driver: same position, links back soon."""
        victim = self.guests[2]
        for name, command in (('reset', None), ('reboot', '/run/ivnet/busybox reboot -f')):
            port = self.port(victim)
            before = self.claim(victim)
            victim.reboot(command)
            took = self.load(victim)
            text = self.state() if took is None else ''
            if took is not None:
                self.note(f'after a {name} the links are up {took:.2f} s after the driver loads')
                after = self.claim(victim)
                if took > BACK_AFTER_REBOOT * self.ctx.slow:
                    text += f'{took:.2f} s\n'
                if after[1] != before[1] or after[0] == before[0]:
                    text += f'claim {before}, then {after}\n'
                if self.port(victim) != port:
                    text += f'port {port}, then {self.port(victim)}\n'
            self.check(f'{name}: the same port and position, links back', not text, text)

    def pauses(self):
        """A guest that stands still, longer than its peers wait for its heartbeat."""
        first, second, victim = self.guests[:3]
        before = self.claim(victim)
        with self.stream(first, victim, f'pause of {PAUSE} s'):
            with self.stream_between(second, first):
                victim.pause()
                time.sleep(PAUSE)
                victim.resume()
                if not self.wait_links(victim, (first, second), 15):
                    self.check('pause: the links are back', False, self.state())
        after = self.claim(victim)
        self.check('pause: the same claim', before == after, f'{before}, then {after}')

    @contextlib.contextmanager
    def stream_between(self, source, target):
        """Pings between two that go on, and do not notice."""
        ping = source.start_command(f'ping -i 0.2 -W 2 -w {PAUSE + 2} {target.address()}')
        yield
        done = ping.wait(60 * self.ctx.slow)
        self.check('pause: the other guests do not notice', ' 0% packet loss' in done.out,
                   done.out[-300:] + done.err)


@contextlib.contextmanager
def segment(ctx, name, count, size, last=None):
    """That many guests with the driver loaded; the last one may have a kernel of its own."""
    with ctx.region(size=size) as shared, contextlib.ExitStack() as stack:
        guests = [stack.enter_context(ctx.guest(
            [vm.Shm(shared.name)], mem=MEMORY if ctx.slow == 1 else '1G',
            kernel=last if number == count - 1 else None, name=f'{name}-{number}'))
                  for number in range(count)]
        with Segment(ctx, name, shared, guests) as found:
            for guest in guests:
                if found.load(guest) is None:
                    found.check(f'{guest.name} gets its links', False, found.state())
                    return
            yield found
            for guest in guests:
                ctx.splats(guest, f'{name}: {guest.name}')


def three(ctx):
    """Three guests in four ports; the last one is killed."""
    with segment(ctx, 'three', 3, '16M', last=ctx.stock) as found:
        found.pings()
        found.frames()
        found.reboots()
        found.pauses()
        found.kills(50 if ctx.options.stress else 2)
        found.pings()
        found.frames()


def eight(ctx):
    """Eight guests in eight ports."""
    with segment(ctx, 'eight', 8, '64M') as found:
        found.pings()
        found.frames()
