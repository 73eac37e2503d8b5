# SPDX-License-Identifier: GPL-2.0
"""What the tests of ivshmem-tap use: networks, ports in them, traffic between them."""
import collections
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys

import vm
from server_rig import DEADLINE, Server, Wrong, expect, run, wait_for

STREAM = os.path.join(vm.TOP, 'tools/testing/shm/stream.py')
PIECES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'tap_pieces.py')
_numbers = itertools.count(1)


class Node:
    """A network namespace with an ivshmem-tap that can be started again and again."""

    def __init__(self, segment, number, *options):
        self.segment, self.number = segment, number
        self.name = f'n{next(_numbers)}'
        self.device = 'tap0'
        self.address = f'10.0.0.{number}'
        self.address6 = f'fd00::{number}'
        self.mac = f'02:00:00:00:00:{number:02x}'
        self.options = options
        self.log_path = os.path.join(segment.folder, f'{self.name}.log')
        self.process = None
        self.parts = []

    def __enter__(self):
        vm.host('ip', 'netns', 'add', self.name)
        self.ip('link', 'set', 'lo', 'up')
        return self

    def __exit__(self, *_):
        for process in self.parts:
            process.kill()
            process.wait()
        self.kill()
        vm.host('ip', 'netns', 'del', self.name)

    def ip(self, *command, check=True):
        return vm.host('ip', '-n', self.name, *command, check=check).stdout

    def inside(self, *command):
        return ('ip', 'netns', 'exec', self.name, *command)

    def run(self, *command, **options):
        return run(*self.inside(*command), **options)

    def popen(self, *command, **options):
        process = subprocess.Popen(self.inside(*command), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   **options)
        self.parts.append(process)
        return process

    def start(self, *options, wait=True):
        """Start the program; its device has its addresses when this returns."""
        lives = self.log().count('is in the segment')
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(
                self.inside(self.segment.program, '--socket', self.segment.server.path, '--tap',
                            self.device, '--mac', self.mac, '--up', *self.options, *options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait_log('is in the segment', count=lives + 1)
            self.give_addresses()
        return self

    def give_addresses(self):
        self.ip('addr', 'replace', f'{self.address}/24', 'dev', self.device)
        self.ip('addr', 'replace', f'{self.address6}/64', 'dev', self.device, 'nodad')

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(DEADLINE)

    def stop(self, number=signal.SIGTERM):
        """Its exit status after a signal."""
        self.process.send_signal(number)
        return self.end()

    def end(self, seconds=DEADLINE):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f'{self.name} does not end:\n{self.log()}') from None

    def log(self):
        with contextlib.suppress(FileNotFoundError), \
                open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()
        return ''

    def wait_log(self, words, seconds=DEADLINE, count=1):
        """Until words are in the log so many times, in all lives of the program."""
        def there():
            text = self.log()
            if text.count(words) < count and self.process.poll() is not None:
                raise Wrong(f'{self.name} ended, without "{words}":\n{text}')
            return text.count(words) >= count
        try:
            wait_for(there, f'{self.name}: "{words}"', seconds)
        except Wrong as error:
            raise Wrong(f'{error}\n{self.log()[-2000:]}') from None

    def carrier(self):
        return 'LOWER_UP' in self.ip('link', 'show', 'dev', self.device)

    def wait_link(self, on=True, seconds=DEADLINE):
        wait_for(lambda: self.carrier() == on, f'{self.name}: carrier {on}', seconds)

    def ping(self, other, count=1, seconds=DEADLINE, v6=False):
        """Until one answer comes; then until count of them have come."""
        address = other.address6 if v6 else other.address
        wait_for(lambda: not self.run('ping', '-c', '1', '-W', '1', address).returncode,
                 f'{self.name} reaches {other.name}', seconds)
        if count > 1:
            # Without -w it waits for late answers no longer than for two of the others.
            done = self.run('ping', '-c', str(count), '-i', '0.01', '-w', '10', address)
            came = re.search(r' (\d+) received', done.stdout)
            expect(came and int(came[1]) >= count, f'{done.stdout}\n{self.name}: '
                   f'{self.state()[0]}\n{other.name}: {other.state()[0]}')

    def round_trip(self, other, count=50):
        """The middle one of so many, ms."""
        done = self.run('ping', '-c', str(count), '-i', '0.02', '-w', '20', other.address)
        times = sorted(float(each) for each in re.findall(r'time=([\d.]+)', done.stdout))
        expect(len(times) >= count, done.stdout)
        return times[len(times) // 2]

    def state(self):
        """What SIGHUP makes it write: text, and the sums of its counters."""
        before = len(self.log())
        self.process.send_signal(signal.SIGHUP)

        def written():
            text = self.log()[before:]
            return text if 'queue 0:' in text and text.endswith('\n') else None
        text = wait_for(written, f'{self.name}: a report')
        counts = collections.Counter()
        for line in re.findall(r'queue \d+:(.*)', text):
            for name, value in re.findall(r'(\w+) (\d+)', line):
                counts[name] += int(value)
        return text, counts

    def counts(self):
        return self.state()[1]

    def link(self):
        """ip -s link: the device's statistics."""
        return json.loads(vm.host('ip', '-n', self.name, '-j', '-s', 'link', 'show', 'dev',
                                  self.device).stdout)[0]['stats64']

    def bad_sums(self):
        """Segments of TCP that its stack refused."""
        lines = [line.split()[1:] for line in self.run('cat', '/proc/net/snmp').stdout.splitlines()
                 if line.startswith('Tcp:')]
        return int(dict(zip(*lines))['InCsumErrors'])

    def python(self, program, *words):
        return self.popen(sys.executable, program, *map(str, words))


class Segment:
    """A server and nodes; leaves nothing behind."""

    def __init__(self, context, nodes=2, program=None, size='16M', vectors=5, ports=4, queues=1,
                 start=True):
        self.context, self.folder = context, context.folder
        self.program = program or context.program
        self.size, self.vectors = size, vectors
        layout = ('--ports', str(ports), '--queues', str(queues)) if ports else ()
        self.start_nodes = start
        self.stack = contextlib.ExitStack()
        self.nodes = [Node(self, number + 1, *layout) for number in range(nodes)]
        self.server = None

    def serve(self, *options):
        """A server (again), at the same place."""
        program = self.context.build('gcc', os.path.join(vm.TOP, 'tools/ivshmem-server'), CC='gcc')
        self.server = self.stack.enter_context(
            Server(program, self.folder, '--size', self.size, '--vectors', self.vectors,
                   '--clients', 256, *options,
                   path=os.path.join(self.folder, 'server')))
        return self.server

    def __enter__(self):
        with self.stack as stack:
            mount_names()
            self.serve()
            for node in self.nodes:
                stack.enter_context(node)
            if self.start_nodes:
                self.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_link()
        for node in self.nodes[1:]:
            self.nodes[0].ping(node)


def mount_names():
    """ip netns keeps names in /run: have one of our own."""
    os.makedirs('/run/netns', exist_ok=True)
    if not os.path.ismount('/run/netns'):
        vm.host('mount', '-t', 'tmpfs', 'netns', '/run/netns')
        vm.host('mount', '--make-shared', '/run/netns')


def transfer(sender, receiver, size, kind='tcp4', streams=1):
    """Data from one node to the other, checked by its digest; a line of figures."""
    address = receiver.address6 if kind.endswith('6') else receiver.address
    serve = receiver.python(PIECES, 'serve', kind, streams)
    expect(serve.stdout.readline() == 'ready\n', 'the receiver does not start')
    send = sender.python(PIECES, 'send', kind, address, size, streams)
    out = {}
    for name, process in (('sender', send), ('receiver', serve)):
        try:
            out[name] = process.communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise Wrong(f'{kind}: the {name} does not end') from None
        expect(process.returncode == 0, f'{kind}: {name}: {out[name]}')
    expect(out['sender'] == out['receiver'], f'{kind}: {out}')
    return out['sender'].strip()


@contextlib.contextmanager
def stream(sender, receiver, longest=None, port=5001):
    """TCP in the background, every byte of it checked; it has to live."""
    stop = os.path.join(sender.segment.folder, f'stop-{sender.name}-{receiver.name}')
    serve = receiver.python(STREAM, 'serve', port)
    expect(serve.stdout.readline() == 'ready\n', 'the receiver does not start')
    send = sender.python(STREAM, 'send', receiver.address, port, stop)
    result = {}
    yield result
    with open(stop, 'wb'):
        pass
    out = send.communicate(timeout=200)[0]
    serve.kill()
    expect(send.returncode == 0, f'{sender.name} to {receiver.name}: {out}')
    result['bytes'], result['pause'] = int(out.split()[1]), float(out.split()[2])
    if longest is not None:
        expect(result['pause'] <= longest, f'{sender.name} to {receiver.name} stood still: {out}')
