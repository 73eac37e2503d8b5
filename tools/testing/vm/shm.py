# SPDX-License-Identifier: GPL-2.0
"""Regions of shared memory, and the IVSHMEM devices that lead to them.

A region is a file of the run's folder. Our own ivshmem-server hands it to the
guests' ivshmem-doorbell devices, QEMU itself maps it for ivshmem-plain ones, and
tests look at it. Like segments, regions are made at their first use, have
networks 10.0.n.0/24 and fd00:n::/64, and vanish with the run; the host has no
end of its own there.
"""
import itertools
import mmap
import os
import re
import socket
import subprocess
import threading
import time

from .net import Network, networks, option, parse
from .rig import TOP, VmError, isolate, run_dir

SIZE = '16M'
# One for changes of state and one for each of four queues.
VECTORS = 5
CLIENTS = 256
# From here on pcie.0 is free for devices whose place is known beforehand.
FIRST_SLOT = 0x10
_START = 20    # seconds that the server may take
_UNITS = {'': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
_building = threading.Lock()
_numbers = itertools.count(1)


def size_of(text):
    """Bytes of a size like "16M"."""
    match = re.fullmatch(r'(\d+)([KMG]?)', str(text))
    if not match:
        raise VmError(f'no size: {text}')
    return int(match.group(1)) * _UNITS[match.group(2)]


def server_program():
    """ivshmem-server, built from the checkout once per run."""
    folder = os.path.join(run_dir(), 'ivshmem-server')
    program = os.path.join(folder, 'ivshmem-server')
    with _building:
        if not os.path.exists(program):
            os.makedirs(folder, exist_ok=True)
            done = subprocess.run(['make', '-s', '-C', os.path.join(TOP, 'tools/ivshmem-server'),
                                   f'O={folder}'], check=False, timeout=120, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            if done.returncode:
                raise VmError(f'ivshmem-server does not build:\n{done.stdout}')
    return program


class Region(Network):
    """Memory that guests share.

    size     bytes, a power of two; "16M"
    vectors  interrupt vectors that the server gives to each client
    """

    def __init__(self, name, size=SIZE, vectors=VECTORS):
        isolate()
        super().__init__(name)
        self.size, self.vectors = size_of(size), int(vectors)
        base = os.path.join(run_dir(), f'region{next(_numbers)}')
        self.path, self.socket, self.log = f'{base}.mem', f'{base}.sock', f'{base}.log'
        with open(self.path, 'wb') as file:
            file.truncate(self.size)
        self.process = None
        self.lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def serve(self):
        """Have the server, where a device needs it."""
        with self.lock:
            if self.process:
                return
            with open(self.log, 'ab') as log:
                self.process = subprocess.Popen(
                    [server_program(), '--socket', self.socket, '--memory', self.path,
                     '--size', str(self.size), '--vectors', str(self.vectors),
                     '--clients', str(CLIENTS)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            end = time.monotonic() + _START
            while 'serving' not in self.server_log():
                if self.process.poll() is not None or time.monotonic() > end:
                    raise VmError(f'ivshmem-server does not start:\n{self.server_log()}')
                time.sleep(0.02)

    def churn(self, count):
        """Clients that come and go: the next one gets a higher id."""
        if count:
            self.serve()
        for _ in range(count):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(_START)
                sock.connect(self.socket)
                sock.recv(1)

    def server_log(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def close(self):
        """End the server, remove the memory; no guest uses it any more."""
        if self.process:
            self.process.kill()
            self.process.wait(_START)
            self.process = None
        for path in (self.path, self.socket, f'{self.socket}.lock'):
            if os.path.exists(path):
                os.remove(path)
        self.forget()

    # What the host does with the memory

    def map(self):
        """The memory, writable; to be closed by the caller."""
        with open(self.path, 'r+b') as file:
            return mmap.mmap(file.fileno(), self.size)

    def read(self, offset=0, length=None):
        with open(self.path, 'rb') as file:
            file.seek(offset)
            return file.read(self.size - offset if length is None else length)

    def write(self, data, offset=0):
        with self.map() as memory:
            memory[offset:offset + len(data)] = data


def region(name, size=None, vectors=None):
    """The region of that name, made at its first use."""
    found = networks.get(name)
    if not found:
        return Region(name, size or SIZE, vectors or VECTORS)
    if not isinstance(found, Region):
        raise VmError(f'{name} is a segment, not a region')
    if size and size_of(size) != found.size or vectors and int(vectors) != found.vectors:
        raise VmError(f'{name} has {found.size} bytes and {found.vectors} vectors already')
    return found


class Shm:
    """An IVSHMEM device of a guest; stands where a Nic can stand.

    net      name of the region; several devices with one name are ports of one
             segment, also within a guest
    size     of the region; with the first device that names it
    vectors  of the region's server; likewise
    plain    True: ivshmem-plain, without doorbells
    device_vectors  of this device, if it is to have others than the server
    port     True: behind a root port of its own, so that it can be unplugged
    id       QEMU's; found by itself
    Everything else is a property of QEMU's device.
    """

    netdev = mac = tap = None

    def __init__(self, net='shm', size=None, vectors=None, plain=False, device_vectors=None,
                 port=False, id=None, props=None, **more):
        self.net, self.size, self.vectors = net, size, vectors
        self.plain = plain in (True, 'on')
        self.device_vectors = device_vectors
        self.port = port in (True, 'on')
        self.id = id
        self.props = {**(props or {}), **more}
        self.bus = self.slot = self.segment = None

    @classmethod
    def parse(cls, text):
        """From the command line: "REGION" or "REGION,key=value,plain"."""
        return cls(**parse('--shm', text,
                           ('net', 'size', 'vectors', 'plain', 'device_vectors', 'port', 'id'),
                           flags=('plain', 'port')))

    def prepare(self, guest, index):
        """Fill in what is not given."""
        self.id = self.id or f'nic{index}'
        self.slot = FIRST_SLOT + index
        if self.slot > 0x1e:
            raise VmError(f'{guest.name}: no place for {self.id}')
        self.attach()

    def attach(self):
        """Have the region, and the server where one is needed."""
        self.segment = region(self.net, self.size, self.vectors)
        if not self.plain:
            self.segment.serve()

    def release(self):
        """The region stays: others use it, and its content is the test."""

    def backend(self):
        """Properties of the chardev or the memory backend."""
        if self.plain:
            return {'qom-type': 'memory-backend-file', 'id': f'{self.id}-mem',
                    'mem-path': self.segment.path, 'size': self.segment.size, 'share': True}
        return {'backend': 'socket', 'id': f'{self.id}-net', 'path': self.segment.socket}

    def device(self):
        """Properties of the device, as for QMP."""
        if self.plain:
            result = {'driver': 'ivshmem-plain', 'id': self.id, 'memdev': f'{self.id}-mem'}
        else:
            vectors = self.device_vectors or self.segment.vectors
            result = {'driver': 'ivshmem-doorbell', 'id': self.id, 'chardev': f'{self.id}-net',
                      'vectors': int(vectors)}
        if self.bus:
            result['bus'] = self.bus
        else:
            result.update(bus='pcie.0', addr=f'{self.slot:x}')
        result.update(self.props)
        return result

    def arguments(self):
        """QEMU's arguments."""
        kind, first = ('-object', 'qom-type') if self.plain else ('-chardev', 'backend')
        return [kind, option(self.backend(), first), '-device', option(self.device(), 'driver')]
