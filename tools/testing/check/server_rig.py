# SPDX-License-Identifier: GPL-2.0
"""What the tests of ivshmem-server use: the server as a process, and clients."""
import array
import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import time

import vm

DEADLINE = 20    # seconds for anything that should take a moment
TOP = vm.TOP


class Wrong(Exception):
    """The server did something else than it should."""


def expect(good, text):
    if not good:
        raise Wrong(text)


def equal(found, wanted, what):
    expect(found == wanted, f'{what}: {found!r} instead of {wanted!r}')


def wait_for(done, what, seconds=DEADLINE):
    """Wait until done() holds; returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = done()
        if value:
            return value
        expect(time.monotonic() < end, f'{what}: not within {seconds} s')
        time.sleep(0.01)


def run(*command, seconds=120, **options):
    """A command to its end, with its output."""
    return subprocess.run(command, timeout=seconds, check=False, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def readable(sock, seconds):
    """Unlike select(), this takes descriptors of any number."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def listens(path):
    """Is there a server, without asking it?"""
    with open('/proc/net/unix', encoding='ascii', errors='replace') as file:
        return any(line.split()[3] == '00010000' and line.split()[-1] == path
                   for line in file if path in line)


def is_eventfd(fd):
    return os.readlink(f'/proc/self/fd/{fd}') == 'anon_inode:[eventfd]'


def ring(fd):
    os.write(fd, struct.pack('=Q', 1))


def rings(fd):
    """How often an eventfd was rung since the last call."""
    try:
        return struct.unpack('=Q', os.read(fd, 8))[0]
    except BlockingIOError:
        return 0


def connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # settimeout() would not let it wait for a place in the backlog
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('@ll', DEADLINE, 0))
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


class Server:
    """ivshmem-server, started on entering a "with", ended on leaving it."""

    number = 0

    def __init__(self, program, folder, *options, path=True, wrap=(), wait=True, seconds=DEADLINE,
                 **popen):
        Server.number += 1
        self.path = os.path.join(folder, f's{Server.number}') if path is True else path
        self.log_path = os.path.join(folder, f's{Server.number}.log')
        self.command = [*wrap, program, *map(str, options)]
        if self.path:
            self.command += ['--socket', self.path]
        self.wait, self.seconds, self.popen = wait, seconds, popen
        self.process = None

    def __enter__(self):
        with open(self.log_path, 'ab') as log:
            popen = {'stderr': log, 'stdout': log, **self.popen}
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, **popen)
        if self.wait:
            try:
                wait_for(lambda: self.serves() or self.process.poll() is not None,
                         'the server starts', self.seconds)
                expect(self.process.poll() is None, f'the server ended:\n{self.log()}')
            except Wrong:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)

    def serves(self):
        return listens(self.path) if '--quiet' in self.command else 'serving' in self.log()

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as file:
            return file.read()

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=DEADLINE):
        """Its exit status after a signal."""
        self.send(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f'signal {number} does not end the server:\n{self.log()}') from None

    def end(self, seconds=DEADLINE):
        """The exit status of one that ends by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f'the server does not end:\n{self.log()}') from None

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def status(self, name):
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as file:
            for line in file:
                if line.startswith(f'{name}:'):
                    return line.split()[1:]
        return None


class Client:
    """A client that looks at every message. vectors: what the server gives"""

    def __init__(self, where, vectors=2, seconds=DEADLINE):
        path = where if isinstance(where, str) else where.path
        self.sock = connect(path)
        self.sock.settimeout(seconds)
        self.vectors = vectors
        self.id = self.memory = None
        self.peers = {}       # id: eventfds
        self.left = []        # ids, in the order of the news
        self.doorbells = []   # our own

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()
        for fd in self.doorbells + [fd for fds in self.peers.values() for fd in fds] + \
                ([] if self.memory is None else [self.memory]):
            with contextlib.suppress(OSError):
                os.close(fd)
        self.doorbells, self.peers, self.memory = [], {}, None

    def message(self, seconds=None):
        """(value, descriptor or None), or None at the end of the connection."""
        if seconds is not None:
            self.sock.settimeout(seconds)
        try:
            data, ancillary, flags, _ = self.sock.recvmsg(8, socket.CMSG_SPACE(16 * 4))
        except ConnectionResetError:
            return None
        except socket.timeout:
            raise Wrong('no message comes') from None
        fds = array.array('i')
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(content[:len(content) - len(content) % 4])
        expect(not flags & socket.MSG_CTRUNC, 'descriptors were lost')
        if not data:
            return None
        expect(len(data) == 8, f'a message of {len(data)} bytes')
        expect(len(fds) <= 1, f'{len(fds)} descriptors with one message')
        return struct.unpack('<q', data)[0], (fds[0] if fds else None)

    def need(self, value, with_fd, what):
        """The next message, which has to be this one; its descriptor."""
        found = self.message()
        expect(found is not None, f'{what}: the connection ended')
        got, fd = found
        equal((got, fd is not None), (value, with_fd), f'{what} (value, descriptor)')
        if fd is not None and value != -1:
            expect(is_eventfd(fd), f'{what}: not an eventfd')
            expect(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, f'{what}: it can block')
        return fd

    def greeting(self, own_id, peers=()):
        """All that a new client gets, in its order."""
        self.need(0, False, 'version')
        self.need(own_id, False, 'own id')
        self.id = own_id
        self.memory = self.need(-1, True, 'memory')
        for peer in peers:
            self.join(peer)
        for vector in range(self.vectors):
            self.doorbells.append(self.need(own_id, True, f'own vector {vector}'))
        return self

    def join(self, peer):
        fds = [self.need(peer, True, f'peer {peer}, vector {vector}')
               for vector in range(self.vectors)]
        self.peers[peer] = fds

    def leave(self, peer):
        self.need(peer, False, f'leave of {peer}')
        for fd in self.peers.pop(peer):
            os.close(fd)

    def quiet(self, seconds=0.3):
        """Nothing comes."""
        if readable(self.sock, seconds):
            raise Wrong(f'unexpected: {self.message()}')

    def ended(self, seconds=DEADLINE):
        """The server ends the connection (what is still to be read is skipped)."""
        end = time.monotonic() + seconds
        while True:
            found = self.message(max(0.01, end - time.monotonic()))
            if found is None:
                return
            if found[1] is not None:
                os.close(found[1])

    def follow(self, seconds=0.3):
        """Read until nothing comes for a while (0: for now), and check that it makes sense."""
        while readable(self.sock, seconds):
            found = self.message()
            expect(found is not None, 'the connection ended')
            self.news(*found)
        expect(not seconds or all(len(fds) == self.vectors for fds in self.peers.values()),
               'a join is not complete')

    def news(self, value, fd):
        if self.memory is None:
            if fd is not None:
                equal(value, -1, 'the first descriptor is the memory')
                self.memory = fd
            elif self.id is None and value == 0 and not hasattr(self, 'version'):
                self.version = 0
            else:
                expect(self.id is None, 'a second id')
                self.id = value
            return
        expect(0 <= value <= 65535, f'id {value}')
        if fd is None:
            expect(len(self.peers.get(value, ())) == self.vectors,
                   f'leave of {value}, which is not there')
            for each in self.peers.pop(value):
                os.close(each)
            self.left.append(value)
        elif value == self.id:
            self.doorbells.append(fd)
            expect(len(self.doorbells) <= self.vectors, 'too many own doorbells')
        else:
            expect(value not in self.left, f'id {value} is used again')
            self.peers.setdefault(value, []).append(fd)
            expect(len(self.peers[value]) <= self.vectors, f'too many vectors for {value}')


def crowd(server, count, vectors=2, first=0):
    """Clients first, first + 1, ... that have read everything."""
    found = []
    for number in range(first, first + count):
        new = Client(server, vectors).greeting(number, [each.id for each in found])
        for each in found:
            each.join(number)
        found.append(new)
    return found


def churn(path, times):
    """Come and go at once."""
    for _ in range(times):
        connect(path).close()
