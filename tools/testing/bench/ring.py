#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Speed of the ring of shared memory, natively (part of "make bench").

Two threads, pinned, bring frames from one to the other by the code of
include/net/ivnet/shm_ring.h; the same with memcpy alone and with a split
virtqueue; and two testpmd of DPDK, by its memif. Then, by one thread, whether it
pays to sum up a frame while it is copied. See Documentation/networking/performance.rst.
"""
import argparse
import os
import re
import select
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTING = os.path.dirname(HERE)
sys.path[:0] = [HERE, TESTING]
import report  # noqa: E402

CACHE = os.environ.get('IVNET_CACHE') or os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'ivnet')
FRAMES = (64, 1514, 65536)
WAYS = ('ivnet-shm', 'memcpy', 'virtqueue', 'memif')
# Lengths of frames that are summed up, and of the memory that they lie in, KiB.
SUMS = (60, 214, 1514, 9014, 65536)
AREAS = (128, 65536)
WARM = 0.1
# What works is in nobody's way for as long as a window lasts, and we are in its.
OURS, THEIRS = 60, 50


class RingError(Exception):
    pass


def say(text):
    print(f'# {text}', file=sys.stderr, flush=True)


def realtime(pid, priority):
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO if priority else os.SCHED_OTHER,
                              os.sched_param(priority))
    except PermissionError:
        return False
    return True


class Testpmd:
    """One testpmd: its main thread on a processor, and its worker on the same one."""

    def __init__(self, name, cpu, socket, role, mode, options=()):
        words = ['dpdk-testpmd', '--no-huge', '-m', '256', '--no-pci', '--lcores', f'(0,1)@{cpu}',
                 '--no-telemetry', f'--file-prefix=ivnet-{name}-{os.getpid()}',
                 f'--vdev=net_memif0,role={role},socket={socket},socket-abstract=no', '--',
                 '-i', '--nb-cores=1', f'--forward-mode={mode}', '--no-mlockall',
                 '--total-num-mbufs=8192', '--burst=32', *options]
        # Its output is a pipe and would come when it ends.
        self.process = subprocess.Popen(['stdbuf', '-oL', *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.text = b''
        self.seen = 0

    def ask(self, command, pattern, seconds=5):
        """Send a command; the first match in what it says, or None."""
        self.seen = len(self.text)
        if command:
            self.process.stdin.write(f'{command}\n'.encode())
            self.process.stdin.flush()
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern.encode(), self.text[self.seen:])
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            if select.select([self.process.stdout], [], [], left)[0]:
                more = os.read(self.process.stdout.fileno(), 65536)
                if not more:
                    return None
                self.text += more

    def workers(self, priority):
        tasks = f'/proc/{self.process.pid}/task'
        for tid in os.listdir(tasks):
            with open(f'{tasks}/{tid}/comm', encoding='utf-8') as file:
                if re.match('(rte|lcore)-worker', file.read()):
                    realtime(int(tid), priority)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Memif:
    """A testpmd that sends and one that receives, idle between windows."""

    def __init__(self, work, length):
        cpus = sorted(os.sched_getaffinity(0))[:2]
        socket = os.path.join(work, f'memif{length}')
        self.ends = []
        self.started = False
        try:
            self.ends.append(Testpmd(f'in{length}', cpus[0], socket, 'server', 'rxonly'))
            self.up(self.ends[0], 'Done', None)
            self.ends.append(Testpmd(f'out{length}', cpus[1], socket, 'client', 'txonly',
                                     [f'--txpkts={length}']))
            for end in self.ends:
                self.up(end, 'Link status: up', 'show port info 0')
        except RingError:
            self.close()
            raise

    def up(self, end, pattern, command):
        for _ in range(20):
            if end.ask(command, pattern, 10 if command is None else 0.5):
                return
            if end.process.poll() is not None or command is None:
                break
        raise RingError('testpmd does not start: '
                        + end.text.decode(errors='replace').strip()[-300:])

    def measure(self, seconds):
        """Let both go on for a while. After a stop of testpmd's own they would not."""
        into, out = self.ends
        try:
            for end in self.ends:
                end.workers(THEIRS)
                end.process.send_signal(signal.SIGCONT)
            if not self.started:
                for end in self.ends:
                    end.ask('start', 'forwarding ports=')
                self.started = True
            time.sleep(WARM)
            into.ask('show port stats 0', r'Rx-pps: +\d+')
            time.sleep(seconds)
            found = into.ask('show port stats 0', r'Rx-pps: +(\d+)')
        finally:
            for end in (out, into):
                end.process.send_signal(signal.SIGSTOP)
                end.workers(0)
        if not found or not int(found[1]):
            raise RingError('testpmd received nothing')
        return float(found[1])

    def close(self):
        for end in self.ends:
            end.close()


def build(work):
    subprocess.run(['make', '-s', '-C', os.path.join(HERE, 'ring'), f'O={work}'], check=True,
                   timeout=120)
    return os.path.join(work, 'ring')


def sums(work, runs):
    """Time to copy a frame and sum it up, in two passes and in one."""
    if os.uname().machine != 'x86_64':
        return 'Sums: the loops are for x86-64.\n'
    program = os.path.join(work, 'sum')
    subprocess.run(['gcc', '-O2', '-Wall', '-Wextra', '-o', program,
                    os.path.join(HERE, 'sum.c')], check=True, timeout=120)
    rows = []
    for area in AREAS:
        for length in SUMS:
            pairs = [[float(word) for word in text.split()] for text in
                     (output([program, str(length), str(area)]) for _ in range(runs))]
            two, one = zip(*pairs)
            each = [b / a for a, b in pairs]
            rows.append([str(length), f'{area} KiB', f'{statistics.median(two):.1f}',
                         f'{statistics.median(one):.1f}',
                         f'{statistics.median(one) / statistics.median(two):.2f} '
                         f'({min(each):.2f}..{max(each):.2f})'])
    return report.table(['bytes', 'of', 'copied, then summed: ns', 'in one: ns',
                         'in one to both (least..greatest)'], rows)


def output(words, seconds=30):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=seconds, check=False,
                          preexec_fn=lambda: realtime(0, THEIRS))
    if done.returncode:
        raise RingError(f'{" ".join(words)}: {done.stderr.strip()}')
    return done.stdout


def run(words):
    return float(output(words))


def memifs(work, frames):
    """A pair for each length that a memif takes, or the reason why there is none."""
    pairs = {}
    if not shutil.which('dpdk-testpmd'):
        done = subprocess.run([os.path.join(TESTING, 'setup.sh'), 'dpdk'], check=False,
                              timeout=900, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True)
        if done.returncode:
            return pairs, (done.stderr.strip().splitlines() or ['no dpdk-testpmd'])[-1]
    try:
        for length in frames:
            # Of one buffer; longer frames would be chains of them.
            if length <= 2048:
                pairs[length] = Memif(work, length)
    except RingError as error:
        for pair in pairs.values():
            pair.close()
        return {}, str(error)
    return pairs, None


def measure(ring, pairs, arguments):
    """Rates by length, way and run, and how far apart the processors were."""
    rates = {length: {way: [] for way in WAYS} for length in arguments.frame}
    distance = []
    for number in range(arguments.runs):
        distance.append(run([ring, 'latency']))
        for length in arguments.frame:
            for way in WAYS[:3]:
                rates[length][way].append(run([ring, way, str(length), str(arguments.ms),
                                               str(arguments.region)]))
            if length in pairs:
                rates[length]['memif'].append(pairs[length].measure(arguments.ms / 1000))
        distance.append(run([ring, 'latency']))
        say(f'run {number + 1} of {arguments.runs}: {distance[-2]:.0f} and {distance[-1]:.0f} ns '
            'from one processor to the other')
    return rates, distance


def ratio(rates, way):
    """Ratio of the medians, and least and greatest of the single runs."""
    ours, theirs = rates['ivnet-shm'], rates[way]
    if not theirs:
        return '-'
    each = [a / b for a, b in zip(ours, theirs)]
    return (f'{statistics.median(ours) / statistics.median(theirs):.2f} '
            f'({min(each):.2f}..{max(each):.2f})')


def table(rates):
    heads = ['bytes', *(f'{way}, million/s' for way in WAYS),
             *(f'ivnet-shm to {way} (least..greatest)' for way in WAYS[1:])]
    rows = [[str(length),
             *(f'{statistics.median(by[way]) / 1e6:.3g}' if by[way] else '-' for way in WAYS),
             *(ratio(by, way) for way in WAYS[1:])]
            for length, by in rates.items()]
    return report.table(heads, rows)


def processor():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        names = [line.partition(':')[2].strip() for line in file if line.startswith('model name')]
    return names[0] if names else os.uname().machine


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--frame', action='append', type=int, metavar='BYTES', help=f'default: {FRAMES}')
    add('--runs', type=int, default=5)
    add('--ms', type=int, default=300, help='length of a window')
    add('--region', type=int, default=4096, metavar='KIB', help='shared memory of two ports')
    add('--no-memif', action='store_true', help='without DPDK')
    add('--update', nargs='?', const='ring', metavar='TITLE',
        help='write the table into the document')
    arguments = parser.parse_args()
    arguments.frame = arguments.frame or list(FRAMES)
    return arguments


def main():
    arguments = parse()
    words = shlex.join(['tools/testing/bench/ring.py', *sys.argv[1:]])
    if len(os.sched_getaffinity(0)) < 2:
        say('skipped: two processors are needed')
        return
    work = os.path.join(CACHE, 'build', 'ring')
    os.makedirs(work, exist_ok=True)
    pairs = {}
    try:
        ring = build(work)
        with tempfile.TemporaryDirectory() as sockets:
            reason = 'not wanted'
            if not arguments.no_memif:
                pairs, reason = memifs(sockets, arguments.frame)
            if reason:
                say(f'memif skipped: {reason}')
            if not realtime(0, OURS):
                say('no real-time priority: other work is in the figures')
            try:
                rates, distance = measure(ring, pairs, arguments)
                summed = sums(work, arguments.runs)
            finally:
                realtime(0, 0)
                for pair in pairs.values():
                    pair.close()
    except (subprocess.SubprocessError, OSError, RingError) as error:
        sys.exit(f'ring: {error}')
    text = (f'{processor()}, {statistics.median(distance):.0f} ns '
            f'({min(distance):.0f}..{max(distance):.0f}) from one processor to the other; '
            f'{arguments.runs} runs::\n\n    {words}\n\n{table(rates)}\n{summed}')
    print(f'\n{text}', flush=True)
    if arguments.update:
        report.update(arguments.update, text)


if __name__ == '__main__':
    main()
